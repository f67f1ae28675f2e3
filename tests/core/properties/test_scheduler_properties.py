"""Properties: the used values equal the trace, after any disturbance between two updates."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st

import paramsched as ps
from core.properties.disturbances import DISTURBANCES, disturb, reported
from paramsched.core.plan import bind
from support import strategies
from support.replay import replay
from support.strategies import ANY_PLAN, GROUPS, LATE, World
from support.updates import group, probe

EVENTS = (
    "update", "update", "update", "many updates", "overflow", "raise", "accumulate", "late group",
    "seek there and back", *DISTURBANCES,
)  # fmt: skip


def attachable(data, *, rules=1):
    """Draw a plan, its run, and the resolved plan."""
    world = data.draw(strategies.worlds())
    plan = data.draw(strategies.plans(world, rules=rules, follow=True, attachable=True))
    return world, plan, plan.resolve(facts=world.facts)


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Reject schedules with extreme values, which other properties cover."""
    with np.errstate(all="ignore"):
        yield


class Run:
    """A run with disturbances, which counts its updates independently."""

    def __init__(self, plan: ps.Plan, world: World) -> None:
        self.plan = plan
        self.world = world
        self.t = 0
        self.late_at = None
        self.used: list[tuple[int, list[dict]]] = []
        self.optimizer = self.bare()
        self.scheduler = self.built(self.optimizer)

    def bare(self):
        return probe(*GROUPS, *([LATE] if self.late_at is not None else []))

    def built(self, optimizer):
        return ps.Scheduler(optimizer, self.plan, facts=self.world.facts)

    def update(self):
        self.optimizer.step()
        self.used.append((self.t, self.optimizer.used[-1]))
        self.t += 1

    def happen(self, event, data):
        match event:
            case "update":
                self.update()
            case "many updates":
                for _ in range(data.draw(st.sampled_from([2, 31, 40]))):
                    self.update()
            case "overflow":  # as a GradScaler marks a step that a fused optimizer must skip
                self.optimizer.found_inf = torch.ones(1)
                self.optimizer.step()
                del self.optimizer.found_inf
            case "raise":
                with pytest.raises(ZeroDivisionError):
                    self.optimizer.step(lambda: 1 / 0)
            case "late group" if self.late_at is None:
                self.late_at = self.t
                self.optimizer.add_param_group(group(**LATE))
            case "seek there and back":
                self.scheduler.seek(data.draw(st.integers(0, 3 * self.world.total)))
                self.scheduler.seek(self.t)
            case _ if event in DISTURBANCES:
                disturb(self, event)


@given(st.data())
def test_used_values_equal_planned_values_after_any_disturbance(data):
    world, plan, resolved = attachable(data)
    shown = ps.trace(plan, [*GROUPS, LATE], facts=world.facts)
    bound = bind(resolved, [*GROUPS, LATE])

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # because there are no external writes here
        # Of a start: a generated plan may be an unusual one.
        warnings.filterwarnings("ignore", r"(?s:.*(\[PS\d+\]|has no base|optional lines))")
        run = Run(plan, world)
        for event in data.draw(st.lists(st.sampled_from(EVENTS), min_size=3, max_size=12)):
            run.happen(event, data)
            assert run.scheduler.last_epoch == run.t
        before = reported(run.scheduler)
        disturb(run, "resume: both")

    assert reported(run.scheduler) == before
    for t, groups in run.used:
        for index, actual in enumerate(groups):
            for line in bound[index]:
                label = [*GROUPS, LATE][index].get("name", index)
                base = line.field.base([*GROUPS, LATE][index])
                expected = shown[line.name, label][t] if t < world.total else line.schedule(t, base)
                # The sign of a zero is not promised.
                value = line.field.read(actual) + 0.0
                assert repr(value) == repr(float(expected) + 0.0), (t, line.name, label, run.used)


@ANY_PLAN
@given(st.data())
def test_unplanned_fields_are_not_changed(data):
    world, plan, resolved = attachable(data)
    optimizer = probe(*GROUPS)
    ps.Scheduler(optimizer, plan, facts=world.facts)

    for _ in range(3):
        optimizer.step()

    for index, bounds in enumerate(bind(resolved, GROUPS)):
        planned = {bound.field.key for bound in bounds}
        for key in GROUPS[index].keys() - planned:
            assert [groups[index][key] for groups in optimizer.used] == [GROUPS[index][key]] * 3


@ANY_PLAN
@given(st.data(), st.sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16]))
def test_a_tensor_contains_the_planned_value_rounded_to_its_dtype(data, dtype):
    world, plan, resolved = attachable(data)
    tensors = [{**group, "lr": torch.tensor(group["lr"], dtype=dtype)} for group in GROUPS]
    bases = [{**tensor, "lr": tensor["lr"].item()} for tensor in tensors]
    optimizer = probe(*tensors)
    ps.Scheduler(optimizer, plan, facts=world.facts)

    count = min(world.total, 40)
    for _ in range(count):
        optimizer.step()

    shown = ps.trace(plan, bases, facts=world.facts)
    for index, bounds in enumerate(bind(resolved, bases)):
        if any(bound.name == "lr" for bound in bounds):
            expected = torch.from_numpy(shown["lr", index][:count].copy()).to(dtype).tolist()
            np.testing.assert_array_equal([groups[index]["lr"] for groups in optimizer.used], expected)


@ANY_PLAN
@given(st.data())
def test_seek_gives_the_same_state_as_running_the_updates(data):
    world, plan, _ = attachable(data, rules=0)
    t = data.draw(st.integers(0, 60))
    walked = probe(*GROUPS)
    sought = probe(*GROUPS)
    first = ps.Scheduler(walked, plan, facts=world.facts)
    second = ps.Scheduler(sought, plan, facts=world.facts)

    for _ in range(t):
        walked.step()
    second.seek(t)

    assert first.state_dict() == second.state_dict()
    assert first._values() == second._values()
    assert repr(walked.state_dict()) == repr(sought.state_dict())


@ANY_PLAN
@given(st.data())
def test_replay_gives_the_same_metric_rules_as_the_observations(data):
    world, plan, _ = attachable(data, rules=5)
    rules = plan.metric_rules
    if not rules:
        reject()
    names = sorted({rule.metric for rule in rules})
    optimizer = probe(*GROUPS)
    events = []
    scheduler = ps.Scheduler(optimizer, plan, facts=world.facts)

    for t in range(data.draw(st.integers(1, 10))):
        if data.draw(st.booleans()):
            metrics = {name: data.draw(st.sampled_from([0.5, 1.0, 1.5])) for name in names}
            scheduler.observe(**metrics)
            events.append((t, metrics))
        optimizer.step()

    assert replay(plan, events) == scheduler.states
