"""The results of schedule formulas (a factor times base plus an offset), and levels, the heights of schedules."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import isfinite
from numbers import Real
from typing import Any, Final, NamedTuple, TypeAlias, final

import numpy as np

from paramsched.core.base.params import argument_kind
from paramsched.core.base.signatures import short_name
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.number_checks import check_fields, checked, finite_number
from paramsched.core.schedules.registry import combine_operands
from paramsched.errors import CallSite


@final
@dataclass(frozen=True, slots=True)
class Affine:
    """The value `factor * base + offset`; a factor or offset of None is exactly 0.

    A schedule implements its formula once, for a base that is an Affine. If that base is `BASE`, the formula returns
    an array of factors and an array of offsets, which are valid for any base. If it is `Affine(None, base)`, the
    formula returns the value itself as the offset, which minimum, maximum and clamp need.
    """

    factor: Array | None
    offset: Array | None

    def scaled(self, by: Array) -> "Affine":
        if self is BASE:  # the result of multiplying by 1.0, without the multiplication at each update
            return Affine(by, None)
        return Affine(
            None if self.factor is None else zero_safe_product(self.factor, by),
            None if self.offset is None else zero_safe_product(self.offset, by),
        )

    def __add__(self, other: "Affine") -> "Affine":
        return Affine(_sum_of_columns(self.factor, other.factor), _sum_of_columns(self.offset, other.offset))

    def mapped(self, factor: Array | None, offset: Array | None) -> "Affine":
        """Return `factor * self + offset`; None is exactly 0."""
        if factor is None:
            return Affine(None, offset)
        return self.scaled(factor) if offset is None else self.scaled(factor) + Affine(None, offset)

    def constant(self) -> Array:
        """Return the offset, which is the value itself if the formula was called with `Affine(None, base)`."""
        return 0.0 if self.offset is None else self.offset

    def apply(self, base: Array) -> Array:
        """Return the value for a base."""
        if self.factor is None:
            return self.constant()
        value = product(self.factor, base)
        return value if self.offset is None else value + self.offset


def product(factor: Array, base: Array) -> Array:
    """Return factor * base, with 0 * inf = 0."""
    return factor * base if base.__class__ is float and base else zero_safe_product(factor, base)


def zero_safe_product(x: Array, y: Array) -> Array:
    """Return x * y, with 0 * inf = 0: a base of 0 stays 0, however large its factor is."""
    product = x * y
    # min() of an array with a NaN is NaN, so one pass over the values is usually enough.
    if not isinstance(product, np.ndarray):
        return 0.0 if product != product and x == x and y == y else product
    if product.size and np.isnan(product.min()):
        product = np.where(np.isnan(product) & ~np.isnan(x) & ~np.isnan(y), 0.0, product)
    return product


BASE = Affine(1.0, None)
ONE = Affine(None, 1.0)


def choose_affine(mask: Array, yes: Affine, no: Affine, ops: Arrays) -> Affine:
    """Return the elements of `yes` where `mask` is True, and the elements of `no` elsewhere."""
    # A missing offset becomes -0.0, because adding -0.0 changes no number, not even the sign of a zero. So a value has
    # the same bits whether the update is evaluated alone or with others.
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


@argument_kind("level")
@final
@dataclass(frozen=True, slots=True)
class Absolute:
    """A level that is an absolute value, independent of base.

    As a stage of a sequence or a factor of a product it is the schedule `constant(absolute(…))`.

    >>> Absolute(0.9)
    absolute(0.9)
    """

    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", finite_number("absolute(…)", self.value))

    def __add__(self, other: "float | Absolute") -> "Level":
        if isinstance(other, Absolute):
            return Absolute(self.value + other.value)
        return _written_sum(other, self.value) if _is_number(other) else NotImplemented

    def __radd__(self, multiple: float) -> "Level":
        return self + multiple

    def __sub__(self, other: "float | Absolute") -> "Level":
        if isinstance(other, Absolute):
            return Absolute(self.value - other.value)
        return _written_sum(-other, self.value) if _is_number(other) else NotImplemented

    def __rsub__(self, multiple: float) -> "Level":
        return _written_sum(multiple, -self.value) if _is_number(multiple) else NotImplemented

    def __neg__(self) -> "Absolute":
        return Absolute(-self.value)

    def __mul__(self, other: Any) -> Any:
        return combine_operands("product", self, other)

    def __rmul__(self, other: Any) -> Any:
        return combine_operands("product", other, self)

    def __truediv__(self, divisor: Any) -> Any:
        return combine_operands("quotient", self, divisor)

    def __rshift__(self, other: Any) -> Any:
        return combine_operands("sequence", self, other)

    def __repr__(self) -> str:
        return f"absolute({self.value!r})"


@final
@dataclass(frozen=True, slots=True)
class AffineLevel:
    """A level that is `factor * base + offset`, written as `0.5 + absolute(2e-05)`.

    >>> 0.5 + Absolute(2e-05)
    0.5 + absolute(2e-05)
    """

    factor: float = field(metadata=checked(finite_number))
    offset: float = field(metadata=checked(finite_number))

    def __post_init__(self) -> None:
        check_fields(self, "AffineLevel")

    def __add__(self, other: "float | Absolute") -> "Level":
        if isinstance(other, Absolute):
            return _written_sum(self.factor, self.offset + other.value)
        return _written_sum(self.factor + other, self.offset) if _is_number(other) else NotImplemented

    def __radd__(self, multiple: float) -> "Level":
        return self + multiple

    def __sub__(self, other: "float | Absolute") -> "Level":
        return self + -other if isinstance(other, Absolute) or _is_number(other) else NotImplemented

    def __mul__(self, other: Any) -> Any:
        return combine_operands("product", self, other)

    def __rmul__(self, other: Any) -> Any:
        return combine_operands("product", other, self)

    def __truediv__(self, divisor: Any) -> Any:
        return combine_operands("quotient", self, divisor)

    def __rshift__(self, other: Any) -> Any:
        return combine_operands("sequence", self, other)

    def __repr__(self) -> str:
        return f"{self.factor!r} + absolute({self.offset!r})"


Level: TypeAlias = float | Absolute | AffineLevel
short_name("Level", Level)
"""A level: a number is a multiple of base, `absolute(x)` an absolute value, and `0.5 + absolute(x)` a sum of both."""


def level_of(site: str | CallSite, level: Level) -> Level:
    """Check and normalize a level."""
    if type(level) is float and isfinite(level):
        return level + 0.0  # turns -0.0 into 0.0, as `finite_number` does
    if isinstance(level, Absolute):
        return level
    if isinstance(level, AffineLevel):
        return level_from_parts(level.factor, level.offset)
    return finite_number(site, level)


LEVEL: Final = checked(level_of)
"""Metadata of a field that is a level."""


def is_first_share(level: object) -> bool:
    """Return whether a level is the text "1/n", which no level is: `index="(t+1)/n"` begins there.

    >>> is_first_share("1/n"), is_first_share("1/10")
    (True, False)
    """
    return isinstance(level, str) and level.replace(" ", "") == "1/n"


def split_level(level: Level) -> tuple[float | None, float | None]:
    """Return a level as the pair (multiple of base, absolute value). A part that it lacks is None."""
    match level:
        case Absolute():
            return None, level.value
        case AffineLevel():
            return level.factor, level.offset
    return level, None


def mixed_levels(start: Level, to: Level, base: Affine, mix: Callable[[float, float], Array]) -> Affine:
    """Call `mix` with the multiples of base of two levels, and with their absolute values. Return the sum."""
    if start.__class__ is float and to.__class__ is float:  # faster, because this runs at every update
        return base.scaled(mix(start or 0.0, to or 0.0))
    (factor, fixed), (to_factor, to_fixed) = split_level(start), split_level(to)
    is_fixed = factor is None and to_factor is None
    return base.mapped(None if is_fixed else mix(factor or 0.0, to_factor or 0.0), mix(fixed or 0.0, to_fixed or 0.0))


def level_from_parts(factor: float, offset: float) -> Level:
    """Return the level `factor * base + offset` in its shortest form."""
    if offset == 0:
        return finite_number("a level", factor)
    return Absolute(offset) if factor == 0 else AffineLevel(factor, offset)


def _written_sum(factor: float, offset: float) -> Level:
    """Return the sum of a multiple of base and an absolute value, which stays a sum if the absolute value is 0.

    A number alone could be a value or a multiple of base. A schedule stores the short form.
    """
    return Absolute(offset) if factor == 0 else AffineLevel(factor, offset)


FIXED_PARTS = (Absolute, AffineLevel)
"""The levels that contain an absolute value, which does not scale with base."""


def has_fixed_part(level: object) -> bool:
    """Return whether a level contains an absolute value, which does not scale with base."""
    return isinstance(level, FIXED_PARTS)


def always_above(low: Level, high: Level) -> bool:
    """Return whether `low` is above `high` for every base above 0; False if the order depends on base."""
    if isinstance(low, Absolute) != isinstance(high, Absolute) and not (
        isinstance(low, AffineLevel) or isinstance(high, AffineLevel)
    ):
        return False  # a multiple of base and an absolute value cannot be compared without the base
    (a, c), (b, d) = (tuple(part or 0.0 for part in split_level(level)) for level in (low, high))
    return a >= b and c >= d and (a, c) != (b, d)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


@final
class Bounds(NamedTuple):
    """Numbers from `low` to `high`."""

    low: float
    high: float

    def around(self, other: "Bounds") -> "Bounds":
        return Bounds(min(self.low, other.low), max(self.high, other.high))

    def times(self, other: "Bounds") -> "Bounds":
        ends = [one * another for one in self for another in other]
        return Bounds(min(ends), max(ends))


ONE_BASE, FROM_ZERO_TO_ONE = Bounds(1.0, 1.0), Bounds(0.0, 1.0)


def bounds_of_levels(levels: Iterable[Level], bases: Bounds) -> Bounds:
    """Return the bounds of some levels."""
    ends: list[float] = []
    for level in levels:
        if isinstance(level, float):
            ends += [level * bases.low, level * bases.high]
        else:
            factor, offset = (part or 0.0 for part in split_level(level))
            ends += [factor * bases.low + offset, factor * bases.high + offset]
    return Bounds(min(ends), max(ends))


def bounds_around(found: Iterable[Bounds | None]) -> Bounds | None:
    """Return the bounds around some bounds; None if one is unknown."""
    around: Bounds | None = None
    for one in found:
        if one is None:
            return None
        around = one if around is None else around.around(one)
    return around
