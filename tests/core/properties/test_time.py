"""Properties of time: resolved lengths, parts of a second, and clocks."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count, islice, pairwise
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.curves import Curve
from paramsched.core.plan import resolve
from paramsched.core.schedules import Index, Schedule, anneal, constant, every, parse, window
from paramsched.core.time import Duration
from paramsched.errors import InvalidArgument
from support import strategies
from support.strategies import Case, every_shape

POINTWISE = {"sum", "product", "minimum", "maximum", "chain"}


ONE_OPERAND = {"absolute", "as_factor", "clamp", "rounded", "power", "negative", "difference", "with_lengths"}


def settled(schedule: Schedule) -> int | None:
    """Return the first update from which a schedule is constant, or None."""
    return None if (end := exactly_settled(schedule)) is None else ceil(end)


def exactly_settled(schedule: Schedule) -> int | Fraction | None:
    """Return the time from which a schedule is constant, which may be between two updates."""
    args = schedule.args
    inner = args.get("schedule")
    match schedule.kind:
        case "constant":
            return 0
        case "sequence":
            stages = args["stages"]
            taking = [stage for stage in stages if stage.length is None or stage.length.terms] or stages[-1:]
            if sets_final_value_without_updates(stages[-1]):
                taking = stages
            last = exactly_settled(taking[-1])
            return None if last is None else sum(stage.length.number for stage in taking[:-1]) + last
        case "window" if args["end"] is not None:
            return args["end"].number
        case "window":
            return None if (last := exactly_settled(inner)) is None else args["begin"].number + last
        case "shift":
            return None if (last := exactly_settled(inner)) is None else args["by"].number + last
        case "take":
            last = exactly_settled(inner)
            return args["over"].number if last is None else min(args["over"].number, last)
        case "skip":
            return None if (last := exactly_settled(inner)) is None else max(last - args["by"].number, 0)
        case "restarts" if args["mult"] == 1.0:
            return None if args["times"] is None else ceil(args["every"].number * args["times"])
        case _ if schedule.kind in POINTWISE:
            ends = [exactly_settled(operand) for operand in args["operands"]]
            pairs = zip(args["operands"], ends, strict=True)
            late = [end for operand, end in pairs if operand.length is None and end != 0]
            return (
                None if late or None in ends else max(ends)
            )  # because an open operand may change after the length, which the other operands define
        case "every":
            if (last := exactly_settled(inner)) is None:
                return None
            period = args["period"].number
            phase = args["phase"]
            change = next(c for c in multiples(period, ceil(last + phase - period)) if c - phase >= last) - phase
            return change if inner.length is None or last > inner.length.number else min(change, inner.length.number)
        case _ if schedule.kind in ONE_OPERAND:
            return exactly_settled(inner)
    return None if schedule.length is None else schedule.length.number


def multiples(period: int | Fraction, since: int) -> Iterator[int]:
    """Yield the multiples of a period from a time on, each rounded up to an update."""
    return (ceil(k * period) for k in count(max(0, since // period)))


def sets_final_value_without_updates(schedule: Schedule) -> bool:
    """Return whether a schedule sets the final value of a sequence even if no update remains for it."""
    if schedule.kind in POINTWISE:
        return any(sets_final_value_without_updates(operand) for operand in schedule.args["operands"])
    if schedule.kind in ONE_OPERAND:
        return sets_final_value_without_updates(schedule.args["schedule"])
    return schedule.kind == "skip"


@every_shape()
@given(st.data())
def test_a_schedule_keeps_its_final_value_exactly(name, data):
    case = data.draw(strategies.cases(name=name, small=False))
    base = data.draw(strategies.bases())
    end = settled(case.resolved)
    schedule = case.resolved
    held = schedule.planned.held
    length = schedule.length
    assert end is None or end <= ceil(held) <= (end if length is None else max(end, length.updates))
    if end is None:  # open: it ends where a window does
        end = data.draw(st.integers(0, 100))
        schedule = window(case.resolved, 0, end)

    try:
        last = schedule(end, base)
    except InvalidArgument as error:
        # A milestone or a window of the schedule may be after the end of this window.
        assume("milestone" not in str(error) and "ends before it begins" not in str(error))
        raise

    later = [end + 1, end + 2, 2 * end + 7, end + 10**6, 10 * end + 10**9]
    if end < 2**52:  # beyond, floats have no halves
        later.append(end + 0.5)
    assert schedule(np.array(later), base).tolist() == [last] * len(later)


def lasting(case):
    """Return the schedule of a case, continued by its last value to update 1000."""
    try:
        return resolve(case.resolved if case.resolved.length is None else case.resolved >> constant(), total=1000)
    except InvalidArgument:  # a window in a sum begins after the end of the other operand
        reject()


@every_shape()
@given(st.data(), st.fractions(1, 30, max_denominator=4))
def test_every_changes_only_at_multiples_of_its_period(name, data, period):
    case = data.draw(strategies.cases(name=name, small=False))
    base = data.draw(strategies.bases())
    inner = lasting(case)
    t = data.draw(st.integers(0, 999))
    last = max(m for m in islice(multiples(period, t - ceil(period)), 3) if m <= t)

    assert every(inner, Duration((("updates", period),)))(t, base) == inner(last, base)


@every_shape()
@given(st.data())
def test_values_are_finite_everywhere(name, data):
    case = data.draw(strategies.cases(name=name, small=False))
    base = data.draw(strategies.bases())
    times = data.draw(strategies.times(case, 10))

    assert np.isfinite(case.resolved(np.array(times), base)).all()
    assert np.isfinite(case.resolved(2**53, base))


@given(strategies.cases(depth=2), strategies.bases(), st.integers(1, 60), st.integers(0, 60))
def test_a_window_is_base_before_it_and_its_last_value_after_it(case, base, begin, size):
    cut = window(case.resolved, begin, begin + size)
    try:
        cut.planned  # noqa: B018  # raises if a window inside begins after the end of this one
    except InvalidArgument:
        reject()

    assert cut(np.arange(begin), base).tolist() == [base] * begin
    assert cut(np.arange(begin, begin + size), base).tolist() == case.resolved(np.arange(size), base).tolist()
    assert cut(begin + size + 5, base) == case.resolved(size, base)


@given(
    strategies.named_curves(),
    strategies.levels(fixed=False),
    strategies.levels(fixed=False),
    st.integers(1, 5000) | st.sampled_from([10**5 + 3, 2**24 + 1, 2**53]),
    st.sampled_from(Index.__args__),
    st.floats(0, 1),
)
def test_an_anneal_along_a_monotone_curve_is_monotone(curve, start, to, n, index, where):
    schedule = anneal(start, to, n, curve, index)
    begin = int(where * max(n - 2000, 0))

    values = schedule(np.concatenate([[0], np.arange(begin, begin + 3000), [n, n + 1]]), 1.0)

    if curve.monotone:
        steps = np.diff(values[1:-2])
        assert (steps >= 0).all() if to >= start else (steps <= 0).all()
        assert min(start, to) <= values.min()
        assert values.max() <= max(start, to)
    assert values[-1] == values[-2] == to
    if index == "t/n":
        assert values[0] == start


@given(strategies.named_curves())
def test_a_curve_goes_from_zero_to_one(curve: Curve):
    u = np.linspace(0, 1, 1001)

    values = curve(u)

    # By itself a curve meets its ends up to rounding; a schedule meets them exactly.
    assert abs(values[0]) <= 1e-9
    assert abs(values[-1] - 1) <= 1e-9
    assert np.isfinite(values).all()
    assert curve(0.3) == curve(np.array([0.3]))[0]


@every_shape()
@given(st.data())
def test_breakpoints_are_sorted_times_including_zero_and_the_end(name, data):
    case = data.draw(strategies.cases(name=name, small=False))
    until = data.draw(st.integers(1, 2000))

    points = case.resolved.breakpoints(until)

    assert list(points) == sorted(set(points))
    assert all(type(point) is int for point in points)
    assert points[0] == 0
    assert points[-1] <= until
    length = case.resolved.length
    assert (min(until, length.updates) if length is not None else until) in points


@every_shape()
@given(st.data())
def test_breakpoints_of_a_shorter_range_are_the_same(name, data):
    case = data.draw(strategies.cases(name=name))
    far = data.draw(st.integers(1, 300))
    near = data.draw(st.integers(1, far))

    try:
        short = case.resolved.breakpoints(near)
        long = case.resolved.breakpoints(far)
    except InvalidArgument as refused:
        if "more than 250000 points" not in str(refused):  # of a restart in each millionth of an update
            raise
        reject()

    assert set(short) - {near} == {point for point in long if point < near}


def bent(case: Case, base: float) -> list[int]:
    """Return triples of adjacent updates without a breakpoint whose values are not on a line."""
    total = min(case.world.total + 2, 400)
    values = case.resolved(np.arange(total), base)
    points = set(case.resolved.breakpoints(total))
    rounding = 1e-13 * np.abs(values).max() * max(1.0, total / 100)
    middle = np.abs(values[2:] - 2 * values[1:-1] + values[:-2]) > rounding
    return [t for t in np.flatnonzero(middle).tolist() if not points & {t + 1, t + 2}]


@given(strategies.cases(names=strategies.STRAIGHT), st.sampled_from([0.1, 1.0]))
def test_lines_are_straight_between_breakpoints(case, base):
    assert bent(case, base) == []


@every_shape()
@given(st.data())
def test_a_schedule_without_open_parts_is_constant_after_its_length(name, data):
    case = data.draw(strategies.cases(name=name))
    length = case.resolved.length
    end = settled(case.resolved)
    if length is None or end is None:
        return

    values = case.resolved(np.array([length.updates, length.updates + 1, 2 * length.updates + 10**6]), 0.1)

    assert end <= length.updates
    assert len(set(values.tolist())) == 1


@every_shape()
@given(st.data())
def test_resolving_twice_is_resolving_once(name, data):
    case = data.draw(strategies.cases(name=name, small=False))

    assert case.resolved.is_resolved
    assert resolve(case.resolved, facts=case.world.facts) == case.resolved
    assert resolve(case.resolved, total=case.world.total) == case.resolved


@given(st.data())
def test_a_schedule_that_takes_the_remaining_time_needs_the_total(data):
    world = data.draw(strategies.worlds(small=False))
    schedule = data.draw(strategies.schedules(world))
    assume(schedule.fills)

    with pytest.raises(InvalidArgument):
        resolve(schedule, facts=replace(world.facts, total=None))


@given(st.data())
def test_lengths_add_up_to_the_total(data):
    world = data.draw(strategies.worlds(small=False))
    stages = data.draw(st.lists(strategies.schedules(world, depth=2), min_size=2, max_size=5))
    assume(sum(not stage.has_length for stage in stages) == 1)
    whole: Schedule = stages[0]
    for stage in stages[1:]:
        whole = whole >> stage
    assume(whole.kind == "sequence")
    try:
        resolved = resolve(whole, facts=world.facts)
    except InvalidArgument:
        return

    lengths = [stage.length for stage in resolved.args["stages"]]

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
    exact = [world.facts.exact(Duration.of(length)) for length in lengths]
    assume(sum(exact) <= world.total)
    whole: Schedule = constant(0.0, lengths[0])
    for number, length in enumerate(lengths[1:], start=1):
        whole = whole >> constant(float(number), length)
    whole = whole >> constant(float(len(lengths)), "0 steps") >> constant(-1.0)

    values = resolve(whole, facts=world.facts)(np.arange(world.total))

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
    of_another_span = ("every", "restarts", "take", "skip")
    names = tuple(name for name in strategies.ALL if name not in of_another_span)
    in_epochs = re.sub(
        r'"[^"]*(?:%|epoch|step|sample)[^"]*"',
        lambda _: f'"{data.draw(st.integers(0, max(epochs // 10, 1)))} epochs"',
        str(data.draw(strategies.schedules(world, depth=3, names=names))),
    )
    in_steps = re.sub(r'"(\d+) epochs"', lambda match: str(int(match[1]) * size), in_epochs)
    share = Fraction(100, epochs)
    in_per_cent = re.sub(r'"(\d+) epochs"', lambda match: f'"{float(int(match[1]) * share):g}%"', in_epochs)
    try:
        expected = resolve(parse(in_epochs), facts=world.facts)
    except InvalidArgument:
        return

    assert resolve(parse(in_steps), facts=world.facts) == expected
    assert resolve(parse(in_per_cent), facts=world.facts) == expected


@given(st.data())
def test_a_resolved_schedule_needs_no_facts_and_keeps_its_values(data):
    case = data.draw(strategies.cases())
    times = np.arange(case.world.total)

    again = resolve(case.resolved, total=case.world.total)

    np.testing.assert_array_equal(again(times, 0.1), case.resolved(times, 0.1))


@given(st.data())
def test_a_resolved_plan_is_the_plan_of_resolved_schedules(data):
    world = data.draw(strategies.worlds())
    plan = data.draw(strategies.plans(world))
    try:
        resolved = plan.resolve(facts=world.facts)
    except InvalidArgument:
        return

    assert resolved.is_resolved
    assert resolved.resolve(facts=world.facts) == resolved
    assert [b.schedule for b in resolved.bindings] == [resolve(b.schedule, facts=world.facts) for b in plan.bindings]


def test_a_milestone_after_its_stage_is_refused_with_times_of_the_clock():
    with pytest.raises(InvalidArgument, match="30% of a stage of 20%"):
        ps.Plan(lr='warmup("80%") >> multistep(["1%", "30%"])', clock="progress").resolve()
