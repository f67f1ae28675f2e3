"""A Python config file: its own statements, what it takes from the bases, and what its names hold in the end."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

from paramsched.config.merge_configs import merge_upon_base
from paramsched.config.python_config.calls import evaluator_of
from paramsched.config.python_config.evaluator import DECIDING, Namespace, References
from paramsched.config.python_config.functions import is_standard
from paramsched.config.python_config.mentions import PythonSource, mentions_of
from paramsched.config.python_config.statements import Statements
from paramsched.config.python_config.values import (
    ATOMS,
    MOST_DEPTH,
    BaseDict,
    BaseReference,
    Budget,
    BudgetSpent,
    Builtin,
    Imported,
    ImportedName,
    Memory,
    NeedsRunning,
    NotKnown,
)


@final
class PlainValues:
    """Makes plain values of those of a file.

    What is shared stays shared, so that `[a, a]` forty times over costs no more than it did in the file; a value that
    would be too large for who goes through it is a mark.

    Args:
        referred: what `{{ _base_.x }}` refers to.
    """

    def __init__(self, memory: Memory, referred: Callable[[BaseReference], Any] | None = None) -> None:
        self._memory, self._referred = memory, referred
        self._done: dict[int, tuple[Any, int, object]] = {}
        self._doing: set[int] = set()

    def of(self, value: Any, mark: Callable[[], NeedsRunning]) -> Any:
        """The plain value; `mark` gives what stands for it where it is too large, or in itself."""
        return value if type(value) in ATOMS else self._plain_and_size(value, MOST_DEPTH, mark)[0]

    def _plain_and_size(self, value: Any, depth: int, mark: Callable[[], NeedsRunning]) -> tuple[Any, int]:
        """The value, and how many values it holds."""
        value = self._memory.seen(value)
        kind = type(value)
        if kind in ATOMS or kind is NeedsRunning or kind is Imported:
            return value, 1
        if kind is Builtin:
            return NeedsRunning(value.line, value.name), 1
        if kind is BaseReference:
            return (value.mark if self._referred is None else self._referred(value)), 1
        if kind in (set, frozenset):
            return kind(value), 1 + len(value)
        if kind not in (list, tuple, dict, BaseDict):
            return mark(), 1
        if id(value) in self._done:
            return self._done[id(value)][:2]
        if depth == 0 or id(value) in self._doing:
            return replace(mark(), why="is nested too deep, or in itself"), 1
        self._doing.add(id(value))
        size, items = 1, []
        for one in value.values() if isinstance(value, dict) else value:
            item, inner = (one, 1) if type(one) in ATOMS else self._plain_and_size(one, depth - 1, mark)
            items.append(item)
            size += inner
        plain: Any = dict(zip(value, items, strict=True)) if isinstance(value, dict) else kind(items)
        self._doing.discard(id(value))
        if size > self._memory.budget.largest:
            plain, size = replace(mark(), why="holds too much"), 1
        self._done[id(value)] = plain, size, value
        return plain, size


@final
class PublicValues:
    """Makes of plain values what users get: what is imported becomes its name, or a mark where it is Python's own."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, object]] = {}

    def of(self, value: Any) -> Any:
        """The value for users."""
        kind = type(value)
        if kind is Imported:
            if is_standard(value.dotted):
                return NeedsRunning(value.line, value.dotted)
            return ImportedName(value.name, value.module)
        if kind not in (list, tuple, dict):
            return value
        if id(value) not in self._done:
            made: Any
            if kind is dict:
                made = {key: self.of(one) if type(one) not in ATOMS else one for key, one in value.items()}
            else:
                made = kind([self.of(one) if type(one) not in ATOMS else one for one in value])
            self._done[id(value)] = made, value
        return self._done[id(value)][0]


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
        references: what stands in it for `{{ _base_.x }}`.
    """

    def __init__(self, source: PythonSource, budget: Budget, references: References, bases: BaseReader) -> None:
        self._source, self._bases = source, bases
        self._memory = Memory(budget)
        self._names = Namespace(self._memory)
        self._evaluator = evaluator_of(source, self._names, references)
        self._base: BaseDict | None = None

    def read(self) -> FileNames:
        """Its names, those of its bases among them."""
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
            statements = Statements(self._evaluator, [one for one in (base_line, base_block) if one is not None])
            statements.run_file(body)
            return self._names_for_users(inherited, statements.in_the_dark)
        except BudgetSpent:
            mark = self._source.mark(body[0], "takes too long to follow")
            return FileNames(dict.fromkeys([*inherited, *mentions_of(body).bound], mark))

    def _read_bases(self, line: ast.stmt | None) -> Mapping[str, Any]:
        """The names of the files in `_base_ = …`; they come first, wherever the line stands."""
        inherited: Mapping[str, Any] = {}
        if isinstance(line, ast.Assign):
            paths = PlainValues(self._memory).of(self._evaluator.value(line.value), lambda: self._source.mark(line))
            inherited = self._bases.paths(paths)
        self._base = BaseDict({name: self._as_base(value, line) for name, value in inherited.items()})
        self._names.bind("_base_", self._base)
        return inherited

    def _as_base(self, value: Any, line: ast.AST | None) -> Any:
        try:
            return self._memory.as_held_by_base(value, own_sets=True)
        except NotKnown:
            return self._source.mark(line or self._source.tree, "is nested too deep")

    def _import_bases(self, block: ast.With) -> None:
        """`with read_base():`: its names are there before the first line is run."""
        values: dict[tuple[str, int], dict[str, Any]] = {}
        for line in block.body:
            if not isinstance(line, ast.ImportFrom) or line.module is None:
                raise self._source.error(line, "in `with read_base():` write only lines like from .base import *")
            if self._bases.module is None:
                mark = self._source.mark(line, "is looked for beside the file; give the file's path, not its text")
                for alias in line.names:
                    for name in DECIDING if alias.name == "*" else [alias.asname or alias.name]:
                        self._names.bind(name, mark)
                continue
            found = self._bases.module(line.module, line.level)
            here = values.setdefault(
                (line.module, line.level), {name: self._as_base(value, line) for name, value in found.values.items()}
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
                    self._names.bind(name, here[theirs])
                    if theirs in found.imported:
                        self._names.imported.add(name)

    def _names_for_users(self, inherited: Mapping[str, Any], in_the_dark: NeedsRunning | None) -> FileNames:
        """Plain values, upon those of the bases."""
        values = {name: value for name, value in self._names.values.items() if not name.startswith("__")}
        values.pop("_base_", None)
        imported = frozenset(self._names.imported)
        plain = PlainValues(self._memory)
        base: dict[str, Any] = {}
        for name, value in (self._base or {}).items():
            base[name] = in_the_dark or plain.of(value, lambda: NeedsRunning(1, "_base_", self._source.name, "has it"))
        own = self._own_values(values, PlainValues(self._memory, lambda reference: referred_value(reference, base)))
        if self._base is None:
            return FileNames(own, imported)
        values = {name: value for name, value in own.items() if name not in imported}
        together = merge_upon_base(base, values, self._source.name)
        together.update({name: own[name] for name in imported if name in own})
        return FileNames(together, imported)

    def _own_values(self, values: Mapping[str, Any], plain: PlainValues) -> dict[str, Any]:
        """The file's own names, as plain values."""
        lines: dict[str, ast.stmt] = {}

        def mark_of(name: str) -> NeedsRunning:
            if not lines:
                for statement in self._source.tree.body:
                    lines.update(dict.fromkeys(mentions_of([statement]).bound, statement))
            return self._source.mark(lines[name]) if name in lines else NeedsRunning(1, name)

        return {name: plain.of(value, partial(mark_of, name)) for name, value in values.items()}


def referred_value(reference: BaseReference, base: Mapping[str, Any]) -> Any:
    """What `{{ _base_.a.b }}` refers to."""
    found: Any = base
    for part in reference.path.split("."):
        if not isinstance(found, dict) or part not in found:
            mark = reference.mark
            return NeedsRunning(mark.line, f"_base_.{reference.path}", mark.source, "is nothing in the bases")
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
