"""Going through values as Python goes: loops, comprehensions, `zip(…)` and their like; functions that compute here."""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from paramsched.config.python_config import containers, functions
from paramsched.config.python_config.arithmetic import (
    PLAIN_METHODS,
    known_truth,
)
from paramsched.config.python_config.evaluator import ConfigEvaluator, Doubt, Locals
from paramsched.config.python_config.values import MOST_DEPTH, REFUSALS, BaseDict, Builtin, NotKnown

VIEWS: Final = ("items", "keys", "values")
"""Methods of a dict that give its parts."""


@final
@dataclass(frozen=True, slots=True)
class Walk:
    """A way through the values of an iterable.

    Args:
        items: Python's own iterator over the real object, so that changes on the way are met as Python meets them.
        roots: the lists and dicts it goes through.
    """

    items: Iterator[Any]
    roots: tuple[Any, ...]


def collect_all(evaluator: ConfigEvaluator, items: Iterable[Any], node: ast.AST) -> list[Any]:
    """All items as a list. In doubt those that were collected are no longer known."""
    found: list[Any] = []
    try:
        for item in items:
            found.append(item)
    except Doubt:
        evaluator.lose(found, node)
        raise
    return found


def comprehension_items(
    evaluator: ConfigEvaluator, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, local: Locals, depth: int
) -> Iterator[Any]:
    """What a comprehension gives, one after the other."""
    inner = dict(local or {})
    for _ in comprehension_rounds(evaluator, node.generators, local, inner, depth):
        yield evaluator.value(node.elt, inner, depth)


def comprehension_rounds(
    evaluator: ConfigEvaluator,
    generators: Sequence[ast.comprehension],
    outer: Locals,
    inner: dict[str, Any],
    depth: int,
) -> Iterator[None]:
    """Goes once through a comprehension's loops for each element; the names of its loops are in `inner`."""
    first, *rest = generators
    if first.is_async:
        raise Doubt
    walk = way_through(evaluator, first.iter, outer, depth)
    try:
        for item in _steps_of(evaluator, walk):
            _bind_local_name(evaluator, first.target, item, inner)
            if all(_holds_surely(evaluator, test, inner, depth) for test in first.ifs):
                if rest:
                    yield from comprehension_rounds(evaluator, rest, inner, inner, depth)
                else:
                    yield
    except Doubt:
        evaluator.lose(walk.roots, first.iter)
        raise


def _holds_surely(evaluator: ConfigEvaluator, test: ast.expr, local: Locals, depth: int) -> bool:
    known = known_truth(evaluator.value(test, local, depth))
    if known is None:
        raise Doubt
    return known


