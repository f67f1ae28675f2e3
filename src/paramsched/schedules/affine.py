"""Affine, what a schedule computes: a factor times base and an offset; and levels."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Final, TypeAlias, final

import numpy as np

from paramsched.base.arrays import Array, Arrays, arrays_of, is_numpy
from paramsched.base.number_checks import finite_number, keep_checked
from paramsched.errors import CallSite, InvalidArgument, Unresolved, site_with_value


@final
@dataclass(frozen=True, slots=True)
class Affine:
    """`factor * base + offset`; None stands for an exact zero.

    A formula is written once in terms of it. Called with `BASE` a schedule gives the columns `factor` and `offset`.
    Called with `Affine(None, base)` it gives the value itself, as the offset; minimum, maximum and clamp need that.
    """

    factor: Array | None
    offset: Array | None

    def scaled(self, by: Array) -> "Affine":
        if self is BASE:  # once for each update of a curve: what multiplying by 1.0 would give
            return Affine(by, None)
        return Affine(
            None if self.factor is None else zero_safe_product(self.factor, by),
            None if self.offset is None else zero_safe_product(self.offset, by),
        )

    def __add__(self, other: "Affine") -> "Affine":
        return Affine(_sum_of_columns(self.factor, other.factor), _sum_of_columns(self.offset, other.offset))

    def constant(self) -> Array:
        """The offset: the value itself, where the formula was called with `Affine(None, base)`."""
        return 0.0 if self.offset is None else self.offset

    def apply(self, base: Array) -> Array:
        """The value for a base: the only place where a factor meets a base."""
        if self.factor is None:
            return self.constant()
        product = self.factor * base if base.__class__ is float and base else zero_safe_product(self.factor, base)
        return product if self.offset is None else product + self.offset


def zero_safe_product(x: Array, y: Array) -> Array:
    """x * y, where 0 times what has overflowed is 0: of a base of 0 nothing grows, however large its factor is."""
    if not (is_numpy(x) and is_numpy(y)):
        # Values are not read here. They are masked before the product, so that its gradients stay finite too.
        ops = arrays_of(x, y)
        x, y = ops.lift(x), ops.lift(y)
        vanished = ((x == 0) & ops.xp.isinf(y)) | ((y == 0) & ops.xp.isinf(x))
        return ops.where(vanished, 0.0, x) * ops.where(vanished, 0.0, y)
    product = x * y
    # NaN is the one number that spoils a smallest one: this looks through a curve once, and rarely twice.
    if not isinstance(product, np.ndarray):
        return 0.0 if product != product and x == x and y == y else product
    if product.size and np.isnan(product.min()):
        product = np.where(np.isnan(product) & ~np.isnan(x) & ~np.isnan(y), 0.0, product)
    return product


BASE = Affine(1.0, None)
ONE = Affine(None, 1.0)


def choose_affine(mask: Array, yes: Affine, no: Affine, ops: Arrays) -> Affine:
    """Elementwise choice between two values."""
    # Where one of them has no offset, -0.0 stands for it: adding it changes no number, not even the sign of a zero, so
    # a value is the same bits whether the update is chosen among others or alone.
    return Affine(
        _chosen_column(mask, yes.factor, no.factor, 0.0, ops), _chosen_column(mask, yes.offset, no.offset, -0.0, ops)
    )


def _sum_of_columns(left: Array | None, right: Array | None) -> Array | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right


def _chosen_column(mask: Array, yes: Array | None, no: Array | None, absent: float, ops: Arrays) -> Array | None:
    if yes is None and no is None:
        return None
    return ops.where(mask, absent if yes is None else yes, absent if no is None else no)


@final
@dataclass(frozen=True, slots=True)
class Absolute:
    """A level that is a value as it stands, whatever the base.

    >>> Absolute(0.9)
    absolute(0.9)
    """

    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", finite_number("absolute(…)", self.value))

    def __add__(self, multiple: float) -> "Level":
        return level_from_parts(multiple, self.value) if _is_number(multiple) else NotImplemented

    def __radd__(self, multiple: float) -> "Level":
        return self + multiple

    def __sub__(self, multiple: float) -> "Level":
        return level_from_parts(-multiple, self.value) if _is_number(multiple) else NotImplemented

    def __rsub__(self, multiple: float) -> "Level":
        return level_from_parts(multiple, -self.value) if _is_number(multiple) else NotImplemented

    def __repr__(self) -> str:
        return f"absolute({self.value!r})"


@final
@dataclass(frozen=True, slots=True)
class AffineLevel:
    """A level that is `factor * base + offset`, as it is written: `0.5 + absolute(2e-05)`.

    >>> 0.5 + Absolute(2e-05)
    0.5 + absolute(2e-05)
    """

    factor: float
    offset: float

    def __post_init__(self) -> None:
        keep_checked(self, "AffineLevel", finite_number, "factor", "offset")

    def __repr__(self) -> str:
        return f"{self.factor!r} + absolute({self.offset!r})"


@final
@dataclass(frozen=True, slots=True)
class NeighborLevel:
    """A level that is taken from the stage before or behind; `resolve` puts it in as a number.

    >>> previous, following
    (previous, following)
    """

    word: str

    def __repr__(self) -> str:
        return self.word


previous: Final = NeighborLevel("previous")
"""The level at which the stage before ends: `warmup(100) >> inverse_sqrt(100) >> linear(previous, 0, over=50)`."""

following: Final = NeighborLevel("following")
"""The level at which the stage behind begins, that of its first update."""

NEIGHBOR_LEVELS: Final = {level.word: level for level in (previous, following)}

Level: TypeAlias = float | Absolute | AffineLevel | NeighborLevel
"""A bare number is a multiple of base, `absolute(x)` a value as it stands, `0.5 + absolute(x)` the sum of both.

