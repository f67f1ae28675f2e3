"""Functions that compute here: Python's own by name, and lambdas that change nothing."""

import ast
from collections.abc import Callable
from typing import Any, Final

from paramsched.config.python_config import functions
from paramsched.config.python_config.evaluator import ConfigEvaluator, Doubt, Locals
from paramsched.config.python_config.memory import REFUSALS
from paramsched.config.python_config.texts import PLAIN_METHODS
from paramsched.config.python_config.values import Builtin

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
    if type(value) is Builtin and value.name in functions.BUILTINS:
        known = functions.BUILTINS[value.name]

        def called(item: Any) -> Any:
            try:
                return known([evaluator.memory.seen(item)], {}, evaluator.memory)
            except REFUSALS:
                evaluator.mark_unknown(node, item)
                raise Doubt from None

        return called
    evaluator.mark_unknown(node, value)
    raise Doubt


def _only_computes(node: ast.expr) -> bool:
    """Whether an expression changes nothing, so that it does not matter when it is evaluated."""
    for one in ast.walk(node):
        if isinstance(one, ast.NamedExpr):
            return False
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr not in _LOOKING_METHODS:
            return False
    return True
