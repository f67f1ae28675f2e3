"""The words of a line of text, each with its place; what was read so far."""

import ast
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from itertools import islice
from typing import Any, TypeAlias, final

from paramsched.base.codes import SYNTAX
from paramsched.base.lookalikes import first_lookalike
from paramsched.errors import InvalidArgument, ParseError
from paramsched.time.duration import UNIT_NAMES, length_with_unit

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


EXAMPLE_LINE = 'Write warmup("5%") >> cosine(to=0.1)'


@final
@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (`name`, `number`, `string`, `sign`, `end`), what it says, and where it stands."""

    kind: str
    value: Any
    begin: int
    end: int


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the words of a line, in order, and an `end` behind them; newlines count outside brackets only."""
    place = len(text) - len(text.lstrip())
    stop = len(text.rstrip())
    open_brackets = 0
    match = _WORDS.match
    while place < stop:
        found = match(text, place, stop)
        if found is None:
            if text[place] in "\"'":
                raise not_an_expression(text, place, place + 1, "the quote that opens here is never closed")
            shown = f'"{text[place]}"' if text[place].isprintable() else repr(text[place])
            raise not_an_expression(text, place, place + 1, f"{shown} is in no schedule's text", "Take it out")
        kind, word, begin, place = found.lastgroup, found[0], place, found.end()
        if kind == "blank":
            continue
        if kind == "newline":
            if not open_brackets:
                raise not_an_expression(text, begin, begin + 1, "a line ends outside brackets", "Put it on one line")
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


def not_an_expression(text: str, begin: int, end: int, found: str, instead: str = "") -> ParseError:
    """The error of a line that cannot be read: by its slip, or by the place where it stops to be a line."""
    slip = slip_in(text)
    if slip is not None:
        begin, end, meant, instead = slip
        return ParseError(
            f'"{shortened_text(text)}"', f"not an expression: {meant}", instead, text=text, span=(begin, end)
        )
    said = f"not an expression at character {begin + 1}" + (f": {found}" if found else "")
    return ParseError(f'"{shortened_text(text)}"', said, instead or EXAMPLE_LINE, text=text, span=(begin, end))


def shortened_text(text: str) -> str:
    """A line as it stands in a message: on one line, and not long."""
    flat = " ".join(text[:400].split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


def _number_value(text: str, word: str, begin: int) -> int | float:
    """The number that a word says, read as Python reads it."""
    end = begin + len(word)
    if word[-1] in "jJ":
        raise ParseError(
            f'"{word}" at character {begin + 1}',
            "complex numbers are not part of a schedule's text",
            "Write 0.1",
            text=text,
            span=(begin, end),
        )
    if len(word) > 1 and not word.strip("0"):  # 10,000 would be two numbers
        raise not_an_expression(text, begin, end, "a number that begins with 0")
    try:
        is_float = word[:2] not in ("0x", "0X") and any(sign in word for sign in ".eE")
        return float(word) if is_float else int(word, 0)
    except ValueError:  # 012, or more digits than Python turns into an integer
        raise not_an_expression(text, begin, end, "no number that Python reads", "Write 0.1") from None


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
            text=text,
            span=(begin, begin + len(word)),
        )
    try:
        value: str = ast.literal_eval(word)
    except (SyntaxError, ValueError):
        raise not_an_expression(text, begin, begin + len(word), "a backslash that means nothing", "Write two") from None
    return value


STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
_LENGTH = re.compile(
    r"(?<![\w.\"'])(\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?)\s*(%(?=\s*(?:[,)\]+-]|$))|(?![eE][-+])[A-Za-z]+(?!\w))"
)
_DANGLING = re.compile(r"(>>|[-+*/])\s*\Z")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def slip_in(text: str) -> tuple[int, int, str, str] | None:
    """The slip in a line: where it is, what it is, what to write.

    None where nothing is known of it.

    >>> slip_in("warmup(5%) >> cosine()")
    (7, 9, '5% is a length without quotes', 'Quote the length: "5%"')
    >>> slip_in("cosine(to=0.1")
    (6, 7, 'the bracket ( is never closed', 'Close it with )')
    """
    if (other := first_lookalike(without_strings(text))) is not None:
        return other[0], other[0] + 1, other[1], "Use a plain character"
    found = _bare_length(text) or _unpaired_bracket(text)
    if found is None and not text.strip():
        return 0, 0, "an empty text", EXAMPLE_LINE
    if found is None and (dangling := _DANGLING.search(text)):
        sign = dangling[1]
        return dangling.start(1), dangling.end(1), f"nothing stands behind {sign}", f"Leave {sign} out, or go on"
    return found


def _bare_length(text: str) -> tuple[int, int, str, str] | None:
    for found in _LENGTH.finditer(without_strings(text)):
        length = found[0].strip()
        if found[2] == "%" or found[2] in UNIT_NAMES:
            return found.start(), found.end(), f"{length} is a length without quotes", f'Quote the length: "{length}"'
        if (ours := length_with_unit(found[1], found[2])) is not None:  # 10ep
            return found.start(), found.end(), f"{length} is a length without quotes", f'Write "{ours}"'
    return None


