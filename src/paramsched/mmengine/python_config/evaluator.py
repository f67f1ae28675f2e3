"""Evaluate the statements and expressions of a Python config without running it.

One rule: what is not evaluated makes unknown all that it could change. These are the names that it binds, and every
list and dict that is reachable from the names that it mentions. Code that could change any name makes the file unknown.
"""

import ast
import builtins
import copy
import math
import operator
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, final

from paramsched.mmengine.python_config.source import PythonSource
from paramsched.mmengine.python_config.values import (
    ATOMS,
    MOST_DEPTH,
    MUTABLE,
    NUMBERS,
    OPAQUE,
    AllUnknown,
    BaseDict,
    Budget,
    ImportedName,
    NeedsRunning,
    References,
    Unknown,
)

DECIDING: Final = (
    "auto_scale_lr",
    "default_hooks",
    "optim_wrapper",
    "param_scheduler",
    "train_cfg",
    "train_dataloader",
)
"""Names that determine a plan. If code may bind any name, they are unknown even if the file never mentions them."""

_ERRORS: Final = (
    *(Unknown, ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError),
)
_FUNCTIONS_AND_CLASSES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.GeneratorExp)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_REACHING: Final = _words(
    "exec eval globals locals vars compile breakpoint getattr setattr delattr modules settrace setprofile currentframe "
    "getmodule _getframe _current_frames f_globals f_locals f_back f_builtins gi_frame cr_frame ag_frame tb_frame "
    "builtins __main__ inspect gc ctypes runpy timeit pdb bdb code codeop"
)
"""Functions, attributes and modules that can change any name of a file."""
_HARMLESS: Final = frozenset({"__version__", "__name__", "__file__", "__doc__", "__path__", "__all__", "__future__"})
_MOST_BITS: Final = 1_400  # of an integer; no float has more
_MOST_LENGTH: Final = 1_000_000  # of a text
_MOST_COMPARED: Final = 50_000  # entries of the arguments of a function


@final
class _View:
    """An iterator or view, which reads its containers only while it is used, as in Python. No name can hold it.

    Args:
        iterable: the iterator or view.
        sources: the containers that it reads.
    """

    def __init__(self, iterable: Iterable[Any], *sources: Any) -> None:
        self.iterable = iterable
        self.sources: list[Any] = [one for each in sources for one in (each.sources if type(each) is _View else [each])]

    @classmethod
    def over(cls, function: Callable[..., Iterable[Any]], *values: Any) -> "_View":
        """Return the result of an iterator such as `zip`, over containers and views."""
        return cls(function(*(one.iterable if type(one) is _View else one for one in values)), *values)


