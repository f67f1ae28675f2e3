"""The record of one problem: what is wrong where, what was expected, and what to write."""

from dataclasses import dataclass
from typing import Any, NamedTuple, final

from paramsched.core.base.node import Node, Place


class Entry(NamedTuple):
    """An entry of a file: its key and its value."""

    key: str
    value: Node


class Option(NamedTuple):
    """An argument: `steps_per_epoch=100` in Python, `--steps-per-epoch 100` on the command line."""

    name: str
    value: Any


class Advice(NamedTuple):
    """Something to write, and the place of what it replaces: the whole line or entry, not the wrong part of it."""

    what: "Node | Entry | Option"
    at: Place = Place()


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. Exceptions, diagnostics and warnings print it.

    Args:
        code: the code of its rule, such as `PS104`.
        place: the wrong word, argument or entry.
        found: the description, without advice: `unknown argument "ovr"`.
        expected: what is expected there: `did you mean "over"?`.
        call, argument, got: the function, its argument and the text of the wrong value.
        write: a promise: it is complete, keeps every number and name of the user, and is valid.
        example: an example of the function; its values are not those of the user.
    """

    code: str
    place: Place
    found: str
    expected: str = ""
    call: str = ""
    argument: str = ""
    got: str = ""
    write: Advice | None = None
    example: Advice | None = None
