"""Anneal, the workhorse: from one level to another along a curve."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast, final

import numpy as np

from paramsched import curves
from paramsched.base.arrays import Array, Arrays, in_place
from paramsched.base.number_checks import keep_checked, require_choice
from paramsched.curves import Curve, CurveLike
from paramsched.errors import CallSite
from paramsched.schedules.affine import Affine, Level, level_of, mixed_levels
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import curve_argument
from paramsched.schedules.lengths import FILLS
from paramsched.schedules.registry import shape
from paramsched.schedules.text.writing import write_call
from paramsched.time import Duration, DurationLike

_EXACT = 2**53

Index: TypeAlias = Literal["t/n", "(t+1)/n", "(t+1)/(n+1)", "t/(n-1)"]
"""Which fraction of a stage of n updates update t stands for."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Anneal(Schedule):
    """From `start` to `to` along a curve.

    value(t) = start + (to - start) * curve(u), with u = t / n or as `index` says; from t = n on exactly `to`.

    Args:
        start, to: levels.
        over: n; None takes the time it is given.
        curve: the way from 0 to 1.
        index: which fraction update t stands for: `"t/n"`, `"(t+1)/n"`, `"(t+1)/(n+1)"`, `"t/(n-1)"`. With n = 1 the
            last means the end.
    """

    start: Level
    to: Level
    over: Duration | None = field(metadata=FILLS)
    curve: Curve
    index: Index

    def __post_init__(self) -> None:
        keep_checked(self, "anneal", level_of, "start", "to")
        require_choice(CallSite("anneal", "index"), self.index, Index, "unknown index", 'Write "t/n"')

    @property
    def length(self) -> Duration | None:
        return self.over

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        k, whole = stage_fraction(self.index, t, cast(Duration, self.over).count)
        return between_levels(self.start, self.to, self.curve, k, whole, base, ops)

    def __str__(self) -> str:
        named = {"start": self.start, "to": self.to, "over": self.over, "curve": self.curve, "index": self.index}
        if self.over is not None and self.to == 1.0 and isinstance(self.start, float) and self.start < 1.0:
            return write_call("warmup", warmup, named)
        if self.curve == curves.linear:
            return write_call("linear", linear, named)
        if self.curve == curves.cosine:
            return write_call("cosine", cosine, named)
        return write_call("anneal", anneal, named)


def stage_fraction(index: Index, t: Array, n: float) -> tuple[Array, float]:
    """How many parts of how many update `t` of `n` stands for: integers stay integers until they are divided."""
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


def between_levels(start: Level, to: Level, curve: Curve, k: Array, whole: float, base: Affine, ops: Arrays) -> Affine:
    """From `start` to `to` along `curve` at `u = k / whole`: exact at both ends, on a monotone curve never outside."""
    if ops.concrete and k.size:
        low, high = ops.bounds(k)
        if low > 0 and high < whole:
            return mixed_levels(start, to, base, lambda first, last: _all_inside(first, last, curve, k, whole, ops))
    u, rest = ops.floating(k) / whole, ops.floating(whole - k) / whole
    # Masked before the curve as well as after it: sqrt at 0 has no derivative, and 0 * inf is NaN.
    inside, done = (k > 0) & (k < whole), k >= whole
    u, rest = ops.where(inside, u, 0.5), ops.where(inside, rest, 0.5)

    def part(first: float, last: float) -> Array:
        own = (u.copy(), rest.copy()) if ops.concrete else (u, rest)  # it may write into them
        share = curve._rise(*own, ops) if abs(first) <= abs(last) else curve._fall(*own, ops)
        return ops.where(inside, _interpolate_levels(first, last, curve, share, ops), ops.where(done, last, first))

    return mixed_levels(start, to, base, part)


def _all_inside(first: float, last: float, curve: Curve, k: Array, whole: float, ops: Arrays) -> Array:
    """Return the way between two numbers at times that are all inside it, where nothing has to be masked."""
    rises = abs(first) <= abs(last)
    needs = curve._needs[0 if rises else 1]
    u = k / whole if needs != "rest" else None
    rest = None
    if needs != "u" and whole > _EXACT:
        rest = (whole - k) / whole
    elif needs != "u":  # 1 - k / whole, rounded once: floats hold these whole numbers exactly
        rest = k.astype(np.float64)
        out = in_place(rest)
        rest = np.divide(np.subtract(whole, rest, out=out), whole, out=out)
    share = curve._rise(u, rest, ops) if rises else curve._fall(u, rest, ops)
    return _interpolate_levels(first, last, curve, share, ops)


