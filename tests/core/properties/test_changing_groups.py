"""Properties of changes between steps, and of the groups."""

import copy
import io
import pickle
import random
import tempfile
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.spread import every
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
    lines = [f"clock: {clock}"] + ([] if unit is None else [f"total: {40 * size}{unit}"])
    lines += [f'{name}: "{line}"' for name, line in chosen.items()]
    lines += [] if target is None else [f'targets: {{temperature: {{initial: 2.0, schedule: "{target}"}}}}']
    if random.random() < 0.5:
        lines.append(f'groups: {{{random.choice(["generator", "head/1"])}: {{lr: "{random.choice(LINES["lr"])}"}}}}')
    return "\n".join(lines) + "\n"


class History:
    """A run whose file is edited and which is killed at any moment, with the plan of each update."""

    def __init__(self, folder, clock, random):
        self.random = random
        self.clock = clock
        self.file = Path(folder) / "plan.yaml"
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
        return ps.Scheduler(optimizers, self.file, **facts)

    def note_plan(self):
        if self.scheduler.plan != self.plans[-1][1]:
            self.plans = [(t, plan) for t, plan in self.plans if t < self.scheduler.t]
            self.plans.append((self.scheduler.t, self.scheduler.plan))

    def expected(self, name, update):
        """The values of an update of one optimizer, under the plan in force when it steps."""
        plan = self.plans[-1][1]
        if plan not in self.twins:
            facts = {"tokens_per_step": 10} if self.clock == "tokens" else {}
            self.twins[plan] = ps.Scheduler(self.new_optimizers(), plan, **facts)
        twin = self.twins[plan]
        twin.seek(update, **({"progress": update / 40} if self.clock == "progress" else {}))
        return {key: value for key, value in twin.scalars("coming").items() if f"/{name}/" in key}

    def step(self, name):
        optimizer = self.optimizers[name]
        update = optimizer.param_groups[0]["paramsched_t"]
        starts = update == self.scheduler.t
        if starts and self.clock == "progress":
            self.scheduler.report(progress=update / 40)
        present = {
            f"{label}/{name}/{index}": float(entry[0] if key == "betas" else entry)
            for index, group in enumerate(optimizer.param_groups)
            for label, key in (("lr", "lr"), ("weight_decay", "weight_decay"), ("betas_0", "betas"))
            for entry in [group[key]]
        }
        expected = self.expected(name, update)
        if self.own_lost:  # then a field that the plan no longer has is in no state
            expected = {key: expected[key] for key in expected.keys() & self.scheduler.scalars("coming")}
        assert {key: present[key] for key in expected} == expected, (name, update)
        optimizer.step()
        self.note_plan()

    def use(self):
        """Call everything; nothing of it changes the run."""
        scheduler = self.scheduler
        random = self.random
        call = random.choice(
            [
                scheduler.scalars,
                lambda: scheduler.scalars("coming"),
                scheduler._values,
                scheduler.get_last_lr,
                lambda: (scheduler.base_lrs, scheduler.states, repr(scheduler), scheduler.history),
                lambda: [scheduler.value("lr", name) for name in NAMES],
                lambda: scheduler.load_state_dict(copy.deepcopy(scheduler.state_dict())),
                lambda: [
                    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
                    for optimizer in self.optimizers.values()
                ],
                lambda: scheduler.observe(**{rule.metric: 1.0 for rule in scheduler.states}),
            ]
        )
        call()

    def kill(self):
        """Resume from checkpoints, in any order; the file may have been edited before the restart."""
        random = self.random
        states = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in self.optimizers.items()}
        state = copy.deepcopy(self.scheduler.state_dict())
        loaded = random.choice([("own",), ("state",), ("own", "state"), ("state", "own")])
        if random.random() < 0.4:
            self.file.write_text(plan_text(self.clock, random))
        new = self.new_optimizers()
        before = {name for name in NAMES if loaded[0] == "own" and random.random() < 0.5}
        for name in before:
            new[name].load_state_dict(states[name])
        scheduler = self.new_scheduler(new)
        for source in loaded:
            if source == "state":
                scheduler.load_state_dict(state)
            else:
                for name in random.sample(sorted(set(NAMES) - before), len(NAMES) - len(before)):
                    new[name].load_state_dict(states[name])
        self.complete &= "state" in loaded
        self.own_lost |= "own" not in loaded
        self.optimizers = new
        self.scheduler = scheduler
        self.note_plan()


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.integers(0, 2**32), st.sampled_from(sorted(CLOCKS)), st.booleans())
def test_each_step_has_the_plan_in_force_and_the_history_names_each_plan(seed, clock, is_even):
    random = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        history = History(folder, clock, random)
        pending = []
        for _ in range(60):
            event = random.random()
            if event < 0.15:
                history.file.write_text(plan_text(clock, random))
            elif event < 0.3:
                history.kill()
            elif event < 0.6:
                history.use()
            if is_even or clock == "progress":  # each optimizer takes part in each update
                pending = pending or random.sample(NAMES, len(NAMES))
                history.step(pending.pop())
            else:
                history.step(random.choices(NAMES, [4, 2, 1])[0])
        if history.complete:
            assert [(begin, text) for begin, _, text, *_ in history.scheduler.history] == [
                (begin, plan.text) for begin, plan in history.plans
            ]


