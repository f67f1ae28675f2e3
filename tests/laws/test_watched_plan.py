"""A watched plan file: the run equals one that stops at the look, and resumes with the new file."""

import copy
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import ParamschedError
from support.updates import probe

LENGTHS = {"updates": ["{n} steps", "10%"], "tokens": ["{n} tokens", "25%"], "seconds": ["{n} s"]}
SHAPES = (
    "linear()", "warmup({length}) >> cosine(to=0.1)", "constant({v})", "cosine()", "linear({v}, 2)",
    'step("{length}", 0.5)', 'linear() * plateau("loss", factor={share}, patience=0)',
)  # fmt: skip
UNIT = {"updates": "", "tokens": " tokens", "seconds": " s"}


@st.composite
def plans(draw, clock, longest=60):
    """Return the text of a plan on a clock, whose stages fit into its horizon if `longest` is less than 5."""
    n = st.integers(1, longest)

    def line():
        length = draw(st.sampled_from(LENGTHS[clock])).format(n=draw(n))
        text = draw(st.sampled_from(SHAPES)).replace('"{length}"', "{length}")
        return text.format(length=f'"{length}"', v=draw(st.sampled_from([0.5, 0.25, 1.5])), share=draw(st.sampled_from([0.5, 0.25])))

    lines = [f"horizon: {draw(st.integers(5, 90))}{UNIT[clock]}", f"clock: {clock}", f"lr: '{line()}'"]
    lines += [f"{field}: '{line()}'" for field in draw(st.sets(st.sampled_from(["weight_decay", "betas[0]"])))]
    if draw(st.booleans()):
        lines += ["groups:", f"  head: {{lr: '{line()}'}}"]
    if draw(st.booleans()):
        lines += ["targets:", f"  temperature: {{initial: 2.0, schedule: '{line()}'}}"]
    return "\n".join(lines) + "\n"


def contents(clock):
    """Return a content of the file: a plan, a part of one, a faulty one, one that does not fit, or None if it is gone."""
    plan = plans(clock)
    other = {"updates": "tokens", "tokens": "updates", "seconds": "samples"}[clock]
    return st.one_of(
        plan,
        plan,
        st.builds(lambda text, share: text[: int(len(text) * share)], plan, st.floats(0, 1)),
        st.builds(lambda text: text + "# a comment\n", plan),
        st.builds(lambda text: text + "note: {who: ann}\n", plan),
        st.builds(lambda text: text.replace("head", "absent"), plan),
        st.builds(lambda text: text.replace("weight_decay", "absent"), plan),
        plans(other),
        st.sampled_from([None, "", "lr: linera()\n", "lr: 0.5\nhorizon: 3 epochs\n", "lr: [\n"]),
    )


@st.composite
def runs(draw, several=st.booleans()):
    """Return the first plan, the edits of the file by update, the interval, and what the loop reports."""
    clock = draw(st.sampled_from(["updates", "updates", "tokens", "seconds"]))
    length = draw(st.integers(4, 40))
    found = draw(st.lists(st.tuples(st.integers(0, length), contents(clock)), max_size=6))
    first = draw(plans(clock, longest=4))
    edits = dict(found)
    if edits and draw(st.booleans()):  # the first content is restored
        edits[draw(st.integers(0, length))] = first
    amounts = draw(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=length, max_size=length))
    losses = draw(st.lists(st.sampled_from([None, 1.0, 0.5]), min_size=length, max_size=length))
    return clock, first, edits, draw(st.sampled_from([1, 1, 2, 5])), amounts, losses, draw(several)


def optimizers(*, several):
    def made(lr):
        return probe({"name": "body"}, {"name": "head", "lr": torch.tensor(lr / 2)}, lr=lr)

    return {"a": made(0.1), "b": made(0.3)} if several else made(0.2)


def members(given):
    return list(given.values()) if isinstance(given, dict) else [given]


class Watched:
    """The run under test."""

    def __init__(self, path, interval, several):
        self.optimizers = optimizers(several=several)
        self.scheduler = ps.Scheduler(self.optimizers, path, watch=interval)

    def after_update(self, content, plan):
        pass


class Restarted:
    """The model: a run that is stopped when two looks have found the same new content, and resumed with it."""

    def __init__(self, path, interval, several):
        self.path, self.interval, self.several = path, interval, several
        self.optimizers = optimizers(several=several)
        self.scheduler = ps.Scheduler(self.optimizers, path)
        self.seen = self.handled = Path(path).read_text()
        self.plan = self.scheduler.plan

    def after_update(self):
        path = Path(self.path)
        if self.scheduler.t % self.interval:
            return
        found = path.read_text() if path.exists() else None
        seen, self.seen = self.seen, found
        if found is None or found != seen or found == self.handled:
            return
        self.handled = found
        try:
            plan = ps.load(path)
        except ParamschedError:
            return
        if plan == self.plan or plan.clock != self.plan.clock:
            return
        resumed, before = optimizers(several=self.several), members(self.optimizers)
        try:
            scheduler = ps.Scheduler(resumed, self.path)
        except ParamschedError:
            return
        states = [copy.deepcopy(one.state_dict()) for one in before]
        saved = self.scheduler.state_dict()
        for one, old, state in zip(members(resumed), before, states, strict=True):
            one.load_state_dict(state)
            one.used = old.used
        scheduler.load_state_dict(saved)
        self.optimizers, self.scheduler, self.plan = resumed, scheduler, plan


def trained(kind, run):
    """Train one of the two runs; return everything that it used, and its end."""
    clock, first, edits, interval, amounts, losses, several = run
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.yaml"
        path.write_text(first)
        made = kind(str(path), interval, several)
        logged = []
        for t, (amount, loss) in enumerate(zip(amounts, losses, strict=True)):
            if t in edits:
                path.unlink(missing_ok=True)
                if edits[t] is not None:
                    path.write_text(edits[t])
            scheduler = made.scheduler
            if clock != "updates":
                scheduler.consumed(**{clock: amount})
            for one in members(made.optimizers):
                one.step()
            if kind is Watched:
                logged.append((t, scheduler.scalars(), scheduler.t))
            else:
                logged.append((t, scheduler.scalars(), scheduler.t))
                made.after_update()
                scheduler = made.scheduler
            if loss is not None and scheduler.states:
                scheduler.observe(loss=loss)
        groups = [
            [{key: value for key, value in group.items() if key != "params"} for group in one.param_groups]
            for one in members(made.optimizers)
        ]
        used = [one.used for one in members(made.optimizers)]
        return used, groups, logged, made.scheduler.state_dict(), made.scheduler.values(), made.scheduler.should_stop


@pytest.mark.filterwarnings("ignore")
@given(runs())
def test_a_changed_file_is_followed_as_if_the_run_was_resumed_with_it(run):
    assert trained(Watched, run) == trained(Restarted, run)
