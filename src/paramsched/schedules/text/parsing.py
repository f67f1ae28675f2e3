"""Read a schedule from one line of text, without running any code in it.

The reader goes through the tokens once and applies each operator and each call as soon as its operands are read.
Reading therefore takes time proportional to the length of the line, and the location of every value is known.
"""

import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, final

from paramsched.advice.calls import example_call
from paramsched.advice.lookalikes import first_lookalike, straighten_text
from paramsched.advice.mending import rewritten
from paramsched.advice.peer_words import SEQUENCES, advice_for_name, advice_for_peer, dashed_word_at, letters_of
from paramsched.base.codes import UNKNOWN_NAME
from paramsched.base.near_names import KNOWN, certain_name, did_you_mean, shortened_text
from paramsched.curves import CONSTANTS, FAMILIES, Curve, curve_text, unknown_curve
from paramsched.errors import InvalidArgument, ParseError, shown
from paramsched.schedules.absolute_schedule import absolute
from paramsched.schedules.affine import NEIGHBOR_LEVELS, Absolute, AffineLevel, NeighborLevel
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import line_of, schedule_of
from paramsched.schedules.registry import RULES, SHAPES
from paramsched.schedules.text.operators import BINDS, JOINED, OpenBracket, joined, keep_argument, signed, value_of_call
from paramsched.schedules.text.tokens import BROKEN, LineDiagnostics, TextPart, error_at, quoted, syntax_error, tokens

MOST_CHARACTERS = 10_000
MOST_DEPTH = 50

KnownNames: TypeAlias = Mapping[str, Callable[..., Any]]

_NAMES: Final[ChainMap[str, Callable[..., Any]]] = ChainMap({"absolute": absolute}, SHAPES)
_Value = TypeVar("_Value")


def parse(text: str, *, shapes: Iterable[Callable[..., Any]] = ()) -> Schedule:
    """Read a schedule from its one-line text; `parse(str(schedule)) == schedule`.

    The text is a Python expression made of the names of schedules, numbers, strings, lists, `>>`, `*`, `/`, `**`,
    `+` and `-`. It is not evaluated as Python code. A number alone, other than 0 and 1, is refused, because it could be
    a value or a multiple of base.

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
    try:
        own = {builder.__name__: builder for builder in shapes}
    except (TypeError, AttributeError):
        found = f"expected a list of functions, got {type(shapes).__name__}"
        raise InvalidArgument(f"shapes={shown(shapes)}", found, write="shapes=[my_shape]") from None
    schedule, refusals, _ = _read(text, own, _schedule_in)
    if schedule is None:
        raise refusals[0]
    return schedule


def parse_own(text: str) -> Schedule:
    """Read a line that `str(schedule)` wrote. The limits of `parse` do not apply, because the text is trusted."""
    return _schedule_in(LineReader(text, _NAMES, None))


def value_in(text: str, own: KnownNames = MappingProxyType({})) -> Any:
    """Read an expression of a schedule's text: a schedule, a level, a curve, a rule, a number or a list."""
    value, refusals, _ = _read(text, own, LineReader.read)
    if refusals:
        raise refusals[0]
    return value


def meant_line(text: str) -> str | None:
    """Return an invalid line with its mistakes corrected; None if a mistake has no single likely correction."""
    return _read(text, {}, _schedule_in)[2]


def schedule_or_faults(
    text: str, own: KnownNames = MappingProxyType({}), *, is_line: bool = True
) -> Schedule | list[InvalidArgument]:
    """Return the schedule of a text, or every error of it, in order.

    Args:
        text: the text of a schedule.
        own: functions that the text may call besides the registered ones.
        is_line: False for a part of a line, such as a stage, which may be a number alone.
    """
    schedule, refusals, _ = _read(text, own, _schedule_in if is_line else _part_in)
    return refusals[1:] if schedule is None else schedule


_MOST_CORRECTED = 400  # a longer line is not corrected, because a message could not repeat it
_MOST_EDITS = 12


