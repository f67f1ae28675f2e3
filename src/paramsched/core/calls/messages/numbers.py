"""The errors of numbers and choices that users pass: one function for each mistake, which returns the error."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from paramsched.base.words import did_you_mean, limit_text, number_in
from paramsched.errors import CallSite, InvalidArgument, site_with_value

NumberKind: TypeAlias = Literal["number", "level", "count"]
"""The kind of number that an argument takes: a level is a multiple of base, a count an integer."""


def number_to_write(value: object, argument: str = "", number_kind: NumberKind = "number") -> str:
    """Return the advice for a number that was passed as text, as a tensor or as an array; "" for another value.

    Args:
        value: the value in place of a number.
        argument: the name of the argument; empty if the number alone is written.
        number_kind: what the argument takes. In place of a level, an absolute value may have been meant.

    >>> number_to_write("0.5", "gamma"), number_to_write("1,000", "every", "count"), number_to_write("5%", "gamma")
    ('Write gamma=0.5', 'Write every=1000', '')
    >>> number_to_write("1e-5", "to", "level")
    'Write to=absolute(1e-05) for a value, or to=1e-05 for a multiple of base'
    """
    name = f"{argument}=" if argument else ""
    number = number_in(value) if isinstance(value, str) else None
    if number is None:
        has_number = not isinstance(value, type) and hasattr(value, "item") and getattr(value, "ndim", None) == 0
        return "Write .item() after it" if has_number else ""
    if number_kind == "level":
        return f"Write {name}absolute({number!r}) for a value, or {name}{number!r} for a multiple of base"
    if number_kind == "number":
        return f"Write {name}{number!r}"
    return f"Write {name}{int(number)}" if number == int(number) else ""


def not_a_number(site: str | CallSite, value: object, number_kind: NumberKind) -> InvalidArgument:
    """Return the error for a value that is not a number."""
    return _invalid_number(site, value, f"expected a number, got {type(value).__name__}", number_kind)


def not_finite(site: str | CallSite, number: object) -> InvalidArgument:
    """Return the error for a number that is NaN, infinite, or too large for a float."""
    return _invalid_number(site, number, "must be finite")


def not_above_zero(site: str | CallSite, number: object) -> InvalidArgument:
    """Return the error for a number of 0 or less."""
    return _invalid_number(site, number, "must be greater than 0")


def negative(site: CallSite, number: object) -> InvalidArgument:
    """Return the error for a number below 0."""
    return _invalid_number(site, number, "must not be negative")


def not_a_share(site: CallSite, number: object, *, whole: bool) -> InvalidArgument:
    """Return the error for a number outside of (0, 1); with `whole`, 1 is valid."""
    message = "must be above 0 and at most 1" if whole else "must be greater than 0 and less than 1"
    return InvalidArgument(site_with_value(site, number), message)


def not_an_integer_from(site: str | CallSite, value: object, least: int) -> InvalidArgument:
    """Return the error for a value that is not an integer of at least `least`."""
    return _invalid_number(site, value, f"expected an integer of at least {least}", "count")


def not_an_integer_between(site: str | CallSite, value: object, least: int, most: int) -> InvalidArgument:
    """Return the error for a value that is not an integer from `least` to `most`."""
    return _invalid_number(site, value, f"expected an integer from {least} to {most}", "count")


def count_too_large(site: str | CallSite, number: float, least: int, most: int) -> InvalidArgument:
    """Return the error for a number that is larger than a clock counts."""
    message = f"expected an integer from {least} to {limit_text(most)}, the largest count of a clock"
    return _invalid_number(site, number, message, "count")


def _invalid_number(
    site: str | CallSite, number: object, message: str, number_kind: NumberKind = "number"
) -> InvalidArgument:
    argument = site.argument if isinstance(site, CallSite) and not site.entry else ""
    advice = number_to_write(number, argument, number_kind)
    return InvalidArgument(site_with_value(site, number), message, advice, refused=number)


def unknown_choice(site: CallSite, value: object, choices: Sequence[str], message: str) -> InvalidArgument:
    """Return the error for a value that is not one of the choices, of which the first is suggested."""
    message = f"{message}; {did_you_mean(str(value), choices)}"
    example = f'{site.argument}="{choices[0]}"'
    return InvalidArgument(replace(site, value=repr(value)), message, example=example, refused=value)