END = 400


LINES_OF_CHANGING_GROUPS = [
    "linear()",
    "cosine(to=0.1)",
    "warmup(7) >> cosine()",
    "step(9, 0.5)",
    "restarts(cosine(to=0.2), 13)",
]


OPERATIONS = (
    *["step"] * 6, "step of one optimizer", "add", "remove", "reorder", "remove the first", "external write", "seek",
    "copy", "pickle", "save and load", "take over",
)  # fmt: skip


BETWEEN_STEPS = {"step", "reorder", "copy", "pickle", "save and load"}


"""The operations that may follow the step of one of several optimizers."""


class Model:
    """A run of one or several optimizers, and what it should use."""

    def __init__(self, seed: int) -> None:
        draw = self.draw = random.Random(seed)
        self.is_tensor = draw.random() < 1 / 3
        is_several = draw.random() < 1 / 2
        self.drive = draw.choice(["optimizer", "manual", *["a"] * is_several])
        self.clock = draw.choice(["updates", "updates", "tokens"])
        line = draw.choice(
            LINES_OF_CHANGING_GROUPS if self.clock == "updates" else LINES_OF_CHANGING_GROUPS[:2]
        )  # the others have lengths in updates
        lines = {"lr": line, "momentum": "linear(1, 0.5)"}
        self.planned = {name: ps.resolve(ps.parse(text), total=END) for name, text in lines.items()}
        self.plan = ps.Plan(**lines, clock=self.clock, total=END if self.clock == "updates" else f"{END} tokens")
        self.t = 0
        self.bases = {}
        self.written = {}
        self.has_late = False
        self.ahead = ""
        self.optimizers = {
            name: self.optimizer([self.group() for _ in range(draw.choice([1, 2, 3]))])
            for name in "abc"[: draw.choice([2, 3]) if is_several else 1]
        }
        self.attach()

    # ---------------------------------------------------------------- what a run contains

    def group(self, number=None):
        number = len(self.bases) if number is None else number
        base = self.bases.setdefault(number, self.draw.choice([0.1, 0.02, 0.5]))
        parameter = torch.nn.Parameter(torch.ones(1))
        return {"params": [parameter], "number": number, "lr": torch.tensor(base) if self.is_tensor else base}

    def optimizer(self, groups):
        return torch.optim.AdamW(groups, lr=0.3, betas=(0.9, 0.99), foreach=False if self.is_tensor else None)

    def attach(self):
        optimizers = self.optimizers if len(self.optimizers) > 1 else self.optimizers["a"]
        self.scheduler = ps.Scheduler(optimizers, self.plan, drive=self.drive)

    def check(self):
        for name, optimizer in self.optimizers.items():
            t = self.t + (name == self.ahead)
            lr, momentum = (float(self.planned[field](t)) for field in ("lr", "momentum"))
            for group in () if self.has_late else optimizer.param_groups:  # a late group has its value after one step
                expected = self.written.get(group["number"], self.bases[group["number"]] * lr)
                rounding = 1e-6 if self.is_tensor else 1e-12  # the tensors are of single precision
                assert float(group["lr"]) == pytest.approx(expected, rel=rounding, abs=1e-15)
                assert group["betas"][0] == pytest.approx(0.9 * momentum, rel=1e-12)

    # ---------------------------------------------------------------- operations

    def start_update(self):
        if self.clock == "tokens" and not self.ahead:
            self.scheduler.consumed(tokens=1)

    def step(self):
        self.start_update()
        for each in [self.scheduler] if self.drive == "manual" else self.optimizers.values():
            if not self.ahead or each is not self.optimizers[self.ahead]:
                each.step()
        self.t += 1
        self.written = {}
        self.has_late = False
        self.ahead = ""

    def happen(self, operation):
        name = self.draw.choice([*self.optimizers])
        groups = self.optimizers[name].param_groups
        if self.ahead and operation not in BETWEEN_STEPS:
            return
        match operation:
            case "step":
                self.step()
            case "step of one optimizer" if self.drive == "optimizer" and len(self.optimizers) > 1 > self.has_late:
                self.start_update()
                self.optimizers[name].step()
                self.ahead = name
            case "add":
                self.optimizers[name].add_param_group(self.group())
                self.has_late = True
            case "remove" | "remove the first" if len(groups) > 1:
                groups.pop(0 if operation != "remove" else self.draw.randrange(len(groups)))
            case "reorder":
                self.draw.shuffle(groups)
            case "external write" if not self.has_late:
                group = self.draw.choice(groups)
                if self.is_tensor:
                    group["lr"].fill_(0.77)
                else:
                    group["lr"] = 0.77
                self.written = {group["number"]: 0.77}
                self.check()
                self.step()
            case "seek" if self.clock == "updates":
                self.t = self.draw.randrange(60)
                self.has_late = False
                self.scheduler.seek(self.t)
            case "copy":
                self.optimizers, self.scheduler = copy.deepcopy((self.optimizers, self.scheduler))
            case "pickle":
                self.optimizers, self.scheduler = pickle.loads(pickle.dumps((self.optimizers, self.scheduler)))
            case "save and load" | "take over" if self.has_late:
                self.step()
            case "take over":
                self.attach()
            case "save and load":
                self.save_and_load()

    def save_and_load(self):
        file = io.BytesIO()
        torch.save(
            ({n: optimizer.state_dict() for n, optimizer in self.optimizers.items()}, self.scheduler.state_dict()), file
        )
        file.seek(0)
        saved, state = torch.load(file, weights_only=False)
        numbers = {
            name: [group["number"] for group in optimizer.param_groups] for name, optimizer in self.optimizers.items()
        }
        self.optimizers = {name: self.optimizer([*map(self.group, number)]) for name, number in numbers.items()}
        loads = [lambda: [optimizer.load_state_dict(saved[name]) for name, optimizer in self.optimizers.items()]]
        if self.draw.random() < 1 / 2:
            loads.pop()()  # before the Scheduler is constructed
        self.attach()
        loads.append(lambda: self.scheduler.load_state_dict(state))
        self.draw.shuffle(loads)
        for load in loads:
            load()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", every(20, range(400)))
def test_each_parameter_has_its_planned_value_whatever_happens_to_the_groups(seed):
    model = Model(seed)
    for _ in range(40):
        model.happen(model.draw.choice(OPERATIONS))
        model.check()
