"""From the one-line text to a schedule; nothing in the line is run.

A line is read without a syntax tree and without recursion: open brackets stand on a stack, each with its values and the
operators between them. So a line of any length and depth is read in the time its length takes, and the place of every
value is known.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, TypeAlias, final

from paramsched.base.calls import example_call
from paramsched.base.codes import UNKNOWN_NAME
from paramsched.base.lookalikes import first_lookalike, straighten_text
from paramsched.base.near_names import closest, did_you_mean
from paramsched.base.peer_words import SEQUENCES, advice_for_name, advice_for_peer, dashed_word_at, letters_of
from paramsched.curves import CONSTANTS, FAMILIES, Curve, curve_text, unknown_curve
from paramsched.errors import InvalidArgument, ParseError, shown
from paramsched.schedules.affine import NEIGHBOR_LEVELS, Absolute, AffineLevel, NeighborLevel, absolute
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.registry import RULES, SHAPES
from paramsched.schedules.text.mending import rewritten
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
    LineFaults,
    OpenBracket,
    TextPart,
    Token,
    not_an_expression,
    shortened_text,
    tokens_of,
)

MOST_CHARACTERS = 10_000
MOST_DEPTH = 50


def parse(text: str, *, shapes: Iterable[Callable[..., Any]] = ()) -> Schedule:
    """Read a schedule from its one-line text; `parse(str(schedule)) == schedule`.

    The text is a Python expression made of the names of schedules, numbers, strings, lists, `>>`, `*`, `/`, `**`,
    `+` and `-`.
    Nothing in it is run.

    Args:
        text: at most 10,000 characters, nested at most 50 deep.
        shapes: functions that build a schedule, known by their names in this text only.

    Raises:
        ParseError: not such an expression, or an unknown name, with the nearest known one.
        InvalidArgument: an argument that cannot be. Of both, `error.span` says where in the text it stands.

    >>> parse('warmup("5%") >> cosine(to=0.1)') == parse(' warmup( over = "5 %" )>>cosine( 1, .1 )')
    True
    """
    if not isinstance(text, str):
        raise ParseError(f"parse({shown(text)})", f"expected text, got {type(text).__name__}", 'Write "cosine(to=0.1)"')
    if len(text) > MOST_CHARACTERS:
        raise ParseError(
            f"{shortened_text(text)}",
            f"{len(text)} characters in one line, more than {MOST_CHARACTERS}",
            "Use the mapping form",
            text=text,
            span=(0, len(text)),
        )
    names = _names_known(shapes)
    try:
        return _schedule_in(LineReader(text, names, MOST_DEPTH))
    except InvalidArgument as refusal:
        raise _advised(refusal, _mended_line(text, names, _schedule_in)) from None


def parse_own(text: str) -> Schedule:
    """Read a line that `str(schedule)` wrote, of any length: limits are for what users write."""
    return _schedule_in(LineReader(text, _names_known(()), None))


def value_in(text: str, shapes: Iterable[Callable[..., Any]] = ()) -> Any:
    """What an expression of a schedule's text says: a schedule, a level, a curve, a rule, a number, a list."""
    names = _names_known(shapes)
    try:
        return _value_of(LineReader(text, names, MOST_DEPTH))
    except InvalidArgument as refusal:
        raise _advised(refusal, _mended_line(text, names, _value_of)) from None


_MOST_MENDED = 400  # characters of a line that is repeated in a message
_MOST_EDITS = 12


def meant_line(text: str) -> str | None:
    """Return the line that a text was meant to be; None if one of its slips may mean several things."""
    return _mended_line(text, _names_known(()), _schedule_in)


def _mended_line(
    text: str, names: Mapping[str, Callable[..., Any]], read: Callable[["LineReader"], object]
) -> str | None:
    """Return the line with every fault corrected, one reading after the other; None if one has no known correction."""
    for _ in range(_MOST_EDITS):
        if len(text) > _MOST_MENDED:
            return None
        reader = LineReader(text, names, MOST_DEPTH)
        try:
            read(reader)
        except InvalidArgument as refusal:
            mended = (refusal in reader.diagnostics.found and reader.diagnostics.mended()) or rewritten(text, names)
            if mended is None or mended == text:
                return None
            text = mended.strip()
        else:
            return text
    return None


