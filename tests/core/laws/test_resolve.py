"""Law 6: resolving turns units into updates, once."""

import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paramsched.core.plan import resolve
from paramsched.core.schedules import Schedule, parse
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.sequence import Sequence
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument
from support import strategies
from support.strategies import every_shape


@every_shape()
@given(st.data())
def test_resolving_twice_is_resolving_once(name, data):
    case = data.draw(strategies.cases(name=name, small=False))

    assert case.resolved.is_resolved
    assert resolve(case.resolved, case.world.calendar) == case.resolved
    assert resolve(case.resolved, Calendar(total=case.world.total)) == case.resolved


@given(st.data())
def test_a_schedule_that_takes_the_remaining_time_needs_the_total(data):
    world = data.draw(strategies.worlds(small=False))
    schedule = data.draw(strategies.schedules(world))
    assume(schedule.fills)

    with pytest.raises(InvalidArgument):
        resolve(schedule, replace(world.calendar, total=None))


@given(st.data())
def test_lengths_add_up_to_the_horizon(data):
    world = data.draw(strategies.worlds(small=False))
    stages = data.draw(st.lists(strategies.schedules(world, depth=2), min_size=2, max_size=5))
    assume(sum(not stage.has_length for stage in stages) == 1)
    whole: Schedule = stages[0]
    for stage in stages[1:]:
        whole = whole >> stage
    assume(isinstance(whole, Sequence))
    try:
        resolved = resolve(whole, world.calendar)
    except InvalidArgument:
        return

    lengths = [stage.length for stage in resolved.stages]

    if whole.fills:
        assert sum(length.updates for length in lengths) == world.total
    else:
        assert lengths[-1] is None


@given(
    st.lists(st.sampled_from(["0.07%", "7%", "3.3333%", "1.25 epochs", "0.5 steps", "33 samples", 3]), min_size=1),
    st.data(),
)
def test_each_boundary_is_rounded_up_once_from_the_start_of_the_run(lengths, data):
    world = data.draw(strategies.worlds())
    exact = [world.calendar.exact(Duration.of(length)) for length in lengths]
    assume(sum(exact) <= world.total)
    whole: Schedule = constant(0.0, lengths[0])
    for number, length in enumerate(lengths[1:], start=1):
        whole = whole >> constant(float(number), length)
    whole = whole >> constant(float(len(lengths)), "0 steps") >> constant(-1.0)

    values = resolve(whole, world.calendar)(np.arange(world.total))

    bounds = [ceil(sum(exact[:n], Fraction(0))) for n in range(len(exact) + 1)]
    expected = np.full(world.total, -1.0)
    for number, (begin, end) in enumerate(pairwise(bounds)):
        expected[begin:end] = number
    np.testing.assert_array_equal(values, expected)


@given(st.data())
def test_the_same_plan_in_epochs_steps_and_percent_gives_the_same_values(data):
    epochs = data.draw(st.sampled_from([1, 4, 10, 25, 50, 100]))
    size = data.draw(st.integers(1, 40))
    world = strategies.World(epochs * size, size, 1, 1)
    # Percent in a cycle, or in `take` or `skip` with `of`, are not percent of this run.
    of_another_span = ("every", "recurrence", "restarts", "take", "skip")
    names = tuple(name for name in strategies.ALL if name not in of_another_span)
    in_epochs = re.sub(
        r'"[^"]*(?:%|epoch|step|sample)[^"]*"',
        lambda _: f'"{data.draw(st.integers(0, max(epochs // 10, 1)))} epochs"',
        str(data.draw(strategies.schedules(world, depth=3, names=names))),
    )
    in_steps = re.sub(r'"(\d+) epochs"', lambda found: str(int(found[1]) * size), in_epochs)
    share = Fraction(100, epochs)
    in_per_cent = re.sub(r'"(\d+) epochs"', lambda found: f'"{float(int(found[1]) * share):g}%"', in_epochs)
    try:
        expected = resolve(parse(in_epochs), world.calendar)
    except InvalidArgument:
        return

    assert resolve(parse(in_steps), world.calendar) == expected
    assert resolve(parse(in_per_cent), world.calendar) == expected


@given(st.data())
def test_a_resolved_schedule_needs_no_calendar_and_keeps_its_values(data):
    case = data.draw(strategies.cases())
    times = np.arange(case.world.total)

    again = resolve(case.resolved, Calendar(total=case.world.total))

    np.testing.assert_array_equal(again(times, 0.1), case.resolved(times, 0.1))


@given(st.data())
def test_a_resolved_plan_is_the_plan_of_resolved_schedules(data):
    world = data.draw(strategies.worlds())
    plan = data.draw(strategies.plans(world))
    try:
        resolved = plan.resolve(world.calendar)
    except InvalidArgument:
        return

    assert resolved.is_resolved
    assert resolved.resolve(world.calendar) == resolved
    assert [b.schedule for b in resolved.bindings] == [resolve(b.schedule, world.calendar) for b in plan.bindings]
