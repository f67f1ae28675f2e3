"""The tokens of a line of text, the values read so far, and the errors found."""

import ast
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import Parameter, signature
from itertools import islice
from typing import Any, TypeAlias, final

from paramsched.advice.lookalikes import first_lookalike
from paramsched.advice.mending import without_strings
from paramsched.advice.peer_words import misspelled_argument
from paramsched.base.codes import SYNTAX
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
    |(?P<sign>>>|<<|\*\*|//|==|!=|<=|>=|:=|->|[-+*/%@~&|^<>()\[\]{},.=:;])""",
    re.VERBOSE,
)


EXAMPLE_LINE = 'For example: warmup("5%") >> cosine(to=0.1)'


@final
@dataclass(frozen=True, slots=True)
class Token:
    """A token with its kind (`name`, `number`, `string`, `sign` or `end`), value, and range in the text."""

    kind: str
    value: Any
    begin: int
    end: int


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the tokens of a line, and an `end` token after them. Line breaks are allowed inside brackets only."""
    place = len(text) - len(text.lstrip())
    stop = len(text.rstrip())
    open_brackets = 0
    match = _TOKEN.match
    while place < stop:
        found = match(text, place, stop)
        if found is None:
            if text[place] in "\"'":
                raise syntax_error(text, place, place + 1, "this quote is never closed")
            shown = f'"{text[place]}"' if text[place].isprintable() else repr(text[place])
            raise syntax_error(text, place, place + 1, f"{shown} is not part of a schedule's text", "Remove it")
        kind, word, begin, place = found.lastgroup, found[0], place, found.end()
        if kind == "blank":
            continue
        if kind == "newline":
            if not open_brackets:
                raise syntax_error(text, begin, begin + 1, "a line break outside brackets", "Join the lines")
            continue
        if kind == "sign":
            open_brackets += (word in "([") - (word in ")]")
            yield Token("sign", word, begin, place)
        elif kind == "name":
            yield Token("name", unicodedata.normalize("NFKC", word), begin, place)
        elif kind == "number":
            yield Token("number", _number_value(text, word, begin), begin, place)
        else:
            yield Token("string", _string_value(text, word, begin), begin, place)
    yield Token("end", "", stop, stop)


def syntax_error(
    text: str, begin: int, end: int, found: str, instead: str = EXAMPLE_LINE, *, write: str = ""
) -> ParseError:
    """Return the error for a line that cannot be read: a mistake that `known_mistake` recognizes, or else `found`."""
    slip = known_mistake(text)
    if slip is not None:
        begin, end, meant, instead = slip
        return ParseError(
            f'"{shortened_text(text)}"', f"invalid syntax: {meant}", instead, text=text, span=(begin, end)
        )
    message = f"invalid syntax at character {begin + 1}" + (f": {found}" if found else "")
    instead = "" if write else instead
    return ParseError(f'"{shortened_text(text)}"', message, instead, write=write, text=text, span=(begin, end))


def _number_value(text: str, word: str, begin: int) -> int | float:
    """Return the value of a number token, by Python's rules."""
    end = begin + len(word)
    if word[-1] in "jJ":
        raise ParseError(
            f'"{shortened_text(word)}" at character {begin + 1}',
            "complex numbers are not part of a schedule's text",
            write="0.1",
            text=text,
            span=(begin, end),
        )
    if len(word) > 1 and not word.strip("0"):  # rejected, because the "000" of 10,000 would be a second number
        raise syntax_error(text, begin, end, "a number must not start with 0")
    try:
        is_float = word[:2] not in ("0x", "0X") and any(sign in word for sign in ".eE")
        return float(word) if is_float else int(word, 0)
    except ValueError:  # 012, or more digits than Python converts into an integer
        raise syntax_error(text, begin, end, "invalid number", write="0.1") from None