def _advised(refusal: InvalidArgument, mended: str | None) -> InvalidArgument:
    """Return the error with the line that was meant; if that is unknown, a call that it advises is only an example."""
    text, advice = refusal.text or "", re.sub(r"\A(Write|Quote the length:) ", "", refusal.instead)
    begin, end = refusal.span or (0, len(text))
    if mended is None:
        if advice != refusal.instead and text.strip():
            return refusal.changed(instead=f"For example: {advice}" if re.match(r"[\w.]+(\(|\Z)", advice) else "")
        return refusal
    own = text[begin:end].replace(*refusal.replace, 1) if refusal.replace and not advice else advice
    known = own != refusal.instead and (refusal.replace is not None or text[end : end + 1] != "(")
    if not known or f"{text[:begin]}{own}{text[end:]}" != mended:  # else the refusal names it already
        return refusal.changed(instead=f"Write {mended}")
    return refusal


def faults_in(text: str, shapes: Iterable[Callable[..., Any]] = ()) -> list[InvalidArgument]:
    """Every fault of a line, in order; none for the line of a schedule."""
    names = _names_known(shapes)
    reader = LineReader(text, names, MOST_DEPTH)
    try:
        _schedule_in(reader)
    except InvalidArgument as refusal:
        found = reader.diagnostics.found
        found = found if refusal in found else [*found, refusal]
        mended = _mended_line(text, names, _schedule_in)
        return [_advised(one, mended) for one in found]
    return []


