"""Properties on clocks of amounts: a run uses the values planned at its amounts, after any disturbance."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st

import paramsched as ps
from core.properties.disturbances import DISTURBANCES, disturb, reported
from paramsched.core.plan import bind, counted_plan
from paramsched.errors import InvalidArgument, PlanError
from support import strategies
from support.strategies import ANY_PLAN, GROUPS, World
from support.updates import probe

SOURCES = ("reported", "constant", "constant, and sometimes reported", "planned", "planned, and sometimes reported")
SIZES = (
    'rounded(linear(16, 160, over="3000 samples"), 16)',
    'stairs(8, 80, 9, over="2000 samples")',
    'linear(1, 300, over="40 steps")',
    'constant(32, "1000 samples") >> 2.5 * linear(16, 64, over="5000 samples")',
    "constant(24)",
)
ANY_RUN = (*DISTURBANCES, "resume: scheduler")
EVENTS = (
    "update", "update", "update", "equal updates", "unequal updates", "overflow", "skipped", "raise", "accumulate",
    "seek there and back", *ANY_RUN,
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Reject schedules with extreme values, which other properties cover."""
    with np.errstate(all="ignore"):
        yield


class AmountRun:
    """A run on a sample clock with disturbances, which counts the amount independently."""

    def __init__(self, plan: ps.Plan, world: World, source: str) -> None:
        self.plan = plan
        self.source = source
        self.t = 0
        self.amount = 0
        self.said = None
        self.facts = world.facts if source != "reported" else None
        self.rate = world.batch * world.accumulation
        self.accumulation = world.accumulation
        sizes = [binding for binding in counted_plan(plan).bindings if binding.name == "batch_size"]
        self.size = sizes[0] if source.startswith("planned") else None
        self.used: list[tuple[int, int, list[dict]]] = []
        self.optimizer = self.bare()
        self.scheduler = self.built(self.optimizer)

    def bare(self):
        return probe(*GROUPS)

    def built(self, optimizer):
        return ps.Scheduler(optimizer, self.plan, facts=self.facts)

    def say(self, samples):
        self.scheduler.consumed(samples=samples)
        self.said = samples if self.said is None else self.said + samples

    def prepare(self, samples):
        """Report the amount of the next step, as a loop of this source does."""
        if self.source == "reported" or ("reported" in self.source and samples % 2):
            self.say(samples)

    def planned_samples(self):
        """Return the amount of the next update if the loop reports none."""
        if self.size is None:
            return self.rate
        value = self.size.schedule(self.amount, self.size.field.initial)
        return round(value) * self.accumulation

    def update(self, samples):
        self.prepare(samples)
        self.optimizer.step()
        self.used.append((self.t, self.amount, self.optimizer.used[-1]))
        self.amount += self.planned_samples() if self.said is None else self.said
        self.said = None
        self.t += 1

    def happen(self, event, data):
        samples = data.draw(st.sampled_from([0, 1, self.rate, 2 * self.rate]) | st.integers(0, 5000), label=event)
        match event:
            case "update":
                self.update(samples)
            case "equal updates":
                for _ in range(data.draw(st.sampled_from([2, 33, 70]))):
                    self.update(samples)
            case "unequal updates":
                for more in range(5):
                    self.update(samples + more)
            case "overflow":  # as a GradScaler marks a step that a fused optimizer must skip
                self.prepare(samples)
                self.optimizer.found_inf = torch.ones(1)
                self.optimizer.step()
                del self.optimizer.found_inf
            case "skipped":  # as a GradScaler leaves a step out: the optimizer is not called
                self.prepare(samples)
            case "raise":
                self.prepare(samples)
                with pytest.raises(ZeroDivisionError):
                    self.optimizer.step(lambda: 1 / 0)
            case "accumulate" if "reported" in self.source:
                self.say(samples)
                self.say(3)
            case "seek there and back" if self.said is None:  # a seek sets the position of the run
                self.scheduler.seek(data.draw(st.integers(0, 3000)), samples=samples)
                self.scheduler.seek(self.t, samples=self.amount)
            case _ if event in ANY_RUN:
                disturb(self, event)


@st.composite
def plans_by_samples(draw, sources=SOURCES):
    """Draw a plan with all fields on a sample clock, its run, and the source of the amounts."""
    source = draw(st.sampled_from(sources))
    world = draw(strategies.worlds())
    plan = draw(strategies.plans(world, rules=0, follow=True, attachable=True))
    bindings = plan.as_written()
    if source.startswith("planned"):
        size = ps.Binding(ps.Target("batch_size", draw(st.sampled_from([1.0, 2.0]))), draw(st.sampled_from(SIZES)))
        bindings = (*bindings, size)
    try:
        resolved = ps.Plan(*bindings, total=plan.total, clock="samples").resolve(facts=world.facts)
        bind(resolved, GROUPS)
        resolved.resolve(facts=ps.RunFacts() if source == "reported" else world.facts)
    except InvalidArgument:
        reject()
    return world, resolved, source


def started(plan: ps.Plan, world: World, source: str) -> AmountRun:
    """Start a run of a generated plan, unless a value would be outside of its range, which is refused."""
    try:
        return AmountRun(plan, world, source)
    except PlanError as refused:
        if not any(words in str(refused) for words in ("falls below 0", "reaches 1", "is not finite")):
            raise
        reject()


@given(st.data())
def test_used_values_equal_planned_values_at_the_consumed_amount_after_any_disturbance(data):
    world, plan, source = data.draw(plans_by_samples())
    bound = bind(counted_plan(plan), GROUPS)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # because there are no external writes here
        warnings.filterwarnings("ignore", r"(?s:.*\[PS\d+\])")  # of a start: a generated plan may be an unusual one
        run = started(plan, world, source)
        for event in data.draw(st.lists(st.sampled_from(EVENTS), min_size=3, max_size=12)):
            run.happen(event, data)
            assert (run.scheduler.t, run.scheduler.amount) == (run.t, run.amount)
        before = reported(run.scheduler)
        disturb(run, "resume: both")

    assert reported(run.scheduler) == before
    for t, amount, groups in run.used:
        for index, actual in enumerate(groups):
            for line in bound[index]:
                expected = line.schedule(amount if line.by_amount else t, line.field.base(GROUPS[index]))
                assert repr(line.field.read(actual)) == repr(float(expected)), (t, amount, line.name, index)


@ANY_PLAN
@given(st.data())
def test_a_run_with_constant_consumption_uses_the_values_of_its_trace(data):
    world, plan, _ = data.draw(plans_by_samples(("reported",)))
    shown = ps.trace(plan, GROUPS, facts=world.facts)
    run = started(plan, world, "reported")

    for _ in range(min(shown.total, 40)):
        run.update(run.rate)

    for t, amount, groups in run.used:
        assert amount == shown.amounts[t]
        for index, bounds in enumerate(bind(plan, GROUPS)):
            for bound in bounds:
                label = GROUPS[index].get("name", index)
                # + 0.0: of two zeros, NumPy's minimum of a block may keep the other's sign.
                assert repr(bound.field.read(groups[index]) + 0.0) == repr(float(shown[bound.name, label][t]) + 0.0)
