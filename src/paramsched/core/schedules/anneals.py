"""Shapes between two levels.

`constant`, `warmup`, `linear`, `cosine`, `polynomial`, `tanh`, `geometric`, `cooldown`, `anneal` along any curve, and
`cosine_wave`.
"""

from math import isclose
from typing import Any, Literal, TypeAlias, TypeGuard

import numpy as np

from paramsched.base.params import Positive, params_of, short_name
from paramsched.core import curves
from paramsched.core.curves.arrays import Array
from paramsched.core.curves.curve import Curve, CurveLike
from paramsched.core.schedules.definition import ClosedLength, OpenLength, Over, formula, plan, planner
from paramsched.core.schedules.level import AbsoluteValue, Level, level_from_parts, level_of, split_level
from paramsched.core.schedules.messages import shapes as messages
from paramsched.core.schedules.messages.evaluation import no_total
from paramsched.core.schedules.registry import may_be_length, registered
from paramsched.core.schedules.schedule import Schedule, is_kind, write_call
from paramsched.core.schedules.span import Base, PlannedSchedule, Span
from paramsched.core.time.duration import Duration, DurationLike, count_of
from paramsched.errors import CallSite


def _always(**_: object) -> int:
    return 0


@formula(open_levels={"value": 1.0}, held=_always)
def constant(t: Array, value: Level | None = None, over: OpenLength = None) -> Array:
    """Hold one level.

    value(t) = value

    Args:
        value: the level, a multiple of base, `absolute(x)` for an absolute value, or `0.5 + absolute(x)` for a sum of
            both. None is the level at which the stage before ends; in a first stage it is 1.
        over: the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`. None holds to the end of the run;
            in a sequence it takes the rest of the run.

    Raises:
        InvalidArgument: the level is not a finite number, or the length is invalid.

    Source: optax `constant_schedule`. torch's `ConstantLR` returns to base at its end: write
    `constant(0.5, over=10) >> constant(1)`.

    >>> constant(0.1)(1000, base=0.5), constant(absolute(0.9))(0, base=0.5)
    (0.05, 0.9)
    """
    del t, over
    return value


def constant_level(stage: Schedule) -> Level:
    """Return the level of a constant; if it is open, the one without a stage before it."""
    value: Level | None = stage.args["value"]
    return 1.0 if value is None else value


Index: TypeAlias = Literal["t/n", "(t+1)/n", "(t+1)/(n+1)", "t/(n-1)"]
short_name("Index", Index)
"""The fraction of a stage of n updates that is reached at update t."""


def stage_fraction(index: Index, t: Array, n: Any) -> tuple[Array, Any]:
    """Return u at update `t` of a stage of `n` updates, as a pair (numerator, denominator).

    Integer times stay integers until the division.
    """
    match index:
        case "t/n":
            k = t
            whole = n
        case "(t+1)/n":
            k = t + 1
            whole = n
        case "(t+1)/(n+1)":
            k = t + 1
            whole = n + 1
        case "t/(n-1)":
            k = t
            whole = n - 1
    return (k, whole) if whole > 0 and n > 0 else (t * 0 + 1, 1)


