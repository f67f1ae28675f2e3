"""Several optimizers whose plan changes between their steps, with kills: each update has the plan of the history."""

import copy
import tempfile
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.updates import probe

NAMES = ("critic", "generator", "head")
LINES = {
    "lr": ("cosine()", "linear()", "cosine() * plateau('loss')", "linear(1, 0.5) * plateau('accuracy')"),
    "weight_decay": (None, "linear()", "linear(0.5, 2)"),
    "betas[0]": (None, "linear(absolute(0.5), absolute(0.9))"),
    "temperature": (None, "linear()"),
}
CLOCKS = {"updates": ("", 1), "tokens": (" tokens", 10), "progress": (None, 40)}


def plan_text(clock, random):
    unit, size = CLOCKS[clock]
    chosen = {name: line for name, lines in LINES.items() if (line := random.choice(lines)) is not None}
    target = chosen.pop("temperature", None)
    lines = [f"clock: {clock}"] + ([] if unit is None else [f"horizon: {40 * size}{unit}"])
    lines += [f'{name}: "{line}"' for name, line in chosen.items()]
    lines += [] if target is None else [f'targets: {{temperature: {{initial: 2.0, schedule: "{target}"}}}}']
    if random.random() < 0.5:
        lines.append(f'groups: {{{random.choice(["generator", "head/1"])}: {{lr: "{random.choice(LINES["lr"])}"}}}}')
    return "\n".join(lines) + "\n"


class Walk:
    """A run whose file is edited and which is killed at any moment, with the plan of each update."""

    def __init__(self, folder, clock, random):
        self.random, self.clock, self.file = random, clock, Path(folder) / "plan.yaml"
        self.file.write_text(plan_text(clock, random))
        self.optimizers = self.new_optimizers()
        self.scheduler = self.new_scheduler(self.optimizers)
        self.plans = [(0, self.scheduler.plan)]
        self.twins = {}
        self.own_lost = False  # True after a resume without the optimizers' states
        self.complete = True  # False once a resume without the Scheduler's state has lost the history

    def new_optimizers(self):
        values = [0.1, torch.tensor(0.2, dtype=torch.float64), 0.3]
        return {name: probe({}, {"lr": values[index]}, lr=0.5) for index, name in enumerate(NAMES)}

    def new_scheduler(self, optimizers):
        facts = {"tokens_per_step": 10} if self.clock == "tokens" else {}
        return ps.Scheduler(optimizers, self.file, late_groups="present", **facts)

    def note_plan(self):
        if self.scheduler.plan != self.plans[-1][1]:
            self.plans = [(t, plan) for t, plan in self.plans if t < self.scheduler.t]
            self.plans.append((self.scheduler.t, self.scheduler.plan))

    def expected(self, name, update):
        """The values of an update of one optimizer, under the plan in force at that update."""
        plan = next(plan for begin, plan in reversed(self.plans) if begin <= update)
        if plan not in self.twins:
            facts = {"tokens_per_step": 10} if self.clock == "tokens" else {}
            self.twins[plan] = ps.Scheduler(self.new_optimizers(), plan, **facts)
        twin = self.twins[plan]
        twin.seek(update, **({"progress": update / 40} if self.clock == "progress" else {}))
        return {key: value for key, value in twin.scalars("coming").items() if f"/{name}/" in key}

    def step(self, name):
        one = self.optimizers[name]
        update = one.param_groups[0]["paramsched_t"]
        starts = update == self.scheduler.t
        if starts and self.clock == "progress":
            self.scheduler.report(progress=update / 40)
        present = {
            f"{label}/{name}/{index}": float(entry[0] if key == "betas" else entry)
            for index, group in enumerate(one.param_groups)
            for label, key in (("lr", "lr"), ("weight_decay", "weight_decay"), ("betas_0", "betas"))
            for entry in [group[key]]
        }
        expected = self.expected(name, update)
        if self.own_lost:  # then a field that the plan no longer has is in no state
            expected = {key: expected[key] for key in expected.keys() & self.scheduler.scalars("coming")}
        assert {key: present[key] for key in expected} == expected, (name, update)
        one.step()
        self.note_plan()

    def use(self):
        """Call everything; nothing of it changes the run."""
        scheduler, random = self.scheduler, self.random
        call = random.choice(
            [
                scheduler.scalars,
                lambda: scheduler.scalars("coming"),
                scheduler._values,
                scheduler.get_last_lr,
                lambda: (scheduler.base_lrs, scheduler.states, repr(scheduler), scheduler.history),
                lambda: [scheduler.value("lr", name) for name in NAMES],
                lambda: scheduler.load_state_dict(copy.deepcopy(scheduler.state_dict())),
                lambda: [one.load_state_dict(copy.deepcopy(one.state_dict())) for one in self.optimizers.values()],
                lambda: scheduler.observe(**{rule.metric: 1.0 for rule in scheduler.states}),
            ]
        )
        call()

    def kill(self):
        """Resume from checkpoints, in any order; the file may have been edited before the restart."""
        random = self.random
        states = {name: copy.deepcopy(one.state_dict()) for name, one in self.optimizers.items()}
        state = copy.deepcopy(self.scheduler.state_dict())
        loaded = random.choice([("own",), ("state",), ("own", "state"), ("state", "own")])
        if random.random() < 0.4:
            self.file.write_text(plan_text(self.clock, random))
        new = self.new_optimizers()
        before = {name for name in NAMES if loaded[0] == "own" and random.random() < 0.5}
        for name in before:
            new[name].load_state_dict(states[name])
        scheduler = self.new_scheduler(new)
        for kind in loaded:
            if kind == "state":
                scheduler.load_state_dict(state)
            else:
                for name in random.sample(sorted(set(NAMES) - before), len(NAMES) - len(before)):
                    new[name].load_state_dict(states[name])
        self.complete &= "state" in loaded
        self.own_lost |= "own" not in loaded
        self.optimizers, self.scheduler = new, scheduler
        self.note_plan()


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.integers(0, 2**32), st.sampled_from(sorted(CLOCKS)), st.booleans())
def test_each_update_has_the_plan_that_the_history_names_for_it(seed, clock, is_even):
    random = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(folder, clock, random)
        pending = []
        for _ in range(60):
            event = random.random()
            if event < 0.15:
                walk.file.write_text(plan_text(clock, random))
            elif event < 0.3:
                walk.kill()
            elif event < 0.6:
                walk.use()
            if is_even or clock == "progress":  # each optimizer takes part in each update
                pending = pending or random.sample(NAMES, len(NAMES))
                walk.step(pending.pop())
            else:
                walk.step(random.choices(NAMES, [4, 2, 1])[0])
        if walk.complete:
            assert [(begin, text) for begin, _, text, *_ in walk.scheduler.history] == [
                (begin, plan.text) for begin, plan in walk.plans
            ]
