"""A line of text inside a config: read by the library's parser, every fault in it told."""

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from paramsched.config._faults import Faults
from paramsched.config._names import Names
from paramsched.errors import InvalidArgument
from paramsched.schedules import SHAPES, Schedule, parse
from paramsched.schedules._parse import MOST_DEPTH, _Reader


def schedule_in(text: str, path: str, names: Names, faults: Faults) -> Schedule | None:
    """The schedule a line says."""
    shapes = names.called_in(text)
    try:
        return parse(text, shapes=shapes.values())
    except InvalidArgument as refusal:
        for fault in _each(text, shapes) or [refusal]:
            faults.refuse(path, fault)
    except (ValueError, ArithmeticError, LookupError) as error:  # from a user's own builder
        faults.add(path, f"{text[:60]}: {type(error).__name__}: {error}")
    return None


def value_in(text: str, names: Names, prefix: str = "") -> Any:
    """What an expression says: a level, a curve, a rule.

    Args:
        text: the expression.
        names: what it may call.
        prefix: what it may be written without, `curves.`

    Raises:
        InvalidArgument: it is no expression of a schedule's text.
    """
    known = {**SHAPES, **names.called_in(text)}
    full = text if text.strip().startswith(prefix) else prefix + text.strip()
    try:
        return _Reader(full, known).read(ast.parse(full.strip(), mode="eval").body, MOST_DEPTH)
    except InvalidArgument as refusal:
        if refusal.span is not None:
            more = len(full) - len(text)
            refusal.span = (max(refusal.span[0] - more, 0), max(refusal.span[1] - more, 0))
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InvalidArgument(f'"{text[:60]}"', "not an expression") from None


def _each(text: str, shapes: Any) -> list[InvalidArgument]:
    """Each fault of a line: every call is read by itself, and told unless a call inside it already was."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    reader = _Reader(text, {**SHAPES, **shapes})
    refusals: list[InvalidArgument] = []

    def visit(node: ast.AST, depth: int) -> bool:
        """Whether something in the node is wrong."""
        if depth == 0:
            return False
        parts = [visit(part, depth - 1) for part in _values(node)]  # all of them, not up to the first that is wrong
        if any(parts):
            return True
        if isinstance(node, (ast.Call, ast.Attribute)):
            try:
                reader.read(node, MOST_DEPTH)
            except InvalidArgument as refusal:
                refusals.append(refusal)
                return True
            except (TypeError, ValueError, ArithmeticError, LookupError):
                return False  # the parser's own message says it
        return False

    visit(tree.body, 4 * MOST_DEPTH)
    return refusals


def _values(node: ast.AST) -> Iterator[ast.AST] | Iterable[ast.AST]:
    """The parts of a node that are values: not the name that is called."""
    if isinstance(node, ast.Call):
        return [*node.args, *(keyword.value for keyword in node.keywords)]
    return [] if isinstance(node, ast.Attribute) else ast.iter_child_nodes(node)
