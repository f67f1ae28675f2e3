"""Tables: schedules made of a list of values."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Annotated, Any, Final, TypeAlias

import numpy as np

from paramsched.core import curves
from paramsched.core.curves import Curve, CurveLike
from paramsched.core.curves.arrays import Array, Floats
from paramsched.core.number_checks import finite_number
from paramsched.core.schedules.evaluation import Base, product
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.period import multiples, split
from paramsched.core.schedules.restarts import length_of_cycles
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import Check, Period, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.time import Duration
from paramsched.core.time.duration import Number, count_of, exact_number
from paramsched.errors import CallSite, InvalidArgument, site_with_value

MOST_WRITTEN: Final = 30_000
"""The largest number of values of a `table`. They are written in the plan's text, of 1 MB, and in every checkpoint."""


def _checked_values(site: CallSite, values: Any) -> tuple[float | Absolute, ...]:
    """Check the values of a table: 1 to 30,000 finite numbers, or only absolute levels."""
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, os.PathLike, Mapping)):
        found = f"expected a list of numbers, got {type(values).__name__}"
        raise InvalidArgument(site_with_value(site, values), found, example="[1.0, 0.5, 0.1]")
    values = list(values) if isinstance(values, Iterator) else values
    if isinstance(values, (list, tuple)) and any(isinstance(one, Absolute) for one in values):
        if not all(isinstance(one, Absolute) for one in values):
            found = "some values are absolute and some are multiples of base"
            instead = "Values of both kinds are levels of piecewise([(0, 1.0), (10, absolute(0.1))])"
            raise InvalidArgument(site, found, instead)
        return tuple(values)
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        raise InvalidArgument(site, "expected a list of numbers, got nested lists", example="[1.0, 0.5, 0.1]") from None
    if array.ndim != 1 or array.size == 0:
        got = f"an array of {array.ndim} dimensions" if array.size else "an empty list"
        raise InvalidArgument(site, f"expected a list of numbers, got {got}", example="[1.0, 0.5, 0.1]")
    if array.dtype.kind not in "fiu":
        for number in values if isinstance(values, (list, tuple)) else array.tolist():
            finite_number(CallSite(site.call, site.argument, entry=True), number)  # raises for the invalid item
    floats = array.astype("<f8") + 0.0  # turns -0.0 into 0.0, because equal tables must have the same text
    bad = np.flatnonzero(~np.isfinite(floats))
    if bad.size:
        found = f"values[{bad[0]}] is {floats[bad[0]]}; it must be finite"
        raise InvalidArgument(site, found, "Write finite numbers")
    if floats.size > MOST_WRITTEN:
        found = f"a table has at most {MOST_WRITTEN:,} values, got {floats.size:,}"
        advice = "Write @ps.shape above def replay(t): return values[t], and replay() in the plan"
        raise InvalidArgument(site, found, advice)
    return tuple(floats.tolist())


TableLike: TypeAlias = Annotated[Sequence[float | Absolute] | Floats, Check(_checked_values)]
"""The values of a table: a list of numbers, or a NumPy array of one dimension."""


def _values_of_levels(args: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with the values of absolute levels, whose table is absolute."""
    values = args["values"]
    if not isinstance(values[0], Absolute):
        return args
    return {**args, "values": tuple(one.value for one in values), "absolute": True}


def _check(call: Schedule) -> None:
    if call.args["curve"] is not None and len(call.args["values"]) == 1:
        found = "a curve needs at least two values, got one"
        raise InvalidArgument(CallSite("table", "curve", str(call.args["curve"])), found, "Leave curve out")


def _steps(call: Schedule) -> int:
    return len(call.args["values"]) - (call.args["curve"] is not None)


def _length(call: Schedule) -> Duration:
    return length_of_cycles(call.args["every"], 1.0, "exact", _steps(call))


def _measure(call: Schedule, span: Span) -> Fraction:
    return Fraction(span.period(call.args["every"])) * _steps(call)


def _is_absolute(call: Schedule) -> bool:
    absolute: bool = call.args["absolute"]
    return absolute


@planned(
    extent="has",
    length=_length,
    measure=_measure,
    has_absolute=_is_absolute,
    completed=_values_of_levels,
    check=_check,
)
def table(
    call: Schedule,
    span: Span,
    values: TableLike,
    every: Period = 1,
    curve: CurveLike | None = None,
    absolute: bool = False,
) -> Piece:
    """A schedule from a list of values: value(t) = values[floor(t / every)].

    Its length is len(values) * every, and it holds the last value from then on. With a curve it interpolates from each
    value to the next, has values[k] at time k * every, and its length is (len(values) - 1) * every. In a stage that is
    rounded shorter, `every` is shorter too, so that the last value is reached. See `piecewise` for values at arbitrary
    times, and `shape` for more than 30,000: `def replay(t): return values[t]`.

    Args:
        values: 1 to 30,000 finite numbers, multiples of base: a list, or a NumPy array of one dimension. A list of
            `absolute(x)` only means `absolute=True`.
        every: how long each value lasts, in any unit of time. At least one update.
        curve: the curve from each value to the next, such as `curves.linear`. None keeps each value constant.
        absolute: if True, the values are absolute, not multiples of base.

    Raises:
        InvalidArgument: a value is not a finite number, or there are none or more than 30,000.

    Source: torch `LambdaLR` with a list, `LambdaLR(optimizer, values.__getitem__)`, which fails after the last value.

    >>> warm = table([0.1, 0.5, 1.0], every=2)
    >>> [warm(t) for t in (0, 1, 2, 4, 100)]
    [0.1, 0.1, 0.5, 1.0, 1.0]
    >>> table([1.0, 0.5], every=4, curve=curves.linear, absolute=True)(2, base=7.0)
    0.75
    >>> from paramsched import absolute
    >>> print(table([absolute(3e-4), absolute(1e-4)], every=30))
    table([0.0003, 0.0001], 30, absolute=True)
    """
    numbers, period, steps = np.array(values, dtype=np.float64), span.period(every), _steps(call)
    end = exact_number(Fraction(period) * steps)
    if curve is not None:
        end = span.within_stage(end)
        period = exact_number(Fraction(end) / steps)

    def at(t: Array) -> Array:
        if curve is None:
            return numbers[np.minimum(split(t, period)[0], steps - 1).astype(np.int64)]
        return _joined(numbers, curves.curve_of(curve), *split(t, period, steps), count_of(period))

    def of_times(t: Array, base: Base) -> Array:
        return product(at(t), base.one) if absolute else base.times(at(t))

    def edges(since: Number, until: Number) -> Iterable[Number]:
        return (one for one in multiples(period, since, min(until, ceil(end))) if one <= end)

    made = call.with_args(every=Duration.of_updates(period))
    return Piece(made, ceil(end), end, of_times, edges)


def _joined(numbers: Floats, curve: Curve, place: Array, since: Array, period: float) -> Array:
    """Interpolate between values along a curve; exact at the time of each value, and from the last on."""
    place = place.astype(np.int64)
    value, after = numbers[place], numbers[place + 1]
    inside = (since > 0) & (since < period)
    made = value + (after - value) * curve.share(np.where(inside, since, period / 2), period, rises=True)
    if curve.monotone:  # clipped, because rounding can exceed the two values
        made = np.maximum(np.minimum(made, np.maximum(value, after)), np.minimum(value, after))
    return np.where(inside, made, np.where(since >= period, after, value))
