"""A Python config file with its own statements and its bases, and the final values of its names."""

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, final

from paramsched.core.base.codes import UNREADABLE
from paramsched.core.base.printing import ROOT, child_path
from paramsched.core.base.problem import Problem
from paramsched.core.files.diagnostic_collector import type_name_of
from paramsched.errors import ConfigError
from paramsched.mmengine.python_config.evaluator import DECIDING, ConfigEvaluator, bound_names
from paramsched.mmengine.python_config.source import PythonSource
from paramsched.mmengine.python_config.values import (
    ATOMS,
    MOST_DEPTH,
    AllUnknown,
    BaseDict,
    BaseReference,
    Budget,
    ImportedName,
    NeedsRunning,
    References,
    held_by_base,
)


@final
class PlainValues:
    """A converter of a file's values to plain values.

    Shared objects stay shared, so that forty nested `[a, a]` cost no more than in the file. A value that would be too
    large as a tree becomes a placeholder.

    Args:
        referred: returns the value of `{{ _base_.x }}`.
    """

    def __init__(self, evaluator: ConfigEvaluator, referred: Callable[[BaseReference], Any] | None = None) -> None:
        self._evaluator, self._referred = evaluator, referred
        self._done: dict[int, tuple[Any, int, object]] = {}
        self._doing: set[int] = set()

    def of(self, value: Any, mark: Callable[[], NeedsRunning]) -> Any:
        """Return the plain value. If it is too large or contains itself, return the placeholder that `mark` creates."""
        return value if type(value) in ATOMS else self._plain_and_size(value, MOST_DEPTH, mark)[0]

    def _plain_and_size(self, value: Any, depth: int, mark: Callable[[], NeedsRunning]) -> tuple[Any, int]:
        """Return the pair (plain value, number of values in it)."""
        value = self._evaluator.seen(value)
        kind = type(value)
        if kind in ATOMS or kind is NeedsRunning:
            return value, 1
        if kind is ImportedName:
            standard = value.dotted.split(".")[0] in sys.stdlib_module_names
            return (NeedsRunning(value.line, value.dotted.removeprefix("builtins.")) if standard else value), 1
        if kind is BaseReference:
            return (value.mark if self._referred is None else self._referred(value)), 1
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
        if size > self._evaluator.budget.largest:
            plain, size = replace(mark(), why="contains too much"), 1
        self._done[id(value)] = plain, size, value
        return plain, size


@final
@dataclass(frozen=True, slots=True)
class FileNames:
    """The names that a file provides to files based on it.

    Args:
        values: a dict from name to value.
        imported: the names of modules, classes and functions.
    """

    values: Mapping[str, Any]
    imported: frozenset[str] = frozenset()


