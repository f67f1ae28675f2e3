"""Evaluate the statements and expressions of a Python config without running it.

Unsupported code makes unknown all values that it could change: the names that it binds, and every mutable object that
is reachable from the names and values that it mentions.
"""

import ast
import builtins
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, final

from paramsched.mmengine.python_config import operations
from paramsched.mmengine.python_config.name_usage import (
    import_reaches_all_names,
    name_usage,
    reaches_all_names,
    reads_one_attribute,
)
from paramsched.mmengine.python_config.operations import (
    BASE_DICT_ATTRIBUTES,
    CONSTANTS,
    FUNCTIONS,
    call_method,
    extend,
    truth,
)
from paramsched.mmengine.python_config.source import PythonSource
from paramsched.mmengine.python_config.values import (
    ERRORS,
    MOST_DEPTH,
    OPAQUE,
    AllUnknown,
    BaseDict,
    Budget,
    ImportedName,
    Memory,
    NeedsRunning,
    NotFollowed,
    References,
    Unknown,
)

_BUILTINS: Final = frozenset(name for name in dir(builtins) if not name.startswith("_"))

DECIDING: Final = (
    "auto_scale_lr",
    "default_hooks",
    "optim_wrapper",
    "param_scheduler",
    "train_cfg",
    "train_dataloader",
)
"""Names that determine a plan. If code may bind any name, they are unknown even if the file never mentions them."""


_EVALUATED_FIRST: Final = (
    *(ast.Attribute, ast.BinOp, ast.Call, ast.FormattedValue, ast.JoinedStr, ast.Subscript, ast.UnaryOp),
)
"""Nodes whose parts are all evaluated before the operation itself can fail, unless it raises NotFollowed."""


