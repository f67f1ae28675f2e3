"""Lengths as fields of a shape: what each of them means when units become updates."""

from paramsched.errors import Asked, InvalidArgument
from paramsched.time import Duration

PERIOD = {"role": "period"}
"""Metadata of a Duration field that repeats, and therefore is rounded wherever it begins alike."""


def require_some_length(asked: str | Asked, duration: Duration) -> None:
    """Refuse a period of nothing."""
    if not duration.terms:
        raise InvalidArgument(asked, "a period of nothing", 'Write 30, "10 epochs" or "5%"').suggest(30)
