"""Explain a wrong call of a shape, a rule or a curve in Python, by the builder that reads lines of text."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from paramsched.core.base.advise import promise
from paramsched.core.base.node import Call, Keyword, List, Node, Value
from paramsched.core.schedules.text.arguments import node_of, numbers_of, scalar_of
from paramsched.core.schedules.text.building import BROKEN, Builder
from paramsched.core.schedules.text.parsing import known_names, read_line
from paramsched.core.schedules.text.printing import text_of
from paramsched.errors import InvalidArgument, InvalidCall, UnreadableTable

_LONGEST = 120  # characters of a call that is written for the user


def explained(
    error: InvalidArgument, builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]
) -> InvalidArgument:
    """Return the error of a call, with the corrected call if there is one, else with an example.

    Args:
        error: the error of the function.
        builder: the function.
        name: its name in text.
        positional, named: the arguments.
    """
    if isinstance(error, UnreadableTable):
        return error  # its advice is about the file
    keywords = tuple(Keyword(key, node_of(value)) for key, value in named.items())
    call = Call(name, tuple(map(node_of, positional)), keywords)
    reader = Builder("", known_names({name: builder}))
    value, node = reader.value(call)
    if not reader.found:
        return error
    line = ""
    if reader.is_mended and value is not BROKEN:
        written = Call(
            name, tuple(map(_written, call.args)), tuple(Keyword(k.name, _written(k.value)) for k in keywords)
        )
        line = _promised(written, node, reader, value)
    found = _as_passed(reader.found[0], error).changed(replace=None)
    if line:
        return found.changed(write=line)
    return found if found.is_example or (found.instead and not found.write) else found.changed(write="")


def _as_passed(found: InvalidArgument, error: InvalidArgument) -> InvalidArgument:
    """Return the first problem with the value as the user passed it: a list is read as a tuple."""
    if isinstance(error, InvalidCall) or type(found) is not type(error) or found.code != error.code:
        return found
    found = found.changed(found=error.found)
    if found.call is None:
        return found if error.call is not None else found.changed(site=error.site)
    return found if error.call is None else found.changed(site=replace(found.call, got=error.call.got))


def _written(node: Node) -> Node:
    """Return a node with the numbers of arrays, whose repr has other names and digits."""
    if isinstance(node, List):
        return List(tuple(map(_written, node.items)), node.round)
    return (scalar_of(node.value) or numbers_of(node.value) or node) if isinstance(node, Value) else node


def _promised(call: Call, node: Node, reader: Builder, value: Any) -> str:
    text = text_of(node)
    if len(text) > _LONGEST:
        return ""

    def again(line: str) -> Node | None:
        reading = read_line(line, wants="value")
        is_same = not reading.problems and reading.value == value
        return reading.node if is_same else None

    return promise(call, node, reader.mends, text, again)
