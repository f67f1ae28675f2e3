"""Runs with a deadline, drawn durations, stalls and restarts, with one optimizer and with several."""

import copy
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.fake_time import FakeTime
from support.updates import probe, used

FALLING = [
    "linear(1, 0)",
    "cosine(to=0.1)",
    'constant() >> linear(previous, 0, over="10 s")',
    'constant() >> linear(previous, 0.2, over="20%")',
    'constant(over="60%") >> linear(previous, 0)',
]
DURATIONS = st.lists(st.one_of(st.floats(0.01, 3.0), st.sampled_from([0.0, 1 / 3, 20.0])), max_size=25)

RUNS = st.lists(
    st.tuples(DURATIONS, st.floats(0.0, 40.0), st.sampled_from(["optimizer", "scheduler", "both"])), max_size=4
)


def started(plan, several, end, untimed, saved, what):
    optimizers = {"muon": probe({}, {"lr": 0.3}), "adamw": probe(lr=0.02)} if several else {"": probe({}, {"lr": 0.3})}
    given = optimizers if several else optimizers[""]
    scheduler = ps.Scheduler(given, plan, deadline=end, untimed_updates=untimed)
    if saved is not None:
        if what != "scheduler":
            for name, one in optimizers.items():
                one.load_state_dict(copy.deepcopy(saved[0][name]))
        if what != "optimizer":
            scheduler.load_state_dict(copy.deepcopy(saved[1]))
    return scheduler, optimizers


@given(st.sampled_from(FALLING), st.booleans(), RUNS, st.integers(0, 3))
def test_no_falling_schedule_rises_and_the_past_is_replayed(schedule, several, runs, untimed):
    with pytest.MonkeyPatch.context() as patch:
        clock = FakeTime(patch)
        end = ps.Calendar(deadline="in 400.7 s").deadline
        plan = ps.Plan(lr=schedule, clock="seconds")
        saved, what, replayable = None, "both", True
        amounts, values = [], []
        for durations, gap, what in [*runs, ([1.0], 0.0, "both")]:
            if saved is not None and end.timestamp() - clock.wall < 20:
                break
            clock.monotonic = gap  # another process
            scheduler, optimizers = started(plan, several, end, untimed, saved, what)
            for duration in durations:
                clock.pass_(duration)
                amounts.append(scheduler.amount)
                for one in optimizers.values():
                    one.step()
            values += used(list(optimizers.values())[-1])
            replayable = replayable and (what != "optimizer" or saved is None or scheduler.t == 0)
            saved = {name: one.state_dict() for name, one in optimizers.items()}, scheduler.state_dict()
            clock.pass_(gap)

    assert len(amounts) == scheduler.t
    assert all(before <= after for before, after in itertools.pairwise(amounts))
    assert all(before >= after for before, after in itertools.pairwise(values))
    bounds = [entry[0] for entry in scheduler.history] + [scheduler.t]
    base = 0.02 if several else 0.1
    for (first, last), (_, _, text, *_) in zip(itertools.pairwise(bounds), scheduler.history, strict=True):
        if text is not None:
            trace = ps.trace(ps.Plan.of_text(text), {"lr": base}, amounts=amounts[first:last])
            assert trace["lr"].tolist() == values[first:last]
    assert not replayable or None not in [entry[2] for entry in scheduler.history]


@given(st.floats(0.01, 4.0), st.lists(st.floats(0.67, 1.0), min_size=1, max_size=9), st.integers(0, 3), st.booleans())
def test_the_last_update_ends_before_the_deadline_and_begins_near_the_horizon(longest, shares, untimed, several):
    # The longest update is at most 1.5 times the shortest one, hence at most 1.5 times every median.
    with pytest.MonkeyPatch.context() as patch:
        clock = FakeTime(patch)
        left = 2 + 40 * longest
        end = clock.monotonic + left
        plan = ps.Plan(lr="linear(1, 0)", clock="seconds")
        scheduler, optimizers = started(plan, several, f"in {left} s", untimed, None, "both")
        durations, began = itertools.cycle(shares), 0.0
        while not scheduler.should_stop:
            began = scheduler.amount
            clock.pass_(longest * next(durations))
            for one in optimizers.values():
                one.step()
        horizon = ps.Plan.of_text(scheduler.history[-1][2]).horizon.terms[0][1]

    assert clock.monotonic <= end + 1e-9
    assert horizon - 3 * longest <= began + 1e-9
    assert began < horizon


@pytest.mark.parametrize(("deadline", "line"), [("in 400 s", "linear(to=0.5)"), (None, 'linear(to=0.5, over="200 s")')])
def test_a_plan_of_mixed_lines_still_ends_at_the_deadline(deadline, line):
    written = {"lr": "linear(1, 0)", "weight_decay": "linear(1, 0.5)"}
    horizon = None if deadline else "200 s"
    kept = {"lr": "new", "weight_decay": "checkpoint"}
    with pytest.MonkeyPatch.context() as patch:
        clock = FakeTime(patch)
        end = ps.Calendar(deadline="in 400 s").deadline
        before = probe(weight_decay=0.1)
        saved = ps.Scheduler(before, ps.Plan(**written, clock="seconds", horizon=horizon), deadline=deadline and end)
        for _ in range(10):
            clock.pass_(2.0)
            before.step()
        clock.pass_(100.0)
        after = probe(weight_decay=0.1)
        plan = ps.Plan(lr="cosine()", weight_decay="linear(1, 0)", clock="seconds")
        scheduler = ps.Scheduler(after, plan, deadline=end, on_change=kept)
        after.load_state_dict(copy.deepcopy(before.state_dict()))
        scheduler.load_state_dict(copy.deepcopy(saved.state_dict()))
        while not scheduler.should_stop:
            clock.pass_(2.0)
            after.step()
        left = end.timestamp() - clock.wall

    lines = {one.name: str(one.schedule) for one in ps.Plan.of_text(scheduler.history[-1][2]).bindings}
    assert lines == {"lr": "cosine()", "weight_decay": line}
    assert left == pytest.approx(2.0)