def _interpolate_levels(first: float, last: float, curve: Curve, share: Array, ops: Arrays) -> Array:
    """From `first` to `last` by shares of the way from the level nearer to zero."""
    # It starts from the level nearer to zero, so that the digits of small values survive; rounding can then only lead
    # past the other one, which a monotone curve must not.
    near, far = (first, last) if abs(first) <= abs(last) else (last, first)
    # In place, but for a function of a user's, whose array might be his own.
    if ops.concrete and curve.monotone and near != 0 and share.size:
        out = in_place(share)
        share = np.add(np.multiply(share, far - near, out=out), near, out=out)
        if curve._within and abs((far - near) + near) <= abs(far):
            return share  # rounding is monotone: if a share of 1 does not lead past the end, no smaller one does
        # To look for one that is past it is cheaper than to cut them all, and there is one in few curves.
        if far > near:
            return np.minimum(share, far, out=out) if share.max() > far else share
        return np.maximum(share, far, out=out) if share.min() < far else share
    if near == 0:
        return share * far if far != 1 else share
    value = share * (far - near) + near
    if not curve.monotone:
        return value
    return ops.smaller(value, far) if far > near else ops.larger(value, far)


@shape
def anneal(
    start: Level = 1.0,
    to: Level = 0.0,
    over: DurationLike | None = None,
    curve: CurveLike = curves.linear,
    index: Index = "t/n",
) -> Anneal:
    """From `start` to `to` along a curve.

    value(t) = start + (to - start) * curve(u), u = t / n; from t = n on exactly `to`.

    Args:
        start: first level: a multiple of base, `absolute(x)`, `0.5 + absolute(x)`, or `previous`, the level at which
            the stage before ends.
        to: last level; `following` is the one at which the stage behind begins.
        over: n, any unit of time; None takes what the other stages leave of the horizon.
        curve: `curves.linear`, `curves.cosine`, `curves.power(2)`, …, or a function of u.
        index: which fraction update t stands for; `"t/n"` begins at `start` and is at `to` right after the end.

    Raises:
        InvalidArgument: a level that is no finite number, a length that is none, an unknown curve or index.

    Source: optax `polynomial_schedule`; torch `LinearLR`, `PolynomialLR`, `CosineAnnealingLR` (which turns back after
    its end; this one holds).

    >>> down = anneal(1.0, 0.1, over=100, curve=curves.cosine)
    >>> down(0), round(down(50), 12), down(100), down(1000)
    (1.0, 0.55, 0.1, 0.1)
    """
    return Anneal(start, to, None if over is None else Duration.of(over), curve_argument("anneal", curve), index)


@shape
def linear(start: Level = 1.0, to: Level = 0.0, over: DurationLike | None = None, index: Index = "t/n") -> Anneal:
    """`anneal` along a straight line: value(t) = start + (to - start) t / n.

    Source: torch `LinearLR`; optax `linear_schedule`.

    >>> linear(1.0, 0.5, over=10)(5, base=0.5)
    0.375
    """
    return anneal(start, to, over, curves.linear, index)


@shape
def cosine(start: Level = 1.0, to: Level = 0.0, over: DurationLike | None = None, index: Index = "t/n") -> Anneal:
    """`anneal` along half a cosine wave: value(t) = to + (start - to) (1 + cos(pi t / n)) / 2.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983), one period; it ends at exactly `to` and stays there.

    >>> round(cosine(to=0.1, over=100)(50), 12)
    0.55
    """
    return anneal(start, to, over, curves.cosine, index)


@shape
def warmup(
    over: DurationLike,
    start: Level = 0.0,
    to: Level = 1.0,
    curve: CurveLike = curves.linear,
    index: Index = "t/n",
) -> Anneal:
    """`anneal` upwards at the beginning: from `start` (0) to `to` (1, the base itself).

    value(t) = start + (to - start) * curve(t / n)

    With `index="t/n"` the first update is taken at `start`; `"(t+1)/(n+1)"` begins above it, `"(t+1)/n"` and
    `"t/(n-1)"` reach `to` one update earlier.

    Source: Goyal et al. 2017 (1706.02677).

    >>> warmup(4)(1), warmup(4, index="(t+1)/n")(0)
    (0.25, 0.25)
    """
    return anneal(start, to, over, curve, index)


@shape
def cooldown(over: DurationLike, to: Level = 0.0, curve: CurveLike = curves.linear, index: Index = "t/n") -> Anneal:
    """The last descent of a run: `anneal` from 1, the base itself, to `to`.

    value(t) = 1 + (to - 1) * curve(t / n)

    Where the stage before does not end at 1, write `anneal(previous, to, over)`, which begins where that stage ends.

    Source: Haegele et al. 2024 (2405.18392).

    >>> cooldown(4, curve=curves.one_minus_sqrt)(1)
    0.5
    """
    return anneal(1.0, to, over, curve, index)