def _read(
    text: str, own: KnownNames, read: Callable[["LineReader"], _Value]
) -> tuple[_Value | None, list[InvalidArgument], str | None]:
    """Read a line, and correct it until it is valid, because a correction can reveal further errors.

    Returns:
        The value; None if the line is invalid.
        For an invalid line the most important error, and then every error in order.
        The valid line; None if an error has no known correction.
    """
    names, refusals = _NAMES.new_child({**own}), list[InvalidArgument]()
    for _ in range(_MOST_EDITS):
        reader = LineReader(text, names, MOST_DEPTH)
        try:
            value = read(reader)
            return None if refusals else value, [_advised(one, text) for one in refusals], text
        except InvalidArgument as refusal:
            refusals = refusals or [refusal, *reader.diagnostics.found]
            corrected = reader.diagnostics.corrected() or rewritten(text, names) if len(text) <= _MOST_CORRECTED else ""
            if not corrected or corrected == text:
                break
            text = corrected.strip()
    return None, [_advised(one, None) for one in refusals], None


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


def _schedule_in(reader: "LineReader") -> Schedule:
    """Return the schedule of a line."""
    return _read_schedule(reader, line_of)


def _part_in(reader: "LineReader") -> Schedule:
    """Return the schedule of a part of a line: a stage or an operand, which may be a number."""
    return _read_schedule(reader, schedule_of)


def _read_schedule(reader: "LineReader", convert: Callable[[object, str], Schedule]) -> Schedule:
    """Return the schedule of a text. A metric rule alone becomes `1.0 * rule`; `convert` is for other values."""
    text = reader.text
    if reader.most_depth is not None and len(text) > MOST_CHARACTERS:
        found = f"a line has at most {MOST_CHARACTERS} characters, got {len(text)}"
        instead = "Write the schedule as a mapping"
        reader.diagnostics.keep(ParseError(shortened_text(text), found, instead), TextPart(text, 0, len(text)))
        raise reader.diagnostics.found[-1]
    value = reader.read()
    if isinstance(value, Schedule):
        return value
    site, meant = f'"{shortened_text(text)}"', _meant_schedule(value)
    try:
        is_plain = isinstance(value, (int, float, str, tuple, Absolute, AffineLevel)) or value is None
        schedule: Schedule = convert(value, site) if is_plain else 1.0 * value
        return schedule
    except InvalidArgument as error:
        refusal = error
    except TypeError:
        found = f"{shown(value)} is neither a schedule nor a number"
        refusal = ParseError(site, found, write=meant or "warmup(100) >> cosine(to=0.1)", is_example=meant is None)
    whole = TextPart(value, len(text) - len(text.lstrip()), len(text.rstrip()))
    reader.diagnostics.keep(refusal, whole, None if meant is None else (whole.begin, whole.end, meant))
    raise reader.diagnostics.found[-1]


def _meant_schedule(value: Any) -> str | None:
    """Return the schedule that a value of another kind probably means; None if it is unclear."""
    match value:
        case NeighborLevel():
            return f"constant({value})"
        case Curve():
            return f"anneal(curve={value})"
        case str():  # the entire line is in quotes
            return value if value.strip() else None
        case tuple() if value and all(isinstance(one, Schedule) for one in value):
            return " >> ".join(map(str, value))
    return f"recurrence({value})" if str(value).startswith("rules.") else None


LINE_SYNTAX = "A schedule's text consists of calls, numbers, strings, lists, >>, *, /, **, + and -"

_PYTHON_CONSTANTS = {"True": True, "False": False, "None": None}


def _name_error(found: str, write: str = "", *, meant: str | None = None, **data: Any) -> ParseError:
    """Return the error about a name. `meant` is the known name that replaces it, if there is one."""
    return ParseError("", found, write=write, code=UNKNOWN_NAME, replace=("", meant) if meant else None, **data)


def _unknown_curve(name: str) -> ParseError:
    found, write, is_example = unknown_curve(name)
    return _name_error(found, write, is_example=is_example)


