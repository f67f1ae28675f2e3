"""Checks of numbers and choices that users pass. Their errors show the call with the argument."""

import math
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache, partial
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias, cast, get_args

from paramsched.base.params import Param
from paramsched.base.words import did_you_mean, number_in
from paramsched.errors import CallSite, InvalidArgument, site_with_value

MOST_COUNT = 10**18
"""The largest number that a clock may count, such as updates or tokens; sums of such numbers fit in 64 bits."""


NumberKind: TypeAlias = Literal["number", "level", "count"]
"""The kind of number that an argument takes: a level is a multiple of base, a count an integer."""


def _refusal(site: str | CallSite, number: object, message: str, kind: NumberKind = "number") -> InvalidArgument:
    """Return the error for an invalid number."""
    argument = site.argument if isinstance(site, CallSite) and not site.entry else ""
    return InvalidArgument(
        site_with_value(site, number), message, number_to_write(number, argument, kind), refused=number
    )


def number_to_write(value: object, argument: str = "", kind: NumberKind = "number") -> str:
    """Return the advice for a number that was passed as text, as a tensor or as an array; "" for another value.

    Args:
        value: the value in place of a number.
        argument: the name of the argument; empty if the number alone is written.
        kind: what the argument takes. In place of a level, an absolute value may have been meant.

    >>> number_to_write("0.5", "gamma"), number_to_write("1,000", "every", "count"), number_to_write("5%", "gamma")
    ('Write gamma=0.5', 'Write every=1000', '')
    >>> number_to_write("1e-5", "to", "level")
    'Write to=absolute(1e-05) for a value, or to=1e-05 for a multiple of base'
    """
    name = f"{argument}=" if argument else ""
    number = number_in(value) if isinstance(value, str) else None
    if number is not None and kind == "count":
        return f"Write {name}{int(number)}" if number == int(number) else ""
    if number is not None and kind == "level":
        return f"Write {name}absolute({number!r}) for a value, or {name}{number!r} for a multiple of base"
    if number is not None:
        return f"Write {name}{number!r}"
    has_number = not isinstance(value, type) and hasattr(value, "item") and getattr(value, "ndim", None) == 0
    return "Write .item() after it" if has_number else ""


def is_number(value: object) -> bool:
    """Return whether a value is a real number of Python or NumPy; a bool is not one."""
    return isinstance(value, Real) and not isinstance(value, bool)


def finite_number(site: str | CallSite, number: object, kind: NumberKind = "number") -> float:
    """Return a finite number as a float; booleans and text raise InvalidArgument, whose advice is for the `kind`."""
    if not is_number(number):
        raise _refusal(site, number, f"expected a number, got {type(number).__name__}", kind)
    try:
        value = float(cast(Real, number))
    except OverflowError:  # an integer of more than 308 digits
        value = math.inf
    if not math.isfinite(value):
        raise _refusal(site, number, "must be finite")
    return value + 0.0  # turns -0.0 into 0.0, because they are equal but have different texts


def positive_number(site: str | CallSite, number: object) -> float:
    """Return a finite number greater than 0 as a float."""
    value = finite_number(site, number)
    if value <= 0:
        raise _refusal(site, number, "must be greater than 0")
    return value


def not_negative(site: CallSite, number: Any) -> float:
    """Check that a number is finite and at least 0; return it as a float."""
    value = finite_number(site, number)
    if value < 0:
        raise _refusal(site, number, "must not be negative")
    return value


def proper_share(site: CallSite, number: object, *, whole: bool = False) -> float:
    """Return a number above 0 and below 1 as a float; `whole` allows 1."""
    value = finite_number(site, number)
    if not (0 < value < 1 or (whole and value == 1)):
        message = "must be above 0 and at most 1" if whole else "must be greater than 0 and less than 1"
        raise InvalidArgument(site_with_value(site, number), message)
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
    message = f"expected an integer of at least {least}"
    if most < MOST_COUNT:
        message = f"expected an integer from {least} to {most}"
    elif isinstance(number, (int, float)) and number > most:
        message = f"expected an integer from {least} to 1e18, the largest count of a clock"
    raise _refusal(site, number, message, "count")


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
def _checks_of(kind: Any) -> list[tuple[str, Callable[..., object], bool]]:
    checks = ((field, field.metadata.get("check")) for field in fields(kind))
    # A text, so that it also works under `from __future__ import annotations`.
    known = [(field.name, check, str(field.type)) for field, check in checks if check is not None]
    return [(name, check, "None" in kind or "Optional" in kind) for name, check, kind in known]


def require_choice(site: CallSite, value: object, choices: Any, message: str) -> None:
    """Raise InvalidArgument if a value is not one of the choices of a `Literal`.

    Args:
        site: the call and the argument.
        value: the value.
        choices: the `Literal`; its first choice is the suggested value.
        message: the start of the message, such as "unknown mode".
    """
    known = get_args(choices)
    if not isinstance(value, str) or value not in known:
        site, message = replace(site, value=repr(value)), f"{message}; {did_you_mean(str(value), known)}"
        raise InvalidArgument(site, message, example=f'{site.argument}="{known[0]}"', refused=value)
