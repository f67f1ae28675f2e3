"""Evaluation of the operators and calls in a line of text."""

import operator
import re
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, get_args

from paramsched.advice.calls import build_from_call
from paramsched.advice.mending import call_as_meant
from paramsched.advice.number_checks import finite_number
from paramsched.advice.peer_calls import Stage
from paramsched.base.near_names import shortened_text
from paramsched.curves import Curve, CurveLike, curve_of
from paramsched.errors import InvalidArgument, InvalidCall, ParseError, shown
from paramsched.schedules.affine import Absolute, AffineLevel, Level, NeighborLevel, level_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.registry import SHAPES, combine_operands
from paramsched.schedules.text.tokens import (
    BROKEN,
    EXAMPLE_LINE,
    LineDiagnostics,
    LineEdit,
    OpenBracket,
    TextPart,
    Token,
)
from paramsched.schedules.text.writing import written_value
from paramsched.time import Duration, DurationLike
from paramsched.time.duration import UNIT_NAMES

BINDS = {">>": 1, "<<": 1, "+": 2, "-": 2, "*": 3, "/": 3, "//": 3, "%": 3, "@": 3, "**": 5}

BINDS_SIGN = 4
"""The precedence of a unary sign: higher than that of `*`."""

_APPLY: dict[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul,
    "+": operator.add,
    "-": operator.sub,
    "/": lambda left, right: _of_floats(operator.truediv, left, right),
    "**": lambda left, right: _of_floats(operator.pow, left, right),
}
_ADVICE = {
    "/": "Divide by a number other than 0: cosine() / 2",
    "**": "Use a small number as the exponent: cosine() ** 2",
}
_AT_ONCE = {"*": "product", "+": "sum", "-": "sum"}
_FEW = 8  # up to this many operands are joined one by one, so that an error names the two incompatible operands
_KNOWN_OPERATORS = "The operators are >>, *, /, **, + and -"


def reduce_operators(frame: OpenBracket, binds: int, diagnostics: LineDiagnostics, coming: str = "") -> int:
    """Apply the operators in a bracket that bind more tightly than the next one. Return how many were unary signs.

    Operands of `+` and `*` are collected, so that a sum of a thousand terms becomes one sum, not a thousand.

    Args:
        frame: the bracket whose operators are applied.
        binds: the precedence of the next operator; 0 at the end of an argument.
        diagnostics: receives the errors.
        coming: the next operator; empty at the end of an argument.
    """
    signs = 0
    values, operators = frame.values, frame.operators
    while operators and operators[-1][1] >= max(binds, 1):
        sign, tightness, place = operators[-1]
        if coming in _AT_ONCE and tightness == binds and _AT_ONCE.get(sign) == _AT_ONCE[coming]:
            break
        if tightness == 1:
            if not binds:  # a sequence is built from all its stages together, not in pairs
                _make_sequence(frame, diagnostics)
            break
        operators.pop()
        if tightness == BINDS_SIGN:
            signs += 1
            right = values.pop()
            value = right.value
            if value is BROKEN or not _can_be_operand(right, diagnostics):
                value = BROKEN
            elif sign == "-":
                value = _apply_operator(operator.neg, (value,), place, right.end, diagnostics)
            values.append(TextPart(value, place, right.end))
            continue
        run, between = [values.pop(), values.pop()], [sign]
        while sign in _AT_ONCE and operators and _AT_ONCE.get(operators[-1][0]) == _AT_ONCE[sign]:
            between.append(operators.pop()[0])
            run.append(values.pop())
        run.reverse()
        between.reverse()
        values.append(TextPart(_join_run(run, between, diagnostics), run[0].begin, run[-1].end))
    return signs


def _join_run(run: list[TextPart], between: list[str], diagnostics: LineDiagnostics) -> Any:
    """Join two or more values by the operators between them."""
    plain = all(isinstance(part.value, Schedule) and not part.value.metric_rules for part in run)
    if len(run) > _FEW and plain:
        name = _AT_ONCE[between[0]]
        first, *others = (part.value for part in run)
        signed = [-value if sign == "-" else value for sign, value in zip(between, others, strict=True)]
        return _apply_operator(
            lambda: combine_operands(name, first, *signed), (), run[0].begin, run[-1].end, diagnostics
        )
    joined = run[0]
    for sign, part in zip(between, run[1:], strict=True):
        joined = TextPart(_join_two(sign, joined, part, diagnostics), joined.begin, part.end)
    return joined.value


