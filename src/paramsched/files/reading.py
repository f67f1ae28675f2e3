"""Reading of untrusted text: its limits, the places of its entries, and plain data."""

import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np

from paramsched.base.files import open_to_read
from paramsched.base.problem import Problem
from paramsched.base.problem import TextLines as TextLines
from paramsched.base.problem_collector import ProblemCollector
from paramsched.base.words import ROOT, child_path, path_from_root, printable
from paramsched.core.schedules.text import MOST_BYTES, MOST_DEPTH, has_many_words
from paramsched.errors import ConfigError
from paramsched.files.messages import texts as messages

MOST_VALUES = 100_000
"""The maximum number of numbers, texts, lists and mappings in a file; commas in a line of text count too."""

MOST_ENTRIES = 4_000
"""The maximum number of entries in all mappings of a plan: fields, groups and arguments of schedules."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def refuse_long_text(text: str, source: str) -> None:
    """Raise ConfigError if a text is too large, or no file can contain it."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise messages.too_long(source, size)
    surrogate = None if text.isascii() else _SURROGATE.search(text)
    if surrogate is not None:
        raise messages.half_a_character(source, text, surrogate.start())


def refuse_many_schedules(texts: Iterable[str], source: str) -> None:
    """Raise ConfigError if the schedules of a plan would take seconds to read."""
    if has_many_words(texts):
        raise messages.too_many_words(source)


def read_bounded_text(file: Path) -> str:
    """Read a file of at most 1 MB of UTF-8."""
    return decoded_text(read_bounded(file), file)


def read_bounded(file: Path) -> bytes:
    """Read a file of at most 1 MB."""
    with open_to_read(file, bounded=True) as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise messages.file_too_long(str(file))
    return data


def decoded_text(data: bytes, file: Path) -> str:
    """Return the text of a file's content, without a byte order mark."""
    if data[3:8] == bytes(5) and data[8:9] == b"{":  # the size of the header that follows
        raise messages.is_safetensors(str(file))
    is_pickle = data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    if is_pickle or (data[:4] == b"PK\x03\x04" and b"data.pkl" in data[:256]):  # as torch.save begins
        raise messages.is_checkpoint(str(file))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise messages.not_utf8(str(file), data, error.start) from None


_INDEX = re.compile(r"\[(\d+)\]")


@final
class Pairs(list[tuple[Any, Any]]):
    """The entries of a mapping in a file, as pairs (key, value), because a key may occur twice."""


@final
@dataclass(slots=True, eq=False)
class TextRange:
    """The range of a value in the text of a config, and the ranges of its entries.

    The end and the entries are set while the text is read.

    Args:
        begin, end: the range `[begin, end)` in characters.
        key: the offset of the value's key; None if it has none.
        text: the value as text, if it is text.
        value: the value; a mapping is a list of pairs, because a key may occur twice.
        parts: the ranges of the value's entries, in a dict or a list; None if the value is not a mapping or a list.
        awaited: in a mapping that is being read, the key whose value follows.
    """

    begin: int
    end: int
    _: KW_ONLY
    key: int | None = None
    text: str | None = None
    value: Any = None
    parts: "dict[str | int, TextRange] | list[TextRange] | None" = None
    awaited: "TextRange | None" = None
    _named: "dict[str, TextRange] | None" = field(default=None, init=False)

    def named(self) -> "dict[str, TextRange]":
        """Return a dict from the step of each entry in a config path, such as `.lr`, to the range of the entry."""
        if self._named is None:
            entries = self.parts.items() if isinstance(self.parts, dict) else ()
            self._named = {printable(" ".join(child_path("", key).split())): place for key, place in entries}
        return self._named


class Bracket(NamedTuple):
    """The begin or the end of a list or a mapping in a text.

    Args:
        sign: `[` or `{`, or `]` for the end of either.
        offset: the offset of a begin, or of the character after an end.
    """

    sign: str
    offset: int


