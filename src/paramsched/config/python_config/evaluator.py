"""What evaluating an expression needs: the file, its names, its memory, and what to do in doubt."""

import ast
import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn, final

from paramsched.config.python_config.mentions import (
    PythonSource,
    mentions_of,
    reaches_by_module,
)
from paramsched.config.python_config.values import (
    MOST_DEPTH,
    MUTABLE,
    REFUSALS,
    BaseReference,
    Builtin,
    Imported,
    Memory,
    NeedsRunning,
    NotKnown,
)

_BUILTINS: Final = frozenset(name for name in dir(builtins) if not name.startswith("_"))

DECIDING: Final = (
    "_base_",
    "auto_scale_lr",
    "default_hooks",
    "optim_wrapper",
    "param_scheduler",
    "train_cfg",
    "train_dataloader",
)
"""Names that decide a plan: where unknown code may bind any name, these are marked even if the file never says them."""


@final
class Namespace:
    """What the names of one file stand for.

    Args:
        memory: where lists and dicts are lost.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.values: dict[str, Any] = {}
        self.imported: set[str] = set()
        """Names that an `import`, a `def` or a `class` bound last."""
        self._later: dict[str, NeedsRunning] = {}
        self._bound_later: dict[str, NeedsRunning] = {}
        self._shadowed: NeedsRunning | None = None

    def read(self, name: str, line: int = 0) -> Any:
        """What a name stands for; raises KeyError."""
        if name in self.values:
            return self.memory.seen(self.values[name])
        if name in _BUILTINS:
            return self._shadowed or Builtin(name, line)
        raise KeyError(name)

    def bind(self, name: str, value: Any) -> None:
        """`name = value`."""
        if name in self._bound_later:
            # The name may still lead to the value, so whatever is done by the name may be done to it.
            self.memory.lose((value,), self._bound_later[name])
            value = self._bound_later[name]
        elif name in self._later and (type(value) in MUTABLE or type(value) is tuple):
            self.memory.lose((value,), self._later[name])
        self.values[name] = value
        self.imported.discard(name)

    def bind_import(self, name: str, value: Imported | NeedsRunning) -> None:
        """`import name`, and what a `def` or a `class` binds."""
        self.bind(name, value)
        self.imported.add(name)

    def delete(self, name: str) -> None:
        """`del name`; raises KeyError."""
        if name in self._bound_later:
            self.values[name] = self._bound_later[name]
        else:
            del self.values[name]
        self.imported.discard(name)

    def lose(self, names: Iterable[str], mark: NeedsRunning) -> None:
        """Unknown code has what these names stand for."""
        self.memory.lose([self.values[name] for name in names if name in self.values], mark)

    def reached_by(self, names: Iterable[str]) -> list[Any]:
        """Every list, dict and set that these names lead to."""
        return self.memory.all_reached_by([self.values[name] for name in names if name in self.values])

    def leave_to_code(self, names: Iterable[str], bound: Iterable[str], mark: NeedsRunning) -> None:
        """Code that may run at any time from now on mentions and binds these names."""
        for name in names:
            self._later.setdefault(name, mark)
        self.lose(names, mark)
        for name in bound:
            self._bound_later.setdefault(name, mark)
            self.values[name] = mark

    def bind_unknown_names(self, mark: NeedsRunning) -> None:
        """`from m import *`: any name may be another's now, and any that is missing may be there."""
        for name in (*self.values, *DECIDING):
            self.values[name] = mark
        self._shadowed = mark

    def give_up(self, mark: NeedsRunning) -> None:
        """Nothing is known any more but numbers and texts that were bound before."""
        for name, value in self.values.items():
            if type(value) in MUTABLE or type(value) is tuple:
                self.values[name] = mark


@final
class References:
    """The texts that stand for `{{ _base_.x }}` while a file is read.

    Args:
        sign: a text that is in each of them, and nowhere else in the file.
        paths: the path after `_base_`, by the text that stands for it.
    """

    def __init__(self, sign: str = "", paths: Mapping[str, str] | None = None) -> None:
        self._sign, self._paths = sign, dict(paths or {})

    def __bool__(self) -> bool:
        return bool(self._sign)

    def read(self, text: str, mark: Callable[[], NeedsRunning]) -> Any:
        """What a text in the file means: itself, a reference, or a mark where a reference is only a part of it."""
        if not self._sign or self._sign not in text:
            return text
        path = self._paths.get(text)
        return mark() if path is None else BaseReference(path, mark())


