"""Evaluation of the operators and calls in a line of text."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import Parameter, signature
from itertools import islice
from typing import Any, final, get_args

from paramsched.advice.calls import build_from_call
from paramsched.advice.mending import call_as_meant
from paramsched.advice.number_checks import finite_number
from paramsched.advice.peer_calls import Stage
from paramsched.advice.peer_words import advice_for_peer, misspelled_argument, with_library
from paramsched.base.near_names import shortened_text
from paramsched.curves import Curve, CurveLike, curve_of
from paramsched.errors import InvalidArgument, InvalidCall, shown
from paramsched.schedules.affine import Level, NeighborLevel, level_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.registry import SHAPES, combine_operands
from paramsched.schedules.text.tokens import BROKEN, EXAMPLE_LINE, LineDiagnostics, LineEdit, TextPart, quoted
from paramsched.schedules.text.writing import written_value
from paramsched.time import Duration, DurationLike
from paramsched.time.duration import UNIT_NAMES

BINDS = {">>": 1, "<<": 1, "+": 2, "-": 2, "*": 3, "/": 3, "//": 3, "%": 3, "@": 3, "unary sign": 4, "**": 5}
"""The precedence of each operator."""

JOINED = {">>": "sequence", "<<": "sequence", "*": "product", "+": "sum", "-": "sum"}
"""The operators whose operands are collected, so that a sum of a thousand terms is one sum, not a thousand."""

_APPLY = {"*": operator.mul, "+": operator.add, "-": operator.sub, "/": operator.truediv, "**": operator.pow}
_ADVICE = {
    "/": "Divide by a number other than 0: cosine() / 2",
    "**": "Use a small number as the exponent: cosine() ** 2",
}
_FEW = 8  # up to this many operands are joined one by one, so that an error names the two incompatible operands
_KNOWN_OPERATORS = "The operators are >>, *, /, **, + and -"


def joined(run: list[TextPart], signs: list[str], diagnostics: LineDiagnostics) -> TextPart:
    """Join two or more values by the operators between them. Each invalid operand is reported."""
    first, whole = run[0], TextPart(BROKEN, run[0].begin, run[-1].end)
    if JOINED.get(signs[0]) == "sequence":
        return TextPart(_sequence(run, signs, whole, diagnostics), whole.begin, whole.end)
    if len(run) > _FEW and all(isinstance(part.value, Schedule) and not part.value.metric_rules for part in run):
        terms = [-part.value if sign == "-" else part.value for sign, part in zip(["", *signs], run, strict=True)]
        value = _apply_operator(whole, diagnostics, combine_operands, JOINED[signs[0]], *terms)
        return TextPart(value, whole.begin, whole.end)
    for sign, part in zip(signs, run[1:], strict=True):
        first = TextPart(_join_two(sign, first, part, diagnostics), first.begin, part.end)
    return first


def _join_two(sign: str, left: TextPart, right: TextPart, diagnostics: LineDiagnostics) -> Any:
    """Apply an operator to its two operands. Both operands are checked, so that each error is reported."""
    whole = TextPart(BROKEN, left.begin, right.end)
    if sign not in _APPLY:
        return diagnostics.add(whole, f'"{sign}" is not an operator of schedules', _KNOWN_OPERATORS)
    if not (_is_operand(left, diagnostics) & _is_operand(right, diagnostics)):
        return BROKEN
    advice = _ADVICE.get(sign, EXAMPLE_LINE)
    return _apply_operator(whole, diagnostics, _applied, sign, left.value, right.value, instead=advice)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _applied(sign: str, left: Any, right: Any) -> Any:
    """Apply an operator. Two numbers are divided and raised as floats, because integer powers could take hours."""
    if sign not in ("/", "**") or not (_is_number(left) and _is_number(right)):
        return _APPLY[sign](left, right)
    try:
        made = _APPLY[sign](float(left), float(right))
    except OverflowError:
        raise OverflowError("the result is too large") from None
    if isinstance(made, complex):
        raise OverflowError("the result is not a real number")
    return made


def signed(sign: TextPart, part: TextPart, diagnostics: LineDiagnostics) -> TextPart:
    """Apply a unary sign to its operand."""
    whole = TextPart(BROKEN, sign.begin, part.end)
    if not _is_operand(part, diagnostics):
        return whole
    value = _apply_operator(whole, diagnostics, operator.neg, part.value) if sign.kind == "-" else part.value
    return TextPart(value, whole.begin, whole.end)


def _apply_operator(
    whole: TextPart,
    diagnostics: LineDiagnostics,
    apply: Callable[..., Any],
    *operands: Any,
    instead: str = EXAMPLE_LINE,
) -> Any:
    """Apply an operator to its operands. An exception becomes a diagnostic."""
    try:
        return apply(*operands)
    except InvalidArgument as refusal:  # a sample would replace one operand, not the entire range
        return diagnostics.keep(refusal if refusal.sample is None else refusal.changed(instead=instead), whole)
    except (TypeError, ZeroDivisionError, OverflowError) as error:
        return diagnostics.add(whole, str(error), instead)


def _sequence(parts: list[TextPart], signs: list[str], whole: TextPart, diagnostics: LineDiagnostics) -> Any:
    """Return the sequence of all stages that are joined by `>>`."""
    values = [part.value for part in parts]
    if "<<" in signs:
        return diagnostics.add(whole, '"<<" is not an operator of schedules', _KNOWN_OPERATORS)
    if all(isinstance(value, Schedule) and not value.metric_rules for value in values):
        return _apply_operator(whole, diagnostics, combine_operands, "sequence", *values)
    sound = [_is_operand(part, diagnostics) for part in parts]
    if _is_number(values[0]):
        found = f"{shown(values[0])} is a number; every stage but the last needs a length"
        return diagnostics.add(parts[0], found, write=f'constant({shown(values[0])}, over="10%")')
    if not all(sound):
        return BROKEN
    for part in parts:
        try:
            schedule_of(part.value, lambda: f'"{shortened_text(diagnostics.text)}"')
        except InvalidArgument as refusal:
            return diagnostics.keep(refusal, part)
    return _apply_operator(whole, diagnostics, combine_operands, "sequence", *values)


def _is_operand(part: TextPart, diagnostics: LineDiagnostics) -> bool:
    """Return whether a value can be an operand, or follow a unary sign; if not, report it."""
    value, write = part.value, ""
    if value is None or isinstance(value, (bool, str, tuple, Curve)):
        found = f"{shown(value)} is neither a number nor a schedule"
    elif isinstance(value, NeighborLevel):
        found, write = f"{value} is a level, neither a number nor a schedule", f"constant({value})"
    else:
        return value is not BROKEN
    diagnostics.add(part, found, write=write, edit=(part.begin, part.end, write) if write else None)
    return False


@lru_cache(maxsize=256)
def parameters_of(builder: Any) -> Mapping[str, Parameter]:
    """Return the parameters of a called function; none if the function is unknown."""
    return {} if builder is BROKEN or builder is None else signature(builder).parameters


@final
@dataclass(slots=True)
class OpenBracket:
    """A call, a group, a list or the entire line, with the arguments read in it so far."""

    closing: str  # the kind of the token that ends it
    begin: int  # position of the bracket, or of the name in front of it
    name: str = ""
    builder: Any = None
    items: list[TextPart] = field(default_factory=list)
    named: dict[str, TextPart] = field(default_factory=dict)
    start: int = 0  # position of the current argument
    keyword: TextPart | None = None  # keyword of the current argument
    first_diagnostic: int = 0  # index of the first diagnostic of the current argument
    diagnostic: int | None = None  # index of the diagnostic about the called name

    @property
    def parameter(self) -> Parameter | None:
        """The parameter of the current argument; None if it is unknown."""
        known, keyword = parameters_of(self.builder), self.keyword
        return known.get(keyword.value) if keyword else next(islice(known.values(), len(self.items), None), None)

    @property
    def wants_curve(self) -> bool:
        """True if the current argument should be a curve."""
        is_curve = self.keyword is not None and self.keyword.value == "curve"
        return is_curve or (self.parameter is not None and self.parameter.annotation == CurveLike)


def keep_argument(call: OpenBracket, part: TextPart, diagnostics: LineDiagnostics) -> None:
    """Add a value, followed by a comma or a closing bracket, to the arguments of its call or the items of its list."""
    keyword, text = call.keyword, diagnostics.text[part.begin : part.end]
    if keyword is None and call.named:
        # A positional argument after a keyword argument probably means the next parameter of the function.
        names, last = [*parameters_of(call.builder)], next(reversed(call.named))
        following = names[names.index(last) + 1 :] if last in names else []
        meant = next((name for name in following if name not in call.named), None)
        edit = None if meant is None else (part.begin, part.end, f"{meant}={text}")
        if re.fullmatch(r"\d,", diagnostics.text[part.begin - 2 : part.begin]):  # 0,1
            edit = part.begin - 1, part.end, f".{text}"
        diagnostics.add(part, "positional argument after a keyword argument", "Pass it by keyword", edit=edit)
    if part.value is BROKEN:
        _report_missing_quotes(call, part, diagnostics)
    if keyword is None:
        call.items.append(part)
        return
    name, whole = keyword.value, TextPart(part.value, keyword.begin, part.end)
    known = parameters_of(call.builder)
    is_free = name not in known and not any(one.kind is one.VAR_KEYWORD for one in known.values())
    meant = misspelled_argument(name, known, call.name) if is_free else None
    if meant is not None and meant not in (*call.named, *[*known][: len(call.items)]):
        found = f'unknown argument "{name:.60}"; did you mean "{meant}"?'
        refusal = InvalidCall(f"{call.name}(…)", found, write=f"{meant}={text}", replace=(name, meant))
        diagnostics.keep(refusal, whole, (keyword.begin, keyword.end, meant))
        name = meant
    if name in call.named:
        diagnostics.add(whole, f'the argument "{name}" is repeated', "Pass each argument once")
    call.named[name] = whole


def value_of_call(call: OpenBracket, end: int, diagnostics: LineDiagnostics) -> Any:
    """Call the function with the arguments in its brackets. Errors of the call become diagnostics."""
    if call.diagnostic is not None:
        diagnostic = diagnostics.found[call.diagnostic].changed(site=quoted(diagnostics.text, call.begin, end))
        if (full := with_library(call.name, call.named)) != call.name and (peer := advice_for_peer(full)) is not None:
            diagnostic = diagnostic.changed(found=peer[0].replace(full, call.name), write=peer[1])
        diagnostics.found[call.diagnostic] = diagnostic
        advice = "" if diagnostic.is_example else diagnostic.write
        # The example is for a name of another library. A text without a bracket is a name that replaces the wrong one.
        if diagnostic.is_example or "(" in advice or advice == call.name:
            diagnostics.edits[call.diagnostic] = _edit_of_peer_call(call, advice, end, diagnostics.text)
    positional = [item.value for item in call.items]
    named = {name: part.value for name, part in call.named.items()}
    if call.builder is BROKEN or any(value is BROKEN for value in (*positional, *named.values())):
        return BROKEN
    try:
        return build_from_call(call.builder, call.name, positional, named)
    except InvalidArgument as refusal:
        edit = _edit_of_call(call, refusal, end, diagnostics.text)
        return diagnostics.keep(refusal, _part_at_fault(call) or TextPart(BROKEN, call.begin, end), edit)


def _edit_of_peer_call(call: OpenBracket, advice: str, end: int, text: str) -> LineEdit | None:
    """Return the edit that replaces a call of another library's scheduler; None if its values are unknown here."""
    parts = [*call.items, *call.named.values()]
    texts = [text[part.begin : part.end] for part in parts]
    ahead = bool(texts) and re.fullmatch(r"(?:self\.)?(?:optimizer|optim|opt)\w*", texts[0]) is not None
    others = parts[ahead:]
    if any(part.value is BROKEN for part in others):  # its arguments are corrected first
        return (parts[0].begin, others[0].begin, "") if ahead else (call.begin, call.begin, "")
    positional = [(text[part.begin : part.end], _peer_value(part.value)) for part in call.items[ahead:]]
    named = {
        name: (text[part.begin : part.end].partition("=")[2].strip(), _peer_value(part.value))
        for name, part in call.named.items()
    }
    line = call_as_meant(call.name, advice, positional, named, SHAPES)
    return None if line is None else (call.begin, end, _as_operand(line, text[: call.begin], text[end:]))


