"""Usual slips in the YAML of a plan: the cause, and the user's own line mended."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, final

from paramsched.base.codes import SYNTAX
from paramsched.base.problem import Problem, TextLines
from paramsched.base.words import ROOT
from paramsched.core.plan.forms import mended_entry
from paramsched.errors import ConfigError

_MOST_CHARACTERS: Final = 20_000
"""The most characters of a text whose slips are looked for, because it is read up to four times."""
_MOST: Final = 20
"""The most slips of one text that are reported."""

_IN_QUOTES = "the text in quotes ends at the next {}, which is inside of it"
_IN_BRACES = "inside { } a comma or a bracket ends a line of text that has no quotes around it"
_INDENTED = "an entry begins in the column of the entry before it"
_NOT_INDENTED = "a line that continues another one begins with spaces"
_AFTER_COMMENT = "a comment ends the text that continues in the next line"

_ENTRY = re.compile(r"""( *+)(?:(?:"[^"]*+"|'[^']*+'|[\w./][^\s:"'(){}#]*+)[ \t]*+:(?:[ \t]++|\Z)|(?=\{))""")
_COMMENT = re.compile(r"(?:\A|(?<=[ \t]))#")
_COLON = re.compile(r":(?=[ \t]|\Z)")
_BLOCK = re.compile(r"[|>][-+\d]*+[ \t]*+(?:#|\Z)")
_QUOTED = re.compile(r"""(?:"(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+')(?:[ \t]*+\Z|[ \t]++#)""")
_IN_MAPPING = re.compile(r""""[^"\\]*+"|'[^']*+'|(?<=[ \t])#|(?<![\w\[\]])[\w\[\]]++[ \t]*+:[ \t]++(?=[^\s"'\[{#])""")
_SIGN = re.compile(r""""[^"]*+"|'[^']*+'|[(),}\[\]]""")
_BRACKETS = ("'", '"', "{", "[")
_OPERATORS = (">>", "*", "/", "+", ")")
_UNFINISHED = (">>", "*", "/", "+")


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


def problems_of_slips(text: str, read: Callable[[str], object]) -> tuple[Problem, ...]:
    """Return the problems of a text with slips: each slip, and the mistakes that remain; none if it has no slip.

    All slips are mended together, and each line keeps its number, so that the places are those of the user's text. A
    slip says what to write only if the mended line has no problem.

    Args:
        text: the text, which `read` refuses.
        read: reads a text.

    Raises:
        ConfigError: by `read`, if the text has errors; it has lines too.
    """
    if len(text) > _MOST_CHARACTERS:
        return ()
    places = TextLines(text)
    lines = [places.line(number) for number in range(1, len(places.begins) + 1)]
    slips = _slips_of(lines)
    if not slips:
        return ()
    checked = rest = _problems_of(_mended(lines, slips), read)
    if _is_unread(rest):  # but the lines before the one that YAML refuses can be read
        slips = [slip for slip in slips if slip.last < (rest[0].line or 0)]
        mended = _mended(lines, slips)
        checked = _problems_of(mended[: slips[-1].last], read) if slips else rest
        if _is_unread(checked):
            return ()
        rest = _problems_of(mended, read)

    slip_at = {number: slip for slip in slips for number in range(slip.first + 1, slip.last + 1)}
    wrong = {slip_at.get(problem.line or 0) for problem in (*checked, *rest) if problem.path != ROOT}
    begins = {slip: places.begins[slip.first] + _indent_of(lines[slip.first]) for slip in slips}
    causes = {
        slip: places.problem_at(begin, slip.found, f"Write {slip.line.strip()}") for slip, begin in begins.items()
    }
    problems = [cause.changed(advice="") if slip in wrong else cause for slip, cause in causes.items()]
    for problem in rest:
        slip = slip_at.get(problem.line or 0)
        if slip is not None:  # the text of the mended line is not the user's
            problem = problem.changed(line=slip.first + 1, column=causes[slip].column, text=causes[slip].text)
        problems.append(problem)
    return tuple(sorted(problems, key=lambda problem: len(lines) + 1 if problem.line is None else problem.line))


def _problems_of(lines: Iterable[str], read: Callable[[str], object]) -> tuple[Problem, ...]:
    try:
        read("\n".join(lines))
    except ConfigError as error:
        return error.problems
    return ()


def _is_unread(problems: tuple[Problem, ...]) -> bool:
    """Return whether a text is not YAML, so that the entries in it are unknown."""
    return any(problem.code == SYNTAX and not problem.path and problem.line is not None for problem in problems)


def _mended(lines: list[str], slips: list[Slip]) -> list[str]:
    """Return the lines with mended ones, which are followed by empty lines in place of those that they contain."""
    mended = [*lines]
    for slip in slips:
        mended[slip.first : slip.last] = [slip.line, *[""] * (slip.last - slip.first - 1)]
    return mended


def _slips_of(lines: list[str]) -> list[Slip]:
    """Return the slips in lines, up to the first value in quotes or brackets that does not end in its line."""
    slips = list[Slip]()
    above: int | None = None  # the column of the entry above, if its value is not in the next lines
    place = 0
    while place < len(lines) and len(slips) < _MOST:
        line, causes, end, last = lines[place], list[str](), place + 1, place + 1
        entry = _ENTRY.match(line)
        if entry is None and (mended := mended_entry(line)) is not None:
            causes.append(mended[0])
            line = mended[1]
            entry = _ENTRY.match(line)
        if entry is None:
            above = None if _without_comment(line)[0] else above
            place += 1
            continue
        key, value, indent = entry[0], line[entry.end() :].rstrip(), len(entry[1])
        if above is not None and indent > above:
            causes.append(_INDENTED)
            key, indent = " " * above + key[indent:], above
        above = indent
        if value.startswith(_BRACKETS):
            cause, value = _mended_value(value)
            if not value:
                break
            causes.append(cause)
        if _BLOCK.match(value) is not None:
            while last < len(lines) and (not lines[last].strip() or _indent_of(lines[last]) > indent):
                last += 1
        elif not value.startswith(_BRACKETS):
            last, joined, cause = _with_next_lines(lines, place, len(entry[1]), value)
            causes.append(cause)
            above = indent if cause or _without_comment(value)[0] else None
            if cause:
                key, value, end = f"{key.rstrip()} ", joined, last
        if any(causes):
            slips.append(Slip(place, end, "; ".join(filter(None, causes)), key + value))
        place = last
    return slips


def _mended_value(value: str) -> tuple[str, str]:
    """Return the cause and the mended text of a value in quotes or brackets; no text if it does not end in its line."""
    quote = value[0]
    if quote in "{[":
        is_closed = sum(map(value.count, "{[")) == sum(map(value.count, "}]"))
        quoted = _with_quotes_in_braces(value) if is_closed else ""
        return "" if quoted == value else _IN_BRACES, quoted
    if _QUOTED.match(value) is not None:
        return "", value
    is_closed = len(value) > 1 and value.endswith(quote) and _COMMENT.search(value) is None
    return _IN_QUOTES.format(quote), value[1:-1].strip() if is_closed else ""


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _without_comment(text: str) -> tuple[str, bool]:
    """Return the text before a comment, and whether there is one."""
    match = _COMMENT.search(text)
    return (text.strip(), False) if match is None else (text[: match.start()].strip(), True)


def _with_next_lines(lines: list[str], place: int, indent: int, value: str) -> tuple[int, str, str]:
    """Return where the lines that continue a plain value end, the value in one line, and why it must be in one."""
    last, cause = place + 1, ""
    text, is_cut = _without_comment(value)
    parts, depth = [text] if text else [], text.count("(") - text.count(")")
    for number in range(last, len(lines)):
        line = lines[number]
        text, has_comment = _without_comment(line)
        if text:
            is_deeper = _indent_of(line) > indent
            is_text = is_deeper and not text.startswith((*_BRACKETS, "- "))
            if _COLON.search(text) is not None or not (parts or is_text):
                break
            if parts and (is_cut or not is_deeper):
                is_linked = text.startswith(_OPERATORS) or parts[-1].endswith(_UNFINISHED)
                if depth <= 0 and (not is_linked or mended_entry(line) is not None):
                    break
                cause = cause or (_AFTER_COMMENT if is_cut else _NOT_INDENTED)
            parts.append(text)
            depth += text.count("(") - text.count(")")
            last = number + 1
        is_cut = bool(parts) and (is_cut or has_comment)
    return last, " ".join(parts), "" if depth else cause


def _with_quotes_in_braces(line: str) -> str:
    """Return a line in which each call inside of braces has quotes around it, if YAML would end it too early.

    >>> print(_with_quotes_in_braces("{lr: linear(1.0, 0.1), momentum: 0.9}"))
    {lr: "linear(1.0, 0.1)", momentum: 0.9}
    """
    mended, place = "", 0
    while (match := _IN_MAPPING.search(line, place)) is not None and match[0] != "#":
        end = match.end() if match[0][0] in "'\"" else _end_of_call(line, match.end())
        value = line[match.end() : end].rstrip()
        quote = "'" if '"' in value else '"'
        is_split = "(" in value and quote not in value and not {*value}.isdisjoint(",[]{}")
        mended += line[place : match.end()] + (f"{quote}{value}{quote}" if is_split else value)
        place = match.end() + len(value)
    return mended + line[place:]


def _end_of_call(text: str, begin: int) -> int:
    """Return where a schedule in braces ends: at a comma or a brace outside of its brackets and quotes."""
    depth = 0
    for sign in _SIGN.finditer(text, begin):
        depth += (sign[0] in "([") - (sign[0] in ")]")
        if depth <= 0 and sign[0] in ",}":
            return sign.start()
    return len(text)
