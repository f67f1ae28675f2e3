"""A part of a schedule has the values of that schedule bit for bit, with any neighboring stage."""

from dataclasses import replace

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from paramsched.core.plan import resolve
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.anneal import linear
from paramsched.core.schedules.cuts import skip, take
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.pointwise import clamp, minimum
from paramsched.core.time import Calendar
from support import strategies
from support.strategies import Case, every_shape


def bits(values: np.ndarray) -> bytes:
    """Return the exact values, without the sign of zero, which may change next to absolute levels."""
    return (values + 0.0).tobytes()


def run_of(case: Case, total: int) -> Calendar:
    """Return the run facts of a case with another length."""
    world = case.world
    return replace(world.calendar, total=total)


def beside() -> st.SearchStrategy[Schedule]:
    """Draw the stage after a part: with an absolute level, or not affine."""
    return st.sampled_from(
        [linear(0.5, over=7), clamp(constant(0.3), high=0.2), minimum(constant(0.1), linear(over=5))]
    )


@every_shape()
@given(st.data())
def test_take_keeps_the_values_and_then_stays_constant(name, data):
    case, base = data.draw(strategies.cases(name=name)), data.draw(strategies.bases())
    over = data.draw(st.integers(0, case.world.total))
    times = np.arange(case.world.total + 1)

    part = resolve(take(case.written, over), case.world.calendar)

    expected = case.resolved(times, base)
    assert bits(part(times[:over], base)) == bits(expected[:over])
    assert set(part(times[over:], base).tolist()) == {expected[over]}
    assert [part(int(t), base) for t in times[:5]] == [case.resolved(min(int(t), over), base) for t in times[:5]]


@every_shape()
@given(st.data())
def test_skip_has_the_breakpoints_of_the_schedule(name, data):
    case = data.draw(strategies.cases(name=name))
    by = data.draw(st.integers(0, case.world.total))
    left = case.world.total - by

    inside = {change for change in skip(case.resolved, by).breakpoints(left) if 0 < change < left}

    assert inside == {change - by for change in case.resolved.breakpoints(case.world.total)} & set(range(1, left))


@every_shape()
@given(st.data())
def test_a_stage_after_take_does_not_change_its_values(name, data):
    case, base = data.draw(strategies.cases(name=name)), data.draw(strategies.bases())
    at, later = data.draw(st.integers(0, case.world.total)), data.draw(st.integers(10, 5000))
    times = np.arange(at)

    plan = take(case.written, at, of=case.world.total) >> data.draw(beside())
    changed = resolve(plan, run_of(case, at + later))

    assert bits(changed(times, base)) == bits(case.resolved(times, base))
    assert [changed(int(t), base) for t in times[-3:]] == [case.resolved(int(t), base) for t in times[-3:]]
    bases = np.array([base, 0.1])
    np.testing.assert_array_equal(changed(times[-3:, None], bases), case.resolved(times[-3:, None], bases))


@every_shape()
@given(st.data())
def test_skip_continues_at_the_value_of_the_schedule(name, data):
    case, base = data.draw(strategies.cases(name=name)), data.draw(strategies.bases())
    by = data.draw(st.integers(0, case.world.total - 1))
    times = np.arange(by, case.world.total + 1)

    rest = resolve(constant(0.0, by) >> skip(case.written, by), case.world.calendar)

    if case.resolved.has_length:
        # A sequence cuts its stages at exact sums, rounded once. A shape that rounds two lengths of its own, as a shift
        # by 19% of cycles of 47.75 updates, may be an update longer than that.
        assume(rest.length.updates == max(case.resolved.length.updates, by))
    np.testing.assert_array_equal(rest(times, base), case.resolved(times, base))


@every_shape()
@given(st.data())
def test_take_and_skip_together_equal_the_schedule(name, data):
    case, base = data.draw(strategies.cases(name=name)), data.draw(strategies.bases())
    at = data.draw(st.integers(0, case.world.total))
    times = np.arange(case.world.total + 1)

    whole = resolve(take(case.written, at) >> skip(case.written, at), case.world.calendar)

    np.testing.assert_array_equal(whole(times, base), case.resolved(times, base))


@given(st.data())
def test_a_part_with_of_does_not_depend_on_the_length_of_the_run(data):
    case = data.draw(strategies.cases())
    longer = run_of(case, case.world.total + data.draw(st.integers(1, 1000)))
    by = data.draw(st.integers(0, case.world.total))

    part = resolve(take(case.written, 5, of=case.world.total), longer)
    rest = resolve(constant(0.0, over=by) >> skip(case.written, by, of=case.world.total), longer)

    assert part.schedule == case.resolved
    times = np.arange(by, case.world.total + 1)
    np.testing.assert_array_equal(rest(times, 0.3), case.resolved(times, 0.3))
