"""What a piece of a syntax tree could do, without a look at any value."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from paramsched.config.python_config.source import parse_python

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
        names: all names in it.
        changed: names whose attributes it sets or deletes.
        later: names in functions, classes and generators: code that may run at any time after.
        bound_later: names such code may bind.
        star: the `from m import *` in it.
        reaches: what in it could bind any name: `exec`, `globals` and their like.
        nodes: how many there are.
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
            case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
                _note_binding(found, name, inner)
            case ast.MatchStar(name=str() as name) | ast.MatchMapping(rest=str() as name):
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
                if any(leaves_loop(block) for block in _inner_blocks(statement)):
                    return True
    return False


def _inner_blocks(statement: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for name in ("handlers", "cases"):
        for part in getattr(statement, name, []):
            yield part.body


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
                    except (SyntaxError, ValueError, RecursionError, MemoryError):
                        continue
                    yield from mentions_of(inner.body).bound
