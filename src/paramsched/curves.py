"""Curves: how to go from 0 to 1.

A curve is a frozen value; `curve(u)` is defined for `u` in [0, 1], with `curve(0) = 0` and `curve(1) = 1`. A schedule
walks from one level to another along a curve; the same curve serves a warmup (upwards) and a decay (downwards, where
the value is `1 - curve(u)`). Written with the prefix, in code and in text: `curves.cosine`, `curves.power(2)`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias, TypeVar, final, overload

import numpy as np

from paramsched._arrays import Array, Arrays, Floats, arrays_of
from paramsched._calls import example_call, explain_wrong_calls
from paramsched._frozen_values import equal_fields, hash_of_fields
from paramsched.errors import Asked, InvalidArgument, nearest, shown
from paramsched.user_warnings import renamed_property


class Curve(ABC):
    """A monotone map of [0, 1] onto itself, unless `monotone` says otherwise.

    `_rise` is the curve itself. `_fall` is `1 - curve(u)`: where a formula for it keeps more digits near `u = 1` than
    the subtraction does, a curve gives its own. Both are told `rest`, which is `1 - u` without its rounding. In NumPy
    they may write their result into what they look at.
    """

    __slots__ = ()
    _needs: ClassVar[tuple[str, str]] = ("both", "both")
    """What `_rise` and `_fall` look at: `u`, `rest` or both. Where only one is, the other is None in NumPy."""
    _within: ClassVar[bool] = False
    """Whether not even rounding leads past 1: then the level at the end is kept without a look."""

    @overload
    def __call__(self, u: float) -> float: ...
    @overload
    def __call__(self, u: Floats) -> Floats: ...
    def __call__(self, u: Any) -> Any:
        """The curve at `u`, a number or an array in [0, 1]."""
        if isinstance(u, (int, float)):
            return float(self(np.array([float(u)]))[0])
        xp = arrays_of(u)
        u = np.array(u, dtype=np.float64) if xp.concrete else xp.floating(u)
        return self._rise(u, 1.0 - u, xp)

    @property
    def monotone(self) -> bool:
        """Whether the curve never turns back."""
        return True

    @abstractmethod
    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array: ...

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return 1.0 - self._rise(u, rest, xp)

    @property
    def serializable(self) -> bool:
        return True

    serialisable = renamed_property("serialisable", "serializable")

    def __str__(self) -> str:
        name = _NAME_OF[type(self)]
        given = [repr(getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]  # all are dataclasses
        return f"curves.{name}({', '.join(given)})" if given else f"curves.{name}"

    def __eq__(self, other: object) -> bool:
        return equal_fields(self, other)

    def __hash__(self) -> int:
        return hash_of_fields(self)

    def __repr__(self) -> str:
        return str(self)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Linear(Curve):
    """curve(u) = u.

    >>> curves.linear(0.25)
    0.25
    """

    _needs = ("u", "rest")
    _within = True

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return u

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return rest


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cosine(Curve):
    """curve(u) = (1 - cos(pi u)) / 2: half a wave. Source: SGDR, Loshchilov & Hutter 2017 (1608.03983).

    Computed as sin(pi u / 2) ** 2, which keeps its digits where the wave is flat.

    >>> round(curves.cosine(0.5), 12)
    0.5
    """

    _needs = ("u", "rest")
    _within = True

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        if xp.concrete:  # in place: new arrays would take a third of the time of a long curve
            np.multiply(u, math.pi / 2, out=u)
            np.sin(u, out=u)
            return np.multiply(u, u, out=u)
        s = xp.xp.sin(u * (math.pi / 2))
        return s * s

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return self._rise(rest, u, xp)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Power(Curve):
    """curve(u) = u ** exponent.

    Args:
        exponent: above 0.

    >>> curves.power(2)(0.5)
    0.25
    """

    exponent: float

    def __post_init__(self) -> None:
        _positive(self, "exponent", 2.0)

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return u**self.exponent


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Polynomial(Curve):
    """curve(u) = 1 - (1 - u) ** exponent: a descent along it is (1 - u) ** exponent.

    Source: Liu et al. 2015 (1506.04579).

    Args:
        exponent: above 0; 0.9 in DeepLab.

    >>> curves.polynomial(2)(0.5)
    0.75
    """

    exponent: float

    def __post_init__(self) -> None:
        _positive(self, "exponent", 0.9)

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return 1.0 - self._fall(u, rest, xp)

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return rest**self.exponent


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PolynomialKDecay(Curve):
    """curve(u) = 1 - (1 - u ** k) ** exponent: k above 1 stays high longer. Source: k-decay (2004.05909); timm poly.

    >>> curves.polynomial_k_decay(1.0, 2.0)(0.5)
    0.25
    """

    exponent: float
    k: float

    def __post_init__(self) -> None:
        _positive(self, "exponent", 1.0)
        _positive(self, "k", 2.0)

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return 1.0 - self._fall(u, rest, xp)

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return (1.0 - u**self.k) ** self.exponent


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneMinusSqrt(Curve):
    """curve(u) = sqrt(u): a descent along it is 1 - sqrt(u). Source: Haegele et al. 2024 (2405.18392), "1-sqrt".

    >>> curves.one_minus_sqrt(0.25)
    0.5
    """

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return xp.xp.sqrt(u)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exponential(Curve):
    """curve(u) = (1 - ratio ** u) / (1 - ratio): from 1 to `ratio` along it the value is ratio ** u.

    Source: fvcore Exponential (with `to=ratio`); timm and Megatron "exp" (with `to=0`).

    Args:
        ratio: last value over first, above 0 and not 1.

    >>> round(curves.exponential(0.01)(0.5), 4)
    0.9091
    """

    ratio: float

    def __post_init__(self) -> None:
        _positive(self, "ratio", 0.1)
        if self.ratio == 1:
            raise InvalidArgument(
                "curves.exponential(1.0)", "a ratio of 1 goes nowhere", "Write curves.exponential(0.1)"
            )

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        rate = math.log(self.ratio)
        return xp.xp.expm1(u * rate) / math.expm1(rate)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseProportional(Curve):
    """curve(u) = u / (u + ratio (1 - u)): from 1 to `ratio` along it the value is 1 / (u / ratio + 1 - u).

    Source: WSD-S, Wen et al. 2024 (2410.05192).

    Args:
        ratio: floor over peak, above 0.

    >>> curves.inverse_proportional(0.25)(0.5)
    0.8
    """

    ratio: float

    def __post_init__(self) -> None:
        _positive(self, "ratio", 0.1)

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return u / (u + self.ratio * rest)

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return self.ratio * rest / (u + self.ratio * rest)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosinePower(Curve):
    """curve(u) = 1 - ((1 + cos(pi u)) / 2) ** exponent. Source: optax cosine_decay_schedule(exponent).

    >>> round(curves.cosine_power(2)(0.5), 12)
    0.75
    """

    exponent: float

    def __post_init__(self) -> None:
        _positive(self, "exponent", 2.0)

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return 1.0 - self._fall(u, rest, xp)

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return cosine._fall(u, rest, xp) ** self.exponent


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineKDecay(Curve):
    """curve(u) = (1 - cos(pi u ** k)) / 2: k above 1 stays high longer. Source: k-decay (2004.05909); timm cosine.

    >>> round(curves.cosine_k_decay(2)(0.5), 6)
    0.146447
    """

    k: float

    def __post_init__(self) -> None:
        _positive(self, "k", 2.0)

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return cosine._rise(u**self.k, 1.0 - u**self.k, xp)

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return cosine._fall(u**self.k, 1.0 - u**self.k, xp)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HalfCosine(Curve):
    """curve(u) = sin(pi u / 2): the second half of a cosine descent. Source: OLMo-core HalfCosWithWarmup.

    >>> round(curves.half_cosine(0.5), 6)
    0.707107
    """

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return xp.xp.sin(u * (math.pi / 2))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineTruncated(Curve):
    """curve(u) = (1 - cos(pi share u)) / (1 - cos(pi share)): a cosine cut before its floor.

    Source: I-JEPA (2301.08243), `ipe_scale` 1.25 is share 0.8.

    Args:
        share: how much of the half wave is used, above 0 and at most 1.

    >>> round(curves.cosine_truncated(0.8)(0.5), 6)
    0.381966
    """

    share: float

    def __post_init__(self) -> None:
        _positive(self, "share", 0.8)
        if self.share > 1:
            raise InvalidArgument(
                f"curves.cosine_truncated({self.share})", "a share is at most 1", "Write curves.cosine"
            )

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        s = xp.xp.sin(u * (math.pi / 2 * self.share)) / math.sin(math.pi / 2 * self.share)
        return s * s  # of the ratio, not a ratio of squares, which a small share makes vanish


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineWave(Curve):
    """curve(u) = (1 - cos(2 pi cycles u)) / 2: whole waves and a half. Source: Hugging Face cosine(num_cycles).

    Args:
        cycles: 0.5, 1.5, 2.5, …; it goes up and down that often and ends at 1.

    >>> curves.cosine_wave(1.5).monotone, round(curves.cosine_wave(1.5)(0.5), 12)
    (False, 0.5)
    """

    cycles: float

    def __post_init__(self) -> None:
        _positive(self, "cycles", 1.5)
        if self.cycles % 1 != 0.5:
            raise InvalidArgument(
                f"curves.cosine_wave({self.cycles})", "it would not end at 1", "Write curves.cosine_wave(1.5)"
            )

    @property
    def monotone(self) -> bool:
        return self.cycles == 0.5

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return cosine._rise(u * (2 * self.cycles), rest, xp)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tanh(Curve):
    """curve(u) = (tanh(lower + (upper - lower) u) - tanh(lower)) / (tanh(upper) - tanh(lower)).

    Source: HTD, Hsueh et al. 2019 (1806.01593), scaled so that the ends are exact.

    >>> round(curves.tanh(-7.0, 3.0)(0.7), 4)
    0.5012
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            _finite(self, name, -7.0 if name == "lower" else 3.0)
        if not self.lower < self.upper:
            raise InvalidArgument(
                f"curves.tanh({self.lower}, {self.upper})", "lower is not below upper", "Write curves.tanh(-7.0, 3.0)"
            )
        low, high = np.tanh([self.lower, self.upper])
        if high - low < 1e-6 or self.upper - self.lower > 1e6:
            raise InvalidArgument(
                f"curves.tanh({self.lower}, {self.upper})", "it is flat there", "Write curves.tanh(-7.0, 3.0)"
            )

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        low, high = np.tanh([self.lower, self.upper]).tolist()  # as the values between are computed
        return (xp.xp.tanh(self.lower + (self.upper - self.lower) * u) - low) / (high - low)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rex(Curve):
    """curve(u) = u / (2 - u): a descent along it is (1 - u) / (1 - u / 2). Source: REX, Chen et al. 2022 (2107.04197).

    >>> round(curves.rex(0.5), 6)
    0.333333
    """

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return u / (1.0 + rest)

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return rest / (1.0 - u / 2)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sigmoid(Curve):
    """curve(u) = the logistic function of steepness (u - 1/2), scaled to exact ends.

    Source: Bowman et al. 2016 (1511.06349).

    >>> curves.sigmoid(12.0)(0.5)
    0.5
    """

    steepness: float

    def __post_init__(self) -> None:
        _positive(self, "steepness", 12.0)
        if self.steepness < 1e-6:
            raise InvalidArgument(f"curves.sigmoid({self.steepness})", "it is a straight line", "Write curves.linear")

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        # logistic(x) = (1 + tanh(x / 2)) / 2, and the scaling to exact ends leaves this of it:
        return 0.5 + 0.5 * xp.xp.tanh(self.steepness / 2 * (u - 0.5)) / math.tanh(self.steepness / 4)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Log(Curve):
    """curve(u) = ln(1 + (e - 1) u): steep first, then flat.

    >>> round(curves.log(0.5), 6)
    0.620115
    """

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return xp.xp.log1p((math.e - 1) * u)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Custom(Curve):
    """A user's own function of `u`, checked at the two ends.

    It serialises when it was registered under a name (`curves.register`), and compares by that name then.
    """

    function: Callable[[Any], Any]
    name: str | None = None

    def __post_init__(self) -> None:
        for at in (0.0, 1.0):
            got = float(np.asarray(self.function(np.array([at])), dtype=np.float64).reshape(-1)[0])
            if not abs(got - at) <= 1e-9:
                raise InvalidArgument(
                    f"curve {self}",
                    f"curve({at:g}) is {got!r}",
                    "A curve goes from exactly 0 at u=0 to 1 at u=1; scale it",
                )

    @property
    def monotone(self) -> bool:
        return False  # not known, so nothing is promised

    @property
    def serializable(self) -> bool:
        return self.name is not None

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return self.function(u)

    def __str__(self) -> str:
        return f"curves.{self.name}" if self.name is not None else f"<curve {self.function!r}>"


