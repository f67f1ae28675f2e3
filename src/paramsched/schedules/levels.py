"""Levels: a multiple of base, or a value as it stands."""

from dataclasses import dataclass
from typing import TypeAlias, final

from paramsched._number_checks import finite_number
from paramsched.errors import Asked


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
    return level if isinstance(level, Absolute) else finite_number(asked, level)


def split_level(level: Level) -> tuple[float | None, float | None]:
    """A level as (multiple of base, value as it stands), one of them None."""
    return (None, level.value) if isinstance(level, Absolute) else (level, None)
