"""Checks of numbers and choices that users pass. Their errors show the call with the argument."""

import math
from collections.abc import Callable
from dataclasses import fields
from functools import cache, partial
from numbers import Integral, Real
from typing import Any, TypeGuard, get_args

from paramsched.base.params import Param
from paramsched.core.calls.messages import numbers as messages
from paramsched.errors import CallSite

MOST_COUNT = 10**18
"""The largest number that a clock may count, such as updates or tokens; sums of such numbers fit in 64 bits."""


def is_real_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a real number. A bool is not a number."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_finite_number(value: object) -> bool:
    """Return whether a value is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, Real):  # as is_real_number, for the values of a long table
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of more than 308 digits
        return False


def finite_number(site: str | CallSite, number: object, number_kind: messages.NumberKind = "number") -> float:
    """Return a finite number as a float; booleans and text raise InvalidArgument, with the advice for `number_kind`."""
    if not is_real_number(number):
        raise messages.not_a_number(site, number, number_kind)
    try:
        value = float(number)
    except OverflowError:  # an integer of more than 308 digits
        value = math.inf
    if not math.isfinite(value):
        raise messages.not_finite(site, number)
    return value + 0.0  # turns -0.0 into 0.0, because they are equal but have different texts


def positive_number(site: str | CallSite, number: object) -> float:
    """Return a finite number greater than 0 as a float."""
    value = finite_number(site, number)
    if value <= 0:
        raise messages.not_above_zero(site, number)
    return value


def not_negative(site: CallSite, number: Any) -> float:
    """Check that a number is finite and at least 0; return it as a float."""
    value = finite_number(site, number)
    if value < 0:
        raise messages.negative(site, number)
    return value


def proper_share(site: CallSite, number: object, *, whole: bool = False) -> float:
    """Return a number above 0 and below 1 as a float; `whole` allows 1."""
    value = finite_number(site, number)
    if not (0 < value < 1 or (whole and value == 1)):
        raise messages.not_a_share(site, number, whole=whole)
    return value


def checked_number(site: CallSite, param: Param, number: object) -> float:
    """Return the number of an argument as a float, in the range of its annotation."""
    if param.gt is None:
        return finite_number(site, number)
    return positive_number(site, number) if param.marker("le") is None else proper_share(site, number, whole=True)


def whole_number(site: str | CallSite, number: object, least: int = 1, most: int = MOST_COUNT) -> int:
    """Return `number` as an int. Raise InvalidArgument unless it is an integer from `least` to `most`."""
    if isinstance(number, Integral) and not isinstance(number, bool):
        number = int(number)  # NumPy's too
    if isinstance(number, (int, float)) and not isinstance(number, bool) and least <= number <= most:
        whole = math.floor(number)
        if whole == number:
            return whole
    if most < MOST_COUNT:
        raise messages.not_an_integer_between(site, number, least, most)
    if isinstance(number, (int, float)) and number > most:
        raise messages.count_too_large(site, number, least, most)
    raise messages.not_an_integer_from(site, number, least)


def keep_checked(value: object, call: str, check: Callable[..., object], *names: str, **limits: int) -> None:
    """Check the fields `names` of a frozen dataclass by `check`, and store the results.

    An error shows a field as an argument of `call`, the function that builds the dataclass.
    """
    for name in names:
        object.__setattr__(value, name, check(CallSite(call, name), getattr(value, name), **limits))


def checked(check: Callable[..., object], **limits: Any) -> dict[str, Any]:
    """Return metadata for a field of a dataclass: `check_fields` checks its value by `check`, and stores the result."""
    return {"check": partial(check, **limits) if limits else check}


def one_of(choices: Any) -> dict[str, Any]:
    """Return metadata for a field whose value is one of the choices of a `Literal`."""

    def check(site: CallSite, value: object) -> object:
        require_choice(site, value, choices, f"unknown {site.argument}")
        return value

    return checked(check)


def check_fields(value: Any, call: str) -> None:
    """Check the fields of a frozen dataclass that have a check in their metadata. An optional field may be None."""
    for name, check, optional in _checks_of(value.__class__):
        if not (optional and getattr(value, name) is None):
            keep_checked(value, call, check, name)


@cache
def _checks_of(value_class: Any) -> list[tuple[str, Callable[..., object], bool]]:
    checks = list[tuple[str, Callable[..., object], bool]]()
    for field in fields(value_class):
        if "check" in field.metadata:
            annotation = str(field.type)  # a text, so that it also works under `from __future__ import annotations`
            optional = "None" in annotation or "Optional" in annotation
            checks.append((field.name, field.metadata["check"], optional))
    return checks


def require_choice(site: CallSite, value: object, choices: Any, message: str) -> None:
    """Raise InvalidArgument if a value is not one of the choices of a `Literal`.

    Args:
        site: the call and the argument.
        value: the value.
        choices: the `Literal`; its first choice is the suggested value.
        message: the start of the message, such as "unknown mode".
    """
    names = get_args(choices)
    if not isinstance(value, str) or value not in names:
        raise messages.unknown_choice(site, value, names, message)
