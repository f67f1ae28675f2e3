"""A watched plan file: the run equals one that is stopped at the second look, and resumed with the new file."""

import copy
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import ParamschedError
from support.updates import probe

LENGTHS = {
    "updates": ["{n} steps", "10%"], "tokens": ["{n} tokens", "25%"], "seconds": ["{n} s"], "progress": ["{n}%"],
}  # fmt: skip
UNITS = {"updates": "", "tokens": " tokens", "seconds": " s"}
SHAPES = (
    "linear()", "warmup({length}) >> cosine(to=0.1)", "constant({v})", "cosine()", "linear({v}, 2)",
    "step({length}, 0.5)", 'linear() * plateau("loss", factor={v}, patience=0)',
)  # fmt: skip


@st.composite
def plans(draw, clock, longest=60):
    """Return the text of a plan on a clock, whose stages fit into its horizon if `longest` is less than 5."""

    def line():
        length = draw(st.sampled_from(LENGTHS[clock])).format(n=draw(st.integers(1, longest)))
        return draw(st.sampled_from(SHAPES)).format(length=f'"{length}"', v=draw(st.sampled_from([0.5, 0.25])))

    lines = [f"clock: {clock}", f"lr: '{line()}'"]
    if clock != "progress":
        lines.append(f"horizon: {draw(st.integers(5, 90))}{UNITS[clock]}")
    lines += [f"{field}: '{line()}'" for field in draw(st.sets(st.sampled_from(["weight_decay", "betas[0]"])))]
    if draw(st.booleans()):
        lines += ["groups:", f"  head: {{lr: '{line()}'}}"]
    if draw(st.booleans()):
        lines += ["targets:", f"  temperature: {{initial: 2.0, schedule: '{line()}'}}"]
    return "\n".join(lines) + "\n"


def contents(clock):
    """Return a content of the file: a plan, a part of one, a faulty one, one that does not fit; None if it is gone."""
    plan = plans(clock)
    return st.one_of(
        plan,
        plan,
        st.builds(lambda text, share: text[: int(len(text) * share)], plan, st.floats(0, 1)),
        st.builds(lambda text: text + "# a comment\n", plan),
        st.builds(lambda text: text + "note: {who: ann}\n", plan),
        st.builds(lambda text: text.replace("head", "absent"), plan),
        st.builds(lambda text: text.replace("weight_decay", "absent"), plan),
        plans("updates" if clock != "updates" else "tokens"),
        st.sampled_from([None, "", "lr: linera()\n", "lr: constant(0.5)\nhorizon: 3 epochs\n", "lr: [\n"]),
    )


@st.composite
def runs(draw):
    """Return a run: its clock and facts, the first plan, the edits of the file by update, and what the loop reports."""
    clock = draw(st.sampled_from(["updates", "updates", "tokens", "seconds", "progress"]))
    updates = draw(st.integers(4, 40))
    first = draw(plans(clock, longest=4))
    edits = dict(draw(st.lists(st.tuples(st.integers(0, updates), contents(clock)), max_size=6)))
    if edits and draw(st.booleans()):  # the first content is restored
        edits[draw(st.integers(0, updates))] = first
    amounts = draw(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=updates, max_size=updates))
    known = draw(st.booleans())
    return {
        "clock": clock,
        "first": first,
        "edits": edits,
        "watch": draw(st.sampled_from([1, 1, 2, 5])),
        "facts": {"tokens_per_step": 3} if clock == "tokens" and known else {},
        "amounts": [] if clock == "updates" or (clock == "tokens" and known) else amounts,
        "losses": draw(st.lists(st.sampled_from([None, 1.0, 0.5]), min_size=updates, max_size=updates)),
        "several": draw(st.booleans()),
    }


class Watched:
    """The run under test."""

    def __init__(self, path, run):
        self.scheduler = ps.Scheduler(optimizers_of(run), str(path), watch=run["watch"], **run["facts"])

    def after_update(self):
        """The Scheduler has looked at the file."""


class Restarted:
    """The model: a run that is stopped when two looks have found the same new content, and resumed with it."""

    def __init__(self, path, run):
        self.path, self.run = path, run
        self.scheduler = ps.Scheduler(optimizers_of(run), str(path), **run["facts"])
        self.seen = self.handled = path.read_text()
        self.plan = self.scheduler.plan

    def after_update(self):
        if self.scheduler.t % self.run["watch"]:
            return
        seen, self.seen = self.seen, self.path.read_text() if self.path.exists() else None
        if self.seen is None or self.seen != seen or seen == self.handled:
            return
        self.handled = seen
        try:
            plan = ps.load(self.path)
            resumed = ps.Scheduler(optimizers_of(self.run), str(self.path), **self.run["facts"])
        except ParamschedError:
            return
        if plan == self.plan or plan.clock != self.plan.clock:
            return
        for one, old in zip(resumed.optimizers.values(), self.scheduler.optimizers.values(), strict=True):
            one.load_state_dict(copy.deepcopy(old.state_dict()))
            one.used = old.used
        resumed.load_state_dict(self.scheduler.state_dict())
        self.scheduler, self.plan = resumed, plan


def optimizers_of(run):
    """Return one optimizer or two, each with a group whose lr is a tensor."""
    made = [probe({"name": "body"}, {"name": "head", "lr": torch.tensor(lr / 2)}, lr=lr) for lr in (0.1, 0.3)]
    return dict(zip("ab", made, strict=True)) if run["several"] else made[0]


def trained(kind, run):
    """Train one of the two runs; return everything that it used and logged, and its end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.yaml"
        path.write_text(run["first"])
        made, logged = kind(path, run), []
        for t, loss in enumerate(run["losses"]):
            if t in run["edits"]:
                path.unlink(missing_ok=True)
                if (text := run["edits"][t]) is not None:
                    path.write_text(text)
            if run["clock"] == "progress":
                made.scheduler.report(progress=t / len(run["losses"]))
            elif run["amounts"]:
                made.scheduler.consumed(**{run["clock"]: run["amounts"][t]})
            for one in made.scheduler.optimizers.values():
                one.step()
            logged.append((made.scheduler.t, made.scheduler.scalars()))
            made.after_update()
            if loss is not None and made.scheduler.states:
                made.scheduler.observe(loss=loss)
    scheduler = made.scheduler
    used = [[kept(name, groups) for groups in one.used] for name, one in scheduler.optimizers.items()]
    groups = [kept(name, one.param_groups) for name, one in scheduler.optimizers.items()]
    return used, groups, logged, scheduler.state_dict(), scheduler.values(), scheduler.should_stop


def kept(name, groups):
    """Return the entries that are equal in both runs.

    The second optimizer is behind when the file is followed. A field without a line in the new plan keeps its value of
    the coming step, and the model has taken that step before.
    """
    dropped = {"weight_decay", "betas"} if name == "b" else set()
    return [
        {
            key: value
            for key, value in group.items()
            if key not in {"params"} | dropped and not (dropped and key.startswith("paramsched_"))
        }
        for group in groups
    ]


@pytest.mark.filterwarnings("ignore")  # a shorter horizon may be over already
@given(runs())
def test_a_changed_file_is_followed_as_if_the_run_was_resumed_with_it(run):
    assert trained(Watched, run) == trained(Restarted, run)
