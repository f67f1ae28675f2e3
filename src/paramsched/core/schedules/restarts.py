"""Restarts: a schedule that repeats; and the lengths of cycles."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

import numpy as np

from paramsched.core.base.params import Positive
from paramsched.core.curves.arrays import Array, power_of
from paramsched.core.schedules.evaluation import Base
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.period import (
    Lengths,
    end_of_cycles,
    fitting_times,
    growing_cycles,
    multiples,
    split,
    sum_of_cycles,
)
from paramsched.core.schedules.schedule import Extent, Schedule, no_total
from paramsched.core.schedules.shape import Growth, OptionalCount, OptionalPeriod, RoundedLengths, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.schedules.take import skip
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Duration
from paramsched.core.time.duration import MOST_AMOUNT, Number, count_of, exact_number, within_digits
from paramsched.errors import CallSite, InvalidArgument

_MAX_GROWING: Final = 50_000  # the largest number of growing cycles; they are longer than any time that can be counted
_SHORT_CYCLE: Final = 4096  # updates; the breakpoints of a shorter cycle are computed once


def extent_of_cycles(first: Duration | None, times: int | None) -> Extent:
    """Return the extent of cycles: without a first length they fill the run, and without a number they have no end."""
    return "fills" if first is None else "open" if times is None else "has"


def length_of_cycles(first: Duration, mult: float, lengths: Lengths, times: int) -> Duration:
    """Return the length of cycles as written, up to the first update after them."""
    if (period := first.exact) is not None:
        end = ceil(end_of_cycles(exact_number(max(period, Fraction(1))), mult, lengths, times))
        return Duration.of_updates(min(Fraction(end), MOST_AMOUNT))
    whole = sum_of_cycles(mult, times)
    return Duration(
        tuple((unit, Fraction(within_digits(min(amount * whole, MOST_AMOUNT)))) for unit, amount in first.terms)
    )


def first_within_stage(first: Number, mult: float, lengths: Lengths, times: int, span: Span) -> Number:
    """Return the length of the first cycle; shorter if the stage of all cycles is rounded shorter than they are."""
    end = end_of_cycles(first, mult, lengths, times)
    available = span.within_stage(end)
    return first if available == end else within_digits(Fraction(first) * Fraction(available) / Fraction(end))


def refuse_growth(name: str, first: Duration | None, mult: float, lengths: str, times: int | None) -> None:
    """Raise for growing cycles that no table can contain, or that do not grow."""
    number = None if first is None else first.exact
    if mult != 1 and times is not None and times > _MAX_GROWING:
        found = f"expected at most {_MAX_GROWING} growing cycles"
        raise InvalidArgument(CallSite(name, "times", str(times)), found, "Omit times")
    if lengths == "floor" and mult > 1 and number is not None and int(int(number) * mult) == int(number):
        found = f"cycles of {int(number)} updates do not grow: int({int(number)} * {mult!r}) is {int(number)}"
        raise InvalidArgument(CallSite(name, "lengths", repr(lengths)), found, example='lengths="exact"')


def _cycles(call: Schedule) -> dict[str, Any]:
    return {key: call.args[key] for key in ("mult", "lengths", "times")}


def _extent(call: Schedule) -> Extent:
    return extent_of_cycles(call.args["every"], call.args["times"])


def _length(call: Schedule) -> Duration:
    return length_of_cycles(call.args["every"], **_cycles(call))


def _measure(call: Schedule, span: Span) -> Fraction:
    return Fraction(end_of_cycles(span.period(call.args["every"]), **_cycles(call)))


def _check(call: Schedule) -> None:
    args, inner = call.args, call.args["schedule"]
    if args["every"] is None and args["times"] is None:
        line = f"restarts({inner}, times=4)"
        level = inner.args["value"] if inner.kind == "constant" else None
        if level is not None and not isinstance(level, Absolute) and level > 1:  # restarts(100)
            line = f"restarts(cosine(), {level:g})"
        found = "expected every, times, or both"
        raise InvalidArgument(CallSite("restarts", "times", "None"), found, f"For example: {line}")
    if args["every"] is None and args["lengths"] != "exact":
        site, found = CallSite("restarts", "lengths", repr(args["lengths"])), "cycles that divide the total evenly"
        raise InvalidArgument(site, f"{found} are not rounded", "Omit lengths")
    refuse_growth("restarts", args["every"], **_cycles(call))


@planned(extent=_extent, length=_length, measure=_measure, check=_check)
def restarts(
    call: Schedule,
    span: Span,
    schedule: Schedule,
    every: OptionalPeriod = None,
    times: OptionalCount = None,
    mult: Growth = 1.0,
    gamma: Positive = 1.0,
    lengths: RoundedLengths = "exact",
) -> Piece:
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

    For a warmup in each cycle, write `restarts(warmup("5 epochs") >> cosine(), "50 epochs")`.

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
        raise no_total(call)
    elif not span.available:  # a schedule without updates holds its final value
        one = restarts(schedule, 1, 1, mult, gamma)
        return plan(skip(one, 1), span)
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
        period = first_within_stage(period, mult, lengths, times, span)
    piece, end = plan(schedule, span.cycle(period)), None
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
        return piece.values(since, base if gamma == 1 else base.scaled(power_of(gamma, cycle)))

    def edges(since: Number, until: Number) -> Iterator[Number]:
        inner = None
        if period <= _SHORT_CYCLE:  # without duplicates, whose number would double with each nested schedule
            inner = tuple(dict.fromkeys(one for one in piece.edges_and_end(0, ceil(period)) if one <= period))
        for begin, size in cycles(since, until):
            yield begin
            stretch = Fraction(size) / Fraction(period)
            inside: Iterable[Number] | None = inner
            if inside is None:  # only the requested part of a long cycle, which may have billions of breakpoints
                first, last = ((time - begin) / stretch for time in (since, until))
                inside = piece.edges_and_end(max(floor(first), 0), ceil(min(last, Fraction(period))))
            yield from (begin + one * stretch if size != period else begin + one for one in inside if one <= period)

    def cycles(since: Number, until: Number) -> Iterable[tuple[Number, Number]]:
        if table is None:
            last = until if end is None else min(until, ceil(end))
            return ((begin, period) for begin in multiples(period, since - ceil(period), last))
        return table.between(since, until)

    made = call.with_args(schedule=piece.schedule, every=Duration.of_updates(period), times=times)
    return Piece(made, None if end is None else ceil(end), end, values, edges)


def _product(since: Array, first: float) -> Array:
    """Return the products of times and a length; in floats where two integers would overflow 64 bits."""
    if since.dtype.kind == "f" or isinstance(first, float):
        return since * first
    return np.where(since <= (2**63 - 1) // first, since * first, since.astype(np.float64) * first)


def _require_whole_epochs(call: Schedule, period: Number, span: Span) -> None:
    """Raise if epochs of the run begin at different updates of each cycle, and a part changes at each epoch."""
    for part in _inside(call.args["schedule"]):
        if part.kind == "every" and changes_at_epochs(part):
            epochs = span.period(part.args["period"])
            if Fraction(period) % Fraction(epochs):
                size = Duration.of_updates(period)
                found = f"{short_line(part)} changes at epochs of the run, and cycles of {size} are not whole epochs"
                line = short_line(part.with_args(period=Duration.of_updates(epochs)))
                advice = f"Write {line} to count from the start of each cycle"
                raise InvalidArgument(short_line(call), found, advice)


def changes_at_epochs(call: Schedule) -> bool:
    """Return whether the period of `every` is in epochs, which count from the start of the run."""
    return [unit for unit, _ in call.args["period"].terms] == ["epochs"]


def _inside(schedule: Schedule) -> Iterator[Schedule]:
    yield schedule
    for part in schedule.parts():
        yield from _inside(part)