def _join_two(sign: str, left: TextPart, right: TextPart, diagnostics: LineDiagnostics) -> Any:
    """Apply an operator to its two operands. Both operands are checked, so that each error is reported."""
    known = left.value is not BROKEN and right.value is not BROKEN
    apply = _APPLY.get(sign)
    if apply is None:
        whole = Token("sign", sign, left.begin, right.end)
        return diagnostics.add(whole, f'"{sign}" is not an operator of schedules', _KNOWN_OPERATORS)
    number, level = (left.value, right.value) if isinstance(right.value, Absolute) else (right.value, left.value)
    is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
    if sign in ("+", "-") and is_number and isinstance(level, Absolute):  # 0.5 + absolute(2e-05)
        return _apply_operator(apply, (left.value, right.value), left.begin, right.end, diagnostics)
    if not (_can_be_operand(left, diagnostics) & _can_be_operand(right, diagnostics)) or not known:
        return BROKEN
    instead = _ADVICE.get(sign, EXAMPLE_LINE)
    return _apply_operator(apply, (left.value, right.value), left.begin, right.end, diagnostics, instead)


def _of_floats(apply: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Apply `/` or `**`; to floats if both operands are numbers, because integer powers could take hours."""
    if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
        return apply(left, right)
    try:
        made = apply(float(left), float(right))
    except OverflowError:
        raise OverflowError("the result is too large") from None
    if isinstance(made, complex):
        raise OverflowError("the result is not a real number")
    return made


def _apply_operator(
    apply: Callable[..., Any],
    operands: tuple[Any, ...],
    begin: int,
    end: int,
    diagnostics: LineDiagnostics,
    instead: str = EXAMPLE_LINE,
) -> Any:
    """Apply an operator to its operands. An exception becomes a diagnostic."""
    try:
        return apply(*operands)
    except InvalidArgument as refusal:
        return diagnostics.keep(refusal, begin, end)
    except (TypeError, ZeroDivisionError, OverflowError) as error:
        return diagnostics.keep(ParseError(diagnostics.quoted(begin, end), str(error), instead), begin, end)


def _make_sequence(frame: OpenBracket, diagnostics: LineDiagnostics) -> None:
    """Replace the values of a bracket that are joined by `>>` with their sequence."""
    parts, signs = frame.values, {sign for sign, _, _ in frame.operators}
    whole = TextPart(BROKEN, parts[0].begin, parts[-1].end)
    frame.values, frame.operators = [whole], []
    if "<<" in signs:
        diagnostics.add(whole, '"<<" is not an operator of schedules', _KNOWN_OPERATORS)
        return
    sound = [_can_be_operand(part, diagnostics) and part.value is not BROKEN for part in parts]
    first = parts[0].value
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        found = f"{shown(first)} is a number; every stage but the last needs a length"
        diagnostics.add(parts[0], found, write=f'constant({shown(first)}, over="10%")')
    elif all(sound):
        for part in parts:
            try:
                schedule_of(part.value, lambda: f'"{shortened_text(diagnostics.text)}"')
            except InvalidArgument as refusal:
                diagnostics.keep(refusal, part.begin, part.end)
                return
        stages = [part.value for part in parts]
        made = _apply_operator(lambda: combine_operands("sequence", *stages), (), whole.begin, whole.end, diagnostics)
        frame.values[0] = TextPart(made, whole.begin, whole.end)


def _can_be_operand(part: TextPart, diagnostics: LineDiagnostics) -> bool:
    """Return whether a value can be an operand; if not, report it."""
    value = part.value
    if value is None or isinstance(value, (bool, str, tuple, Curve)):
        diagnostics.add(part, f"{shown(value)} is neither a number nor a schedule")
        return False
    if isinstance(value, (AffineLevel, NeighborLevel)):
        diagnostics.add(part, f"{value} is a level, neither a number nor a schedule", write=f"constant({value})")
        return False
    if isinstance(value, Absolute):
        negated = diagnostics.text[max(part.begin - 1, 0)] == "-"
        level = f"absolute({-value.value!r})" if negated else f"constant({value})"
        diagnostics.add(part, f"{value} is a level, neither a number nor a schedule", write=level)
        return False
    return True


def keep_argument(frame: OpenBracket, part: TextPart, diagnostics: LineDiagnostics) -> None:
    """Add a value, followed by a comma or a closing bracket, to the arguments of its call or the items of its list."""
    keyword = frame.keyword
    if keyword is None and frame.named:
        # A positional argument after a keyword argument probably means the next parameter of the function.
        known, text = [*frame.parameters], diagnostics.text[part.begin : part.end]
        last = next(reversed(frame.named))
        following = known[known.index(last) + 1 :] if last in known else []
        meant = next((name for name in following if name not in frame.named), None)
        edit = None if meant is None else (part.begin, part.end, f"{meant}={text}")
        if re.fullmatch(r"\d,", diagnostics.text[part.begin - 2 : part.begin]):  # 0,1
            edit = part.begin - 1, part.end, f".{text}"
        diagnostics.add(part, "positional argument after a keyword argument", "Pass it by keyword", edit=edit)
    if part.value is BROKEN:
        _report_missing_quotes(frame, part, diagnostics)
    if keyword is None:
        frame.items.append(part)
        return
    name: str = keyword.value
    if name not in frame.parameters and (meant := frame.misspelled(name)) is not None:
        value = diagnostics.text[keyword.end : part.end].partition("=")[2].strip()
        found = f'unknown argument "{name:.60}"; did you mean "{meant}"?'
        refusal = InvalidCall(f"{frame.name}(…)", found, write=f"{meant}={value}", replace=(name, meant))
        diagnostics.keep(refusal, keyword.begin, part.end, (keyword.begin, keyword.end, meant))
        name = meant
    if name in frame.named:
        whole = Token("name", name, keyword.begin, part.end)
        diagnostics.add(whole, f'the argument "{name}" is repeated', "Pass each argument once")
    frame.named[name] = TextPart(part.value, keyword.begin, part.end)
    frame.keyword = None


def value_of_call(frame: OpenBracket, end: int, diagnostics: LineDiagnostics) -> Any:
    """Call the function with the arguments in its brackets. Errors of the call become diagnostics."""
    if frame.diagnostic is not None:
        diagnostic = diagnostics.found[frame.diagnostic].changed(site=diagnostics.quoted(frame.begin, end))
        diagnostics.found[frame.diagnostic] = diagnostic
        advice = "" if diagnostic.is_example else diagnostic.write
        # The example is for a name of another library. A text without a bracket is a name that replaces the wrong one.
        if diagnostic.is_example or "(" in advice or advice == frame.name:
            diagnostics.edits[frame.diagnostic] = _edit_of_peer_call(frame, advice, end, diagnostics.text)
    positional = [item.value for item in frame.items]
    named = {name: part.value for name, part in frame.named.items()}
    if frame.builder is BROKEN or any(value is BROKEN for value in (*positional, *named.values())):
        return BROKEN
    try:
        return build_from_call(frame.builder, frame.name, positional, named)
    except InvalidArgument as refusal:
        refused = _argument_at_fault(frame.builder, positional, named)
        place = TextPart(None, frame.begin, end)
        if refused is not None:
            place = frame.items[refused] if isinstance(refused, int) else frame.named[refused]
        return diagnostics.keep(refusal, place.begin, place.end, _edit_of_call(frame, refusal, end, diagnostics))


def _edit_of_peer_call(frame: OpenBracket, advice: str, end: int, text: str) -> LineEdit | None:
    """Return the edit that replaces a call of another library's scheduler; None if its values are unknown here."""
    parts = [*frame.items, *frame.named.values()]
    texts = [text[part.begin : part.end] for part in parts]
    ahead = bool(texts) and re.fullmatch(r"(?:self\.)?(?:optimizer|optim|opt)\w*", texts[0]) is not None
    others = parts[ahead:]
    if any(part.value is BROKEN for part in others):  # its arguments are corrected first
        return (parts[0].begin, others[0].begin, "") if ahead else (frame.begin, frame.begin, "")
    positional = [(text[part.begin : part.end], _peer_value(part.value)) for part in frame.items[ahead:]]
    named = {
        name: (text[part.begin : part.end].partition("=")[2].strip(), _peer_value(part.value))
        for name, part in frame.named.items()
    }
    line = call_as_meant(frame.name, advice, positional, named, SHAPES)
    return None if line is None else (frame.begin, end, _as_operand(line, text[: frame.begin], text[end:]))


def _peer_value(value: Any) -> Any:
    """Return the value of an argument as `line_of_call` takes it."""
    if isinstance(value, Schedule):
        return Stage(str(value), "" if value.length is None else str(value.length))
    return [*map(_peer_value, value)] if isinstance(value, tuple) else value


def _as_operand(line: str, before: str, after: str) -> str:
    """Return a line in brackets if it has operators and is an operand of an arithmetic operator."""
    beside = before.rstrip()[-1:] + after.lstrip()[:1]
    return f"({line})" if re.search(r"[-*/+]", beside) and re.search(r" (>>|[*+]) ", line) else line


def _edit_of_call(
    frame: OpenBracket, refusal: InvalidArgument, end: int, diagnostics: LineDiagnostics
) -> LineEdit | None:
    """Return the edit that corrects a call: a valid value for the rejected argument, or the suggested call."""
    advice, argument = refusal.write, refusal.argument or ""
    part = frame.named.get(argument)
    begin = 0 if part is None else diagnostics.text.index("=", part.begin) + 1
    if part is None and argument in (names := [*frame.parameters]):
        part = next(iter(frame.items[names.index(argument) :]), None)
        begin = 0 if part is None else part.begin
    if part is not None and refusal.sample is not None and not isinstance(part.value, Curve):
        return begin, part.end, written_value(refusal.sample)
    if not advice or refusal.is_example:
        return None
    if re.match(rf"(.* >> )?({re.escape(frame.name)}|anneal)\(", advice):
        return frame.begin, end, _as_operand(advice, diagnostics.text[: frame.begin], diagnostics.text[end:])
    return None if part is None or advice.startswith(f"{argument}=") else (begin, part.end, advice)


def curve_is_wanted(frame: OpenBracket) -> bool:
    """Return whether the current argument should be a curve."""
    if frame.keyword is not None and frame.keyword.value == "curve":
        return True
    return frame.parameter is not None and frame.parameter.annotation == CurveLike


def _report_missing_quotes(frame: OpenBracket, part: TextPart, diagnostics: LineDiagnostics) -> None:
    """Report missing quotes, as in `index=t/n`, instead of the errors that the unquoted text caused."""
    word, parameter = diagnostics.text[part.begin : part.end], frame.parameter
    if parameter is None or not (
        word in get_args(parameter.annotation)
        or (parameter.annotation in (str, str | None) and re.fullmatch(r"[\w/]+", word))
        or (parameter.annotation in (DurationLike, DurationLike | None) and word in UNIT_NAMES)
    ):
        return
    del diagnostics.found[frame.first_diagnostic :], diagnostics.edits[frame.first_diagnostic :]
    name = f"{parameter.name}=" if frame.keyword is not None else ""
    edit = part.begin, part.end, f'"{word}"'
    diagnostics.add(part, f"{word} is text and needs quotes", write=f'{name}"{word}"', edit=edit)


def _argument_at_fault(
    builder: Callable[..., Any], positional: list[Any], named: Mapping[str, Any]
) -> int | str | None:
    """Return the index or the keyword of the first argument whose type is wrong; None if there is none."""
    parameters = signature(builder).parameters
    if unknown := next((name for name in named if name not in parameters), None):
        return unknown
    kinds = [parameter.annotation for parameter in parameters.values()]
    arguments: list[tuple[int | str, Any]] = [*enumerate(positional), *named.items()]
    for place, value in arguments:
        kind = parameters[place].annotation if isinstance(place, str) else kinds[min(place, len(kinds) - 1)]
        check = next((check for like, check in _CHECKS if kind in (like, like | None)), None)
        if check is None or value is None:
            continue
        try:
            check(value)
        except InvalidArgument:
            return place
    return None


# The check for the values of each annotation.
_CHECKS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (DurationLike, Duration.of),
    (Level, lambda level: level_of("", level)),
    (CurveLike, curve_of),
    (float, lambda number: finite_number("", number)),
    (Schedule, lambda schedule: schedule_of(schedule, "")),
)
