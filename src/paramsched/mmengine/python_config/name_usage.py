"""The names that unevaluated code mentions and binds."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, final

_REACHING: Final = frozenset(
    {
        *("exec", "eval", "globals", "locals", "vars", "compile", "breakpoint", "getattr", "setattr", "delattr"),
        *("modules", "settrace", "setprofile", "currentframe", "getmodule", "_getframe", "_current_frames"),
        *("f_globals", "f_locals", "f_back", "f_builtins", "gi_frame", "cr_frame", "ag_frame", "tb_frame"),
    }
)
_REACHING_MODULES: Final = frozenset(
    {"builtins", "__main__", "inspect", "gc", "ctypes", "runpy", "timeit", "pdb", "bdb", "code", "codeop"}
)
_HARMLESS: Final = frozenset({"__version__", "__name__", "__file__", "__doc__", "__path__", "__all__", "__future__"})


def reaches_all_names(name: str) -> bool:
    """Return whether a function or an attribute of this name can change any name of the file."""
    return name in _REACHING or (name.startswith("__") and name.endswith("__") and name not in _HARMLESS)


def reads_one_attribute(node: ast.AST) -> bool:
    """Return whether an expression is `getattr(value, "name")` or `getattr(value, "name", default)` with a plain name.

    >>> calls = ("getattr(x, 'lr', 1)", "getattr(x, name)", "getattr(x, '__dict__')")
    >>> [reads_one_attribute(ast.parse(call, mode="eval").body) for call in calls]
    [True, False, False]
    """
    match node:
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str() as name), *rest], keywords=[]):
            return len(rest) <= 1 and not reaches_all_names(name)
    return False


def import_reaches_all_names(node: ast.Import | ast.ImportFrom) -> bool:
    """Return whether an import can change any name of the file, or provides functions that can."""
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return any(module.split(".")[0] in _REACHING_MODULES for module in modules) or (
        isinstance(node, ast.ImportFrom) and any(one.name == "*" or reaches_all_names(one.name) for one in node.names)
    )


@final
@dataclass(slots=True)
class NameUsage:
    """The names that a piece of code uses.

    Args:
        mentioned: all names in the code.
        bound: names that the code may bind or delete.
        changed: names whose attributes the code sets or deletes.
        later: names in functions, classes and generators, whose code may run at any later time.
        rebound: names that the code of functions, classes and generators may bind.
        reaches: the node that can change any name, such as `exec`, `globals` or `from m import *`, or None.
        nodes: the number of nodes of the code.
    """

    mentioned: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    rebound: set[str] = field(default_factory=set)
    reaches: ast.AST | None = None
    nodes: int = 0


def name_usage(nodes: Iterable[ast.AST]) -> NameUsage:
    """Return the names that these nodes use together."""
    found = NameUsage()
    # The kind of code that contains a binding: code that runs now, a generator, a function or a class.
    bound_in: dict[str, set[str]] = {"now": found.bound, "generator": found.rebound, "function": set()}
    stack = [(node, "now") for node in nodes]
    local: set[int] = set()  # variables of comprehensions
    while stack:
        node, where = stack.pop()
        found.nodes += 1
        later: set[ast.AST] = set()
        children: list[ast.AST] = [*ast.iter_child_nodes(node)]
        match node:
            case ast.Call() if reads_one_attribute(node):
                children = [*node.args]
            case ast.Name(id=name, ctx=context):
                found.mentioned.add(name)
                if where != "now":
                    found.later.add(name)
                if not isinstance(context, ast.Load) and id(node) not in local:
                    bound_in[where].add(name)
                if reaches_all_names(name):
                    found.reaches = node
            case ast.Attribute(value=holder, attr=name, ctx=context):
                if reaches_all_names(name):
                    found.reaches = node
                while isinstance(holder, ast.Attribute):
                    holder = holder.value
                if isinstance(holder, ast.Name) and not isinstance(context, ast.Load):
                    found.changed.add(holder.id)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.rebound.update(names)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                bound_in[where].update(alias.asname or alias.name.split(".")[0] for alias in aliases)
                if import_reaches_all_names(node):
                    found.reaches = node
            case (
                ast.ExceptHandler(name=str() as name)
                | ast.MatchAs(name=str() as name)
                | ast.MatchStar(name=str() as name)
                | ast.MatchMapping(rest=str() as name)
            ):
                bound_in[where].add(name)
            case ast.comprehension(target=target):
                local.update(map(id, ast.walk(target)))
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                bound_in[where].add(node.name)
                later = set(node.body)
            case ast.Lambda(body=body):
                later = {body}
            case ast.GeneratorExp() if where == "now":
                where = "generator"
        stack += [(one, "function" if one in later else where) for one in children]
    return found
