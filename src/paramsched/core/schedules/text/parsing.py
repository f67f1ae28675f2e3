"""Read a schedule from one line of text, without running any code in it."""

import re
from collections import ChainMap
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from paramsched.core.advice.calls import explain_wrong_keywords
from paramsched.core.base.advise import FIXED, Mend, promise
from paramsched.core.base.near_names import certain_name, shortened_text
from paramsched.core.base.node import Node, Place, names_called
from paramsched.core.schedules.absolute_schedule import absolute
from paramsched.core.schedules.affine import Absolute, AffineLevel
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import line_of, schedule_of
from paramsched.core.schedules.registry import SHAPES
from paramsched.core.schedules.text.arguments import is_renamed, without_places
from paramsched.core.schedules.text.building import BROKEN, Builder, KnownNames, option_error
from paramsched.core.schedules.text.grammar import EXAMPLE_LINE, tree_of
from paramsched.core.schedules.text.grammar import MOST_CHARACTERS as MOST_CHARACTERS
from paramsched.core.schedules.text.printing import text_of
from paramsched.errors import InvalidArgument, ParseError, shown

_NAMES: Final[ChainMap[str, Callable[..., Any]]] = ChainMap({"absolute": absolute}, SHAPES)
_ENTRY: Final = re.compile(r"([\d_]+)\s*:\s*([\d._eE+-]+)")
_MAPPING: Final = re.compile(rf"\{{\s*({_ENTRY.pattern}(?:\s*,\s*{_ENTRY.pattern})*)\s*,?\s*\}}")
"""A mapping of numbers. A comma separates two entries, because without it the search would be exponential."""
_MOST_CORRECTED = 400  # a longer line is not corrected, because a message could not repeat it


_Wanted: TypeAlias = Literal["line", "part", "value"]


class Reading(NamedTuple):
    """What is read from a line.

    Args:
        value: the value; None if the line is invalid.
        problems: every problem, in the order in which they were found.
        node: the corrected tree; None if the line has none.
        line: the corrected line; empty if no line can be promised.
        is_fix: True if the corrections are so certain that `paramsched check --fix` applies them.
        places: the place of each problem, with its path in the data of a file.
    """

    value: Any
    problems: tuple[InvalidArgument, ...] = ()
    node: Node | None = None
    line: str = ""
    is_fix: bool = False
    places: tuple[Place, ...] = ()


@explain_wrong_keywords
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

    >>> print(parse(" warmup( over = '5 %' )>>cosine( 1, .1 )"))
    warmup("5%") >> cosine(to=0.1)
    """
    if not isinstance(text, str):
        found = f"expected text, got {type(text).__name__}"
        is_line = isinstance(text, Schedule)
        write = f'"{text}"' if is_line and '"' not in str(text) else '"cosine(to=0.1)"'
        raise ParseError(f"parse({shown(text)})", found, write=write, is_example=not is_line or '"' in str(text))
    try:
        own = {builder.__name__: builder for builder in shapes}
    except (TypeError, AttributeError):
        found = f"expected a list of functions, got {type(shapes).__name__}"
        raise InvalidArgument(f"shapes={shown(shapes)}", found, write="shapes=[my_shape]", is_example=True) from None
    reading = read_line(text, own)
    if reading.problems:
        raise reading.problems[0]
    schedule: Schedule = reading.value
    return schedule


def parse_own(text: str) -> Schedule:
    """Read a line that `str(schedule)` wrote. The limits of `parse` do not apply, because the text is trusted."""
    reading = read_line(text, limited=False)
    if reading.problems:
        raise reading.problems[0]
    schedule: Schedule = reading.value
    return schedule


def value_in(text: str, own: KnownNames = MappingProxyType({})) -> Any:
    """Read an expression of a schedule's text: a schedule, a level, a curve, a rule, a number or a list."""
    reading = read_line(text, own, wants="value")
    if reading.problems:
        raise reading.problems[0]
    return reading.value


def calls_function(text: str) -> bool:
    """Return whether a line calls a function of this library, whose name may have a slip.

    >>> calls_function("cosnie(to=0.1)"), calls_function("WarmupLR(5)"), calls_function("5 epochs")
    (True, False, False)
    """
    try:
        node = tree_of(text, _NAMES).node
    except ParseError:
        return False
    called = list(names_called(node))
    return any(name in _NAMES or (name.islower() and certain_name(name, _NAMES) is not None) for name in called)


def meant_line(text: str) -> str | None:
    """Return a line as it is if it is valid, else corrected; None if no correction can be promised."""
    reading = read_line(text)
    return text if not reading.problems else reading.line or None


def schedule_or_faults(
    text: str, own: KnownNames = MappingProxyType({}), *, is_line: bool = True
) -> Schedule | list[InvalidArgument]:
    """Return the schedule of a text, or every error of it, in order.

    Args:
        text: the text of a schedule.
        own: functions that the text may call besides the registered ones.
        is_line: False for a part of a line, such as a stage, which may be a number alone.
    """
    reading = read_line(text, own, wants="line" if is_line else "part")
    return list(reading.problems) if reading.problems else reading.value