def nested_places(events: Iterable[TextRange | Bracket]) -> TextRange:
    """Return the place of the entire document, with the places of its entries.

    Args:
        events: the scalars and the brackets, in the order of the text.
    """
    document = TextRange(0, 0, parts=[], value=[])
    opened = [document]
    for event in events:
        if isinstance(event, Bracket) and event.sign != "]":
            empty = TextRange(event.offset, event.offset, parts=[], value=[]) if event.sign == "[" else None
            opened.append(empty or TextRange(event.offset, event.offset, parts={}, value=Pairs()))
            continue
        text_range = event if isinstance(event, TextRange) else opened.pop()
        around = opened[-1]
        is_key = isinstance(around.parts, dict) and around.awaited is None
        if isinstance(event, Bracket):
            text_range.end = event.offset
        if isinstance(around.parts, list):
            around.parts.append(text_range)
            around.value.append(text_range.value)
        elif is_key:
            around.awaited = text_range
        elif isinstance(around.parts, dict) and around.awaited is not None:
            name = around.awaited.value
            around.parts[name if isinstance(name, (str, int)) else str(name)] = text_range
            around.value.append((name, text_range.value))
            text_range.key = around.awaited.begin
            around.awaited = None
    first = document.parts
    return first[0] if isinstance(first, list) and first else TextRange(0, 0)


def placed_problems(
    problems: tuple[Problem, ...], text: str, places: Callable[[str], TextRange]
) -> tuple[Problem, ...]:
    """Return problems with their lines and columns.

    Args:
        problems: the problems.
        text: the text of the config.
        places: returns the root place of a text. If it raises ConfigError, the problems are unchanged.
    """
    if not any(map(_lacks_place, problems)):
        return problems
    try:
        root = places(text)
    except ConfigError:
        return problems
    lines = TextLines(text)
    return tuple(_placed(problem, root, text, lines) if _lacks_place(problem) else problem for problem in problems)


def _lacks_place(problem: Problem) -> bool:
    return problem.line is None and problem.path.startswith(ROOT)


def _placed(problem: Problem, root: TextRange, text: str, lines: TextLines) -> Problem:
    """Return a problem with the line and column of its entry's key, value, or wrong part of the text."""
    text_range = place_at_path(root, problem.path)
    begin = text_range.begin
    if problem.at_key and text_range.key is not None:
        begin = text_range.key
    elif problem.span is not None and text_range.text is not None:
        begin += index_in_source(text[begin : text_range.end], text_range.text, problem.span[0])
    line, column = lines.of(begin)
    return problem.changed(line=line, column=column, text=lines.line(line))


def place_at_path(root: TextRange, path: str) -> TextRange:
    """Return the place of the entry at a config path, or of the closest enclosing entry."""
    text_range = root
    rest = path_from_root(path)
    while rest:
        step = _next_place(text_range, rest)
        if step is None:
            break
        text_range, rest = step
    return text_range


def _next_place(place: TextRange, rest: str) -> tuple[TextRange, str] | None:
    """Return the place of the first entry in a path, and the rest of the path; None if there is no such entry."""
    if isinstance(place.parts, list):
        match = _INDEX.match(rest)
        index = int(match[1]) if match else len(place.parts)
        return (place.parts[index], rest[match.end() :]) if match and index < len(place.parts) else None
    if not place.parts:
        return None
    named = place.named()
    # The longest step is tried first, because a key may contain dots and brackets.
    for cut in (len(rest), *(place for place in range(len(rest) - 1, 0, -1) if rest[place] in ".[")):
        if rest[:cut] in named:
            return named[rest[:cut]], rest[cut:]
    return None


_QUOTED_QUOTES = ("''", '\\"')


def index_in_source(raw: str, text: str, index: int) -> int:
    r"""Return the offset in `raw` of the character `text[index]`; 0 if the source has escapes besides those of quotes.

    Args:
        raw: the source of the text: in quotes or not, in one line or several.
        text: the text.
        index: an index of the text.

    >>> index_in_source("warmup(5)\n  >> cosin()", "warmup(5) >> cosin()", 13)
    15
    """
    offset = raw.find("\n") + 1 if raw[:1] in ("|", ">") else raw[:1] in ("'", '"')
    for character in text[:index]:
        offset = _skip_blanks(raw, offset)
        if character.isspace():
            continue
        if raw[offset : offset + 2] in _QUOTED_QUOTES:
            offset += 1
        if raw[offset : offset + 1] != character:
            return 0
        offset += 1
    return min(_skip_blanks(raw, offset), len(raw) - 1)


def _skip_blanks(raw: str, offset: int) -> int:
    while offset < len(raw) and raw[offset].isspace():
        offset += 1
    return offset


_MOST_IN_CODE = 500_000  # values of a mapping passed in code; a list counts once for each place in which it occurs
_MOST_DIGITS = 400  # no float has more digits before its decimal point


