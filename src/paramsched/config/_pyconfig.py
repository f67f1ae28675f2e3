"""Read a Python config without running it: plain assignments are taken from the syntax tree.

Literals, `dict(…)`, lists, arithmetic, names assigned before, imported names (as text), and `_base_` files of the same
kind. Whatever else a file assigns is kept as `Unreadable` and matters only where it is used.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from paramsched.config import _json, _yaml
from paramsched.config._raw import MOST_BYTES, MOST_DEPTH
from paramsched.errors import ConfigError

_MOST_ITEMS = 100_000
_MOST_POWER = 1_000
_MOST_FILES = 20

_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    "dict": dict,
    "list": list,
    "tuple": tuple,
    "int": int,
    "float": float,
    "abs": abs,
    "min": min,
    "max": max,
    "round": round,
    "len": len,
    "bool": bool,
}


@final
@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that only running the file would tell.

    Args:
        line: where it stands.
        text: how it is written.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: `{self.text}` would have to be run"


def read_python(text: str, source: str = "config", folder: Path | None = None) -> dict[str, Any]:
    """The names a config assigns, and their values.

    Args:
        text: the file's.
        source: its name, for messages.
        folder: where `_base_` files are looked for; None: a `_base_` cannot be read.

    Raises:
        ConfigError: no Python, or a `_base_` that cannot be read.

    >>> read_python("n = 4; param_scheduler = dict(type='StepLR', step_size=2 * n)")
    {'n': 4, 'param_scheduler': {'type': 'StepLR', 'step_size': 8}}
    """
    return _File(text, source, folder, ()).read()


@final
class _Stop(Exception):
    """A value that cannot be read; becomes an `Unreadable`."""


@final
class _File:
    """Reads one file, from top to bottom."""

    def __init__(self, text: str, source: str, folder: Path | None, above: tuple[Path, ...]) -> None:
        self.text, self.source, self.folder, self.above = text, source, folder, above
        self.names: dict[str, Any] = {}
        self.imported: dict[str, Any] = {}
        self.base: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        try:
            tree = ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            where = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
            raise ConfigError(
                self.source, [f"{where}not Python. Write param_scheduler = dict(type='StepLR', …)"]
            ) from None
        for statement in tree.body:
            self.statement(statement)
        public = {name: value for name, value in self.names.items() if not name.startswith("_")}
        return merged(self.base, public)

    def statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                found = self.value(value)
                for target in targets:
                    self.assign(target, found, statement)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value), statement)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                whole = ast.BinOp(ast.Name(name, ast.Load()), op, value)
                ast.copy_location(whole, statement)
                ast.fix_missing_locations(whole)
                self.names[name] = self.value(whole)
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                for alias in aliases:
                    self.imported[alias.asname or alias.name.split(".")[0]] = alias.name.split(".")[-1]
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.With(body=body):
                for inner in body:
                    self.statement(inner)
            case _:
                for name in _assigned(statement):
                    self.names[name] = self.unreadable(statement)

    def assign(self, target: ast.expr, value: Any, statement: ast.stmt) -> None:
        match target:
            case ast.Name(id="_base_"):
                self.names["_base_"] = value
                self.base = self.bases(value)
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Subscript() | ast.Attribute():
                # Into something that stands already: its value is then not what was written first.
                try:
                    self.inside(target)[self.key(target)] = value
                except (_Stop, TypeError, IndexError, KeyError):
                    for name in _assigned(statement):
                        self.names[name] = self.unreadable(statement)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for index, part in enumerate(parts):
                    try:
                        one = value[index]
                    except (TypeError, IndexError, KeyError):
                        one = self.unreadable(statement)
                    self.assign(part, one, statement)

    def inside(self, target: ast.Subscript | ast.Attribute) -> Any:
        holder = self.evaluate(target.value, MOST_DEPTH)
        if not isinstance(holder, (dict, list)):
            raise _Stop
        return holder

    def key(self, target: ast.Subscript | ast.Attribute) -> Any:
        return target.attr if isinstance(target, ast.Attribute) else self.evaluate(target.slice, MOST_DEPTH)

    def value(self, node: ast.expr) -> Any:
        try:
            return self.evaluate(node, MOST_DEPTH)
        except (_Stop, TypeError, ValueError, KeyError, IndexError, ArithmeticError, AttributeError):
            return self.unreadable(node)

    def unreadable(self, node: ast.AST) -> Unreadable:
        text = " ".join((ast.get_source_segment(self.text, node) or "…").split())
        return Unreadable(getattr(node, "lineno", 0), text if len(text) <= 60 else text[:59] + "…")

    def evaluate(self, node: ast.expr, depth: int) -> Any:
        if depth == 0:
            raise _Stop
        match node:
            case ast.Constant(value=value):
                return value
            case ast.List(elts=items):
                return self.items(items, depth)
            case ast.Tuple(elts=items):
                return tuple(self.items(items, depth))
            case ast.Dict(keys=keys, values=values):
                return self.mapping(keys, values, depth)
            case ast.Name(id=name):
                return self.named(name)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return _UNARY[type(op)](self.evaluate(operand, depth - 1))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _apply(op, self.evaluate(left, depth - 1), self.evaluate(right, depth - 1))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _CALLS:
                return self.call(name, args, keywords, depth)
            case ast.Subscript(value=holder, slice=index):
                return self.evaluate(holder, depth - 1)[self.evaluate(index, depth - 1)]
            case ast.Attribute(value=ast.Name(id="_base_"), attr=name):
                return self.base[name]
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in self.imported:
                return attribute  # a class of an imported module: configs name it by its own name
            case ast.Attribute(value=holder, attr=attribute):
                found = self.evaluate(holder, depth - 1)
                if isinstance(found, dict):
                    return found[attribute]
            case ast.IfExp(test=test, body=body, orelse=other):
                return self.evaluate(body if self.evaluate(test, depth - 1) else other, depth - 1)
        raise _Stop

    def items(self, nodes: list[ast.expr], depth: int) -> list[Any]:
        items: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                items += self.evaluate(node.value, depth - 1)
            else:
                items.append(self.element(node, depth))
        return items

    def element(self, node: ast.expr, depth: int) -> Any:
        # A part that cannot be read spoils only itself: the others may be all that matters.
        try:
            return self.evaluate(node, depth - 1)
        except (_Stop, TypeError, ValueError, KeyError, IndexError, ArithmeticError, AttributeError):
            return self.unreadable(node)

    def mapping(self, keys: list[ast.expr | None], values: list[ast.expr], depth: int) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                mapping |= self.evaluate(value, depth - 1)
            else:
                mapping[self.evaluate(key, depth - 1)] = self.element(value, depth)
        return mapping

    def call(self, name: str, args: list[ast.expr], keywords: list[ast.keyword], depth: int) -> Any:
        positional = self.items(args, depth)
        named: dict[str, Any] = {}
        for keyword in keywords:
            if keyword.arg is None:
                named |= self.evaluate(keyword.value, depth - 1)
            else:
                named[keyword.arg] = self.element(keyword.value, depth)
        if name != "dict" and any(isinstance(one, Unreadable) for one in (*positional, *named.values())):
            raise _Stop
        return _CALLS[name](*positional, **named)

    def named(self, name: str) -> Any:
        if name in self.names:
            value = self.names[name]
        elif name in self.imported:
            return self.imported[name]
        else:
            raise _Stop
        if isinstance(value, Unreadable):
            raise _Stop
        return value

    def bases(self, value: Any) -> dict[str, Any]:
        paths = [value] if isinstance(value, str) else value
        if not isinstance(paths, (list, tuple)) or not all(isinstance(path, str) for path in paths):
            raise ConfigError(
                self.source, [f"_base_: {value} is no path and no list of paths. Write _base_ = './base.py'"]
            )
        found: dict[str, Any] = {}
        for path in paths:
            found = merged(found, self.read_base(path))
        return found

    def read_base(self, path: str) -> dict[str, Any]:
        if self.folder is None:
            raise ConfigError(
                self.source, [f"_base_: {path} is looked for beside the file. Give the file's path, not its text"]
            )
        place = (self.folder / path).resolve()
        if place in self.above:
            raise ConfigError(self.source, [f"_base_: {path} is its own base"])
        if len(self.above) >= _MOST_FILES:
            raise ConfigError(self.source, [f"_base_: {len(self.above)} files, one the base of the other"])
        try:
            data = place.read_bytes() if place.stat().st_size <= MOST_BYTES else b""
            text = data.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(self.source, [f"_base_: {path} cannot be read ({error})"]) from None
        if place.suffix in (".yaml", ".yml", ".json"):
            plain = (_json.read if place.suffix == ".json" else _yaml.read)(text, str(place))
            return dict(plain)
        return _File(text, str(place), place.parent, (*self.above, place)).read()


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` upon `base`: dicts go into each other, everything else replaces; `_delete_=True` in a dict replaces too.

    >>> merged({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    out = dict(base)
    for key, value in over.items():
        before = out.get(key)
        if isinstance(value, dict):
            replaces = bool(value.get("_delete_"))
            value = {name: one for name, one in value.items() if name != "_delete_"}
            out[key] = merged(before, value) if isinstance(before, dict) and not replaces else value
        else:
            out[key] = value
    return out


def _apply(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Pow) and not (abs(right) <= _MOST_POWER and abs(left) <= 10**_MOST_POWER):
        raise _Stop
    if isinstance(op, ast.Mult):
        for many, times in ((left, right), (right, left)):
            if isinstance(many, (list, tuple, str)) and len(many) * times > _MOST_ITEMS:
                raise _Stop
    if isinstance(op, ast.Mod) and isinstance(left, str):
        raise _Stop  # formatting: its width could be anything
    return _BINARY[type(op)](left, right)


def _assigned(statement: ast.AST) -> Iterator[str]:
    """Every name a statement may give a value to."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            holder: ast.expr = node
            while isinstance(holder, (ast.Subscript, ast.Attribute)):
                holder = holder.value
            if isinstance(holder, ast.Name):
                yield holder.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
