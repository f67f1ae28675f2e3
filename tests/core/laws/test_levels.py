"""Laws of levels: a sum of levels gives the sum of their values, and a neighbor's level joins two stages."""

import typing

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from paramsched.core import files as config
from paramsched.core.plan import Plan, resolve
from paramsched.core.schedules import SHAPES, Level, Schedule, absolute, following, parse, parse_own, previous
from paramsched.core.schedules.anneal import linear
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.retimed import window
from paramsched.errors import InvalidArgument, Unresolved
from support import strategies
from support.examples import at_most

ENDS = st.sampled_from([1, 2, 7, 50, 333])
OF_TWO_LEVELS = (
    "linear({}, {}, 20)",
    "cosine(start={}, to={}, over=20, index='(t+1)/(n+1)')",
    "anneal({}, {}, 20, curves.power(3), 't/(n-1)')",
    "cyclic(4, 3, {}, {})",
    "cyclic(4, 3, {}, {}, 'triangular2')",
    "cyclic(4, 3, {}, {}, 'exp_range', 1.01)",
    "piecewise([[0, {}], [11, {}]], curves.cosine)",
)
OF_A_FLOOR = ("rules.cosine({}, end=20)", "rules.polynomial(2, {}, end=20)", "rules.anneal({}, 20)")


@pytest.mark.parametrize("form", OF_TWO_LEVELS)
@given(*([st.floats(-4, 4)] * 4), strategies.bases())
def test_a_sum_of_levels_gives_the_sum_of_their_values(form, a, b, c, d, base):
    assume(base < 1e9)
    t = np.arange(25)

    both = parse(form.format(f"{a} + absolute({b})", f"{c} + absolute({d})"))

    relative, fixed = parse(form.format(a, c)), parse(form.format(f"absolute({b})", f"absolute({d})"))
    np.testing.assert_allclose(both(t, base), relative(t, base) + fixed(t, base), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", OF_A_FLOOR)
@given(st.floats(-4, 4), st.floats(-4, 4), strategies.bases())
def test_the_level_of_a_rule_may_be_a_multiple_plus_an_absolute_value(form, a, b, base):
    assume(base < 1e9)
    t = np.arange(25)

    both = parse(f"recurrence({form.format(f'{a} + absolute({b})')})")

    relative, fixed, neither = (parse(f"recurrence({form.format(to)})") for to in (a, f"absolute({b})", 0.0))
    expected = relative(t, base) + fixed(t, base) - neither(t, base)
    np.testing.assert_allclose(both(t, base), expected, rtol=1e-9, atol=1e-9)


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(-9, 9), strategies.bases())
def test_the_bound_of_a_clamp_may_be_a_multiple_plus_an_absolute_value(a, b, level, base):
    cut = parse(f"clamp({level}, {a} + absolute({b}))")

    assert cut(0, base) == max(level * base, a * base + b)


OF_OWN_VALUES = ("noam", "power_scheduler")
"""Recipes whose levels are absolute already."""


def length_of(schedule: Schedule) -> object:
    """Return the length of a schedule, or the error if its parts have lengths in different units."""
    try:
        return schedule.length if schedule.has_length else None
    except Unresolved as error:
        return str(error).partition(":")[2]


@strategies.every_shape(leave_out=("absolute", *OF_OWN_VALUES), step=2)
@given(st.data(), strategies.bases())
def test_an_absolute_schedule_has_the_bits_of_the_schedule_at_base_1(name, data, base):
    case = data.draw(strategies.cases(name=name, fixed=False))
    try:
        written = absolute(case.written)
    except InvalidArgument:  # a rule of the shape has absolute levels
        reject()
    times = np.array(data.draw(strategies.times(case, 7)))

    resolved = resolve(written, case.world.calendar)

    assert str(written) == f"absolute({case.written})"
    assert parse_own(str(written)) == written
    assert resolved == absolute(case.resolved)
    assert (written.fills, written.has_length) == (case.written.fills, case.written.has_length)
    assert length_of(written) == length_of(case.written)
    expected = case.resolved(times, 1.0)
    assert resolved(times, base).tobytes() == expected.tobytes()
    assert np.array([resolved(time.item(), base) for time in times]).tobytes() == expected.tobytes()
    total = case.world.total
    if total <= 5000:
        assert resolved.breakpoints(total) == case.resolved.breakpoints(total)
    if not np.isinf(expected).any():
        stage = constant(1.0, 3) >> window(resolved, 0, total)
        at = np.minimum(times, total - 1)
        np.testing.assert_array_equal(stage(at + 3, base), case.resolved(at, 1.0))


