"""Laws 7 and 8: what the trace shows is what is used, whatever happens between two updates."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.plan import bind
from support import strategies
from support.disturbances import DISTURBANCES, disturb
from support.strategies import GROUPS, World
from support.updates import group, probe

LATE = {"lr": 0.5, "weight_decay": 0.3, "momentum": 0.7, "eps": 1e-7, "betas": (0.6, 0.8), "name": "late"}

EVENTS = (
    "update", "update", "update", "many updates", "overflow", "raise", "accumulate", "late group",
    "seek there and back", *DISTURBANCES,
)  # fmt: skip


def attachable(data, *, rules=True):
    """A plan and the run it is for, and the plan resolved; what cannot be attached is drawn again."""
    world = data.draw(strategies.worlds())
    plan = data.draw(strategies.plans(world, rules=rules, follow=True))
    try:
        resolved = plan.resolve(world.calendar)
        bind(resolved, GROUPS)
    except InvalidArgument:
        reject()
    return world, plan, resolved


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """What a schedule does at the rim of the numbers is the other laws' matter."""
    with np.errstate(all="ignore"):
        yield


class Run:
    """A run that is disturbed in all ways, with its own idea of how many updates there were."""

    def __init__(self, plan: ps.Plan, world: World) -> None:
        self.plan, self.world, self.t, self.late_at = plan, world, 0, None
        self.used: list[tuple[int, list[dict]]] = []
        self.optimizer = self.bare()
        self.scheduler = self.built(self.optimizer)

    def bare(self):
        return probe(*GROUPS, *([LATE] if self.late_at is not None else []))

    def built(self, optimizer):
        return ps.Scheduler(optimizer, self.plan, calendar=self.world.calendar)

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
            case "overflow":  # as a GradScaler tells a fused optimizer
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
def test_what_is_planned_is_what_is_used_whatever_happens_in_between(data):
    world, plan, resolved = attachable(data)
    shown = ps.trace(plan, [*GROUPS, LATE], world.calendar)
    bound = bind(resolved, [*GROUPS, LATE])

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # nothing here is a foreign write
        warnings.filterwarnings("ignore", "the optimizer has completed|horizon=.* less than one epoch")
        run = Run(plan, world)
        for event in data.draw(st.lists(st.sampled_from(EVENTS), min_size=3, max_size=12)):
            run.happen(event, data)
            assert run.scheduler.last_epoch == run.t

    for t, groups in run.used:
        for index, found in enumerate(groups):
            for one in bound[index]:
                label = [*GROUPS, LATE][index].get("name", index)
                base = one.field.base([*GROUPS, LATE][index])
                expected = shown[one.name, label][t] if t < world.total else one.schedule(t, base)
                # The sign of a zero is not promised.
                assert repr(one.field.read(found) + 0.0) == repr(float(expected) + 0.0), (t, one.name, label, run.used)


@given(st.data())
def test_what_is_not_planned_is_left_alone(data):
    world, plan, resolved = attachable(data)
    optimizer = probe(*GROUPS)
    ps.Scheduler(optimizer, plan, calendar=world.calendar)

    for _ in range(3):
        optimizer.step()

    for index, bounds in enumerate(bind(resolved, GROUPS)):
        planned = {one.field.key for one in bounds}
        for key in GROUPS[index].keys() - planned:
            assert [one[index][key] for one in optimizer.used] == [GROUPS[index][key]] * 3


@given(st.data(), st.sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16]))
def test_a_tensor_holds_what_the_trace_shows_rounded_to_its_dtype(data, dtype):
    world, plan, resolved = attachable(data)
    tensors = [{**one, "lr": torch.tensor(one["lr"], dtype=dtype)} for one in GROUPS]
    bases = [{**one, "lr": one["lr"].item()} for one in tensors]
    optimizer = probe(*tensors)
    ps.Scheduler(optimizer, plan, calendar=world.calendar)

    count = min(world.total, 40)
    for _ in range(count):
        optimizer.step()

    shown = ps.trace(plan, bases, world.calendar)
    for index, bounds in enumerate(bind(resolved, bases)):
        if any(one.name == "lr" for one in bounds):
            expected = torch.from_numpy(shown["lr", index][:count].copy()).to(dtype).tolist()
            np.testing.assert_array_equal([one[index]["lr"] for one in optimizer.used], expected)


@given(st.data())
def test_after_seek_everything_is_as_after_so_many_updates(data):
    world, plan, _ = attachable(data, rules=False)
    t = data.draw(st.integers(0, 60))
    walked, sought = probe(*GROUPS), probe(*GROUPS)
    first = ps.Scheduler(walked, plan, calendar=world.calendar)
    second = ps.Scheduler(sought, plan, calendar=world.calendar)

    for _ in range(t):
        walked.step()
    second.seek(t)

    assert first.state_dict() == second.state_dict()
    assert first.values() == second.values()
    assert repr(walked.state_dict()) == repr(sought.state_dict())


@given(st.data())
def test_after_replay_the_metric_rules_are_as_after_the_same_observations(data):
    world, plan, _ = attachable(data)
    rules = plan.metric_rules
    if not rules:
        reject()
    names = sorted({rule.metric for rule in rules})
    optimizer, events = probe(*GROUPS), []
    scheduler = ps.Scheduler(optimizer, plan, calendar=world.calendar)

    for t in range(data.draw(st.integers(1, 10))):
        if data.draw(st.booleans()):
            metrics = {name: data.draw(st.sampled_from([0.5, 1.0, 1.5])) for name in names}
            scheduler.observe(**metrics)
            events.append((t, metrics))
        optimizer.step()

    assert ps.replay(plan, events) == scheduler.states
