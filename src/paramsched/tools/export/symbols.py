"""Symbols: an array library whose arrays are formulas.

A schedule is called with a symbol in place of an array of times, and returns the formula of its value. So each formula
is written once, in the class of its schedule, and exported code has the operations of the library in the same order.

A symbol knows its bounds. Therefore most comparisons have one result in a part of the run (`Piece`), and a mask or a
clipping that has no effect disappears. A comparison that depends on the time raises `Split`; the caller then divides
the part at that time.
"""

import math
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, TypeAlias, final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from paramsched.core.curves import elementary
from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.evaluation import quiet

MOST_TIME: Final = 2**53
"""The largest time of a formula: floats represent all integers up to here."""

_MOST_VALUE = 1e100  # of a base, and of a value that another function returns
_FLAT = 64  # equal values of a table that become a piece
_LOG_OF_LARGEST = math.log(sys.float_info.max) * (1 - 2**-50)  # a power of 2 is as exact as its exponent
_MOST_TREADS = 16  # steps that become one piece each if a power is not exact
_ENDS = {"less": "greater_equal", "greater_equal": "less", "greater": "less_equal", "less_equal": "greater"}
_FLIPPED = {"less": "greater", "greater": "less", "less_equal": "greater_equal", "greater_equal": "less_equal"}

Cut: TypeAlias = tuple[Fraction | int | float, bool]
"""A time that separates two pieces, and whether the left piece includes it."""


Operand: TypeAlias = Any
"""A number or a `Symbol`."""


@final
class Split(Exception):  # a signal, not an error
    """A comparison has both results in a piece.

    Args:
        cut: where to divide the piece.
    """

    def __init__(self, cut: Cut) -> None:
        super().__init__(cut)
        self.cut = cut


@final
@dataclass(frozen=True, eq=False)
class Piece:
    """A part of the run, in which formulas have no case distinction by time.

    Args:
        begin, end: where the piece begins and ends.
        whole: True if times are integers.
        horizon: the length of the run.
        splits: False to keep comparisons in the formula instead of raising `Split`.
        named: False if the time at a point may become a number.
    """

    begin: Cut
    end: Cut
    whole: bool
    horizon: float
    splits: bool = True
    named: bool = False
    _symbols: dict[tuple[Any, ...], "Symbol"] = field(default_factory=dict)

    @property
    def is_point(self) -> bool:
        return self.end == ((self.begin[0] + 1, False) if self.whole else (self.begin[0], True))

    def time(self, name: str) -> Operand:
        """Return the time: a symbol, or a number if the piece is a point."""
        high = self.end[0] - 1 if self.whole else self.end[0]
        if self.is_point and not self.named:
            return (np.int64 if self.whole else np.float64)(self.begin[0])
        return self._keep("name", (name,), float(self.begin[0]), float(high), whole=self.whole, line=(1, 0))

    def unknown(self, op: str, *args: Any) -> "Symbol":
        """Return a symbol of any value: the base, or the call of another function."""
        return self._keep(op, args, -_MOST_VALUE, _MOST_VALUE)

    def _keep(
        self,
        op: str,
        args: tuple[Any, ...],
        low: float,
        high: float,
        *,
        whole: bool = False,
        line: tuple[int, int] | None = None,
    ) -> "Symbol":
        """Return the only symbol with these arguments, so that equal formulas are the same object."""
        key = (op, *(id(arg) if isinstance(arg, Symbol) else (type(arg), repr(arg)) for arg in args))
        found = self._symbols.get(key)
        if found is None:
            low, high = (-math.inf if low != low else low), (math.inf if high != high else high)
            found = self._symbols[key] = Symbol(op, args, low, high, whole, line, self)
        return found

    def known(self, op: str, x: Any, y: Any) -> "Symbol | None":
        """Return a comparison if it occurs in a formula."""
        return self._symbols.get(
            (op, *(id(arg) if isinstance(arg, Symbol) else (type(arg), repr(arg)) for arg in (x, y)))
        )

    def is_right_of(self, cut: Cut) -> bool:
        """Return whether the piece is to the right of a cut.

        Raises:
            Split: the cut is inside the piece.
        """
        if self.whole:
            cut = (math.floor(cut[0]) + 1 if cut[1] else math.ceil(cut[0])), False
        if self.begin >= cut:
            return True
        if self.end <= cut:
            return False
        raise Split(cut)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Symbol(NDArrayOperatorsMixin):
    """A formula.

    Args:
        op: the operation, such as `add`, or the name of a function of `math`.
        args: its operands.
        low, high: bounds of the value.
        whole: True if the value is an integer.
        line: the value as (sign, offset) of the time, if it is exactly `sign * time + offset`.
        piece: the part of the run.
    """

    op: str
    args: tuple[Any, ...]
    low: float
    high: float
    whole: bool
    line: tuple[int, int] | None
    piece: Piece

    __hash__ = object.__hash__

    shape = ()
    device = "cpu"

    @property
    def dtype(self) -> Any:
        return _INTEGERS if self.whole else _FLOATS

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return _NAMESPACE

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Operand) -> Operand:
        return build(ufunc.__name__, *args) if method == "__call__" and ufunc.__name__ in _NUMPY else NotImplemented

    def __bool__(self) -> bool:
        raise TypeError("a symbol has no truth value")


