"""Locations of the entries of a config in its text, which give problems their line and column."""

import re
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, NamedTuple, final

from paramsched.core.base.printing import ROOT, child_path, path_from_root, printable
from paramsched.core.base.problem import Problem, TextLines
from paramsched.errors import ConfigError

_INDEX = re.compile(r"\[(\d+)\]")
_ESCAPED = {"x": 4, "u": 6, "U": 10}


@final
class Pairs(list[tuple[Any, Any]]):
    """The entries of a mapping in a file, as pairs (key, value), because a key may occur twice."""


@final
@dataclass(slots=True, eq=False)
class Place:
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
    parts: "dict[str | int, Place] | list[Place] | None" = None
    awaited: "Place | None" = None
    _named: "dict[str, Place] | None" = field(default=None, init=False)

    def named(self) -> "dict[str, Place]":
        """Return a dict from the step of each entry in a config path, such as `.lr`, to the range of the entry."""
        if self._named is None:
            entries = self.parts.items() if isinstance(self.parts, dict) else ()
            self._named = {printable(" ".join(child_path("", key).split())): part for key, part in entries}
        return self._named


class Bracket(NamedTuple):
    """The begin or the end of a list or a mapping in a text.

    Args:
        kind: `[` or `{`, or `]` for the end of either.
        at: the offset of a begin, or of the character after an end.
    """

    kind: str
    at: int


def nested_places(pieces: Iterable[Place | Bracket]) -> Place:
    """Return the place of the entire document, with the places of its entries.

    Args:
        pieces: the scalars and the brackets, in the order of the text.
    """
    document = Place(0, 0, parts=[], value=[])
    opened = [document]
    for piece in pieces:
        if isinstance(piece, Bracket) and piece.kind != "]":
            empty = Place(piece.at, piece.at, parts=[], value=[]) if piece.kind == "[" else None
            opened.append(empty or Place(piece.at, piece.at, parts={}, value=Pairs()))
            continue
        place = piece if isinstance(piece, Place) else opened.pop()
        around = opened[-1]
        is_key = isinstance(around.parts, dict) and around.awaited is None
        if isinstance(piece, Bracket):
            place.end = piece.at
        if isinstance(around.parts, list):
            around.parts.append(place)
            around.value.append(place.value)
        elif is_key:
            around.awaited = place
        elif isinstance(around.parts, dict) and (key := around.awaited) is not None:
            name = key.value
            around.parts[name if isinstance(name, (str, int)) else str(name)] = place
            around.value.append((name, place.value))
            place.key, around.awaited = key.begin, None
    first = document.parts
    return first[0] if isinstance(first, list) and first else Place(0, 0)


def placed_problems(problems: tuple[Problem, ...], text: str, places: Callable[[str], Place]) -> tuple[Problem, ...]:
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
    return tuple(_placed(one, root, text, lines) if _lacks_place(one) else one for one in problems)


def _lacks_place(problem: Problem) -> bool:
    return problem.line is None and problem.path.startswith(ROOT)


def _placed(problem: Problem, root: Place, text: str, lines: TextLines) -> Problem:
    """Return a problem with the line and column of its entry's key, value, or wrong part of the text."""
    place = place_at_path(root, problem.path)
    begin, end = place.begin, place.end
    if problem.at_key and place.key is not None:
        begin, end = place.key, place.begin
    elif problem.span is not None and place.text is not None:
        first, last = problem.span
        raw = text[place.begin : place.end]
        begin, end = (place.begin + index_in_source(raw, place.text, one) for one in (first, last))
        end += last >= len(place.text)  # the end of the text is shown at its last character
    line, column = lines.of(begin)
    return problem.changed(line=line, column=column, text=lines.line(line))


def place_at_path(root: Place, path: str) -> Place:
    """Return the place of the entry at a config path, or of the closest enclosing entry."""
    place, rest = root, path_from_root(path)
    while rest and (step := _next_place(place, rest)) is not None:
        place, rest = step
    return place


def _next_place(place: Place, rest: str) -> tuple[Place, str] | None:
    """Return the place of the first entry in a path, and the rest of the path; None if there is no such entry."""
    if isinstance(place.parts, list):
        found = _INDEX.match(rest)
        index = int(found[1]) if found else len(place.parts)
        return (place.parts[index], rest[found.end() :]) if found and index < len(place.parts) else None
    if not place.parts:
        return None
    named = place.named()
    # The longest step is tried first, because a key may contain dots and brackets.
    for cut in (len(rest), *(place for place in range(len(rest) - 1, 0, -1) if rest[place] in ".[")):
        if rest[:cut] in named:
            return named[rest[:cut]], rest[cut:]
    return None


def index_in_source(raw: str, text: str, index: int) -> int:
    """Return the offset in `raw` of the character `text[index]`; 0 if it cannot be determined.

    Args:
        raw: the source of the text, with quotes and escapes.
        text: the text.
        index: an index of the text.

    >>> index_in_source("'it''s cosin()'", "it's cosin()", 5)
    7
    """
    if raw == text:
        return min(index, max(len(raw) - 1, 0))
    quote = raw[:1] if raw[:1] in ("'", '"') else ""
    three = quote and raw.startswith(quote * 3) and raw.endswith(quote * 3) and not text.startswith(quote)
    at = 3 if three else len(quote)
    if raw[:1] in ("|", ">"):
        at = raw.find("\n") + 1
    for one in text[: min(index, len(text))]:
        escaped = raw[at : at + 1] == "\\" and quote == '"'
        if escaped and one.isspace():
            sign = raw[at + 1 : at + 2]
            digits = raw[at + 2 : at + _ESCAPED.get(sign, 2)]
            if sign in ('"', "\\", "/") or (digits and not chr(int(digits, 16)).isspace()):
                continue  # another character is escaped; the whitespace before it was skipped at once
        if not escaped:
            at = _skip_blanks(raw, at)
            if one.isspace():
                continue
        if escaped or (raw[at : at + 1] == "\\" and quote == '"'):
            length = _ESCAPED.get(raw[at + 1 : at + 2], 2)
            at += (
                12 if length == 6 and ord(one) > 0xFFFF else length
            )  # JSON escapes such a character as a surrogate pair
        elif raw[at : at + 1] == one:
            at += 2 if one == quote == "'" and raw[at : at + 2] == "''" else 1
        else:
            return 0
    if not text[index : index + 1].isspace():
        at = _skip_blanks(raw, at)
    return min(at, max(len(raw) - 1, 0))


def _skip_blanks(raw: str, at: int) -> int:
    while at < len(raw) and raw[at].isspace():
        at += 1
    return at
