"""Markers of an argument, in its annotation: its range, `Annotated[float, Gt(0), Le(1)]`, an example and a description.

The names and the attributes are those of annotated-types, whose own classes work as well: a marker is any object with
one of the attributes `gt`, `ge`, `lt` and `le`.
"""

from dataclasses import dataclass
from typing import Any, final


@final
@dataclass(frozen=True, slots=True)
class Gt:
    """Greater than a number."""

    gt: float


@final
@dataclass(frozen=True, slots=True)
class Ge:
    """At least a number."""

    ge: float


@final
@dataclass(frozen=True, slots=True)
class Le:
    """At most a number."""

    le: float


@final
@dataclass(frozen=True, slots=True, init=False)
class Other:
    """Names of the same argument elsewhere, with the same meaning, so that a name can be replaced."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


@final
@dataclass(frozen=True, slots=True)
class Example:
    """A valid value, for the line "For example"."""

    example: Any


@final
@dataclass(frozen=True, slots=True)
class Doc:
    """A description in a few words, as on a help page."""

    doc: str
