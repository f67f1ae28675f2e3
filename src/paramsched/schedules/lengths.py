"""Lengths as fields of a shape: what each of them means when units become updates."""

from dataclasses import fields
from functools import cache

from paramsched.errors import Asked, InvalidArgument
from paramsched.time import Duration

PERIOD = {"role": "period"}
"""Metadata of a Duration field that repeats: one update at least, and not rounded, so that no boundary drifts.

A formula takes it as `.count`, or hands `.number`, which is exact, to the functions of `periods.py`.
"""

SCALE = {"role": "scale"}
"""Metadata of a Duration field that time is divided by: not rounded, however short it is."""

FILLS = {"role": "fills"}
"""Metadata of the field that is the length of a shape, where None takes the time it is given."""

OPEN = {"role": "open"}
"""Metadata of the field that is the length of a shape, where None holds on and never ends."""

LENGTH = {"role": "length"}
"""Metadata of the field that is the length of a shape which always has one."""


@cache
def length_field(kind: type, *roles: str) -> str | None:
    """The name of the field of a dataclass that is its length, by its role; None where it has none."""
    return next((field.name for field in fields(kind) if field.metadata.get("role") in roles), None)


def is_known_field(kind: type, name: str, length: Duration, *, whole: bool) -> bool:
    """Whether the length in a field of a dataclass is in updates as its role wants it, whole or exact."""
    amount = length.exact
    if amount is None:
        return False
    role = _roles_of(kind)[name]
    return role == "scale" or (amount >= 1 if role == "period" else amount.denominator == 1 or not whole)


@cache
def _roles_of(kind: type) -> dict[str, str | None]:
    """The role of each field of a dataclass; None where it has none."""
    return {field.name: field.metadata.get("role") for field in fields(kind)}


def require_some_length(asked: str | Asked, duration: Duration) -> None:
    """Refuse a period of nothing."""
    if not duration.terms:
        raise InvalidArgument(asked, "a period of nothing", 'Write 30, "10 epochs" or "5%"').suggest(30)
