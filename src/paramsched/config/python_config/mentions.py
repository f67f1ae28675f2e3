"""The text of a Python config, its syntax tree, and what a piece of that could do."""

import ast
import gc
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, final

from paramsched._fault_codes import SYNTAX
from paramsched.config._text_places import Place
from paramsched.config.python_config.values import NeedsRunning
from paramsched.config.text_limits import TextLines, refuse_many_words
from paramsched.errors import ConfigError, Fault

_REACHING_NAMES: Final = frozenset(
    {
        *("exec", "eval", "globals", "locals", "vars", "compile", "breakpoint"),
        *("__import__", "__builtins__", "__loader__", "__spec__"),
    }
)
_REACHING_ATTRIBUTES: Final = frozenset(
    {
        *("modules", "_getframe", "_current_frames", "settrace", "setprofile", "currentframe", "getmodule"),
        *("f_globals", "f_locals", "f_back", "f_builtins", "gi_frame", "cr_frame", "ag_frame", "tb_frame"),
        *("exec", "eval", "globals", "locals", "vars"),
    }
)
_REACHING_MODULES: Final = frozenset(
    {"builtins", "__main__", "inspect", "gc", "ctypes", "runpy", "timeit", "pdb", "bdb", "code", "codeop"}
)
_HARMLESS_DUNDERS: Final = frozenset({"__version__", "__name__", "__file__", "__doc__", "__path__", "__all__"})


def reaches_by_name(name: str) -> bool:
    """Whether a function of Python's can bind any name of the file that calls it."""
    return name in _REACHING_NAMES


def reaches_by_attribute(name: str) -> bool:
    """Whether an attribute can lead to the names of the file."""
    return name in _REACHING_ATTRIBUTES or (
        name.startswith("__") and name.endswith("__") and name not in _HARMLESS_DUNDERS
    )


def reaches_by_module(name: str | None) -> bool:
    """Whether a module has functions that lead to the names of the file."""
    return (name or "").split(".")[0] in _REACHING_MODULES


@final
@dataclass(slots=True)
class Mentions:
    """What a piece of the tree mentions.

    Args:
        bound: names it may bind or delete.
        changed: names whose attributes it sets or deletes.
        later: names in functions, classes and generators: code that may run at any time after.
        bound_later: names such code may bind.
        star: the `from m import *` in it.
        reaches: what in it could bind any name: `exec`, `globals` and their like.
    """

    bound: dict[str, None] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    bound_later: set[str] = field(default_factory=set)
    star: ast.ImportFrom | None = None
    reaches: ast.AST | None = None
    nodes: int = 0


def mentions_of(nodes: Iterable[ast.AST]) -> Mentions:
    """What these pieces mention, together."""
    found = Mentions()
    # With each node: whether a name that is bound there is another scope's, and whether it may run later.
    stack: list[tuple[ast.AST, bool, bool]] = [(node, False, False) for node in nodes]
    while stack:
        node, inner, later = stack.pop()
        found.nodes += 1
        match node:
            case ast.Name(id=name, ctx=context):
                found.names.add(name)
                if later:
                    found.later.add(name)
                if not inner and not isinstance(context, ast.Load):
                    found.bound.setdefault(name)
                    if later:
                        found.bound_later.add(name)
                if reaches_by_name(name):
                    found.reaches = node
                continue
            case ast.Constant():
                continue
            case ast.Attribute(value=holder, attr=name, ctx=context):
                if reaches_by_attribute(name):
                    found.reaches = node
                while isinstance(holder, ast.Attribute):
                    holder = holder.value
                if isinstance(holder, ast.Name) and not isinstance(context, ast.Load):
                    found.changed.add(holder.id)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.bound_later.update(names)
            case ast.Import() | ast.ImportFrom():
                _note_import(found, node, inner)
            case (
                ast.ExceptHandler(name=str() as name)
                | ast.MatchAs(name=str() as name)
                | ast.MatchStar(name=str() as name)
                | ast.MatchMapping(rest=str() as name)
            ):
                _note_binding(found, name, inner)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                _note_binding(found, name, inner)
                now = [*node.decorator_list, *_default_nodes(node)]
                stack += [(one, inner, later) for one in now]
                stack += [(one, True, True) for one in ast.iter_child_nodes(node) if one not in now]
                continue
            case ast.Lambda():
                stack += [(one, inner, later) for one in _default_nodes(node)]
                stack += [(one, True, True) for one in ast.iter_child_nodes(node)]
                continue
            case ast.GeneratorExp():
                later = True
            case ast.comprehension(target=target, iter=iterable, ifs=tests):
                stack.append((target, True, later))
                stack += [(one, inner, later) for one in (iterable, *tests)]
                continue
        stack += [(one, inner, later) for one in ast.iter_child_nodes(node)]
    return found


def _note_binding(found: Mentions, name: str, inner: bool) -> None:
    if not inner:
        found.bound.setdefault(name)