@st.composite
def stages_before(draw, **kinds):
    """Draw a stage with a length, of any shape, and the run for which it is resolved."""
    world = draw(strategies.worlds())
    part = draw(strategies.schedules(world, depth=2, **kinds))
    return window(part, 0, draw(ENDS)), world


def resolved_or_rejected(schedule, world):
    """Resolve a schedule; reject one that is longer than the run or not finite at the boundary."""
    try:
        return resolve(schedule, world.calendar)
    except InvalidArgument:
        return assume(False)


def levels_of(builder):
    """Return the arguments of a shape that are levels."""
    hints = typing.get_type_hints(builder)
    return sorted(name for name, hint in hints.items() if strategies.without_none(hint) == Level)


def shapes_with_levels():
    """Return the shapes with a level argument, except tanh, whose levels must be numbers."""
    return sorted(name for name, builder in strategies.BUILDERS.items() if levels_of(builder) and name != "tanh")


@pytest.mark.parametrize("word", [previous, following], ids=str)
@pytest.mark.parametrize("name", shapes_with_levels())
@at_most(3)
@given(st.data())
def test_previous_and_following_are_accepted_for_every_level(name, word, data):
    wanted = data.draw(st.sampled_from(levels_of(SHAPES[name])))
    drawing = strategies.drawing(strategies.World(1000, 20, 32, 1), 2, names=strategies.SIMPLE)

    def argument(key, *rest):
        return st.just(word) if key == wanted else drawing(key, *rest)

    schedule = data.draw(strategies.built(SHAPES[name], argument).filter(lambda made: str(word) in str(made)))

    assert schedule.has_neighbor_levels
    assert not schedule.is_resolved
    assert parse(str(schedule)) == schedule
    assert hash(parse(str(schedule))) == hash(schedule)
    for form in ("yaml", "json"):
        plan = Plan(lr=schedule)
        assert config.loads(config.dump(plan, format=form), form) == plan
    with pytest.raises(InvalidArgument, match="it contains previous or following"):
        schedule(0)


@given(stages_before(affine=True), strategies.bases())
def test_a_stage_from_previous_starts_exactly_at_the_end_of_the_previous_stage(drawn, base):
    before, world = drawn
    whole = resolved_or_rejected(before >> linear(previous, 0, over=9), world)
    assume(len(whole.stages) == 2)
    first, second = whole.stages

    end = first.length.updates

    assert second(0, base) == whole(end, base)
    np.testing.assert_array_equal(whole(end, base), first(end, base))


@given(stages_before(affine=True), strategies.bases())
def test_a_stage_to_following_ends_exactly_at_the_start_of_the_next_stage(drawn, base):
    behind, world = drawn
    whole = resolved_or_rejected(linear(0, following, over=9) >> behind, world)
    assume(len(whole.stages) == 2)
    first, second = whole.stages

    np.testing.assert_array_equal(first(9, base), second(0, base))


@given(stages_before(fixed=False), st.floats(1e-8, 10))
def test_without_absolute_values_the_level_is_the_same_multiple_for_every_base(drawn, base):
    before, world = drawn
    whole = resolved_or_rejected(before >> constant(previous), world)
    assume(len(whole.stages) == 2)
    first, second = whole.stages
    end = first.length.updates

    assert second(0, 1.0) == first(end, 1.0)
    assert second(0, base) == pytest.approx(first(end, base), rel=1e-12, abs=1e-300)


@given(stages_before())
def test_previous_resolves_to_the_same_plan_as_its_level(drawn):
    before, world = drawn
    written = before >> linear(previous, 0.25, over=5) >> constant(0.25)
    whole = resolved_or_rejected(written, world)

    assert parse(str(written)) == written
    assert parse_own(str(whole)) == whole
    assert not whole.has_neighbor_levels
    assert resolve(whole, world.calendar) == whole
    level = whole.stages[-2].start
    assert resolve(before >> linear(level, 0.25, over=5) >> constant(0.25), world.calendar) == whole
