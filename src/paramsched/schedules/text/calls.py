"""The calls of a line: the arguments that were read, and what the function makes of them."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, get_args

from paramsched._calls import build_from_call
from paramsched._number_checks import finite_number
from paramsched.curves import CurveLike, curve_of
from paramsched.errors import InvalidArgument
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.levels import Level, level_of
from paramsched.schedules.text.parts import BROKEN, LineFaults, OpenBracket, TextPart
from paramsched.schedules.text.tokens import Token, not_an_expression
from paramsched.time import Duration, DurationLike


def keep_argument(frame: OpenBracket, part: TextPart, faults: LineFaults) -> None:
    """Put a value that was read up to a comma or a bracket among the arguments.

    Raises:
        ParseError: it has no name and stands behind one that has.
    """
    keyword = frame.keyword
    if keyword is None:
        if frame.named:
            found = "an argument without a name behind one with a name"
            raise not_an_expression(faults.text, part.begin, part.end, found, "Name it as well")
        frame.items.append(part)
        return
    if part.value is BROKEN:
        _tell_missing_quotes(frame, keyword.value, part, faults)
    if keyword.value in frame.named:
        whole = Token("name", keyword.value, keyword.begin, part.end)
        faults.add(whole, f'"{keyword.value}" is given twice', "Give each argument once")
    frame.named[keyword.value] = TextPart(part.value, keyword.begin, part.end)
    frame.keyword = None


def value_of_call(frame: OpenBracket, end: int, faults: LineFaults) -> Any:
    """What a function makes of the arguments in its brackets; a broken value where that cannot be."""
    if frame.fault is not None:
        frame.fault.ask(faults.quoted(frame.begin, end))
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
        return faults.keep(refusal, place.begin, place.end)


def curve_is_wanted(frame: OpenBracket) -> bool:
    """Whether the argument that is read now is a curve: by its name, or by the signature of what is called."""
    if frame.keyword is not None and frame.keyword.value == "curve":
        return True
    if frame.kind != "call" or frame.builder is BROKEN:
        return False
    parameters = [*signature(frame.builder).parameters.values()]
    if frame.keyword is not None:
        parameters = [one for one in parameters if one.name == frame.keyword.value]
    else:
        parameters = parameters[len(frame.items) : len(frame.items) + 1]
    return any(one.annotation == CurveLike for one in parameters)


def _tell_missing_quotes(frame: OpenBracket, name: str, part: TextPart, faults: LineFaults) -> None:
    """Tell a choice that stands there without quotes, `index=t/n`, as what it is, in place of what was told of it."""
    parameter = None if frame.builder is BROKEN else signature(frame.builder).parameters.get(name)
    word = faults.text[part.begin : part.end]
    if parameter is not None and word in get_args(parameter.annotation):
        del faults.found[frame.found_before :]
        faults.add(part, f"{word} is text, which stands in quotes", f'Write {name}="{word}"')


def _argument_at_fault(
    builder: Callable[..., Any], positional: list[Any], named: Mapping[str, Any]
) -> int | str | None:
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


# What a parameter of each annotation takes.
_CHECKS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (DurationLike, Duration.of),
    (Level, lambda level: level_of("", level)),
    (CurveLike, curve_of),
    (float, lambda number: finite_number("", number)),
    (Schedule, lambda schedule: schedule_of(schedule, "")),
)