@final
class Numbers:
    """An array of constants, from which a formula takes one."""

    def __init__(self, values: Array) -> None:
        self.values = values

    def __getitem__(self, index: Operand) -> Operand:
        return build("take", self, index) if isinstance(index, Symbol) else self.values[int(index)]

    def __repr__(self) -> str:
        return repr(self.values.tolist())


_FLOATS, _INTEGERS = np.dtype(np.float64), np.dtype(np.int64)


@final
class _Namespace:
    """The functions of the array API that the formulas of schedules use."""

    __name__ = "symbols"
    float64 = _FLOATS
    iinfo = staticmethod(np.iinfo)

    def __getattr__(self, name: str) -> Callable[..., Operand]:
        op = getattr(np, name).__name__
        if op not in _NUMPY:
            raise AttributeError(name)
        return lambda *args: build(op, *args)

    def asarray(self, x: Any, dtype: Any = None, device: Any = None) -> Any:
        if isinstance(x, Symbol):
            return x
        array = np.asarray(x)
        if array.ndim:
            return Numbers(array)
        return array.astype(dtype)[()] if dtype is not None and array.dtype.kind != "b" else array[()]

    def astype(self, x: Any, dtype: Any) -> Any:
        if isinstance(x, Numbers):
            return x
        if not isinstance(x, Symbol):
            return np.asarray(x).astype(dtype)[()]
        # Integers stay integers, because Python converts them exactly where it needs floats.
        return build("int", x) if dtype.kind == "i" and (not x.whole or x.op in _CONDITIONS) else x

    def isdtype(self, dtype: Any, kind: str) -> bool:
        return str(dtype.kind) == {"integral": "i", "real floating": "f"}[kind]

    def broadcast_to(self, x: Any, shape: Any) -> Any:
        return x

    def full_like(self, x: Any, value: Any) -> Any:
        return np.asarray(value)[()]

    def isinf(self, x: Operand) -> Operand:
        if not isinstance(x, Symbol):
            return bool(np.isinf(x))
        # Only powers overflow in a formula, which then contains the number.
        overflows = any(arg == math.inf for part in parts_of(x) for arg in part.args if isinstance(arg, float))
        return build("equal", x, math.inf) if overflows else False


_NAMESPACE: Final = _Namespace()
_CONDITIONS = frozenset(
    ("less", "less_equal", "greater", "greater_equal", "equal", "bitwise_and", "bitwise_or", "invert")
)


