"""Combinators: boundaries, what cannot be combined, and breakpoints."""

import numpy as np
import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import step
from paramsched.core.schedules.restarts import restarts
from paramsched.core.schedules.retimed import window
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument, Unresolved
from support.tables import table

RUN = Calendar(total=100, steps_per_epoch=10)


def values(schedule, *times, base=1.0):
    return [schedule(t, base) for t in times]


# ---------------------------------------------------------------- sequence


def test_a_stage_that_exactly_fills_the_run_leaves_no_update():
    schedule = resolve(warmup(100) >> cosine(), RUN)

    assert values(schedule, 99, 100, 500) == [0.99, 1.0, 1.0]


def test_resolved_boundaries_do_not_drift():
    sevenths = resolve(parse(" >> ".join(f'constant({i}, "7%")' for i in range(14)) + " >> constant(14)"), RUN)

    assert [int(sevenths(t)) for t in range(100)] == [t // 7 for t in range(100)]


# ---------------------------------------------------------------- times inside a stage


def test_percentages_refer_to_the_horizon_at_any_depth():
    schedule = resolve(warmup("10%") >> restarts(window(cosine(over="10%"), "5%"), "20%"), RUN)

    assert str(schedule) == "warmup(10) >> restarts(window(cosine(over=10), 5), 20)"


# ---------------------------------------------------------------- window, chain, shift, restarts


def test_restarts_with_a_fractional_period_lose_no_update():
    schedule = resolve(restarts(linear(1.0, 0.0), "33.5%"), RUN)

    assert str(schedule) == 'restarts(linear(over="33.5 steps"), "33.5 steps")'
    assert values(schedule, 0, 33, 34, 67, 100) == [1.0, 0.5 / 33.5, 33 / 33.5, 1.0, 0.5 / 33.5]


def test_restarts_with_a_fractional_period_end_with_their_stage():
    schedule = resolve(restarts(linear(1.0, 0.0), "33.5%") >> constant(7.0, 30), RUN)

    assert (schedule(69) < 1.0, schedule(70)) == (True, 7.0)
    assert sum(stage.length.updates for stage in schedule.stages) == 100


def test_cycles_of_integral_length_are_equal_after_a_fractional_start():
    schedule = resolve(warmup("0.5%") >> restarts(linear(1.0, 0.0), 7), Calendar(total=100_001))

    assert str(schedule) == "warmup(501) >> restarts(linear(over=7), 7)"


# ---------------------------------------------------------------- products and sums


@table("text", ["warmup(3) >> step", "warmup(3) / step(5)", "warmup(3) >> 'a'", "warmup(3) ** step"])
def test_operations_that_schedules_do_not_support_are_rejected(text):
    with pytest.raises(InvalidArgument):
        parse(text)


# ---------------------------------------------------------------- positions of breakpoints


def test_breakpoints_of_an_open_ended_schedule_require_until():
    with pytest.raises(InvalidArgument, match="until"):
        step(5).breakpoints()

    assert step(5).breakpoints(12) == (0, 5, 10, 12)
    with pytest.raises(Unresolved):
        warmup("5%").breakpoints()


ROUNDED = {"exact": ("33.33 steps", 34, 67), "nearest": ("33", 33, 68), "floor": ("33", 33, 68)}


@pytest.mark.parametrize("lengths", ROUNDED)
def test_inner_boundaries_are_rounded_and_the_end_is_that_of_any_stage(lengths):
    share, end, rest = ROUNDED[lengths]
    share = share if share.isdecimal() else f'"{share}"'
    form = f'with_lengths({{}}, "{lengths}")' if lengths != "exact" else "with_lengths({})"
    first, run = form.format(f"warmup({share})"), Calendar(total=101)

    for line, resolved, length in (
        (f'with_lengths(warmup("33%"), "{lengths}")', first, end),
        (f'with_lengths(warmup("33%"), "{lengths}") >> cosine()', f"{first} >> cosine(over={rest})", 101),
        (f'with_lengths(cosine(), "{lengths}") >> linear(over="33%")', None, 101),
        (f'with_lengths(constant(), "{lengths}")', form.format("constant()"), None),
        (f'warmup(10) >> with_lengths(linear(over="33%") >> cosine(start=0.5), "{lengths}")', None, 101),
    ):
        schedule = resolve(parse(line), run)
        assert resolved is None or str(schedule) == resolved
        assert (None if schedule.length is None else schedule.length.updates) == length
        times = np.arange(101)
        for kind in (np.int32, np.float32):
            assert schedule(times.astype(kind)).tolist() == schedule(times).tolist()
    assert parse('with_lengths(warmup("2.5 steps") >> linear(over="3.25 steps"))').length == Duration.of(6)


@table("stage", ["take(exponential(0.97), 12)", "take(0.3 + 0.7 * cosine(over=30), 12)"])
def test_a_stage_with_lengths_has_the_bits_of_the_stage_also_beside_a_stage_that_is_not_affine(stage):
    line = "warmup(5) >> {} >> minimum(linear(over=20), constant(absolute(0.02)))"
    plain, wrapped = (parse(line.format(one)) for one in (stage, f"with_lengths({stage})"))
    alone, times = parse(stage), np.arange(12)

    for base in (0.1, 0.3, 7.3):
        assert np.array_equal(plain(times + 5, base=base), alone(times, base=base))
        assert np.array_equal(wrapped(times + 5, base=base), alone(times, base=base))
