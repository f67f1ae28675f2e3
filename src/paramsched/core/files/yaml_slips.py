"""Usual slips in the YAML of a plan: the cause, and the user's own line mended."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, final

from paramsched.core.base.problem import Problem, TextLines
from paramsched.core.plan.forms import mended_entry
from paramsched.errors import ConfigError

_MOST: Final = 8
"""Slips of one text that are reported."""
_NEAR: Final = 2
"""Lines around the place of an error in which its slip is looked for: YAML often names the line after it."""
_CONTINUES = re.compile(r"\s*(>>|\*\*?|/|\+|-\s|\))")
_UNFINISHED = re.compile(r"(>>|\*|/|\+|[(,])\s*$")
_COMMENT = re.compile(r"\s+#.*$")
_ENTRY = re.compile(r"(\s*(?:-\s+)?[\w\[\]\"', *.?/-]+?\s*:\s+)(\S.*)$")


@final
@dataclass(frozen=True, slots=True)
class Slip:
    """A mistake in some lines of a text.

    Args:
        first, last: the first line, and the one after the last, from 0 on.
        found: the cause.
        line: the line to write in their place.
    """

    first: int
    last: int
    found: str
    line: str


def problems_of_slips(text: str, error: ConfigError, read: Callable[[str], object]) -> tuple[Problem, ...]:
    """Return a problem for each slip in a text that cannot be read; none if other mistakes remain.

    A slip is a change of one line, or of one that continues in the next, with which the text can be read, or has its
    first mistake in a later line.

    Args:
        text: the text.
        error: the error of the text, with the lines of its problems.
        read: reads a text.

    Raises:
        ConfigError: by `read`, if the text has errors; it has lines too.
    """
    lines, found = text.split("\n"), list[Slip]()
    left: ConfigError | None = error
    while left is not None and len(found) < _MOST:
        for slip in _candidates(lines, left):
            changed = [*lines[: slip.first], slip.line, *lines[slip.last :]]
            rest = _error_of("\n".join(changed), read)
            if rest is None or _is_less(rest, left, slip):
                lines, left = changed, rest
                found = [one for one in found if one.first != slip.first]
                moved = sum(one.last - one.first - 1 for one in found if one.first < slip.first)
                found.append(Slip(slip.first + moved, slip.last + moved, slip.found, slip.line))
                break
        else:
            break
    if left is not None and _line_of(left) >= 0 and not found:
        return ()
    places = TextLines(text)
    problems = [places.problem_at(places.begins[one.first], one.found, f"Write {one.line.strip()}") for one in found]
    return (*problems, *(left.problems if left is not None and found else ()))


def _is_less(rest: ConfigError, error: ConfigError, slip: Slip) -> bool:
    """Return whether a changed text has fewer mistakes, its first one later, or one that is not of the syntax."""
    if _line_of(rest) > slip.first or len(rest.problems) < len(error.problems):
        return True
    (first, *_), (before, *_) = rest.problems, error.problems
    return "{" in slip.line and first.found != before.found and not first.found.startswith("YAML")


def _error_of(text: str, read: Callable[[str], object]) -> ConfigError | None:
    try:
        read(text)
    except ConfigError as error:
        return error
    return None


def _line_of(error: ConfigError) -> int:
    """Return the first line with a problem, from 0 on; -1 if no problem has a line."""
    return min((one.line for one in error.problems if one.line is not None), default=0) - 1


def _candidates(lines: list[str], error: ConfigError) -> Iterator[Slip]:
    """Yield possible slips near the problems of a text."""
    marked = {one.line - 1 for one in error.problems if one.line is not None}
    near = {place for one in marked for place in range(one - _NEAR, one + _NEAR)}
    for place in sorted(one for one in near if 0 <= one < len(lines)):
        line = lines[place]
        if place and _CONTINUES.match(line) and _COMMENT.search(lines[place - 1]):
            joined = f"{_COMMENT.sub('', lines[place - 1])} {line.strip()}"
            yield Slip(place - 1, place + 1, "a comment ends the text that continues in the next line", joined)
        if place and (_CONTINUES.match(line) or _UNFINISHED.search(lines[place - 1])):
            joined = f"{lines[place - 1].rstrip()} {line.strip()}"
            yield Slip(place - 1, place + 1, "a line that continues another one begins with spaces", joined)
        indent = len(line) - len(line.lstrip())
        before = lines[place - 1] if place else ""
        if _ENTRY.match(line) and _ENTRY.match(before) and indent > len(before) - len(before.lstrip()):
            aligned = before[: len(before) - len(before.lstrip())] + line.strip()
            yield Slip(place, place + 1, "an entry begins in the column of the entry before it", aligned)
        if (entry := mended_entry(line)) is not None:
            yield Slip(place, place + 1, *entry)
        yield from _quoted(place, line)
        if "{" in line and (quoted := _with_quotes_in_braces(line)) != line:
            found = "inside { } a comma, a bracket or a quote ends a line of text that has no quotes around it"
            yield Slip(place, place + 1, found, quoted)


def _quoted(place: int, line: str) -> Iterator[Slip]:
    """Yield the line without the quotes around a text that contains the same quotes."""
    entry = _ENTRY.match(line)
    if entry is None or len(value := entry[2].rstrip()) < 2 or value[0] not in "\"'" or value[-1] != value[0]:
        return
    if value[0] in value[1:-1]:
        found = f"the text in quotes ends at the next {value[0]}, which is inside of it"
        yield Slip(place, place + 1, found, f"{entry[1]}{value[1:-1].strip()}")


_CALL = re.compile(r"([\w\[\]]+\s*:\s+)(?=[^\s\"'\[{][^,{}]*\()")


def _with_quotes_in_braces(line: str) -> str:
    """Return a line in which each call inside of braces has quotes around it.

    >>> print(_with_quotes_in_braces("head: {lr: linear(1.0, 0.1), momentum: 0.9}"))
    head: {lr: "linear(1.0, 0.1)", momentum: 0.9}
    """
    begin = line.index("{")
    made, place = line[:begin], begin
    while (key := _CALL.search(line, place)) is not None:
        end = _end_of_line(line, key.end())
        value = line[key.end() : end].rstrip()
        quote = "'" if '"' in value else '"'
        is_split = quote not in value and not {*value}.isdisjoint(",\"'[]{}")
        made += line[place : key.end()] + (f"{quote}{value}{quote}" if is_split else value)
        place = key.end() + len(value)
    return made + line[place:]


def _end_of_line(text: str, begin: int) -> int:
    """Return where a schedule in braces ends: at a comma or a brace outside of its brackets and quotes."""
    depth, quote = 0, ""
    for place in range(begin, len(text)):
        character = text[place]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif depth <= 0 and character in ",}":
            return place
    return len(text)
