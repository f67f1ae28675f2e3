"""Expressions: which function gives the value of which."""

import ast
from typing import Final

from paramsched.config.python_config.base_references import References
from paramsched.config.python_config.calls import call_expression
from paramsched.config.python_config.displays import (
    dict_comprehension,
    dict_display,
    list_comprehension,
    list_display,
    set_comprehension,
    set_display,
    tuple_display,
)
from paramsched.config.python_config.evaluator import ConfigEvaluator, Handlers
from paramsched.config.python_config.lookups import (
    attribute_expression,
    constant_value,
    look_up_name,
    named_expression,
    slice_expression,
    subscript_expression,
)
from paramsched.config.python_config.namespace import Namespace
from paramsched.config.python_config.operators import (
    binary_expression,
    bool_expression,
    comparison_expression,
    conditional_expression,
    joined_text,
    unary_expression,
)
from paramsched.config.python_config.source import PythonSource

_HANDLERS: Final[Handlers] = {
    ast.Attribute: attribute_expression,
    ast.BinOp: binary_expression,
    ast.BoolOp: bool_expression,
    ast.Call: call_expression,
    ast.Compare: comparison_expression,
    ast.Constant: constant_value,
    ast.Dict: dict_display,
    ast.DictComp: dict_comprehension,
    ast.IfExp: conditional_expression,
    ast.JoinedStr: joined_text,
    ast.List: list_display,
    ast.ListComp: list_comprehension,
    ast.Name: look_up_name,
    ast.NamedExpr: named_expression,
    ast.Set: set_display,
    ast.SetComp: set_comprehension,
    ast.Slice: slice_expression,
    ast.Subscript: subscript_expression,
    ast.Tuple: tuple_display,
    ast.UnaryOp: unary_expression,
}


def evaluator_of(source: PythonSource, names: Namespace, references: References) -> ConfigEvaluator:
    """What evaluates the expressions of one file."""
    return ConfigEvaluator(source, names, references, _HANDLERS)
