"""A Python config file: its own statements, what it takes from the bases, and what its names hold in the end."""

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

from paramsched.config.merge_configs import merge_upon_base
from paramsched.config.python_config.evaluator import DECIDING, ConfigEvaluator, References
from paramsched.config.python_config.memory import Memory
from paramsched.config.python_config.name_usage import name_usage
from paramsched.config.python_config.source import PythonSource
from paramsched.config.python_config.values import (
    ATOMS,
    MOST_DEPTH,
    AllUnknown,
    BaseDict,
    BaseReference,
    Budget,
    ImportedName,
    NeedsRunning,
    held_by_base,
)


@final
class PlainValues:
    """Makes plain values of those of a file.

    What is shared stays shared, so that `[a, a]` forty times over costs no more than it did in the file; a value that
    would be too large as a tree becomes a placeholder.

    Args:
        referred: returns the value of `{{ _base_.x }}`.
    """

    def __init__(self, memory: Memory, referred: Callable[[BaseReference], Any] | None = None) -> None:
        self._memory, self._referred = memory, referred
        self._done: dict[int, tuple[Any, int, object]] = {}
        self._doing: set[int] = set()

    def of(self, value: Any, mark: Callable[[], NeedsRunning]) -> Any:
        """Return the plain value; what `mark` returns replaces it if it is too large, or contains itself."""
        return value if type(value) in ATOMS else self._plain_and_size(value, MOST_DEPTH, mark)[0]

    def _plain_and_size(self, value: Any, depth: int, mark: Callable[[], NeedsRunning]) -> tuple[Any, int]:
        """Return the value, and how many values it contains."""
        value = self._memory.seen(value)
        kind = type(value)
        if kind in ATOMS or kind is NeedsRunning:
            return value, 1
        if kind is ImportedName:
            standard = value.dotted.split(".")[0] in sys.stdlib_module_names
            return (NeedsRunning(value.line, value.dotted.removeprefix("builtins.")) if standard else value), 1
        if kind is BaseReference:
            return (value.mark if self._referred is None else self._referred(value)), 1
        if kind is set:
            return set(value), 1 + len(value)
        if kind not in (list, tuple, dict, BaseDict):
            return mark(), 1
        if id(value) in self._done:
            return self._done[id(value)][:2]
        if depth == 0 or id(value) in self._doing:
            return replace(mark(), why="is nested too deep, or contains itself"), 1
        self._doing.add(id(value))
        size, items = 1, []
        for one in value.values() if isinstance(value, dict) else value:
            item, inner = (one, 1) if type(one) in ATOMS else self._plain_and_size(one, depth - 1, mark)
            items.append(item)
            size += inner
        plain: Any = dict(zip(value, items, strict=True)) if isinstance(value, dict) else kind(items)
        self._doing.discard(id(value))
        if size > self._memory.budget.largest:
            plain, size = replace(mark(), why="contains too much"), 1
        self._done[id(value)] = plain, size, value
        return plain, size


@final
@dataclass(frozen=True, slots=True)
class FileNames:
    """What a file gives to those that build on it.

    Args:
        imported: which of them are modules, classes and functions.
    """

    values: Mapping[str, Any]
    imported: frozenset[str] = frozenset()


@final
@dataclass(frozen=True, slots=True)
class BaseReader:
    """How a file reads its bases.

    Args:
        paths: the names that the files of `_base_` give together.
        module: the names of the file that `from .base import …` means; None: files cannot be looked for.
    """

    paths: Callable[[Any], Mapping[str, Any]]
    module: Callable[[str, int], FileNames] | None