def _unpaired_bracket(text: str) -> tuple[int, int, str, str] | None:
    """A bracket or a quote without its other one."""
    open_: list[tuple[str, int]] = []
    outside = without_strings(text)
    for place, one in enumerate(outside):
        if one in "\"'":
            return place, place + 1, f"the quote {one} is never closed", f"Close it with {one}"
        if one in _CLOSING:
            open_.append((one, place))
        elif one in _CLOSING.values():
            if not open_:
                return place, place + 1, f"nothing is open that {one} closes", f"Leave {one} out"
            opening, _ = open_.pop()
            if _CLOSING[opening] != one:
                return place, place + 1, f"{one} closes the bracket {opening}", f"Close it with {_CLOSING[opening]}"
    if not open_:
        return None
    opening, place = open_[-1]
    return place, place + 1, f"the bracket {opening} is never closed", f"Close it with {_CLOSING[opening]}"


def without_strings(text: str) -> str:
    """The text with blanks in place of what stands in quotes."""
    return STRING.sub(lambda found: " " * len(found[0]), text)


BROKEN = object()
"""The value of a part with a fault in it, which is told: what is made of it is not told again."""


@final
@dataclass(frozen=True, slots=True)
class TextPart:
    """A value and where it stands."""

    value: Any
    begin: int
    end: int


@final
@dataclass(slots=True)
class OpenBracket:
    """An open bracket, or the line: what has been read in it so far."""

    kind: str  # "line", "group", "list" or "call"
    begin: int  # where the bracket stands, or the name that is called
    place: int  # of the bracket itself
    name: str = ""
    builder: Any = None
    items: list[TextPart] = field(default_factory=list)
    named: dict[str, TextPart] = field(default_factory=dict)
    keyword: Token | None = None
    values: list[TextPart] = field(default_factory=list)
    operators: list[tuple[str, int, int]] = field(default_factory=list)  # sign, how tightly it binds, where it stands
    comma: bool = False
    found_before: int = 0  # faults, when the argument that is read now began
    fault: int | None = None  # of the name that is called, as its place among the faults of the line
    _parameters: Mapping[str, Parameter] | None = None

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters of the function that is called; none where it is unknown."""
        if self._parameters is None:  # looked up once: a call may have thousands of arguments
            self._parameters = {} if self.builder in (BROKEN, None) else signature(self.builder).parameters
        return self._parameters

    @property
    def parameter(self) -> Parameter | None:
        """The parameter of the argument that is read now; None where it is unknown."""
        if self.keyword is not None:
            return self.parameters.get(self.keyword.value)
        return next(islice(self.parameters.values(), len(self.items), None), None)

    @property
    def is_empty(self) -> bool:
        """Whether the argument that is read now has not begun."""
        return not (self.values or self.operators or self.keyword)


LineEdit: TypeAlias = tuple[int, int, str]
"""The begin and the end of a piece of a line, and the text that replaces it."""


@final
class LineFaults:
    """The faults of one line, in the order in which they were found."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[InvalidArgument] = []
        self.edits: list[LineEdit | None] = []  # which would correct each of them

    def quoted(self, begin: int, end: int) -> str:
        """A piece of the line, as an error shows what was asked.

        >>> LineFaults("cosine(to=x)").quoted(10, 11)
        '"x" at character 11'
        """
        return f'"{shortened_text(self.text[begin:end])}" at character {begin + 1}'

    def add(
        self,
        place: Token | TextPart,
        found: str,
        instead: str = "",
        *,
        code: str = SYNTAX,
        replace: tuple[str, str] | None = None,
        edit: LineEdit | None = None,
    ) -> Any:
        """Keep a fault and go on with a broken value; `code` and `replace` as of `InvalidArgument.classify`."""
        refusal = ParseError(self.quoted(place.begin, place.end), found, instead, code=code, replace=replace)
        return self.keep(refusal, place.begin, place.end, edit)

    def keep(self, refusal: InvalidArgument, begin: int, end: int, edit: LineEdit | None = None) -> Any:
        """Keep an error of a piece of the line; go on with a broken value.

        Args:
            edit: what corrects it; by default what the error advises to write, in place of the piece.
        """
        if edit is None and refusal.instead.startswith("Write ") and refusal.instead != EXAMPLE_LINE:
            edit = begin, end, refusal.instead.removeprefix("Write ")
        elif edit is None and refusal.replace is not None:
            edit = begin, end, self.text[begin:end].replace(*refusal.replace, 1)
        self.found.append(refusal.at(self.text, begin, end))
        self.edits.append(edit)
        return BROKEN

    def mended(self) -> str | None:
        """Return the line with every fault corrected; None if one has no edit."""
        edits: list[LineEdit] = []
        for edit in sorted((edit for edit in self.edits if edit is not None), key=lambda edit: (edit[0], -edit[1])):
            if not edits or edit[0] >= edits[-1][1]:  # else it lies in a piece that is replaced as a whole
                edits.append(edit)
        spans = (refusal.span or (0, 0) for refusal, edit in zip(self.found, self.edits, strict=True) if edit is None)
        if not all(any(first <= begin and end <= last for first, last, _ in edits) for begin, end in spans):
            return None
        text = self.text
        for begin, end, new in reversed(edits):
            text = text[:begin] + new + text[end:]
        return text
