"""From the one-line text to a schedule; nothing in the line is run."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from paramsched.curves import Curve
from paramsched.errors import InvalidArgument, ParseError, shown
from paramsched.schedules.affine import Absolute, AffineLevel, NeighborLevel, absolute
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.registry import SHAPES
from paramsched.schedules.text.mending import advice_of_mended, mended_line
from paramsched.schedules.text.reader import LineReader
from paramsched.schedules.text.tokens import shortened_text

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
        raise ParseError(f"parse({shown(text)})", f"a {type(text).__name__} is no text", 'Write "cosine(to=0.1)"')
    if len(text) > MOST_CHARACTERS:
        raise ParseError(
            f"{shortened_text(text)}",
            f"{len(text)} characters in one line, more than {MOST_CHARACTERS}",
            "Use the mapping form",
        ).locate(text, 0, len(text))
    names = _names_known(shapes)
    try:
        return _schedule_in(LineReader(text, names, MOST_DEPTH))
    except InvalidArgument as refusal:
        _add_mended_line(refusal, text, names, _schedule_in)
        raise


def parse_own(text: str) -> Schedule:
    """Read a line that `str(schedule)` wrote, of any length: limits are for what users write."""
    return _schedule_in(LineReader(text, _names_known(()), None))


def value_in(text: str, shapes: Iterable[Callable[..., Any]] = ()) -> Any:
    """What an expression of a schedule's text says: a schedule, a level, a curve, a rule, a number, a list."""
    names = _names_known(shapes)
    try:
        return _value_of(LineReader(text, names, MOST_DEPTH))
    except InvalidArgument as refusal:
        _add_mended_line(refusal, text, names, _value_of)
        raise


def _add_mended_line(
    refusal: InvalidArgument,
    text: str,
    names: Mapping[str, Callable[..., Any]],
    read: Callable[[LineReader], object],
) -> None:
    """Advise the line with its slips mended, where each of them can mean one thing only."""
    mended = mended_line(text, names, lambda line: read(LineReader(line, names, MOST_DEPTH)))
    _advise(refusal, text, None if mended is None else advice_of_mended(text, mended, refusal))


def _advise(refusal: InvalidArgument, text: str, advice: str | None) -> None:
    """Advise what mends the line; where that is unknown, what the refusal knows is only an example."""
    begun = next((word for word in ("Write ", "Quote the length: ") if refusal.instead.startswith(word)), None)
    if advice is not None:
        refusal.advise(advice)
    elif begun is not None and text.strip():
        example = refusal.instead.removeprefix(begun)
        refusal.advise(f"For example: {example}" if re.match(r"[\w.]+(\(|\Z)", example) else "")


def meant_line(text: str) -> str | None:
    """The line that a text was meant to be, with every slip mended; None where one may mean several things."""
    names = _names_known(())
    return mended_line(text, names, lambda line: _schedule_in(LineReader(line, names, MOST_DEPTH)))


def faults_in(text: str, shapes: Iterable[Callable[..., Any]] = ()) -> list[InvalidArgument]:
    """Every fault of a line, in order; none for the line of a schedule."""
    names = _names_known(shapes)
    reader = LineReader(text, names, MOST_DEPTH)
    found = reader.faults.found
    try:
        _schedule_in(reader)
    except InvalidArgument as refusal:
        mended = mended_line(text, names, lambda line: _schedule_in(LineReader(line, names, MOST_DEPTH)))
        found = found if refusal in found else [*found, refusal]
        for one in found:
            whole = mended is not None and (
                f"Write {mended}" if len(found) > 1 else advice_of_mended(text, mended, one)
            )
            _advise(one, text, whole or None)
        return found
    return []


def _names_known(shapes: Iterable[Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    try:
        own = {builder.__name__: builder for builder in shapes}
    except (TypeError, AttributeError):
        found = f"expected a list of functions, got {type(shapes).__name__}"
        raise InvalidArgument(f"shapes={shown(shapes)}", found, "Write shapes=[my_shape]") from None
    return {**SHAPES, "absolute": absolute, **own}


def _value_of(reader: LineReader) -> Any:
    part = reader.read()
    if reader.faults.found:
        raise reader.faults.found[0]
    return part.value


def _schedule_in(reader: LineReader) -> Schedule:
    """The schedule that a line says; a metric rule by itself guides base."""
    text, value = reader.text, _value_of(reader)
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if isinstance(value, Schedule):
        return value
    if not isinstance(value, (int, float, str, tuple)) and value is not None:
        try:
            guided: Schedule = 1.0 * value
        except TypeError:
            raise _no_schedule(text, value).locate(text, begin, end) from None
        return guided
    try:
        return schedule_of(value, f'"{shortened_text(text)}"')
    except InvalidArgument as refusal:
        raise refusal.locate(text, begin, end) from None


def _no_schedule(text: str, value: object) -> ParseError:
    """The error of a line that says something else than a schedule."""
    instead = "Write warmup(100) >> cosine(to=0.1)"
    if isinstance(value, (Absolute, AffineLevel, NeighborLevel)):
        instead = f"Write constant({value})"
    elif isinstance(value, Curve):
        instead = f"Write anneal(curve={value})"
    elif str(value).startswith("rules."):
        instead = f"Write recurrence({value})"
    return ParseError(f'"{shortened_text(text)}"', f"{shown(value)} is no schedule and no number", instead)
