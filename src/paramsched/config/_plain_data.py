"""What a file holds, made safe: bounded in size and depth, each key once, every number finite."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched._fault_codes import SAID_TWICE
from paramsched.config.data_paths import ROOT, child_path
from paramsched.config.faults import Faults
from paramsched.config.text_limits import MOST_DEPTH, MOST_VALUES, too_many_values
from paramsched.config.value_words import short_json, type_in_words
from paramsched.errors import ConfigError, Fault

_MOST_GIVEN = 500_000  # the same for mappings in code: lists that hold each other multiply
_MOST_DIGITS = 400  # no float has more before its point


@final
class Pairs(list[tuple[Any, Any]]):
    """A mapping as written: keys may be there twice."""


@final
@dataclass(frozen=True, slots=True)
class BadValue:
    """Stands for a value that a config cannot hold. The code that reads this place tells it, so that it is told once.

    Args:
        path: where it stands.
        found, instead: what it is, and what to write.
    """

    path: str
    found: str
    instead: str


def refuse_many_values(data: Any, source: str) -> None:
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
            raise too_many_values(source)


def plain_data(raw: Any, faults: Faults) -> Any:
    """Dicts, lists, text, finite numbers, booleans and None; whatever else is a fault."""
    data = plain_or_bad(raw, faults)
    for one in bad_values_in(data):
        faults.add(one.path, one.found, one.instead)
    return data


def plain_or_bad(raw: Any, faults: Faults) -> Any:
    """As `plain_data`, but a value that a config cannot hold becomes a `BadValue`, and is no fault yet."""
    return _PlainReader(faults).read_value(raw, ROOT, MOST_DEPTH)


def bad_values_in(data: Any) -> Iterator[BadValue]:
    """Every bad value in the data, however deep."""
    match data:
        case BadValue():
            yield data
        case list():
            for item in data:
                yield from bad_values_in(item)
        case dict():
            for item in data.values():
                yield from bad_values_in(item)


@final
class _PlainReader:
    """Makes one config safe; counts its values, since lists that hold the same list again multiply."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.left = _MOST_GIVEN

    def read_value(self, raw: Any, path: str, depth: int) -> Any:
        """One value; `depth` is how many lists and mappings may still stand inside each other."""
        kind = type(raw)
        if kind is str or raw is None or kind is bool:
            return raw
        if kind is float or kind is int:
            return _finite_number(raw, path)
        if isinstance(raw, str):
            return str(raw)
        if isinstance(raw, (int, float, np.number)):
            return _finite_number(raw, path)
        if depth == 0:
            found = f"nested more than {MOST_DEPTH} deep"
            return BadValue(path, found, "A schedule's parts can stand in one line of text")
        if isinstance(raw, (Mapping, Pairs)):
            return self.read_mapping(raw, path, depth)
        if isinstance(raw, Sequence) and not isinstance(raw, (bytes, bytearray, memoryview, range)):
            return self.read_list(raw, path, depth)
        if type(raw).__module__ == "datetime":
            return BadValue(path, f"{raw} is a date or a time", "Write text in quotes, or a number")
        found = f"a {type(raw).__name__} does not stand in a file"
        return BadValue(path, found, "Write numbers, text, lists and mappings")

    def read_list(self, raw: Any, path: str, depth: int) -> Any:
        self.count_values(len(raw))
        return [self.read_value(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(raw)]

    def read_mapping(self, raw: Mapping[Any, Any] | Pairs, path: str, depth: int) -> Any:
        """A mapping; a key that is there twice, or is neither text nor an integer, is a fault."""
        self.count_values(len(raw))
        mapping: dict[str | int, Any] = {}
        for key, value in raw.items() if isinstance(raw, Mapping) else raw:
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                found = f"the key {short_json(key)} is {type_in_words(key)}"
                self.faults.add(path, found, "A key is text, or the index of a group")
                continue
            place = child_path(path, key)
            if key in mapping:
                self.faults.add(place, "the key is there twice", "Keep one", at_key=True, code=SAID_TWICE)
                continue
            mapping[key] = self.read_value(value, place, depth - 1)
        return mapping

    def count_values(self, count: int) -> None:
        """Count the entries of a list or a mapping; too many end the reading."""
        self.left -= count
        if self.left < 0:
            raise ConfigError("config", [Fault(ROOT, f"more than {_MOST_GIVEN:,} values", "A plan is a short text")])


def _finite_number(raw: Any, path: str) -> int | float | BadValue:
    """A number that schedules can reckon with; nan, infinity and integers of hundreds of digits are none."""
    number = raw.item() if isinstance(raw, np.number) else raw
    instead = "Write a number, 1 say"  # which is a length too
    if isinstance(number, float) and not math.isfinite(number):
        return BadValue(path, f"{number} is not finite", instead)
    if isinstance(number, int) and abs(number) > 10**_MOST_DIGITS:
        return BadValue(path, "the number is too large for any schedule", instead)
    if not isinstance(number, (int, float)):
        return BadValue(path, f"{number!r} is no real number", instead)
    return number


def number_from_text(text: str) -> int | float:
    """A number by JSON's rule; one with absurdly many digits counts as infinite."""
    if text.lstrip("-").isdigit():
        return int(text) if len(text) <= _MOST_DIGITS else math.inf
    return float(text)
