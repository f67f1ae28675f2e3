"""The line that an error advises for the call of a scheduler of another library."""

import ast

from paramsched.core.schedules import parse
from paramsched.core.schedules.text.peer_lines import schedule_of_call


def line_of(call: str) -> str | None:
    """Return the line with the values of a call, in which `S('cosine()')` is a schedule; None if it is unknown."""
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    positional = [_value(one) for one in tree.args]
    named = {one.arg: _value(one.value) for one in tree.keywords if one.arg is not None}
    schedule = schedule_of_call(ast.unparse(tree.func), positional, named)
    return None if schedule is None else str(parse(str(schedule)))


def _value(node: ast.expr) -> object:
    return eval(ast.unparse(node), {"S": parse})


def as_printed(line: str | None) -> str | None:
    """Return a line as its schedule prints it."""
    return None if line is None else str(parse(line))
