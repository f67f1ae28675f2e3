"""Expressions: what they give, or a mark of what would have to be run."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, final

from paramsched.config.python_config import containers, functions
from paramsched.config.python_config.arithmetic import (
    apply_binary,
    apply_comparison,
    apply_unary,
    known_truth,
    within_digits,
)
from paramsched.config.python_config.limits import MOST_DEPTH
from paramsched.config.python_config.memory import REFUSALS, Memory, NotKnown
from paramsched.config.python_config.mentions import (
    mentions_of,
    reaches_by_attribute,
    reaches_by_module,
    reaches_by_name,
)
from paramsched.config.python_config.namespace import Namespace
from paramsched.config.python_config.source import PythonSource
from paramsched.config.python_config.texts import PLAIN_METHODS, call_text_method, format_value
from paramsched.config.python_config.values import BaseDict, BaseReference, Builtin, Imported, NeedsRunning, Produced

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
@dataclass(frozen=True, slots=True)
class Walk:
    """A way through the values of an iterable.

    Args:
        items: Python's own iterator over the real object, so that changes on the way are met as Python meets them.
        roots: the lists and dicts it goes through.
    """

    items: Iterator[Any]
    roots: tuple[Any, ...]


_VIEWS: Final = ("items", "keys", "values")
_LOOKING_METHODS: Final = PLAIN_METHODS | {"copy", "format", "get", "items", "join", "keys", "replace", "values"}
"""Methods that change nothing."""


@final
class Expressions:
    """Evaluates expressions of one file.

    Args:
        source: the file.
        names: its names.
        references: what stands for `{{ _base_.x }}`, by the text that replaced it.
    """

    def __init__(self, source: PythonSource, names: Namespace, references: "References") -> None:
        self.source, self.names, self.references = source, names, references
        self.memory: Memory = names.memory

    def value(self, node: ast.expr, local: Locals = None, depth: int = 0) -> Any:
        """What an expression gives; an `Unreadable` where only running it would tell."""
        self.memory.budget.spend(1)
        handler = _HANDLERS.get(type(node))
        if handler is None or depth >= MOST_DEPTH:
            return self.doubt(node, local)
        try:
            return handler(self, node, local, depth + 1)
        except Doubt:
            return self.doubt(node, local)

    def doubt(self, node: ast.expr, local: Locals = None) -> NeedsRunning:
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
            self.names.star(self.source.mark(found.star, "may change any name"))

    def unknown(self, node: ast.AST, *operands: Any, why: str = "would have to be run") -> NeedsRunning:
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
            return self.unknown(node, *operands, why=refusal.why)
        except REFUSALS as error:
            return self.unknown(node, *operands, why=f"raises {type(error).__name__}")
        except Doubt:
            self.unknown(node, *operands)
            raise

    # Names and attributes.

    def _constant(self, node: ast.Constant, local: Locals, depth: int) -> Any:
        value = node.value
        if type(value) is str and self.references:
            return self.references.read(value, lambda: self.source.mark(node))
        if type(value) is int and value.bit_length() > 64:
            return self.try_out(node, (), lambda: within_digits(value))
        return value

    def _name(self, node: ast.Name, local: Locals, depth: int) -> Any:
        if local and node.id in local:
            value = self.memory.seen(local[node.id])
        elif reaches_by_name(node.id) and node.id not in self.names.values:
            raise ReachesNames(node)
        else:
            try:
                value = self.names.read(node.id, node.lineno)
            except KeyError:
                return self.unknown(node)
        if type(value) is NeedsRunning:
            self.memory.doubts += 1
        elif type(value) is Imported and reaches_by_module(value.dotted):
            raise ReachesNames(node)
        return value

    def _attribute(self, node: ast.Attribute, local: Locals, depth: int) -> Any:
        holder = self.value(node.value, local, depth)
        return self.attribute(node, holder, node.attr)

    def attribute(self, node: ast.AST, holder: Any, name: str) -> Any:
        """`holder.name`."""
        if type(holder) is BaseDict and name not in containers.BASE_DICT_NAMES and not name.startswith("__"):
            return self.try_out(node, (holder,), lambda: self.memory.seen(holder[name]))
        if reaches_by_attribute(name):
            raise ReachesNames(node)
        if type(holder) is Imported:
            dotted = f"{holder.dotted}.{name}"
            if not functions.is_always_there(holder.dotted, name):
                self.memory.doubts += 1
            return functions.CONSTANTS.get(dotted, Imported(holder.dotted, name, getattr(node, "lineno", holder.line)))
        return self.unknown(node, holder)

    def _subscript(self, node: ast.Subscript, local: Locals, depth: int) -> Any:
        holder = self.value(node.value, local, depth)
        key = self.value(node.slice, local, depth)
        return self.item(node, holder, key)

    def item(self, node: ast.AST, holder: Any, key: Any) -> Any:
        """`holder[key]`."""
        return self.try_out(node, (holder, key), lambda: containers.get_item(holder, key, self.memory))

    def _slice(self, node: ast.Slice, local: Locals, depth: int) -> Any:
        parts = [
            None if part is None else self.value(part, local, depth) for part in (node.lower, node.upper, node.step)
        ]
        if any(type(part) not in (int, bool, type(None)) for part in parts):
            return self.unknown(node, *parts)
        return slice(*parts)

    def _named(self, node: ast.NamedExpr, local: Locals, depth: int) -> Any:
        value = self.value(node.value, local, depth)
        self.names.bind(node.target.id, value)
        return self.names.read(node.target.id)

    # Operators.

    def _unary(self, node: ast.UnaryOp, local: Locals, depth: int) -> Any:
        value = self.value(node.operand, local, depth)
        if isinstance(node.op, ast.Not):
            known = known_truth(value)
            return self.unknown(node) if known is None else not known
        return self.try_out(node, (value,), lambda: apply_unary(node.op, value))

    def _binary(self, node: ast.BinOp, local: Locals, depth: int) -> Any:
        left = self.value(node.left, local, depth)
        right = self.value(node.right, local, depth)
        return self.operation(node, node.op, left, right)

    def operation(self, node: ast.AST, op: ast.operator, left: Any, right: Any) -> Any:
        """`left op right`."""
        return self.try_out(node, (left, right), lambda: apply_binary(op, left, right, self.memory))

    def _bool(self, node: ast.BoolOp, local: Locals, depth: int) -> Any:
        value: Any = None
        for index, part in enumerate(node.values):
            value = self.value(part, local, depth)
            known = known_truth(value)
            if known is None and index < len(node.values) - 1:
                mark = self.unknown(node, value)
                self.give_up(node.values[index + 1 :], mark, local)
                return mark
            if known is isinstance(node.op, ast.Or):
                return value
        return value

    def _compare(self, node: ast.Compare, local: Locals, depth: int) -> Any:
        left = self.value(node.left, local, depth)
        for index, (op, part) in enumerate(zip(node.ops, node.comparators, strict=True)):
            view = isinstance(op, (ast.In, ast.NotIn)) and isinstance(part, ast.Call)
            right = self._argument(part, local, depth) if view else None
            right = self.value(part, local, depth) if right is None else right
            try:
                holds = apply_comparison(op, left, right if type(right) is not Produced else list(right), self.memory)
            except REFUSALS:
                mark = self.unknown(node, left, right)
                self.give_up(node.comparators[index + 1 :], mark, local)
                return mark
            if not holds:
                return False
            left = right
        return True

    def _conditional(self, node: ast.IfExp, local: Locals, depth: int) -> Any:
        known = known_truth(self.value(node.test, local, depth))
        if known is None:
            mark = self.unknown(node)
            self.give_up([node.body, node.orelse], mark, local)
            return mark
        return self.value(node.body if known else node.orelse, local, depth)

    def _joined(self, node: ast.JoinedStr, local: Locals, depth: int) -> Any:
        pieces: list[str] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.value(part.value, local, depth)
                spec = "" if part.format_spec is None else self.value(part.format_spec, local, depth)
                try:
                    if type(spec) is not str:
                        raise NotKnown
                    pieces.append(format_value(value, part.conversion, spec, self.memory))
                except REFUSALS:
                    self.unknown(node, value)
                    raise Doubt from None
            else:
                text = self.value(part, local, depth)
                if type(text) is not str:
                    raise Doubt
                pieces.append(text)
        text = "".join(pieces)
        self.memory.budget.spend(len(text) >> 6)
        return text

    # Lists, dicts, sets.

    def _elements(self, nodes: Iterable[ast.expr], local: Locals, depth: int) -> list[Any]:
        items: list[Any] = []
        try:
            for node in nodes:
                if type(node) is ast.Constant and type(node.value) in (bool, float, NoneType):
                    items.append(node.value)
                elif isinstance(node, ast.Starred):
                    items.extend(self.walk(node.value, local, depth))
                else:
                    items.append(self.value(node, local, depth))
        except Doubt:
            self.memory.lose(items, self.source.mark(node))
            raise
        return items

    def _list(self, node: ast.List, local: Locals, depth: int) -> list[Any]:
        return self._elements(node.elts, local, depth)

    def _tuple(self, node: ast.Tuple, local: Locals, depth: int) -> tuple[Any, ...]:
        return tuple(self._elements(node.elts, local, depth))

    def _dict(self, node: ast.Dict, local: Locals, depth: int) -> Any:
        mapping: dict[Any, Any] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            key = None if key_node is None else self.value(key_node, local, depth)
            value = self.value(value_node, local, depth)
            if key_node is None and type(value) in (dict, BaseDict):
                self.memory.budget.spend(len(value) // 4)
                mapping.update(value)
            elif key_node is not None and containers.is_key(key, self.memory):
                mapping[key] = value
            else:
                self.unknown(node, key, value, mapping)
                raise Doubt
        return mapping

    def _set(self, node: ast.Set, local: Locals, depth: int) -> Any:
        items = self._elements(node.elts, local, depth)
        return self.try_out(node, items, lambda: functions.BUILTINS["set"]([items], {}, self.memory))

    def _list_comprehension(self, node: ast.ListComp, local: Locals, depth: int) -> Any:
        return self._collected(self._each(node, local, depth), node)

    def _set_comprehension(self, node: ast.SetComp, local: Locals, depth: int) -> Any:
        items = self._collected(self._each(node, local, depth), node)
        return self.try_out(node, items, lambda: functions.BUILTINS["set"]([items], {}, self.memory))

    def _dict_comprehension(self, node: ast.DictComp, local: Locals, depth: int) -> Any:
        inner = dict(local or {})
        mapping: dict[Any, Any] = {}
        try:
            for _ in self._rounds(node.generators, local, inner, depth):
                key, value = self.value(node.key, inner, depth), self.value(node.value, inner, depth)
                if not containers.is_key(key, self.memory):
                    self.unknown(node, key, value)
                    raise Doubt
                mapping[key] = value
        except Doubt:
            self.memory.lose((mapping,), self.source.mark(node))
            raise
        return mapping

    def _collected(self, items: Iterable[Any], node: ast.AST) -> list[Any]:
        found: list[Any] = []
        try:
            for item in items:
                found.append(item)
        except Doubt:
            self.memory.lose(found, self.source.mark(node))
            raise
        return found

    def _each(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, local: Locals, depth: int) -> Iterator[Any]:
        inner = dict(local or {})
        for _ in self._rounds(node.generators, local, inner, depth):
            yield self.value(node.elt, inner, depth)

    def _rounds(
        self, generators: Sequence[ast.comprehension], outer: Locals, inner: dict[str, Any], depth: int
    ) -> Iterator[None]:
        """Goes once through a comprehension's loops for each element; the names of its loops are in `inner`."""
        first, *rest = generators
        if first.is_async:
            raise Doubt
        walk = self._walk(first.iter, outer, depth)
        try:
            for item in self._steps(walk):
                self._bind_local(first.target, item, inner)
                if all(self._surely(test, inner, depth) for test in first.ifs):
                    if rest:
                        yield from self._rounds(rest, inner, inner, depth)
                    else:
                        yield
        except Doubt:
            self.memory.lose(walk.roots, self.source.mark(first.iter))
            raise

    def _surely(self, test: ast.expr, local: Locals, depth: int) -> bool:
        known = known_truth(self.value(test, local, depth))
        if known is None:
            raise Doubt
        return known

    def _bind_local(self, target: ast.expr, value: Any, local: dict[str, Any]) -> None:
        if isinstance(target, ast.Name):
            local[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = self.unpacked(target, value)
            if parts is None:
                self.unknown(target, value)
                raise Doubt
            for part, one in zip(target.elts, parts, strict=True):
                self._bind_local(part.value if isinstance(part, ast.Starred) else part, one, local)
        else:
            self.unknown(target, value)
            raise Doubt

    def unpacked(self, target: ast.Tuple | ast.List, value: Any) -> list[Any] | None:
        """The parts of a value, one for each of these targets; None where that is not known, or does not fit."""
        try:
            value = self.memory.seen(value)
            items = containers.as_items(value, self.memory)
        except NotKnown:
            return None
        starred = [index for index, part in enumerate(target.elts) if isinstance(part, ast.Starred)]
        if not starred:
            return items if len(items) == len(target.elts) else None
        before, after = starred[0], len(target.elts) - starred[0] - 1
        if len(items) < before + after:
            return None
        end = len(items) - after
        return [*items[:before], items[before:end], *items[end:]]

    # Going through values.

    def walk(self, node: ast.expr, local: Locals = None, depth: int = 0) -> Iterator[Any]:
        """Each value an expression gives when something goes through it; raises Doubt where that is not known."""
        walk = self._walk(node, local, depth)
        try:
            yield from self._steps(walk)
        except Doubt:
            self.memory.lose(walk.roots, self.source.mark(node))
            raise

    def loop(self, node: ast.expr) -> Walk:
        """The way of a `for` through what an expression gives; raises Doubt."""
        walk = self._walk(node, None, 0)
        return Walk(self._steps(walk), walk.roots)

    def _steps(self, walk: Walk) -> Iterator[Any]:
        while True:
            if any(self.memory.seen(root) is not root for root in walk.roots):
                raise Doubt
            self.memory.budget.spend(1)
            try:
                item = next(walk.items)
            except StopIteration:
                return
            except RuntimeError:  # a dict that changed its size on the way: Python stops here
                self.memory.doubts += 1
                raise Doubt from None
            yield self.memory.seen(item)

    def _walk(self, node: ast.expr, local: Locals, depth: int) -> Walk:
        if depth >= MOST_DEPTH:
            raise Doubt
        match node:
            case ast.GeneratorExp():
                return Walk(self._each(node, local, depth + 1), ())
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in (
                "enumerate",
                "zip",
                "reversed",
                "map",
                "filter",
            ) and self._is_builtin(name, local):
                return self._walk_through(name, args, keywords, local, depth + 1)
            case ast.Call(func=ast.Attribute(value=holder_node, attr=name), args=[], keywords=[]) if name in _VIEWS:
                holder = self.value(holder_node, local, depth + 1)
                if type(holder) not in (dict, BaseDict):
                    self.unknown(node, holder)
                    raise Doubt
                view = getattr(holder, name)()
                if type(holder) is BaseDict and name != "keys":
                    view = list(view)
                return Walk(iter(view), (holder,))
        return self._walk_value(node, self.value(node, local, depth + 1))

    def _walk_value(self, node: ast.AST, value: Any) -> Walk:
        if type(value) not in (list, tuple, dict, BaseDict, str, bytes, range):
            self.unknown(node, value)
            raise Doubt
        return Walk(iter(value), (value,))

    def _walk_through(
        self, name: str, args: list[ast.expr], keywords: list[ast.keyword], local: Locals, depth: int
    ) -> Walk:
        """`enumerate(…)`, `zip(…)` and their like over real objects."""
        if any(isinstance(one, ast.GeneratorExp) for one in args[name in ("map", "filter") :]) or not args:
            raise Doubt  # two iterators that run in turn
        if name in ("map", "filter"):
            function = self._function(args[0], local, depth)
            if len(args) != 2 or keywords or (function is None and name == "map"):
                raise Doubt
            inner = self._walk(args[1], local, depth)
            steps = self._steps(inner)
            if name == "map" and function is not None:
                return Walk(map(function, steps), inner.roots)
            return Walk(self._filtered(function, steps), inner.roots)
        if name == "reversed":
            value = self.value(args[0], local, depth)
            if len(args) > 1 or keywords or type(value) not in (list, tuple, dict, str, bytes, range):
                self.unknown(args[0], value)
                raise Doubt
            return Walk(reversed(value), (value,))
        if name == "enumerate":
            inner = self._walk(args[0], local, depth)
            extra = [*args[1:], *(one.value for one in keywords if one.arg == "start")]
            start = self.value(extra[0], local, depth) if extra else 0
            if len(extra) != len(args) + len(keywords) - 1 or len(extra) > 1 or type(start) is not int:
                self.memory.lose(inner.roots, self.source.mark(args[0]))
                raise Doubt
            return Walk(enumerate(self._steps(inner), start), inner.roots)
        walks: list[Walk] = []
        try:
            for one in args:
                if isinstance(one, ast.Starred):
                    parts = list(self.walk(one.value, local, depth))
                    walks += [self._walk_value(one, part) for part in parts]
                else:
                    walks.append(self._walk(one, local, depth))
            strict = [self.value(one.value, local, depth) for one in keywords if one.arg == "strict"]
            if len(strict) != len(keywords) or any(type(one) is not bool for one in strict) or any(strict):
                raise Doubt
        except Doubt:
            self.memory.lose([root for walk in walks for root in walk.roots], self.source.mark(args[0]))
            raise
        return Walk(zip(*map(self._steps, walks)), tuple(root for walk in walks for root in walk.roots))  # noqa: B905

    def _filtered(self, function: Callable[..., Any] | None, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            known = known_truth(item if function is None else function(item))
            if known is None:
                raise Doubt
            if known:
                yield item

    def _is_builtin(self, name: str, local: Locals) -> bool:
        try:
            return not (local and name in local) and type(self.names.read(name)) is Builtin
        except KeyError:
            return False

    def _function(self, node: ast.expr, local: Locals, depth: int) -> Callable[..., Any] | None:
        """A function that computes here, of a lambda or a name; None for `None`; raises Doubt."""
        if isinstance(node, ast.Lambda):
            given = node.args
            if len(given.args) != 1 or given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg:
                raise Doubt
            if given.defaults or not _only_computes(node.body):
                raise Doubt
            name = given.args[0].arg

            def function(item: Any) -> Any:
                value = self.value(node.body, {**(local or {}), name: item}, depth)
                if not self.memory.is_known(value):
                    raise Doubt
                return value

            return function
        value = self.value(node, local, depth)
        if value is None:
            return None
        if type(value) is Builtin and value.name in functions.BUILTINS:
            known = functions.BUILTINS[value.name]

            def called(item: Any) -> Any:
                try:
                    return known([self.memory.seen(item)], {}, self.memory)
                except REFUSALS:
                    self.unknown(node, item)
                    raise Doubt from None

            return called
        self.unknown(node, value)
        raise Doubt

    # Calls.

    def _call(self, node: ast.Call, local: Locals, depth: int) -> Any:
        if isinstance(node.func, ast.Attribute):
            holder = self.value(node.func.value, local, depth)
            if type(holder) in (Imported, NeedsRunning, BaseReference):
                callee = self.attribute(node.func, holder, node.func.attr)
                return self._call_value(node, callee, local, depth)
            return self._call_method(node, holder, node.func.attr, local, depth)
        match node:
            case ast.Call(func=ast.Name(id="any" | "all" as name), args=[argument], keywords=[]) if self._is_builtin(
                name, local
            ):
                return self._any(node, argument, name == "any", local, depth)
        return self._call_value(node, self.value(node.func, local, depth), local, depth)

    def _any(self, node: ast.Call, argument: ast.expr, wanted: bool, local: Locals, depth: int) -> Any:
        if isinstance(argument, ast.Starred):
            raise Doubt
        for item in self.walk(argument, local, depth):
            known = known_truth(item)
            if known is None:
                self.unknown(node, item)
                raise Doubt
            if known is wanted:
                return wanted
        return not wanted

    def _call_value(self, node: ast.Call, callee: Any, local: Locals, depth: int) -> Any:
        name = callee.name if type(callee) is Builtin else ""
        function = functions.BUILTINS.get(name)
        if type(callee) is Imported:
            function = functions.OF_MODULES.get(callee.dotted)
        positional, named = self._arguments(node, local, depth, function=name)
        operands = (callee, *positional, *named.values())
        if name in ("getattr", "setattr", "delattr", "hasattr") and _names_a_way(positional[1:2]):
            raise ReachesNames(node)
        if name in ("setattr", "delattr") and any(type(one) is Imported for one in positional[:1]):
            raise ReachesNames(node)
        if name == "hasattr" and [type(one) for one in positional] == [BaseDict, str] and not named:
            return positional[1] in positional[0] or positional[1] in containers.BASE_DICT_NAMES
        if name == "getattr" and len(positional) in (2, 3) and type(positional[1]) is str and not named:
            return self._get_attribute(node, positional)
        if function is None:
            return self.unknown(node, *operands)
        return self.try_out(node, operands, lambda: function(positional, named, self.memory))

    def _get_attribute(self, node: ast.Call, arguments: Sequence[Any]) -> Any:
        holder, name = arguments[:2]
        if type(holder) is BaseDict and name not in containers.BASE_DICT_NAMES:
            if len(arguments) == 3 and name not in holder:
                return arguments[2]
            return self.attribute(node, holder, name)
        return self.unknown(node, *arguments)

    def _call_method(self, node: ast.Call, holder: Any, name: str, local: Locals, depth: int) -> Any:
        if reaches_by_attribute(name):
            raise ReachesNames(node)
        memory = self.memory
        if type(holder) is list and name == "sort" and not node.args:
            keywords = self._key_and_order(node.keywords, holder, local, depth)
            return self.try_out(node, (holder,), lambda: functions.sort_in_place(holder, keywords, memory))
        if type(holder) is list and name == "extend" and len(node.args) == 1 and not node.keywords:
            return self.extend(node, holder, node.args[0], local, depth)
        positional, named = self._arguments(node, local, depth, method=name, holder=holder)
        # An argument may have got hold of the holder.
        if memory.seen(holder) is not holder:
            return self.unknown(node, holder, *positional, *named.values())
        call = call_text_method if type(holder) is str else containers.call_method
        operands = (holder, *positional, *named.values())
        return self.try_out(node, operands, lambda: call(holder, name, positional, named, memory))

    def extend(self, node: ast.AST, holder: list[Any], items: ast.expr, local: Locals, depth: int) -> Any:
        """`holder.extend(items)`."""
        try:
            if isinstance(items, ast.GeneratorExp):
                given: Any = self.walk(items, local, depth)
            else:
                produced = self._argument(items, local, depth)
                given = self.value(items, local, depth) if produced is None else produced
            if self.memory.seen(holder) is not holder:
                return self.unknown(node, holder, given)
            return self.try_out(
                node, (holder, given), lambda: containers.call_method(holder, "extend", [given], {}, self.memory)
            )
        except Doubt:
            self.unknown(node, holder)
            raise

    def _key_and_order(self, keywords: list[ast.keyword], holder: Any, local: Locals, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        try:
            for keyword in keywords:
                if keyword.arg is None:
                    raise Doubt
                if keyword.arg == "key":
                    found["key"] = self._function(keyword.value, local, depth)
                else:
                    found[keyword.arg] = self.value(keyword.value, local, depth)
        except Doubt:
            self.memory.lose((holder,), self.source.mark(keywords[0].value))
            raise
        return found

    def _arguments(
        self, node: ast.Call, local: Locals, depth: int, *, function: str = "", method: str = "", holder: Any = None
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call, in Python's order; iterators as lists where the function goes through them."""
        taking = function in functions.TAKES_ITERABLES or method == "join"
        positional: list[Any] = []
        named: dict[str, Any] = {}
        try:
            for one in node.args:
                if isinstance(one, ast.Starred):
                    positional.extend(self.walk(one.value, local, depth))
                else:
                    produced = self._argument(one, local, depth) if taking else None
                    positional.append(self.value(one, local, depth) if produced is None else produced)
            for keyword in node.keywords:
                if keyword.arg == "key" and function in ("max", "min", "sorted"):
                    named["key"] = self._function(keyword.value, local, depth)
                    continue
                value = self.value(keyword.value, local, depth)
                if keyword.arg is not None:
                    named[keyword.arg] = value
                elif type(value) in (dict, BaseDict) and all(type(key) is str and key not in named for key in value):
                    named.update(value)
                else:
                    self.unknown(node, value)
                    raise Doubt
        except Doubt:
            self.memory.lose((holder, *positional, *named.values()), self.source.mark(node))
            raise
        return positional, named

    def produced(self, node: ast.expr) -> Produced | None:
        """What an iterator gives, all of it; None where the expression is none; raises Doubt."""
        return self._argument(node, None, 0)

    def _argument(self, node: ast.expr, local: Locals, depth: int) -> Produced | None:
        """What an iterator gives, all of it; None where the expression is none."""
        match node:
            case ast.GeneratorExp():
                pass
            case ast.Call(func=ast.Name(id="enumerate" | "zip" | "reversed" | "map" | "filter" as name)) if (
                self._is_builtin(name, local)
            ):
                pass
            case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]) if name in _VIEWS:
                pass
            case _:
                return None
        return Produced(self._collected(self.walk(node, local, depth), node))


# Outside the class: an object that holds its own methods would keep the whole tree alive.
_HANDLERS: Final[Mapping[type[ast.expr], Callable[[Expressions, Any, Locals, int], Any]]] = {
    ast.Attribute: Expressions._attribute,
    ast.BinOp: Expressions._binary,
    ast.BoolOp: Expressions._bool,
    ast.Call: Expressions._call,
    ast.Compare: Expressions._compare,
    ast.Constant: Expressions._constant,
    ast.Dict: Expressions._dict,
    ast.DictComp: Expressions._dict_comprehension,
    ast.IfExp: Expressions._conditional,
    ast.JoinedStr: Expressions._joined,
    ast.List: Expressions._list,
    ast.ListComp: Expressions._list_comprehension,
    ast.Name: Expressions._name,
    ast.NamedExpr: Expressions._named,
    ast.Set: Expressions._set,
    ast.SetComp: Expressions._set_comprehension,
    ast.Slice: Expressions._slice,
    ast.Subscript: Expressions._subscript,
    ast.Tuple: Expressions._tuple,
    ast.UnaryOp: Expressions._unary,
}


def _only_computes(node: ast.expr) -> bool:
    """Whether an expression changes nothing, so that it does not matter when it is evaluated."""
    for one in ast.walk(node):
        if isinstance(one, ast.NamedExpr):
            return False
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr not in _LOOKING_METHODS:
            return False
    return True


def _names_a_way(names: Sequence[Any]) -> bool:
    return any(type(one) is str and reaches_by_attribute(one) for one in names)


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