@final
@dataclass(frozen=True, slots=True)
class BadValue:
    """Placeholder for an invalid value. The code that reads its entry reports the problem, so it is reported once."""

    problem: Problem


def values_in(data: Any) -> Iterator[Any]:
    """Yield data and every value in it, at any depth, in the order of the text."""
    rest = [data]
    while rest:
        value = rest.pop()
        yield value
        items = [entry for _, entry in value] if isinstance(value, Pairs) else value
        if isinstance(items, (list, dict)):
            rest += reversed([*(items.values() if isinstance(items, dict) else items)])


def plain_data(raw: Any, problems: ProblemCollector) -> Any:
    """Return data with dicts, lists, text, finite numbers, booleans and None only; add problems for other values."""
    data = plain_or_bad(raw, problems)
    for value in bad_values_in(data):
        problems.report(value.problem.path, value.problem)
    return data


def plain_or_bad(raw: Any, problems: ProblemCollector) -> Any:
    """Return data like `plain_data`, with a `BadValue` in place of each invalid value and without problems."""
    return _PlainReader(problems).read_value(raw, ROOT, MOST_DEPTH)


def bad_values_in(data: Any) -> list[BadValue]:
    """Return every `BadValue` in data, at any depth."""
    return [value for value in values_in(data) if isinstance(value, BadValue)]


def refuse_large_plan(data: Any, source: str) -> None:
    """Raise ConfigError if a plan has more or longer schedules than can be read and drawn in seconds."""
    values = [*values_in(data)]
    if sum(len(value) for value in values if isinstance(value, (Pairs, dict))) > MOST_ENTRIES:
        raise messages.too_many_entries(source, MOST_ENTRIES)
    refuse_many_schedules([value for value in values if isinstance(value, str)], source)


@final
@dataclass(slots=True)
class _PlainReader:
    """A reader that converts data to plain values.

    It limits the number of values, because a list counts once for each place in which it occurs.

    Args:
        problems: the collector.
        left: the number of values that may still be read.
    """

    problems: ProblemCollector
    left: int = _MOST_IN_CODE

    def read_value(self, raw: Any, path: str, depth: int) -> Any:
        """Return one plain value; `depth` is the number of nested lists and mappings that are still allowed."""
        if raw is None or isinstance(raw, (str, bool)):
            return str(raw) if isinstance(raw, str) else raw
        if isinstance(raw, (int, float, np.number)):
            return self.read_number(raw, path)
        if depth == 0:
            return BadValue(messages.value_nested_too_deep(path))
        if isinstance(raw, (Mapping, Pairs)):
            return self.read_mapping(raw, path, depth)
        if isinstance(raw, Sequence) and not isinstance(raw, (bytes, bytearray, memoryview, range)):
            self.count_values(len(raw))
            return [self.read_value(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(raw)]
        if type(raw).__module__ == "datetime":
            return BadValue(messages.date_or_time(path, raw))
        return BadValue(messages.not_in_files(path, raw))

    def read_number(self, raw: Any, path: str) -> int | float | BadValue:
        """Return a finite number."""
        number = raw.item() if isinstance(raw, np.number) else raw
        if not isinstance(number, (int, float)):
            return BadValue(messages.not_a_real_number(path, number))
        if abs(number) <= sys.float_info.max:
            return number
        return BadValue(messages.not_finite(path, number))

    def read_mapping(self, raw: Mapping[Any, Any] | Pairs, path: str, depth: int) -> Any:
        """Return a mapping whose keys are unique texts or integers."""
        self.count_values(len(raw))
        mapping: dict[str | int, Any] = {}
        for key, value in raw.items() if isinstance(raw, Mapping) else raw:
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                self.problems.add_problem(messages.key_of_wrong_type(path, key))
                continue
            if isinstance(key, int) and abs(key) > sys.maxsize:  # not a group
                self.problems.add_problem(messages.key_too_large(path, key))
                continue
            entry_path = child_path(path, key)
            if key in mapping:
                self.problems.add_problem(messages.key_twice(entry_path))
                continue
            mapping[key] = self.read_value(value, entry_path, depth - 1)
        return mapping

    def count_values(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise messages.too_many_values_in_code(_MOST_IN_CODE)


def number_from_text(text: str) -> int | float:
    """Return a number by the rules of JSON; an integer with more than 400 digits is infinite."""
    if text.lstrip("-").isdigit():
        return int(text) if len(text) <= _MOST_DIGITS else math.inf
    return float(text)