_Builder = TypeVar("_Builder", bound=Callable[..., Curve])


def _family(builder: _Builder) -> _Builder:
    """A function that builds a curve, which tells a call that it does not take."""
    return explain_wrong_calls(builder, "curves.")


linear = Linear()
cosine = Cosine()
one_minus_sqrt = OneMinusSqrt()
half_cosine = HalfCosine()
rex = Rex()
log = Log()


@_family
def power(exponent: float) -> Power:
    """`u ** exponent`.

    >>> curves.power(2)
    curves.power(2.0)
    """
    return Power(exponent)


@_family
def polynomial(exponent: float) -> Polynomial:
    """`1 - (1 - u) ** exponent`.

    >>> curves.polynomial(0.9)
    curves.polynomial(0.9)
    """
    return Polynomial(exponent)


@_family
def polynomial_k_decay(exponent: float = 1.0, k: float = 1.0) -> PolynomialKDecay:
    """`1 - (1 - u ** k) ** exponent`.

    >>> curves.polynomial_k_decay(1.0, 2.0)
    curves.polynomial_k_decay(1.0, 2.0)
    """
    return PolynomialKDecay(exponent, k)


@_family
def exponential(ratio: float) -> Exponential:
    """`(1 - ratio ** u) / (1 - ratio)`.

    >>> curves.exponential(0.1)
    curves.exponential(0.1)
    """
    return Exponential(ratio)


