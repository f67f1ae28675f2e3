"""Read an input as the records do: the text of a valid one, or the code, the path and the argument of each error."""

import ast
import inspect
from collections.abc import Callable
from typing import Any

import paramsched as ps
from paramsched import curves
from paramsched.core import files as config
from paramsched.core.schedules.registry import RULES, SHAPES
from paramsched.errors import ConfigError, InvalidArgument

VALID = "="

Outcome = list[Any]
"""`["=", text]` for a valid input; otherwise `[code, path, argument, …]`, three values for each error."""

_BUILDERS: dict[str, Callable[..., Any]] = {**SHAPES, "absolute": ps.absolute}


def outcome_of_line(line: str) -> Outcome:
    """Return the outcome of reading a line of text."""
    try:
        return [VALID, str(ps.parse(line))]
    except InvalidArgument as error:
        return _of_error(error)


def outcome_of_plan(data: Any) -> Outcome:
    """Return the outcome of reading the data of a plan file."""
    try:
        return [VALID, config.loads(data, format="native").text]
    except ConfigError as error:
        return [part for one in error.diagnostics for part in (one.code, one.path, "")]


def _of_error(error: InvalidArgument) -> Outcome:
    return [error.code, "", error.argument or ""]


def mapping_of_line(line: str) -> Any:
    """Return a valid line as the mapping of a plan file; None if a part of it can only be written as text."""
    try:
        return _data_of(ast.parse(line.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return None


_OPERATORS: dict[type, str] = {ast.Mult: "product", ast.Add: "sum", ast.RShift: "sequence"}
_WITH_A_NUMBER: dict[type, str] = {ast.Pow: "power", ast.Div: "quotient"}


def _data_of(node: ast.expr) -> Any:
    calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    if isinstance(node, ast.BinOp) and all(isinstance(one, ast.Name) and one.id == "absolute" for one in calls):
        raise ValueError("numbers are combined in text only")
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_data_of(one) for one in items]
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return {_OPERATORS[type(op)]: [_data_of(left), _data_of(right)]}
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _WITH_A_NUMBER:
            return {_WITH_A_NUMBER[type(op)]: [_data_of(left), _data_of(right)]}
        case ast.Call(func=func, args=given, keywords=named):
            name = ast.unparse(func).removeprefix("curves.")
            if not named:
                return {name: [_data_of(one) for one in given]}
            known = [*_parameters(ast.unparse(func))]
            if len(given) > len(known):
                raise ValueError
            return {
                name: {
                    **dict(zip(known, map(_data_of, given), strict=False)),
                    **{one.arg: _data_of(one.value) for one in named if one.arg},
                }
            }
    raise ValueError


def _parameters(name: str) -> list[str]:
    space, _, last = name.rpartition(".")
    table: Any = {"curves": curves.FAMILIES, "rules": RULES, "": _BUILDERS}.get(space, {})
    if last not in table:
        raise ValueError
    kinds = inspect.signature(table[last]).parameters.values()
    return [] if any(one.kind is one.VAR_POSITIONAL for one in kinds) else [one.name for one in kinds]
