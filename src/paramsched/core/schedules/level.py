"""Levels: the heights of schedules. A number is a multiple of base, `absolute(x)` a value, and a sum has both."""

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias, final

from paramsched.base.params import argument_kind, short_name
from paramsched.base.pickles import Reduced, names_in_pickles, pickled
from paramsched.core.calls.number_checks import finite_number, is_real_number
from paramsched.core.schedules.registry import combine_operands
from paramsched.errors import CallSite


@argument_kind("level")
@final
@dataclass(frozen=True, slots=True)
class AbsoluteValue:
    """A level that is an absolute value, `absolute(x)`, to which a multiple of base may be added.

    As a stage of a sequence or a factor of a product it is the schedule `constant(absolute(…))`.

    Args:
        value: the value.
        factor: the multiple of base that is added; None if there is none.

    >>> AbsoluteValue(0.9), 0.5 + AbsoluteValue(2e-05)
    (absolute(0.9), 0.5 + absolute(2e-05))
    """

    value: float
    factor: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", finite_number("absolute(…)", self.value))
        if self.factor is not None:
            object.__setattr__(self, "factor", finite_number("a level", self.factor))

    def __reduce__(self) -> Reduced:
        return pickled("absolute", self.value, self.factor)

    def __add__(self, other: "float | AbsoluteValue") -> "AbsoluteValue":
        if isinstance(other, AbsoluteValue):
            factor = None if self.factor is other.factor is None else (self.factor or 0.0) + (other.factor or 0.0)
            return AbsoluteValue(self.value + other.value, factor or None)
        return (
            AbsoluteValue(self.value, (self.factor or 0.0) + other or None) if is_real_number(other) else NotImplemented
        )

    def __radd__(self, multiple: float) -> "AbsoluteValue":
        return self + multiple

    def __neg__(self) -> "AbsoluteValue":
        return AbsoluteValue(-self.value, None if self.factor is None else -self.factor)

    def __sub__(self, other: "float | AbsoluteValue") -> "AbsoluteValue":
        return self + -other if isinstance(other, AbsoluteValue) or is_real_number(other) else NotImplemented

    def __rsub__(self, multiple: float) -> "AbsoluteValue":
        return -self + multiple

    def __mul__(self, other: Any) -> Any:
        return combine_operands("product", self, other)

    def __rmul__(self, other: Any) -> Any:
        return combine_operands("product", other, self)

    def __truediv__(self, divisor: Any) -> Any:
        return combine_operands("quotient", self, divisor)

    def __rshift__(self, other: Any) -> Any:
        return combine_operands("sequence", self, other)

    def __repr__(self) -> str:
        value = f"absolute({self.value!r})"
        return value if self.factor is None else f"{self.factor!r} + {value}"


Level: TypeAlias = float | AbsoluteValue
short_name("Level", Level)
"""A level: a number is a multiple of base, `absolute(x)` an absolute value, and `0.5 + absolute(x)` a sum of both."""


def level_of(site: str | CallSite, level: Any) -> Level:
    """Check a level, and return it in its shortest form."""
    if type(level) is float and isfinite(level):
        return level + 0.0  # turns -0.0 into 0.0, as `finite_number` does
    if isinstance(level, AbsoluteValue):
        return level if level.factor is None else level_from_parts(level.factor, level.value)
    return finite_number(site, level, "level")


def split_level(level: Level) -> tuple[float | None, float | None]:
    """Return a level as the pair (multiple of base, absolute value). A part that it lacks is None."""
    return (level.factor, level.value) if isinstance(level, AbsoluteValue) else (level, None)


def level_from_parts(factor: float, value: float) -> Level:
    """Return the level `factor * base + value` in its shortest form."""
    if value == 0:
        return finite_number("a level", factor)
    return AbsoluteValue(value, factor or None)


def always_above(low: Level, high: Level) -> bool:
    """Return whether `low` is above `high` for every base above 0; False if the order depends on base."""
    a, c = split_level(low)
    b, d = split_level(high)
    if (c is None and b is None) or (a is None and d is None):
        return False  # a multiple of base and an absolute value cannot be compared without the base
    lower = (a or 0.0, c or 0.0)
    higher = (b or 0.0, d or 0.0)
    return lower[0] >= higher[0] and lower[1] >= higher[1] and lower != higher


if not TYPE_CHECKING:  # hidden, so that type checkers reject names that do not exist
    __getattr__ = names_in_pickles(__name__)