@_family
def inverse_proportional(ratio: float) -> InverseProportional:
    """`u / (u + ratio (1 - u))`.

    >>> curves.inverse_proportional(0.1)
    curves.inverse_proportional(0.1)
    """
    return InverseProportional(ratio)


@_family
def cosine_power(exponent: float) -> CosinePower:
    """`1 - ((1 + cos(pi u)) / 2) ** exponent`.

    >>> curves.cosine_power(2)
    curves.cosine_power(2.0)
    """
    return CosinePower(exponent)


@_family
def cosine_k_decay(k: float) -> CosineKDecay:
    """`(1 - cos(pi u ** k)) / 2`.

    >>> curves.cosine_k_decay(2)
    curves.cosine_k_decay(2.0)
    """
    return CosineKDecay(k)


@_family
def cosine_truncated(share: float) -> CosineTruncated:
    """`(1 - cos(pi share u)) / (1 - cos(pi share))`.

    >>> curves.cosine_truncated(0.8)
    curves.cosine_truncated(0.8)
    """
    return CosineTruncated(share)


@_family
def cosine_wave(cycles: float) -> CosineWave:
    """`(1 - cos(2 pi cycles u)) / 2`.

    >>> curves.cosine_wave(1.5)
    curves.cosine_wave(1.5)
    """
    return CosineWave(cycles)


