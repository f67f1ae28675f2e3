"""Shapes of a formula of time without an end, steps, and tables of points.

`exponential`, `power_law`, `inverse_sqrt`, `inverse_time`, `step`, `multistep`, `stairs`, `piecewise`, `table`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Annotated, Any, Final, TypeAlias

import numpy as np

from paramsched.base.params import Count, Positive, params_of
from paramsched.core import curves
from paramsched.core.calls.number_checks import finite_number, positive_number
from paramsched.core.curves.arrays import Array, Floats, power_of
from paramsched.core.curves.curve import Curve, CurveLike
from paramsched.core.schedules.anneals import anneal, constant
from paramsched.core.schedules.cycles import length_of_cycles
from paramsched.core.schedules.definition import (
    CheckedArgument,
    LengthArgument,
    Over,
    Period,
    Scale,
    formula,
    planner,
    positive_length,
)
from paramsched.core.schedules.level import AbsoluteValue, Level
from paramsched.core.schedules.messages import shapes as messages
from paramsched.core.schedules.registry import registered
from paramsched.core.schedules.schedule import Schedule, write_call
from paramsched.core.schedules.sequence import sequence
from paramsched.core.schedules.span import Base, PlannedSchedule, Span, multiples, product, split
from paramsched.core.time.duration import Duration, DurationLike, Number, count_of, durations_of, exact_number
from paramsched.errors import CallSite, InvalidArgument


@formula()
def exponential(t: Array, gamma: Positive, per: Scale = 1) -> Array:
    """Multiply by `gamma` once every `per`, and smoothly in between.

    value(t) = base * gamma ** (t / per)

    Args:
        gamma: the ratio for each `per`, above 0.
        per: the period, in any unit of time, above 0; one update by default.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or `per` is not a length above 0.

    A value that overflows is inf.

    Source: torch `ExponentialLR` (`per` = 1 update); optax `exponential_decay`.

    >>> exponential(0.5, per="100 updates")(200, base=0.4)
    0.1
    """
    return power_of(gamma, t / per)  # not a running product, so every t costs the same, and rounding does not add up


def _not_zero(call: Schedule) -> None:
    if call.args["exponent"] == 0:
        raise messages.exponent_of_zero()


def _power_law_text(call: Schedule) -> str:
    builder = inverse_sqrt if call.args["exponent"] == 0.5 else power_law
    return write_call(builder.__name__, params_of(builder), call.args)


@formula(check=_not_zero, text=_power_law_text)
def power_law(t: Array, exponent: float, timescale: Scale) -> Array:
    """Decay, or grow, as a power of time.

    value(t) = base * (1 + t / timescale) ** -exponent

    Args:
        exponent: a number other than 0; below 0 the value grows without a limit.
        timescale: the time after which the value is 2 ** -exponent of base, in any unit of time, above 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: OLMo-core PowerLR; Shen et al. 2024 (2408.13359). The `PolyScheduler` of pytorch_optimizer grows: with its
    power p and a floor of 0.1, `warmup(500) >> constant(over=1) >> 0.1 + 0.9 * power_law(-p, 1)`.

    >>> power_law(1.0, 100)(100)
    0.5
    """
    grown = 1.0 + t / timescale
    return 1.0 / np.sqrt(grown) if exponent == 0.5 else np.power(grown, -exponent)  # a root is more exact than a power


@registered
def inverse_sqrt(timescale: DurationLike) -> Schedule:
    """Decay as the inverse square root of time.

    value(t) = base / sqrt(1 + t / timescale)

    It has no warmup: write `warmup(W) >> inverse_sqrt(W)` for one of W updates. `clamp` around both would also raise
    the warmup: write `warmup(W) >> clamp(inverse_sqrt(W), low=0.1)`.

    Args:
        timescale: the time after which the value is 0.71 of base, in any unit of time, above 0. After a warmup of W
            updates, `timescale=W` is the usual sqrt(W / t).

    Raises:
        InvalidArgument: `timescale` is not a length above 0.

    Source: Vaswani et al. 2017 (1706.03762); Zhai et al. 2022 (2106.04560).

    >>> inverse_sqrt(100)(300)
    0.5
    """
    return power_law(0.5, positive_length(CallSite("inverse_sqrt", "timescale"), Duration.of(timescale)))


@formula()
def inverse_time(t: Array, gamma: Positive, per: Scale = 1) -> Array:
    """Decay as the inverse of time.

    value(t) = base / (1 + gamma * t / per)

    Args:
        gamma: the rate of decay in each `per`, above 0.
        per: the time that the rate refers to, in any unit of time, above 0; one update by default.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Robbins & Monro 1951; Keras `InverseTimeDecay`.

    >>> inverse_time(0.5, per=10)(20)
    0.5
    """
    return 1.0 / (1.0 + t / per * gamma)


def _refuse_gamma_of_zero(call: Schedule) -> None:
    """Raise for a ratio 0, after which every value is 0."""
    since = call.args["every"] if "every" in call.args else next(iter(call.args["milestones"]), Duration.of(0))
    if call.args["gamma"] == 0:
        raise messages.ratio_of_zero(call.kind, since.written())


def _ratio(site: CallSite, gamma: object) -> float:
    """Check a ratio; 0 is refused with the line to write."""
    return 0.0 if not isinstance(gamma, bool) and gamma == 0 else positive_number(site, gamma)


Ratio: TypeAlias = Annotated[float, CheckedArgument(_ratio)]
"""The ratio of two steps, above 0."""


@formula(check=_refuse_gamma_of_zero)
def step(t: Array, every: Period, gamma: Ratio = 0.1) -> Array:
    """Multiply by `gamma` each `every`.

    value(t) = base * gamma ** floor(t / every)

    Args:
        every: the period, in any unit of time, at least one update. It may be fractional: the k-th step is at
            ceil(k * every).
        gamma: the ratio of two consecutive steps, above 0.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or `every` is not a length above 0.

    Source: He et al. 2016 (1512.03385); torch `StepLR`.

    >>> step(30, 0.5)(29), step(30, 0.5)(30), step(30, 0.5)(60)
    (1.0, 0.5, 0.25)
    >>> step("2.5 steps").breakpoints(until=10)
    (0, 3, 5, 8, 10)
    """
    return power_of(gamma, split(t, every)[0])


def _checked_milestones(_site: CallSite, milestones: Any) -> tuple[Duration, ...]:
    if isinstance(milestones, (str, bytes, Duration, Mapping)) or not isinstance(milestones, Iterable):
        raise messages.milestones_are_not_a_list(milestones)
    return durations_of(milestones)


Milestones: TypeAlias = Annotated[Sequence[DurationLike], LengthArgument("time"), CheckedArgument(_checked_milestones)]
"""A list of times from the start of the stage."""


@planner(check=_refuse_gamma_of_zero)
def multistep(call: Schedule, span: Span, milestones: Milestones, gamma: Ratio = 0.1) -> PlannedSchedule:
    """Multiply by `gamma` at each milestone.

    value(t) = base * gamma ** (number of milestones at or before t)

    Args:
        milestones: a list of times from the start of the stage, in any unit and order. A repeated milestone multiplies
            twice.
        gamma: the ratio at each milestone, above 0.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or a milestone is not a time. At `resolve`: a milestone
            is at or after the end of its stage.

    Source: torch `MultiStepLR`.

    >>> steps = multistep([30, 80], 0.5)
    >>> steps(29), steps(30), steps(80)
    (1.0, 0.5, 0.25)
    """
    reached = [span.time(milestone) for milestone in milestones]
    if span.staged and span.available is not None:
        for milestone, update in zip(milestones, reached, strict=True):
            if update >= span.available:
                update_text, length_text = map(span.clock.count_text, (Fraction(update), Fraction(span.available)))
                raise messages.milestone_after_end(str(call), milestone, update_text, length_text)
    counted = call.with_args(milestones=tuple(map(Duration.of_updates, reached)))
    steps = np.array(sorted(map(count_of, reached)))
    return PlannedSchedule(
        counted,
        None,
        None,
        lambda t, base: base.times(power_of(gamma, np.searchsorted(steps, t, side="right"))),
        lambda *_: reached,
    )


_FINEST_TREAD: Final = Fraction(1, 4)  # updates; breakpoints of shorter steps are merged


def _treads(since: Number, until: Number, over: Number, rises: int, **_: Any) -> Iterable[Number]:
    if not over:
        return ()
    # With many more steps than updates this would take too long, and each update has a step anyway.
    tread = max(Fraction(over) / rises, _FINEST_TREAD)
    return (rise for rise in multiples(tread, since, min(until, ceil(over))) if rise <= over)


@formula(edges=_treads, exact=True)
def stairs(t: Array, start: Level, to: Level, rises: Count, over: Over = None) -> Array:
    """Change from one level to another in equal steps.

    value(t) = start + (to - start) * floor(t * rises / n) / rises; exactly `to` from t = n on

    Args:
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the last level, likewise.
        rises: the number of steps, an integer of at least 1; in Megatron it is (to - start) / increment.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: an argument is out of range.

    The k-th step is at k * n / rises, rounded up. The last step, which reaches `to`, is at the end.

    Source: Megatron-LM `--rampup-batch-size start increment over`.

    >>> [stairs(16, 64, 3, over=10)(t) for t in (0, 3, 4, 6, 7, 9, 10)]
    [16.0, 16.0, 32.0, 32.0, 48.0, 48.0, 64.0]
    """
    length: Any = over
    end = count_of(length)
    first = np.asarray(start)
    last = np.asarray(to)
    k = split(np.minimum(t, end), Fraction(length) / rises)[0] if end else 0
    return np.where(t >= end, last, first + (last - first) * k / rises)  # multiplied first, so that integers are exact


@registered
def piecewise(points: Sequence[tuple[DurationLike, Level]], curve: CurveLike | None = None) -> Schedule:
    """Set a level at each of several times, and hold it until the next time or change along a curve to the next level.

    value(t) = the level of the last point at or before t; constant before the first and after the last point

    Args:
        points: pairs of time and level, with increasing times, such as `[(0, 1.0), ("50%", 0.1)]`; in Python also a
            mapping. Times are in any unit and count from the start of the stage; levels are multiples of base or
            `absolute(x)`.
        curve: the curve from each level to the next, such as `curves.linear`. None holds each level.

    Raises:
        InvalidArgument: there is no point, a point is not a pair, or the times decrease.

    Source: optax `piecewise_constant_schedule` (whose values are factors of the previous value),
    `piecewise_interpolate_schedule`.

    >>> stairs = piecewise([(0, 1.0), (10, 0.5), (20, 0.1)])
    >>> stairs(9), stairs(10), stairs(500)
    (1.0, 0.5, 0.1)
    """
    pairs = _point_pairs(points)
    (first, level), *_ = pairs
    stages: list[Schedule] = [constant(level, first)] if first.terms else []
    for (begin, here), (end, there) in pairwise(pairs):
        try:
            over = end - begin
        except InvalidArgument:
            raise messages.times_decrease(points, begin, end) from None
        stages.append(constant(here, over) if curve is None else anneal(here, there, over, curve))
    stages.append(constant(pairs[-1][1]))
    return stages[0] if len(stages) == 1 else sequence(*stages)


def _point_pairs(points: Any) -> list[tuple[Duration, Level]]:
    """Return the points of `piecewise` as checked pairs of time and level."""
    try:
        listed = points.items() if isinstance(points, Mapping) else points
        pairs = [() if isinstance(pair, str) else tuple(pair) for pair in listed]
    except TypeError:
        pairs = []
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise messages.points_are_not_pairs(points)
    return [(Duration.of(time), level) for time, level in pairs]


MOST_WRITTEN: Final = 30_000
"""The largest number of values of a `table`. They are written in the plan's text, of 1 MB, and in every checkpoint."""


