"""The tokens of a line of text, and the errors found in it."""

import ast
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from paramsched.advice.lookalikes import first_lookalike
from paramsched.advice.mending import CLOSING, first_unpaired, without_strings
from paramsched.base.near_names import shortened_text
from paramsched.errors import InvalidArgument, ParseError
from paramsched.time.duration import UNIT_NAMES, length_with_unit

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\f]+|\\\r?\n|\#[^\n]*)
    |(?P<newline>\r?\n|\r)
    |(?P<string>[A-Za-z]{0,2}(?:\"\"\"(?s:(?:\\.|[^\\])*?)\"\"\"|'''(?s:(?:\\.|[^\\])*?)'''
        |\"(?:\\(?s:.)|[^\\\"\n])*\"|'(?:\\(?s:.)|[^\\'\n])*'))
    |(?P<name>[^\W\d]\w*)
    |(?P<number>0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+
        |(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9](?:_?[0-9])*)?[jJ]?)
    |(?P<sign>>>|<<|\*\*|//|==|!=|<=|>=|:=|->|[-+*/%@~&|^<>()\[\]{},.=:;])
    |(?P<unknown>(?s:.))""",
    re.VERBOSE,
)


EXAMPLE_LINE = 'For example: warmup("5%") >> cosine(to=0.1)'


@final
@dataclass(frozen=True, slots=True)
class TextPart:
    """A token or a value, and its range in the text. The kind of a token is `name`, `number`, … or its sign."""

    value: Any
    begin: int
    end: int
    kind: str = "value"


def tokens(text: str) -> Iterator[TextPart]:
    """Yield the tokens of a line, and an `end` token after them. Line breaks are allowed inside brackets only."""
    stop, open_brackets = len(text.rstrip()), 0
    for found in _TOKEN.finditer(text, len(text) - len(text.lstrip()), stop):
        kind, word, (begin, end) = found.lastgroup, found[0], found.span()
        if kind == "sign":
            open_brackets += (word in "([") - (word in ")]")
            yield TextPart(word, begin, end, word)
        elif kind == "name":
            yield TextPart(unicodedata.normalize("NFKC", word), begin, end, kind)
        elif kind in ("number", "string"):
            read = _number_value if kind == "number" else _string_value
            yield TextPart(read(text, word, begin), begin, end, kind)
        elif kind == "newline" and not open_brackets:
            raise syntax_error(text, begin, begin + 1, "a line break outside brackets", "Join the lines")
        elif kind == "unknown":
            if word in "\"'":
                raise syntax_error(text, begin, end, "this quote is never closed")
            shown = f'"{word}"' if word.isprintable() else repr(word)
            raise syntax_error(text, begin, end, f"{shown} is not part of a schedule's text", "Remove it")
    yield TextPart("", stop, stop, "end")


def quoted(text: str, begin: int, end: int) -> str:
    """Quote a range of a line, for an error message.

    >>> quoted("cosine(to=x)", 10, 11)
    '"x" at character 11'
    """
    return f'"{shortened_text(text[begin:end])}" at character {begin + 1}'


def error_at(
    text: str, begin: int, end: int, found: str, instead: str = "", *, site: str = "", **data: Any
) -> ParseError:
    """Return the error about a range of a line. By default, its site quotes the range."""
    return ParseError(site or quoted(text, begin, end), found, instead, text=text, span=(begin, end), **data)


def syntax_error(
    text: str, begin: int, end: int, found: str, instead: str = EXAMPLE_LINE, *, write: str = ""
) -> ParseError:
    """Return the error for a line that cannot be read: a mistake that `known_mistake` recognizes, or else `found`."""
    message = f"invalid syntax at character {begin + 1}: {found}"
    if (slip := known_mistake(text)) is not None:
        begin, end, meant, instead = slip
        message, write = f"invalid syntax: {meant}", ""
    site = f'"{shortened_text(text)}"'
    return error_at(text, begin, end, message, "" if write else instead, site=site, write=write)


def _number_value(text: str, word: str, begin: int) -> int | float:
    """Return the value of a number token, by Python's rules."""
    end = begin + len(word)
    if word[-1] in "jJ":
        raise error_at(text, begin, end, "complex numbers are not part of a schedule's text", write="0.1")
    if len(word) > 1 and not word.strip("0"):  # rejected, because the "000" of 10,000 would be a second number
        raise syntax_error(text, begin, end, "a number must not start with 0")
    try:
        return float(word) if word[:2] not in ("0x", "0X") and re.search("[.eE]", word) else int(word, 0)
    except ValueError:  # 012, or more digits than Python converts into an integer
        raise syntax_error(text, begin, end, "invalid number", write="0.1") from None


def _string_value(text: str, word: str, begin: int) -> str:
    """Return the value of a string token."""
    end, quote = begin + len(word), word[-1]
    prefix = word[: word.index(quote)]
    if not prefix and "\\" not in word:
        return word[3:-3] if word[:3] == quote * 3 else word[1:-1]
    if prefix.lower() not in ("", "r", "u"):
        found = f"text with the prefix {prefix} is not part of a schedule's text"
        raise error_at(text, begin, end, found, write=word[len(prefix) :])
    try:
        return str(ast.literal_eval(word))
    except (SyntaxError, ValueError):
        raise syntax_error(text, begin, end, "invalid escape sequence", "Double the backslash") from None


_LENGTH = re.compile(
    r"(?<![\w.\"'])(\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?)\s*(%(?=\s*(?:[,)\]+-]|$))|(?![eE][-+])[A-Za-z]+(?!\w))"
)
_DANGLING = re.compile(r"(>>|[-+*/])\s*\Z")


def known_mistake(text: str) -> tuple[int, int, str, str] | None:
    """Return the first mistake as a tuple (begin, end, description, correction); None if no known mistake is found.

    >>> known_mistake("warmup(5%) >> cosine()")
    (7, 9, '5% is a length without quotes', 'Quote the length: "5%"')
    >>> known_mistake("cosine(to=0.1")
    (6, 7, 'the bracket ( is never closed', 'Close it with )')
    """
    outside = without_strings(text)
    if (other := first_lookalike(outside)) is not None:
        return other[0], other[0] + 1, other[1], "Use an ASCII character"
    if found := _bare_length(outside) or _unpaired_bracket(outside):
        return found
    if not text.strip():
        return 0, 0, "the text is empty", EXAMPLE_LINE
    if dangling := _DANGLING.search(text):
        sign = dangling[1]
        return *dangling.span(1), f"expected a value after {sign}", f"Remove {sign}, or add a value"
    return None


def _bare_length(outside: str) -> tuple[int, int, str, str] | None:
    for found in _LENGTH.finditer(outside):
        length, unit = found[0].strip(), found[2]
        meant = length if unit == "%" or unit in UNIT_NAMES else length_with_unit(found[1], unit)  # 10ep
        if meant is not None:
            return *found.span(), f"{length} is a length without quotes", f'Quote the length: "{meant}"'
    return None


def _unpaired_bracket(outside: str) -> tuple[int, int, str, str] | None:
    """Return the first bracket or quote without its counterpart, as `known_mistake` does."""
    opened, place = first_unpaired(outside)
    quote = re.search("[\"']", outside)
    if quote and (place is None or quote.start() < place):
        return *quote.span(), f"the quote {quote[0]} is never closed", f"Close it with {quote[0]}"
    if not opened:
        return None if place is None else (place, place + 1, f"unmatched {outside[place]}", f"Remove {outside[place]}")
    opening = outside[opened[-1]]
    found = f"the bracket {opening} is never closed"
    if place is not None:
        found = f"{outside[place]} does not match the bracket {opening}"
    begin = opened[-1] if place is None else place
    return begin, begin + 1, found, f"Close it with {CLOSING[opening]}"


BROKEN = object()
"""Placeholder for a value that is invalid in the text. It is reported once; values that contain it are not reported."""


LineEdit: TypeAlias = tuple[int, int, str]
"""Start and end of a range of a line, and its replacement text."""


@final
@dataclass(slots=True)
class LineDiagnostics:
    """The diagnostics of one line, in the order in which they were found."""

    text: str
    found: list[InvalidArgument] = field(default_factory=list)
    edits: list[LineEdit | None] = field(default_factory=list)  # of each diagnostic; None if it is unknown

    def add(self, place: TextPart, found: str, instead: str = "", *, edit: LineEdit | None = None, **data: Any) -> Any:
        """Record an error about a range of the line, and return the placeholder value.

        Args:
            place: the token or value at fault.
            found: the problem.
            instead: the advice.
            edit: the correction. By default it is chosen as in `keep`.
            data: further arguments of InvalidArgument.
        """
        return self.keep(error_at(self.text, place.begin, place.end, found, instead, **data), place, edit)

    def keep(self, refusal: InvalidArgument, place: TextPart, edit: LineEdit | None = None) -> Any:
        """Record an error about a range of the line, and return the placeholder value.

        Args:
            refusal: the error.
            place: the token or value at fault.
            edit: the correction. By default the range is replaced by the text that the error advises to write.
        """
        begin, end = place.begin, place.end
        if edit is None and refusal.write and not refusal.is_example:
            edit = begin, end, refusal.write
        elif edit is None and refusal.replace is not None:
            edit = begin, end, self.text[begin:end].replace(*refusal.replace, 1)
        self.found.append(refusal.at(self.text, begin, end))
        self.edits.append(edit)
        return BROKEN

    def corrected(self) -> str | None:
        """Return the line with every error corrected; None if an error has no correction."""
        pairs = zip(self.found, self.edits, strict=True)
        ranges = [edit or (*(refusal.span or (0, 0)), None) for refusal, edit in pairs]
        text, place = "", 0
        for begin, end, new in sorted(ranges, key=lambda one: (one[0], -one[1], one[2] is None)):
            if begin < place:  # inside a range that another edit replaces
                continue
            if new is None:
                return None
            text, place = text + self.text[place:begin] + new, end
        return text + self.text[place:]
