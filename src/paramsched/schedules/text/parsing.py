"""Read a schedule from one line of text, without running any code in it.

The reader uses no syntax tree and no recursion. It keeps a stack of open brackets, each with its values and the
operators between them. Reading therefore takes time proportional to the length of the line, at any nesting depth, and
the location of every value is known.
"""

import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, TypeAlias, TypeVar, final

from paramsched.advice.calls import example_call
from paramsched.advice.lookalikes import first_lookalike, straighten_text
from paramsched.advice.mending import rewritten
from paramsched.advice.peer_words import SEQUENCES, advice_for_name, advice_for_peer, dashed_word_at, letters_of
from paramsched.base.codes import UNKNOWN_NAME
from paramsched.base.near_names import KNOWN, closest, did_you_mean, shortened_text
from paramsched.curves import CONSTANTS, FAMILIES, Curve, curve_text, unknown_curve
from paramsched.errors import InvalidArgument, ParseError, shown
from paramsched.schedules.affine import NEIGHBOR_LEVELS, Absolute, AffineLevel, NeighborLevel, absolute
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.registry import RULES, SHAPES
from paramsched.schedules.text.operators import (
    BINDS,
    BINDS_SIGN,
    curve_is_wanted,
    keep_argument,
    reduce_operators,
    value_of_call,
)
from paramsched.schedules.text.tokens import (
    BROKEN,
    LineDiagnostics,
    OpenBracket,
    TextPart,
    Token,
    syntax_error,
    tokens_of,
)

MOST_CHARACTERS = 10_000
MOST_DEPTH = 50

_Value = TypeVar("_Value")


def parse(text: str, *, shapes: Iterable[Callable[..., Any]] = ()) -> Schedule:
    """Read a schedule from its one-line text; `parse(str(schedule)) == schedule`.

    The text is a Python expression made of the names of schedules, numbers, strings, lists, `>>`, `*`, `/`, `**`,
    `+` and `-`. It is not evaluated as Python code.

    Args:
        text: at most 10,000 characters, nested at most 50 levels deep.
        shapes: additional functions that build a schedule. The text may call them by their names.

    Raises:
        ParseError: the text is not such an expression, or it contains an unknown name.
        InvalidArgument: an argument is invalid. For both errors, `error.span` is the range of the text at fault.

    >>> print(parse(' warmup( over = "5 %" )>>cosine( 1, .1 )'))
    warmup("5%") >> cosine(to=0.1)
    """
    if not isinstance(text, str):
        raise ParseError(f"parse({shown(text)})", f"expected text, got {type(text).__name__}", 'Write "cosine(to=0.1)"')
    _refuse_long_line(text)
    return _read(text, shapes, _schedule_in)


def _read(text: str, shapes: Iterable[Callable[..., Any]], read: Callable[["LineReader"], _Value]) -> _Value:
    names = _known_names(shapes)
    try:
        return read(LineReader(text, names, MOST_DEPTH))
    except InvalidArgument as refusal:
        raise _advised(refusal, _corrected_line(text, names, read)) from None


