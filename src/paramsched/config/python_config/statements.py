"""Statements: they change the names of a file and the lists and dicts behind them."""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, final

from paramsched.config.python_config import containers
from paramsched.config.python_config.arithmetic import known_truth
from paramsched.config.python_config.calls import extend_list
from paramsched.config.python_config.evaluator import DECIDING, ConfigEvaluator, Doubt, ReachesNames
from paramsched.config.python_config.functions import CONSTANTS, is_always_there
from paramsched.config.python_config.lookups import attribute_of, item_of, produced_values, result_of_operation
from paramsched.config.python_config.mentions import (
    leaves_loop,
    mentions_of,
    names_in_texts,
    reaches_by_attribute,
    reaches_by_name,
)
from paramsched.config.python_config.values import BaseDict, BudgetSpent, Imported, NeedsRunning
from paramsched.config.python_config.walking import loop_way, unpacked_parts


@final
class _Break(BaseException):
    """A `break` that is surely reached."""


@final
class _Continue(BaseException):
    """A `continue` that is surely reached."""


@final
class _Lost(BaseException):
    """Whether the loop goes on from here is not known."""


_PLAIN_ANNOTATIONS: Final = (
    *(ast.Attribute, ast.BinOp, ast.Constant, ast.Name, ast.Subscript, ast.Tuple),
    *(ast.expr_context, ast.operator),
)


