"""Levels: a multiple of base, or a value as it stands."""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeAlias, final

from paramsched.errors import Asked, InvalidArgument, asked_with_value


@final
@dataclass(frozen=True, slots=True)
class Absolute:
    """A level that is a value as it stands, whatever the base.

    >>> Absolute(0.9)
    absolute(0.9)
    """

    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", finite("absolute(…)", self.value))

    def __repr__(self) -> str:
        return f"absolute({self.value!r})"


Level: TypeAlias = float | Absolute
"""A bare number is a multiple of base, `absolute(x)` a value as it stands."""


def absolute(x: float) -> Absolute:
    """A value as it stands, wherever a level stands: `linear(absolute(0.85), absolute(0.95))`.

    Args:
        x: the value itself, finite; it is written into every group the schedule is bound to.

    Raises:
        InvalidArgument: no finite number.

    >>> linear(absolute(0.85), absolute(0.95), over=10)(10, base=123.0)
    0.95
    """
    return Absolute(x)


def level_of(asked: str | Asked, level: Level) -> Level:
    """A level, checked and normalised."""
    return level if isinstance(level, Absolute) else finite(asked, level)


def parts(level: Level) -> tuple[float | None, float | None]:
    """A level as (multiple of base, value as it stands), one of them None."""
    return (None, level.value) if isinstance(level, Absolute) else (level, None)


MOST_COUNT = 10**18
"""Updates, and ticks, up to which a clock of 64 bits counts without care."""


def finite(asked: str | Asked, number: object) -> float:
    """A finite number as a float; booleans and text are refused."""
    if isinstance(number, bool) or not isinstance(number, Real):
        found = f"a {type(number).__name__} is no number"
        raise InvalidArgument(asked_with_value(asked, number), found, "Write 0.1").suggest(0.1)
    try:
        value = float(number)
    except OverflowError:  # an integer of more than 308 digits
        value = math.inf
    if not math.isfinite(value):
        raise InvalidArgument(asked_with_value(asked, number), "not finite", "Write 0.1").suggest(0.1)
    return value + 0.0  # -0.0 would equal 0.0 and yet be written differently


def positive(asked: str | Asked, number: object) -> float:
    """A finite number above 0."""
    value = finite(asked, number)
    if value <= 0:
        raise InvalidArgument(asked_with_value(asked, number), "not above 0", "Write 0.1").suggest(0.1)
    return value


def count(asked: str | Asked, number: object, least: int = 1) -> int:
    """A whole number, at least `least`, and none that a clock does not count to."""
    if isinstance(number, Integral) and not isinstance(number, bool):
        number = int(number)  # NumPy's too
    if isinstance(number, (int, float)) and not isinstance(number, bool) and least <= number <= MOST_COUNT:
        whole = math.floor(number)
        if whole == number:
            return whole
    found = f"not a whole number from {least} on"
    if isinstance(number, (int, float)) and number > MOST_COUNT:
        found = f"not a whole number from {least} to 1e18, up to which a clock counts"
    whole = max(least, 3)
    raise InvalidArgument(asked_with_value(asked, number), found, f"Write {whole}").suggest(whole)