@_family
def tanh(lower: float = -7.0, upper: float = 3.0) -> Tanh:
    """A piece of the hyperbolic tangent, scaled to [0, 1].

    >>> curves.tanh(-7.0, 3.0)
    curves.tanh(-7.0, 3.0)
    """
    return Tanh(lower, upper)


@_family
def sigmoid(steepness: float = 12.0) -> Sigmoid:
    """A piece of the logistic function, scaled to [0, 1].

    >>> curves.sigmoid(12.0)
    curves.sigmoid(12.0)
    """
    return Sigmoid(steepness)


CONSTANTS: dict[str, Curve] = {
    "linear": linear,
    "cosine": cosine,
    "one_minus_sqrt": one_minus_sqrt,
    "half_cosine": half_cosine,
    "rex": rex,
    "log": log,
}
"""Curves without a parameter, and those a user registered, by name."""

FAMILIES: dict[str, Callable[..., Curve]] = {
    "power": power,
    "polynomial": polynomial,
    "polynomial_k_decay": polynomial_k_decay,
    "exponential": exponential,
    "inverse_proportional": inverse_proportional,
    "cosine_power": cosine_power,
    "cosine_k_decay": cosine_k_decay,
    "cosine_truncated": cosine_truncated,
    "cosine_wave": cosine_wave,
    "tanh": tanh,
    "sigmoid": sigmoid,
}
"""Curves with parameters, by name."""