def _value_of_name(name: str, known: KnownNames, around: OpenBracket, *, called: bool) -> Any:
    """Return the value of a name, or the function that it calls. For an unknown name, return the error.

    Args:
        name: the name.
        known: the functions that build schedules.
        around: the call whose argument contains the name.
        called: True if a bracket follows.
    """
    space, _, last = name.rpartition(".")
    if space == "curves":
        if value := (FAMILIES if called else CONSTANTS).get(last):
            return value
        if last in CONSTANTS:
            return _name_error(f"curves.{last} takes no arguments and no brackets", name)
        if last in FAMILIES:
            return _name_error(f"the curve {last!r} needs arguments", curve_text(last))
        return _unknown_curve(last)
    if space == "rules" and (called or last in RULES):
        if last not in RULES:
            return _name_error(f"unknown rule {last!r}; {did_you_mean(last, RULES)}", meant=certain_name(last, RULES))
        return RULES[last] if called else _needs_brackets(name, RULES[last])
    if space:
        return _module_prefix(space, last, known)
    if called:
        if name in NEIGHBOR_LEVELS:
            return _name_error(f"{name} is a level and takes no brackets", name)
        return _unknown_name(name, known, around)
    if name in _PYTHON_CONSTANTS:
        return _PYTHON_CONSTANTS[name]
    if name in NEIGHBOR_LEVELS:
        return NEIGHBOR_LEVELS[name]
    if around.wants_curve and (advice := advice_for_curve(name)):
        found = f"{name} is a schedule; a curve" if name in known else "a curve"
        return _name_error(f'{found} needs the prefix "curves."', advice)
    if name in known:
        return _needs_brackets(name, known[name])
    if name in KNOWN or name in ("accumulation", "batch_size"):
        return _name_error(f'"{name}" is a field or target, not a schedule', f'like("{name}")')
    return _unknown_name(name, known, around)


def called_by_name(name: str, builder: Callable[..., Any]) -> str:
    """Return an example call of a function, with its required arguments."""
    needed = any(
        one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        for one in signature(builder).parameters.values()
    )
    return example_call(builder, name) if needed else f"{name}()"


def _needs_brackets(name: str, builder: Callable[..., Any]) -> ParseError:
    return _name_error(f"{name} is a function and needs brackets", called_by_name(name, builder))


def advice_for_curve(name: str) -> str:
    """Return what to write for the name of a curve without its prefix; empty if `name` is not a curve."""
    return curve_text(name) if name in CONSTANTS or name in FAMILIES else ""


_OTHER_NAMES: Final[Mapping[str, str]] = {
    "min": "minimum",
    "max": "maximum",
    "clip": "clamp",
    "const": "constant",
    "invsqrt": "inverse_sqrt",
    "inv_sqrt": "inverse_sqrt",
}
"""Names with one meaning that are no slip of the name here."""


def _unknown_name(name: str, known: KnownNames, around: OpenBracket) -> ParseError:
    """Return the error for an unknown name, with advice if it resembles a schedule, a curve or a peer's name."""
    if (other := first_lookalike(name)) is not None and (meant := straighten_text(name)) in known:
        return _name_error(f'unknown schedule "{name}": {other[1]}', meant)
    if advice := advice_for_curve(name):
        advice = advice if around.wants_curve else f"anneal(curve={advice})"
        return _name_error(f'"{name}" is a curve, not a schedule', advice)
    letters = letters_of(name)
    same = next((one for one in known if one.replace("_", "") == letters), None)
    if same is not None and (name.islower() or name.isupper()):  # a name in CamelCase may be a peer's class
        return _name_error(f'unknown schedule "{name}"; did you mean "{same}"?', meant=same)
    if peer := advice_for_name(name):
        return _name_error(*peer, is_example=True)
    if name in SEQUENCES:
        return _name_error(f'unknown schedule "{name}": stages are joined by >>', "warmup(100) >> cosine()")
    if around.wants_curve:
        return _unknown_curve(name)
    if name in _OTHER_NAMES:
        ours = _OTHER_NAMES[name]
        return _name_error(f'unknown schedule "{name}"; did you mean "{ours}"?', meant=ours)
    names = [*known, *NEIGHBOR_LEVELS]
    return _name_error(f'unknown schedule "{name}"; {did_you_mean(name, names)}', meant=certain_name(name, names))


def _module_prefix(space: str, last: str, known: KnownNames) -> ParseError:
    """Return the error for a name with a module in front of it: `ps.cosine`, `paramsched.curves.cosine`."""
    name, found = f"{space.rpartition('.')[2]}.{last}", f"{space}.… is not part of a schedule's text"
    if name.startswith(("curves.", "rules.")):
        return _name_error(found, name)
    if last not in known and (peer := advice_for_peer(f"{space}.{last}")):
        return _name_error(*peer, is_example=True)
    near = last if last in known else certain_name(last, known)
    return _name_error(found, near) if near else _name_error(found, instead=LINE_SYNTAX)