def known_names(own: KnownNames = MappingProxyType({})) -> KnownNames:
    """Return the functions that a line may call, with those in `own`."""
    return _NAMES.new_child({**own}) if own else _NAMES


def read_line(
    text: str,
    own: KnownNames = MappingProxyType({}),
    *,
    wants: _Wanted = "line",
    limited: bool = True,
) -> Reading:
    """Return what is read from a line.

    Args:
        text: the line.
        own: functions that it may call besides the registered ones.
        wants: "line" for the schedule of a line, "part" for that of a stage or an operand, which may be a number
            alone, "value" for any expression, such as a level.
        limited: False for a line that the library wrote.
    """
    names = known_names(own)
    try:
        tree = tree_of(text, names, limited=limited)
    except ParseError as error:
        pairs = _MAPPING.sub(lambda found: "[" + _ENTRY.sub(r"(\1, \2)", found[1]) + "]", text)
        reading = read_line(pairs, own) if pairs != text else None
        if reading is not None and (reading.line or not reading.problems):  # optax takes {500: 0.1}
            found = reading.problems[0].found if reading.problems else "a list has pairs, not a mapping"
            return Reading(None, (error.changed(found=found, write=reading.line or pairs),))
        at = error.span[0] - 1 if error.span else 0
        return Reading(None, (option_error(text) or option_error(text, max(at, 0)) or error,))
    return _reading(Builder(tree.text, names, tree.slips), tree.node, own, wants, text)


def read_tree(tree: Node, own: KnownNames, forms: Iterable[tuple[InvalidArgument, Place, Mend]]) -> Reading:
    """Return what is read from the data of a file as the schedule of a line.

    Args:
        tree: the tree of the data.
        own: functions that it may call besides the registered ones.
        forms: the problems of its form that the tree has corrected.
    """
    builder = Builder("", known_names(own), is_data=True)
    for error, place, mend in forms:
        builder.report(error, place, mend)
    return _reading(builder, tree, own, "line", "")


def _reading(builder: Builder, tree: Node, own: KnownNames, wants: _Wanted, text: str) -> Reading:
    value, node = builder.value(tree)
    if wants != "value" and value is not BROKEN and not isinstance(value, Schedule):
        value, node = _schedule(builder, value, node, line_of if wants == "line" else schedule_of)
    if not builder.found:
        return Reading(value, (), node)
    line = ""
    if builder.is_mended and value is not BROKEN and len(text) <= _MOST_CORRECTED:

        def again(line: str) -> Node | None:
            """Return the tree of a line if it is valid and has the corrected value."""
            if all(one.kind == "name" for one in builder.mends) and is_renamed(tree, node):
                parsed = tree_of(line, known_names(own))  # the same tree has the same value
                return None if parsed.slips or without_places(parsed.node) != without_places(node) else parsed.node
            reading = read_line(line, own, wants=wants)
            is_same = not reading.problems and reading.value == value
            return reading.node if is_same else None

        line = promise(tree, node, builder.mends, text_of(node), again)
    line = "" if line == text.strip() else line
    is_fix = bool(line) and all(one.kind in FIXED for one in builder.mends)
    whole = (text, line) if is_fix and text and any(one.replace is None for one in builder.found) else None
    problems = tuple(_advised(one, line, whole, is_fix=is_fix) for one in builder.found)
    return Reading(None, problems, node, line, is_fix, tuple(builder.places))


def _advised(error: InvalidArgument, line: str, whole: tuple[str, str] | None, *, is_fix: bool) -> InvalidArgument:
    """Return an error with the corrected line, or if there is none, with an example.

    Args:
        error: the error.
        line: the corrected line.
        whole: the entire line and the corrected one, if a fix replaces the entire line.
        is_fix: True if a fix corrects the line.
    """
    problem = error.problem
    fix = (whole or problem.replace) if is_fix else None
    if line:
        return error.changed(replace=fix, write=line)
    if problem.advice is not None and (problem.advice.is_example or not error.write):
        return error.changed(replace=fix)
    return error.changed(replace=fix, write=EXAMPLE_LINE, is_example=True)


def _schedule(builder: Builder, value: Any, node: Node, convert: Callable[..., Schedule]) -> tuple[Any, Node]:
    """Return the schedule of a line whose value is of another kind. A metric rule alone becomes `1.0 * rule`."""
    site = f'"{shortened_text(builder.text)}"' if builder.text else shortened_text(text_of(node))
    try:
        is_plain = isinstance(value, (int, float, Absolute, AffineLevel)) or value is None
        return (convert(value, site) if is_plain else 1.0 * value), node
    except InvalidArgument as error:
        builder.report(error, node.place)
        return BROKEN, node
    except TypeError:
        value, node = builder.as_schedule(value, node)
        is_done = value is BROKEN or isinstance(value, Schedule)
        return (value, node) if is_done else _schedule(builder, value, node, convert)
