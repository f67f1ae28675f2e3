"""From the one-line text to a schedule: the words of the line are read one by one; nothing in it is run.

The line is a small subset of Python's expressions. It is read without a syntax tree and without recursion: open
brackets stand on a stack, each with its values and the operators between them. So a line of any length and depth is
read in the time its length takes, and every value knows where it stands.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, final, get_args

from paramsched._calls import build_from_call
from paramsched._number_checks import finite_number
from paramsched.curves import Curve, CurveLike, curve_of
from paramsched.errors import InvalidArgument, ParseError, shown
from paramsched.schedules.base import Schedule, schedule_of
from paramsched.schedules.levels import Absolute, Level, absolute, level_of
from paramsched.schedules.registry import SHAPES, combine_operands
from paramsched.schedules.text.names import WHAT_A_LINE_HAS, NameFault, called_builder, value_of_name
from paramsched.schedules.text.tokens import Token, not_an_expression, shortened_text, tokens_of
from paramsched.time import Duration, DurationLike

MOST_CHARACTERS = 10_000
MOST_DEPTH = 50
_MOST_BRACKETS = 200  # around one value; as Python has it

_BINDS = {">>": 1, "<<": 1, "+": 2, "-": 2, "*": 3, "/": 3, "//": 3, "%": 3, "@": 3, "**": 5}
_SIGN = 4  # binds a sign in front, tighter than `*`
_APPLY: dict[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul,
    "+": operator.add,
    "-": operator.sub,
    "/": operator.truediv,
}
_AT_ONCE = {"*": "products", "+": "sums", "-": "sums"}
_FEW = 8  # operands that are joined one by one, so that a fault is told at the two that do not go together
_KEYWORDS = ("and", "or", "not", "if", "else", "is", "in", "lambda", "for", "await", "async", "yield")
_OPERATORS = "Use >>, *, + and -"
_LINE = 'Write warmup("5%") >> cosine(to=0.1)'


def parse(text: str, *, shapes: Iterable[Callable[..., Any]] = ()) -> Schedule:
    """Read a schedule from its one-line text; `parse(str(schedule)) == schedule`.

    The text is a Python expression made of the names of schedules, numbers, strings, lists, `>>`, `*`, `+` and `-`.
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
        raise ParseError(f"parse({shown(text)})", f"a {type(text).__name__} is no text", 'Write "cosine(to=0.1)"')
    if len(text) > MOST_CHARACTERS:
        raise ParseError(
            f"{shortened_text(text)}",
            f"{len(text)} characters in one line, more than {MOST_CHARACTERS}",
            "Use the mapping form",
        ).locate(text, 0, len(text))
    return _Reader(text, _known(shapes), MOST_DEPTH).schedule()


def parse_own(text: str) -> Schedule:
    """Read a line that `str(schedule)` wrote, of any length: limits are for what users write.

    Raises:
        ParseError, InvalidArgument: as `parse` does.
    """
    return _Reader(text, _known(()), None).schedule()


def value_in(text: str, shapes: Iterable[Callable[..., Any]] = ()) -> Any:
    """What an expression of a schedule's text says: a schedule, a level, a curve, a rule, a number, a list.

    Raises:
        ParseError, InvalidArgument: as `parse` does.
    """
    return _Reader(text, _known(shapes), MOST_DEPTH).value()


def faults_in(text: str, shapes: Iterable[Callable[..., Any]] = ()) -> list[InvalidArgument]:
    """Every fault of a line, in the order in which they stand there; empty for the line of a schedule."""
    reader = _Reader(text, _known(shapes), MOST_DEPTH)
    try:
        reader.schedule()
    except InvalidArgument as refusal:
        return reader.faults if refusal in reader.faults else [*reader.faults, refusal]
    return []


