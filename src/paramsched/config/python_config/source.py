"""The text of a Python config, its syntax tree, and marks that say a line of it."""

import ast
import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

from paramsched._fault_codes import SYNTAX
from paramsched.config.python_config.values import NeedsRunning
from paramsched.config.text_limits import TextLines, refuse_many_words
from paramsched.errors import ConfigError, Fault

_MOST_SHOWN = 60
_LARGE = 50_000  # bytes


@final
class PythonSource:
    """A text that is Python.

    Args:
        text: the file's.
        name: its name, for messages.
        base: whether it is a base of the file that is read; its marks then say its name.

    Raises:
        ConfigError: it is no Python.
    """

    def __init__(self, text: str, name: str, base: bool = False) -> None:
        self.name = name
        self._shown = name if base else ""
        self.tree = _tree_or_refusal(text, name)
        self._text = text
        self._lines: list[bytes] | None = None

    def mark(self, node: ast.AST, why: str = "would have to be run") -> NeedsRunning:
        """What stands for a value that this piece of the file decides."""
        return NeedsRunning(getattr(node, "lineno", 1), self._text_of_node(node), self._shown, why)

    def error(self, node: ast.stmt, found: str, instead: str = "") -> ConfigError:
        """The error about a statement, with its place."""
        fault = TextLines(self._text).fault_in_line(node.lineno, 1, found, instead)
        return ConfigError(self.name, [fault])

    def _text_of_node(self, node: ast.AST) -> str:
        """The text of a node in one line, shortened."""
        if self._lines is None:
            self._lines = self._text.replace("\r\n", "\n").replace("\r", "\n").encode().split(b"\n")
        first = getattr(node, "lineno", 0) - 1
        if not 0 <= first < len(self._lines):
            return "…"
        begin = getattr(node, "col_offset", 0)
        if getattr(node, "end_lineno", 0) == first + 1:
            piece = self._lines[first][begin : getattr(node, "end_col_offset", 0)]
            if len(piece) < _MOST_SHOWN and b"  " not in piece and b"\t" not in piece:
                return piece.decode(errors="replace")
        last, end = (getattr(node, "end_lineno", 0) or 0) - 1, getattr(node, "end_col_offset", 0) or 0
        # Four bytes a character at most: never the whole of a long line.
        pieces = [self._lines[first][begin : min(end if last == first else begin + 1000, begin + 1000)]]
        for number in range(first + 1, min(last + 1, first + 4)):
            line = self._lines[number]
            pieces.append(line[: min(end if number == last else len(line), 1000)])
        text = " ".join(b" ".join(pieces).decode(errors="replace").split())
        return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def parse_python(text: str) -> ast.Module:
    """The syntax tree of a text, without a warning: its escapes are its own affair."""
    with warnings.catch_warnings(), no_collection(len(text)):
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _tree_or_refusal(text: str, name: str) -> ast.Module:
    refuse_many_words(text, name)
    try:
        return parse_python(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(name, [_no_python(text, error)]) from None


def _no_python(text: str, error: Exception) -> Fault:
    """Why a text is no Python, and where, if the parser says it."""
    instead = "Write param_scheduler = dict(type='StepLR', …)"
    if not isinstance(error, SyntaxError):
        found = "nested too deep" if isinstance(error, (RecursionError, MemoryError)) else "not Python"
        return Fault("", found, instead, code=SYNTAX)
    found = f"not Python ({error.msg})" if error.msg and error.msg.isprintable() else "not Python"
    if not error.lineno:
        return Fault("", found, instead, code=SYNTAX)
    return TextLines(text).fault_in_line(error.lineno, error.offset or 1, found, instead)


@contextmanager
def no_collection(length: int) -> Iterator[None]:
    """No search for garbage while a large tree grows: there is none in it, and the search doubles the time."""
    if length < _LARGE or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
