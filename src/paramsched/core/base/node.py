"""The tree of a written schedule: of a line of text, an entry of a file or a call in Python.

An operator is a `Call` with its sign as name. A tree has the names and numbers as they are written, so that advice can
repeat them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias, final


class Place(NamedTuple):
    """A place in an input.

    Args:
        path: the config path of the entry, such as `$.lr.to`; empty for a line or a call.
        begin, end: the range in the text at that path; None for the entire entry.
        at_key: True if the key of the entry is meant, not its value.
        file: the name of the file; empty if unknown. Line and column are computed when the place is printed.
    """

    path: str = ""
    begin: int | None = None
    end: int | None = None
    at_key: bool = False
    file: str = ""


NOWHERE: Final = Place()
"""The place of a node that nobody wrote."""


@final
@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written: `3e-4` stays `3e-4`."""

    value: float
    written: str
    place: Place = NOWHERE


@final
@dataclass(frozen=True, slots=True)
class Text:
    """A text.

    Args:
        value: the text without quotes.
        bare: True for a text of a file, which may be an expression: the kind of its argument decides.
    """

    value: str
    bare: bool = False
    place: Place = NOWHERE


@final
@dataclass(frozen=True, slots=True)
class Word:
    """A name without brackets, such as `previous` or `curves.cosine`."""

    name: str
    place: Place = NOWHERE


@final
@dataclass(frozen=True, slots=True)
class Value:
    """A Python object: a schedule, a curve, a tensor, or data of a file whose kind is not known yet."""

    value: Any
    place: Place = NOWHERE


@final
@dataclass(frozen=True, slots=True)
class List:
    """A list; `round` if it is written in round brackets."""

    items: "tuple[Node, ...]"
    round: bool = False
    place: Place = NOWHERE


class Keyword(NamedTuple):
    """A keyword argument, and the place of its name."""

    name: str
    value: "Node"
    place: Place = NOWHERE


@final
@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function or an operator.

    Args:
        name: the name of the function, or the sign of the operator.
        args, kwargs: the arguments.
        place: the place of the call.
        head: the place of its name.
    """

    name: str
    args: "tuple[Node, ...]" = ()
    kwargs: tuple[Keyword, ...] = ()
    place: Place = NOWHERE
    head: Place = NOWHERE


Node: TypeAlias = Number | Text | Word | Value | List | Call
"""A part of a written schedule."""


def names_called(node: Node) -> Iterator[str]:
    """Yield the names of the calls in a tree, without operators.

    >>> list(names_called(Call(">>", (Call("warmup"), Call("clamp", (Call("cosine"),))))))
    ['warmup', 'clamp', 'cosine']
    """
    if isinstance(node, List):
        for one in node.items:
            yield from names_called(one)
    elif isinstance(node, Call):
        if node.name.replace(".", "").isidentifier():
            yield node.name
        for one in (*node.args, *(key.value for key in node.kwargs)):
            yield from names_called(one)