def _string_value(text: str, word: str, begin: int) -> str:
    """Return the value of a string token."""
    quote = word[0]
    if quote in "\"'" and "\\" not in word:
        return word[3:-3] if len(word) >= 6 and word[:3] == quote * 3 else word[1:-1]
    prefix = word[: min(word.find(quote) for quote in "\"'" if quote in word)]
    if prefix.lower() not in ("", "r", "u"):
        raise ParseError(
            f'"{shortened_text(word)}" at character {begin + 1}',
            f"text with the prefix {prefix} is not part of a schedule's text",
            write=word[len(prefix) :],
            text=text,
            span=(begin, begin + len(word)),
        )
    try:
        value: str = ast.literal_eval(word)
    except (SyntaxError, ValueError):
        raise syntax_error(text, begin, begin + len(word), "invalid escape sequence", "Double the backslash") from None
    return value


_LENGTH = re.compile(
    r"(?<![\w.\"'])(\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?)\s*(%(?=\s*(?:[,)\]+-]|$))|(?![eE][-+])[A-Za-z]+(?!\w))"
)
_DANGLING = re.compile(r"(>>|[-+*/])\s*\Z")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def known_mistake(text: str) -> tuple[int, int, str, str] | None:
    """Return the first mistake as a tuple (begin, end, description, correction); None if no known mistake is found.

    >>> known_mistake("warmup(5%) >> cosine()")
    (7, 9, '5% is a length without quotes', 'Quote the length: "5%"')
    >>> known_mistake("cosine(to=0.1")
    (6, 7, 'the bracket ( is never closed', 'Close it with )')
    """
    if (other := first_lookalike(without_strings(text))) is not None:
        return other[0], other[0] + 1, other[1], "Use an ASCII character"
    found = _bare_length(text) or _unpaired_bracket(text)
    if found is None and not text.strip():
        return 0, 0, "the text is empty", EXAMPLE_LINE
    if found is None and (dangling := _DANGLING.search(text)):
        sign = dangling[1]
        missing = f"expected a value after {sign}"
        return dangling.start(1), dangling.end(1), missing, f"Remove {sign}, or add a value"
    return found


def _bare_length(text: str) -> tuple[int, int, str, str] | None:
    for found in _LENGTH.finditer(without_strings(text)):
        length = found[0].strip()
        if found[2] == "%" or found[2] in UNIT_NAMES:
            return found.start(), found.end(), f"{length} is a length without quotes", f'Quote the length: "{length}"'
        if (ours := length_with_unit(found[1], found[2])) is not None:  # 10ep
            return found.start(), found.end(), f"{length} is a length without quotes", f'Quote the length: "{ours}"'
    return None


def _unpaired_bracket(text: str) -> tuple[int, int, str, str] | None:
    """Return the first bracket or quote without its counterpart, as `known_mistake` does."""
    open_: list[tuple[str, int]] = []
    outside = without_strings(text)
    for place, one in enumerate(outside):
        if one in "\"'":
            return place, place + 1, f"the quote {one} is never closed", f"Close it with {one}"
        if one in _CLOSING:
            open_.append((one, place))
        elif one in _CLOSING.values():
            if not open_:
                return place, place + 1, f"unmatched {one}", f"Remove {one}"
            opening, _ = open_.pop()
            if _CLOSING[opening] != one:
                found = f"{one} does not match the bracket {opening}"
                return place, place + 1, found, f"Close it with {_CLOSING[opening]}"
    if not open_:
        return None
    opening, place = open_[-1]
    return place, place + 1, f"the bracket {opening} is never closed", f"Close it with {_CLOSING[opening]}"


BROKEN = object()
"""Placeholder for a value that is invalid in the text. It is reported once; values that contain it are not reported."""


@final
@dataclass(frozen=True, slots=True)
class TextPart:
    """A value and its range in the text."""

    value: Any
    begin: int
    end: int