def _peer_value(value: Any) -> Any:
    """Return the value of an argument as `line_of_call` takes it."""
    if isinstance(value, Schedule):
        return Stage(str(value), "" if value.length is None else str(value.length))
    return [*map(_peer_value, value)] if isinstance(value, tuple) else value


def _as_operand(line: str, before: str, after: str) -> str:
    """Return a line in brackets if it has operators and is an operand of an arithmetic operator."""
    beside = before.rstrip()[-1:] + after.lstrip()[:1]
    return f"({line})" if re.search(r"[-*/+]", beside) and re.search(r" (>>|[*+]) ", line) else line


def _edit_of_call(call: OpenBracket, refusal: InvalidArgument, end: int, text: str) -> LineEdit | None:
    """Return the edit that corrects a call: a valid value for the rejected argument, or the suggested call."""
    advice, argument = refusal.write, refusal.argument or ""
    part = {**dict(zip(parameters_of(call.builder), call.items, strict=False)), **call.named}.get(argument)
    begin = 0 if part is None else part.begin
    if argument in call.named:
        begin = text.index("=", begin) + 1
    if part is not None and refusal.sample is not None and not isinstance(part.value, Curve):
        return begin, part.end, written_value(refusal.sample)
    if not advice or refusal.is_example:
        return None
    if re.match(rf"(.* >> )?({re.escape(call.name)}|anneal)\(", advice):
        return call.begin, end, _as_operand(advice, text[: call.begin], text[end:])
    return None if part is None or advice.startswith(f"{argument}=") else (begin, part.end, advice)


