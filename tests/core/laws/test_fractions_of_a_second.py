"""Boundaries between two seconds: whole milliseconds, met by times in nanoseconds, and values of earlier releases."""

import itertools
from fractions import Fraction
from math import ceil

import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.tables import table

MILLISECONDS = st.integers(1, 3_000)


def seconds_run(lr, durations, **facts):
    """Return the amount and the lr before each update, and at the end, and whether the plan was over."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=lr, clock="seconds"), **facts)
    values = [optimizer.param_groups[0]["lr"]]
    over = [scheduler.should_stop]
    for duration in durations:
        scheduler.consumed(seconds=duration)
        optimizer.step()
        values.append(optimizer.param_groups[0]["lr"])
        over.append(scheduler.should_stop)
    return scheduler, values, over


def levels(stages, inner):
    """Return a plan of constant stages, and the exact values at a time in milliseconds."""
    text = " >> ".join(f'constant({place + 2}.0, "{one / 1000} s")' for place, one in enumerate(stages))
    ends = list(itertools.accumulate(stages))

    def at(time):
        place = next((place for place, end in enumerate(ends) if time < end), len(ends))
        return place + 2.0 if place < len(ends) else 0.5 ** ((time - ends[-1]) // inner)

    return f'{text} >> step("{inner / 1000} s", 0.5)', at


@given(st.lists(MILLISECONDS, min_size=1, max_size=4), MILLISECONDS, st.lists(MILLISECONDS, max_size=25))
def test_every_boundary_in_milliseconds_is_met_by_sums_of_floats(stages, inner, durations):
    lr, at = levels(stages, inner)
    ends = [*stages, inner, inner, inner]  # steps that end exactly at the boundaries
    for steps in (durations, ends):
        _, values, _ = seconds_run(lr, [one / 1000 for one in steps])
        assert values == [at(time) for time in itertools.accumulate(steps, initial=0)]


@given(st.integers(1, 50), MILLISECONDS, st.lists(MILLISECONDS, max_size=25))
def test_cycles_and_windows_start_exactly(times, period, durations):
    lr = f'window(restarts(step("{period / 2000} s", 0.5), "{period / 1000} s"), "0.3 s")'
    _, values, _ = seconds_run(lr, [one / 1000 for one in [300, *[period] * times, *durations]])
    for time, value in zip(itertools.accumulate([300, *[period] * times, *durations]), values[1:], strict=True):
        assert value == 0.5 ** (Fraction(time - 300) % period // Fraction(period, 2))


@given(st.integers(1, 9_999), st.integers(1, 200))
def test_percentages_are_rounded_up_to_milliseconds(share, total):
    plan = ps.Plan(lr=f'warmup("{share / 100}%") >> constant()', clock="seconds", horizon=f"{total / 10} s")
    (line,) = plan.resolve(ps.Calendar()).bindings
    first = ceil(Fraction(share * total, 100)) if total else 0  # of total / 10 s, in milliseconds
    assert line.schedule.stages[0].over.terms == (("seconds", Fraction(first, 1000)),)


@table(("step", "horizon"), [(0.1, 0.3), (0.57, 1.71), (0.19, 0.57), (1 / 3, 1)])
def test_the_run_is_over_at_the_first_update_after_its_horizon(step, horizon):
    scheduler, _, over = seconds_run("constant()", [step] * 4, total=f"{horizon} s", seconds_per_step=step)

    assert over == [False, False, False, True, True]
    assert scheduler.total == 3


def test_breakpoints_of_a_trace_are_in_fractions_of_a_second():
    plan = ps.Plan(lr='warmup("5%") >> cosine(to=0.1)', clock="seconds", horizon="4 s")
    trace = ps.trace(plan, {"lr": 1.0}, ps.Calendar(seconds_per_step=0.1))

    assert trace.breakpoints("lr", 0) == (0.0, 0.2, 4.0)
    assert trace.line("lr", 0) == 'warmup("0.2 s") >> cosine(to=0.1, over="3.8 s")'


def test_a_difference_between_two_seconds_is_found():
    plans = [ps.Plan(lr=f'warmup("{over} s") >> constant()', clock="seconds", horizon="4 s") for over in (0.27, 0.5)]
    (change,) = ps.diff(*plans, ps.Calendar())

    assert (change.when, change.unit) == (0.001, "seconds")
    assert change.by == 1 - 270 / 500
