"""The functions of an exported module, evaluated from its syntax tree. No code of the module is compiled or executed.

The tree must have the form that `ps.to_python` writes: tables of numbers, functions of one time and `base` with
assignments, conditions and returns, and `SCHEDULES`. Each expression becomes a Python function of the local variables.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, TypeAlias, final

_Names: TypeAlias = dict[str, Any]
_Expression: TypeAlias = Callable[[_Names], Any]

MAKE_SCHEDULER: Final = "make_scheduler"
"""The function for torch, which has no values of its own and is not evaluated."""

_LARGEST = 2**200  # integers of a module; larger ones could need any amount of memory
_BUILTIN: Mapping[str, tuple[Callable[..., Any], int]] = {
    "min": (min, 2),
    "max": (max, 2),
    "abs": (abs, 1),
    "round": (round, 1),
    "int": (int, 1),
    "float": (float, 1),
}
"""The functions of Python that modules call, each with its number of arguments."""

_OF_MATH = frozenset(
    (
        *("sin", "cos", "tan", "sqrt", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "tanh", "pow", "fabs"),
        *("floor", "ceil", "trunc", "copysign", "fmod", "hypot", "atan", "asin", "acos", "sinh", "cosh", "cbrt", "fma"),
    )
)
_CONSTANTS = {"pi": math.pi, "inf": math.inf, "nan": math.nan, "e": math.e, "tau": math.tau}


@final
class AnotherForm(Exception):
    """A statement or an expression that exported modules do not have.

    Args:
        node: its syntax tree.
        why: what is wrong, if its line alone does not show it.
    """

    def __init__(self, node: ast.AST, why: str = "exported code has no such statement or expression") -> None:
        self.line, self.why = getattr(node, "lineno", 1), why
        super().__init__(f"line {self.line}: {why}")


@final
@dataclass(frozen=True, slots=True, eq=False)
class ModuleFunction:
    """A function of an exported module.

    Args:
        name: its name.
        parameter: the name of its first parameter, the time.
        base: the default of `base`.
        cost: the number of operations of a call, at most.
        run: computes the value from the local variables.
    """

    name: str
    parameter: str
    base: float
    cost: int
    run: _Expression

    def __call__(self, time: float, base: float | None = None) -> Any:
        return self.run({self.parameter: time, "base": self.base if base is None else base})


def functions_of(tree: ast.Module) -> dict[str, ModuleFunction]:
    """Return the functions in `SCHEDULES` by key.

    Raises:
        AnotherForm: the module contains something that exported modules do not have.
        RecursionError: it is nested too deeply.
    """
    module = _Module()
    for statement in tree.body:
        module.read(statement)
    return module.functions()


@final
class _Module:
    """The definitions of a module that were read so far."""

    def __init__(self) -> None:
        self._constants: dict[str, Any] = {}
        self._definitions: dict[str, ast.FunctionDef] = {}
        self._made: dict[str, ModuleFunction] = {}
        self._being_made: list[str] = []
        self._schedules: ast.Dict | None = None

    def read(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Expr(value=ast.Constant(value=str())):
                return
            case ast.Import(names=[ast.alias(name="math", asname=None)]):
                return
            case ast.ImportFrom(module="torch.optim.lr_scheduler", names=[ast.alias("LRScheduler", None)], level=0):
                return
            case ast.FunctionDef(name=name) if name not in self._taken:
                self._definitions[name] = statement
            case ast.Assign(targets=[ast.Name(id="SCHEDULES")], value=ast.Dict() as named) if self._schedules is None:
                self._schedules = named
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in self._taken:
                self._constants[name] = self.constant(value)
            case _:
                raise AnotherForm(statement)

    @property
    def _taken(self) -> set[str]:
        """Names that a definition must not have, because they would then mean two things."""
        return {*self._constants, *self._definitions, *_BUILTIN, "math", "sum", "SCHEDULES"}

    def functions(self) -> dict[str, ModuleFunction]:
        """Return the functions in `SCHEDULES`."""
        found: dict[str, ModuleFunction] = {}
        if self._schedules is None:
            return found
        for key, value in zip(self._schedules.keys, self._schedules.values, strict=True):
            match key, value:
                case ast.Constant(value=str() as name), ast.Name(id=function) if name not in found:
                    found[name] = self.function(function, value)
                case _:
                    raise AnotherForm(key or value)
        for name, definition in self._definitions.items():  # also those that no key names
            if name != MAKE_SCHEDULER:
                self.function(name, definition)
        return found

    def constant(self, node: ast.expr) -> Any:
        """Return a number, or a tuple of numbers."""
        if isinstance(node, ast.Tuple):
            return tuple(map(self.number, node.elts))
        return self.number(node)

    def number(self, node: ast.expr) -> Any:
        """Return a number."""
        made = _Function(self, frozenset()).expression(node)
        try:
            return made({})
        except (ArithmeticError, ValueError, TypeError) as error:
            raise AnotherForm(node, f"{type(error).__name__}: {error}") from None

    def known(self, name: str) -> Any:
        """Return the number or the table with a name, or None."""
        return self._constants.get(name)

    def function(self, name: str, at: ast.AST) -> ModuleFunction:
        """Return a function, which is made when it is first named."""
        if name not in self._made:
            if name not in self._definitions or name == MAKE_SCHEDULER:
                raise AnotherForm(at, f"unknown function {name}")
            if name in self._being_made:
                raise AnotherForm(at, f"{name} calls itself")
            self._being_made.append(name)
            self._made[name] = self._make(self._definitions[name])
            self._being_made.pop()
        return self._made[name]

    def _make(self, node: ast.FunctionDef) -> ModuleFunction:
        match node:
            case ast.FunctionDef(
                args=ast.arguments(
                    posonlyargs=[],
                    args=[ast.arg(arg=parameter, annotation=None), ast.arg(arg="base", annotation=None)],
                    vararg=None,
                    kwonlyargs=[],
                    kwarg=None,
                    defaults=[default],
                ),
                decorator_list=[],
                returns=None,
            ):
                pass
            case _:
                raise AnotherForm(node, "expected a function of a time and base")
        base = self.number(default)
        assigned = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        function = _Function(self, frozenset((parameter, "base", *assigned)))
        run = function.block(body, node)
        if not function.returns(body):
            raise AnotherForm(node, "expected a return at the end")
        return ModuleFunction(node.name, parameter, base, function.cost, run)


_NOTHING = object()  # the result of a block that ends without a return


@final
class _Function:
    """The body of a function, as functions of its local variables.

    Args:
        module: the module.
        local: the names of the local variables.
    """

    def __init__(self, module: _Module, local: frozenset[str]) -> None:
        self._module, self._local = module, local
        self.cost = 1

    def block(self, statements: list[ast.stmt], at: ast.AST) -> _Expression:
        """Return a function that runs statements, and returns the value of the first return."""
        if not statements:
            raise AnotherForm(at)
        *steps, last = map(self._statement, statements)

        def run(names: _Names) -> Any:
            for step in steps:
                if (value := step(names)) is not _NOTHING:
                    return value
            return last(names)

        return run if steps else last

    def returns(self, statements: list[ast.stmt]) -> bool:
        """Return whether a block always returns a value."""
        last = statements[-1]
        if isinstance(last, ast.If):
            return bool(last.orelse) and self.returns(last.body) and self.returns(last.orelse)
        return isinstance(last, ast.Return)

    def _statement(self, node: ast.stmt) -> _Expression:
        match node:
            case ast.Return(value=ast.expr() as value):
                return self.expression(value)
            case ast.If(test=test, body=body, orelse=orelse):
                holds, yes = self.expression(test), self.block(body, node)
                no = self.block(orelse, node) if orelse else lambda _: _NOTHING
                return lambda names: yes(names) if holds(names) else no(names)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                made = self.expression(value)

                def assign(names: _Names) -> Any:
                    names[name] = made(names)
                    return _NOTHING

                return assign
        raise AnotherForm(node)

    def expression(self, node: ast.expr) -> _Expression:
        """Return a function of the local variables that computes an expression."""
        self.cost += 1
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                if abs(number) > _LARGEST and isinstance(number, int):
                    raise AnotherForm(node, "an integer of too many digits")
                return lambda _: number
            case ast.Name(id=name) if name in self._local:
                return lambda names: names[name]
            case ast.Name(id=name) if isinstance(known := self._module.known(name), (int, float)):
                return lambda _: known
            case ast.Attribute(value=ast.Name(id="math"), attr=name) if (
                name in _CONSTANTS and "math" not in self._local
            ):
                known = _CONSTANTS[name]
                return lambda _: known
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _binary(_BINARY[type(op)], self.expression(left), self.expression(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                made = self.expression(operand)
                return lambda names: -made(names)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                made = self.expression(operand)
                return lambda names: not made(names)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
                return _binary(_COMPARED[type(op)], self.expression(left), self.expression(right))
            case ast.Compare(left=left, ops=[op, other], comparators=[middle, right]) if (
                type(op) in _COMPARED and type(other) in _COMPARED
            ):
                return _between(
                    self.expression(left),
                    _COMPARED[type(op)],
                    self.expression(middle),
                    _COMPARED[type(other)],
                    self.expression(right),
                )
            case ast.BoolOp(op=op, values=values):
                both = (lambda x, y: lambda names: x(names) and y(names)) if isinstance(op, ast.And) else _either
                return reduce(both, map(self.expression, values))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                holds, yes, no = map(self.expression, (test, body, orelse))
                return lambda names: yes(names) if holds(names) else no(names)
            case ast.Subscript(value=table, slice=index):
                items, at = self._table(table), self.expression(index)
                return lambda names: items[at(names)]
            case ast.Call(func=function, args=args, keywords=[]):
                return self._call(function, args, node)
        raise AnotherForm(node)

    def _has(self, name: str) -> bool:
        """Return whether a name of Python is not that of a local variable."""
        return name not in self._local

    def _table(self, node: ast.expr) -> tuple[float, ...]:
        """Return a table: a tuple, or the name of one."""
        known = self._module.known(node.id) if isinstance(node, ast.Name) and node.id not in self._local else None
        known = self._module.constant(node) if isinstance(node, ast.Tuple) else known
        if not isinstance(known, tuple):
            raise AnotherForm(node, "expected a table of the module")
        return known

    def _call(self, function: ast.expr, args: list[ast.expr], node: ast.Call) -> _Expression:
        match function, args:
            case ast.Name(id="sum"), [ast.GeneratorExp() as each] if self._has("sum"):
                return self._count(each)
            case ast.Name(id=name), _ if name in self._local:
                raise AnotherForm(node)
            case ast.Attribute(value=ast.Name(id="math"), attr=name), _ if (
                name in _OF_MATH and hasattr(math, name) and self._has("math")
            ):
                return _called(getattr(math, name), [self.expression(one) for one in args])
            case ast.Name(id=name), _ if name in _BUILTIN and len(args) == _BUILTIN[name][1]:
                return _called(_BUILTIN[name][0], [self.expression(one) for one in args])
            case ast.Name(id=name), [time, base]:
                called = self._module.function(name, node)
                self.cost += called.cost
                return _called(called, [self.expression(time), self.expression(base)])
        raise AnotherForm(node)

    def _count(self, each: ast.GeneratorExp) -> _Expression:
        """Return a function for `sum(t >= x for x in BOUNDS)`."""
        match each:
            case ast.GeneratorExp(
                elt=ast.Compare(left=left, ops=[ast.GtE()], comparators=[ast.Name(id=name)]),
                generators=[ast.comprehension(target=ast.Name(id=item), iter=table, ifs=[], is_async=0)],
            ) if name == item and not any(isinstance(one, ast.Name) and one.id == item for one in ast.walk(left)):
                time, bounds = self.expression(left), self._table(table)
                self.cost += len(bounds)

                def count(names: _Names) -> int:
                    at = time(names)
                    return sum(at >= bound for bound in bounds)

                return count
        raise AnotherForm(each)


def _either(x: _Expression, y: _Expression) -> _Expression:
    return lambda names: x(names) or y(names)


def _binary(apply: Callable[[Any, Any], Any], left: _Expression, right: _Expression) -> _Expression:
    return lambda names: apply(left(names), right(names))


def _between(low: _Expression, first: Any, x: _Expression, second: Any, high: _Expression) -> _Expression:
    def holds(names: _Names) -> bool:
        value = x(names)
        return bool(first(low(names), value) and second(value, high(names)))

    return holds


def _called(function: Callable[..., Any], args: list[_Expression]) -> _Expression:
    if len(args) == 1:
        (one,) = args
        return lambda names: function(one(names))
    return lambda names: function(*[arg(names) for arg in args])


def _product(x: Any, y: Any) -> Any:
    product = x * y
    if product.__class__ is int and abs(product) > _LARGEST:
        raise OverflowError("an integer of too many digits")
    return product


def _power(x: Any, y: Any) -> Any:
    if x.__class__ is int and y.__class__ is int and y * x.bit_length() > 200:
        raise OverflowError("an integer of too many digits")
    return x**y


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _product,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
