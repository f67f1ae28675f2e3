"""What a file holds, made safe: bounded in size and depth, each key once, every number finite."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched.config._faults import Faults, kind, shown, within
from paramsched.config._places import Lines
from paramsched.errors import ConfigError, Fault

MOST_BYTES = 1_000_000
MOST_LINE = 10_000
MOST_DEPTH = 50
MOST_VALUES = 100_000
"""Numbers, texts, lists and mappings that a file may hold; a line of text counts by its commas too."""

_MOST_GIVEN = 500_000  # the same for mappings in code: lists that hold each other multiply
_MOST_DIGITS = 400  # no float has more before its point
_HALF = re.compile("[\ud800-\udfff]")


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
    if not text.isascii() and (half := _HALF.search(text)):
        found = f"{half[0]} is half a character; no file can hold it"
        raise ConfigError(source, [Lines(text).fault(half.start(), found, "Leave it out")])
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MOST_LINE:
            found = f"line {number} has {len(line):,} characters, more than {MOST_LINE:,}"
            raise ConfigError(source, [f"{found}. Use several lines, and the mapping form for a table of numbers"])


def too_many(source: str) -> ConfigError:
    """The error of a text with more values than a plan has."""
    return ConfigError(source, [f"more than {MOST_VALUES:,} values; a plan is a short text"])


def few_values(data: Any, source: str) -> None:
    """Refuse what holds more values than a plan has."""
    left, rest = MOST_VALUES, [data]
    while rest:
        one = rest.pop()
        items = one.values() if isinstance(one, dict) else one
        if isinstance(one, Pairs):
            items = [value for _, value in one]
        if isinstance(one, (list, dict)):
            left -= len(one)
            rest += [item for item in items if isinstance(item, (list, dict))]
            left -= sum(item.count(",") for item in items if isinstance(item, str))
        if left < 0:
            raise too_many(source)


def too_deep(text: str, source: str) -> ConfigError:
    """The error of a text whose brackets are nested too deep, with the first that is."""
    depth = place = 0
    while depth <= MOST_DEPTH and place < len(text):
        depth += (text[place] in "[{") - (text[place] in "]}")
        place += 1
    found = f"nested more than {MOST_DEPTH} deep"
    return ConfigError(
        source, [Lines(text).fault(place - 1, found, "Parts of a schedule can stand in one line of text")]
    )


def settled(raw: Any, faults: Faults) -> Any:
    """Dicts, lists, text, finite numbers, booleans and None; whatever else is a fault."""
    data = marked(raw, faults)
    for one in unreadable(data):
        faults.add(one.path, one.found, one.instead)
    return data


def marked(raw: Any, faults: Faults) -> Any:
    """As `settled`, but what no config has is an `Unreadable`, for who reads the place to tell."""
    return _Settling(faults).value(raw, "$", MOST_DEPTH)


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


@final
class _Settling:
    """Makes one config safe; counts its values, since lists that hold the same list again multiply."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.left = _MOST_GIVEN

    def value(self, raw: Any, path: str, depth: int) -> Any:
        kind = type(raw)
        if kind is str or raw is None or kind is bool:
            return raw
        if kind is float or kind is int:
            return _number(raw, path)
        if isinstance(raw, str):
            return str(raw)
        if isinstance(raw, (int, float, np.number)):
            return _number(raw, path)
        if depth == 0:
            found = f"nested more than {MOST_DEPTH} deep"
            return Unreadable(path, found, "A schedule's parts can stand in one line of text")
        if isinstance(raw, (Mapping, Pairs)):
            return self.mapping(raw, path, depth)
        if isinstance(raw, (list, tuple)):
            return self.list(raw, path, depth)
        if type(raw).__module__ == "datetime":
            return Unreadable(path, f"{raw} is a date or a time", "Write text in quotes, or a number")
        found = f"a {type(raw).__name__} does not stand in a file"
        return Unreadable(path, found, "Write numbers, text, lists and mappings")

    def list(self, raw: Any, path: str, depth: int) -> Any:
        self.take(len(raw))
        return [self.value(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(raw)]

    def mapping(self, raw: Mapping[Any, Any] | Pairs, path: str, depth: int) -> Any:
        self.take(len(raw))
        mapping: dict[str | int, Any] = {}
        for key, value in raw.items() if isinstance(raw, Mapping) else raw:
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                found = f"the key {shown(key)} is {kind(key)}"
                self.faults.add(path, found, "A key is text, or the index of a group")
                continue
            place = within(path, key)
            if key in mapping:
                self.faults.add(place, "the key is there twice", "Keep one", at_key=True)
                continue
            mapping[key] = self.value(value, place, depth - 1)
        return mapping

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ConfigError("config", [Fault("$", f"more than {_MOST_GIVEN:,} values", "A plan is a short text")])


def _number(raw: Any, path: str) -> int | float | Unreadable:
    number = raw.item() if isinstance(raw, np.number) else raw
    instead = "Write a number, 1 say"  # which is a length too
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
