"""Names, attributes, items, operators, f-strings, and containers written out or by a comprehension."""

import ast
from collections.abc import Iterable
from types import NoneType
from typing import Any

from paramsched.config.python_config import containers, functions
from paramsched.config.python_config.arithmetic import (
    apply_binary,
    apply_comparison,
    apply_unary,
    format_value,
    known_truth,
    within_digits,
)
from paramsched.config.python_config.evaluator import ConfigEvaluator, Doubt, Locals, ReachesNames
from paramsched.config.python_config.mentions import (
    reaches_by_attribute,
    reaches_by_module,
    reaches_by_name,
)
from paramsched.config.python_config.values import REFUSALS, BaseDict, Imported, NeedsRunning, NotKnown, Produced
from paramsched.config.python_config.walking import (
    VIEWS,
    collect_all,
    comprehension_items,
    comprehension_rounds,
    is_builtin_name,
    walk_values,
)


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


def unary_expression(evaluator: ConfigEvaluator, node: ast.UnaryOp, local: Locals, depth: int) -> Any:
    """`-x`, `+x`, `~x`, `not x`."""
    value = evaluator.value(node.operand, local, depth)
    if isinstance(node.op, ast.Not):
        known = known_truth(value)
        return evaluator.mark_unknown(node) if known is None else not known
    return evaluator.try_out(node, (value,), lambda: apply_unary(node.op, value))


def binary_expression(evaluator: ConfigEvaluator, node: ast.BinOp, local: Locals, depth: int) -> Any:
    """`x + y` and its like, as it is written."""
    left = evaluator.value(node.left, local, depth)
    right = evaluator.value(node.right, local, depth)
    return result_of_operation(evaluator, node, node.op, left, right)


def result_of_operation(evaluator: ConfigEvaluator, node: ast.AST, op: ast.operator, left: Any, right: Any) -> Any:
    """`left op right`."""
    return evaluator.try_out(node, (left, right), lambda: apply_binary(op, left, right, evaluator.memory))


def bool_expression(evaluator: ConfigEvaluator, node: ast.BoolOp, local: Locals, depth: int) -> Any:
    """`x and y`, `x or y`: what comes after the value that decides is not evaluated."""
    value: Any = None
    for index, part in enumerate(node.values):
        value = evaluator.value(part, local, depth)
        known = known_truth(value)
        if known is None and index < len(node.values) - 1:
            mark = evaluator.mark_unknown(node, value)
            evaluator.give_up(node.values[index + 1 :], mark, local)
            return mark
        if known is isinstance(node.op, ast.Or):
            return value
    return value


def comparison_expression(evaluator: ConfigEvaluator, node: ast.Compare, local: Locals, depth: int) -> Any:
    """`x < y <= z`, `x in y`: what comes after the comparison that fails is not evaluated."""
    left = evaluator.value(node.left, local, depth)
    for index, (op, part) in enumerate(zip(node.ops, node.comparators, strict=True)):
        view = isinstance(op, (ast.In, ast.NotIn)) and isinstance(part, ast.Call)
        right = produced_by_argument(evaluator, part, local, depth) if view else None
        right = evaluator.value(part, local, depth) if right is None else right
        try:
            holds = apply_comparison(op, left, right if type(right) is not Produced else list(right), evaluator.memory)
        except REFUSALS:
            mark = evaluator.mark_unknown(node, left, right)
            evaluator.give_up(node.comparators[index + 1 :], mark, local)
            return mark
        if not holds:
            return False
        left = right
    return True


def conditional_expression(evaluator: ConfigEvaluator, node: ast.IfExp, local: Locals, depth: int) -> Any:
    """`x if test else y`."""
    known = known_truth(evaluator.value(node.test, local, depth))
    if known is None:
        mark = evaluator.mark_unknown(node)
        evaluator.give_up([node.body, node.orelse], mark, local)
        return mark
    return evaluator.value(node.body if known else node.orelse, local, depth)


def joined_text(evaluator: ConfigEvaluator, node: ast.JoinedStr, local: Locals, depth: int) -> Any:
    """An f-string."""
    pieces: list[str] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            value = evaluator.value(part.value, local, depth)
            spec = "" if part.format_spec is None else evaluator.value(part.format_spec, local, depth)
            try:
                if type(spec) is not str:
                    raise NotKnown
                pieces.append(format_value(value, part.conversion, spec, evaluator.memory))
            except REFUSALS:
                evaluator.refuse(node, value)
        else:
            text = evaluator.value(part, local, depth)
            if type(text) is not str:
                raise Doubt
            pieces.append(text)
    text = "".join(pieces)
    evaluator.memory.budget.spend(len(text) >> 6)
    return text


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
        evaluator.lose(items, node)
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
            evaluator.refuse(node, key, value, mapping)
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
                evaluator.refuse(node, key, value)
            mapping[key] = value
    except Doubt:
        evaluator.lose((mapping,), node)
        raise
    return mapping


def produced_values(evaluator: ConfigEvaluator, node: ast.expr) -> Produced | None:
    """What an iterator gives, all of it; None where the expression is none; raises Doubt."""
    return produced_by_argument(evaluator, node, None, 0)


def produced_by_argument(evaluator: ConfigEvaluator, node: ast.expr, local: Locals, depth: int) -> Produced | None:
    """What an iterator gives, all of it; None where the expression is none."""
    match node:
        case ast.GeneratorExp():
            pass
        case ast.Call(func=ast.Name(id="enumerate" | "zip" | "reversed" | "map" | "filter" as name)) if is_builtin_name(
            evaluator, name, local
        ):
            pass
        case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]) if name in VIEWS:
            pass
        case _:
            return None
    return Produced(collect_all(evaluator, walk_values(evaluator, node, local, depth), node))