def _checked_values(site: CallSite, values: Any) -> tuple[float | AbsoluteValue, ...]:
    """Check the values of a table: 1 to 30,000 finite numbers, or only absolute levels."""
    values = list(values) if isinstance(values, Iterator) else values
    if isinstance(values, (list, tuple)) and any(isinstance(value, AbsoluteValue) for value in values):
        if not all(isinstance(value, AbsoluteValue) for value in values):
            raise messages.values_of_two_kinds(site)
        return tuple(values)
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        raise messages.nested_values(site) from None
    if array.ndim == 0:  # a number, a text or a mapping
        raise messages.values_are_not_a_list(site, values)
    if array.size == 0:
        raise messages.no_values(site)
    if array.ndim != 1:
        raise messages.values_of_several_dimensions(site, array.ndim)
    if array.dtype.kind not in "fiu":
        for number in values if isinstance(values, (list, tuple)) else array.tolist():
            finite_number(CallSite(site.call, site.argument, entry=True), number)  # raises for the invalid item
    floats = array.astype("<f8") + 0.0  # turns -0.0 into 0.0, because equal tables must have the same text
    spoiled = np.flatnonzero(~np.isfinite(floats))
    if spoiled.size:
        raise messages.value_is_not_finite(site, spoiled[0], floats[spoiled[0]])
    if floats.size > MOST_WRITTEN:
        raise messages.too_many_values(site, floats.size, MOST_WRITTEN)
    return tuple(floats.tolist())


