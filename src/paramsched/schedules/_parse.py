"""From the one-line text to a schedule: a small subset of Python's syntax tree, walked; nothing is run."""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from paramsched._lookalikes import lookalike, straightened
from paramsched.curves import CONSTANTS, FAMILIES, Curve, CurveLike, curve_of
from paramsched.errors import InvalidArgument, ParseError, nearest
from paramsched.schedules._level import Level, absolute, finite, level_of
from paramsched.schedules._slips import slip_in
from paramsched.schedules._text import RULES, SHAPES
from paramsched.schedules.base import Schedule, schedule_of
from paramsched.time import Duration, DurationLike

MOST_CHARACTERS = 10_000
MOST_DEPTH = 50

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.RShift: operator.rshift,
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Div: operator.truediv,
}


def parse(text: str, *, shapes: Iterable[Callable[..., Any]] = ()) -> Schedule:
    """Read a schedule from its one-line text; `parse(str(schedule)) == schedule`.

    The text is a Python expression made of the names of schedules, numbers, strings, lists, `>>`, `*`, `+` and `-`. Its
    syntax tree is walked; nothing in it is run.

    Args:
        text: at most 10,000 characters, nested at most 50 deep.
        shapes: functions that build a schedule, known by their names in this text only.

    Raises:
        ParseError: not such an expression, or an unknown name, with the nearest known one.
        InvalidArgument: an argument that cannot be.

    >>> parse('warmup("5%") >> cosine(to=0.1)') == parse(' warmup( over = "5 %" )>>cosine( 1, .1 )')
    True
    """
    if not isinstance(text, str):
        raise ParseError(f"parse({text!r})", f"a {type(text).__name__} is no text", 'Write "cosine(to=0.1)"')
    if len(text) > MOST_CHARACTERS:
        raise ParseError(
            f"{text[:40]}…", f"{len(text)} characters in one line, more than {MOST_CHARACTERS}", "Use the mapping form"
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _no_expression(text, error) from None
    names = {**SHAPES, **{builder.__name__: builder for builder in shapes}}
    try:
        value = _Reader(text, names).read(tree.body, MOST_DEPTH)
        if isinstance(value, Schedule):
            return value
        if not isinstance(value, (int, float, str, tuple)) and value is not None:
            with suppress(TypeError):
                return 1.0 * value  # type: ignore[no-any-return]  # a metric rule by itself guides base
        return schedule_of(value, f'"{_short(text)}"')
    except InvalidArgument as refusal:
        raise refusal.locate(text, *_whole(text)) from None
    except (TypeError, ZeroDivisionError, OverflowError) as error:
        raise ParseError(f'"{_short(text)}"', str(error), 'Write warmup("5%") >> cosine(to=0.1), say').locate(
            text, *_whole(text)
        ) from None


class _Reader:
    """Walks one tree; keeps the text for messages and the names that may be called."""

    def __init__(self, text: str, names: Mapping[str, Callable[..., Any]]) -> None:
        self.text, self.names = text, names

    def read(self, node: ast.expr, depth: int) -> Any:
        if depth == 0:
            raise ParseError(f'"{_short(self.text)}"', f"nested more than {MOST_DEPTH} deep", "Name parts apart")
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return value
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return tuple(self.read(item, depth - 1) for item in items)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.number_or_schedule(self.read(operand, depth - 1), node)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number_or_schedule(self.read(operand, depth - 1), node)
            case ast.BinOp():
                return self.binary(node, depth)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self.call(self.builder(name, node), name, args, keywords, depth, node)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="curves"), attr=name), args=args, keywords=keywords):
                if name not in FAMILIES:
                    found = f"{name!r} is no curve with arguments; {nearest(name, FAMILIES)}"
                    raise self.refusal(node, found, meant=_called(node))
                return self.call(FAMILIES[name], f"curves.{name}", args, keywords, depth, node)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="rules"), attr=name), args=args, keywords=keywords):
                if name not in RULES:
                    raise self.refusal(node, f"{name!r} is no rule; {nearest(name, RULES)}", meant=_called(node))
                return self.call(RULES[name], f"rules.{name}", args, keywords, depth, node)
            case ast.Attribute(value=ast.Name(id="curves"), attr=name):
                if name not in CONSTANTS:
                    raise self.refusal(node, f"{name!r} is no curve; {nearest(name, [*CONSTANTS, *FAMILIES])}")
                return CONSTANTS[name]
            case ast.Name(id=name):
                self.builder(name, node)
                raise self.refusal(node, f"{name} is not called", f"Write {name}(…)")
        raise self.refusal(node, "not part of a schedule's text", "Write calls, numbers, text, lists, >>, *, + and -")

    def binary(self, node: ast.BinOp, depth: int) -> Any:
        # A long sequence is a tree as deep as it is long, on the left: walked by a loop, not counted as depth.
        chain: list[tuple[ast.operator, ast.expr, ast.expr]] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            chain.append((left.op, left.right, left))
            left = left.left
        value = self.number_or_schedule(self.read(left, depth - 1), left)
        for op, right_node, whole in reversed(chain):
            apply = _OPERATORS.get(type(op))
            if apply is None:
                raise self.refusal(whole, "no operator of schedules", "Use >>, *, + and -")
            right = self.number_or_schedule(self.read(right_node, depth - 1), right_node)
            try:
                value = apply(value, right)
            except InvalidArgument as refusal:
                raise refusal.locate(self.text, *_span(self.text, whole)) from None
        return value

    def number_or_schedule(self, value: Any, node: ast.expr) -> Any:
        if isinstance(value, (bool, str, tuple, Curve)) or value is None:
            raise self.refusal(node, f"{value!r} is no number and no schedule")
        return value

    def builder(self, name: str, node: ast.expr) -> Callable[..., Any]:
        if name == "absolute":
            return absolute
        if name not in self.names:
            found, instead = f'"{name}" is no schedule; {nearest(name, [*self.names, "absolute"])}', ""
            if (other := lookalike(name)) is not None and (meant := straightened(name)) in self.names:
                found, instead = f'"{name}" is no schedule: {other[1]}', f"Write {meant}"
            raise self.refusal(node, found, instead, meant=_called(node))
        return self.names[name]

    def call(
        self,
        builder: Callable[..., Any],
        name: str,
        args: list[ast.expr],
        keywords: list[ast.keyword],
        depth: int,
        node: ast.expr,
    ) -> Any:
        positional = [self.read(arg, depth - 1) for arg in args]
        named: dict[str, Any] = {}
        for keyword in keywords:
            if keyword.arg is None:
                raise self.refusal(keyword.value, "** is not part of a schedule's text")
            if keyword.arg in named:
                raise self.refusal(keyword, f'"{keyword.arg}" is given twice', "Give each argument once")
            named[keyword.arg] = self.read(keyword.value, depth - 1)
        try:
            return build(builder, name, positional, named)
        except InvalidArgument as refusal:
            meant = _culprit(builder, positional, named)
            place = node if meant is None else args[meant] if isinstance(meant, int) else _value_of(keywords, meant)
            raise refusal.locate(self.text, *_span(self.text, place)) from None

    def refusal(
        self, node: ast.expr | ast.keyword, found: str, instead: str = "", *, meant: ast.expr | None = None
    ) -> ParseError:
        begin, end = _span(self.text, node)
        asked = f'"{_short(self.text[begin:end])}" at character {begin + 1}'
        return ParseError(asked, found, instead).locate(self.text, *_span(self.text, meant or node))