_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
}
_COMPARED: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    str: _words("endswith format join lower lstrip partition replace rsplit rstrip split startswith strip upper"),
    list: _words("append extend insert pop remove clear copy reverse count index sort"),
    tuple: frozenset(("count", "index")),
    dict: (_OF_DICT := _words("get pop setdefault update copy clear keys values items")),
    BaseDict: _OF_DICT,
}
_STORING: Final = frozenset(("append", "extend", "insert", "get", "pop", "setdefault", "update"))
"""Methods that do not look into their arguments, which may thus be unknown."""
_ITERATING: Final = frozenset(("extend", "join", "update"))
"""Methods that only iterate over their argument, which may thus be an iterator or a view."""
_NOT_KEYS: Final = frozenset(dir(dict)) | {"build_lazy", "deepcopy", "freeze", "lazy", "merge", "to_dict", "unfreeze"}
_OF_MODULES: Final = {
    "math": (math, "ceil exp floor log log10 log2 pow sqrt cos sin"),
    "os.path": (os.path, "basename dirname join normpath splitext"),
    "builtins": (builtins, "abs all any bool float int len max min range repr sorted str sum"),
}
_COMPUTING: Final[dict[str, Callable[..., Any]]] = {
    f"{module}.{name}": getattr(holder, name)
    for module, (holder, names) in _OF_MODULES.items()
    for name in names.split()
}
"""Functions that compute a result from known values."""
_COMPUTING["builtins.round"] = lambda number, ndigits=None: round(
    number, None if ndigits is None else max(-400, min(ndigits, 400))
)
_OF_ITEMS: Final = frozenset(f"builtins.{name}" for name in ("all", "any", "max", "min", "sorted", "sum"))
"""Functions that only iterate over their argument, so that it may be an iterator or a view."""
_CONTAINERS: Final[Mapping[str, Callable[..., Any]]] = {
    "builtins.dict": dict,
    "builtins.list": list,
    "builtins.tuple": tuple,
    "builtins.print": lambda *_, **__: None,
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
}
"""Functions that store their arguments, or the items of these, without a look at them."""
_ITERATORS: Final[Mapping[str, Callable[..., _View]]] = {
    "builtins.enumerate": lambda values, start=0: _View.over(partial(enumerate, start=start), values),
    "builtins.reversed": partial(_View.over, reversed),
    "builtins.zip": partial(_View.over, zip),
}
"""Functions that return an iterator over their arguments."""
_CONSTANTS: Final = {f"math.{name}": getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")}
_SPEC: Final = re.compile(r"(?:[^{}]?[<>=^])?[-+ ]?#?0?\d{0,3}[,_]?(?:\.\d{1,3})?[bcdeEfFgGnosxX%]?")
_FIELD: Final = re.compile(r"\{\{|\}\}|\{\w*(?:![rsa])?(?::([^{}]*))?\}")


def reaches_all_names(name: str) -> bool:
    """Return whether a function, attribute or module of this name can change any name of the file."""
    return name in _REACHING or (name.startswith("__") and name.endswith("__") and name not in _HARMLESS)


def bound_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that statements may bind or delete, without the local ones of functions."""
    found, stack = set(), list(nodes)
    while stack:
        node = stack.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found.update(alias.asname or alias.name.split(".")[0] for alias in aliases)
            case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
                found.add(name)
            case ast.MatchStar(name=str() as name) | ast.MatchMapping(rest=str() as name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
                inside = {id(one) for one in node.body}
                stack += [one for one in ast.iter_child_nodes(node) if id(one) not in inside]  # defaults, decorators
                continue
        stack += ast.iter_child_nodes(node)
    return found


def _stored(value: Any) -> Any:
    """Return a value that a name or a container will hold. Raise Unknown for a view."""
    if type(value) is _View:
        raise Unknown
    return value


@final
class ConfigEvaluator:
    """An evaluator of one file."""

    def __init__(self, source: PythonSource, budget: Budget, references: References) -> None:
        self.source, self.budget, self.references = source, budget, references
        self.names: dict[str, Any] = {}
        self.imported: set[str] = set()
        """Names whose last binding is an `import`, a `def` or a `class`."""
        self.all_unknown: NeedsRunning | None = None
        """The placeholder for every name after code that may have changed any name; None before such code."""
        self._local: dict[str, Any] = {}  # the variables of comprehensions
        self._later: dict[str, NeedsRunning] = {}  # names in functions, which may change their values at any time
        self._unknown: dict[int, tuple[object, NeedsRunning]] = {}  # lists and dicts by identity, kept alive
        self._depth = 0
        self._used: list[Any] = []  # the values of the parts of the present expressions and statements

    def run(self, body: Iterable[ast.stmt]) -> None:
        """Run the statements of the file."""
        for statement in body:
            try:
                if self.all_unknown is None:
                    self._execute(statement)
            except AllUnknown as cause:
                self.all_unknown = self.source.mark(cause.node or statement, cause.why)
            if self.all_unknown is not None:
                names = {*self.names, *DECIDING, *bound_names([statement])}
                self.names.update(dict.fromkeys(names, self.all_unknown))

    def bind(self, name: str, value: Any, *, imported: bool = False) -> None:
        """Bind a name of the file."""
        if name in self._later:
            self._make_unknown([value], self._later[name])
        self.names[name] = _stored(value)
        (self.imported.add if imported else self.imported.discard)(name)

    # What is unknown.

    def seen(self, value: Any) -> Any:
        """Return the value, or a placeholder if code that was not evaluated can change it."""
        return self._unknown[id(value)][1] if id(value) in self._unknown else value

    def _make_unknown(self, values: Iterable[Any], mark: NeedsRunning) -> None:
        stack = list(values)
        while stack:
            value = stack.pop()
            if type(value) is _View:
                stack += value.sources
            elif type(value) in (*MUTABLE, tuple) and id(value) not in self._unknown:
                self.budget.spend(1 + len(value) // 8)
                if type(value) is not tuple:
                    self._unknown[id(value)] = value, mark
                stack += value.values() if isinstance(value, dict) else value

    def _skip(self, node: ast.AST, mark: NeedsRunning, start: int) -> None:
        """Make unknown what a node that is not evaluated could change.

        Args:
            node: the node.
            mark: the placeholder.
            start: the index in `_used` of the first value of a part of the node.
        """
        self._make_unknown(self._used[start:], mark)
        for one in ast.walk(node):
            self.budget.spend(1)
            written = [getattr(one, name, None) for name in ("id", "attr", "module")]
            imported = [alias.name for alias in one.names] if isinstance(one, (ast.Import, ast.ImportFrom)) else []
            if any(type(name) is str and reaches_all_names(name.split(".")[0]) for name in (*written, *imported)):
                raise AllUnknown(node=one)
            if "*" in imported or isinstance(one, (ast.Global, ast.Nonlocal)):
                raise AllUnknown(node=one)
            if isinstance(one, ast.Attribute) and not isinstance(one.ctx, ast.Load):
                held = next((name for name in ast.walk(one) if isinstance(name, ast.Name)), None)
                if held is not None and type(self.names.get(held.id)) is ImportedName:
                    raise AllUnknown(node=one)  # a module's attribute
            if isinstance(one, ast.Name):
                self._make_unknown([scope.get(one.id) for scope in (self.names, self._local)], mark)
            elif isinstance(one, _FUNCTIONS_AND_CLASSES):
                for name in ast.walk(one):
                    if isinstance(name, ast.Name):
                        self._later.setdefault(name.id, mark)
        for bound in bound_names([node]):
            self.bind(bound, mark, imported=isinstance(node, _FUNCTIONS_AND_CLASSES))

    def _known(self, *values: Any, opaque: bool = False) -> None:
        """Raise Unknown unless values are completely known and not too large as trees."""
        stack, count = [(value, 0) for value in values], 0
        while stack:
            value, depth = stack.pop()
            kind = type(value)
            count += 1 + (len(value) >> 4 if kind in (str, bytes) else len(value) if kind is range else 0)
            if count > _MOST_COMPARED or depth > MOST_DEPTH:
                raise Unknown
            if kind in ATOMS or (opaque and kind in OPAQUE):
                continue
            if kind not in (list, tuple, dict, BaseDict) or id(value) in self._unknown:
                raise Unknown
            stack += [(one, depth + 1) for one in (value.values() if isinstance(value, dict) else value)]
        self.budget.spend(count >> 2)

    def _known_keys(self, items: Any) -> None:
        """Raise Unknown unless the keys of a dict, or of a list of pairs, are known."""
        pairs = [] if isinstance(items, dict) else items
        if any(type(pair) in OPAQUE for pair in pairs):
            raise Unknown
        self._known(*[key for key, _ in pairs])

    def _without_views(self, values: Iterable[Any]) -> list[Any]:
        """Return the values with lists of their items instead of iterators and views."""
        return [list(self._items(one)) if type(one) is _View else one for one in values]

    def _of_allowed_size(self, value: Any) -> Any:
        if isinstance(value, int):
            size, most = value.bit_length(), _MOST_BITS
        else:
            texts = isinstance(value, (str, bytes))
            size, most = (
                (len(value), _MOST_LENGTH if texts else self.budget.largest) if hasattr(value, "__len__") else (0, 0)
            )
            self.budget.spend(size >> (6 if texts else 2))
        if size > most:
            raise Unknown("is too large for a config")
        return value

    def _items(self, value: Any) -> Iterator[Any]:
        """Iterate over a value as Python does."""
        sources = value.sources if type(value) is _View else [value]
        if any(type(one) not in (list, tuple, dict, BaseDict, str, range) for one in sources):
            raise Unknown
        lengths = [len(self._of_allowed_size(one)) for one in sources]
        iterator = iter(value.iterable if type(value) is _View else value)
        while True:
            self.budget.spend(1)
            # The code that uses an item may change the containers, or make them unknown.
            if any(
                self.seen(one) is not one or len(one) != length for one, length in zip(sources, lengths, strict=True)
            ):
                raise Unknown
            try:
                item = next(iterator)
            except StopIteration:
                return
            self._used.append(item)
            yield self.seen(item)

    # Statements.

    def _execute(self, node: ast.stmt) -> None:
        """Run a statement; skip it if it is unsupported."""
        self.budget.spend(1)
        start = len(self._used)
        try:
            self._statement(node)
        except _ERRORS as error:
            self._skip(node, self.source.mark(node, error.why if type(error) is Unknown else "needs running"), start)
        finally:
            del self._used[start:]

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id="_base_"), *_]) | ast.Pass():
                pass  # MMEngine removes the lines of `_base_`, wherever they are
            case ast.Assign(targets=targets, value=value):
                found = self.value(value)
                for target in targets:
                    self._assign(target, found)
            case ast.AnnAssign(target=target, value=value, annotation=annotation) if value is not None or isinstance(
                target, ast.Name
            ):
                if value is not None:
                    self._assign(target, self.value(value))
                # Whether Python evaluates the annotation depends on its version.
                self._skip(annotation, self.source.mark(annotation), len(self._used))
            case ast.AugAssign(target=target, op=op, value=value):
                place = None if isinstance(target, ast.Name) else self._place(target)
                before = self.value(target) if place is None else self.seen(place[0][place[1]])
                self._used.append(before)
                after = self.value(value)
                if self.seen(before) is not before:
                    raise Unknown
                if type(before) is list and isinstance(op, ast.Add):
                    before.extend(list(self._items(after)))
                elif type(before) in MUTABLE:
                    raise Unknown
                else:
                    before = self._binary(op, before, after)
                if place is None:
                    self._assign(target, before)
                else:
                    self._store(*place, before)
            case ast.Delete(targets=targets):
                for target in targets:
                    match target:
                        case ast.Name(id=name) if name not in self._later:
                            del self.names[name]
                        case ast.Subscript() | ast.Attribute():
                            holder, key = self._place(target)
                            del holder[key]
                        case _:
                            raise Unknown
            case ast.Import(names=aliases) if not any(reaches_all_names(one.name.split(".")[0]) for one in aliases):
                for alias in aliases:
                    whole = alias.name if alias.asname else alias.name.split(".")[0]
                    module, _, name = whole.rpartition(".")
                    self.bind(alias.asname or whole, ImportedName(name, module, node.lineno), imported=True)
            case ast.ImportFrom(module=module, names=aliases, level=level) if not any(
                one.name == "*" or reaches_all_names(one.name) for one in aliases
            ) and not reaches_all_names((module or "").split(".")[0]):
                for alias in aliases:
                    name = ImportedName(alias.name, "." * level + (module or ""), node.lineno)
                    constant = _CONSTANTS.get(name.dotted)
                    self.bind(
                        alias.asname or alias.name, name if constant is None else constant, imported=constant is None
                    )
            case ast.Expr(value=value):
                self.value(value)
            case ast.If(test=test, body=body, orelse=orelse):
                for one in body if self._truth(self.value(test)) else orelse:
                    self._execute(one)
            case ast.For(target=target, iter=iterable, body=body, orelse=[]) if not any(
                isinstance(one, (ast.Break, ast.Continue)) for one in ast.walk(node)
            ):
                for item in self._items(self.value(iterable)):
                    self._assign(target, item)
                    for one in body:
                        self._execute(one)
            case _:
                raise Unknown

    def _assign(self, target: ast.expr, value: Any, *, local: bool = False) -> None:
        match target:
            case ast.Name(id=name) if local:
                if name in self._later:
                    self._make_unknown([value], self._later[name])
                self._local[name] = value
            case ast.Name(id=name):
                self.bind(name, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                items = [value] * len(targets) if type(value) is NeedsRunning else list(self._items(value))
                for one, part in zip(targets, items, strict=True):
                    self._assign(one, part, local=local)
            case ast.Subscript() | ast.Attribute() if not local:
                self._store(*self._place(target), value)
            case _:
                raise Unknown

    def _store(self, holder: Any, key: Any, value: Any) -> None:
        """Store a value in a container."""
        if type(key) is slice:
            value = list(self._items(value))
        if self.seen(holder) is not holder:
            raise Unknown  # an operand has given it to code that is not evaluated
        holder[key] = _stored(value)

    def _place(self, target: ast.Subscript | ast.Attribute) -> tuple[Any, Any]:
        """Return the container and the key that a target refers to."""
        holder = self.value(target.value)
        if type(holder) not in MUTABLE:
            if type(holder) is ImportedName:
                raise AllUnknown(node=target)
            raise Unknown
        if isinstance(target, ast.Subscript):
            key = self.value(target.slice)
            if type(key) is not slice:
                self._known(key)
            return holder, key
        if type(holder) is not BaseDict or target.attr in _NOT_KEYS:
            raise Unknown
        return holder, target.attr

    # Expressions.

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression, or a placeholder if it is unsupported."""
        self.budget.spend(1)
        self._depth += 1
        start = len(self._used)
        try:
            if self._depth > MOST_DEPTH:
                raise Unknown
            found = self._expression(node)
        except _ERRORS as error:
            found = self.source.mark(node, error.why if type(error) is Unknown else f"raises {type(error).__name__}")
            self._skip(node, found, start)
        finally:
            self._depth -= 1
            del self._used[start:]
        self._used.append(found)
        return self.seen(found)

    def _expression(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=str() as text) if self.references:
                return self.references.read(text, lambda: self.source.mark(node))
            case ast.Constant(value=value):
                return self._of_allowed_size(value)
            case ast.Name(id=name):
                for scope in (self._local, self.names):
                    if name in scope:
                        return scope[name]
                if name.startswith("_") or not hasattr(builtins, name):
                    raise Unknown
                return ImportedName(name, "builtins", node.lineno)
            case ast.Attribute(value=inner, attr=name):
                return self._attribute(self.value(inner), name, node.lineno)
            case ast.Subscript(value=inner, slice=key):
                holder, place = self.value(inner), self.value(key)
                if type(holder) not in (list, tuple, dict, BaseDict, str, range) or self.seen(holder) is not holder:
                    raise Unknown
                if type(place) is not slice:
                    self._known(place)
                return holder[place]
            case ast.Slice(lower=lower, upper=upper, step=step):
                parts = [None if part is None else self.value(part) for part in (lower, upper, step)]
                self._known(*parts)
                return slice(*parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._truth(self.value(operand))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                value = self.value(operand)
                if type(value) not in NUMBERS:
                    raise Unknown
                return -value if isinstance(op, ast.USub) else +value
            case ast.BinOp(left=left, op=op, right=right):
                before = self.value(left)
                after = self.value(right)
                return self._binary(op, self.seen(before), after)
            case ast.BoolOp(op=op, values=[*first, last]):
                for part in first:
                    value = self.value(part)
                    if self._truth(value) is isinstance(op, ast.Or):
                        return value
                return self.value(last)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                before = self.value(left)
                for sign, comparator in zip(ops, comparators, strict=True):
                    after = self.value(comparator)
                    if not self._compare(sign, self.seen(before), after):
                        return False
                    before = after
                return True
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self._truth(self.value(test)) else orelse)
            case ast.JoinedStr(values=values):
                pieces = [self.value(part) for part in values]
                self._known(*pieces)
                return self._of_allowed_size("".join(pieces))
            case ast.FormattedValue(value=inner, conversion=conversion, format_spec=spec):
                return self._format(f"{{!{chr(conversion)}" if conversion > 0 else "{", spec, self.value(inner))
            case ast.List():
                return [_stored(one) for one in self._elements(node.elts)]
            case ast.Tuple():
                return tuple(_stored(one) for one in self._elements(node.elts))
            case ast.Dict(keys=keys, values=values):
                found: dict[Any, Any] = {}
                for key_node, value_node in zip(keys, values, strict=True):
                    if key_node is None:
                        more = self.value(value_node)
                        found.update({one: more[one] for one in self._items(more)})
                    else:
                        key, value = self.value(key_node), self.value(value_node)
                        self._known(key)
                        found[key] = _stored(value)
                return found
            case ast.ListComp(elt=element, generators=generators):
                return [_stored(self.value(element)) for _ in self._comprehend(generators)]
            case ast.DictComp(key=key, value=value, generators=generators):
                pairs = [(self.value(key), _stored(self.value(value))) for _ in self._comprehend(generators)]
                self._known(*[one for one, _ in pairs])
                return dict(pairs)
            case ast.Call():
                return self._call(node)
        raise Unknown

    def _attribute(self, holder: Any, name: str, line: int) -> Any:
        if type(holder) is BaseDict and name not in _NOT_KEYS:
            return holder[name]
        if type(holder) is not ImportedName or reaches_all_names(name):
            raise Unknown
        return _CONSTANTS.get(f"{holder.dotted}.{name}", ImportedName(name, holder.dotted, line))

    def _truth(self, value: Any) -> bool:
        if type(value) in OPAQUE or type(value) is _View:
            raise Unknown
        return bool(value)

    def _binary(self, op: ast.operator, left: Any, right: Any) -> Any:
        if type(op) not in _BINARY:
            raise Unknown
        kinds, apply = {type(left), type(right)}, _BINARY[type(op)]
        if kinds <= {*NUMBERS}:
            bits = [one.bit_length() if isinstance(one, int) else 0 for one in (left, right)]
            if isinstance(op, ast.Pow) and all(bits) and bits[0] * right > _MOST_BITS:
                raise Unknown("is too large for a config")
            return self._of_allowed_size(apply(left, right))
        if isinstance(op, ast.Mult) and len(kinds) == 2 and int in kinds:
            times, one = (left, right) if type(left) is int else (right, left)
            if type(one) in (str, list, tuple) and len(one) * times <= self.budget.largest:
                return self._of_allowed_size(apply(left, right))
        if kinds in {ast.Add: ({str}, {list}, {tuple}), ast.BitOr: ({dict},)}.get(type(op), ()):
            return self._of_allowed_size(apply(left, right))
        raise Unknown

    def _compare(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        self._known(left, right)
        if isinstance(op, (ast.Is, ast.IsNot)):
            if left is not None and right is not None:
                raise Unknown  # Python may share equal numbers and texts
            return (left is right) is isinstance(op, ast.Is)
        return bool(_COMPARED[type(op)](left, right))

    def _format(self, field: str, spec: ast.expr | None, value: Any) -> str:
        shape = "" if spec is None else self.value(spec)
        self._known(value)
        if type(shape) is not str or not _SPEC.fullmatch(shape):
            raise Unknown
        return (field + (f":{shape}" if shape else "") + "}").format(value)

    def _elements(self, nodes: Iterable[ast.expr]) -> list[Any]:
        found: list[Any] = []
        for one in nodes:
            if isinstance(one, ast.Starred):
                found += self._items(self.value(one.value))
            else:
                found.append(self.value(one))
        self._of_allowed_size(found)
        return found

    def _comprehend(self, generators: list[ast.comprehension]) -> Iterator[None]:
        """Bind the variables of a comprehension, once for each of its elements."""
        first, *rest = generators
        if first.is_async:
            raise Unknown
        outer, self._local = self._local, dict(self._local)
        try:
            for item in self._items(self.value(first.iter)):
                self._assign(first.target, item, local=True)
                if all(self._truth(self.value(test)) for test in first.ifs):
                    yield from self._comprehend(rest) if rest else (None,)
        finally:
            self._local = outer

    def _call(self, node: ast.Call) -> Any:
        method, holder, callee = "", None, None
        if isinstance(node.func, ast.Attribute):
            method, holder = node.func.attr, self.value(node.func.value)
            if type(holder) is ImportedName:
                callee = self._attribute(holder, method, node.lineno)
        else:
            callee = self.value(node.func)
        values = self._elements(node.args)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            more = (
                {keyword.arg: _stored(value)}
                if keyword.arg is not None
                else {one: value[one] for one in self._items(value)}
            )
            if more.keys() & named.keys() or not all(type(name) is str for name in more):
                raise Unknown
            named |= more
        if any(self.seen(one) is not one for one in (holder, *values, *named.values())):
            raise Unknown  # an argument has given it to code that is not evaluated
        if callee is None:
            return self._call_method(holder, method, values, named)
        dotted = callee.dotted if type(callee) is ImportedName else ""
        if dotted in _COMPUTING:
            if dotted in _OF_ITEMS and len(values) == 1:
                values = self._without_views(values)
            self._known(*values, *named.values())
            return self._of_allowed_size(_COMPUTING[dotted](*values, **named))
        if dotted in _ITERATORS:
            if dotted == "builtins.enumerate":
                self._known(*values[1:], *named.values())
            elif named:
                raise Unknown
            return _ITERATORS[dotted](*values, **named)
        if dotted not in _CONTAINERS:
            raise Unknown
        if dotted.startswith("copy."):
            self._known(*values, opaque=True)
        elif dotted != "builtins.print":
            values = [one if isinstance(one, dict) else list(self._items(one)) for one in values]
            if dotted == "builtins.dict" and values:
                self._known_keys(values[0])
        return _CONTAINERS[dotted](*values, **named)

    def _call_method(self, holder: Any, method: str, values: list[Any], named: dict[str, Any]) -> Any:
        kind = type(holder)
        if method not in _METHODS.get(kind, ()):
            raise Unknown
        if any(one is holder for each in values if type(each) is _View for one in each.sources):
            raise Unknown  # Python would see the changes of the holder
        if method in _ITERATING:
            values = self._without_views(values)
        if any(type(one) is _View for one in values):
            raise Unknown
        if kind is BaseDict:
            self._known(holder, *values, *named.values(), opaque=True)
        elif method not in _STORING:
            self._known(
                holder,
                *values,
                *named.values(),
                opaque=method in ("copy", "clear", "reverse", "keys", "values", "items"),
            )
        if method == "extend" or (method == "update" and values):
            first, *others = values
            values = [dict(first) if isinstance(first, dict) else list(self._items(first)), *others]
            if method == "update":
                self._known_keys(values[0])
        if method in ("get", "pop", "setdefault", "insert"):
            self._known(*values[:1])
        if method == "format" and (
            "{" in _FIELD.sub("", holder) or not all(map(_SPEC.fullmatch, _FIELD.findall(holder)))
        ):
            raise Unknown
        if method in ("join", "replace", "format"):  # the length of the result is at most this product
            longest = max([len(str(one)) for one in (*values, *named.values())] + [1])
            if len(holder) * longest > _MOST_LENGTH and method != "join":
                raise Unknown("is too large for a config")
            if method == "join" and sum(len(one) + len(holder) for one in values[0]) > _MOST_LENGTH:
                raise Unknown("is too large for a config")
        result = getattr(holder, method)(*values, **named)
        return _View(result, holder) if method in ("keys", "values", "items") else result
