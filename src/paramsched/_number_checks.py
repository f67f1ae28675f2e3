"""Checks of numbers that users give: each refuses what cannot be, in the words of the call."""

import math
from numbers import Integral, Real

from paramsched.errors import Asked, InvalidArgument, asked_with_value

MOST_COUNT = 10**18
"""Updates, and ticks, up to which a clock of 64 bits counts without care."""


def finite_number(asked: str | Asked, number: object) -> float:
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


def positive_number(asked: str | Asked, number: object) -> float:
    """A finite number above 0."""
    value = finite_number(asked, number)
    if value <= 0:
        raise InvalidArgument(asked_with_value(asked, number), "not above 0", "Write 0.1").suggest(0.1)
    return value


def whole_number(asked: str | Asked, number: object, least: int = 1) -> int:
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
