"""The text of a Python config, its syntax tree, and the locations of its values."""

import ast
import gc
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, final

from paramsched.core.base.codes import SYNTAX, UNREADABLE
from paramsched.core.base.problem import Problem, TextLines
from paramsched.core.files.text_places import Place
from paramsched.errors import ConfigError
from paramsched.mmengine.python_config.values import NeedsRunning

_REFUSED: Final = (SyntaxError, ValueError, RecursionError, MemoryError)
"""Exceptions of the parser."""

_MOST_SHOWN = 60
_LARGE = 50_000  # bytes
_MOST_WORDS: Final = 200_000
"""The maximum number of tokens. The largest of 5,000 published configs has 20,000."""
_WORD_OR_SIGN: Final = re.compile(r"\w+|[^\w\s]")


@final
class PythonSource:
    """The text of a Python config, with its syntax tree.

    Args:
        base: True if the text is that of a base file. Placeholders of its values then contain the name of the file.

    Raises:
        ConfigError: the text is not valid Python.
    """

    def __init__(self, text: str, name: str, base: bool = False) -> None:
        self.name = name
        self._shown = name if base else ""
        _refuse_many_words(text, name)
        try:
            self.tree = parse_python(text)
        except _REFUSED as error:
            instead = "For example: param_scheduler = dict(type='StepLR', …)"
            found = "nested too deep" if isinstance(error, (RecursionError, MemoryError)) else "not Python"
            if isinstance(error, SyntaxError) and error.msg and error.msg.isprintable():
                found += f" ({error.msg})"
            fault = Problem("", found, instead, code=SYNTAX)
            if isinstance(error, SyntaxError) and error.lineno:
                fault = TextLines(text).fault_in_line(error.lineno, error.offset or 1, found, instead)
            raise ConfigError(name, [fault]) from None
        self._text = text
        self._lines: list[bytes] = []

    def mark(self, node: ast.AST, why: str = "needs running") -> NeedsRunning:
        """Return the placeholder of a value that depends on this node, with the node's text in one line, shortened."""
        if not self._lines:
            self._lines = self._text.replace("\r\n", "\n").replace("\r", "\n").encode().split(b"\n")
        text, number = "…", getattr(node, "lineno", 0)
        if 0 < number <= len(self._lines):
            begin, last, end = (getattr(node, name, 0) or 0 for name in ("col_offset", "end_lineno", "end_col_offset"))
            pieces = self._lines[number - 1 : min(last, number + 3)]
            if last == number - 1 + len(pieces):
                pieces[-1] = pieces[-1][:end]
            pieces[0] = pieces[0][begin:]
            # A character has four bytes at most, so 1,000 bytes of a line contain all characters that are shown.
            text = " ".join(b" ".join(piece[:1000] for piece in pieces).decode(errors="replace").split())
        text = text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
        return NeedsRunning(getattr(node, "lineno", 1), text, self._shown, why)

    def error(self, node: ast.stmt, found: str, instead: str = "") -> ConfigError:
        """Return an error about a statement, with its location."""
        fault = TextLines(self._text).fault_in_line(node.lineno, 1, found, instead)
        return ConfigError(self.name, [fault])


def _refuse_many_words(text: str, source: str) -> None:
    """Raise ConfigError if the syntax tree of a text would take seconds and most of a gigabyte."""
    if len(text) > _MOST_WORDS and next(islice(_WORD_OR_SIGN.finditer(text), _MOST_WORDS, None), None) is not None:
        raise ConfigError(source, [f"more than {_MOST_WORDS:,} words and signs; a config is a short text"])


def parse_python(text: str) -> ast.Module:
    """Return the syntax tree of a text without warnings about its escapes."""
    with warnings.catch_warnings(), no_collection(len(text)):
        warnings.simplefilter("ignore")
        return ast.parse(text)


@contextmanager
def no_collection(length: int) -> Iterator[None]:
    """Disable garbage collection while a large tree is built, because it would double the time."""
    if length < _LARGE or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def python_places(text: str) -> Place:
    """Return the places of assigned values and of their dicts and lists; a computed value has one place."""
    try:
        tree = ast.parse(text)
    except _REFUSED:
        raise ConfigError("config", [Problem("", "not Python", code=UNREADABLE)]) from None
    lines = TextLines(text)
    names: dict[str | int, Place] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0]
            names[name.id] = _python_place(statement.value, lines, name)
    return Place(0, len(text), parts=names)


def _python_place(node: ast.expr, lines: TextLines, name: ast.expr | ast.keyword | None = None) -> Place:
    """Return the range of a value, with those of its entries if it is a list, a tuple, a dict, or a call of `dict`."""
    begin = lines.offset_of_node(node.lineno, node.col_offset)
    begin_of_name = None if name is None else lines.offset_of_node(name.lineno, name.col_offset)
    end = lines.offset_of_node(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
    parts: dict[str | int, Place] | list[Place] | None = None
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            parts = [_python_place(item, lines) for item in items]
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            parts = {one.arg: _python_place(one.value, lines, one) for one in keywords if one.arg is not None}
        case ast.Dict(keys=keys, values=values):
            parts = {
                key.value: _python_place(value, lines, key)
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, (str, int))
            }
    return Place(begin, end, key=begin_of_name, text=text, parts=parts)