def _bind_local_name(evaluator: ConfigEvaluator, target: ast.expr, value: Any, local: dict[str, Any]) -> None:
    """The names of a comprehension's loop."""
    if isinstance(target, ast.Name):
        local[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = unpacked_parts(evaluator, target, value)
        if parts is None:
            evaluator.refuse(target, value)
        for part, one in zip(target.elts, parts, strict=True):
            _bind_local_name(evaluator, part.value if isinstance(part, ast.Starred) else part, one, local)
    else:
        evaluator.refuse(target, value)


def unpacked_parts(evaluator: ConfigEvaluator, target: ast.Tuple | ast.List, value: Any) -> list[Any] | None:
    """The parts of a value, one for each of these targets; None where that is not known, or does not fit."""
    try:
        value = evaluator.memory.seen(value)
        items = containers.as_items(value, evaluator.memory)
    except NotKnown:
        return None
    starred = [index for index, part in enumerate(target.elts) if isinstance(part, ast.Starred)]
    if not starred:
        return items if len(items) == len(target.elts) else None
    before, after = starred[0], len(target.elts) - starred[0] - 1
    if len(items) < before + after:
        return None
    end = len(items) - after
    return [*items[:before], items[before:end], *items[end:]]


def walk_values(evaluator: ConfigEvaluator, node: ast.expr, local: Locals = None, depth: int = 0) -> Iterator[Any]:
    """Each value an expression gives when something goes through it; raises Doubt where that is not known."""
    walk = way_through(evaluator, node, local, depth)
    try:
        yield from _steps_of(evaluator, walk)
    except Doubt:
        evaluator.lose(walk.roots, node)
        raise


def loop_way(evaluator: ConfigEvaluator, node: ast.expr) -> Walk:
    """The way of a `for` through what an expression gives; raises Doubt."""
    walk = way_through(evaluator, node, None, 0)
    return Walk(_steps_of(evaluator, walk), walk.roots)


def _steps_of(evaluator: ConfigEvaluator, walk: Walk) -> Iterator[Any]:
    """Items as long as nothing has changed what it goes through."""
    while True:
        if any(evaluator.memory.seen(root) is not root for root in walk.roots):
            raise Doubt
        evaluator.memory.budget.spend(1)
        try:
            item = next(walk.items)
        except StopIteration:
            return
        except RuntimeError:  # a dict that changed its size on the way: Python stops here
            evaluator.memory.doubts += 1
            raise Doubt from None
        yield evaluator.memory.seen(item)


def way_through(evaluator: ConfigEvaluator, node: ast.expr, local: Locals, depth: int) -> Walk:
    """The way through what an expression gives."""
    if depth >= MOST_DEPTH:
        raise Doubt
    match node:
        case ast.GeneratorExp():
            return Walk(comprehension_items(evaluator, node, local, depth + 1), ())
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in (
            "enumerate",
            "zip",
            "reversed",
            "map",
            "filter",
        ) and is_builtin_name(evaluator, name, local):
            return _way_through_builtin(evaluator, name, args, keywords, local, depth + 1)
        case ast.Call(func=ast.Attribute(value=holder_node, attr=name), args=[], keywords=[]) if name in VIEWS:
            holder = evaluator.value(holder_node, local, depth + 1)
            if type(holder) not in (dict, BaseDict):
                evaluator.refuse(node, holder)
            view = getattr(holder, name)()
            if type(holder) is BaseDict and name != "keys":
                view = list(view)
            return Walk(iter(view), (holder,))
    return _way_through_value(evaluator, node, evaluator.value(node, local, depth + 1))


def _way_through_value(evaluator: ConfigEvaluator, node: ast.AST, value: Any) -> Walk:
    if type(value) not in (list, tuple, dict, BaseDict, str, bytes, range):
        evaluator.refuse(node, value)
    return Walk(iter(value), (value,))


def _way_through_builtin(
    evaluator: ConfigEvaluator, name: str, args: list[ast.expr], keywords: list[ast.keyword], local: Locals, depth: int
) -> Walk:
    """Over real objects."""
    if any(isinstance(one, ast.GeneratorExp) for one in args[name in ("map", "filter") :]) or not args:
        raise Doubt  # two iterators that run in turn
    if name in ("map", "filter"):
        return _way_through_function(evaluator, name, args, keywords, local, depth)
    if name == "reversed":
        value = evaluator.value(args[0], local, depth)
        if len(args) > 1 or keywords or type(value) not in (list, tuple, dict, str, bytes, range):
            evaluator.refuse(args[0], value)
        return Walk(reversed(value), (value,))
    if name == "enumerate":
        return _numbered_way(evaluator, args, keywords, local, depth)
    return _ways_side_by_side(evaluator, args, keywords, local, depth)


def _way_through_function(
    evaluator: ConfigEvaluator, name: str, args: list[ast.expr], keywords: list[ast.keyword], local: Locals, depth: int
) -> Walk:
    """`map(function, items)` and `filter(function, items)`."""
    function = function_of(evaluator, args[0], local, depth)
    if len(args) != 2 or keywords or (function is None and name == "map"):
        raise Doubt
    inner = way_through(evaluator, args[1], local, depth)
    steps = _steps_of(evaluator, inner)
    if name == "map" and function is not None:
        return Walk(map(function, steps), inner.roots)
    return Walk(_filter_items(function, steps), inner.roots)


def _numbered_way(
    evaluator: ConfigEvaluator, args: list[ast.expr], keywords: list[ast.keyword], local: Locals, depth: int
) -> Walk:
    """`enumerate(items, start)`."""
    inner = way_through(evaluator, args[0], local, depth)
    extra = [*args[1:], *(one.value for one in keywords if one.arg == "start")]
    start = evaluator.value(extra[0], local, depth) if extra else 0
    if len(extra) != len(args) + len(keywords) - 1 or len(extra) > 1 or type(start) is not int:
        evaluator.lose(inner.roots, args[0])
        raise Doubt
    return Walk(enumerate(_steps_of(evaluator, inner), start), inner.roots)


def _ways_side_by_side(
    evaluator: ConfigEvaluator, args: list[ast.expr], keywords: list[ast.keyword], local: Locals, depth: int
) -> Walk:
    """`zip(…)`; with `strict=True` it may raise on the way, which is not followed."""
    walks: list[Walk] = []
    try:
        for one in args:
            if isinstance(one, ast.Starred):
                parts = list(walk_values(evaluator, one.value, local, depth))
                walks += [_way_through_value(evaluator, one, part) for part in parts]
            else:
                walks.append(way_through(evaluator, one, local, depth))
        strict = [evaluator.value(one.value, local, depth) for one in keywords if one.arg == "strict"]
        if len(strict) != len(keywords) or any(type(one) is not bool for one in strict) or any(strict):
            raise Doubt
    except Doubt:
        evaluator.lose(_roots_of(walks), args[0])
        raise
    return Walk(zip(*(_steps_of(evaluator, walk) for walk in walks), strict=False), _roots_of(walks))


def _roots_of(walks: Iterable[Walk]) -> tuple[Any, ...]:
    return tuple(root for walk in walks for root in walk.roots)


def _filter_items(function: Callable[..., Any] | None, items: Iterable[Any]) -> Iterator[Any]:
    """`filter(function, items)`; raises Doubt where a condition is not known."""
    for item in items:
        known = known_truth(item if function is None else function(item))
        if known is None:
            raise Doubt
        if known:
            yield item


_LOOKING_METHODS: Final = PLAIN_METHODS | {"copy", "format", "get", "items", "join", "keys", "replace", "values"}
"""Methods that change nothing."""


def is_builtin_name(evaluator: ConfigEvaluator, name: str, local: Locals) -> bool:
    """Whether a name means Python's own function here, and nothing that the file has bound."""
    try:
        return not (local and name in local) and type(evaluator.names.read(name)) is Builtin
    except KeyError:
        return False


def function_of(evaluator: ConfigEvaluator, node: ast.expr, local: Locals, depth: int) -> Callable[..., Any] | None:
    """A function that computes here, of a lambda or a name; None for `None`; raises Doubt."""
    if isinstance(node, ast.Lambda):
        given = node.args
        if len(given.args) != 1 or given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg:
            raise Doubt
        if given.defaults or not _only_computes(node.body):
            raise Doubt
        name = given.args[0].arg

        def function(item: Any) -> Any:
            value = evaluator.value(node.body, {**(local or {}), name: item}, depth)
            if not evaluator.memory.is_known(value):
                raise Doubt
            return value

        return function
    value = evaluator.value(node, local, depth)
    if value is None:
        return None
    if type(value) is not Builtin or value.name not in functions.BUILTINS:
        evaluator.refuse(node, value)
    known = functions.BUILTINS[value.name]

    def called(item: Any) -> Any:
        try:
            return known([evaluator.memory.seen(item)], {}, evaluator.memory)
        except REFUSALS:
            evaluator.refuse(node, item)

    return called


def _only_computes(node: ast.expr) -> bool:
    """Whether an expression changes nothing, so that it does not matter when it is evaluated."""
    for one in ast.walk(node):
        if isinstance(one, ast.NamedExpr):
            return False
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr not in _LOOKING_METHODS:
            return False
    return True
