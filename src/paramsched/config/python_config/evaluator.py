"""Evaluate the statements and expressions of a Python config without running it.

Whatever is not understood makes unknown what it could change: the names it binds, and every mutable object that the
values and names it mentions lead to.
"""

import ast
import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, final

from paramsched.config.python_config import operators
from paramsched.config.python_config.calls import (
    BASE_DICT_ATTRIBUTES,
    CHANGING_METHODS,
    CONSTANTS,
    CONSUMERS,
    FUNCTIONS,
    call_method,
    extend,
)
from paramsched.config.python_config.memory import Memory
from paramsched.config.python_config.name_usage import import_reaches_all_names, name_usage, reaches_all_names
from paramsched.config.python_config.source import PythonSource
from paramsched.config.python_config.values import (
    ERRORS,
    MOST_DEPTH,
    OPAQUE,
    AllUnknown,
    BaseDict,
    BaseReference,
    Budget,
    ImportedName,
    NeedsRunning,
    NotFollowed,
    Unknown,
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
"""Names that decide a plan: if any name may be bound, these are unknown even if the file never mentions them."""


@final
class References:
    """The texts that replace `{{ _base_.x }}` while a file is read.

    Args:
        sign: a text that is in each of them, and nowhere else in the file.
        paths: the path after `_base_`, by the text that replaces it.
    """

    def __init__(self, sign: str = "", paths: Mapping[str, str] | None = None) -> None:
        self._sign, self._paths = sign, dict(paths or {})

    def __bool__(self) -> bool:
        return bool(self._sign)

    def read(self, text: str, mark: Callable[[], NeedsRunning]) -> Any:
        """Return the value of a text: itself, a reference, or a placeholder if a reference is only a part of it."""
        if not self._sign or self._sign not in text:
            return text
        path = self._paths.get(text)
        return mark() if path is None else BaseReference(path, mark())


@final
class ConfigEvaluator:
    """Evaluates one file, from top to bottom."""

    def __init__(self, source: PythonSource, budget: Budget, references: References) -> None:
        self.source, self.budget, self.references = source, budget, references
        self.memory = Memory(budget)
        self.names: dict[str, Any] = {}
        self.imported: set[str] = set()
        """Names that an `import`, a `def` or a `class` bound last."""
        self.all_unknown: NeedsRunning | None = None
        """The placeholder of everything, once nothing is known any more."""
        self._local: dict[str, Any] = {}
        """The variables of the comprehensions around an expression."""
        self._later: dict[str, NeedsRunning] = {}
        """Names in functions and their like, which may change at any later time what these names refer to."""
        self._rebound: dict[str, NeedsRunning] = {}
        """Names that such code may bind at any later time."""
        self._operands: list[Any] = []
        """Values of which the expressions and statements around are not finished."""
        self._depth = 0

    def run(self, body: Iterable[ast.stmt]) -> None:
        """Run the statements of the whole file."""
        for statement in body:
            try:
                if self.all_unknown is None:
                    self._run_statement(statement)
                else:
                    self._skip([statement], self.all_unknown)
            except AllUnknown as cause:
                self.taint_all(self.source.mark(cause.node or statement, cause.why))
                self._bind_unknown(name_usage([statement]).bound)

    def taint_all(self, mark: NeedsRunning) -> None:
        """Make every name unknown, from now on."""
        self.all_unknown = self.all_unknown or mark
        self._bind_unknown([*self.names, *DECIDING])

    def _bind_unknown(self, names: Iterable[str]) -> None:
        assert self.all_unknown is not None
        self.names.update(dict.fromkeys(names, self.all_unknown))

    def bind(self, name: str, value: Any) -> None:
        """Bind a name of the file."""
        if name in self._rebound:
            # The name may still refer to the value, so whatever is done by the name may be done to the value.
            self.memory.taint([value], self._rebound[name])
            value = self._rebound[name]
        elif name in self._later:
            self.memory.taint([value], self._later[name])
        self.names[name] = value
        self.imported.discard(name)

    def _skip(self, nodes: Sequence[ast.AST], mark: NeedsRunning) -> None:
        """Make unknown whatever code that is not evaluated could change."""
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
            raise AllUnknown("may change any name", usage.reaches or nodes[0])

    # Statements.

    def _run_statement(self, statement: ast.stmt) -> None:
        """Run one statement, or make unknown what it could change."""
        self.budget.spend(1)
        start = len(self._operands)
        try:
            handler = _STATEMENTS.get(type(statement))
            if handler is None:  # `while`, `try`, `with`, `match`, `raise`, …
                raise Unknown
            handler(self, statement)
        except ERRORS as error:
            mark = self._mark(statement, error)
            self.memory.taint(self._operands[start:], mark)
            self._skip([statement], mark)
        finally:
            del self._operands[start:]

    def _mark(self, node: ast.AST, error: Exception) -> NeedsRunning:
        return self.source.mark(node, error.why if isinstance(error, Unknown) else f"raises {type(error).__name__}")

    def _assign(self, node: ast.Assign) -> None:
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
                    self._assign_to(one.value if isinstance(one, ast.Starred) else one, part, local=local)
            case ast.Subscript() if not local:
                self._set_item(self.value(target.value), self.value(target.slice), value)
            case ast.Attribute() if not local:
                self._set_attribute(target, self.value(target.value), value)
            case _:
                raise Unknown

    def _parts(self, targets: Sequence[ast.expr], value: Any) -> list[Any]:
        """Return the parts of a value, one for each target."""
        if type(value) is NeedsRunning:
            return [value] * len(targets)
        items = list(self.memory.items(value))
        stars = [index for index, one in enumerate(targets) if isinstance(one, ast.Starred)]
        if stars:
            end = len(items) - (len(targets) - stars[0] - 1)
            items[stars[0] : end] = [items[stars[0] : end]] if stars[0] <= end else []
        if len(items) != len(targets):
            raise Unknown
        self._operands += items
        return items

    def _set_item(self, holder: Any, key: Any, value: Any) -> None:
        self._require_untainted(holder, value)
        kind = type(holder)
        if kind in (dict, BaseDict):
            self.memory.require_key(key)
            if kind is BaseDict:
                self.memory.require_plain(value, opaque=True)
        elif kind is list and type(key) is slice:
            value = list(self.memory.items(value))
        elif kind is not list or type(key) not in (int, bool):
            raise Unknown
        holder[key] = value

    def _set_attribute(self, node: ast.Attribute, holder: Any, value: Any) -> None:
        if isinstance(holder, ImportedName) or reaches_all_names(node.attr):
            raise AllUnknown("may change any name", node)
        if type(holder) is not BaseDict or node.attr in BASE_DICT_ATTRIBUTES:
            raise Unknown
        self._set_item(holder, node.attr, value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign_to(node.target, self.value(node.value))
        self.value(node.annotation)

    def _augmented(self, node: ast.AugAssign) -> None:
        """Run `target += value`: in place if the value can be changed, else the target is bound anew."""
        match node.target:
            case ast.Name(id=name):
                self.bind(name, self._added(node, self.value(ast.copy_location(ast.Name(name, ast.Load()), node.target))))
            case ast.Subscript():
                holder, key = self.value(node.target.value), self.value(node.target.slice)
                self._set_item(holder, key, self._added(node, self._item_of(holder, key)))
            case ast.Attribute():
                holder = self.value(node.target.value)
                before = self._attribute_of(node.target, holder)
                self._set_attribute(node.target, holder, self._added(node, before))

    def _added(self, node: ast.AugAssign, before: Any) -> Any:
        """Return `before op= value`."""
        self._operands.append(before)
        value = self.value(node.value)
        self._require_untainted(before, value)
        if type(before) is list and isinstance(node.op, ast.Add):
            extend(self.memory, before, value)
            return before
        after = operators.binary(node.op, before, value, self.memory)
        if type(before) not in (list, dict, set):
            return after
        before.clear()
        (before.extend if type(before) is list else before.update)(after)
        return before

    def _require_untainted(self, *values: Any) -> None:
        """Require that the code evaluated since these values were read has not made them unknown."""
        if any(self.memory.seen(value) is not value for value in values):
            raise Unknown

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            match target:
                case ast.Name(id=name) if name not in self._rebound:
                    del self.names[name]
                    self.imported.discard(name)
                case ast.Subscript():
                    self._delete_item(self.value(target.value), self.value(target.slice))
                case ast.Attribute() if type(holder := self.value(target.value)) is BaseDict:
                    self._delete_item(holder, target.attr)
                case _:
                    raise Unknown

    def _delete_item(self, holder: Any, key: Any) -> None:
        self._require_untainted(holder)
        if type(holder) in (dict, BaseDict):
            self.memory.require_key(key)
        elif type(holder) is not list or type(key) not in (int, bool, slice):
            raise Unknown
        del holder[key]

    def _import(self, node: ast.Import) -> None:
        if import_reaches_all_names(node):
            raise AllUnknown("may change any name")
        for alias in node.names:
            whole = alias.name if alias.asname else alias.name.split(".")[0]
            module, _, name = whole.rpartition(".")
            self._bind_import(alias.asname or whole, ImportedName(name, module, node.lineno))

    def _import_from(self, node: ast.ImportFrom) -> None:
        if import_reaches_all_names(node):
            raise AllUnknown("may change any name")
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            name, dotted = alias.asname or alias.name, f"{module}.{alias.name}"
            if dotted in CONSTANTS:
                self.bind(name, CONSTANTS[dotted])
            else:
                self._bind_import(name, ImportedName(alias.name, module, node.lineno))

    def _bind_import(self, name: str, value: Any) -> None:
        self.bind(name, value)
        self.imported.add(name)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        mark = self.source.mark(node)
        self._skip([node], mark)
        self._bind_import(node.name, mark)

    def _expression(self, node: ast.Expr | ast.Assert) -> None:
        self.value(node.value if isinstance(node, ast.Expr) else node.test)

    def _pass(self, node: ast.stmt) -> None:
        """Do nothing: `pass`, and `global` outside a function."""

    def _if(self, node: ast.If) -> None:
        for statement in node.body if operators.truth(self.value(node.test)) else node.orelse:
            self._run_statement(statement)

    def _for(self, node: ast.For) -> None:
        nodes = list(ast.walk(node))
        self.budget.spend(len(nodes))
        if any(isinstance(one, (ast.Break, ast.Continue)) for one in nodes):
            raise Unknown
        for item in self.memory.items(self.value(node.iter)):
            self._assign_to(node.target, item)
            for statement in node.body:
                self._run_statement(statement)
        for statement in node.orelse:
            self._run_statement(statement)

    # Expressions.

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression, or a placeholder; what is not understood makes unknown what it can change."""
        self.budget.spend(1)
        start = len(self._operands)
        self._depth += 1
        value: Any
        try:
            handler = _EXPRESSIONS.get(type(node))
            if handler is None or self._depth > MOST_DEPTH:
                raise NotFollowed
            value = handler(self, node)
        except ERRORS as error:
            value = self._mark(node, error)
            self.memory.taint(self._operands[start:], value)
            if isinstance(error, (NotFollowed, RecursionError, MemoryError)):
                self._skip([node], value)
        finally:
            self._depth -= 1
        del self._operands[start:]
        self._operands.append(value)
        return value

    def _constant(self, node: ast.Constant) -> Any:
        value = node.value
        if type(value) is str and self.references:
            return self.references.read(value, lambda: self.source.mark(node))
        return operators.within_digits(value)

    def _name(self, node: ast.Name) -> Any:
        for scope in (self._local, self.names):
            if node.id in scope:
                return self.memory.seen(scope[node.id])
        if reaches_all_names(node.id):
            raise AllUnknown("may change any name", node)
        if node.id not in _BUILTINS:
            raise Unknown
        return ImportedName(node.id, "builtins", node.lineno)

    def _attribute(self, node: ast.Attribute) -> Any:
        return self._attribute_of(node, self.value(node.value))

    def _attribute_of(self, node: ast.Attribute, holder: Any) -> Any:
        name = node.attr
        if type(holder) is BaseDict and name not in BASE_DICT_ATTRIBUTES and not name.startswith("__"):
            return self.memory.seen(holder[name])
        if reaches_all_names(name):
            raise AllUnknown("may change any name", node)
        if type(holder) is not ImportedName:
            raise Unknown
        return CONSTANTS.get(f"{holder.dotted}.{name}", ImportedName(name, holder.dotted, node.lineno))

    def _subscript(self, node: ast.Subscript) -> Any:
        return self._item_of(self.value(node.value), self.value(node.slice))

    def _item_of(self, holder: Any, key: Any) -> Any:
        self._require_untainted(holder)
        if type(holder) in (dict, BaseDict):
            self.memory.require_key(key)
        elif type(holder) not in (list, tuple, str, bytes, range) or type(key) not in (int, bool, slice):
            raise Unknown
        value = holder[key]
        if type(key) is slice:
            self.budget.spend(len(value) >> 3)
        return self.memory.seen(value)

    def _slice(self, node: ast.Slice) -> Any:
        parts = [None if part is None else self.value(part) for part in (node.lower, node.upper, node.step)]
        if any(type(part) not in (int, bool, type(None)) for part in parts):
            raise Unknown
        return slice(*parts)

    def _named(self, node: ast.NamedExpr) -> Any:
        value = self.value(node.value)
        self.bind(node.target.id, value)
        return self.memory.seen(self.names[node.target.id])

    def _unary(self, node: ast.UnaryOp) -> Any:
        return operators.unary(node.op, self.value(node.operand))

    def _binary(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        self._require_untainted(left)
        return operators.binary(node.op, left, right, self.memory)

    def _bool(self, node: ast.BoolOp) -> Any:
        *first, last = node.values
        for part in first:
            value = self.value(part)
            if self._truth(value) is isinstance(node.op, ast.Or):
                return value
        return self.value(last)

    def _truth(self, value: Any) -> bool:
        """Return whether a value counts as true, if that decides which code runs."""
        try:
            return operators.truth(value)
        except Unknown:
            raise NotFollowed from None

    def _compare(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part)
            try:
                holds = operators.compare(op, left, right, self.memory)
            except ERRORS:
                raise NotFollowed if part is not node.comparators[-1] else Unknown from None
            if not holds:
                return False
            left = right
        return True

    def _conditional(self, node: ast.IfExp) -> Any:
        return self.value(node.body if self._truth(self.value(node.test)) else node.orelse)

    def _joined(self, node: ast.JoinedStr) -> Any:
        pieces = [self.value(part) for part in node.values]
        if any(type(piece) is not str for piece in pieces):
            raise Unknown
        text = "".join(pieces)
        operators.require_room(len(text), text, self.memory)
        return text

    def _formatted(self, node: ast.FormattedValue) -> str:
        value = self.value(node.value)
        spec = "" if node.format_spec is None else self.value(node.format_spec)
        return operators.format_value(value, node.conversion, spec, self.memory)

    def _elements(self, node: ast.List | ast.Tuple | ast.Set | ast.Call) -> list[Any]:
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

    def _tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self._elements(node))

    def _set(self, node: ast.Set) -> set[Any]:
        return self._as_set(self._elements(node))

    def _as_set(self, items: list[Any]) -> set[Any]:
        for one in items:
            self.memory.require_key(one)
        return set(items)

    def _dict(self, node: ast.Dict) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        self._operands.append(found)
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            key = None if key_node is None else self.value(key_node)
            value = self.value(value_node)
            try:
                if key_node is not None:
                    self.memory.require_key(key)
                    found[key] = value
                elif isinstance(value, dict):
                    self.budget.spend(len(value) >> 2)
                    found.update(value)
                else:
                    raise NotFollowed
            except ERRORS:
                raise NotFollowed from None
        return found

    def _list_comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> list[Any]:
        found: list[Any] = []
        self._comprehend(node.generators, lambda: found.append(self.value(node.elt)))
        return found

    def _set_comprehension(self, node: ast.SetComp) -> set[Any]:
        found: list[Any] = []
        self._comprehend(node.generators, lambda: found.append(self.value(node.elt)))
        return self._as_set(found)

    def _dict_comprehension(self, node: ast.DictComp) -> dict[Any, Any]:
        found: dict[Any, Any] = {}

        def add() -> None:
            key, value = self.value(node.key), self.value(node.value)
            self.memory.require_key(key)
            found[key] = value

        self._comprehend(node.generators, add)
        return found

    def _comprehend(self, generators: Sequence[ast.comprehension], element: Callable[[], None]) -> None:
        """Call `element` for each round of a comprehension."""
        outer, self._local = self._local, dict(self._local)
        try:
            self._loop(generators, element)
        except ERRORS:
            self._operands += self._local.values()
            raise NotFollowed from None
        finally:
            self._local = outer

    def _loop(self, generators: Sequence[ast.comprehension], element: Callable[[], None]) -> None:
        first, *rest = generators
        if first.is_async:
            raise NotFollowed
        for item in self.memory.items(self.value(first.iter)):
            self._assign_to(first.target, item, local=True)
            if all(self._truth(self.value(test)) for test in first.ifs):
                if rest:
                    self._loop(rest, element)
                else:
                    element()

    def _call(self, node: ast.Call) -> Any:
        callee, method, holder = None, "", None
        if isinstance(node.func, ast.Attribute):
            method, holder = node.func.attr, self.value(node.func.value)
            if reaches_all_names(method):
                raise AllUnknown("may change any name", node)
            if type(holder) is ImportedName:
                callee = self._attribute_of(node.func, holder)
        else:
            callee = self.value(node.func)
        dotted = callee.dotted if type(callee) is ImportedName else ""
        consumes = dotted in CONSUMERS or (method == "join" and type(holder) is str)
        values, named = self._arguments(node, consumes)
        self._require_untainted(holder, *values, *named.values())
        if method and type(holder) not in OPAQUE:
            return self.memory.seen(call_method(self.memory, holder, method, *values, **named))
        if dotted in _ATTRIBUTE_FUNCTIONS and len(values) > 1:
            return self._call_attribute_function(node, dotted, *values)
        if dotted not in FUNCTIONS:
            raise Unknown
        return self.memory.seen(FUNCTIONS[dotted](self.memory, *values, **named))

    def _arguments(self, node: ast.Call, consumes: bool) -> tuple[list[Any], dict[str, Any]]:
        """Return the values of the arguments.

        Args:
            consumes: whether the function goes through an only argument at once, so that a generator is like a list.
        """
        named: dict[str, Any] = {}
        if consumes and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            self._require_pure(node.args[0], node.keywords)
            values: list[Any] = [self._list_comprehension(node.args[0])]
        else:
            values = self._elements(node)
        self._operands.append(values)
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                named[keyword.arg] = value
            elif isinstance(value, dict) and all(type(key) is str and key not in named for key in value):
                named.update(value)
            else:
                raise NotFollowed
        return values, named

    def _require_pure(self, node: ast.GeneratorExp, keywords: Sequence[ast.keyword]) -> None:
        """Require that it does not matter when, and how far, a generator is gone through."""
        nodes = list(ast.walk(node))
        self.budget.spend(len(nodes))
        for one in nodes:
            if isinstance(one, ast.NamedExpr) or (isinstance(one, ast.Attribute) and one.attr in CHANGING_METHODS):
                raise NotFollowed
        if not all(isinstance(keyword.value, ast.Constant) for keyword in keywords):
            raise NotFollowed

    def _call_attribute_function(self, node: ast.Call, function: str, holder: Any, name: Any, *default: Any) -> Any:
        """Call `getattr` or `hasattr` of a base's dict."""
        if type(holder) is BaseDict and type(name) is str and not name.startswith("__"):
            if function == "builtins.hasattr":
                return name in holder or name in BASE_DICT_ATTRIBUTES
            if function == "builtins.getattr" and name not in BASE_DICT_ATTRIBUTES:
                return self.memory.seen(holder.get(name, *default) if default else holder[name])
        changes_module = type(holder) is ImportedName and function in ("builtins.setattr", "builtins.delattr")
        if type(name) is not str or reaches_all_names(name) or changes_module:
            raise AllUnknown("may change any name", node)
        raise Unknown


_ATTRIBUTE_FUNCTIONS: Final = ("builtins.getattr", "builtins.hasattr", "builtins.setattr", "builtins.delattr")
_EXPRESSIONS: Final[Mapping[type[ast.expr], Callable[[ConfigEvaluator, Any], Any]]] = {
    ast.Attribute: ConfigEvaluator._attribute,
    ast.BinOp: ConfigEvaluator._binary,
    ast.BoolOp: ConfigEvaluator._bool,
    ast.Call: ConfigEvaluator._call,
    ast.Compare: ConfigEvaluator._compare,
    ast.Constant: ConfigEvaluator._constant,
    ast.Dict: ConfigEvaluator._dict,
    ast.DictComp: ConfigEvaluator._dict_comprehension,
    ast.FormattedValue: ConfigEvaluator._formatted,
    ast.IfExp: ConfigEvaluator._conditional,
    ast.JoinedStr: ConfigEvaluator._joined,
    ast.List: ConfigEvaluator._elements,
    ast.ListComp: ConfigEvaluator._list_comprehension,
    ast.Name: ConfigEvaluator._name,
    ast.NamedExpr: ConfigEvaluator._named,
    ast.Set: ConfigEvaluator._set,
    ast.SetComp: ConfigEvaluator._set_comprehension,
    ast.Slice: ConfigEvaluator._slice,
    ast.Subscript: ConfigEvaluator._subscript,
    ast.Tuple: ConfigEvaluator._tuple,
    ast.UnaryOp: ConfigEvaluator._unary,
}
_STATEMENTS: Final[Mapping[type[ast.stmt], Callable[[ConfigEvaluator, Any], None]]] = {
    ast.AnnAssign: ConfigEvaluator._annotated,
    ast.Assert: ConfigEvaluator._expression,
    ast.Assign: ConfigEvaluator._assign,
    ast.AsyncFunctionDef: ConfigEvaluator._define,
    ast.AugAssign: ConfigEvaluator._augmented,
    ast.ClassDef: ConfigEvaluator._define,
    ast.Delete: ConfigEvaluator._delete,
    ast.Expr: ConfigEvaluator._expression,
    ast.For: ConfigEvaluator._for,
    ast.FunctionDef: ConfigEvaluator._define,
    ast.Global: ConfigEvaluator._pass,
    ast.If: ConfigEvaluator._if,
    ast.Import: ConfigEvaluator._import,
    ast.ImportFrom: ConfigEvaluator._import_from,
    ast.Pass: ConfigEvaluator._pass,
}