def along(curve: Curve, start: Any, to: Any, k: Array, n: Any) -> Array:
    """Return the values from one level to another along a curve at u = k / n, exactly `start` before and `to` after it.

    If the curve is monotone, no value is outside the two levels. Levels are numbers, or columns of two numbers.
    """
    if np.shape(start) == np.shape(to) == (2, 1):  # a row of multiples of base, and one of absolute values
        ends = zip(start[:, 0].tolist(), to[:, 0].tolist(), strict=True)
        return np.stack([along(curve, *pair, k, n) for pair in ends])
    if not k.size or (k.min() > 0 and k.max() < n):
        return _between(curve, start, to, k, n)
    if (k[1:] >= k[:-1]).all():  # as in a run: no mask is needed
        first = np.searchsorted(k, 0, side="right")
        last = np.searchsorted(k, n)
        values = np.empty(k.shape)
        values[:first] = start
        values[last:] = to
        if first < last:
            values[first:last] = _between(curve, start, to, k[first:last], n)
        return values
    inside = (k > 0) & (k < n)
    within = np.where(inside, k, n // 2)  # because a curve of a user may fail outside of [0, 1]
    return np.where(inside, _between(curve, start, to, within, n), np.where(k >= n, to, start))


def _between(curve: Curve, start: float, to: float, k: Array, n: Any) -> Array:
    """Start from the level nearer to 0, which keeps the digits of small values.

    A fall by the same ratio at every update is a product instead, because the digits of 1 - curve(u) are not enough.
    """
    if falls_by_ratio(curve, start, to):
        return values_by_ratio(start, to, k, n)
    is_rising = abs(start) <= abs(to)
    near, far = (start, to) if is_rising else (to, start)
    share = curve.share(k, n, rises=is_rising)
    if near == 0:
        return share * far if far != 1 else share
    if not curve.monotone:  # not in place, because a function of a user may own the array
        return share * (far - near) + near
    share *= far - near
    share += near
    # Checking for an overshoot is cheaper than clipping all values, and few curves overshoot.
    if far > near:
        return np.minimum(share, far) if share.size and share.max() > far else share
    return np.maximum(share, far) if share.size and share.min() < far else share


_SAME_RATIO = 1e-14  # relative: levels that were multiplied by a number have a ratio that is rounded again


def falls_by_ratio(curve: Curve, start: float, to: float) -> bool:
    """Return whether a change along a curve is a fall by the same ratio at every update."""
    if curve.name != "exponential" or not (start > to > 0 or start < to < 0):
        return False
    ((_, ratio),) = curve.arguments
    return isclose(to / start, ratio, rel_tol=_SAME_RATIO)


def values_by_ratio(start: float, to: float, k: Array, n: Any) -> Array:
    """Return the values of a change by the same ratio at every update, between two levels of the same sign."""
    return np.copysign(_products(abs(start), abs(to), k, n), start)


def _products(first: Any, last: float, k: Array, n: Any) -> Array:
    """Return first ** (1 - u) * last ** u at u = k / n, with the digits of each factor, and between the levels."""
    whole = float(n)
    # Contiguous, because NumPy may compute the last bit of a power in another way if it repeats a number.
    u, rest, first = (np.array(array) for array in np.broadcast_arrays(k / whole, (n - k) / whole, first))
    products = np.power(first, rest) * np.power(np.full_like(u, last), u)
    return np.clip(products, np.minimum(first, last), np.maximum(first, last))


def _anneal_text(call: Schedule) -> str:
    """Write the shortest name. One level alone needs its name, and so does a second one that could be a length."""
    args = call.args
    needs_names = args["start"] is None or args["to"] == 0.0 or (args["over"] is None and may_be_length(args["to"]))
    names = {curves.linear: linear, curves.cosine: cosine}
    builder = names.get(args["curve"], anneal)
    return write_call(builder.__name__, params_of(builder), args, by_name=needs_names)


@formula(open_levels={"start": 1.0}, text=_anneal_text)
def anneal(
    t: Array,
    start: Level | None = None,
    to: Level = 0.0,
    over: Over = None,
    curve: CurveLike = curves.linear,
    index: Index = "t/n",
) -> Array:
    """Change from `start` to `to` along a curve.

    value(t) = start + (to - start) * curve(u), u = t / n; exactly `to` from t = n on.

    Args:
        start: the first level, a multiple of base, `absolute(x)` for an absolute value, or `0.5 + absolute(x)` for a
            sum of both. None is the level at which the stage before ends; in a first stage it is 1.
        to: the last level, a number likewise.
        over: n, the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`. None takes the rest of the run.
        curve: a curve such as `curves.linear`, `curves.cosine` or `curves.power(2)`, or a function of u.
        index: the formula of the elapsed fraction. With `"t/n"` the first update, 0, has the value `start`. With
            `"(t+1)/n"` the last update, n - 1, has the value `to`. With `"t/(n-1)"` both are true, with `"(t+1)/(n+1)"`
            neither.

    Raises:
        InvalidArgument: a level is not a finite number, a length is invalid, or the curve or index is unknown.

    Source: optax `polynomial_schedule`; torch `LinearLR`, `PolynomialLR`, `CosineAnnealingLR` (which rises again after
    its end; this shape holds its final value).

    >>> down = anneal(1.0, 0.1, over=100, curve=curves.cosine)
    >>> down(0), round(down(50), 12), down(100), down(1000)
    (1.0, 0.55, 0.1, 0.1)
    """
    k, n = stage_fraction(index, t, over)
    return along(curves.curve_of(curve), start, to, k, n)


@formula(open_levels={"start": 0.0, "to": 1.0})
def warmup(
    t: Array,
    over: ClosedLength,
    start: Level | None = None,
    to: Level | None = None,
    curve: CurveLike = curves.linear,
    index: Index = "t/n",
) -> Array:
    """Rise from `start` to `to` along a curve, at the start of a run.

    value(t) = start + (to - start) * curve(t / n); exactly `to` from t = n on.

    Args:
        over: n, the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`.
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value. None is 0 in a first stage,
            so that update 0 has the value 0, as in transformers; `index="(t+1)/n"` starts at 1/n. In a later stage None
            is the level at which the stage before ends.
        to: the last level. None is the level at which the next stage begins; 1, which is base, if that has none
            written or there is no next stage.
        curve: a curve such as `curves.linear` or `curves.cosine`, or a function of t / n.
        index: the formula of the elapsed fraction. With `"t/n"` the first update has the value `start`, often 0. With
            `"(t+1)/(n+1)"` its value is above `start`. With `"(t+1)/n"` and `"t/(n-1)"` the level `to` is reached one
            update earlier, at update n - 1.

    Raises:
        InvalidArgument: a level is not a finite number, a length is invalid, or the curve or index is unknown.

    Source: Goyal et al. 2017 (1706.02677).

    >>> warmup(4)(1), warmup(4, index="(t+1)/n")(0)
    (0.25, 0.25)
    """
    k, n = stage_fraction(index, t, over)
    return along(curves.curve_of(curve), start, to, k, n)


def is_anneal(value: object) -> TypeGuard[Schedule]:
    """Return whether a value is a schedule that goes from one level to another along a curve."""
    return is_kind(value, "anneal", "warmup")


def first_level(stage: Schedule) -> Level:
    """Return the level at which an anneal or a warmup begins; if that is open, the one without a stage before it."""
    start: Level | None = stage.args["start"]
    return stage.shape.open_levels["start"] if start is None else start


def last_level(stage: Schedule) -> Level:
    """Return the level at which an anneal or a warmup ends; if that is open, the one without a stage after it."""
    to: Level | None = stage.args["to"]
    return 1.0 if to is None else to


@registered
def linear(
    start: Level | None = None, to: Level = 0.0, over: DurationLike | None = None, index: Index = "t/n"
) -> Schedule:
    """Change from `start` to `to` along a straight line.

    value(t) = start + (to - start) * t / n; exactly `to` from t = n on.

    Args:
        start: the first level, a multiple of base, `absolute(x)` for an absolute value, or `0.5 + absolute(x)` for a
            sum of both. None is the level at which the stage before ends; in a first stage it is 1.
        to: the last level, a number likewise.
        over: n, the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`. None takes the rest of the run.
        index: the formula of the elapsed fraction. With `"t/n"` the first update, 0, has the value `start`. With
            `"(t+1)/n"` the last update, n - 1, has the value `to`. With `"t/(n-1)"` both are true, with `"(t+1)/(n+1)"`
            neither.

    Raises:
        InvalidArgument: a level is not a finite number, a length is invalid, or the index is unknown.

    Source: torch `LinearLR`; optax `linear_schedule`.

    >>> linear(1.0, 0.5, over=10)(5, base=0.5)
    0.375
    """
    return anneal(start=start, to=to, over=over, curve=curves.linear, index=index)


@registered
def cosine(
    start: Level | None = None, to: Level = 0.0, over: DurationLike | None = None, index: Index = "t/n"
) -> Schedule:
    """Decay from `start` to `to` along half a cosine wave.

    value(t) = to + (start - to) * (1 + cos(pi * t / n)) / 2; exactly `to` from t = n on.

    Args:
        start: the first level, a multiple of base, `absolute(x)` for an absolute value, or `0.5 + absolute(x)` for a
            sum of both. None is the level at which the stage before ends; in a first stage it is 1.
        to: the last level, a number likewise.
        over: n, the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`. None takes the rest of the run.
        index: the formula of the elapsed fraction. With `"t/n"` the first update, 0, has the value `start`. With
            `"(t+1)/n"` the last update, n - 1, has the value `to`. With `"t/(n-1)"` both are true, with `"(t+1)/(n+1)"`
            neither.

    Raises:
        InvalidArgument: a level is not a finite number, a length is invalid, or the index is unknown.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983), one period.

    >>> round(cosine(to=0.1, over=100)(50), 12)
    0.55
    """
    return anneal(start=start, to=to, over=over, curve=curves.cosine, index=index)


@registered
def cooldown(over: DurationLike, to: Level = 0.0, curve: CurveLike = curves.linear, index: Index = "t/n") -> Schedule:
    """Decay to `to` along a curve, at the end of a run, from the level at which the stage before ends.

    value(t) = start + (to - start) * curve(t / n), `start` that level, or 1 in a first stage; exactly `to` from t = n
    on.

    Args:
        over: n, the length in any unit of time: `500` (updates), `"10%"`, `"2 epochs"`.
        to: the last level, a multiple of base, or `absolute(x)` for an absolute value.
        curve: a curve such as `curves.linear` or `curves.one_minus_sqrt`, or a function of t / n.
        index: the formula of the elapsed fraction. With `"t/n"` the first update, 0, has that level. With
            `"(t+1)/n"` the last update, n - 1, has the value `to`. With `"t/(n-1)"` both are true, with `"(t+1)/(n+1)"`
            neither.

    Raises:
        InvalidArgument: a level is not a finite number, a length is invalid, or the curve or index is unknown.

    Source: Haegele et al. 2024 (2405.18392).

    >>> cooldown(4, curve=curves.one_minus_sqrt)(1)
    0.5
    """
    return anneal(to=to, over=Duration.of(over), curve=curve, index=index)  # None would be the rest of the run


@registered
def polynomial(
    power: float = 1.0,
    start: Level | None = None,
    to: Level = 0.0,
    over: DurationLike | None = None,
    index: Index = "t/n",
) -> Schedule:
    """Decay from `start` to `to` along a polynomial.

    value(t) = to + (start - to) * (1 - t / n) ** power; exactly `to` from t = n on

    Args:
        power: the exponent, above 0; 1 is a straight line.
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value. None is the level at which
            the stage before ends; in a first stage it is 1.
        to: the last level, a number likewise.
        over: n, the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`. None takes the rest of the run.
        index: the formula of the elapsed fraction. With `"t/n"` the first update, 0, has the value `start`. With
            `"(t+1)/n"` the last update, n - 1, has the value `to`. With `"t/(n-1)"` both are true, with `"(t+1)/(n+1)"`
            neither.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Liu et al. 2015 (1506.04579); torch `PolynomialLR`; TensorFlow `PolynomialDecay`.

    >>> polynomial(2.0, over=10)(5)
    0.25
    """
    curve = curves.polynomial(power)
    return anneal(start=start, to=to, over=over, curve=curves.linear if power == 1 else curve, index=index)


@registered
def tanh(
    lower: float = -7.0,
    upper: float = 3.0,
    start: Level = 1.0,
    to: Level = 0.0,
    over: DurationLike | None = None,
) -> Schedule:
    """Decay from `start` to `to` along a hyperbolic tangent.

    value(t) = to + (start - to) * (1 - tanh(lower + (upper - lower) * t / n)) / 2

    Args:
        lower: the argument of tanh at t = 0.
        upper: the argument of tanh at t = n, greater than `lower`.
        start: the level that tanh approaches before its middle, a multiple of base, or `absolute(x)` for an absolute
            value.
        to: the level that tanh approaches after its middle, likewise.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: `lower` is not below `upper`, or a level is not a number.

    With -7 and 3 it begins 8e-7 below `start` and ends 0.0025 above `to`, relative to their difference. timm's value
    after the end is `to`: `tanh(over=100) >> constant(0.0)`. For exact levels at both ends, write
    `anneal(…, curve=curves.tanh(-7, 3))`.

    Source: HTD, Hsueh et al. 2019 (1806.01593); timm `TanhLRScheduler`.

    >>> decay = tanh(over=100)
    >>> round(decay(0), 9), round(decay(70), 9), round(decay(100), 9)
    (0.999999168, 0.5, 0.002472623)
    """
    curve = curves.tanh(lower, upper)
    begins = split_level(level_of(CallSite("tanh", "start"), start))
    ends = split_level(level_of(CallSite("tanh", "to"), to))
    reached: list[Level] = []
    for x in (lower, upper):
        share = (1 - float(np.tanh(x))) / 2  # of the distance from `to` to `start`
        pairs = [(begin or 0.0, end or 0.0) for begin, end in zip(begins, ends, strict=True)]
        reached.append(level_from_parts(*(end + (begin - end) * share for begin, end in pairs)))
    return anneal(reached[0], reached[1], over, curve)


@registered
def geometric(
    start: Level | None = None, to: Level = 0.01, over: DurationLike | None = None, index: Index = "t/n"
) -> Schedule:
    """Change from `start` to `to` by the same ratio at every update.

    value(t) = start * (to / start) ** (t / n); exactly `to` from t = n on

    From a multiple of base to an absolute value it is (start * base) ** (1 - t / n) * to ** (t / n).

    Args:
        start: the first level, a multiple of base or `absolute(x)`. None is the level at which the stage before ends;
            in a first stage it is 1.
        to: the last level, which must have the sign of `start`. Neither level may be 0. If `start` is a multiple of
            base and `to` an absolute value, both and the base must be above 0; the reverse is not possible.
        over: n, the length in any unit of time. None takes the rest of the run.
        index: the formula of the elapsed fraction. With `"t/n"` the first update, 0, has the value `start`. With
            `"(t+1)/n"` the last update, n - 1, has the value `to`. With `"t/(n-1)"` both are true, with `"(t+1)/(n+1)"`
            neither.

    Raises:
        InvalidArgument: a level is 0, or the levels differ in sign, or only `start` is absolute, or the base is not
            above 0.

    Source: fvcore `ExponentialParamScheduler`; fastai `SchedExp`; the last stage of fairseq's tri-stage schedule; range
    tests of the learning rate, Smith 2017 (1506.01186). To an absolute value: 3D Gaussian Splatting; nerfstudio.

    >>> round(geometric(1.0, 0.01, over=100)(50), 12)
    0.1
    >>> round(geometric(0.001, 1.0, over=3)(1), 12)
    0.01
    >>> round(geometric(to=AbsoluteValue(1e-6), over=100)(50, base=0.01), 12)
    0.0001
    """
    if start is None:
        return _geometric(None, to, over, index)
    first = level_of(CallSite("geometric", "start"), start)
    last = level_of(CallSite("geometric", "to"), to)
    begins, fixed = split_level(first)
    ends, to_fixed = split_level(last)
    if begins is None and ends is None:
        begins = fixed
        ends = to_fixed
    elif fixed is None and ends is None and begins is not None and to_fixed is not None:
        if begins > 0 and to_fixed > 0:
            return _geometric(first, last, over, index)
        raise messages.geometric_to_absolute(first, last)
    elif fixed is not None or to_fixed is not None:
        raise messages.levels_of_two_kinds(first, last)
    if begins is None or ends is None or not begins * ends > 0:
        raise messages.levels_without_ratio(first, last)
    ratio = ends / begins
    curve = curves.linear if ratio == 1 else curves.exponential(ratio)
    return anneal(start=start, to=to, over=over, curve=curve, index=index)


def _reachable(call: Schedule) -> None:
    if call.args["to"] in (0.0, AbsoluteValue(0.0)):
        raise messages.end_of_zero(call.args["to"])


def is_open_geometric(stage: Schedule) -> bool:
    """Return whether a stage is a `geometric` whose start is open: it has no curve before its start is known."""
    return stage.kind == "geometric" and stage.args["start"] is None


def along_line(stage: Schedule) -> Schedule:
    """Return a stage with the length of an open `geometric`, whose curve is unknown."""
    args = stage.args
    return anneal(args["to"], args["to"], args["over"], index=args["index"])


def _geometric_text(call: Schedule) -> str:
    return write_call("geometric", params_of(geometric), call.args)


def _is_affine(call: Schedule) -> bool:
    """Return whether a call is affine, if no stage is before it."""
    return not isinstance(call.args["to"], AbsoluteValue)


@planner(hidden=True, open_levels={"start": 1.0}, affine=_is_affine, text=_geometric_text, check=_reachable)
def _geometric(
    call: Schedule, span: Span, start: Level | None, to: Level, over: Over = None, index: Index = "t/n"
) -> PlannedSchedule:
    """A `geometric` change whose start is open, or from a multiple of base to an absolute value.

    The ratio of an open one is unknown until its start is a number, and then it is an anneal.
    """
    if start is None:
        return plan(geometric(1.0, to, over, index), span)
    length = span.available if over is None else span.length(over)
    if length is None:
        raise no_total(str(call))
    assert isinstance(start, float)
    assert isinstance(to, AbsoluteValue)
    factor = start
    last = to.value
    n = count_of(length)

    def values(t: Array, base: Base) -> Array:
        first = np.asarray(base.value, dtype=np.float64) * factor
        if not (first > 0).all():
            number = float(first[~(first > 0)].reshape(-1)[0]) / factor
            raise messages.base_is_not_above_zero("schedule(t, base)", number, counted, to, last)
        k, whole = stage_fraction(index, t, n)
        return _products(first, last, np.clip(k, 0, whole), whole)

    counted = call.with_args(over=Duration.of_updates(length))
    return PlannedSchedule(counted, length, length, values)


def require_positive_base(schedule: Schedule, base: float, site: str) -> None:
    """Raise for a base of 0 or less if a resolved schedule contains a `geometric` from base to an absolute value.

    Args:
        schedule: the schedule.
        base: the base.
        site: the site of the error.
    """
    stage = None if base > 0 else stage_from_base(schedule)
    if stage is not None:
        to = stage.args["to"]
        raise messages.base_is_not_above_zero(site, base, stage, to, to.value)


def stage_from_base(schedule: Schedule) -> Schedule | None:
    """Return a part of a resolved schedule that has values only for a base above 0; None if there is none."""
    if schedule.kind == "geometric" and not schedule.affine:
        return schedule
    if not schedule.has_absolute:  # as `as_factor` has not, whatever it contains
        return None
    stages = map(stage_from_base, schedule.parts())
    return next((stage for stage in stages if stage is not None), None)


@formula()
def cosine_wave(t: Array, cycles: Positive = 1.0, start: Level = 1.0, to: Level = 0.0, over: Over = None) -> Array:
    """Oscillate between `start` and `to` along a cosine wave.

    value(t) = to + (start - to) * (1 + cos(2 * pi * cycles * t / n)) / 2; constant from t = n on

    Args:
        cycles: the number of waves in n, above 0; it may be fractional. The final value depends on it: `to` for 0.5,
            `start` for 1, half-way for 0.25.
        start: the level of the first update, a multiple of base, or `absolute(x)` for an absolute value.
        to: the level half a wave later, likewise.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: an argument is out of range.

    torch's `CosineAnnealingLR` rises again after n updates: `restarts(cosine_wave(over="2n steps"), "2n steps")`, with
    the number 2n written out.

    Source: Hugging Face `get_cosine_schedule_with_warmup(num_cycles)`.

    >>> [round(cosine_wave(1, over=8)(t), 9) for t in (0, 2, 4, 6, 8, 100)]
    [1.0, 0.5, 0.0, 0.5, 1.0, 1.0]
    """
    n: Any = over
    k, whole = stage_fraction("t/n", np.minimum(t, n), n)
    turns = k * cycles / whole
    progress = 1.0 - abs(1.0 - 2.0 * (turns - np.floor(turns)))  # half a wave forward, and then backward
    return along(curves.cosine, start, to, progress, 1)