@final
class ConfigEvaluator(ast.NodeVisitor):
    """An evaluator of one file; `visit_X` evaluates nodes of type X."""

    def __init__(self, source: PythonSource, budget: Budget, references: References) -> None:
        self.source, self.budget, self.references = source, budget, references
        self.memory = Memory(budget)
        self.names: dict[str, Any] = {}
        self.imported: set[str] = set()
        """Names whose last binding is an `import`, a `def` or a `class`."""
        self.all_unknown: NeedsRunning | None = None
        """The placeholder for every name after code that may have changed any name; None before such code."""
        self._local: dict[str, Any] = {}
        """The variables of the enclosing comprehensions."""
        self._later: dict[str, NeedsRunning] = {}
        """Names in functions and classes, whose code may change the values of these names at any later time."""
        self._rebound: dict[str, NeedsRunning] = {}
        """Names that the code of functions and classes may bind at any later time."""
        self._operands: list[Any] = []
        """Values of unfinished enclosing expressions and statements."""
        self._depth = 0

    def run(self, body: Iterable[ast.stmt]) -> None:
        """Run the statements of the file."""
        for statement in body:
            self._operands.clear()
            try:
                if self.all_unknown is None:
                    self.value(statement)
                else:
                    self._skip([statement], self.all_unknown)
            except AllUnknown as cause:
                self.all_unknown = self.all_unknown or self.source.mark(cause.node or statement, cause.why)
                bound = name_usage([statement]).bound
                self.names.update(dict.fromkeys([*self.names, *DECIDING, *bound], self.all_unknown))

    def bind(self, name: str, value: Any) -> None:
        """Bind a name of the file."""
        if name in self._rebound:
            # The name may still refer to the value, so operations on the name may affect the value.
            self.memory.taint([value], self._rebound[name])
            value = self._rebound[name]
        elif name in self._later:
            self.memory.taint([value], self._later[name])
        self.names[name] = value
        self.imported.discard(name)

    def _skip(self, nodes: Sequence[ast.AST], mark: NeedsRunning) -> None:
        """Mark as unknown all values that code which is not evaluated could change."""
        usage = name_usage(nodes)
        changes_module = any(isinstance(self.names.get(name), ImportedName) for name in usage.changed)
        mentioned = [scope[name] for scope in (self.names, self._local) for name in usage.mentioned if name in scope]
        for names, marks in ((usage.later, self._later), (usage.rebound, self._rebound)):
            for name in names:
                marks.setdefault(name, mark)
        self.names.update(dict.fromkeys(usage.bound | usage.rebound, mark))
        self.imported -= usage.bound
        self.budget.spend(usage.nodes)
        self.memory.taint(mentioned, mark)
        if usage.reaches or changes_module:
            raise AllUnknown(node=usage.reaches or nodes[0])

    def value(self, node: ast.AST) -> Any:
        """Return the value of an expression, or a placeholder if it is unsupported; or run a statement."""
        self.budget.spend(1)
        start = len(self._operands)
        self._depth += 1
        value: Any
        try:
            if self._depth > MOST_DEPTH:
                raise NotFollowed
            value = self.memory.seen(self.visit(node))
        except ERRORS as error:
            value = self.source.mark(
                node, error.why if isinstance(error, Unknown) else f"raises {type(error).__name__}"
            )
            self.memory.taint(self._operands[start:], value)
            if not isinstance(node, _EVALUATED_FIRST) or isinstance(error, (NotFollowed, RecursionError, MemoryError)):
                self._skip([node], value)
        finally:
            self._depth -= 1
        del self._operands[start:]
        self._operands.append(value)
        return value

    def generic_visit(self, node: ast.AST) -> Any:
        """Raise for unsupported statements: `while`, `try`, `with`, `match`, `lambda`, …"""
        raise Unknown

    # Statements.

    def visit_Assign(self, node: ast.Assign) -> None:
        first = node.targets[0]
        if isinstance(first, ast.Name) and first.id == "_base_":
            return  # MMEngine removes these lines, wherever they are
        value = self.value(node.value)
        for target in node.targets:
            self._assign_to(target, value)

    def _assign_to(self, target: ast.expr, value: Any, *, local: bool = False) -> None:
        """Assign a value to a target.

        Args:
            local: whether names in it are variables of a comprehension.
        """
        match target:
            case ast.Name(id=name) if local:
                if name in self._later:
                    self.memory.taint([value], self._later[name])
                self._local[name] = value
            case ast.Name(id=name):
                self.bind(name, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for one, part in zip(targets, self._parts(targets, value), strict=True):
                    self._assign_to(one, part, local=local)
            case ast.Subscript() | ast.Attribute() if not local:
                self._set_item(*self._place_of(target), value)
            case _:
                raise Unknown

    def _place_of(self, target: ast.Subscript | ast.Attribute) -> tuple[Any, Any]:
        """Return the container and the key that a target refers to."""
        holder = self.value(target.value)
        if isinstance(target, ast.Subscript):
            return holder, self.value(target.slice)
        if isinstance(holder, ImportedName) or reaches_all_names(target.attr):
            raise AllUnknown(node=target)
        if type(holder) is not BaseDict or target.attr in BASE_DICT_ATTRIBUTES:
            raise Unknown
        return holder, target.attr

    def _parts(self, targets: Sequence[ast.expr], value: Any) -> list[Any]:
        """Unpack a value into one part for each target."""
        if type(value) is NeedsRunning:
            return [value] * len(targets)
        items = list(self.memory.items(value))
        if len(items) != len(targets):
            raise Unknown
        self._operands += items
        return items

    def _set_item(self, holder: Any, key: Any, value: Any) -> None:
        self._require_place(holder, key)
        self._require_untainted(value)
        if type(holder) is BaseDict:
            self.memory.require_plain(value, opaque=True)
        holder[key] = list(self.memory.items(value)) if type(key) is slice else value

    def _require_place(self, holder: Any, key: Any) -> None:
        """Require a known container and a known key."""
        self._require_untainted(holder)
        if type(holder) in (dict, BaseDict):
            self.memory.require_key(key)
        elif type(holder) not in (list, tuple, str, bytes, range) or type(key) not in (int, bool, slice):
            raise Unknown

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign_to(node.target, self.value(node.value))
        self.value(node.annotation)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Run `target += value`: in place if the value is mutable, otherwise the target is bound again."""
        match node.target:
            case ast.Name(id=name):
                self.bind(name, self._added(node, self.value(node.target)))
            case ast.Subscript() | ast.Attribute():
                holder, key = self._place_of(node.target)
                self._set_item(holder, key, self._added(node, self._item_of(holder, key)))

    def _added(self, node: ast.AugAssign, before: Any) -> Any:
        """Return `before op= value`."""
        self._operands.append(before)
        value = self.value(node.value)
        self._require_untainted(before, value)
        if type(before) is list and isinstance(node.op, ast.Add):
            extend(self.memory, before, value)
            return before
        after = operations.binary(node.op, before, value, self.memory)
        if type(before) not in (list, dict):
            return after
        before.clear()
        (before.extend if type(before) is list else before.update)(after)
        return before

    def _require_untainted(self, *values: Any) -> None:
        """Require that the code evaluated since these values were read has not made them unknown."""
        if any(self.memory.seen(value) is not value for value in values):
            raise Unknown

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            match target:
                case ast.Name(id=name) if name not in self._rebound:
                    del self.names[name]
                    self.imported.discard(name)
                case ast.Subscript() | ast.Attribute():
                    holder, key = self._place_of(target)
                    self._require_place(holder, key)
                    del holder[key]
                case _:
                    raise Unknown

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            whole = alias.name if alias.asname else alias.name.split(".")[0]
            module, _, name = whole.rpartition(".")
            self._bind_import(node, alias.asname or whole, ImportedName(name, module, node.lineno))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            name = ImportedName(alias.name, module, node.lineno)
            self._bind_import(node, alias.asname or alias.name, CONSTANTS.get(name.dotted, name))

    def _bind_import(self, node: ast.Import | ast.ImportFrom, name: str, value: Any) -> None:
        if import_reaches_all_names(node):
            raise AllUnknown
        self.bind(name, value)
        if isinstance(value, ImportedName):
            self.imported.add(name)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        mark = self.source.mark(node)
        self._skip([node], mark)
        self.bind(node.name, mark)
        self.imported.add(node.name)

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef  # noqa: N815  # the names that ast looks for

    def visit_Expr(self, node: ast.Expr) -> None:
        self.value(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        self.value(node.test)

    def visit_Pass(self, node: ast.stmt) -> None:
        """Do nothing; also for `global` outside of a function."""

    visit_Global = visit_Pass  # noqa: N815

    def visit_If(self, node: ast.If) -> None:
        for statement in node.body if truth(self.value(node.test)) else node.orelse:
            self.value(statement)

    def visit_For(self, node: ast.For) -> None:
        nodes = list(ast.walk(node))
        self.budget.spend(len(nodes))
        if any(isinstance(one, (ast.Break, ast.Continue)) for one in nodes):
            raise Unknown
        for item in self.memory.items(self.value(node.iter)):
            self._assign_to(node.target, item)
            for statement in node.body:
                self.value(statement)
        for statement in node.orelse:
            self.value(statement)

    # Expressions.

    def visit_Constant(self, node: ast.Constant) -> Any:
        value = node.value
        if type(value) is str and self.references:
            return self.references.read(value, lambda: self.source.mark(node))
        return operations.within_digits(value)

    def visit_Name(self, node: ast.Name) -> Any:
        for scope in (self._local, self.names):
            if node.id in scope:
                return scope[node.id]
        if reaches_all_names(node.id):
            raise AllUnknown(node=node)
        if node.id not in _BUILTINS:
            raise Unknown
        return ImportedName(node.id, "builtins", node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        return self._attribute_of(node, self.value(node.value))

    def _attribute_of(self, node: ast.Attribute, holder: Any) -> Any:
        name = node.attr
        if type(holder) is BaseDict and name not in BASE_DICT_ATTRIBUTES and not name.startswith("__"):
            return holder[name]
        if reaches_all_names(name):
            raise AllUnknown(node=node)
        if type(holder) is not ImportedName:
            raise Unknown
        return CONSTANTS.get(f"{holder.dotted}.{name}", ImportedName(name, holder.dotted, node.lineno))

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        return self._item_of(self.value(node.value), self.value(node.slice))

    def _item_of(self, holder: Any, key: Any) -> Any:
        self._require_place(holder, key)
        value = holder[key]
        if type(key) is slice:
            self.budget.spend(len(value) >> 3)
        return value

    def visit_Slice(self, node: ast.Slice) -> Any:
        parts = [None if part is None else self.value(part) for part in (node.lower, node.upper, node.step)]
        if any(type(part) not in (int, bool, type(None)) for part in parts):
            raise Unknown
        return slice(*parts)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        return operations.unary(node.op, self.value(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        self._require_untainted(left)
        return operations.binary(node.op, left, right, self.memory)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        *first, last = node.values
        for part in first:
            value = self.value(part)
            if truth(value) is isinstance(node.op, ast.Or):
                return value
        return self.value(last)

    def visit_Compare(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part)
            if not operations.compare(op, left, right, self.memory):
                return False
            left = right
        return True

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        return self.value(node.body if truth(self.value(node.test)) else node.orelse)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        pieces = [self.value(part) for part in node.values]
        if any(type(piece) is not str for piece in pieces):
            raise Unknown
        text = "".join(pieces)
        operations.require_room(len(text), text, self.memory)
        return text

    def visit_FormattedValue(self, node: ast.FormattedValue) -> str:
        value = self.value(node.value)
        spec = "" if node.format_spec is None else self.value(node.format_spec)
        return operations.format_value(value, node.conversion, spec, self.memory)

    def visit_List(self, node: ast.List) -> list[Any]:
        return self._elements(node)

    def _elements(self, node: ast.List | ast.Tuple | ast.Call) -> list[Any]:
        """Return the values of a display or of the positional arguments, with `*items`."""
        found: list[Any] = []
        self._operands.append(found)
        for one in node.args if isinstance(node, ast.Call) else node.elts:
            if isinstance(one, ast.Starred):
                value = self.value(one.value)
                try:
                    found += self.memory.items(value)
                except ERRORS:
                    raise NotFollowed from None
            else:
                found.append(self.value(one))
        return found

    def visit_Tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self._elements(node))

    def visit_Dict(self, node: ast.Dict) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        self._operands.append(found)
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            key = None if key_node is None else self.value(key_node)
            value = self.value(value_node)
            if key_node is not None:
                self.memory.require_key(key)
                found[key] = value
            elif isinstance(value, dict):
                self.budget.spend(len(value) >> 2)
                found.update(value)
            else:
                raise Unknown
        return found

    def visit_ListComp(self, node: ast.ListComp) -> list[Any]:
        found: list[Any] = []
        self._comprehend(node.generators, lambda: found.append(self.value(node.elt)))
        return found

    def visit_DictComp(self, node: ast.DictComp) -> dict[Any, Any]:
        found: dict[Any, Any] = {}

        def add() -> None:
            key, value = self.value(node.key), self.value(node.value)
            self.memory.require_key(key)
            found[key] = value

        self._comprehend(node.generators, add)
        return found

    def _comprehend(self, generators: Sequence[ast.comprehension], element: Callable[[], None]) -> None:
        """Call `element` for each iteration of a comprehension."""
        outer, self._local = self._local, dict(self._local)
        try:
            self._loop(generators, element)
        except ERRORS:
            self._operands += self._local.values()
            raise
        finally:
            self._local = outer

    def _loop(self, generators: Sequence[ast.comprehension], element: Callable[[], None]) -> None:
        first, *rest = generators
        if first.is_async:
            raise Unknown
        for item in self.memory.items(self.value(first.iter)):
            self._assign_to(first.target, item, local=True)
            if all(truth(self.value(test)) for test in first.ifs):
                if rest:
                    self._loop(rest, element)
                else:
                    element()

    def visit_Call(self, node: ast.Call) -> Any:
        callee, method, holder = None, "", None
        if isinstance(node.func, ast.Attribute):
            method, holder = node.func.attr, self.value(node.func.value)
            if reaches_all_names(method):
                raise AllUnknown(node=node)
            if type(holder) is ImportedName:
                callee = self._attribute_of(node.func, holder)
        elif reads_one_attribute(node) and not any("getattr" in scope for scope in (self._local, self.names)):
            callee = ImportedName("getattr", "builtins", node.lineno)
        else:
            callee = self.value(node.func)
        dotted = callee.dotted if type(callee) is ImportedName else ""
        values, named = self._arguments(node)
        self._require_untainted(holder, *values, *named.values())
        if method and type(holder) not in OPAQUE:
            return call_method(self.memory, holder, method, *values, **named)
        if dotted not in FUNCTIONS:
            raise Unknown
        return FUNCTIONS[dotted](self.memory, *values, **named)

    def _arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        """Return the values of the arguments."""
        named: dict[str, Any] = {}
        values = self._elements(node)
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                named[keyword.arg] = value
            elif isinstance(value, dict) and all(type(key) is str and key not in named for key in value):
                named.update(value)
            else:
                raise NotFollowed
        return values, named
