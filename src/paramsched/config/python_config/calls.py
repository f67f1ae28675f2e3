"""Calls of functions and methods; and which function gives the value of which expression."""

import ast
from collections.abc import Sequence
from typing import Any, Final

from paramsched.config.python_config import containers, functions, lookups
from paramsched.config.python_config.arithmetic import (
    call_text_method,
    known_truth,
)
from paramsched.config.python_config.evaluator import (
    ConfigEvaluator,
    Doubt,
    Handlers,
    Locals,
    Namespace,
    ReachesNames,
    References,
)
from paramsched.config.python_config.mentions import (
    PythonSource,
    reaches_by_attribute,
)
from paramsched.config.python_config.values import BaseDict, BaseReference, Builtin, Imported, NeedsRunning
from paramsched.config.python_config.walking import function_of, is_builtin_name, walk_values


def call_expression(evaluator: ConfigEvaluator, node: ast.Call, local: Locals, depth: int) -> Any:
    """What a call gives: of a method of a known value, of `any` and `all`, of a known function."""
    if isinstance(node.func, ast.Attribute):
        holder = evaluator.value(node.func.value, local, depth)
        if type(holder) in (Imported, NeedsRunning, BaseReference):
            callee = lookups.attribute_of(evaluator, node.func, holder, node.func.attr)
            return _call_function(evaluator, node, callee, local, depth)
        return _call_method_of(evaluator, node, holder, node.func.attr, local, depth)
    match node:
        case ast.Call(func=ast.Name(id="any" | "all" as name), args=[argument], keywords=[]) if is_builtin_name(
            evaluator, name, local
        ):
            return _call_any_or_all(evaluator, node, argument, name == "any", local, depth)
    return _call_function(evaluator, node, evaluator.value(node.func, local, depth), local, depth)


def _call_any_or_all(
    evaluator: ConfigEvaluator, node: ast.Call, argument: ast.expr, wanted: bool, local: Locals, depth: int
) -> Any:
    """`any(…)` and `all(…)`, which stop at the first item that decides."""
    if isinstance(argument, ast.Starred):
        raise Doubt
    for item in walk_values(evaluator, argument, local, depth):
        known = known_truth(item)
        if known is None:
            evaluator.refuse(node, item)
        if known is wanted:
            return wanted
    return not wanted


def _call_function(evaluator: ConfigEvaluator, node: ast.Call, callee: Any, local: Locals, depth: int) -> Any:
    """A call of a function by its value; of most of them nothing is known."""
    name = callee.name if type(callee) is Builtin else ""
    function = functions.BUILTINS.get(name)
    if type(callee) is Imported:
        function = functions.OF_MODULES.get(callee.dotted)
    positional, named = _call_arguments(evaluator, node, local, depth, function=name)
    operands = (callee, *positional, *named.values())
    if name in ("getattr", "setattr", "delattr", "hasattr") and any(
        type(one) is str and reaches_by_attribute(one) for one in positional[1:2]
    ):
        raise ReachesNames(node)
    if name in ("setattr", "delattr") and any(type(one) is Imported for one in positional[:1]):
        raise ReachesNames(node)
    if name == "hasattr" and [type(one) for one in positional] == [BaseDict, str] and not named:
        return positional[1] in positional[0] or positional[1] in containers.BASE_DICT_NAMES
    if name == "getattr" and len(positional) in (2, 3) and type(positional[1]) is str and not named:
        return _call_getattr(evaluator, node, positional)
    if function is None:
        return evaluator.mark_unknown(node, *operands)
    return evaluator.try_out(node, operands, lambda: function(positional, named, evaluator.memory))


def _call_getattr(evaluator: ConfigEvaluator, node: ast.Call, arguments: Sequence[Any]) -> Any:
    """`getattr(holder, name)`, of a base's dict only."""
    holder, name = arguments[:2]
    if type(holder) is BaseDict and name not in containers.BASE_DICT_NAMES:
        if len(arguments) == 3 and name not in holder:
            return arguments[2]
        return lookups.attribute_of(evaluator, node, holder, name)
    return evaluator.mark_unknown(node, *arguments)