def _of_array(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of a number with the bits that the function of an array has."""
    return lambda x: function(np.array([x], dtype=np.float64))[0]


def _of_number(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """Return a function of a number that keeps the sign of 0, as those of `math` do."""
    return lambda x: np.float64(value if (value := function(float(x))) else math.copysign(value, x))


_NUMPY: Mapping[str, Callable[..., Any]] = {
    **{
        one.__name__: one
        for one in (
            *(np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.remainder, np.negative, np.absolute),
            *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal),
            *(np.bitwise_and, np.bitwise_or, np.invert, np.minimum, np.maximum, np.floor, np.ceil, np.round),
        )
    },
    **{one.__name__: _of_array(one) for one in (np.sin, np.cos, np.sqrt)},
    **{one.__name__: _of_number(one) for one in (elementary.exp, elementary.expm1, elementary.log1p, elementary.tanh)},
    "power": lambda x, y: np.float64(
        (elementary.power_of_number if 0 < x < math.inf else elementary.power)(float(x), float(y))
    ),
    "where": lambda mask, yes, no: yes if mask else no,
    "int": np.int64,
    "take": lambda table, index: table.values[min(int(index), len(table.values) - 1)],
    "count": lambda time, bounds: np.int64(np.count_nonzero(time >= bounds.values)),
}
_WHOLE = frozenset(("floor", "ceil", "round", "int"))


@quiet
def build(op: str, *args: Operand) -> Operand:
    """Return the result of an operation: a number if all operands are numbers, otherwise a symbol."""
    symbols = [arg for arg in args if isinstance(arg, Symbol)]
    if not symbols:
        return _NUMPY[op](*args)
    simpler = _SIMPLER.get(op)
    if simpler is not None and (found := simpler(*args)) is not None:
        return found
    piece = symbols[0].piece
    if op in _CONDITIONS:
        return piece._keep(op, args, 0, 1, whole=True)
    low, high = _bounds_of(op, args)
    whole = op in _WHOLE or (op in _KEEPING_INTEGERS and all(map(_is_whole, args[op == "where" :])))
    if op == "take":
        whole = args[0].values.dtype.kind == "i"
    if whole and low == high:
        return np.int64(low)
    line = _line_of(op, args) if whole and op in ("add", "subtract", "negative") else None
    return piece._keep(op, args, low, high, whole=whole, line=line)


_KEEPING_INTEGERS = frozenset(
    ("add", "subtract", "multiply", "floor_divide", "remainder", "absolute", "negative", "minimum", "maximum", "where")
)


def _is_whole(x: Operand) -> bool:
    return x.whole if isinstance(x, Symbol) else bool(float(x).is_integer())


def interval(x: Operand) -> tuple[float, float]:
    """Return the bounds of a number or a symbol."""
    return (x.low, x.high) if isinstance(x, Symbol) else (float(x), float(x))


def _bounds_of(op: str, args: tuple[Any, ...]) -> tuple[float, float]:
    if op == "take":
        values = args[0].values
        return float(values.min()), float(values.max())
    if op == "where":
        (a, b), (c, d) = map(interval, args[1:])
        return min(a, c), max(b, d)
    if op == "sin":
        low, high = interval(args[0])
        return (np.sin(low), np.sin(high)) if low >= 0 and high <= math.pi / 2 else (-1.0, 1.0)
    if op == "cos":
        return -1.0, 1.0
    if op == "absolute":
        low, high = interval(args[0])
        return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
    if op == "multiply" and args[0] is args[1]:
        low, high = interval(args[0])
        return (0.0 if low <= 0 <= high else min(low * low, high * high)), max(low * low, high * high)
    if op == "remainder":
        return 0.0, float(args[1]) - (1 if all(map(_is_whole, args)) else 0)
    if op in ("divide", "floor_divide") and interval(args[1])[0] <= 0 <= interval(args[1])[1]:
        return -math.inf, math.inf
    if op == "power" and interval(args[0])[0] < 0:
        return -math.inf, math.inf
    first, *rest = map(interval, args)
    corners = [_NUMPY[op](x) for x in first] if not rest else [_NUMPY[op](x, y) for x in first for y in rest[0]]
    low, high = min(corners), max(corners)
    return (-math.inf, math.inf) if any(corner != corner for corner in corners) else (float(low), float(high))


def _line_of(op: str, args: tuple[Any, ...]) -> tuple[int, int] | None:
    """Return the sum, difference or negation as an integer multiple of the time plus an integer."""
    lines = [arg.line if isinstance(arg, Symbol) else (0, int(arg)) for arg in args]
    if None in lines:
        return None
    (sign, offset), *more = [line for line in lines if line is not None]
    if op == "negative":
        return -sign, -offset
    (other, by) = more[0]
    sign, offset = (sign + other, offset + by) if op == "add" else (sign - other, offset - by)
    return (sign, offset) if abs(sign) == 1 else None


def _counted(x: Operand) -> tuple[Symbol, Numbers] | None:
    """Return (time, bounds) if `x` is the number of bounds that the time has reached."""
    if not isinstance(x, Symbol) or x.op not in ("count", "int"):
        return None
    if x.op == "count":
        return x.args[0], x.args[1]
    one = x.args[0]
    if (
        isinstance(one, Symbol)
        and one.op == "greater_equal"
        and one.args[0].op == "name"
        and not isinstance(one.args[1], Symbol)
    ):
        return one.args[0], Numbers(np.array([one.args[1]]))
    return None


def _same(x: Operand, number: float) -> bool:
    return not isinstance(x, (Symbol, Numbers)) and x == number


def _simpler_sum(x: Operand, y: Operand) -> Operand | None:
    counted = _counted(x), _counted(y)
    if None not in counted:
        (time, some), (_, more) = counted  # type: ignore[misc]
        bounds = Numbers(np.concatenate([some.values, more.values]))
        return time.piece._keep("count", (time, bounds), 0, len(bounds.values), whole=True)
    if counted[1] is not None and isinstance(x, Symbol) and x.op == "add" and _counted(x.args[1]) is not None:
        return build("add", x.args[0], build("add", x.args[1], y))
    for one, other in ((x, y), (y, x)):
        # Adding -0.0 changes no number, and adding 0.0 only changes -0.0.
        if _same(one, 0) and (
            math.copysign(1, one) < 0 or isinstance(one, (int, np.integer)) or other.low >= 0 or other.high < 0
        ):
            return other
    return None


def _simpler_difference(x: Operand, y: Operand) -> Operand | None:
    if x is y:
        return np.int64(0) if x.whole else np.float64(0)
    if _same(y, 0):
        return x
    if isinstance(y, Symbol) and y.op == "multiply":
        for count, size in (y.args, y.args[::-1]):
            if (
                isinstance(count, Symbol)
                and count.op == "floor_divide"
                and count.args[0] is x
                and _same(size, count.args[1])
            ):
                return build("remainder", x, size)
    return None


def _simpler_product(x: Operand, y: Operand) -> Operand | None:
    for one, other in ((x, y), (y, x)):
        if _same(one, 1):
            return other
        if _same(one, 0) and other.low >= 0 and math.isfinite(other.high):
            return 0.0 * one
    return None


def _simpler_power(x: Operand, y: Operand) -> Operand | None:
    """Return a power as NumPy computes it: these exponents have their own code there."""
    if not isinstance(y, Symbol):
        if y in (0, 1):
            return x if y else 1.0
        if y == -1:
            return build("divide", 1.0, x)
        return build("sqrt", x) if y == 0.5 else build("multiply", x, x) if y == 2 else None
    if isinstance(x, Symbol):
        return None
    if x == 1:
        return 1.0
    _split_inexact_steps(float(x), y)
    if x > 1 and y.high > (most := _LOG_OF_LARGEST / math.log(x)):
        fits = build("less_equal", y, most)
        if isinstance(fits, Symbol):  # because in Python a power that overflows is an error
            bounded = y.piece._keep("power", (x, y), _NUMPY["power"](x, y.low), math.inf)
            return y.piece._keep("where", (fits, bounded, math.inf), bounded.low, math.inf)
        if not fits:
            return math.inf
    return None


def _split_inexact_steps(x: float, y: Symbol) -> None:
    """Divide the piece into steps if Python and NumPy do not round all powers of the run alike."""
    piece, since = y.piece, float(y.piece.begin[0])
    if not (piece.splits and y.op == "floor_divide" and y.args[0].line is not None and since < piece.horizon):
        return
    (sign, offset), size = y.args[0].line, y.args[1]
    first, last = ((min(t, piece.horizon) + offset) // size for t in (since, float(piece.end[0]) - 1))
    if sign < 0 or not 0 < last - first <= _MOST_TREADS:
        return
    steps = np.arange(first, last + 1.0)
    powers = elementary.power_of_number(x, steps).tolist()
    if any(power != x**step for power, step in zip(powers, steps.tolist(), strict=True)):
        raise Split((int((first + 1) * size - offset), False))


def _simpler_item(table: Numbers, index: Symbol) -> Operand | None:
    """Take from the part of a table that the piece needs; divide the piece where the values stop to change."""
    last = len(table.values) - 1
    low, high = max(int(index.low), 0), min(int(index.high), last) if index.high < last else last
    needed = table.values[low : high + 1]
    if (needed == needed[0]).all():
        return needed[0]
    changes = (np.flatnonzero(np.diff(needed)) + 1).tolist()
    if index.line is not None and index.line[0] > 0 and index.piece.splits:
        flat = [begin for begin, end in pairwise([0, *changes, len(needed)]) if end - begin >= _FLAT]
        if flat and len(flat) <= _MOST_TREADS:
            raise Split(((flat[0] or changes[0]) + low - index.line[1], False))
    every = math.gcd(*(change + low for change in changes))
    if every > 1:
        first_of_each = np.maximum(np.arange(low // every, high // every + 1) * every, low) - low
        return build("take", Numbers(needed[first_of_each]), index // every - low // every)
    if len(needed) == len(table.values):
        return None
    return build("take", Numbers(needed), index - low)


def _simpler_bound(choose: str) -> Callable[[Operand, Operand], Operand | None]:
    def simpler(x: Operand, y: Operand) -> Operand | None:
        (a, b), (c, d) = interval(x), interval(y)
        if x is y or (b <= c if choose == "minimum" else a >= d):
            return x
        return y if (d <= a if choose == "minimum" else c >= b) else None

    return simpler


def _simpler_comparison(op: str) -> Callable[[Operand, Operand], Operand | None]:
    def simpler(x: Operand, y: Operand) -> Operand | None:
        if not isinstance(x, Symbol):
            return build(_FLIPPED[op], y, x)
        (a, b), (c, d) = interval(x), interval(y)
        sure, never = {
            "less": (b < c, a >= d),
            "less_equal": (b <= c, a > d),
            "greater": (a > d, b <= c),
            "greater_equal": (a >= d, b < c),
        }[op]
        if sure or never:
            return np.bool_(sure)  # because ~True is -2
        if isinstance(y, Symbol):
            return None
        if x.op == "floor_divide" and not isinstance(x.args[1], Symbol) and x.args[1] > 0:
            after = math.floor(y) + 1 if op in ("greater", "less_equal") else math.ceil(y)
            return build(
                "greater_equal" if op in ("greater", "greater_equal") else "less", x.args[0], after * x.args[1]
            )
        if x.line is None or not x.piece.splits:
            return None
        sign, offset = x.line
        exact = int(y) if float(y).is_integer() else Fraction(float(y))
        mine = op if sign > 0 else _FLIPPED[op]
        right = x.piece.is_right_of(((exact - offset) * sign, mine in ("greater", "less_equal")))
        return np.bool_(right) == (mine in ("greater", "greater_equal"))

    return simpler


def _simpler_equality(x: Operand, y: Operand) -> Operand | None:
    if not isinstance(x, Symbol):
        x, y = y, x
    (a, b), (c, d) = interval(x), interval(y)
    if b < c or d < a or (not isinstance(y, Symbol) and x.whole and not float(y).is_integer()):
        return np.False_
    if x.op == "divide" and _same(y, 0) and not isinstance(x.args[1], Symbol):
        return build("equal", x.args[0], y)
    if isinstance(y, Symbol) or x.line is None or not x.piece.splits:
        return None
    sign, offset = x.line
    at = (int(y) - offset) * sign
    return np.bool_(x.piece.is_right_of((at, False)) and not x.piece.is_right_of((at, True)))


def _simpler_condition(neutral: bool) -> Callable[[Operand, Operand], Operand | None]:
    def simpler(x: Operand, y: Operand) -> Operand | None:
        for one, other in ((x, y), (y, x)):
            if not isinstance(one, Symbol):
                return other if bool(one) is neutral else np.bool_(not neutral)
        return None

    return simpler


def _simpler_choice(mask: Operand, yes: Operand, no: Operand) -> Operand | None:
    if not isinstance(mask, Symbol):
        return yes if mask else no
    kept = replaced(yes, _facts(mask, True)), replaced(no, _facts(mask, False))
    if _equal(*kept):
        return kept[0]
    if (found := _without_edge(mask, *kept)) is not None:
        return found
    if mask.op in ("less", "greater") and _equal(kept[0], mask.args[1]) and kept[1] is mask.args[0]:
        return build("maximum" if mask.op == "less" else "minimum", kept[1], kept[0])
    if kept[0] is yes and kept[1] is no:
        return None
    return build("where", mask, *kept)


def _facts(mask: Symbol, holds: bool) -> dict[int, Any]:
    """Return the results of comparisons that follow from one of them."""
    facts: dict[int, Any] = {id(mask): holds}
    if mask.op in _ENDS and (other := mask.piece.known(_ENDS[mask.op], *mask.args)) is not None:
        facts[id(other)] = not holds
    if mask.op == "invert":
        facts |= _facts(mask.args[0], not holds)
    if (mask.op == "bitwise_and" and holds) or (mask.op == "bitwise_or" and not holds):
        for one in mask.args:
            facts |= _facts(one, holds)
    return facts


def replaced(formula: Operand, by: Mapping[int, Any], done: dict[int, Any] | None = None) -> Operand:
    """Return the formula with parts replaced. `by` maps the `id` of a symbol to its replacement."""
    if not isinstance(formula, Symbol):
        return formula
    if id(formula) in by:
        return by[id(formula)]
    done = {} if done is None else done
    if id(formula) not in done:
        args = [replaced(arg, by, done) for arg in formula.args]
        same = all(new is old for new, old in zip(args, formula.args, strict=True))
        if not same and formula.op == "call":
            done[id(formula)] = formula.piece.unknown("call", *args)
        else:
            done[id(formula)] = formula if same else build(formula.op, *args)
    return done[id(formula)]


def _equal(x: Operand, y: Operand) -> bool:
    """Return whether two formulas are the same."""
    return x is y or bool(not isinstance(x, Symbol) and not isinstance(y, Symbol) and x == y)


def _without_edge(mask: Symbol, yes: Operand, no: Operand) -> Operand | None:
    """Return one branch of a choice if it also has the value of the other branch, which applies to one number only."""
    if mask.op == "bitwise_and":  # low < x < high
        for first, second in (mask.args, mask.args[::-1]):
            inner = no
            edge = _edge_of(first)
            if edge is not None and isinstance(no, Symbol):
                inner = replaced(no, _facts(first, not edge[2]))
                if _equal(replaced(yes, {id(edge[0]): edge[1]}), replaced(no, {id(edge[0]): edge[1]})):
                    return build("where", second, yes, inner)
        return None
    edge = _edge_of(mask)
    if edge is None:
        return None
    x, at, holds = edge
    most, few = (no, yes) if holds else (yes, no)
    return most if _equal(replaced(most, {id(x): at}), replaced(few, {id(x): at})) else None


def _edge_of(mask: Symbol) -> tuple[Symbol, Any, bool] | None:
    """Return (x, number, result) if a comparison has this result for one number only."""
    if mask.op not in (*_ENDS, "equal"):
        return None
    x, at = mask.args
    if isinstance(at, Symbol):
        return None
    if mask.op == "equal":
        return x, at, True
    if (mask.op in ("less", "greater_equal") and x.high <= at) or (
        mask.op in ("greater", "less_equal") and x.low >= at
    ):
        return x, at, mask.op in ("greater_equal", "less_equal")
    return None


_SIMPLER: Mapping[str, Callable[..., Operand | None]] = {
    "add": _simpler_sum,
    "subtract": _simpler_difference,
    "multiply": _simpler_product,
    "divide": lambda x, y: x if _same(y, 1) else None,
    "floor_divide": lambda x, y: x if _same(y, 1) and _is_whole(x) else None,
    "power": _simpler_power,
    "take": _simpler_item,
    "minimum": _simpler_bound("minimum"),
    "maximum": _simpler_bound("maximum"),
    **{op: _simpler_comparison(op) for op in _ENDS},
    "equal": _simpler_equality,
    "bitwise_and": _simpler_condition(True),
    "bitwise_or": _simpler_condition(False),
    "invert": lambda x: build(_ENDS[x.op], *x.args) if x.op in _ENDS else None,
    "where": _simpler_choice,
    **dict.fromkeys(("floor", "ceil", "round"), lambda x: x if x.whole else None),
}


def parts_of(formula: Operand, known: Container[int] = ()) -> Iterator[Symbol]:
    """Yield the symbols of a formula, operands first, each once. Parts whose `id` is in `known` are omitted."""
    seen: set[int] = set()

    def walk(one: Operand) -> Iterator[Symbol]:
        if isinstance(one, Symbol) and id(one) not in seen and id(one) not in known:
            seen.add(id(one))
            for arg in one.args:
                yield from walk(arg)
            yield one

    return walk(formula)
