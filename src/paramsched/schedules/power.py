"""Powers and quotients: `s ** 2`, `s / 3`."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched._arrays import Array, Arrays
from paramsched._number_checks import finite_number
from paramsched.errors import Asked, InvalidArgument, shown
from paramsched.schedules.affine import ONE, Affine
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.one_operand import OneOperand
from paramsched.schedules.registry import operator_builder
from paramsched.schedules.text.writing import CALL, POWER, in_brackets


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Raised(OneOperand):
    """value(t) = base * factor(t) ** exponent, the factor being the schedule's value where base is 1.

    Where the factor is below 0 the exponent is a whole number, or the value is nan.
    """

    schedule: Schedule
    exponent: float
    _precedence = POWER

    def __post_init__(self) -> None:
        object.__setattr__(self, "exponent", finite_number(Asked("power", "exponent"), self.exponent))
        if self.schedule.has_absolute:
            raise InvalidArgument(
                str(self),
                "it has an absolute level, and a power is of a multiple of base",
                "Write the level as a multiple of base, and the group's own value as base",
            )

    @property
    def affine(self) -> bool:  # whatever the schedule is: base stands outside
        return True

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        factor = xp.lift(self.schedule._at(t, ONE, xp).constant())
        if xp.concrete and not factor.ndim:  # a number has the bits of an array of it
            return base.scaled((factor.reshape(1) ** self.exponent)[0])
        return base.scaled(factor**self.exponent)

    def __str__(self) -> str:
        return f"{in_brackets(self.schedule, CALL)} ** {self.exponent!r}"


@operator_builder("power")
def make_power(schedule: Schedule, exponent: Any) -> Any:
    """What `a ** 2` makes."""
    if not isinstance(exponent, (int, float, np.number)):
        return NotImplemented
    number = finite_number(Asked("power", "exponent"), exponent)
    return Raised(schedule_of(schedule, lambda: f"({schedule}) ** {shown(exponent)}"), number)


@operator_builder("quotient")
def make_quotient(schedule: Schedule, divisor: Any) -> Any:
    """What `a / 2` makes: a product with the reciprocal."""
    if not isinstance(divisor, (int, float, np.number)):
        return NotImplemented
    number = finite_number(Asked("quotient", "divisor"), divisor)
    reciprocal = np.inf if abs(number) < _LEAST_DIVISOR else 1.0 / number
    if reciprocal == np.inf:
        asked = f"({schedule}) / {shown(divisor)}"
        raise InvalidArgument(asked, "its reciprocal is no finite number", "Write a number other than 0")
    return schedule * reciprocal


_LEAST_DIVISOR = 2.0**-1022  # the reciprocal of a smaller one may overflow
