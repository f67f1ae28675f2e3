"""Lists, tuples, dicts and sets, written out or by a comprehension."""

import ast
from collections.abc import Iterable
from types import NoneType
from typing import Any

from paramsched.config.python_config import containers, functions
from paramsched.config.python_config.evaluator import ConfigEvaluator, Doubt, Locals
from paramsched.config.python_config.values import BaseDict
from paramsched.config.python_config.walking import collect_all, comprehension_items, comprehension_rounds, walk_values


def _element_values(evaluator: ConfigEvaluator, nodes: Iterable[ast.expr], local: Locals, depth: int) -> list[Any]:
    """The values of a display, those of `*items` among them."""
    items: list[Any] = []
    try:
        for node in nodes:
            if type(node) is ast.Constant and type(node.value) in (bool, float, NoneType):
                items.append(node.value)
            elif isinstance(node, ast.Starred):
                items.extend(walk_values(evaluator, node.value, local, depth))
            else:
                items.append(evaluator.value(node, local, depth))
    except Doubt:
        evaluator.memory.lose(items, evaluator.source.mark(node))
        raise
    return items


def list_display(evaluator: ConfigEvaluator, node: ast.List, local: Locals, depth: int) -> list[Any]:
    """`[1, 2]`."""
    return _element_values(evaluator, node.elts, local, depth)


def tuple_display(evaluator: ConfigEvaluator, node: ast.Tuple, local: Locals, depth: int) -> tuple[Any, ...]:
    """`(1, 2)`."""
    return tuple(_element_values(evaluator, node.elts, local, depth))


def dict_display(evaluator: ConfigEvaluator, node: ast.Dict, local: Locals, depth: int) -> Any:
    """`{1: 2, **more}`."""
    mapping: dict[Any, Any] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        key = None if key_node is None else evaluator.value(key_node, local, depth)
        value = evaluator.value(value_node, local, depth)
        if key_node is None and type(value) in (dict, BaseDict):
            evaluator.memory.budget.spend(len(value) // 4)
            mapping.update(value)
        elif key_node is not None and containers.is_key(key, evaluator.memory):
            mapping[key] = value
        else:
            evaluator.mark_unknown(node, key, value, mapping)
            raise Doubt
    return mapping


def set_display(evaluator: ConfigEvaluator, node: ast.Set, local: Locals, depth: int) -> Any:
    """`{1, 2}`."""
    items = _element_values(evaluator, node.elts, local, depth)
    return evaluator.try_out(node, items, lambda: functions.BUILTINS["set"]([items], {}, evaluator.memory))


def list_comprehension(evaluator: ConfigEvaluator, node: ast.ListComp, local: Locals, depth: int) -> Any:
    """`[x for x in items]`."""
    return collect_all(evaluator, comprehension_items(evaluator, node, local, depth), node)


def set_comprehension(evaluator: ConfigEvaluator, node: ast.SetComp, local: Locals, depth: int) -> Any:
    """`{x for x in items}`."""
    items = collect_all(evaluator, comprehension_items(evaluator, node, local, depth), node)
    return evaluator.try_out(node, items, lambda: functions.BUILTINS["set"]([items], {}, evaluator.memory))


def dict_comprehension(evaluator: ConfigEvaluator, node: ast.DictComp, local: Locals, depth: int) -> Any:
    """`{x: y for x, y in items}`."""
    inner = dict(local or {})
    mapping: dict[Any, Any] = {}
    try:
        for _ in comprehension_rounds(evaluator, node.generators, local, inner, depth):
            key, value = evaluator.value(node.key, inner, depth), evaluator.value(node.value, inner, depth)
            if not containers.is_key(key, evaluator.memory):
                evaluator.mark_unknown(node, key, value)
                raise Doubt
            mapping[key] = value
    except Doubt:
        evaluator.memory.lose((mapping,), evaluator.source.mark(node))
        raise
    return mapping
