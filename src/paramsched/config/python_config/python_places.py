"""Where the values of a config in Python stand in its text."""

import ast

from paramsched.config._text_places import Place
from paramsched.config.text_limits import TextLines
from paramsched.errors import ConfigError, Fault


def python_places(text: str) -> Place:
    """The places of what a config assigns, of its dicts and lists; what is computed is one place.

    Raises:
        ConfigError: it is no Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ConfigError("config", [Fault("", "not Python")]) from None
    lines = TextLines(text)
    names: dict[str | int, Place] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0]
            names[name.id] = _python_place(statement.value, lines, key=_offset(lines, name.lineno, name.col_offset))
    return Place(0, len(text), parts=names)


def _python_place(node: ast.expr, lines: TextLines, *, key: int | None = None) -> Place:
    """The place of an expression; `key` is where its name begins."""
    begin = _offset(lines, node.lineno, node.col_offset)
    end = _offset(lines, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
    return Place(begin, end, key=key, text=text, parts=_python_parts(node, lines))


def _python_parts(node: ast.expr, lines: TextLines) -> dict[str | int, Place] | list[Place] | None:
    """The entries of a list, a tuple, a dict, or a call of `dict`."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_python_place(item, lines) for item in items]
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            return {
                one.arg: _python_place(one.value, lines, key=_offset(lines, one.lineno, one.col_offset))
                for one in keywords
                if one.arg is not None
            }
        case ast.Dict(keys=keys, values=values):
            return {
                key.value: _python_place(value, lines, key=_offset(lines, key.lineno, key.col_offset))
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, (str, int))
            }
    return None


def _offset(lines: TextLines, number: int, column: int) -> int:
    """The character at a line, and at a column that counts bytes of UTF-8."""
    line = lines.line(number)
    if not line.isascii():
        column = len(line.encode()[:column].decode(errors="ignore"))
    return lines.offset_of(number, column + 1)
