"""The words of a line of text: names, numbers, strings and signs, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from paramsched.errors import ParseError
from paramsched.schedules.text.slips import slip_in

_WORDS = re.compile(
    r"""(?P<blank>[ \t\f]+|\\\r?\n|\#[^\n]*)
    |(?P<newline>\r?\n|\r)
    |(?P<string>[A-Za-z]{0,2}(?:\"\"\"(?s:(?:\\.|[^\\])*?)\"\"\"|'''(?s:(?:\\.|[^\\])*?)'''
        |\"(?:\\(?s:.)|[^\\\"\n])*\"|'(?:\\(?s:.)|[^\\'\n])*'))
    |(?P<name>[^\W\d]\w*)
    |(?P<number>0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+
        |(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9](?:_?[0-9])*)?[jJ]?)
    |(?P<sign>>>|<<|\*\*|//|==|!=|<=|>=|:=|->|[-+*/%@~&|^<>()\[\]{},.=:;])""",
    re.VERBOSE,
)


@final
@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (`name`, `number`, `string`, `sign`, `end`), what it says, and where it stands."""

    kind: str
    value: Any
    begin: int
    end: int


def tokens_of(text: str) -> Iterator[Token]:
    """The words of a line, in order, and an `end` behind them; newlines count outside brackets only.

    Raises:
        ParseError: a sign, a string or a number that Python does not know either, with its place.
    """
    place = len(text) - len(text.lstrip())
    stop = len(text.rstrip())
    open_brackets = 0
    match = _WORDS.match
    while place < stop:
        found = match(text, place, stop)
        if found is None:
            raise _strange_character(text, place)
        kind, word, begin, place = found.lastgroup, found[0], place, found.end()
        if kind == "blank":
            continue
        if kind == "newline":
            if not open_brackets:
                raise not_an_expression(text, begin, begin + 1, "a line ends outside brackets", "Write it in one line")
            continue
        if kind == "sign":
            open_brackets += (word in "([") - (word in ")]")
            yield Token("sign", word, begin, place)
        elif kind == "name":
            yield Token("name", word if word.isascii() else _normal_name(word), begin, place)
        elif kind == "number":
            yield Token("number", _number_value(text, word, begin), begin, place)
        else:
            yield Token("string", _string_value(text, word, begin), begin, place)
    yield Token("end", "", stop, stop)


def not_an_expression(text: str, begin: int, end: int, found: str, instead: str = "") -> ParseError:
    """The error of a line that cannot be read: by what was meant, or by the place where it stops to be a line."""
    slip = slip_in(text)
    if slip is not None:
        begin, end, meant, instead = slip
        return ParseError(f'"{shortened_text(text)}"', f"not an expression: {meant}", instead).locate(text, begin, end)
    said = f"not an expression at character {begin + 1}" + (f": {found}" if found else "")
    instead = instead or 'Write warmup("5%") >> cosine(to=0.1)'
    return ParseError(f'"{shortened_text(text)}"', said, instead).locate(text, begin, end)


def shortened_text(text: str) -> str:
    """A line as it stands in a message: on one line, and not long."""
    flat = " ".join(text[:400].split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


def _strange_character(text: str, place: int) -> ParseError:
    character = text[place]
    if character in "\"'":
        return not_an_expression(text, place, place + 1, "the quote that opens here is never closed")
    shown = f'"{character}"' if character.isprintable() else repr(character)
    return not_an_expression(text, place, place + 1, f"{shown} is in no schedule's text", "Take it out")


def _normal_name(name: str) -> str:
    import unicodedata  # as Python reads names; ours are of ASCII letters

    return unicodedata.normalize("NFKC", name)


def _number_value(text: str, word: str, begin: int) -> int | float:
    """The number that a word says, read as Python reads it."""
    end = begin + len(word)
    if word[-1] in "jJ":
        raise ParseError(
            f'"{word}" at character {begin + 1}', "complex numbers are not part of a schedule's text", "Write 0.1"
        ).locate(text, begin, end)
    try:
        value = float(word) if _is_float(word) else int(word, 0)
    except ValueError:  # 012, or more digits than Python turns into an integer
        raise not_an_expression(text, begin, end, "no number that Python reads", "Write 0.1") from None
    return value


def _is_float(word: str) -> bool:
    return word[:2] not in ("0x", "0X") and any(sign in word for sign in ".eE")


def _string_value(text: str, word: str, begin: int) -> str:
    """The text that a word in quotes says."""
    quote = word[0]
    if quote in "\"'" and "\\" not in word:
        return word[3:-3] if len(word) >= 6 and word[:3] == quote * 3 else word[1:-1]
    prefix = word[: min(word.find(quote) for quote in "\"'" if quote in word)]
    if prefix.lower() not in ("", "r", "u"):
        raise ParseError(
            f'"{shortened_text(word)}" at character {begin + 1}',
            f"text with the prefix {prefix} is not part of a schedule's text",
            f"Write {word[len(prefix) :]}",
        ).locate(text, begin, begin + len(word))
    import ast  # a literal with a backslash in it, which few lines have

    try:
        value: str = ast.literal_eval(word)
    except (SyntaxError, ValueError):
        raise not_an_expression(text, begin, begin + len(word), "a backslash that means nothing", "Write two") from None
    return value