_MOST_BRACKETS = 200  # around one value; Python has the same limit
_PYTHON_KEYWORDS = ("and", "or", "not", "if", "else", "is", "in", "lambda", "for", "await", "async", "yield")
_PYTHON_SIGNS = ("{", "}", "~", ":", ":=", "->", "==", "!=", "<", ">", "<=", ">=", "&", "|", "^", ".")


@final
class LineReader:
    """Reader of one line. It collects the errors in `diagnostics`."""

    def __init__(self, text: str, names: KnownNames, most_depth: int | None) -> None:
        self.text, self.names, self.most_depth = text, names, most_depth
        self.diagnostics = LineDiagnostics(text)
        self._tokens = tokens(text)
        self._open = list[str]()  # the signs, calls and brackets around the current token

    def read(self) -> Any:
        """Read the line and return its value. Raise its first error, or an error that prevents reading to the end."""
        try:
            self._here = next(self._tokens)
            part = self._expression(OpenBracket("end", self._here.begin))
        except ParseError as error:
            self.diagnostics.found.append(error)
            self.diagnostics.edits.append(None)
            raise
        if self.diagnostics.found:
            raise self.diagnostics.found[0]
        return part.value

    def _take(self) -> TextPart:
        """Return the current token, and continue with the next one."""
        taken, self._here = self._here, next(self._tokens)
        return taken

    def _expression(self, around: OpenBracket, binds: int = 1) -> TextPart:
        """Read a value, and the operators after it whose precedence is at least `binds`, with their operands."""
        run, signs = [self._operand(around)], list[str]()
        while BINDS.get(sign := self._here.kind, 0) >= binds:
            if signs and (sign not in JOINED or JOINED[sign] != JOINED.get(signs[-1])):
                run, signs = [joined(run, signs, self.diagnostics)], []
            self._take()
            signs.append(sign)
            run.append(self._expression(around, BINDS[sign] + (sign != "**")))  # `**` associates to the right
        return joined(run, signs, self.diagnostics) if signs else run[0]

    def _operand(self, around: OpenBracket) -> TextPart:
        """Read a number, a string, a name, a call, or a value in brackets or after a sign."""
        here = self._here
        if here.kind in ("-", "+"):
            self._take()
            self._descend("unary sign")
            part = self._expression(around, BINDS["unary sign"] + 1)
            self._open.pop()
            return signed(here, part, self.diagnostics)
        if here.kind in ("number", "string"):
            part = self._take()
        elif here.kind in ("(", "["):
            part = self._in_brackets(OpenBracket(")" if here.kind == "(" else "]", here.begin))
        elif here.kind == "name":
            part = self._named(around)
        else:
            raise self._unexpected_token(around, wanted=True)
        after = self._here.kind
        if after not in BINDS and after != around.closing and (after != "," or around.closing == "end"):
            raise self._unexpected_token(around, wanted=False)
        return part

    def _descend(self, kind: str) -> None:
        """Go one level deeper. Raise an error if the text is nested too deep."""
        self._open.append(kind)
        here, depth = self._here, len(self._open) - self._open.count("group")
        if self.most_depth is not None and self._open.count("group") + self._open.count("list") > _MOST_BRACKETS:
            raise syntax_error(self.text, here.begin, here.end, f"more than {_MOST_BRACKETS} open brackets")
        if self.most_depth is not None and depth >= self.most_depth:
            found = f"nested more than {self.most_depth} deep"
            site = f'"{shortened_text(self.text)}"'
            raise error_at(self.text, here.begin, here.end, found, "Split it into named schedules", site=site)

    def _in_brackets(self, opened: OpenBracket) -> TextPart:
        """Read the arguments of a call, a parenthesized value, or a list, to the closing bracket."""
        kind = "call" if opened.builder is not None else "list" if opened.closing == "]" else "group"
        comma = False
        self._take()
        self._descend(kind)
        while self._here.kind != opened.closing:
            opened.start, opened.keyword = self._here.begin, None
            opened.first_diagnostic = len(self.diagnostics.found)
            keep_argument(opened, self._expression(opened), self.diagnostics)
            if comma := self._here.kind == ",":
                self._take()
        self._open.pop()
        if kind == "call":
            value = value_of_call(opened, self._here.end, self.diagnostics)
        elif kind == "group" and len(opened.items) == 1 and not comma:
            value = opened.items[0].value
        else:
            values = tuple(item.value for item in opened.items)
            value = BROKEN if any(one is BROKEN for one in values) else values
        return TextPart(value, opened.begin, self._take().end)

    def _named(self, around: OpenBracket) -> TextPart:
        """Read a named value, a call, or a keyword and its value."""
        here = self._take()
        if self._here.kind == "=" and here.begin == around.start and around.builder is not None:
            around.keyword = here
            self._take()
            return self._operand(around)
        name, end = here.value, here.end
        while self._here.kind == ".":  # curves.power
            dot = self._take()
            if self._here.kind != "name":
                raise syntax_error(self.text, dot.begin, dot.end, "expected a name after the dot")
            name, end = f"{name}.{self._here.value}", self._take().end
        here, called = TextPart(name, here.begin, end), self._here.kind == "("
        value = self._meaning_of(here, around, called=called)
        if not called:
            return TextPart(value, here.begin, end)
        diagnostic = len(self.diagnostics.found) - 1 if value is BROKEN else None
        return self._in_brackets(OpenBracket(")", here.begin, name, value, diagnostic=diagnostic))

    def _meaning_of(self, here: TextPart, around: OpenBracket, *, called: bool) -> Any:
        """Look up a name. An unknown name becomes a diagnostic."""
        name: str = here.value
        if called and name in self.names:
            return self.names[name]
        if name in _PYTHON_KEYWORDS and not called:
            raise self._not_in_a_line(here)
        error = _value_of_name(name, self.names, around, called=called)
        if not isinstance(error, ParseError):
            return error
        if dashed := dashed_word_at(self.text, here.begin):
            word, begin, end = dashed
            message, line = advice_for_name(word) or ("", "")
            site = f'"{shortened_text(self.text)}" at character {begin + 1}'
            raise error_at(self.text, begin, end, message, site=site, write=line, is_example=True)
        message = error.found
        for one in name.split("."):
            message = message.replace(one, shortened_text(one))
        is_begin = self.text[here.end : here.end + 1] == "-"  # `warm-up` is meant as one name
        replace = None if is_begin or error.replace is None else (name.rpartition(".")[2], error.replace[1])
        site = quoted(self.text, here.begin, here.end)
        return self.diagnostics.keep(error.changed(site=site, found=message, replace=replace), here)

    def _unexpected_token(self, around: OpenBracket, *, wanted: bool) -> ParseError:
        """Return the error for the current token: a value is wanted, or an operator or the end of the bracket."""
        here = self._here
        begin, end, kind = here.begin, here.end, here.kind
        next(self._tokens, None)  # raises an error if the mistake is in the token after it, as in 10,000
        is_python = kind in _PYTHON_SIGNS or (kind == "name" and here.value in _PYTHON_KEYWORDS)
        is_unpacked = wanted and kind in ("*", "**") and around.builder is not None
        if is_python or is_unpacked or (not wanted and kind in ("(", "[")):
            return self._not_in_a_line(here)
        if kind == "end" and around.closing != "end":
            begin = self.text.index("[" if around.closing == "]" else "(", around.begin)
            end, found = begin + 1, f'the "{self.text[begin]}" at character {begin + 1} is never closed'
        elif kind == "end":
            begin, found = begin - 1, "expected a value at the end"
        elif kind == "=":
            found = '"=" is only allowed between a keyword and its value'
        elif kind == "," and around.closing == "end":
            return syntax_error(self.text, begin, end, "a comma outside brackets", "Write >> or *")
        elif kind in ("name", "number", "string"):
            is_line = around.closing == "end"
            found = "expected an operator or the end of the text" if is_line else "expected a comma before it"
        else:
            found = f'expected a value before "{kind}"'
        return syntax_error(self.text, begin, end, found)

    def _not_in_a_line(self, here: TextPart) -> ParseError:
        word = self.text[here.begin : here.end]
        site = f'"{shortened_text(self.text)}" at character {here.begin + 1}'
        found = f"{word} is not part of a schedule's text"
        return error_at(self.text, here.begin, here.end, found, LINE_SYNTAX, site=site)
