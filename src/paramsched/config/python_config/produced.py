"""What an iterator gives, all of it."""

import ast

from paramsched.config.python_config.callables import is_builtin_name
from paramsched.config.python_config.evaluator import ConfigEvaluator, Locals
from paramsched.config.python_config.values import Produced
from paramsched.config.python_config.walking import VIEWS, collect_all, walk_values


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