def _known(shapes: Iterable[Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    return {**SHAPES, "absolute": absolute, **{builder.__name__: builder for builder in shapes}}


_BROKEN = object()
"""The value of a part with a fault in it, which is told: what is made of it is not told again."""


@final
@dataclass(slots=True)
class _Part:
    """A value and where it stands."""

    value: Any
    begin: int
    end: int


@final
@dataclass(slots=True)
class _Open:
    """A bracket that is open, or the line itself: what has been read in it so far."""

    kind: str  # "line", "group", "list" or "call"
    begin: int  # where the bracket stands, or the name that is called
    place: int  # of the bracket itself
    name: str = ""
    builder: Any = None
    items: list[_Part] = field(default_factory=list)
    named: dict[str, _Part] = field(default_factory=dict)
    keyword: Token | None = None
    values: list[_Part] = field(default_factory=list)
    operators: list[tuple[str, int, int]] = field(default_factory=list)  # sign, how tightly it binds, where it stands
    comma: bool = False
    found_before: int = 0  # faults, when the argument that is read now began
    fault: InvalidArgument | None = None  # of the name that is called

    @property
    def is_empty(self) -> bool:
        """Whether the argument that is read now has not begun."""
        return not (self.values or self.operators or self.keyword)


@final
class _Reader:
    """Reads one line; keeps the faults it finds."""

    def __init__(self, text: str, names: Mapping[str, Callable[..., Any]], most_depth: int | None) -> None:
        self.text, self.names, self.most_depth = text, names, most_depth
        self.faults: list[InvalidArgument] = []

    def schedule(self) -> Schedule:
        """The schedule that the line says."""
        begin, end = len(self.text) - len(self.text.lstrip()), len(self.text.rstrip())
        value = self.value()
        if isinstance(value, Schedule):
            return value
        if not isinstance(value, (int, float, str, tuple)) and value is not None:
            try:
                guided: Schedule = 1.0 * value  # a metric rule by itself guides base
            except TypeError:
                raise _no_schedule(self.text, value).locate(self.text, begin, end) from None
            return guided
        try:
            return schedule_of(value, f'"{shortened_text(self.text)}"')
        except InvalidArgument as refusal:
            raise refusal.locate(self.text, begin, end) from None

    def value(self) -> Any:
        """What the line says, be it a schedule or not."""
        part = self._read()
        if self.faults:
            raise self.faults[0]
        return part.value

    def _read(self) -> _Part:
        words = tokens_of(self.text)
        here, ahead = next(words), None
        stack = [_Open("line", here.begin, here.begin)]
        depth = brackets = 0
        wanted = True  # a value; else an operator, a comma or the end of a bracket
        while True:
            frame = stack[-1]
            if here.kind == "end":
                return self._finish(stack, here, wanted=wanted)
            if self.most_depth is not None and brackets > _MOST_BRACKETS:
                raise not_an_expression(self.text, here.begin, here.end, f"more than {_MOST_BRACKETS} open brackets")
            if self.most_depth is not None and depth >= self.most_depth:
                raise ParseError(
                    f'"{shortened_text(self.text)}"', f"nested more than {self.most_depth} deep", "Name parts apart"
                ).locate(self.text, here.begin, here.end)
            if ahead is None:
                ahead = next(words)
            if wanted and here.kind in ("number", "string"):
                frame.values.append(_Part(here.value, here.begin, here.end))
                wanted = False
            elif wanted and here.kind == "name":
                if ahead.value == "=" and ahead.kind == "sign" and frame.kind == "call" and frame.is_empty:
                    frame.keyword, frame.found_before, ahead = here, len(self.faults), None
                else:
                    name, here, ahead = self._dotted(here, ahead, words)
                    if ahead.value == "(" and ahead.kind == "sign":
                        known = self._meaning(frame, name, here, called_builder)
                        stack.append(_Open("call", here.begin, ahead.begin, name, known))
                        if known is _BROKEN:
                            stack[-1].fault = self.faults[-1]
                        depth += 1
                        ahead = None
                    else:
                        frame.values.append(
                            _Part(self._meaning(frame, name, here, value_of_name), here.begin, here.end)
                        )
                        wanted = False
            elif wanted and here.value in ("(", "["):
                stack.append(_Open("group" if here.value == "(" else "list", here.begin, here.begin))
                depth, brackets = depth + (here.value == "["), brackets + 1
            elif wanted and here.value in ("-", "+"):
                frame.operators.append((here.value, _SIGN, here.begin))
                depth += 1
            elif here.value in (")", "]") and here.kind == "sign":
                part, signs = self._closed(stack, here, wanted=wanted)
                depth -= signs + (frame.kind in ("call", "list"))
                brackets -= frame.kind in ("group", "list")
                stack[-1].values.append(part)
                wanted = False
            elif not wanted and here.kind == "sign" and here.value in _BINDS:
                depth -= self._reduce(frame, _BINDS[here.value], here.value)
                frame.operators.append((here.value, _BINDS[here.value], here.begin))
                wanted = True
            elif here.value == "," and here.kind == "sign" and not wanted and frame.kind != "line":
                depth -= self._end_item(frame)
                frame.comma = wanted = True
            else:
                raise self._stray(here, frame, wanted=wanted)
            here, ahead = ahead or next(words), None

    def _dotted(self, here: Token, ahead: Token, words: Any) -> tuple[str, Token, Token]:
        """A name with what stands behind its dots: `curves.power`."""
        name, end = here.value, here.end
        while ahead.value == "." and ahead.kind == "sign":
            word = next(words)
            if word.kind != "name":
                raise not_an_expression(self.text, ahead.begin, ahead.end, "no name behind the dot")
            name, end, ahead = f"{name}.{word.value}", word.end, next(words)
        return name, Token("name", name, here.begin, end), ahead

    def _meaning(self, frame: _Open, name: str, here: Token, meaning: Callable[..., Any]) -> Any:
        """What a name means here; what is wrong with it is kept as a fault."""
        if name in _KEYWORDS and meaning is value_of_name:
            raise self._not_part(here)
        found = meaning(name, self.names, curve_wanted=lambda: _wants_curve(frame))
        return self._fault(here, found.found, found.instead) if isinstance(found, NameFault) else found

    def _closed(self, stack: list[_Open], here: Token, *, wanted: bool) -> tuple[_Part, int]:
        """The value of a bracket that ends here, and how many signs were applied in it."""
        frame = stack[-1]
        if frame.kind == "line" or (here.value == "]") != (frame.kind == "list"):
            found = f'"{here.value}" closes nothing'
            if frame.kind != "line":
                found = f'"{here.value}" closes "{self.text[frame.place]}" of character {frame.place + 1}'
            raise not_an_expression(self.text, here.begin, here.end, found, "Write one bracket of each pair")
        if wanted and not frame.is_empty:
            raise not_an_expression(self.text, here.begin, here.end, f'a value is missing before "{here.value}"')
        signs = 0 if wanted else self._end_item(frame)
        stack.pop()
        value: Any
        if frame.kind == "call":
            value = self._called(frame, here.end)
        elif frame.kind == "group" and len(frame.items) == 1 and not frame.comma:
            value = frame.items[0].value
        else:
            broken = any(item.value is _BROKEN for item in frame.items)
            value = _BROKEN if broken else tuple(item.value for item in frame.items)
        return _Part(value, frame.begin, here.end), signs

    def _end_item(self, frame: _Open) -> int:
        """Put what was read up to a comma or a bracket among the arguments; how many signs were applied in it."""
        signs = self._reduce(frame, 0)
        part, keyword = frame.values.pop(), frame.keyword
        if keyword is not None:
            if part.value is _BROKEN:
                self._unquoted(frame, keyword.value, part)
            if keyword.value in frame.named:
                whole = Token("name", keyword.value, keyword.begin, part.end)
                self._fault(whole, f'"{keyword.value}" is given twice', "Give each argument once")
            frame.named[keyword.value] = _Part(part.value, keyword.begin, part.end)
            frame.keyword = None
        elif frame.named:
            raise not_an_expression(
                self.text, part.begin, part.end, "an argument without a name behind one with a name", "Name it as well"
            )
        else:
            frame.items.append(part)
        return signs

    def _unquoted(self, frame: _Open, name: str, part: _Part) -> None:
        """Tell a choice that stands there without quotes, `index=t/n`, as what it is."""
        parameter = None if frame.builder is _BROKEN else signature(frame.builder).parameters.get(name)
        word = self.text[part.begin : part.end]
        if parameter is not None and word in get_args(parameter.annotation):
            del self.faults[frame.found_before :]
            self._fault(part, f"{word} is text, which stands in quotes", f'Write {name}="{word}"')

    def _called(self, frame: _Open, end: int) -> Any:
        if frame.fault is not None:
            frame.fault.ask(f'"{shortened_text(self.text[frame.begin : end])}" at character {frame.begin + 1}')
        positional = [item.value for item in frame.items]
        named = {name: part.value for name, part in frame.named.items()}
        if frame.builder is _BROKEN or any(value is _BROKEN for value in (*positional, *named.values())):
            return _BROKEN
        try:
            return build_from_call(frame.builder, frame.name, positional, named)
        except InvalidArgument as refusal:
            meant = _culprit(frame.builder, positional, named)
            whole = _Part(None, frame.begin, end)
            place = whole if meant is None else frame.items[meant] if isinstance(meant, int) else frame.named[meant]
            self.faults.append(refusal.locate(self.text, place.begin, place.end))
            return _BROKEN

    def _reduce(self, frame: _Open, binds: int, coming: str = "") -> int:
        """Apply what binds more tightly than the operator that comes; how many of them were signs.

        Equal ones that can be joined at once wait for each other.
        """
        signs = 0
        values, operators = frame.values, frame.operators
        while operators and operators[-1][1] >= max(binds, 1):
            sign, tightness, place = operators[-1]
            if coming in _AT_ONCE and tightness == binds and _AT_ONCE.get(sign) == _AT_ONCE[coming]:
                break
            if tightness == 1:
                if not binds:  # a sequence is made at once of all its stages, not of two and two
                    self._sequence(frame)
                break
            operators.pop()
            right = values.pop()
            if tightness == _SIGN:
                signs += 1
                values.append(_Part(self._signed(sign, right, place), place, right.end))
            else:
                run, between = [right, values.pop()], [sign]
                while sign in _AT_ONCE and operators and _AT_ONCE.get(operators[-1][0]) == _AT_ONCE[sign]:
                    between.append(operators.pop()[0])
                    run.append(values.pop())
                joined = self._joined_run(run[::-1], between[::-1])
                values.append(_Part(joined, run[-1].begin, right.end))
        return signs

    def _joined_run(self, run: list[_Part], between: list[str]) -> Any:
        """What the operators between them make of two values, or of many at once."""
        plain = all(isinstance(part.value, Schedule) and not part.value.metric_rules for part in run)
        if len(run) > _FEW and plain:
            first, *others = (part.value for part in run)
            signed = [-value if sign == "-" else value for sign, value in zip(between, others, strict=True)]
            return self._applied(
                lambda: combine_operands(_AT_ONCE[between[0]], first, *signed), (), run[0].begin, run[-1].end
            )
        joined = run[0]
        for sign, part in zip(between, run[1:], strict=True):
            joined = _Part(self._joined(sign, joined, part), joined.begin, part.end)
        return joined.value

    def _signed(self, sign: str, part: _Part, place: int) -> Any:
        if part.value is _BROKEN or not self._joins(part):
            return _BROKEN
        return part.value if sign == "+" else self._applied(operator.neg, (part.value,), place, part.end)

    def _joined(self, sign: str, left: _Part, right: _Part) -> Any:
        known = left.value is not _BROKEN and right.value is not _BROKEN
        apply = _APPLY.get(sign)
        if apply is None:
            whole = Token("sign", sign, left.begin, right.end)
            return self._fault(whole, f'"{sign}" is no operator of schedules', _OPERATORS)
        if not (self._joins(left) & self._joins(right)) or not known:
            return _BROKEN
        return self._applied(apply, (left.value, right.value), left.begin, right.end)

    def _applied(self, apply: Callable[..., Any], operands: tuple[Any, ...], begin: int, end: int) -> Any:
        try:
            return apply(*operands)
        except InvalidArgument as refusal:
            self.faults.append(refusal.locate(self.text, begin, end))
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            asked = f'"{shortened_text(self.text[begin:end])}" at character {begin + 1}'
            by = "Multiply by the reciprocal: 0.5 * cosine()" if apply is operator.truediv else _LINE
            self.faults.append(ParseError(asked, str(error), by).locate(self.text, begin, end))
        return _BROKEN

    def _sequence(self, frame: _Open) -> None:
        """Replace the values of a frame, all of them joined by `>>`, by the sequence."""
        parts, signs = frame.values, {sign for sign, _, _ in frame.operators}
        whole = _Part(_BROKEN, parts[0].begin, parts[-1].end)
        frame.values, frame.operators = [whole], []
        if "<<" in signs:
            self._fault(Token("sign", "", whole.begin, whole.end), '"<<" is no operator of schedules', _OPERATORS)
            return
        sound = [self._joins(part) and part.value is not _BROKEN for part in parts]
        first = parts[0].value
        if isinstance(first, (int, float)) and not isinstance(first, bool):
            found = f"{shown(first)} is a number; a stage that is not the last says how long it is"
            self._fault(parts[0], found, f'Write constant({shown(first)}, over="10%") >> cosine()')
        elif all(sound):
            for part in parts:
                try:
                    schedule_of(part.value, lambda: f'"{shortened_text(self.text)}"')
                except InvalidArgument as refusal:
                    self.faults.append(refusal.locate(self.text, part.begin, part.end))
                    return
            stages = [part.value for part in parts]
            whole.value = self._applied(lambda: combine_operands("sequence", *stages), (), whole.begin, whole.end)

    def _joins(self, part: _Part) -> bool:
        """Whether a value can stand beside an operator; if not, that is told."""
        value = part.value
        if value is None or isinstance(value, (bool, str, tuple, Curve)):
            self._fault(part, f"{shown(value)} is no number and no schedule")
            return False
        if isinstance(value, Absolute):
            level = f"absolute({-value.value!r})" if self.text[max(part.begin - 1, 0)] == "-" else f"constant({value})"
            self._fault(part, f"{value} is a level, no number and no schedule", f"Write {level}")
            return False
        return True

    def _finish(self, stack: list[_Open], here: Token, *, wanted: bool) -> _Part:
        frame = stack[-1]
        if frame.kind != "line":
            found = f'the "{self.text[frame.place]}" of character {frame.place + 1} is not closed'
            raise not_an_expression(self.text, frame.place, frame.place + 1, found)
        if wanted:
            found = "nothing stands there" if frame.is_empty else "a value is missing at the end"
            raise not_an_expression(self.text, max(here.begin - 1, 0), here.end, found)
        self._reduce(frame, 0)
        return frame.values[0]

    def _stray(self, here: Token, frame: _Open, *, wanted: bool) -> ParseError:
        """The error of a word where none, or another, should stand."""
        word = here.value
        if here.kind == "sign":
            if wanted and word in ("*", "**") and frame.kind == "call":
                return self._not_part(here)
            if word in ("{", "}", "~", ":", ":=", "->", "==", "!=", "<", ">", "<=", ">=", "&", "|", "^", "."):
                return self._not_part(here)
            if not wanted and word in ("(", "["):
                return self._not_part(here)
            if word == "=":
                return not_an_expression(self.text, here.begin, here.end, '"=" gives an argument of a call its value')
            if word == "," and frame.kind == "line":
                return not_an_expression(self.text, here.begin, here.end, "a comma outside brackets", "Write >> or *")
            return not_an_expression(self.text, here.begin, here.end, f'a value is missing before "{word}"')
        if here.kind == "name" and word in _KEYWORDS:
            return self._not_part(here)
        found = "an operator, or the end, should stand here" if frame.kind == "line" else "a comma is missing before it"
        return not_an_expression(self.text, here.begin, here.end, found)

    def _not_part(self, here: Token) -> ParseError:
        word = self.text[here.begin : here.end]
        asked = f'"{shortened_text(self.text)}" at character {here.begin + 1}'
        return ParseError(asked, f"{word} is not part of a schedule's text", WHAT_A_LINE_HAS).locate(
            self.text, here.begin, here.end
        )

    def _fault(self, place: Token | _Part, found: str, instead: str = "") -> Any:
        """Keep a fault and go on with a broken value."""
        asked = f'"{shortened_text(self.text[place.begin : place.end])}" at character {place.begin + 1}'
        self.faults.append(ParseError(asked, found, instead).locate(self.text, place.begin, place.end))
        return _BROKEN


def _no_schedule(text: str, value: object) -> ParseError:
    instead = "Write warmup(100) >> cosine(to=0.1)"
    if isinstance(value, Absolute):
        instead = f"Write constant({value})"
    elif isinstance(value, Curve):
        instead = f"Write anneal(curve={value})"
    elif str(value).startswith("rules."):
        instead = f"Write recurrence({value})"
    return ParseError(f'"{shortened_text(text)}"', f"{shown(value)} is no schedule and no number", instead)


def _wants_curve(frame: _Open) -> bool:
    """Whether the argument that is read now is a curve, by the signature of the function that is called."""
    if frame.kind != "call" or frame.builder is _BROKEN:
        return False
    parameters = [*signature(frame.builder).parameters.values()]
    if frame.keyword is not None:
        parameters = [one for one in parameters if one.name == frame.keyword.value]
    else:
        parameters = parameters[len(frame.items) : len(frame.items) + 1]
    return any(one.annotation == CurveLike or one.name == "curve" for one in parameters)


def _culprit(builder: Callable[..., Any], positional: list[Any], named: Mapping[str, Any]) -> int | str | None:
    """The argument that cannot be what its parameter stands for: its place or its name; None where none is alone."""
    parameters = signature(builder).parameters
    if unknown := next((name for name in named if name not in parameters), None):
        return unknown
    kinds = [parameter.annotation for parameter in parameters.values()]
    given: list[tuple[int | str, Any]] = [*enumerate(positional), *named.items()]
    for place, value in given:
        kind = parameters[place].annotation if isinstance(place, str) else kinds[min(place, len(kinds) - 1)]
        check = next((check for like, check in _CHECKS if kind in (like, like | None)), None)
        if check is None or value is None:
            continue
        try:
            check(value)
        except InvalidArgument:
            return place
    return None


_CHECKS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (DurationLike, Duration.of),
    (Level, lambda level: level_of("", level)),
    (CurveLike, curve_of),
    (float, lambda number: finite_number("", number)),
    (Schedule, lambda schedule: schedule_of(schedule, "")),
)