def _report_missing_quotes(call: OpenBracket, part: TextPart, diagnostics: LineDiagnostics) -> None:
    """Report missing quotes, as in `index=t/n`, instead of the errors that the unquoted text caused."""
    word, parameter = diagnostics.text[part.begin : part.end], call.parameter
    if parameter is None or not (
        word in get_args(parameter.annotation)
        or (parameter.annotation in (str, str | None) and re.fullmatch(r"[\w/]+", word))
        or (parameter.annotation in (DurationLike, DurationLike | None) and word in UNIT_NAMES)
    ):
        return
    del diagnostics.found[call.first_diagnostic :], diagnostics.edits[call.first_diagnostic :]
    name = f"{parameter.name}=" if call.keyword is not None else ""
    edit = part.begin, part.end, f'"{word}"'
    diagnostics.add(part, f"{word} is text and needs quotes", write=f'{name}"{word}"', edit=edit)


def _part_at_fault(call: OpenBracket) -> TextPart | None:
    """Return the first argument that is unknown, or whose type is wrong; None if there is none."""
    known = parameters_of(call.builder)
    if unknown := next((part for name, part in call.named.items() if name not in known), None):
        return unknown
    kinds = [parameter.annotation for parameter in known.values()]
    of_items = [(kinds[min(place, len(kinds) - 1)], part) for place, part in enumerate(call.items)]
    for kind, part in (*of_items, *((known[name].annotation, part) for name, part in call.named.items())):
        check = next((check for like, check in _CHECKS if kind in (like, like | None)), None)
        if check is None or part.value is None:
            continue
        try:
            check(part.value)
        except InvalidArgument:
            return part
    return None


# The check for the values of each annotation.
_CHECKS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (DurationLike, Duration.of),
    (Level, lambda level: level_of("", level)),
    (CurveLike, curve_of),
    (float, lambda number: finite_number("", number)),
    (Schedule, lambda schedule: schedule_of(schedule, "")),
)