Locals = dict[str, Any] | None
"""Names of the comprehensions around an expression."""


@final
class Doubt(BaseException):
    """An expression cannot be followed further; `value` makes a mark of it."""


@final
class ReachesNames(BaseException):
    """Something could bind any name of the file."""

    def __init__(self, node: ast.AST) -> None:
        self.node = node


@final
class ConfigEvaluator:
    """Evaluates expressions of one file.

    Args:
        handlers: what gives the value of an expression, by the type of its node.
    """

    def __init__(self, source: PythonSource, names: Namespace, references: References, handlers: "Handlers") -> None:
        self.source, self.names, self.references = source, names, references
        self._handler_of = handlers.get
        self.memory: Memory = names.memory

    def value(self, node: ast.expr, local: Locals = None, depth: int = 0) -> Any:
        """What an expression gives; a `NeedsRunning` where only running it would tell."""
        self.memory.budget.spend(1)
        handler = self._handler_of(type(node))
        if handler is None or depth >= MOST_DEPTH:
            return self.mark_in_doubt(node, local)
        try:
            return handler(self, node, local, depth + 1)
        except Doubt:
            return self.mark_in_doubt(node, local)

    def mark_in_doubt(self, node: ast.expr, local: Locals = None) -> NeedsRunning:
        """The mark of an expression of which nothing is known; code in it may have whatever it mentions."""
        mark = self.source.mark(node)
        self.give_up([node], mark, local)
        return mark

    def give_up(self, nodes: Sequence[ast.AST], mark: NeedsRunning, local: Locals = None) -> None:
        """Mark whatever these pieces could have changed."""
        found = mentions_of(nodes)
        self.memory.budget.spend(found.nodes)
        self.memory.doubts += 1
        if found.reaches is not None:
            raise ReachesNames(found.reaches)
        for name in found.names:
            value = self.names.values.get(name)
            # A module whose functions lead to the names of the file, or that may have another function now.
            if type(value) is Imported and (name in found.changed or reaches_by_module(value.dotted)):
                raise ReachesNames(nodes[0])
        if local:
            self.memory.lose([local[name] for name in found.names if name in local], mark)
        self.names.lose(found.names, mark)
        self.names.leave_to_code(found.later, found.bound_later, mark)
        for name in found.bound:
            self.names.bind(name, mark)
        if found.star is not None:
            self.names.bind_unknown_names(self.source.mark(found.star, "may change any name"))

    def mark_unknown(self, node: ast.AST, *operands: Any, why: str = "would have to be run") -> NeedsRunning:
        """The mark of an operation on these values, which it may have kept or changed."""
        mark = self.source.mark(node, why)
        self.memory.doubts += 1
        self.memory.lose(operands, mark)
        return mark

    def refuse(self, node: ast.AST, *operands: Any) -> NoReturn:
        """Mark an operation as `mark_unknown` does, and follow the expression no further."""
        self.mark_unknown(node, *operands)
        raise Doubt

    def lose(self, values: Iterable[Any], node: ast.AST) -> None:
        """Unknown code has these from now on: this piece."""
        self.memory.lose(values, self.source.mark(node))

    def try_out(self, node: ast.AST, operands: Iterable[Any], operation: Callable[[], Any]) -> Any:
        """What an operation gives, or a mark where it cannot be known or Python raises an error."""
        try:
            return operation()
        except NotKnown as refusal:
            return self.mark_unknown(node, *operands, why=refusal.why)
        except REFUSALS as error:
            return self.mark_unknown(node, *operands, why=f"raises {type(error).__name__}")
        except Doubt:
            self.mark_unknown(node, *operands)
            raise


Handlers = Mapping[type[ast.expr], Callable[[ConfigEvaluator, Any, Locals, int], Any]]
"""What gives the value of an expression: a function of the evaluator, the node, the names around it and the depth."""
