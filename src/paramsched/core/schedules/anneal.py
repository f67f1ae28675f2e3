"""Anneals from one level to another: linear, cosine, warmup and the others along a curve."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias, cast, final

import numpy as np

from paramsched.core import curves
from paramsched.core.base.signatures import short_name
from paramsched.core.curves import Curve, CurveLike
from paramsched.core.curves.arrays import NUMBERS, Array, Arrays
from paramsched.core.curves.elementary import tanh as tanh_of
from paramsched.core.number_checks import checked, one_of, positive_number
from paramsched.core.schedules.affine import (
    LEVEL,
    Affine,
    Bounds,
    Level,
    bounds_of_levels,
    is_first_share,
    level_from_parts,
    level_of,
    split_level,
)
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import curve_argument
from paramsched.core.schedules.lengths import FILLS
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.two_levels import may_be_length
from paramsched.core.schedules.writing import write_call
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, shown

_EXACT = 2**53

Index: TypeAlias = Literal["t/n", "(t+1)/n", "(t+1)/(n+1)", "t/(n-1)"]
short_name("Index", Index)
"""The fraction of a stage of n updates that is reached at update t."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Anneal(Schedule):
    """A change from `start` to `to` along a curve.

    value(t) = start + (to - start) * curve(u), with u = t / n or as `index` defines; exactly `to` from t = n on.

    Args:
        start: first level; None if it is open: that of the stage before. Without one it is 1, and 0 of a warmup.
        to: last level; None is the open end of a warmup: the level at which the next stage begins, and 1 without one.
        over: n, the length; None takes the rest of the run.
        curve: the curve, from 0 to 1.
        index: u at update t: `"t/n"`, `"(t+1)/n"`, `"(t+1)/(n+1)"` or `"t/(n-1)"`, which is 1 if n is 1.
        is_warmup: True if `warmup` built it.
    """

    start: Level | None = field(metadata=LEVEL)
    to: Level | None = field(metadata=LEVEL)
    over: Duration | None = field(metadata=FILLS)
    curve: Curve
    index: Index = field(metadata=one_of(Index))
    is_warmup: bool = False

    def check_together(self) -> None:
        if self.to is None and not self.is_warmup:
            raise InvalidArgument(CallSite("anneal", "to", "None"), "expected a level", example="to=0.0")

    @property
    def first_level(self) -> Level:
        """The written level of its start; if that is open, its level without a stage before it."""
        if self.start is not None:
            return self.start
        return 0.0 if self.is_warmup else 1.0

    @property
    def last_level(self) -> Level:
        """The written level of its end; if that is open, its level without a stage after it."""
        return 1.0 if self.to is None else self.to

    def _factor_of_number(self) -> Callable[[float], float] | None:
        factor, offset = self._interpolations
        if factor is None or offset is not None or not self.curve._takes_numbers:
            return None
        since, whole = stage_fraction(self.index, 0, self._updates)
        first, last, inside = factor.first, factor.last, factor.inside

        def factor_at(t: float) -> float:
            k = t + since
            if 0 < k < whole:
                return inside(k, whole, NUMBERS)  # type: ignore[no-any-return]  # a number, as `k` is one
            return last if k >= whole else first

        return factor_at

    @cached_property
    def _updates(self) -> float:
        return cast(Duration, self.over).count

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        k, whole = stage_fraction(self.index, t, self._updates)
        return self._interpolations.at(k, whole, base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_of_levels((self.first_level, self.last_level), bases) if self.curve.monotone else None

    @cached_property
    def _interpolations(self) -> "Interpolations":
        return Interpolations.of(self.first_level, self.last_level, self.curve)

    def __str__(self) -> str:
        named = {"start": self.start, "to": self.to, "over": self.over, "curve": self.curve, "index": self.index}
        if self.is_warmup:
            return write_call("warmup", warmup, named)
        # One level alone needs its name, and so does a second one that could be a length.
        needs_names = self.start is None or self.to == 0.0 or (self.over is None and may_be_length(self.to))
        if self.curve == curves.linear:
            return write_call("linear", linear, named, by_name=needs_names)
        if self.curve == curves.cosine:
            return write_call("cosine", cosine, named, by_name=needs_names)
        return write_call("anneal", anneal, named, by_name=needs_names)


def stage_fraction(index: Index, t: Array, n: float) -> tuple[Array, float]:
    """Return u at update `t` of a stage of `n` updates, as a pair (numerator, denominator).

    Integer times stay integers until the division.
    """
    match index:
        case "t/n":
            k, whole = t, n
        case "(t+1)/n":
            k, whole = t + 1, n
        case "(t+1)/(n+1)":
            k, whole = t + 1, n + 1
        case "t/(n-1)":
            k, whole = t, n - 1
    return (k, whole) if whole > 0 and n > 0 else (t * 0 + 1, 1)


@final
class _Interpolation(NamedTuple):
    """The values from one number to another along a curve; constructed once, because they are read at every update.

    Starting from `near`, the number nearer to zero, keeps the digits of small values. `needs` are the arguments that
    the curve uses. `is_within` is True if rounding takes no value beyond `far`.
    """

    first: float
    last: float
    curve: Curve
    rises: bool
    near: float
    far: float
    needs: str
    is_monotone: bool
    is_within: bool

    @staticmethod
    def of(first: float, last: float, curve: Curve) -> "_Interpolation":
        rises = abs(first) <= abs(last)
        near, far = (first, last) if rises else (last, first)
        # Rounding is monotone: if a share of 1 does not overshoot, no smaller share does.
        is_within = curve._within and abs((far - near) + near) <= abs(far)
        needs = curve._needs[0 if rises else 1]
        return _Interpolation(first, last, curve, rises, near, far, needs, curve.monotone, is_within)

    def masked(self, k: Array, whole: float, ops: Arrays) -> Array:
        """Return the values at u = k / whole, exactly `first` before the stage and `last` after it."""
        u, rest = ops.floating(k) / whole, ops.floating(whole - k) / whole
        # Masked before the curve too, because a curve of a user may fail outside of [0, 1].
        inside = (k > 0) & (k < whole)
        u, rest = ops.where(inside, u, 0.5), ops.where(inside, rest, 0.5)
        share = self.curve._rise(u, rest, ops) if self.rises else self.curve._fall(u, rest, ops)
        return ops.where(inside, self.at(share, ops), ops.where(k >= whole, self.last, self.first))

    def inside(self, k: Array, whole: float, ops: Arrays) -> Array:
        """Return the values at u = k / whole, without masks, because all times are inside the stage."""
        size = float(whole)  # because Python rounds a quotient of two integers only once
        u = k / size if self.needs != "rest" else None
        rest = None
        if self.needs != "u" and whole > _EXACT:
            rest = (whole - k) / size
        elif self.needs != "u":  # 1 - k / whole, rounded only once: floats represent these integers exactly
            rest = size - k
            rest /= size
        return self.at(self.curve._rise(u, rest, ops) if self.rises else self.curve._fall(u, rest, ops), ops)

    def at(self, share: Array, ops: Arrays) -> Array:
        """Return the values at these shares of the way from `near` to `far`."""
        near, far = self.near, self.far
        # Rounding can only move a value beyond `far`. For a monotone curve this must not happen.
        # Not in place for a user's function, because the function may own the array.
        if ops is not NUMBERS and self.is_monotone and near != 0 and share.size:
            share *= far - near
            share += near
            if self.is_within:
                return share
            # Checking for an overshoot is cheaper than clipping all values, and few curves overshoot.
            if far > near:
                return np.minimum(share, far) if share.max() > far else share
            return np.maximum(share, far) if share.min() < far else share
        if near == 0:
            return share * far if far != 1 else share
        value = share * (far - near) + near
        if not self.is_monotone or (self.is_within and ops is NUMBERS):
            return value
        return ops.smaller(value, far) if far > near else ops.larger(value, far)


@final
class Interpolations(NamedTuple):
    """The interpolation of the multiples of base of two levels, and that of their absolute values, if they have any."""

    factor: _Interpolation | None
    offset: _Interpolation | None

    @staticmethod
    def of(start: Level, to: Level, curve: Curve) -> "Interpolations":
        pairs = list(zip(split_level(start), split_level(to), strict=True))
        factor, offset = (
            None if pair == (None, None) else _Interpolation.of(pair[0] or 0.0, pair[1] or 0.0, curve) for pair in pairs
        )
        return Interpolations(factor, offset)

    def at(self, k: Array, whole: float, base: Affine, ops: Arrays) -> Affine:
        """Return the values at u = k / whole.

        Both ends are exact. If the curve is monotone, no value is outside the two levels.
        """
        factor, offset = self
        if (bounds := ops.bounds(k)) and bounds[0] > 0 and bounds[1] < whole:
            factors = None if factor is None else factor.inside(k, whole, ops)
            offsets = None if offset is None else offset.inside(k, whole, ops)
        else:
            factors = None if factor is None else factor.masked(k, whole, ops)
            offsets = None if offset is None else offset.masked(k, whole, ops)
        return base.mapped(factors, offsets)


@shape
def anneal(
    start: Level | None = None,
    to: Level = 0.0,
    over: DurationLike | None = None,
    curve: CurveLike = curves.linear,
    index: Index = "t/n",
) -> Anneal:
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
    if is_first_share(start):
        found = "a level is a number; index defines the value of the first update"
        raise InvalidArgument(
            CallSite("anneal", "start", shown(start)), found, 'To begin at 1/n write index="(t+1)/n"', refused=start
        )
    return Anneal(start, to, None if over is None else Duration.of(over), curve_argument("anneal", curve), index)


@shape
def linear(
    start: Level | None = None, to: Level = 0.0, over: DurationLike | None = None, index: Index = "t/n"
) -> Anneal:
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
    return anneal(start, to, over, curves.linear, index)


@shape
def cosine(
    start: Level | None = None, to: Level = 0.0, over: DurationLike | None = None, index: Index = "t/n"
) -> Anneal:
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
    return anneal(start, to, over, curves.cosine, index)


@shape
def warmup(
    over: DurationLike,
    start: Level | None = None,
    to: Level | None = None,
    curve: CurveLike = curves.linear,
    index: Index = "t/n",
) -> Anneal:
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
    return Anneal(start, to, Duration.of(over), curve_argument("warmup", curve), index, is_warmup=True)


@shape
def cooldown(over: DurationLike, to: Level = 0.0, curve: CurveLike = curves.linear, index: Index = "t/n") -> Anneal:
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
    return anneal(None, to, over, curve, index)


@shape
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
    begins, ends = (
        split_level(level_of(CallSite("tanh", name), level)) for name, level in (("start", start), ("to", to))
    )
    reached: list[Level] = []
    for x in (curve.lower, curve.upper):
        share = (1 - tanh_of(x)) / 2  # of the distance from `to` to `start`
        pairs = [(begin or 0.0, end or 0.0) for begin, end in zip(begins, ends, strict=True)]
        reached.append(level_from_parts(*(end + (begin - end) * share for begin, end in pairs)))
    return anneal(reached[0], reached[1], over, curve)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineWave(Schedule):
    """value(t) = to + (start - to) * (1 + cos(2 pi cycles t / n)) / 2, constant from t = n on."""

    cycles: float = field(metadata=checked(positive_number))
    start: Level = field(metadata=LEVEL)
    to: Level = field(metadata=LEVEL)
    over: Duration | None = field(metadata=FILLS)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Evaluate each wave as half a cosine wave, forward and then backward."""
        n = cast(Duration, self.over).count
        k, whole = stage_fraction("t/n", ops.at_most(t, n), n)
        turns = ops.floating(k) * self.cycles / whole
        progress = 1.0 - abs(1.0 - 2.0 * (turns - np.floor(turns)))
        return Interpolations.of(self.start, self.to, curves.cosine).at(progress, 1, base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_of_levels((self.start, self.to), bases)


@shape
def cosine_wave(
    cycles: float = 1.0, start: Level = 1.0, to: Level = 0.0, over: DurationLike | None = None
) -> CosineWave:
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
    return CosineWave(cycles, start, to, None if over is None else Duration.of(over))
