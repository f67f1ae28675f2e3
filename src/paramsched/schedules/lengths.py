"""Lengths as fields of a shape: what each of them means when units become updates."""

from dataclasses import fields
from functools import cache

from paramsched.errors import Asked, InvalidArgument
from paramsched.time import Duration

PERIOD = {"role": "period"}
"""Metadata of a Duration field that repeats, and therefore is rounded wherever it begins alike."""

FILLS = {"role": "fills"}
"""Metadata of the field that is the length of a shape, where None takes the time it is given."""

OPEN = {"role": "open"}
"""Metadata of the field that is the length of a shape, where None holds on and never ends."""


@cache
def length_field(kind: type, *roles: str) -> str | None:
    """The name of the field of a dataclass that is its length, by its role; None where it has none."""
    return next((field.name for field in fields(kind) if field.metadata.get("role") in roles), None)


def require_some_length(asked: str | Asked, duration: Duration) -> None:
    """Refuse a period of nothing."""
    if not duration.terms:
        raise InvalidArgument(asked, "a period of nothing", 'Write 30, "10 epochs" or "5%"').suggest(30)
