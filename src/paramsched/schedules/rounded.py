"""Rounded: the multiples of a number next to a schedule's values, such as whole batch sizes."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final, get_args

from paramsched._arrays import Array, Arrays
from paramsched._number_checks import positive_number
from paramsched.errors import Asked, InvalidArgument, nearest
from paramsched.schedules.affine import Affine
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.one_operand import OneOperand
from paramsched.schedules.registry import shape

Way: TypeAlias = Literal["nearest", "down", "up"]
"""Which multiple is taken: the nearest (of two the even one), the one below, the one above."""

_ROUNDING_ERRORS = 2.0**-48  # a few operations in double precision, relative to the value


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rounded(OneOperand):
    """value(t) = to * round(schedule(t, base) / to), after base is applied."""

    schedule: Schedule
    to: float
    way: Way

    def __post_init__(self) -> None:
        object.__setattr__(self, "to", positive_number(Asked("rounded", "to"), self.to))
        if self.way not in get_args(Way):
            found = f"no way to round; {nearest(str(self.way), get_args(Way))}"
            raise InvalidArgument(Asked("rounded", "way", repr(self.way)), found, 'Write way="nearest"').suggest(
                "nearest"
            )

    @property
    def affine(self) -> bool:
        return False

    @property
    def has_absolute(self) -> bool:  # `to` is a value as it stands
        return True

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        ratio = _onto_halves(xp.lift(self.schedule._at(t, base, xp).constant()) / self.to, xp)
        match self.way:
            case "nearest":
                whole = xp.xp.round(ratio)
            case "down":
                whole = xp.xp.floor(ratio)
            case "up":
                whole = xp.xp.ceil(ratio)
        return Affine(None, whole * self.to)


def _onto_halves(ratio: Array, xp: Arrays) -> Array:
    """A ratio that only rounding errors keep from a whole or a half number is that number.

    So a line takes a multiple at the update at which it reaches it: 15 / 22 * 22 is 15, also where it is rounded down.
    """
    halves = xp.xp.round(ratio * 2.0) / 2.0
    return xp.where(xp.xp.abs(ratio - halves) <= _ROUNDING_ERRORS * xp.xp.abs(halves), halves, ratio)


@shape
def rounded(schedule: Schedule, to: float = 1.0, way: Way = "nearest") -> Rounded:
    """Multiples of a number: value(t) = to * round(schedule(t) / to), after base is applied.

    Args:
        schedule: what is rounded.
        to: the number, above 0: 1 for whole values, 16 for batches that eight devices share.
        way: `"nearest"` (halves to the even multiple), `"down"` or `"up"`.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: GPT-3's batch size, Brown et al. 2020 (2005.14165).

    >>> growing = rounded(linear(16, 1600, over=99), 16)
    >>> growing(0), growing(1), growing(98), growing(99)
    (16.0, 32.0, 1584.0, 1600.0)
    """
    return Rounded(schedule_of(schedule, "rounded(…)"), to, way)