_NAME_OF: dict[type[Curve], str] = {type(curve): name for name, curve in CONSTANTS.items()} | {
    Power: "power",
    Polynomial: "polynomial",
    PolynomialKDecay: "polynomial_k_decay",
    Exponential: "exponential",
    InverseProportional: "inverse_proportional",
    CosinePower: "cosine_power",
    CosineKDecay: "cosine_k_decay",
    CosineTruncated: "cosine_truncated",
    CosineWave: "cosine_wave",
    Tanh: "tanh",
    Sigmoid: "sigmoid",
}


def register(name: str, function: Callable[[Any], Any]) -> Custom:
    """Give a function of `u` a name, so that plans that use it can be written to text and read back.

    The table of names belongs to the process, like that of codecs: a text has to mean the same everywhere in it.

    Raises:
        InvalidArgument: the name is taken or no identifier, or the ends are not 0 and 1.
    """
    if not name.isidentifier() or name in FAMILIES or name in CONSTANTS:
        raise InvalidArgument(f"curves.register({name!r})", "taken, or no identifier", "Choose another name")
    curve = Custom(function, name)
    CONSTANTS[name] = curve
    return curve


def curve_of(curve: "CurveLike") -> Curve:
    """A curve from a curve, a registered name or a user's function."""
    if isinstance(curve, Curve):
        return curve
    if isinstance(curve, str):
        name = curve.removeprefix("curves.")
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FAMILIES:
            given = example_call(FAMILIES[name], f"curves.{name}")
            raise InvalidArgument(f'curve "{curve}"', "it has a parameter", f"Write {given}")
        found = f'"{name}" is no curve; {nearest(name, [*CONSTANTS, *FAMILIES])}'
        raise InvalidArgument(f'curve "{curve}"', found, "Write curves.cosine")
    if callable(curve):
        return Custom(curve)
    raise InvalidArgument(f"curve {curve!r}", f"a {type(curve).__name__} is no curve", "Write curves.cosine")


CurveLike: TypeAlias = Curve | str | Callable[[Any], Any]
"""What people write for a curve: `curves.cosine`, a registered name, or their own function of `u`."""


_MOST = float(np.finfo(np.float64).max)


def _finite(curve: Curve, name: str, example: float) -> None:
    value = getattr(curve, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_MOST <= value <= _MOST:
        asked = Asked(f"curves.{_NAME_OF[type(curve)]}", name, shown(value))
        raise InvalidArgument(asked, "not a finite number", f"Write {name}={example}").suggest(example)
    object.__setattr__(curve, name, float(value))


def _positive(curve: Curve, name: str, example: float) -> None:
    _finite(curve, name, example)
    if getattr(curve, name) <= 0:
        raise InvalidArgument(
            Asked(f"curves.{_NAME_OF[type(curve)]}", name, str(getattr(curve, name))),
            "not above 0",
            f"Write {name}={example}",
        ).suggest(example)
