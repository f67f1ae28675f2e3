"""What evaluating an expression needs: the file, its names, its memory, and what to do in doubt."""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

from paramsched.config.python_config.base_references import References
from paramsched.config.python_config.limits import MOST_DEPTH
from paramsched.config.python_config.memory import REFUSALS, Memory, NotKnown
from paramsched.config.python_config.mentions import (
    mentions_of,
)
from paramsched.config.python_config.namespace import Namespace
from paramsched.config.python_config.source import PythonSource
from paramsched.config.python_config.values import Imported, NeedsRunning

Locals = dict[str, Any] | None
"""Names of the comprehensions around an expression."""


@final
class Doubt(BaseException):
    """An expression cannot be followed further; `value` makes a mark of it."""


@final
class ReachesNames(BaseException):
    """Something could bind any name of the file.

    Args:
        node: what.
    """

    def __init__(self, node: ast.AST) -> None:
        self.node = node


@final
class ConfigEvaluator:
    """Evaluates expressions of one file.

    Args:
        source: the file.
        names: its names.
        references: what stands for `{{ _base_.x }}`, by the text that replaced it.
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
        if any(self.names.is_way_to_names(name) for name in found.names):
            raise ReachesNames(nodes[0])
        if any(type(self.names.values.get(name)) is Imported for name in found.changed):
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