@final
class PythonFile:
    """A reader of one file that does not run it.

    Args:
        references: the texts that replace `{{ _base_.x }}` in it.
        names_of_paths: returns a dict from name to value for all files in `_base_`.
        names_of_module: returns the names of the file that `from .base import …` means. It is None if the folder of the
            file is unknown.
    """

    def __init__(
        self,
        source: PythonSource,
        budget: Budget,
        references: References,
        names_of_paths: Callable[[Any], Mapping[str, Any]],
        names_of_module: Callable[[str, int], FileNames] | None,
    ) -> None:
        self._source, self._names_of_paths, self._names_of_module = source, names_of_paths, names_of_module
        self._evaluator = ConfigEvaluator(source, budget, references)
        self._base: BaseDict | None = None
        self._lines: dict[str, ast.stmt] = {}

    def read(self) -> FileNames:
        """Return the names of the file, including those of its bases."""
        body = self._source.tree.body
        base_line: ast.Assign | None = None
        base_block: ast.With | None = None
        for statement in reversed(body):  # the first definition of each name counts
            match statement:
                case ast.Assign(targets=[ast.Name(id="_base_"), *_]):
                    base_line = statement
                case ast.With(items=[ast.withitem(context_expr=ast.Call(func=ast.Name(id="read_base")))]):
                    base_block = statement
        if base_line is not None and base_block is not None:
            both = "the file has both `_base_` and `with read_base():`"
            raise self._source.error(base_block, both, "Use one of them, because MMEngine rejects a file with both")
        inherited: Mapping[str, Any] = {}
        try:
            if base_block is not None:
                self._import_bases(base_block)
            else:
                if base_line is not None:
                    paths = self._evaluator.value(base_line.value)
                    mark = partial(self._source.mark, base_line)
                    inherited = self._names_of_paths(PlainValues(self._evaluator).of(paths, mark))
                # The names of the bases are defined first, wherever the line is.
                self._base = BaseDict({name: held_by_base(value) for name, value in inherited.items()})
                self._evaluator.bind("_base_", self._base)
            self._evaluator.run([one for one in body if one is not base_block])
            return self._names_for_users()
        except AllUnknown as cause:
            unknown = self._source.mark(body[0], cause.why)
            return FileNames(dict.fromkeys([*inherited, *DECIDING, *bound_names(body)], unknown))

    def _import_bases(self, block: ast.With) -> None:
        """Bind the names of `with read_base():` before the first statement."""
        values: dict[tuple[str, int], dict[str, Any]] = {}
        for line in block.body:
            if not isinstance(line, ast.ImportFrom) or line.module is None:
                raise self._source.error(line, "in `with read_base():` write only lines like from .base import *")
            if self._names_of_module is None:
                mark = self._source.mark(line, "is in an unknown folder; pass the path of the config, not its text")
                for alias in line.names:
                    for name in DECIDING if alias.name == "*" else [alias.asname or alias.name]:
                        self._evaluator.bind(name, mark)
                continue
            found = self._names_of_module(line.module, line.level)
            here = values.setdefault(
                (line.module, line.level),
                {name: held_by_base(value) for name, value in found.values.items()},
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

    def _names_for_users(self) -> FileNames:
        """Return plain values, merged into those of the bases."""
        evaluator = self._evaluator
        imported = frozenset(evaluator.imported)
        plain = PlainValues(evaluator)
        base = {
            name: evaluator.all_unknown or plain.of(value, lambda: NeedsRunning(1, "_base_", self._source.name))
            for name, value in (self._base or {}).items()
        }
        plain = PlainValues(evaluator, lambda reference: referred_value(reference, base))
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
            self._lines = {name: one for one in self._source.tree.body for name in bound_names([one])}
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


def public_names(names: FileNames) -> dict[str, Any]:
    """Return the names for users; modules, classes and functions become placeholders, because they are not values."""
    return {
        name: NeedsRunning(value.line, str(value))
        if name in names.imported and isinstance(value, ImportedName)
        else value
        for name, value in names.values.items()
    }


_TO_REPLACE: Final = "Set _delete_=True in the dict to replace what the base has"


def merge_upon_base(
    base: Mapping[str, Any],
    over: Mapping[str, Any],
    source: str = "config",
    path: str = ROOT,
    *,
    instead: str = _TO_REPLACE,
) -> dict[str, Any]:
    """Return `base` updated by `over`. Dicts are merged recursively.

    Other values, and dicts with `_delete_=True`, replace the value in `base`.

    Args:
        source, path: the file's name and the config path of `over`, for messages.
        instead: the advice of the error for a dict that would be merged into a value of another type.

    >>> merge_upon_base({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    out = dict(base)
    for key, value in over.items():
        before = out.get(key)
        if not isinstance(value, dict) or key not in out:
            out[key] = value
            continue
        replaces = value.get("_delete_", False)
        value = {name: one for name, one in value.items() if name != "_delete_"}
        if isinstance(replaces, NeedsRunning):
            out[key] = replaces
        elif replaces:
            out[key] = value
        elif isinstance(before, NeedsRunning):
            out[key] = before
        elif isinstance(before, dict):
            out[key] = merge_upon_base(before, value, source, child_path(path, key), instead=instead)
        else:
            found = f"a dict here, and {type_name_of(before)} in the base"
            raise ConfigError(source, [Problem(child_path(path, key), found, instead, code=UNREADABLE)])
    return out