def _names_known(shapes: Iterable[Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    try:
        own = {builder.__name__: builder for builder in shapes}
    except (TypeError, AttributeError):
        found = f"expected a list of functions, got {type(shapes).__name__}"
        raise InvalidArgument(f"shapes={shown(shapes)}", found, "Write shapes=[my_shape]") from None
    return {**SHAPES, "absolute": absolute, **own}


def _value_of(reader: "LineReader") -> Any:
    part = reader.read()
    if reader.diagnostics.found:
        raise reader.diagnostics.found[0]
    return part.value


def _schedule_in(reader: "LineReader") -> Schedule:
    """The schedule that a line says; a metric rule by itself guides base."""
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
        refusal = ParseError(site, found, f"Write {meant or 'warmup(100) >> cosine(to=0.1)'}")
    else:
        return guided
    if isinstance(value, str) and value.strip():  # the line is in quotes
        meant = value
    elif isinstance(value, tuple) and value and all(isinstance(one, Schedule) for one in value):
        meant = " >> ".join(map(str, value))
    reader.diagnostics.keep(refusal, begin, end, None if meant is None else (begin, end, meant))
    raise reader.diagnostics.found[-1]


KnownNames: TypeAlias = Mapping[str, Callable[..., Any]]

WHAT_A_LINE_HAS = "A line has calls, numbers, text, lists, >>, *, /, **, + and -"

_PYTHON_CONSTANTS = {"True": True, "False": False, "None": None}


@final
@dataclass(frozen=True, slots=True)
class NameFault:
    """What is wrong with a name, and what to write; `meant` is the nearest known one."""

    found: str
    instead: str = ""
    meant: str = ""


def called_builder(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> Any:
    """The function that a name calls, or what is wrong with it.

    Args:
        curve_wanted: whether the call stands where a curve should.
    """
    space, _, last = name.rpartition(".")
    if space == "curves":
        if last in CONSTANTS:
            return NameFault(f"curves.{last} takes no argument, and is not called", f"Write {name}")
        return FAMILIES.get(last) or NameFault(*unknown_curve(last))
    if space == "rules":
        return RULES.get(last) or NameFault(
            f"unknown rule {last!r}; {did_you_mean(last, RULES)}", meant=closest(last, RULES) or ""
        )
    if space:
        return _foreign_space(space, last, known)
    if name in NEIGHBOR_LEVELS and name not in known:
        return NameFault(f"{name} is a level, and is not called", f"Write {name}")
    return known.get(name) or _unknown_name(name, known, curve_wanted=curve_wanted)


def value_of_name(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> Any:
    """The same for a name that is not called."""
    space, _, last = name.rpartition(".")
    if name in _PYTHON_CONSTANTS:
        return _PYTHON_CONSTANTS[name]
    if space == "curves":
        if last in FAMILIES:
            return NameFault(f"the curve {last!r} needs arguments", advice_for_curve(last))
        return CONSTANTS.get(last) or NameFault(*unknown_curve(last))
    if space == "rules" and last in RULES:
        return NameFault(f"{name} is not called", f"Write {called_by_name(name, RULES[last])}")
    if space:
        return _foreign_space(space, last, known)
    if name in NEIGHBOR_LEVELS:
        return NEIGHBOR_LEVELS[name]
    if name in known:
        if curve_wanted() and (advice := advice_for_curve(name)):
            return NameFault(f"{name} is a schedule; the curve has a prefix", advice)
        return NameFault(f"{name} is not called", f"Write {called_by_name(name, known[name])}")
    if curve_wanted() and (advice := advice_for_curve(name)):
        return NameFault(f"{name} is written with its prefix", advice)
    return _unknown_name(name, known, curve_wanted=curve_wanted)


def called_by_name(name: str, builder: Callable[..., Any]) -> str:
    """A call of a function by its name alone, with arguments where it needs them."""
    needed = any(
        one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        for one in signature(builder).parameters.values()
    )
    return example_call(builder, name) if needed else f"{name}()"


def advice_for_curve(name: str) -> str:
    """What to write for a name that is a curve's; nothing for any other."""
    return f"Write {curve_text(name)}" if name in CONSTANTS or name in FAMILIES else ""


def _unknown_name(name: str, known: KnownNames, *, curve_wanted: Callable[[], bool]) -> NameFault:
    """What is wrong with a name that no shape has."""
    if (other := first_lookalike(name)) is not None and (meant := straighten_text(name)) in known:
        return NameFault(f'unknown schedule "{name}": {other[1]}', f"Write {meant}")
    if advice := advice_for_curve(name):
        if not curve_wanted():
            advice = f"Write anneal(curve={advice.removeprefix('Write ')})"
        return NameFault(f'"{name}" is a curve, not a schedule', advice)
    letters = letters_of(name)
    same = next((one for one in known if one.replace("_", "") == letters), None)
    if same is not None and (name.islower() or name.isupper()):  # else it is a class, which peers may have
        return NameFault(f'unknown schedule "{name}"; did you mean "{same}"?', meant=same)
    if peer := advice_for_name(name):
        return NameFault(peer[0], peer[1] and f"Write {peer[1]}")
    if name in SEQUENCES:
        return NameFault(f'unknown schedule "{name}": stages are joined by >>', "Write warmup(100) >> cosine()")
    if curve_wanted():
        return NameFault(*unknown_curve(name))
    there = [*known, *NEIGHBOR_LEVELS]
    return NameFault(f'unknown schedule "{name}"; {did_you_mean(name, there)}', meant=closest(name, there) or "")


def _foreign_space(space: str, last: str, known: KnownNames) -> NameFault:
    """What is wrong with a name behind a module's: `ps.cosine`, `paramsched.curves.cosine`."""
    name = f"{space.rpartition('.')[2]}.{last}"
    found = f"{space}.… is not part of a schedule's text"
    if name.startswith(("curves.", "rules.")):
        return NameFault(found, f"Write {name}")
    if last in known:
        return NameFault(found, f"Write {last}")
    if peer := advice_for_peer(f"{space}.{last}"):
        return NameFault(peer[0], f"Write {peer[1]}")
    near = closest(last, known)
    return NameFault(found, f"Write {near}" if near else WHAT_A_LINE_HAS)


_MOST_BRACKETS = 200  # around one value; as Python has it
_PYTHON_WORDS = ("and", "or", "not", "if", "else", "is", "in", "lambda", "for", "await", "async", "yield")


@final
class LineReader:
    """Reads one line; keeps the faults it finds."""

    def __init__(self, text: str, names: KnownNames, most_depth: int | None) -> None:
        self.text, self.names, self.most_depth = text, names, most_depth
        self.diagnostics = LineFaults(text)
        self._words = tokens_of(text)
        self._stack: list[OpenBracket] = []
        self._depth = self._brackets = 0
        self._value_wanted = True  # else an operator, a comma or the end of a bracket

    def read(self) -> TextPart:
        """Return what the line says: its value, and where it stands."""
        here, ahead = next(self._words), None
        self._stack = [OpenBracket("line", here.begin, here.begin)]
        while here.kind != "end":
            if self.most_depth is not None and self._brackets > _MOST_BRACKETS:
                raise not_an_expression(self.text, here.begin, here.end, f"more than {_MOST_BRACKETS} open brackets")
            if self.most_depth is not None and self._depth >= self.most_depth:
                found = f"nested more than {self.most_depth} deep"
                refusal = ParseError(f'"{shortened_text(self.text)}"', found, "Name parts apart")
                raise refusal.at(self.text, here.begin, here.end)
            ahead = self._take_word(here, next(self._words))
            here = ahead or next(self._words)
        frame = self._stack[-1]
        if frame.kind != "line":
            found = f'the "{self.text[frame.place]}" of character {frame.place + 1} is not closed'
            raise not_an_expression(self.text, frame.place, frame.place + 1, found)
        if self._value_wanted:
            found = "nothing stands there" if frame.is_empty else "a value is missing at the end"
            raise not_an_expression(self.text, max(here.begin - 1, 0), here.end, found)
        reduce_operators(frame, 0, self.diagnostics)
        return frame.values[0]

    def _take_word(self, here: Token, ahead: Token) -> Token | None:
        """Put one word where it belongs; the word ahead, where it was not taken."""
        frame, wanted, word = self._stack[-1], self._value_wanted, here.value
        if wanted and here.kind in ("number", "string"):
            self._put_value(frame, word, here)
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
            # Of powers the one behind comes first, as in Python.
            self._depth -= reduce_operators(frame, BINDS[word] + (word == "**"), self.diagnostics, word)
            frame.operators.append((word, BINDS[word], here.begin))
            self._value_wanted = True
        elif word == "," and here.kind == "sign" and not wanted and frame.kind != "line":
            self._end_argument(frame)
            frame.comma = self._value_wanted = True
        else:
            raise self._stray_word(here, frame, wanted=wanted)
        return ahead

    def _put_value(self, frame: OpenBracket, value: Any, here: Token) -> None:
        """Keep a value that is one word; behind it stands an operator, a comma or the end of a bracket."""
        frame.values.append(TextPart(value, here.begin, here.end))
        self._value_wanted = False

    def _take_name(self, frame: OpenBracket, here: Token, ahead: Token) -> Token | None:
        """Take the name of an argument, of a function that is called, or of a value."""
        if ahead.value == "=" and ahead.kind == "sign" and frame.kind == "call" and frame.is_empty:
            frame.keyword, frame.found_before = here, len(self.diagnostics.found)
            return None
        name, end = here.value, here.end
        while ahead.value == "." and ahead.kind == "sign":  # curves.power
            word = next(self._words)
            if word.kind != "name":
                raise not_an_expression(self.text, ahead.begin, ahead.end, "no name behind the dot")
            name, end, ahead = f"{name}.{word.value}", word.end, next(self._words)
        here = Token("name", name, here.begin, end)
        if not (ahead.value == "(" and ahead.kind == "sign"):
            self._put_value(frame, self._meaning_of(frame, name, here, value_of_name), here)
            return ahead
        known = self._meaning_of(frame, name, here, called_builder)
        call = OpenBracket("call", here.begin, ahead.begin, name, known)
        if known is BROKEN:
            call.fault = len(self.diagnostics.found) - 1
        self._stack.append(call)
        self._depth += 1
        return None

    def _meaning_of(self, frame: OpenBracket, name: str, here: Token, meaning: Callable[..., Any]) -> Any:
        """What a name means here; what is wrong with it is kept as a fault."""
        if name in _PYTHON_WORDS and meaning is value_of_name:
            raise self._not_in_a_line(here)
        found = meaning(name, self.names, curve_wanted=lambda: curve_is_wanted(frame))
        if not isinstance(found, NameFault):
            return found
        if dashed := dashed_word_at(self.text, here.begin):
            word, begin, end = dashed
            said, line = advice_for_name(word) or ("", "")
            site = f'"{shortened_text(self.text)}" at character {begin + 1}'
            raise ParseError(site, said, line and f"Write {line}", text=self.text, span=(begin, end))
        dashed_on = self.text[here.end : here.end + 1] == "-"  # warm-up: a name of its own for those who wrote it
        replace = (name.rpartition(".")[2], found.meant) if found.meant and not dashed_on else None
        return self.diagnostics.add(here, found.found, found.instead, code=UNKNOWN_NAME, replace=replace)

    def _end_argument(self, frame: OpenBracket) -> None:
        self._depth -= reduce_operators(frame, 0, self.diagnostics)
        keep_argument(frame, frame.values.pop(), self.diagnostics)

    def _close_bracket(self, here: Token) -> None:
        """Put the value of a bracket that ends here into the one around it."""
        frame = self._stack[-1]
        if frame.kind == "line" or (here.value == "]") != (frame.kind == "list"):
            found = f'"{here.value}" closes nothing'
            if frame.kind != "line":
                found = f'"{here.value}" closes "{self.text[frame.place]}" of character {frame.place + 1}'
            raise not_an_expression(self.text, here.begin, here.end, found, "Close each bracket once")
        if not self._value_wanted:
            self._end_argument(frame)
        elif not frame.is_empty:
            raise not_an_expression(self.text, here.begin, here.end, f'a value is missing before "{here.value}"')
        self._stack.pop()
        self._depth -= frame.kind in ("call", "list")
        self._brackets -= frame.kind in ("group", "list")
        self._stack[-1].values.append(TextPart(self._value_of(frame, here.end), frame.begin, here.end))
        self._value_wanted = False

    def _value_of(self, frame: OpenBracket, end: int) -> Any:
        """What a bracket stands for: a call, a value in brackets, or a list."""
        if frame.kind == "call":
            return value_of_call(frame, end, self.diagnostics)
        if frame.kind == "group" and len(frame.items) == 1 and not frame.comma:
            return frame.items[0].value
        values = tuple(item.value for item in frame.items)
        return BROKEN if any(value is BROKEN for value in values) else values

    def _stray_word(self, here: Token, frame: OpenBracket, *, wanted: bool) -> ParseError:
        """The error of a word where none, or another, should stand."""
        word = here.value
        if here.kind == "sign":
            if wanted and word in ("*", "**") and frame.kind == "call":
                return self._not_in_a_line(here)
            if word in ("{", "}", "~", ":", ":=", "->", "==", "!=", "<", ">", "<=", ">=", "&", "|", "^", "."):
                return self._not_in_a_line(here)
            if not wanted and word in ("(", "["):
                return self._not_in_a_line(here)
            if word == "=":
                return not_an_expression(self.text, here.begin, here.end, '"=" gives an argument of a call its value')
            if word == "," and frame.kind == "line":
                return not_an_expression(self.text, here.begin, here.end, "a comma outside brackets", "Write >> or *")
            return not_an_expression(self.text, here.begin, here.end, f'a value is missing before "{word}"')
        if here.kind == "name" and word in _PYTHON_WORDS:
            return self._not_in_a_line(here)
        found = "an operator, or the end, should stand here" if frame.kind == "line" else "a comma is missing before it"
        return not_an_expression(self.text, here.begin, here.end, found)

    def _not_in_a_line(self, here: Token) -> ParseError:
        word = self.text[here.begin : here.end]
        site = f'"{shortened_text(self.text)}" at character {here.begin + 1}'
        return ParseError(
            site,
            f"{word} is not part of a schedule's text",
            WHAT_A_LINE_HAS,
            text=self.text,
            span=(here.begin, here.end),
        )
