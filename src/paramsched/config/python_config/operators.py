"""Operators and f-strings."""

import ast
from typing import Any

from paramsched.config.python_config.arithmetic import (
    apply_binary,
    apply_comparison,
    apply_unary,
    known_truth,
)
from paramsched.config.python_config.evaluator import ConfigEvaluator, Doubt, Locals
from paramsched.config.python_config.memory import REFUSALS, NotKnown
from paramsched.config.python_config.produced import produced_by_argument
from paramsched.config.python_config.texts import format_value
from paramsched.config.python_config.values import Produced


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
                evaluator.mark_unknown(node, value)
                raise Doubt from None
        else:
            text = evaluator.value(part, local, depth)
            if type(text) is not str:
                raise Doubt
            pieces.append(text)
    text = "".join(pieces)
    evaluator.memory.budget.spend(len(text) >> 6)
    return text