@final
class PythonFile:
    """Reads one file, from top to bottom, without running it.

    Args:
        references: the texts that replace `{{ _base_.x }}` in it.
    """

    def __init__(self, source: PythonSource, budget: Budget, references: References, bases: BaseReader) -> None:
        self._source, self._bases = source, bases
        self._evaluator = ConfigEvaluator(source, budget, references)
        self._base: BaseDict | None = None
        self._lines: dict[str, ast.stmt] = {}

    def read(self) -> FileNames:
        """Return its names, including those of its bases."""
        body = self._source.tree.body
        base_line = next((one for one in body if _is_base_line(one)), None)
        base_block = next((one for one in body if _is_base_block(one)), None)
        if base_line is not None and base_block is not None:
            both = "it has `_base_` too"
            raise self._source.error(base_block, both, "Write one of them: MMEngine takes no file with both")
        inherited: Mapping[str, Any] = {}
        try:
            if isinstance(base_block, ast.With):
                self._import_bases(base_block)
            else:
                inherited = self._read_bases(base_line)
            self._evaluator.run([one for one in body if one is not base_block])
            return self._names_for_users(inherited)
        except AllUnknown as cause:
            mark = self._source.mark(body[0], cause.why)
            return FileNames(dict.fromkeys([*inherited, *DECIDING, *name_usage(body).bound], mark))

    def _read_bases(self, line: ast.stmt | None) -> Mapping[str, Any]:
        """Return the names of the files in `_base_ = …`; they come first, wherever the line is."""
        inherited: Mapping[str, Any] = {}
        if isinstance(line, ast.Assign):
            paths = self._evaluator.value(line.value)
            inherited = self._bases.paths(
                PlainValues(self._evaluator.memory).of(paths, lambda: self._source.mark(line))
            )
        self._base = BaseDict({name: held_by_base(value, new_sets=True) for name, value in inherited.items()})
        self._evaluator.bind("_base_", self._base)
        return inherited

    def _import_bases(self, block: ast.With) -> None:
        """Bind the names of `with read_base():`, before the first line is run."""
        values: dict[tuple[str, int], dict[str, Any]] = {}
        for line in block.body:
            if not isinstance(line, ast.ImportFrom) or line.module is None:
                raise self._source.error(line, "in `with read_base():` write only lines like from .base import *")
            if self._bases.module is None:
                mark = self._source.mark(line, "is looked for beside the file; give the file's path, not its text")
                for alias in line.names:
                    for name in DECIDING if alias.name == "*" else [alias.asname or alias.name]:
                        self._evaluator.bind(name, mark)
                continue
            found = self._bases.module(line.module, line.level)
            here = values.setdefault(
                (line.module, line.level),
                {name: held_by_base(value, new_sets=True) for name, value in found.values.items()},
            )
            for alias in line.names:
                if alias.name == "*":
                    taken = {name: name for name in here}
                elif alias.name in here:
                    taken = {alias.asname or alias.name: alias.name}
                else:
                    module = "." * line.level + line.module
                    raise self._source.error(line, f"{module} has no {alias.name}")
                for name, theirs in taken.items():
                    self._evaluator.bind(name, here[theirs])
                    if theirs in found.imported:
                        self._evaluator.imported.add(name)

    def _names_for_users(self, inherited: Mapping[str, Any]) -> FileNames:
        """Return plain values, merged upon those of the bases."""
        evaluator = self._evaluator
        imported = frozenset(evaluator.imported)
        plain = PlainValues(evaluator.memory)
        base = {
            name: evaluator.all_unknown or plain.of(value, lambda: NeedsRunning(1, "_base_", self._source.name))
            for name, value in (self._base or {}).items()
        }
        plain = PlainValues(evaluator.memory, lambda reference: referred_value(reference, base))
        own = {
            name: value if name in imported else plain.of(value, partial(self._mark_of, name))
            for name, value in evaluator.names.items()
            if not name.startswith("__") and name != "_base_"
        }
        if self._base is None:
            return FileNames(own, imported)
        values = {name: value for name, value in own.items() if name not in imported}
        together = merge_upon_base(base, values, self._source.name)
        together.update({name: own[name] for name in imported if name in own})
        return FileNames(together, imported)

    def _mark_of(self, name: str) -> NeedsRunning:
        """Return a placeholder at the last statement that binds a name."""
        if not self._lines:
            self._lines = {name: one for one in self._source.tree.body for name in name_usage([one]).bound}
        return self._source.mark(self._lines.get(name, self._source.tree))


def referred_value(reference: BaseReference, base: Mapping[str, Any]) -> Any:
    """Return the value that `{{ _base_.a.b }}` refers to."""
    found: Any = base
    for part in reference.path.split("."):
        if not isinstance(found, dict) or part not in found:
            mark = reference.mark
            return NeedsRunning(mark.line, f"_base_.{reference.path}", mark.source, "is not in the bases")
        found = found[part]
    return found


def _is_base_line(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id="_base_"), *_]):
            return True
    return False


def _is_base_block(statement: ast.stmt) -> bool:
    match statement:
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=ast.Name(id="read_base")))]):
            return True
    return False
