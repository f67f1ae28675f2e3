"""What a file holds, made safe: bounded in size and depth, each key once, every number finite."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched.config._faults import Faults, kind, shown, within
from paramsched.errors import ConfigError

MOST_BYTES = 1_000_000
MOST_LINE = 10_000
MOST_DEPTH = 50
_MOST_DIGITS = 400  # no float has more before its point


@final
class Pairs(list[tuple[Any, Any]]):
    """A mapping as written: keys may be there twice."""


@final
@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that no config has; whoever reads the place tells it, once."""

    path: str
    found: str
    instead: str


def bounded(text: str, source: str) -> None:
    """Refuse a text that is too large or has a line that is too long, before anything reads it."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise ConfigError(source, [f"{size:,} bytes, more than {MOST_BYTES:,}; a plan is a short text"])
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MOST_LINE:
            found = f"line {number} has {len(line):,} characters, more than {MOST_LINE:,}"
            raise ConfigError(source, [f"{found}. Use several lines, and the mapping form for a table of numbers"])


def settled(raw: Any, faults: Faults) -> Any:
    """Dicts, lists, text, finite numbers, booleans and None; whatever else is a fault."""
    data = marked(raw, faults)
    for one in unreadable(data):
        faults.add(one.path, one.found, one.instead)
    return data


def marked(raw: Any, faults: Faults) -> Any:
    """As `settled`, but what no config has is an `Unreadable`, for who reads the place to tell."""
    return _settled(raw, "$", MOST_DEPTH, faults)


def unreadable(data: Any) -> Iterator[Unreadable]:
    """Every value in marked data that cannot be read."""
    match data:
        case Unreadable():
            yield data
        case list():
            for item in data:
                yield from unreadable(item)
        case dict():
            for item in data.values():
                yield from unreadable(item)


def _settled(raw: Any, path: str, depth: int, faults: Faults) -> Any:
    match raw:
        case None | bool():
            return raw
        case str():
            return str(raw)
        case int() | float() | np.number():
            return _number(raw, path)
    if depth == 0:
        return Unreadable(
            path, f"nested more than {MOST_DEPTH} deep", "A schedule's parts can stand in one line of text"
        )
    match raw:
        case Mapping() | Pairs():
            return _mapping(raw, path, depth, faults)
        case list() | tuple():
            return [_settled(item, within(path, index), depth - 1, faults) for index, item in enumerate(raw)]
    if type(raw).__module__ == "datetime":
        return Unreadable(path, f"{raw} is a date or a time", "Write text in quotes, or a number")
    return Unreadable(
        path, f"a {type(raw).__name__} does not stand in a file", "Write numbers, text, lists and mappings"
    )


def _mapping(raw: Mapping[Any, Any] | Pairs, path: str, depth: int, faults: Faults) -> dict[str | int, Any]:
    mapping: dict[str | int, Any] = {}
    for key, value in raw.items() if isinstance(raw, Mapping) else raw:
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            faults.add(path, f"the key {shown(key)} is {kind(key)}", "A key is text, or the index of a group")
            continue
        place = within(path, key)
        if key in mapping:
            faults.add(place, "the key is there twice", "Keep one")
            continue
        mapping[key] = _settled(value, place, depth - 1, faults)
    return mapping


def _number(raw: Any, path: str) -> int | float | Unreadable:
    number = raw.item() if isinstance(raw, np.number) else raw
    instead = "Write a number, 0.1 say"
    if isinstance(number, float) and not math.isfinite(number):
        return Unreadable(path, f"{number} is not finite", instead)
    if isinstance(number, int) and abs(number) > 10**_MOST_DIGITS:
        return Unreadable(path, "the number is too large for any schedule", instead)
    if not isinstance(number, (int, float)):
        return Unreadable(path, f"{number!r} is no real number", instead)
    return number


def number_of(text: str) -> int | float:
    """A number by JSON's rule; one with absurdly many digits counts as infinite."""
    if text.lstrip("-").isdigit():
        return int(text) if len(text) <= _MOST_DIGITS else math.inf
    return float(text)