@final
class Statements:
    """Runs the statements of one file as far as they are understood.

    Args:
        evaluator: evaluates what is in them, and has the names.
        skipped: statements whose meaning was read before: bases.
    """

    def __init__(self, evaluator: ConfigEvaluator, skipped: Iterable[ast.stmt] = ()) -> None:
        self.evaluator, self.names, self._value_of = evaluator, evaluator.names, evaluator.value
        self.source, self.memory = evaluator.source, evaluator.memory
        self._skipped = {id(one) for one in skipped}
        self.in_the_dark: NeedsRunning | None = None
        """The mark of everything, once nothing can be followed any more."""
        self._any_name = False

    def run_file(self, body: Sequence[ast.stmt]) -> None:
        """Run the statements of a whole file."""
        for statement in body:
            if self.in_the_dark is not None:
                self._mark_bound_names(statement, self.in_the_dark)
                continue
            try:
                self._follow_statement(statement)
            except BudgetSpent:
                self._give_up(statement, self.source.mark(statement, "takes too long to follow"))
            except ReachesNames as found:
                mark = self.source.mark(found.node, "may change any name")
                self._lose_all_names(mark)
                self._give_up(statement, mark)
            except RecursionError:
                self._give_up(statement, self.source.mark(statement, "is nested too deep"))
            except (_Break, _Continue, _Lost, Doubt):  # outside a loop: Python refuses the file
                self.memory.doubts += 1

    def _give_up(self, statement: ast.stmt, mark: NeedsRunning) -> None:
        """From here on only names are followed, not what they stand for."""
        self.in_the_dark = mark
        self.names.give_up(mark)
        self._mark_bound_names(statement, mark)

    def _mark_bound_names(self, statement: ast.stmt, mark: NeedsRunning) -> None:
        """Mark the names that a statement binds, without following it."""
        found = mentions_of([statement])
        for name in (*found.bound, *found.bound_later):
            self.names.values[name] = mark
        if found.star or found.reaches:
            self._lose_all_names(mark)
        if self._any_name:
            for name in names_in_texts([statement]):
                self.names.values[name] = mark

    def _lose_all_names(self, mark: NeedsRunning) -> None:
        """Any name may be bound to anything by now, also names that the file never mentions."""
        if not self._any_name:
            self._any_name = True
            for name in (*self.names.values, *DECIDING):
                self.names.values[name] = mark

    def _follow_statement(self, statement: ast.stmt) -> None:
        """Follow one statement, or mark what it could have changed."""
        self.memory.budget.spend(1)
        if id(statement) in self._skipped:
            return
        handler = _HANDLERS.get(type(statement))
        if handler is None:  # `with`, `match`, `raise` and what else may come
            self._give_up_on([statement], statement)
        else:
            handler(self, statement)

    def _follow_block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._follow_statement(statement)

    def _give_up_on(self, nodes: Sequence[ast.AST], at: ast.AST, why: str = "would have to be run") -> None:
        self.evaluator.give_up(nodes, self.source.mark(at, why))
        if leaves_loop([node for node in nodes if isinstance(node, ast.stmt)]):
            raise _Lost

    def _follow_assign(self, node: ast.Assign) -> None:
        """`target = value`, with one target or several."""
        first = node.targets[0]
        if isinstance(first, ast.Name):
            if first.id == "_base_":
                return  # MMEngine takes these lines out, wherever they stand
            if len(node.targets) == 1:
                self.names.bind(first.id, self.evaluator.value(node.value))
                return
        value = self._value_for(first, node.value) if len(node.targets) == 1 else self._value_of(node.value)
        for target in node.targets:
            self.assign_to(target, value)

    def _value_for(self, target: ast.expr, node: ast.expr) -> Any:
        """A value; for several targets it may be an iterator."""
        if isinstance(target, (ast.Tuple, ast.List)) and isinstance(node, (ast.GeneratorExp, ast.Call)):
            try:
                produced = produced_values(self.evaluator, node)
            except Doubt:
                return self.evaluator.mark_in_doubt(node)
            if produced is not None:
                return produced
        return self._value_of(node)

    def assign_to(self, target: ast.expr, value: Any) -> None:
        """`target = value`."""
        match target:
            case ast.Name(id=name):
                self.names.bind(name, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                parts = unpacked_parts(self.evaluator, target, value)
                if parts is None:
                    mark = value if type(value) is NeedsRunning else self.evaluator.mark_unknown(target, value)
                    self.memory.doubts += 1
                    parts = [mark] * len(targets)
                for one, part in zip(targets, parts, strict=True):
                    self.assign_to(one.value if isinstance(one, ast.Starred) else one, part)
            case ast.Subscript(value=holder_node, slice=key_node):
                holder, key = self._value_of(holder_node), self._value_of(key_node)
                self._put_item(target, holder, key, value)
            case ast.Attribute(value=holder_node, attr=name):
                self._put_attribute(target, self._value_of(holder_node), name, value)
            case _:
                self.evaluator.mark_unknown(target, value)
                self._give_up_on([target], target)

    def _put_item(self, node: ast.AST, holder: Any, key: Any, value: Any) -> None:
        self.evaluator.try_out(node, (holder, key, value), lambda: containers.set_item(holder, key, value, self.memory))

    def _put_attribute(self, node: ast.AST, holder: Any, name: str, value: Any) -> None:
        if type(holder) is BaseDict and name not in containers.BASE_DICT_NAMES and not name.startswith("__"):
            self._put_item(node, holder, name, value)
        elif reaches_by_attribute(name) or type(holder) is Imported:
            raise ReachesNames(node)  # a module may have another function now
        else:
            self.evaluator.mark_unknown(node, holder, value)

    def _follow_annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign_to(node.target, self._value_of(node.value))
        if not all(isinstance(one, _PLAIN_ANNOTATIONS) for one in ast.walk(node.annotation)):
            self._give_up_on([node.annotation], node.annotation)

    def _follow_augmented(self, node: ast.AugAssign) -> None:
        """`target += value` and its like: in place where the value can be changed, else bound anew."""
        match node.target:
            case ast.Name(id=name):
                before = self._value_of(ast.copy_location(ast.Name(name, ast.Load()), node.target))
                self.names.bind(name, self._value_added(node, before))
            case ast.Subscript(value=holder_node, slice=key_node):
                holder, key = self._value_of(holder_node), self._value_of(key_node)
                after = self._value_added(node, item_of(self.evaluator, node.target, holder, key))
                self._put_item(node, holder, key, after)
            case ast.Attribute(value=holder_node, attr=name):
                holder = self._value_of(holder_node)
                after = self._value_added(node, attribute_of(self.evaluator, node.target, holder, name))
                self._put_attribute(node, holder, name, after)

    def _value_added(self, node: ast.AugAssign, before: Any) -> Any:
        """`before op= value`: lists, dicts and sets change in place."""
        if type(before) is list and isinstance(node.op, ast.Add):
            try:
                done = extend_list(self.evaluator, node, before, node.value, None, 0)
            except Doubt:
                return self.evaluator.mark_in_doubt(node.value)
            return done if type(done) is NeedsRunning else before
        value = self._value_of(node.value)
        # The value's own code may have got hold of it.
        if self.memory.seen(before) is not before:
            return self.evaluator.mark_unknown(node, before, value)
        after = result_of_operation(self.evaluator, node, node.op, before, value)
        if type(after) is NeedsRunning or type(before) not in (list, dict, set) or type(after) is not type(before):
            return after
        before.clear()
        (before.extend if type(before) is list else before.update)(after)
        return before

    def _follow_delete(self, node: ast.Delete) -> None:
        """`del name`, `del holder[key]`."""
        targets = list(node.targets)
        while targets:
            target = targets.pop(0)
            match target:
                case ast.Name(id=name):
                    if type(self.names.values.get(name)) is NeedsRunning:
                        self.memory.doubts += 1
                    try:
                        self.names.delete(name)
                    except KeyError:
                        self.memory.doubts += 1
                case ast.Tuple(elts=parts) | ast.List(elts=parts):
                    targets = [*parts, *targets]
                case ast.Subscript(value=holder_node, slice=key_node):
                    self._drop_item(target, self._value_of(holder_node), self._value_of(key_node))
                case ast.Attribute(value=holder_node, attr=name):
                    holder = self._value_of(holder_node)
                    if type(holder) is BaseDict:
                        self._drop_item(target, holder, name)
                    elif type(holder) is Imported:
                        raise ReachesNames(target)
                    else:
                        self.evaluator.mark_unknown(target, holder)

    def _drop_item(self, node: ast.AST, holder: Any, key: Any) -> None:
        self.evaluator.try_out(node, (holder, key), lambda: containers.delete_item(holder, key, self.memory))

    def _follow_import(self, node: ast.Import) -> None:
        for alias in node.names:
            whole = alias.name if alias.asname else alias.name.split(".")[0]
            module, _, name = whole.rpartition(".")
            self.names.bind_import(alias.asname or whole, Imported(module, name, node.lineno))
            self._note_import(alias.name)

    def _follow_import_from(self, node: ast.ImportFrom) -> None:
        """The name stands for something unread."""
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.memory.doubts += 1
                self.names.bind_unknown_names(self.source.mark(node, "may change any name"))
                continue
            if reaches_by_name(alias.name) or reaches_by_attribute(alias.name):
                raise ReachesNames(node)
            self._note_import(module, alias.name)
            name, value = alias.asname or alias.name, CONSTANTS.get(f"{module}.{alias.name}")
            if value is not None:
                self.names.bind(name, value)
            elif module == "__future__":
                self.names.bind_import(name, self.source.mark(node))
            else:
                self.names.bind_import(name, Imported(module, alias.name, node.lineno))

    def _note_import(self, module: str, name: str = "") -> None:
        if not is_always_there(module, name):
            self.memory.doubts += 1

    def _follow_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._give_up_on([node], node)
        self.names.bind_import(node.name, self.source.mark(node))

    def _follow_expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self._value_of(node.value)

    def _follow_assert(self, node: ast.Assert) -> None:
        if not known_truth(self._value_of(node.test)):
            self.memory.doubts += 1

    def _follow_nothing(self, node: ast.stmt) -> None:
        """`pass`, and `global` outside a function."""

    def _follow_if(self, node: ast.If) -> None:
        known = known_truth(self._value_of(node.test))
        if known is None:
            self._give_up_on([*node.body, *node.orelse], node.test)
        else:
            self._follow_block(node.body if known else node.orelse)

    def _follow_break(self, node: ast.Break) -> None:
        raise _Break

    def _follow_continue(self, node: ast.Continue) -> None:
        raise _Continue

    def _follow_for(self, node: ast.For) -> None:
        """Round by round."""
        try:
            walk = loop_way(self.evaluator, node.iter)
        except Doubt:
            self._give_up_on([node], node.iter)
            return
        try:
            for item in walk.items:
                try:
                    self.assign_to(node.target, item)
                    self._follow_block(node.body)
                except _Continue:
                    continue
        except _Break:
            return
        except (Doubt, _Lost):
            self.evaluator.lose(walk.roots, node.iter)
            self._give_up_on([node], node.iter, "is gone through, and what is done there would have to be run")
            return
        self._follow_block(node.orelse)

    def _follow_while(self, node: ast.While) -> None:
        """Round by round, within the budget."""
        try:
            while True:
                known = known_truth(self._value_of(node.test))
                if known is None:
                    raise _Lost
                if not known:
                    break
                try:
                    self._follow_block(node.body)
                except _Continue:
                    continue
        except _Break:
            return
        except _Lost:
            self._give_up_on([node], node.test)
            return
        self._follow_block(node.orelse)

    def _follow_try(self, node: ast.Try) -> None:
        """`try:`: its body is followed while nothing in it can raise."""
        # Where nothing raises the handlers never run. What could raise may leave the body anywhere.
        reached = self.names.reached_by(mentions_of([node]).names)
        before = self.memory.doubts
        try:
            for statement in node.body:
                self._follow_statement(statement)
                if self.memory.doubts != before:
                    raise _Lost
        except (_Break, _Continue):
            self._follow_block(node.finalbody)
            raise
        except _Lost:
            self.evaluator.lose(reached, node)
            self._give_up_on([node], node)
            return
        self._follow_block(node.orelse)
        self._follow_block(node.finalbody)


_HANDLERS: Final[Mapping[type[ast.stmt], Callable[[Statements, Any], None]]] = {
    ast.AnnAssign: Statements._follow_annotated,
    ast.Assert: Statements._follow_assert,
    ast.Assign: Statements._follow_assign,
    ast.AsyncFunctionDef: Statements._follow_definition,
    ast.AugAssign: Statements._follow_augmented,
    ast.Break: Statements._follow_break,
    ast.ClassDef: Statements._follow_definition,
    ast.Continue: Statements._follow_continue,
    ast.Delete: Statements._follow_delete,
    ast.Expr: Statements._follow_expression,
    ast.For: Statements._follow_for,
    ast.FunctionDef: Statements._follow_definition,
    ast.Global: Statements._follow_nothing,
    ast.If: Statements._follow_if,
    ast.Import: Statements._follow_import,
    ast.ImportFrom: Statements._follow_import_from,
    ast.Pass: Statements._follow_nothing,
    ast.Try: Statements._follow_try,
    ast.While: Statements._follow_while,
}