@final
@dataclass(slots=True)
class OpenBracket:
    """An open bracket or the entire line, with the values read in it so far."""

    kind: str  # "line", "group", "list" or "call"
    begin: int  # position of the bracket, or of the name in front of it
    place: int  # position of the bracket
    name: str = ""
    builder: Any = None
    items: list[TextPart] = field(default_factory=list)
    named: dict[str, TextPart] = field(default_factory=dict)
    keyword: Token | None = None
    values: list[TextPart] = field(default_factory=list)
    operators: list[tuple[str, int, int]] = field(default_factory=list)  # operator, precedence, position
    comma: bool = False
    first_diagnostic: int = 0  # index of the first diagnostic of the current argument
    diagnostic: int | None = None  # index of the diagnostic about the called name

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters of the called function; empty if the function is unknown."""
        return {} if self.builder in (BROKEN, None) else _parameters_of(self.builder)

    @property
    def parameter(self) -> Parameter | None:
        """The parameter of the current argument; None if it is unknown."""
        if self.keyword is not None:
            return self.parameters.get(self.keyword.value)
        return next(islice(self.parameters.values(), len(self.items), None), None)

    def misspelled(self, word: str) -> str | None:
        """Return the free parameter that an unknown keyword misspells; None if it is something else."""
        known = self.parameters
        if any(one.kind is one.VAR_KEYWORD for one in known.values()):
            return None
        meant = misspelled_argument(word, known, self.name)
        return meant if meant not in (*self.named, *[*known][: len(self.items)]) else None

    @property
    def is_empty(self) -> bool:
        """True if no token of the current argument has been read."""
        return not (self.values or self.operators or self.keyword)


@lru_cache(maxsize=256)
def _parameters_of(builder: Callable[..., Any]) -> Mapping[str, Parameter]:
    return signature(builder).parameters


LineEdit: TypeAlias = tuple[int, int, str]
"""Start and end of a range of a line, and its replacement text."""


@final
class LineDiagnostics:
    """The diagnostics of one line, in the order in which they were found."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[InvalidArgument] = []
        self.edits: list[LineEdit | None] = []  # the correction of each diagnostic; None if it is unknown

    def quoted(self, begin: int, end: int) -> str:
        """Quote a range of the line, for an error message.

        >>> LineDiagnostics("cosine(to=x)").quoted(10, 11)
        '"x" at character 11'
        """
        return f'"{shortened_text(self.text[begin:end])}" at character {begin + 1}'

    def add(
        self,
        place: Token | TextPart,
        found: str,
        instead: str = "",
        *,
        write: str = "",
        is_example: bool = False,
        code: str = SYNTAX,
        replace: tuple[str, str] | None = None,
        edit: LineEdit | None = None,
    ) -> Any:
        """Record an error and return the placeholder value.

        Args:
            place: the token or value at fault.
            found: the problem.
            instead: the advice.
            write, is_example: as for InvalidArgument.
            code: the diagnostic code.
            replace: a pair (wrong piece of the text, its replacement).
            edit: the correction. By default it is chosen as in `keep`.
        """
        site = self.quoted(place.begin, place.end)
        refusal = ParseError(site, found, instead, write=write, is_example=is_example, code=code, replace=replace)
        return self.keep(refusal, place.begin, place.end, edit)

    def keep(self, refusal: InvalidArgument, begin: int, end: int, edit: LineEdit | None = None) -> Any:
        """Record an error about a range of the line, and return the placeholder value.

        Args:
            refusal: the error.
            begin, end: the range.
            edit: the correction. By default the range is replaced by the text that the error advises to write.
        """
        if edit is None and refusal.write and not refusal.is_example:
            edit = begin, end, refusal.write
        elif edit is None and refusal.replace is not None:
            edit = begin, end, self.text[begin:end].replace(*refusal.replace, 1)
        self.found.append(refusal.at(self.text, begin, end))
        self.edits.append(edit)
        return BROKEN

    def corrected(self) -> str | None:
        """Return the line with every error corrected; None if an error has no correction."""
        outer: list[LineEdit] = []  # without those in a range that another edit replaces
        for edit in sorted(filter(None, self.edits), key=lambda edit: (edit[0], -edit[1])):
            if not outer or edit[0] >= outer[-1][1]:
                outer.append(edit)
        unknown = [refusal.span or (0, 0) for refusal, edit in zip(self.found, self.edits, strict=True) if edit is None]
        if not all(any(first <= begin and end <= last for first, last, _ in outer) for begin, end in unknown):
            return None
        text = self.text
        for begin, end, new in reversed(outer):
            text = text[:begin] + new + text[end:]
        return text