`previous` and `following` are the levels of the stages beside.
"""


def absolute(x: float) -> Absolute:
    """A value as it stands, wherever a level stands: `linear(absolute(0.85), absolute(0.95))`.

    A multiple of base may be added: `0.5 + absolute(2e-05)` is half of base and 2e-05.

    Args:
        x: the value itself, finite; it is written into every group the schedule is bound to.

    Raises:
        InvalidArgument: no finite number.

    >>> linear(absolute(0.85), absolute(0.95), over=10)(10, base=123.0)
    0.95
    >>> linear(1.0, 0.5 + absolute(1.0), over=10)(10, base=4.0)
    3.0
    """
    return Absolute(x)


def level_of(site: str | CallSite, level: Level) -> Level:
    """A level, checked and normalised."""
    if isinstance(level, (Absolute, NeighborLevel)):
        return level
    if isinstance(level, AffineLevel):
        return level_from_parts(level.factor, level.offset)
    if isinstance(level, str) and level in NEIGHBOR_LEVELS:
        raise InvalidArgument(
            site_with_value(site, level), "expected a level, got str", f"Write ps.{level}, without quotes"
        )
    return finite_number(site, level)


def split_level(level: Level) -> tuple[float | None, float | None]:
    """A level as (multiple of base, value as it stands); None for a part that it does not have."""
    match level:
        case Absolute():
            return None, level.value
        case AffineLevel():
            return level.factor, level.offset
        case NeighborLevel():
            raise Unresolved(level.word, "the level is not a number yet", "Write ps.resolve(schedule, ps.Calendar(…))")
    return level, None


def mixed_levels(start: Level, to: Level, base: Affine, mix: Callable[[float, float], Array]) -> Affine:
    """What `mix` makes of two levels: of their multiples of base, and of their values as they stand."""
    (factor, fixed), (to_factor, to_fixed) = split_level(start), split_level(to)
    if fixed is None and to_fixed is None:
        return base.scaled(mix(factor or 0.0, to_factor or 0.0))
    value = Affine(None, mix(fixed or 0.0, to_fixed or 0.0))
    if factor is None and to_factor is None:
        return value
    return base.scaled(mix(factor or 0.0, to_factor or 0.0)) + value


def level_from_parts(factor: float, offset: float) -> Level:
    """The level `factor * base + offset`, as it is said most shortly."""
    if offset == 0:
        return finite_number("a level", factor)
    return Absolute(offset) if factor == 0 else AffineLevel(factor, offset)


def has_fixed_part(level: object) -> bool:
    """Whether a level has a part that does not scale with base."""
    return isinstance(level, (Absolute, AffineLevel))


def always_above(low: Level, high: Level) -> bool:
    """Whether one level is above another for every base above 0; False where that hangs on base, or is not known."""
    if isinstance(low, NeighborLevel) or isinstance(high, NeighborLevel):
        return False
    if isinstance(low, Absolute) != isinstance(high, Absolute) and not (
        isinstance(low, AffineLevel) or isinstance(high, AffineLevel)
    ):
        return False  # a multiple of base and a value: whoever writes them side by side knows the base
    (a, c), (b, d) = (tuple(part or 0.0 for part in split_level(level)) for level in (low, high))
    return a >= b and c >= d and (a, c) != (b, d)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