TableLike: TypeAlias = Annotated[Sequence[float | AbsoluteValue] | Floats, CheckedArgument(_checked_values)]
"""The values of a table: a list of numbers, or a NumPy array of one dimension."""


def _values_of_levels(args: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with the values of absolute levels, whose table is absolute."""
    values = args["values"]
    if not isinstance(values[0], AbsoluteValue):
        return args
    return {**args, "values": tuple(value.value for value in values), "absolute": True}


def _check(call: Schedule) -> None:
    if call.args["curve"] is not None and len(call.args["values"]) == 1:
        raise messages.curve_of_one_value(call.args["curve"])


def _steps(call: Schedule) -> int:
    return len(call.args["values"]) - (call.args["curve"] is not None)


def _length(call: Schedule) -> Duration:
    return length_of_cycles(call.args["every"], 1.0, "exact", _steps(call))


def _measure(call: Schedule, span: Span) -> Fraction:
    return Fraction(span.period(call.args["every"])) * _steps(call)


def _is_absolute(call: Schedule) -> bool:
    absolute: bool = call.args["absolute"]
    return absolute


@planner(
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
) -> PlannedSchedule:
    """A schedule from a list of values: value(t) = values[floor(t / every)].

    Its length is len(values) * every, and it holds the last value from then on. With a curve it interpolates from each
    value to the next, has values[k] at time k * every, and its length is (len(values) - 1) * every. If its end is
    rounded to an earlier update, `every` is shorter too, so that the last value is reached. See `piecewise` for values
    at arbitrary times, and `shape` for more than 30,000: `def replay(t): return values[t]`.

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
    numbers = np.array(values, dtype=np.float64)
    period = span.period(every)
    steps = _steps(call)
    end = exact_number(Fraction(period) * steps)
    if curve is not None:
        end = span.up_to_boundary(end)
        period = exact_number(Fraction(end) / steps)

    def numbers_at(t: Array) -> Array:
        if curve is None:
            return numbers[np.minimum(split(t, period)[0], steps - 1).astype(np.int64)]
        return _interpolated(numbers, curves.curve_of(curve), *split(t, period, steps), count_of(period))

    def of_times(t: Array, base: Base) -> Array:
        return product(numbers_at(t), base.absolute_unit) if absolute else base.times(numbers_at(t))

    def edges(since: Number, until: Number) -> Iterable[Number]:
        return (multiple for multiple in multiples(period, since, min(until, ceil(end))) if multiple <= end)

    counted = call.with_args(every=Duration.of_updates(period))
    return PlannedSchedule(counted, ceil(end), end, of_times, edges)


def _interpolated(numbers: Floats, curve: Curve, index: Array, since: Array, period: float) -> Array:
    """Interpolate between values along a curve; exact at the time of each value, and from the last on."""
    index = index.astype(np.int64)
    value = numbers[index]
    after = numbers[index + 1]
    inside = (since > 0) & (since < period)
    values = value + (after - value) * curve.share(np.where(inside, since, period / 2), period, rises=True)
    if curve.monotone:  # clipped, because rounding can exceed the two values
        values = np.maximum(np.minimum(values, np.maximum(value, after)), np.minimum(value, after))
    return np.where(inside, values, np.where(since >= period, after, value))
