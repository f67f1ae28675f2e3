"""Clocks: what `t` counts, and how much of it an update takes where a Calendar says so."""

from fractions import Fraction
from typing import Any

from paramsched.errors import Asked, InvalidArgument, nearest
from paramsched.time.calendar import Calendar

UPDATES = "updates"
"""The clock of a plan that says nothing else."""

CLOCKS = (UPDATES, "samples", "tokens", "seconds", "frames", "batches")
"""What a clock may count. The list is closed: with free names every slip in a unit would be a unit."""

OTHER_WORDS = {"images": "samples", "examples": "samples"}
"""Other words for them."""


def known_clock(value: Any, asked: str | Asked) -> str:
    """The clock that a word means.

    Raises:
        InvalidArgument: it counts nothing we know.

    >>> known_clock("images", "clock")
    'samples'
    """
    name = OTHER_WORDS.get(value, value) if isinstance(value, str) else None
    if name in CLOCKS:
        return name
    found = nearest(value, CLOCKS) if isinstance(value, str) else "no name of a clock"
    raise InvalidArgument(asked, found, f"Write one of {', '.join(CLOCKS)}")


def one_of_clock(clock: str) -> str:
    """What a clock counts, of which there is one.

    >>> one_of_clock("tokens"), one_of_clock("batches")
    ('token', 'batch')
    """
    return "batch" if clock == "batches" else clock.removesuffix("s")


def rate_of(calendar: Calendar, clock: str) -> Fraction | None:
    """How much an update takes on a clock, where that is a constant of the calendar; None where nothing says it.

    >>> rate_of(Calendar(batch_size=32, sequence_length=2048), "tokens")
    Fraction(65536, 1)
    """
    return Fraction(1) if clock == UPDATES else calendar.amount_of_update(clock)