def _call_method_of(
    evaluator: ConfigEvaluator, node: ast.Call, holder: Any, name: str, local: Locals, depth: int
) -> Any:
    """`holder.name(…)` of a known value."""
    if reaches_by_attribute(name):
        raise ReachesNames(node)
    memory = evaluator.memory
    if type(holder) is list and name == "sort" and not node.args:
        keywords = _key_and_order(evaluator, node.keywords, holder, local, depth)
        return evaluator.try_out(node, (holder,), lambda: functions.sort_in_place(holder, keywords, memory))
    if type(holder) is list and name == "extend" and len(node.args) == 1 and not node.keywords:
        return extend_list(evaluator, node, holder, node.args[0], local, depth)
    positional, named = _call_arguments(evaluator, node, local, depth, method=name, holder=holder)
    # An argument may have got hold of the holder.
    if memory.seen(holder) is not holder:
        return evaluator.mark_unknown(node, holder, *positional, *named.values())
    call = call_text_method if type(holder) is str else containers.call_method
    operands = (holder, *positional, *named.values())
    return evaluator.try_out(node, operands, lambda: call(holder, name, positional, named, memory))


def extend_list(
    evaluator: ConfigEvaluator, node: ast.AST, holder: list[Any], items: ast.expr, local: Locals, depth: int
) -> Any:
    """`holder.extend(items)`."""
    try:
        if isinstance(items, ast.GeneratorExp):
            given: Any = walk_values(evaluator, items, local, depth)
        else:
            produced = lookups.produced_by_argument(evaluator, items, local, depth)
            given = evaluator.value(items, local, depth) if produced is None else produced
        if evaluator.memory.seen(holder) is not holder:
            return evaluator.mark_unknown(node, holder, given)
        return evaluator.try_out(
            node, (holder, given), lambda: containers.call_method(holder, "extend", [given], {}, evaluator.memory)
        )
    except Doubt:
        evaluator.mark_unknown(node, holder)
        raise


def _key_and_order(
    evaluator: ConfigEvaluator, keywords: list[ast.keyword], holder: Any, local: Locals, depth: int
) -> dict[str, Any]:
    """The arguments of `list.sort`."""
    found: dict[str, Any] = {}
    try:
        for keyword in keywords:
            if keyword.arg is None:
                raise Doubt
            if keyword.arg == "key":
                found["key"] = function_of(evaluator, keyword.value, local, depth)
            else:
                found[keyword.arg] = evaluator.value(keyword.value, local, depth)
    except Doubt:
        evaluator.lose((holder,), keywords[0].value)
        raise
    return found


def _call_arguments(
    evaluator: ConfigEvaluator,
    node: ast.Call,
    local: Locals,
    depth: int,
    *,
    function: str = "",
    method: str = "",
    holder: Any = None,
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, in Python's order; iterators as lists where the function goes through them."""
    taking = function in functions.TAKES_ITERABLES or method == "join"
    positional: list[Any] = []
    named: dict[str, Any] = {}
    try:
        for one in node.args:
            if isinstance(one, ast.Starred):
                positional.extend(walk_values(evaluator, one.value, local, depth))
            else:
                produced = lookups.produced_by_argument(evaluator, one, local, depth) if taking else None
                positional.append(evaluator.value(one, local, depth) if produced is None else produced)
        for keyword in node.keywords:
            if keyword.arg == "key" and function in ("max", "min", "sorted"):
                named["key"] = function_of(evaluator, keyword.value, local, depth)
                continue
            value = evaluator.value(keyword.value, local, depth)
            if keyword.arg is not None:
                named[keyword.arg] = value
            elif type(value) in (dict, BaseDict) and all(type(key) is str and key not in named for key in value):
                named.update(value)
            else:
                evaluator.refuse(node, value)
    except Doubt:
        evaluator.lose((holder, *positional, *named.values()), node)
        raise
    return positional, named


_HANDLERS: Final[Handlers] = {
    ast.Attribute: lookups.attribute_expression,
    ast.BinOp: lookups.binary_expression,
    ast.BoolOp: lookups.bool_expression,
    ast.Call: call_expression,
    ast.Compare: lookups.comparison_expression,
    ast.Constant: lookups.constant_value,
    ast.Dict: lookups.dict_display,
    ast.DictComp: lookups.dict_comprehension,
    ast.IfExp: lookups.conditional_expression,
    ast.JoinedStr: lookups.joined_text,
    ast.List: lookups.list_display,
    ast.ListComp: lookups.list_comprehension,
    ast.Name: lookups.look_up_name,
    ast.NamedExpr: lookups.named_expression,
    ast.Set: lookups.set_display,
    ast.SetComp: lookups.set_comprehension,
    ast.Slice: lookups.slice_expression,
    ast.Subscript: lookups.subscript_expression,
    ast.Tuple: lookups.tuple_display,
    ast.UnaryOp: lookups.unary_expression,
}


def evaluator_of(source: PythonSource, names: Namespace, references: References) -> ConfigEvaluator:
    """What evaluates the expressions of one file."""
    return ConfigEvaluator(source, names, references, _HANDLERS)