def _refuse_long_line(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise ParseError(
            f"{shortened_text(text)}",
            f"a line has at most {MOST_CHARACTERS} characters, got {len(text)}",
            "Write the schedule as a mapping",
            text=text,
            span=(0, len(text)),
        )


def parse_own(text: str) -> Schedule:
    """Read a line that `str(schedule)` wrote. The limits of `parse` do not apply, because the text is trusted."""
    return _schedule_in(LineReader(text, _known_names(()), None))


def value_in(text: str, shapes: Iterable[Callable[..., Any]] = ()) -> Any:
    """Read an expression of a schedule's text: a schedule, a level, a curve, a rule, a number or a list."""
    return _read(text, shapes, _value_of)


_MOST_CORRECTED = 400  # a longer line is not corrected, because a message could not repeat it
_MOST_EDITS = 12


def meant_line(text: str) -> str | None:
    """Return an invalid line with its mistakes corrected; None if a mistake has no single likely correction."""
    return _corrected_line(text, _known_names(()), _schedule_in)


def _corrected_line(
    text: str, names: Mapping[str, Callable[..., Any]], read: Callable[["LineReader"], object]
) -> str | None:
    """Return the line with every error corrected; None if an error has no known correction.

    The line is read again after each correction, because a correction can reveal further errors.
    """
    for _ in range(_MOST_EDITS):
        if len(text) > _MOST_CORRECTED:
            return None
        reader = LineReader(text, names, MOST_DEPTH)
        try:
            read(reader)
        except InvalidArgument as refusal:
            corrected = (refusal in reader.diagnostics.found and reader.diagnostics.corrected()) or rewritten(
                text, names
            )
            if corrected is None or corrected == text:
                return None
            text = corrected.strip()
        else:
            return text
    return None


def _advised(refusal: InvalidArgument, corrected: str | None) -> InvalidArgument:
    """Return the error with advice that can be pasted: the corrected line, or if it is unknown, an example."""
    text = refusal.text or ""
    if corrected is None:
        if refusal.write and not refusal.is_example and text.strip():  # a line with it may have other errors
            is_call = re.match(r"[\w.]+(\(|\Z)", refusal.write)
            return refusal.changed(write=refusal.write if is_call else "", is_example=True)
        return refusal
    if refusal.replace and not refusal.instead:
        begin, end = refusal.span or (0, len(text))
        if f"{text[:begin]}{text[begin:end].replace(*refusal.replace, 1)}{text[end:]}" == corrected:
            return refusal  # its message names the replacement
    return refusal.changed(write=corrected)


def schedule_or_faults(text: str, shapes: Iterable[Callable[..., Any]] = ()) -> Schedule | list[InvalidArgument]:
    """Return the schedule of a line, or every error of it, in order."""
    names = _known_names(shapes)
    reader = LineReader(text, names, MOST_DEPTH)
    try:
        _refuse_long_line(text)
        return _schedule_in(reader)
    except InvalidArgument as refusal:
        found = reader.diagnostics.found
        found = found if refusal in found else [*found, refusal]
        corrected = _corrected_line(text, names, _schedule_in)
        return [_advised(one, corrected) for one in found]


def _known_names(shapes: Iterable[Callable[..., Any]]) -> Mapping[str, Callable[..., Any]]:
    try:
        own = {builder.__name__: builder for builder in shapes}
    except (TypeError, AttributeError):
        found = f"expected a list of functions, got {type(shapes).__name__}"
        raise InvalidArgument(f"shapes={shown(shapes)}", found, write="shapes=[my_shape]") from None
    return ChainMap(own, {"absolute": absolute}, SHAPES)


def _value_of(reader: "LineReader") -> Any:
    part = reader.read()
    if reader.diagnostics.found:
        raise reader.diagnostics.found[0]
    return part.value


def _schedule_in(reader: "LineReader") -> Schedule:
    """Return the schedule of a line. A metric rule alone becomes `1.0 * rule`."""
    text, value = reader.text, _value_of(reader)
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if isinstance(value, Schedule):
        return value
    meant, site = None, f'"{shortened_text(text)}"'
    try:
        if isinstance(value, (int, float, str, tuple)) or value is None:
            return schedule_of(value, site)
        guided: Schedule = 1.0 * value
    except InvalidArgument as error:
        refusal = error
    except TypeError:
        if isinstance(value, (Absolute, AffineLevel, NeighborLevel)):
            meant = f"constant({value})"
        elif isinstance(value, Curve):
            meant = f"anneal(curve={value})"
        elif str(value).startswith("rules."):
            meant = f"recurrence({value})"
        found = f"{shown(value)} is neither a schedule nor a number"
        refusal = ParseError(site, found, write=meant or "warmup(100) >> cosine(to=0.1)", is_example=meant is None)
    else:
        return guided
    if isinstance(value, str) and value.strip():  # the entire line is in quotes
        meant = value
    elif isinstance(value, tuple) and value and all(isinstance(one, Schedule) for one in value):
        meant = " >> ".join(map(str, value))
    reader.diagnostics.keep(refusal, begin, end, None if meant is None else (begin, end, meant))
    raise reader.diagnostics.found[-1]


KnownNames: TypeAlias = Mapping[str, Callable[..., Any]]

LINE_SYNTAX = "A schedule's text consists of calls, numbers, strings, lists, >>, *, /, **, + and -"

_PYTHON_CONSTANTS = {"True": True, "False": False, "None": None}


@final
@dataclass(frozen=True, slots=True)
class NameDiagnostic:
    """An error about a name.

    Args:
        found: the problem.
        write, is_example, instead: as for InvalidArgument.
        meant: the known name that replaces it; empty if there is none.
    """

    found: str
    write: str = ""
    is_example: bool = False
    instead: str = ""
    meant: str = ""


def called_builder(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> Any:
    """Return the function that a call names, or a NameDiagnostic.

    Args:
        name: the name in front of the bracket.
        known: the functions that build schedules.
        curve_wanted: returns whether a curve is expected here.
    """
    space, _, last = name.rpartition(".")
    if space == "curves":
        if last in CONSTANTS:
            return NameDiagnostic(f"curves.{last} takes no arguments and no brackets", name)
        return FAMILIES.get(last) or NameDiagnostic(*unknown_curve(last))
    if space == "rules":
        return RULES.get(last) or NameDiagnostic(
            f"unknown rule {last!r}; {did_you_mean(last, RULES)}", meant=closest(last, RULES) or ""
        )
    if space:
        return _module_prefix(space, last, known)
    if name in NEIGHBOR_LEVELS and name not in known:
        return NameDiagnostic(f"{name} is a level and takes no brackets", name)
    return known.get(name) or _unknown_name(name, known, curve_wanted=curve_wanted)


def value_of_name(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> Any:
    """Return the value of a name that is not followed by a bracket, or a NameDiagnostic.

    Args:
        name: the name.
        known: the functions that build schedules.
        curve_wanted: returns whether a curve is expected here.
    """
    space, _, last = name.rpartition(".")
    if name in _PYTHON_CONSTANTS:
        return _PYTHON_CONSTANTS[name]
    if space == "curves":
        if last in FAMILIES:
            return NameDiagnostic(f"the curve {last!r} needs arguments", advice_for_curve(last))
        return CONSTANTS.get(last) or NameDiagnostic(*unknown_curve(last))
    if space == "rules" and last in RULES:
        return NameDiagnostic(f"{name} is a function and needs brackets", called_by_name(name, RULES[last]))
    if space:
        return _module_prefix(space, last, known)
    if name in NEIGHBOR_LEVELS:
        return NEIGHBOR_LEVELS[name]
    if name in known:
        if curve_wanted() and (advice := advice_for_curve(name)):
            return NameDiagnostic(f'{name} is a schedule; a curve needs the prefix "curves."', advice)
        return NameDiagnostic(f"{name} is a function and needs brackets", called_by_name(name, known[name]))
    if curve_wanted() and (advice := advice_for_curve(name)):
        return NameDiagnostic('a curve needs the prefix "curves."', advice)
    if name in KNOWN or name in ("accumulation", "batch_size"):
        return NameDiagnostic(f'"{name}" is a field or target, not a schedule', f'like("{name}")')
    return _unknown_name(name, known, curve_wanted=curve_wanted)


def called_by_name(name: str, builder: Callable[..., Any]) -> str:
    """Return an example call of a function, with its required arguments."""
    needed = any(
        one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        for one in signature(builder).parameters.values()
    )
    return example_call(builder, name) if needed else f"{name}()"


def advice_for_curve(name: str) -> str:
    """Return what to write for the name of a curve without its prefix; empty if `name` is not a curve."""
    return curve_text(name) if name in CONSTANTS or name in FAMILIES else ""


def _unknown_name(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> NameDiagnostic:
    """Return the error for an unknown name, with advice if it resembles a schedule, a curve or a peer's name."""
    if (other := first_lookalike(name)) is not None and (meant := straighten_text(name)) in known:
        return NameDiagnostic(f'unknown schedule "{name}": {other[1]}', meant)
    if advice := advice_for_curve(name):
        if not curve_wanted():
            advice = f"anneal(curve={advice})"
        return NameDiagnostic(f'"{name}" is a curve, not a schedule', advice)
    letters = letters_of(name)
    same = next((one for one in known if one.replace("_", "") == letters), None)
    if same is not None and (name.islower() or name.isupper()):  # a name in CamelCase may be a peer's class
        return NameDiagnostic(f'unknown schedule "{name}"; did you mean "{same}"?', meant=same)
    if peer := advice_for_name(name):
        return NameDiagnostic(peer[0], peer[1], is_example=True)
    if name in SEQUENCES:
        return NameDiagnostic(f'unknown schedule "{name}": stages are joined by >>', "warmup(100) >> cosine()")
    if curve_wanted():
        return NameDiagnostic(*unknown_curve(name))
    names = [*known, *NEIGHBOR_LEVELS]
    return NameDiagnostic(f'unknown schedule "{name}"; {did_you_mean(name, names)}', meant=closest(name, names) or "")


def _module_prefix(space: str, last: str, known: KnownNames) -> NameDiagnostic:
    """Return the error for a name with a module in front of it: `ps.cosine`, `paramsched.curves.cosine`."""
    name = f"{space.rpartition('.')[2]}.{last}"
    found = f"{space}.… is not part of a schedule's text"
    if name.startswith(("curves.", "rules.")):
        return NameDiagnostic(found, name)
    if last in known:
        return NameDiagnostic(found, last)
    if peer := advice_for_peer(f"{space}.{last}"):
        return NameDiagnostic(peer[0], peer[1], is_example=True)
    near = closest(last, known)
    return NameDiagnostic(found, near) if near else NameDiagnostic(found, instead=LINE_SYNTAX)


_MOST_BRACKETS = 200  # around one value; Python has the same limit
_PYTHON_KEYWORDS = ("and", "or", "not", "if", "else", "is", "in", "lambda", "for", "await", "async", "yield")


@final
class LineReader:
    """Reader of one line. It collects the errors in `diagnostics`."""

    def __init__(self, text: str, names: KnownNames, most_depth: int | None) -> None:
        self.text, self.names, self.most_depth = text, names, most_depth
        self.diagnostics = LineDiagnostics(text)
        self._tokens = tokens_of(text)
        self._stack: list[OpenBracket] = []
        self._depth = self._brackets = 0
        self._value_wanted = True  # False: an operator, a comma or a closing bracket is expected

    def read(self) -> TextPart:
        """Read the line and return its value, with its range in the text."""
        here, ahead = next(self._tokens), None
        self._stack = [OpenBracket("line", here.begin, here.begin)]
        while here.kind != "end":
            if self.most_depth is not None and self._brackets > _MOST_BRACKETS:
                raise syntax_error(self.text, here.begin, here.end, f"more than {_MOST_BRACKETS} open brackets")
            if self.most_depth is not None and self._depth >= self.most_depth:
                found = f"nested more than {self.most_depth} deep"
                refusal = ParseError(f'"{shortened_text(self.text)}"', found, "Split it into named schedules")
                raise refusal.at(self.text, here.begin, here.end)
            ahead = self._take_token(here, next(self._tokens))
            here = ahead or next(self._tokens)
        frame = self._stack[-1]
        if frame.kind != "line":
            found = f'the "{self.text[frame.place]}" at character {frame.place + 1} is never closed'
            raise syntax_error(self.text, frame.place, frame.place + 1, found)
        if self._value_wanted:
            found = "the text is empty" if frame.is_empty else "expected a value at the end"
            raise syntax_error(self.text, max(here.begin - 1, 0), here.end, found)
        reduce_operators(frame, 0, self.diagnostics)
        return frame.values[0]

    def _take_token(self, here: Token, ahead: Token) -> Token | None:
        """Process one token. Return the next token, or None if it was consumed too."""
        frame, wanted, word = self._stack[-1], self._value_wanted, here.value
        if wanted and here.kind in ("number", "string"):
            self._add_value(frame, word, here)
        elif wanted and here.kind == "name":
            return self._take_name(frame, here, ahead)
        elif wanted and word in ("(", "["):
            self._stack.append(OpenBracket("group" if word == "(" else "list", here.begin, here.begin))
            self._depth, self._brackets = self._depth + (word == "["), self._brackets + 1
        elif wanted and word in ("-", "+"):
            frame.operators.append((word, BINDS_SIGN, here.begin))
            self._depth += 1
        elif word in (")", "]") and here.kind == "sign":
            self._close_bracket(here)
        elif not wanted and here.kind == "sign" and word in BINDS:
            # `**` associates to the right, as in Python.
            self._depth -= reduce_operators(frame, BINDS[word] + (word == "**"), self.diagnostics, word)
            frame.operators.append((word, BINDS[word], here.begin))
            self._value_wanted = True
        elif word == "," and here.kind == "sign" and not wanted and frame.kind != "line":
            self._end_argument(frame)
            frame.comma = self._value_wanted = True
        else:
            raise self._unexpected_token(here, frame, wanted=wanted)
        return ahead

    def _add_value(self, frame: OpenBracket, value: Any, here: Token) -> None:
        """Add a value that is a single token. An operator, a comma or a closing bracket must follow."""
        frame.values.append(TextPart(value, here.begin, here.end))
        self._value_wanted = False

    def _take_name(self, frame: OpenBracket, here: Token, ahead: Token) -> Token | None:
        """Read a keyword, the name of a called function, or a named value."""
        if ahead.value == "=" and ahead.kind == "sign" and frame.kind == "call" and frame.is_empty:
            frame.keyword, frame.first_diagnostic = here, len(self.diagnostics.found)
            return None
        name, end = here.value, here.end
        while ahead.value == "." and ahead.kind == "sign":  # curves.power
            word = next(self._tokens)
            if word.kind != "name":
                raise syntax_error(self.text, ahead.begin, ahead.end, "expected a name after the dot")
            name, end, ahead = f"{name}.{word.value}", word.end, next(self._tokens)
        here = Token("name", name, here.begin, end)
        if not (ahead.value == "(" and ahead.kind == "sign"):
            self._add_value(frame, self._meaning_of(frame, name, here, value_of_name), here)
            return ahead
        known = self._meaning_of(frame, name, here, called_builder)
        call = OpenBracket("call", here.begin, ahead.begin, name, known)
        if known is BROKEN:
            call.diagnostic = len(self.diagnostics.found) - 1
        self._stack.append(call)
        self._depth += 1
        return None

    def _meaning_of(self, frame: OpenBracket, name: str, here: Token, meaning: Callable[..., Any]) -> Any:
        """Look up a name. An unknown name becomes a diagnostic."""
        if name in _PYTHON_KEYWORDS and meaning is value_of_name:
            raise self._not_in_a_line(here)
        found = meaning(name, self.names, curve_wanted=lambda: curve_is_wanted(frame))
        if not isinstance(found, NameDiagnostic):
            return found
        if dashed := dashed_word_at(self.text, here.begin):
            word, begin, end = dashed
            message, line = advice_for_name(word) or ("", "")
            site = f'"{shortened_text(self.text)}" at character {begin + 1}'
            raise ParseError(site, message, write=line, is_example=True, text=self.text, span=(begin, end))
        message = found.found
        for one in name.split("."):
            message = message.replace(one, shortened_text(one))
        dashed_on = self.text[here.end : here.end + 1] == "-"  # `warm-up` is meant as one name
        replace = (name.rpartition(".")[2], found.meant) if found.meant and not dashed_on else None
        write, is_example = found.write, found.is_example
        return self.diagnostics.add(
            here, message, found.instead, write=write, is_example=is_example, code=UNKNOWN_NAME, replace=replace
        )

    def _end_argument(self, frame: OpenBracket) -> None:
        self._depth -= reduce_operators(frame, 0, self.diagnostics)
        keep_argument(frame, frame.values.pop(), self.diagnostics)

    def _close_bracket(self, here: Token) -> None:
        """Close the innermost bracket, and add its value to the bracket around it."""
        frame = self._stack[-1]
        if frame.kind == "line" or (here.value == "]") != (frame.kind == "list"):
            found = f'unmatched "{here.value}"'
            if frame.kind != "line":
                opening = self.text[frame.place]
                found = f'"{here.value}" does not match the "{opening}" at character {frame.place + 1}'
            raise syntax_error(self.text, here.begin, here.end, found, "Close each bracket once")
        if not self._value_wanted:
            self._end_argument(frame)
        elif not frame.is_empty:
            raise syntax_error(self.text, here.begin, here.end, f'expected a value before "{here.value}"')
        self._stack.pop()
        self._depth -= frame.kind in ("call", "list")
        self._brackets -= frame.kind in ("group", "list")
        self._stack[-1].values.append(TextPart(self._value_of(frame, here.end), frame.begin, here.end))
        self._value_wanted = False

    def _value_of(self, frame: OpenBracket, end: int) -> Any:
        """Return the value of a closed bracket: of a call, a parenthesized value, or a list."""
        if frame.kind == "call":
            return value_of_call(frame, end, self.diagnostics)
        if frame.kind == "group" and len(frame.items) == 1 and not frame.comma:
            return frame.items[0].value
        values = tuple(item.value for item in frame.items)
        return BROKEN if any(value is BROKEN for value in values) else values

    def _unexpected_token(self, here: Token, frame: OpenBracket, *, wanted: bool) -> ParseError:
        """Return the error for an unexpected token."""
        word = here.value
        if here.kind == "sign":
            if wanted and word in ("*", "**") and frame.kind == "call":
                return self._not_in_a_line(here)
            if word in ("{", "}", "~", ":", ":=", "->", "==", "!=", "<", ">", "<=", ">=", "&", "|", "^", "."):
                return self._not_in_a_line(here)
            if not wanted and word in ("(", "["):
                return self._not_in_a_line(here)
            if word == "=":
                found = '"=" is only allowed between a keyword and its value'
                return syntax_error(self.text, here.begin, here.end, found)
            if word == "," and frame.kind == "line":
                return syntax_error(self.text, here.begin, here.end, "a comma outside brackets", "Write >> or *")
            return syntax_error(self.text, here.begin, here.end, f'expected a value before "{word}"')
        if here.kind == "name" and word in _PYTHON_KEYWORDS:
            return self._not_in_a_line(here)
        found = "expected an operator or the end of the text" if frame.kind == "line" else "expected a comma before it"
        return syntax_error(self.text, here.begin, here.end, found)

    def _not_in_a_line(self, here: Token) -> ParseError:
        word = self.text[here.begin : here.end]
        site = f'"{shortened_text(self.text)}" at character {here.begin + 1}'
        return ParseError(
            site,
            f"{word} is not part of a schedule's text",
            LINE_SYNTAX,
            text=self.text,
            span=(here.begin, here.end),
        )