def _default_nodes(node: ast.AST) -> list[ast.expr]:
    """The values of arguments that are left out: they are made where the function is."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return []
    return [*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)]


def _note_import(found: Mentions, node: ast.Import | ast.ImportFrom, inner: bool) -> None:
    """Note what an import binds."""
    modules = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    if any(reaches_by_module(module) for module in modules):
        found.reaches = node
    for alias in node.names:
        if isinstance(node, ast.ImportFrom) and alias.name == "*":
            found.star = node
        else:
            _note_binding(found, alias.asname or alias.name.split(".")[0], inner)
        if isinstance(node, ast.ImportFrom) and (reaches_by_name(alias.name) or reaches_by_attribute(alias.name)):
            found.reaches = node


def leaves_loop(body: Iterable[ast.stmt]) -> bool:
    """Whether a `break` or a `continue` in it belongs to a loop around it."""
    for statement in body:
        match statement:
            case ast.Break() | ast.Continue():
                return True
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                continue
            case ast.For() | ast.AsyncFor() | ast.While():
                if leaves_loop(statement.orelse):
                    return True
            case _:
                blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
                blocks += [part.body for name in ("handlers", "cases") for part in getattr(statement, name, [])]
                if any(map(leaves_loop, blocks)):
                    return True
    return False


def names_in_texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that stand in texts and keywords: what `globals()["n"] = 1` and `exec("n = 1")` may bind."""
    for top in nodes:
        for node in ast.walk(top):
            if isinstance(node, ast.keyword) and node.arg:
                yield node.arg
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 10_000:
                if node.value.isidentifier():
                    yield node.value
                elif "=" in node.value or "import" in node.value or "def" in node.value:
                    try:
                        inner = parse_python(node.value)
                    except _REFUSED:
                        continue
                    yield from mentions_of(inner.body).bound


_REFUSED: Final = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What the parser raises."""

_MOST_SHOWN = 60
_LARGE = 50_000  # bytes


@final
class PythonSource:
    """A text that is Python.

    Args:
        base: whether it is a base of the file that is read; its marks then say its name.

    Raises:
        ConfigError: it is no Python.
    """

    def __init__(self, text: str, name: str, base: bool = False) -> None:
        self.name = name
        self._shown = name if base else ""
        refuse_many_words(text, name)
        try:
            self.tree = parse_python(text)
        except _REFUSED as error:
            raise ConfigError(name, [_no_python(text, error)]) from None
        self._text = text
        self._lines: list[bytes] = []

    def mark(self, node: ast.AST, why: str = "would have to be run") -> NeedsRunning:
        """What stands for a value that this piece of the file decides."""
        return NeedsRunning(getattr(node, "lineno", 1), self._text_of_node(node), self._shown, why)

    def error(self, node: ast.stmt, found: str, instead: str = "") -> ConfigError:
        """The error about a statement, with its place."""
        fault = TextLines(self._text).fault_in_line(node.lineno, 1, found, instead)
        return ConfigError(self.name, [fault])

    def _text_of_node(self, node: ast.AST) -> str:
        """The text of a node in one line, shortened."""
        if not self._lines:
            self._lines = self._text.replace("\r\n", "\n").replace("\r", "\n").encode().split(b"\n")
        first = getattr(node, "lineno", 0) - 1
        if not 0 <= first < len(self._lines):
            return "…"
        begin, last, end = (getattr(node, name, 0) or 0 for name in ("col_offset", "end_lineno", "end_col_offset"))
        pieces = self._lines[first : min(last, first + 4)]
        if last == first + len(pieces):
            pieces[-1] = pieces[-1][:end]
        pieces[0] = pieces[0][begin:]
        # Four bytes a character at most: never the whole of a long line.
        text = " ".join(b" ".join(piece[:1000] for piece in pieces).decode(errors="replace").split())
        return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def parse_python(text: str) -> ast.Module:
    """The syntax tree of a text, without a warning: its escapes are its own affair."""
    with warnings.catch_warnings(), no_collection(len(text)):
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _no_python(text: str, error: Exception) -> Fault:
    """Why, and where, if the parser says it."""
    instead = "Write param_scheduler = dict(type='StepLR', …)"
    found = "nested too deep" if isinstance(error, (RecursionError, MemoryError)) else "not Python"
    if isinstance(error, SyntaxError):
        found += f" ({error.msg})" if error.msg and error.msg.isprintable() else ""
        if error.lineno:
            return TextLines(text).fault_in_line(error.lineno, error.offset or 1, found, instead)
    return Fault("", found, instead, code=SYNTAX)


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


def python_places(text: str) -> Place:
    """The places of what a config assigns, of its dicts and lists; what is computed is one place."""
    try:
        tree = ast.parse(text)
    except _REFUSED:
        raise ConfigError("config", [Fault("", "not Python")]) from None
    lines = TextLines(text)
    names: dict[str | int, Place] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0]
            names[name.id] = _python_place(statement.value, lines, name)
    return Place(0, len(text), parts=names)


def _python_place(node: ast.expr, lines: TextLines, name: ast.expr | ast.keyword | None = None) -> Place:
    begin = _offset(lines, node.lineno, node.col_offset)
    key = None if name is None else _offset(lines, name.lineno, name.col_offset)
    end = _offset(lines, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
    return Place(begin, end, key=key, text=text, parts=_python_parts(node, lines))


def _python_parts(node: ast.expr, lines: TextLines) -> dict[str | int, Place] | list[Place] | None:
    """The entries of a list, a tuple, a dict, or a call of `dict`."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_python_place(item, lines) for item in items]
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            return {one.arg: _python_place(one.value, lines, one) for one in keywords if one.arg is not None}
        case ast.Dict(keys=keys, values=values):
            return {
                key.value: _python_place(value, lines, key)
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, (str, int))
            }
    return None


def _offset(lines: TextLines, number: int, column: int) -> int:
    line = lines.line(number)
    if not line.isascii():
        column = len(line.encode()[:column].decode(errors="ignore"))
    return lines.offset_of(number, column + 1)
