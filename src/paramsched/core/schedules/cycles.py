"""Schedules that repeat: `restarts`, `every`, `cosine_restarts`, `cyclic`."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import islice
from math import ceil, floor
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from paramsched.base.params import Positive
from paramsched.core import curves
from paramsched.core.curves.arrays import Array, power_of
from paramsched.core.schedules.anneals import along
from paramsched.core.schedules.definition import (
    FirstIndex,
    Growth,
    OptionalCount,
    OptionalPeriod,
    Period,
    RoundedLengths,
    formula,
    plan,
    planner,
)
from paramsched.core.schedules.level import AbsoluteValue, Level
from paramsched.core.schedules.messages import shapes as messages
from paramsched.core.schedules.messages.evaluation import no_total
from paramsched.core.schedules.schedule import Extent, Schedule, schedules_inside, short_line
from paramsched.core.schedules.span import (
    Base,
    CycleRounding,
    PlannedSchedule,
    Span,
    end_of_cycles,
    fitting_times,
    growing_cycles,
    last_boundary,
    multiples,
    product,
    split,
    sum_of_cycles,
)
from paramsched.core.schedules.windows import skip
from paramsched.core.time.duration import MOST_AMOUNT, Duration, Number, count_of, exact_number, within_digits

_MAX_GROWING: Final = 50_000  # the largest number of growing cycles; they are longer than any time that can be counted
_SHORT_CYCLE: Final = 4096  # updates, and breakpoints: those of a cycle with fewer are computed once


def extent_of_cycles(first: Duration | None, times: int | None) -> Extent:
    """Return the extent of cycles: without a first length they fill the run, and without a number they have no end."""
    return "fills" if first is None else "open" if times is None else "has"


def length_of_cycles(first: Duration, mult: float, lengths: CycleRounding, times: int) -> Duration:
    """Return the length of cycles as written, up to the first update after them."""
    period = first.exact
    if period is not None:
        end = ceil(end_of_cycles(exact_number(max(period, Fraction(1))), mult, lengths, times))
        return Duration.of_updates(min(Fraction(end), MOST_AMOUNT))
    whole = sum_of_cycles(mult, times)
    return Duration(
        tuple((unit, Fraction(within_digits(min(amount * whole, MOST_AMOUNT)))) for unit, amount in first.terms)
    )


def first_up_to_boundary(first: Number, mult: float, lengths: CycleRounding, times: int, span: Span) -> Number:
    """Return the length of the first cycle; shorter if the boundary after all cycles is earlier than their end."""
    end = end_of_cycles(first, mult, lengths, times)
    available = span.up_to_boundary(end)
    if available == end:
        return first
    return max(1, within_digits(Fraction(first) * Fraction(available) / Fraction(end)))


def refuse_growth(name: str, first: Duration | None, mult: float, lengths: str, times: int | None) -> None:
    """Raise for growing cycles that no table can contain, or that do not grow."""
    number = None if first is None else first.exact
    if mult != 1 and times is not None and times > _MAX_GROWING:
        raise messages.too_many_growing_cycles(name, times, _MAX_GROWING)
    if lengths == "floor" and mult > 1 and number is not None and int(int(number) * mult) == int(number):
        raise messages.cycles_do_not_grow(name, lengths, int(number), mult)


def _cycles(call: Schedule) -> dict[str, Any]:
    return {key: call.args[key] for key in ("mult", "lengths", "times")}


def _extent(call: Schedule) -> Extent:
    return extent_of_cycles(call.args["every"], call.args["times"])


def _length(call: Schedule) -> Duration:
    return length_of_cycles(call.args["every"], **_cycles(call))


def _measure(call: Schedule, span: Span) -> Fraction:
    return Fraction(end_of_cycles(span.period(call.args["every"]), **_cycles(call)))


def _check(call: Schedule) -> None:
    args = call.args
    inner = args["schedule"]
    if args["every"] is None and args["times"] is None:
        line = f"restarts({inner}, times=4)"
        level = inner.args["value"] if inner.kind == "constant" else None
        if level is not None and not isinstance(level, AbsoluteValue) and level > 1:  # restarts(100)
            line = f"restarts(cosine(), {level:g})"
        raise messages.neither_period_nor_times(line)
    if args["every"] is None and args["lengths"] != "exact":
        raise messages.even_cycles_are_not_rounded(args["lengths"])
    refuse_growth("restarts", args["every"], **_cycles(call))


@planner(extent=_extent, length=_length, measure=_measure, check=_check)
def restarts(
    call: Schedule,
    span: Span,
    schedule: Schedule,
    every: OptionalPeriod = None,
    times: OptionalCount = None,
    mult: Growth = 1.0,
    gamma: Positive = 1.0,
    lengths: RoundedLengths = "exact",
) -> PlannedSchedule:
    """Repeat a schedule each `every`.

    value(t) = schedule(t mod every)

    Args:
        schedule: the schedule of one cycle. If it has no length, it takes that of the cycle.
        every: the length of the first cycle, in any unit of time, above 0; at least one update. None divides the
            total evenly into `times` cycles.
        times: the number of cycles, after which the final value is held. None repeats without end.
        mult: the ratio of each cycle's length to the previous one: 1, or at least 1.001. The schedule is stretched to
            its cycle.
        gamma: the ratio of each cycle's base to the previous one, above 0. Absolute levels do not change.
        lengths: how growing cycles are rounded: `"exact"` (not rounded), `"nearest"` (each to the nearest update), or
            `"floor"` (rounded down before the next length is computed from it: int(int(every * mult) * mult)).

    Raises:
        InvalidArgument: an argument is out of range, `every` and `times` are both None, or rounding down prevents the
            cycles from growing.

    For a warmup in each cycle, write `restarts(warmup("5 epochs") >> cosine(), "50 epochs")`. A percentage in a cycle
    is of the whole run: `restarts(warmup("2%") >> cosine(), "10%")` warms up in a fifth of each cycle.

    With `mult` and `gamma`, cycle i has the length every * mult ** i and the base base * gamma ** i. Cycles of
    fractional length keep their exact length, so the last one is as exact as the first.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983). timm's `cycle_mul`, `cycle_decay` and `cycle_limit` are `mult`,
    `gamma` and `times`; ignite's `cycle_mult` and `start_value_mult` are `mult` with `lengths="floor"`, and `gamma`.

    >>> saw = restarts(linear(1, 0, over=4), 4, times=2)
    >>> [saw(t) for t in (0, 3, 4, 7, 8, 100)]
    [1.0, 0.25, 1.0, 0.25, 0.0, 0.0]
    >>> print(resolve(warmup("10%") >> restarts(cosine(), times=4), total=1000))
    warmup(100) >> restarts(cosine(over=225), 225, 4)
    >>> growing = restarts(linear(1, absolute(0.0), over=4), 4, mult=2, gamma=0.5)
    >>> [growing(t) for t in (0, 2, 4, 8, 12)]
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """
    if every is not None:
        period = span.period(Duration.of(every))
    elif span.available is None:
        raise no_total(str(call))
    elif not span.available:  # a schedule without updates holds its final value
        single = restarts(schedule, 1, 1, mult, gamma)
        return plan(skip(single, 1), span)
    else:  # the cycles divide the total evenly
        assert times is not None
        times = fitting_times(mult, times, Fraction(span.available))
        period = within_digits(Fraction(span.available) / sum_of_cycles(mult, times))
    if mult == 1:
        _require_whole_epochs(call, period, span)
    elif lengths != "exact":
        period = ceil(period)
        refuse_growth("restarts", Duration.of_updates(period), mult, lengths, times)  # known only now, for "1 epoch"
    if times is not None:
        period = first_up_to_boundary(period, mult, lengths, times, span)
    planned = plan(schedule, span.cycle(period))
    end = None
    table = None if mult == 1 else growing_cycles(period, mult, lengths, times)
    if times is not None:
        end = end_of_cycles(period, mult, lengths, times)

    def values(t: Array, base: Base) -> Array:
        """Return the values at the time since the last restart, stretched to the first cycle."""
        if table is None:
            cycle, since = split(t, period, times)
        else:
            cycle, since, size = table.split(t)
            first = count_of(period)
            since = np.where(size == first, since, _product(since, first) / size)
            since = since if end is None else np.where(t >= count_of(end), float(first), since)
        return planned.values(since, base if gamma == 1 else base.scaled(power_of(gamma, cycle)))

    @cache
    def edges_of_cycle() -> tuple[Number, ...] | None:
        """Return the edges of a short cycle, which are computed once; None if it is long or has too many.

        Without duplicates: their number would double with each nested schedule.
        """
        if period > _SHORT_CYCLE:
            return None
        edges_inside = tuple(islice(planned.edges_and_end(0, ceil(period)), _SHORT_CYCLE))
        if len(edges_inside) >= _SHORT_CYCLE:
            return None
        return tuple(dict.fromkeys(edge for edge in edges_inside if edge <= period))

    def edges(since: Number, until: Number) -> Iterator[Number]:
        inner = edges_of_cycle()
        for begin, size in cycles(since, until):
            yield begin
            stretch = Fraction(size) / Fraction(period)
            inside: Iterable[Number] | None = inner
            if inside is None:  # only the requested part of a long cycle, which may have billions of breakpoints
                first, last = ((time - begin) / stretch for time in (since, until))
                inside = planned.edges_and_end(max(floor(first), 0), ceil(min(last, Fraction(period))))
            yield from (begin + edge * stretch if size != period else begin + edge for edge in inside if edge <= period)

    def cycles(since: Number, until: Number) -> Iterable[tuple[Number, Number]]:
        if table is None:
            last = until if end is None else min(until, ceil(end))
            return ((begin, period) for begin in multiples(period, since - ceil(period), last))
        return table.between(since, until)

    counted = call.with_args(schedule=planned.schedule, every=Duration.of_updates(period), times=times)
    return PlannedSchedule(counted, None if end is None else ceil(end), end, values, edges)


def _product(since: Array, first: float) -> Array:
    """Return the products of times and a length; in floats where two integers would overflow 64 bits."""
    if since.dtype.kind == "f" or isinstance(first, float):
        return since * first
    return np.where(since <= (2**63 - 1) // first, since * first, since.astype(np.float64) * first)


def _require_whole_epochs(call: Schedule, period: Number, span: Span) -> None:
    """Raise if epochs of the run begin at different updates of each cycle, and a part changes at each epoch."""
    for schedule in schedules_inside(call.args["schedule"]):
        if schedule.kind == "every" and changes_at_epochs(schedule):
            epochs = span.period(schedule.args["period"])
            if Fraction(period) % Fraction(epochs):
                line = short_line(schedule.with_args(period=Duration.of_updates(epochs)))
                size = Duration.of_updates(period)
                raise messages.cycles_split_epochs(short_line(call), short_line(schedule), size, line)


def changes_at_epochs(call: Schedule) -> bool:
    """Return whether the period of `every` is in epochs, which count from the start of the run."""
    return [unit for unit, _ in call.args["period"].terms] == ["epochs"]


@planner()
def every(call: Schedule, span: Span, schedule: Schedule, period: Period, phase: FirstIndex = 0) -> PlannedSchedule:
    """Let a schedule change only once per period.

    value(t) = schedule(t rounded down to a multiple of `period`)

    Args:
        schedule: the schedule to sample.
        period: the time between two changes. `"epoch"` and `"2 epochs"` follow the epochs of the run; other lengths, in
            any unit of time, count from the start of the stage.
        phase: the number of updates from the last multiple of the period to the start of the stage, 0 or more.

    A multiple between two updates is rounded up, so that changes do not drift. From the end of `schedule` its final
    value is used, even between two changes. The `index` of the schedule counts updates, not periods: with 5 updates in
    an epoch, `warmup("4 epochs", index="(t+1)/n")` begins at 1/20. For 1/4 in the first epoch write
    `table([0.25, 0.5, 0.75, 1.0], every="1 epoch")`.

    Source: schedulers that are stepped once an epoch.

    >>> every(linear(1, 0, over=10), 5)(7)
    0.5
    """
    planned = plan(schedule, span)
    size = span.period(period)
    if changes_at_epochs(call):  # `numerator` updates are an integer number of periods, so the remainder is enough
        phase = ceil(span.boundary(span.begin)) % size.numerator
    end = planned.end
    held = None

    def values(t: Array, base: Base) -> Array:
        """Return the values at the last change; after the end of the schedule, at the time itself."""
        times = last_boundary(t + phase, size) - phase
        if phase:
            times = np.maximum(times, 0)
        return planned.values(times if end is None else np.where(t >= count_of(end), t, times), base)

    def edges(since: Number, until: Number) -> Iterator[Number]:
        last = until if end is None else min(until, ceil(end) - 1)
        yield from (multiple - phase for multiple in multiples(size, max(since, 0) + phase, last + phase))
        yield from () if end is None else (end,)

    if planned.held is not None:
        change: Any = ceil(-(-(ceil(planned.held) + phase) // size) * size) - phase
        held = change if end is None else min(change, end)
    counted = call.with_args(schedule=planned.schedule, period=Duration.of_updates(size), phase=phase)
    return PlannedSchedule(counted, planned.length, held, values, edges)


def _counted_first(
    span: Span, first: Number, mult: float, lengths: Any, times: int | None, **_: Any
) -> Mapping[str, Number]:
    """Return the first cycle: an integer if cycles are rounded because they grow and `lengths` is not "exact"."""
    if mult != 1 and lengths != "exact":
        return {"first": ceil(first)}
    return {"first": first if times is None else first_up_to_boundary(first, mult, lengths, times, span)}


def _end(first: Number, mult: float, lengths: Any, times: int | None, **_: Any) -> Number | None:
    return None if times is None else end_of_cycles(first, mult, lengths, times)


def _begins(
    since: Number, until: Number, first: Number, mult: float, lengths: Any, times: int | None, **_: Any
) -> Iterable[Number]:
    if mult == 1:
        return multiples(first, since, until)
    return (begin for begin, _ in growing_cycles(first, mult, lengths, times).between(since, until) if since <= begin)


def _cosine_restarts_extent(call: Schedule) -> Any:
    return extent_of_cycles(call.args["first"], call.args["times"])


def _cosine_restarts_length(call: Schedule) -> Duration | None:
    return length_of_cycles(call.args["first"], **_cycles(call))


def _cosine_restarts_measure(call: Schedule, span: Span) -> Fraction:
    return Fraction(end_of_cycles(span.period(call.args["first"]), **_cycles(call)))


def _require_growth(call: Schedule) -> None:
    refuse_growth("cosine_restarts", call.args["first"], **_cycles(call))


@formula(
    counted=_counted_first,
    held=_end,
    edges=_begins,
    extent=_cosine_restarts_extent,
    length=_cosine_restarts_length,
    measure=_cosine_restarts_measure,
    check=_require_growth,
)
def cosine_restarts(
    t: Array,
    first: Period,
    mult: Growth = 1.0,
    to: Level = 0.0,
    gamma: Positive = 1.0,
    to_gamma: Positive = 1.0,
    times: OptionalCount = None,
    lengths: RoundedLengths = "nearest",
) -> Array:
    """Repeat a cosine decay; cycle i has the length first * mult ** i and starts at gamma ** i.

    Prefer `restarts(cosine(), every)` if all cycles are equal.

    value(t) = to * to_gamma ** i + (gamma ** i - to * to_gamma ** i) * (1 + cos(pi * c / L)) / 2, c updates into cycle
    i of length L

    Args:
        first: the length of the first cycle, in any unit of time; at least one update.
        mult: the ratio of each cycle's length to the previous one: 1, or at least 1.001.
        to: the lowest level of the first cycle, a multiple of base, or `absolute(x)` for an absolute value. It is not
            reached exactly, because the next cycle starts at that time.
        gamma: the ratio of each cycle's peak to the previous one, above 0.
        to_gamma: the ratio of each cycle's lowest level to the previous one, above 0.
        times: the number of cycles, after which the last lowest level is held. None repeats without end.
        lengths: how growing cycles are rounded: `"nearest"` (each to the nearest update), `"exact"` (not rounded), or
            `"floor"` (rounded down before the next length is computed from it).

    Raises:
        InvalidArgument: an argument is out of range, or rounding down prevents the cycles from growing.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983); torch `CosineAnnealingWarmRestarts`. timm's `cycle_mul`,
    `cycle_decay` and `cycle_limit` are `mult`, `gamma` and `times` with `lengths="exact"`. ignite's `cycle_mult`,
    `start_value_mult` and `end_value_mult` are `mult`, `gamma` and `to_gamma` with `lengths="floor"`. In keras'
    `CosineDecayRestarts` the floor a does not shrink with the peak: `(1 - a) * cosine_restarts(…, gamma=m_mul) + a`.

    >>> sgdr = cosine_restarts(10, mult=2, to=0.1)
    >>> sgdr(0), round(sgdr(5), 9), sgdr(10), round(sgdr(20), 9), sgdr(30)
    (1.0, 0.55, 1.0, 0.55, 1.0)
    """
    period: Any = first
    if mult == 1:
        cycle, since = split(t, period, times)
        u = since / count_of(period)
    else:
        table = growing_cycles(period, mult, lengths, times)
        cycle, since, size = table.split(t)
        u = since / size
        u = u if times is None else np.where(t >= count_of(table.end), 1.0, u)
    height = power_of(gamma, cycle)
    fall = curves.cosine.share(u, 1, rises=False)
    lower = 1.0 if to_gamma == 1 else power_of(to_gamma, cycle)
    multiple, *fixed = np.asarray(to).reshape(-1)
    factor = np.where(u == 0, height, (height - multiple * lower) * fall + multiple * lower)
    return np.stack([factor, fixed[0] * lower * (1.0 - fall)]) if fixed else factor


Mode: TypeAlias = Literal["triangular", "triangular2", "exp_range"]
"""How the height of the triangles changes: constant, halved each cycle, gamma ** t."""


def _needs_exp_range(call: Schedule) -> None:
    mode = call.args["mode"]
    gamma = call.args["gamma"]
    if gamma != 1 and mode != "exp_range":
        raise messages.gamma_without_its_mode(mode, gamma)


def _down_like_up(args: dict[str, Any]) -> dict[str, Any]:
    return args if args["down"] is not None else {**args, "down": args["up"]}


def _turns(since: Number, until: Number, up: Number, down: Number, **_: Any) -> Iterable[Number]:
    period = up + down
    return (turn for begin in multiples(period, since - ceil(period), until) for turn in (begin, begin + up))


@formula(edges=_turns, check=_needs_exp_range, completed=_down_like_up)
def cyclic(
    t: Array,
    up: Period,
    down: OptionalPeriod = None,
    start: Level = 0.1,
    to: Level = 1.0,
    mode: Mode = "triangular",
    gamma: Positive = 1.0,
) -> Array:
    """Rise from `start` to `to` and fall back along straight lines, repeatedly.

    value(t) = start + (to - start) * h * g, h from 0 to 1 in each cycle, g = 1, 2 ** -cycle or gamma ** t by `mode`

    Args:
        up: the length of the rise, in any unit of time; at least one update.
        down: the length of the fall, likewise; `up` by default.
        start: the lowest level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the highest level, likewise.
        mode: how the height changes: `"triangular"` keeps it, `"triangular2"` halves it after each cycle, `"exp_range"`
            multiplies it by `gamma` at each update.
        gamma: the ratio for `"exp_range"`, above 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Smith 2017 (1506.01186); torch `CyclicLR`.

    >>> [round(cyclic(2, start=0.2)(t), 9) for t in range(5)]
    [0.2, 0.6, 1.0, 0.6, 0.2]
    """
    rise: Any = up
    fall: Any = down
    cycle, since = split(t, rise + fall)
    height = np.where(since <= float(rise), since / count_of(rise), (count_of(rise + fall) - since) / count_of(fall))
    if mode == "triangular2":
        height = height * power_of(0.5, cycle)
    elif mode == "exp_range":
        height = product(height, power_of(gamma, t))
    if mode == "exp_range" and gamma > 1:  # values may exceed `to`, because growth is not clipped
        first = np.asarray(start)
        last = np.asarray(to)
        return first + product(last - first, height)
    return along(curves.linear, start, to, height, 1)