def build(builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]) -> Any:
    """Call a builder; wrong argument names and numbers are told as what they are."""
    import inspect

    positional = list(positional)
    try:
        inspect.signature(builder).bind(*positional, **named)
    except TypeError as error:
        parameters = inspect.signature(builder).parameters
        unknown = [key for key in named if key not in parameters]
        found = f'no argument "{unknown[0]}"; {nearest(unknown[0], parameters)}' if unknown else str(error)
        raise ParseError(f"{name}(…)", found, f"Write {name}{_signature(builder)}") from None
    try:
        return builder(*positional, **named)
    except (TypeError, AttributeError) as error:
        raise InvalidArgument(f"{name}(…)", str(error), f"Write {name}{_signature(builder)}") from None


def _culprit(builder: Callable[..., Any], positional: list[Any], named: Mapping[str, Any]) -> int | str | None:
    """The argument that cannot be what its parameter stands for: its place or its name; None where none is alone."""
    import inspect

    parameters = inspect.signature(builder).parameters
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
    (float, lambda number: finite("", number)),
    (Schedule, lambda schedule: schedule_of(schedule, "")),
)


def _no_expression(text: str, error: BaseException) -> ParseError:
    """The error of a line that Python cannot read: by what was meant, or by where it stops to be an expression."""
    asked = f'"{_short(text)}"'
    slip = slip_in(text)
    if slip is not None:
        begin, end, found, instead = slip
        return ParseError(asked, f"not an expression: {found}", instead).locate(text, begin, end)
    where = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
    refusal = ParseError(asked, f"not an expression{where}", 'Write warmup("5%") >> cosine(to=0.1), say')
    return refusal.locate(text, *_span_of_error(text, error))


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _value_of(keywords: list[ast.keyword], name: str) -> ast.keyword:
    return next(keyword for keyword in keywords if keyword.arg == name)


def _whole(text: str) -> tuple[int, int]:
    """Where the line begins and ends, without the blanks around it."""
    begin = len(text) - len(text.lstrip())
    return begin, max(begin, len(text.rstrip()))


def _span(text: str, node: ast.expr | ast.keyword) -> tuple[int, int]:
    """Where a part of the tree begins and ends in the text; the tree counts lines, and bytes in them."""
    first = _whole(text)[0]
    lines = text.strip().splitlines(keepends=True)

    def place(line: int, byte: int) -> int:
        before = sum(map(len, lines[: line - 1]))
        return first + before + len(lines[line - 1].encode("utf-8", "surrogatepass")[:byte].decode("utf-8", "replace"))

    return place(node.lineno, node.col_offset), place(node.end_lineno or 1, node.end_col_offset or 0)


def _span_of_error(text: str, error: BaseException) -> tuple[int, int]:
    """Where a line stops to be an expression; the whole of it where nothing says."""
    begin, end = _whole(text)
    if not isinstance(error, SyntaxError) or not error.offset or not error.lineno:
        return begin, end
    lines = text.strip().splitlines(keepends=True)
    place = min(begin + sum(map(len, lines[: error.lineno - 1])) + error.offset - 1, max(begin, end - 1))
    width = error.end_offset - error.offset if error.end_offset and error.end_lineno == error.lineno else 1
    return place, min(max(place + width, place + 1), max(end, place + 1))


def _signature(builder: Callable[..., Any]) -> str:
    import inspect

    return "(" + ", ".join(str(p).split(":")[0] for p in inspect.signature(builder).parameters.values()) + ")"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."
