"""Names, attributes and items: what an expression refers to."""

import ast
from typing import Any

from paramsched.config.python_config import containers, functions
from paramsched.config.python_config.arithmetic import (
    within_digits,
)
from paramsched.config.python_config.evaluator import ConfigEvaluator, Locals, ReachesNames
from paramsched.config.python_config.mentions import (
    reaches_by_attribute,
    reaches_by_module,
    reaches_by_name,
)
from paramsched.config.python_config.values import BaseDict, Imported, NeedsRunning


def constant_value(evaluator: ConfigEvaluator, node: ast.Constant, _local: Locals, _depth: int) -> Any:
    """A number or a text as it is written; a text may stand for `{{ _base_.x }}`."""
    value = node.value
    if type(value) is str and evaluator.references:
        return evaluator.references.read(value, lambda: evaluator.source.mark(node))
    if type(value) is int and value.bit_length() > 64:
        return evaluator.try_out(node, (), lambda: within_digits(value))
    return value


def look_up_name(evaluator: ConfigEvaluator, node: ast.Name, local: Locals, _depth: int) -> Any:
    """What a name means: of a comprehension around it, else of the file."""
    if local and node.id in local:
        value = evaluator.memory.seen(local[node.id])
    elif reaches_by_name(node.id) and node.id not in evaluator.names.values:
        raise ReachesNames(node)
    else:
        try:
            value = evaluator.names.read(node.id, node.lineno)
        except KeyError:
            return evaluator.mark_unknown(node)
    if type(value) is NeedsRunning:
        evaluator.memory.doubts += 1
    elif type(value) is Imported and reaches_by_module(value.dotted):
        raise ReachesNames(node)
    return value


def attribute_expression(evaluator: ConfigEvaluator, node: ast.Attribute, local: Locals, depth: int) -> Any:
    """`holder.name` as it is written."""
    holder = evaluator.value(node.value, local, depth)
    return attribute_of(evaluator, node, holder, node.attr)


def attribute_of(evaluator: ConfigEvaluator, node: ast.AST, holder: Any, name: str) -> Any:
    """`holder.name`."""
    if type(holder) is BaseDict and name not in containers.BASE_DICT_NAMES and not name.startswith("__"):
        return evaluator.try_out(node, (holder,), lambda: evaluator.memory.seen(holder[name]))
    if reaches_by_attribute(name):
        raise ReachesNames(node)
    if type(holder) is Imported:
        dotted = f"{holder.dotted}.{name}"
        if not functions.is_always_there(holder.dotted, name):
            evaluator.memory.doubts += 1
        return functions.CONSTANTS.get(dotted, Imported(holder.dotted, name, getattr(node, "lineno", holder.line)))
    return evaluator.mark_unknown(node, holder)


def subscript_expression(evaluator: ConfigEvaluator, node: ast.Subscript, local: Locals, depth: int) -> Any:
    """`holder[key]` as it is written."""
    holder = evaluator.value(node.value, local, depth)
    key = evaluator.value(node.slice, local, depth)
    return item_of(evaluator, node, holder, key)


def item_of(evaluator: ConfigEvaluator, node: ast.AST, holder: Any, key: Any) -> Any:
    """`holder[key]`."""
    return evaluator.try_out(node, (holder, key), lambda: containers.get_item(holder, key, evaluator.memory))


def slice_expression(evaluator: ConfigEvaluator, node: ast.Slice, local: Locals, depth: int) -> Any:
    """`first:last:step` in brackets."""
    parts = [
        None if part is None else evaluator.value(part, local, depth) for part in (node.lower, node.upper, node.step)
    ]
    if any(type(part) not in (int, bool, type(None)) for part in parts):
        return evaluator.mark_unknown(node, *parts)
    return slice(*parts)


def named_expression(evaluator: ConfigEvaluator, node: ast.NamedExpr, local: Locals, depth: int) -> Any:
    """`name := value`."""
    value = evaluator.value(node.value, local, depth)
    evaluator.names.bind(node.target.id, value)
    return evaluator.names.read(node.target.id)
