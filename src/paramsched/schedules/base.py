"""Schedule: a pure function of time and base."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from math import inf
from numbers import Real
from typing import Any, ClassVar, overload

import numpy as np

from paramsched import curves
from paramsched._arrays import NUMPY, Array, Arrays, Floats, arrays_of, is_numpy
from paramsched._data import equal, hashed, names_of
from paramsched.curves import Curve, CurveLike, curve_of
from paramsched.errors import Asked, InvalidArgument, InvalidTime, Unresolved, shown
from paramsched.schedules import _text
from paramsched.schedules._level import Absolute
from paramsched.schedules._span import Span
from paramsched.schedules._value import BASE, Value
from paramsched.time import Duration

PERIOD = {"role": "period"}
"""Metadata of a Duration field that repeats, and therefore is rounded wherever it begins alike."""

MOST_DEPTH = 100
"""Of schedules in each other: whatever is built is evaluated, printed, copied and saved, and no stack runs out."""

_MOST_POINTS = 10_000_000
_MOST = 10**18  # updates: the longest length there is
_INSTEAD = "Write the number of completed updates: 0, 1, 2, …"
_INSTEAD_OF_BASE = "Write the group's own value: 0.1, say"
_CHUNK = 32768  # updates evaluated at once: temporaries stay in the cache (benchmarks/test_curve.py)


class Schedule(ABC):
    """How one hyperparameter changes: `schedule(t, base=1.0)`.

    `t` is the number of completed updates; a bare number in a schedule is a multiple of `base`. After its end a
    schedule holds its final value exactly. A schedule *fills* (takes the time it is given), *has a length*, or is
    *open*.

    A shape is a frozen dataclass that says its value (`_at`), its length, and where its formula changes (`_bends`).
    Everything else follows: a field that is a Duration is a time counted from the begin of the stage (or a period, with
    `PERIOD`), a field that is a Schedule is a part.
    """

    # jax.jit(schedule) keeps a weak reference; the dict holds what was found out once, and is no part of the value.
    __slots__ = ("__dict__", "__weakref__")
    _precedence: ClassVar[int] = _text.CALL

    @overload
    def __call__(self, t: float, base: float = 1.0) -> float: ...
    @overload
    def __call__(self, t: Floats, base: float = 1.0) -> Floats: ...
    @overload
    def __call__(self, t: Any, base: Any = 1.0) -> Any: ...
    def __call__(self, t: Any, base: Any = 1.0) -> Any:
        """The value used by update number `t`, counted from zero.

        Args:
            t: completed updates; a number, or a NumPy, torch or JAX array of any shape.
            base: the group's own value; a number or an array that broadcasts with `t`.

        Returns:
            A float for numbers; else an array of the common shape, in base's dtype where base is a floating array and
            in float64 otherwise (JAX: its default).

        Raises:
            InvalidTime: a Python or NumPy time that is negative or not finite.
            InvalidArgument: a base that is no finite real number.
            Unresolved: a unit, or a stage without length, is left: `ps.resolve(schedule, calendar)` first.
        """
        self.require_resolved()
        xp = arrays_of(t, base)
        base = _checked_base(base)
        if xp is not NUMPY:
            return _foreign(self, t, base, xp)
        times = _checked(t)
        if isinstance(base, float) and not isinstance(base, np.generic):
            values = evaluate(self, times.reshape(-1), base)
            return (
                float(values[0]) if times.ndim == 0 and not isinstance(t, np.ndarray) else values.reshape(times.shape)
            )
        bases: Array = base
        values = _broadcast(self, times, np.asarray(bases, dtype=np.float64))
        return values.astype(bases.dtype, copy=False)[()] if np.issubdtype(bases.dtype, np.floating) else values[()]

    @abstractmethod
    def _at(self, t: Array, base: Value, xp: Arrays) -> Value:
        """The value at `t` (0 or more, never checked), as an affine function of `base`."""

    @property
    @abstractmethod
    def length(self) -> Duration | None:
        """How long the schedule is; None where it fills or is open."""

    @property
    def fills(self) -> bool:
        """Whether the schedule takes the time it is given."""
        return False

    @property
    def has_length(self) -> bool:
        """Whether it has a length, be it one that only a calendar can say."""
        return self.length is not None

    @cached_property
    def depth(self) -> int:
        """How deep schedules are nested in it; 1 for one that holds none."""
        return 1 + max((part.depth for part in self.parts()), default=0)

    @property
    def affine(self) -> bool:
        """Whether the value is `A(t) * base + C(t)`."""
        return all(part.affine for part in self.parts())

    @property
    def has_absolute(self) -> bool:
        """Whether a level somewhere in it is absolute."""
        return any(isinstance(leaf, Absolute) for leaf in _leaves(self)) or any(p.has_absolute for p in self.parts())

    @property
    def serialisable(self) -> bool:
        """Whether the line of text says everything: no user's function without a name, no class without a shape."""
        if type(self).__str__ is Schedule.__str__ and not _text.has_shape(self):
            return False
        known = all(leaf.serialisable for leaf in _leaves(self) if isinstance(leaf, Curve))
        return known and all(part.serialisable for part in self.parts())

    @property
    def is_resolved(self) -> bool:
        """Whether every length is in updates."""
        if self.fills:
            return False
        lengths = all(leaf.is_resolved for leaf in _leaves(self) if isinstance(leaf, Duration))
        return lengths and all(part.is_resolved for part in self.parts())

    def require_resolved(self) -> None:
        if not self.is_resolved:
            raise Unresolved(
                str(self),
                "a unit other than updates, or a stage without length, is left in it",
                "Write ps.resolve(schedule, ps.Calendar(total=…, steps_per_epoch=…)) and call that",
            )

    @property
    def metric_rules(self) -> tuple[Any, ...]:
        """The metric rules that multiply into it; none, but for a schedule guided by them."""
        return ()

    def parts(self) -> Iterator["Schedule"]:
        """The schedules this one is made of."""
        return (leaf for leaf in _leaves(self) if isinstance(leaf, Schedule))

    def breakpoints(self, until: int | None = None) -> tuple[int, ...]:
        """The times at which the formula changes, sorted; 0 and the end are among them.

        Args:
            until: how far to look, in updates; by default to the end of the schedule.

        Raises:
            Unresolved: a unit is left.
            InvalidArgument: the schedule never ends, so it has to be said how far to look.
        """
        self.require_resolved()
        length = self.length
        if until is None and length is None:
            raise InvalidArgument(f"({self}).breakpoints()", "it never ends", "Write .breakpoints(until=10_000)")
        end = length.updates if until is None and length is not None else until
        assert end is not None
        last = end if length is None else min(end, length.updates)
        found = {0, last, *islice((int(b) for b in self._bends(end) if 0 <= b <= end), _MOST_POINTS)}
        if len(found) >= _MOST_POINTS:
            asked = f"({_text.short_line(self)}).breakpoints(until={end})"
            raise InvalidArgument(asked, f"more than {_MOST_POINTS} points", "Write .breakpoints(until=10_000)")
        return tuple(sorted(found))

    def _bends(self, until: int) -> Iterable[int]:
        """Times up to `until` at which the formula changes, in any order; 0 and the end need not be among them."""
        return ()

    def _changes(self, until: int) -> Iterator[int]:
        """`_bends`, and the end, which inside another schedule is a change like any other."""
        yield from self._bends(until)
        if self.length is not None:
            yield self.length.updates

    def _held_from(self) -> int | None:
        """The update from which on a resolved schedule holds its value; None where it goes on changing."""
        length = self.length
        return None if length is None else length.updates

    def _measure(self, span: Span) -> Fraction | None:
        """The length in updates, exact; None where it fills or is open."""
        length = self.length
        return None if length is None else span.exact(length)

    def _resolve(self, span: Span) -> "Schedule":
        """The same schedule with every length in updates."""
        return replace(self, **{field.name: _resolved(self, field, span) for field in fields(self)})  # type: ignore[type-var,arg-type]  # every schedule is a dataclass

    def __rshift__(self, other: "Schedule") -> "Schedule":
        return _combined("sequence", self, other)

    def __mul__(self, other: "Schedule | float") -> "Schedule":
        return _combined("product", self, other)

    def __rmul__(self, other: float) -> "Schedule":
        return _combined("product", other, self)

    def __add__(self, other: "Schedule | float") -> "Schedule":
        return _combined("sum", self, other)

    def __radd__(self, other: float) -> "Schedule":
        return _combined("sum", other, self)

    def __sub__(self, other: "Schedule | float") -> "Schedule":
        return _combined("difference", self, other)

    def __rsub__(self, other: float) -> "Schedule":
        return _combined("difference", other, self)

    def __neg__(self) -> "Schedule":
        return _combined("negative", self)

    def __str__(self) -> str:
        """The one-line text; `ps.parse` reads it back."""
        return _text.call(self)

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __hash__(self) -> int:
        return hashed(self)

    def __repr__(self) -> str:
        return str(self)


def _combined(name: str, *operands: object) -> Schedule:
    made: Schedule = _text.combine(name, *operands)  # or NotImplemented, which Python takes from an operator
    return made


quiet = np.errstate(over="ignore", under="ignore", invalid="ignore")
"""A result that overflows is inf, in every back end and without a warning; 0 times it is 0."""


@quiet
def evaluate(schedule: Schedule, times: Array, base: float) -> Floats:
    """The one evaluator: values at NumPy times (1-d, checked) for one base; float64.

    A value does not depend on how many are evaluated together, so long arrays go through in pieces that stay in the
    cache, and blocks of a table equal single values bit for bit.
    """
    affine = schedule.affine
    if times.size <= _CHUNK:
        return _piece(schedule, times, base, affine=affine)
    out = np.empty(times.size)
    for begin in range(0, times.size, _CHUNK):
        _write_piece(schedule, times[begin : begin + _CHUNK], base, out[begin : begin + _CHUNK], affine=affine)
    return out


@quiet
def columns(schedule: Schedule, times: Array) -> Value:
    """The two columns of an affine schedule at NumPy times, not yet applied to a base."""
    return schedule._at(times, BASE, NUMPY)


def _write_piece(schedule: Schedule, times: Array, base: float, out: Floats, *, affine: bool) -> None:
    """`_piece` into an array; its own arrays are free again for the next piece, still in the cache."""
    value = schedule._at(times, BASE, NUMPY) if affine else None
    if value is not None and value.offset is None and base and isinstance(value.factor, np.ndarray):
        np.multiply(value.factor, base, out=out)  # as `Value.at` does, without an array between
    else:
        out[:] = _piece(schedule, times, base, affine=affine)


def _piece(schedule: Schedule, times: Array, base: float, *, affine: bool) -> Floats:
    if affine:
        values = columns(schedule, times).at(base)
    else:
        values = schedule._at(times, Value(None, base), NUMPY).alone()
    if isinstance(values, np.ndarray) and values.shape == times.shape:
        return values
    return np.full(times.shape, values)


@quiet
def _broadcast(schedule: Schedule, times: Array, bases: Array) -> Floats:
    """Values for an array of bases: each base by itself where there are few, so that they equal the scalar ones."""
    shape = np.broadcast_shapes(times.shape, bases.shape)
    if schedule.affine:
        value = columns(schedule, times.reshape(-1))
        shaped = Value(*(_shaped(column, times.shape, NUMPY) for column in (value.factor, value.offset)))
        return np.array(np.broadcast_to(shaped.at(bases), shape))
    many_times = np.array(np.broadcast_to(times, shape)).reshape(-1)
    many_bases = np.array(np.broadcast_to(bases, shape)).reshape(-1)
    values = schedule._at(many_times, Value(None, many_bases), NUMPY).alone()
    return np.array(np.broadcast_to(values, many_times.shape)).reshape(shape)


def _shaped(column: Array | None, shape: tuple[int, ...], xp: Arrays) -> Array | None:
    return xp.lift(column.reshape(shape)) if isinstance(column, np.ndarray) else column


def _foreign(schedule: Schedule, t: Array, base: Array, xp: Arrays) -> Array:
    """torch and JAX: times are never read, negative ones count as 0."""
    known = is_numpy(t)
    times = _checked(t) if known else t
    if not known and not (xp.is_whole(t) or xp.xp.isdtype(t.dtype, "real floating")):
        raise InvalidTime(f"times of dtype {t.dtype}", "no numbers", _INSTEAD)
    shape = np.broadcast_shapes(tuple(times.shape), () if isinstance(base, (int, float)) else np.shape(base))
    wide = float(base) if isinstance(base, (int, float)) else xp.floating(base)
    if known and schedule.affine:  # only base is foreign: the columns come from the one evaluator
        value = columns(schedule, times.reshape(-1))
        values = Value(*(_shaped(column, times.shape, xp) for column in (value.factor, value.offset))).at(wide)
    elif schedule.affine:
        values = schedule._at(xp.clock(times), BASE, xp).at(wide)
    else:
        whole = known and times.dtype.kind == "i" and not (times.size and times.max() > xp.far)
        times = xp.clock(times if not known else xp.whole(times) if whole else xp.floating(times))
        values = schedule._at(times, Value(None, wide), xp).alone()
    values = xp.xp.broadcast_to(xp.lift(values), shape)
    if isinstance(base, (int, float)) or (is_numpy(base) and np.asarray(base).dtype.kind != "f"):
        return values
    keep = getattr(xp.xp, str(np.asarray(base).dtype)) if is_numpy(base) else base.dtype
    return xp.xp.astype(values, keep) if xp.xp.isdtype(keep, "real floating") else values


def _checked(t: Any) -> Array:
    """A Python or NumPy time as a NumPy array; what cannot be a time is refused."""
    if isinstance(t, (bool, str, bytes)):
        raise InvalidTime(f"time {t!r}", f"a {type(t).__name__} is no time", _INSTEAD)
    if isinstance(t, (int, float)):
        if not 0 <= t < inf:
            raise InvalidTime(f"time {t!r}", "negative or not finite", _INSTEAD)
        if isinstance(t, int) and t > _MOST:
            raise InvalidTime(f"time {t:.6g}" if t < 10**300 else "time", "more updates than a clock counts", _INSTEAD)
        return np.asarray(t)
    times = np.asarray(t)
    if times.dtype.kind not in "iuf":
        raise InvalidTime(f"times of dtype {times.dtype}", "no numbers", _INSTEAD)
    first, last = (times.min(), times.max()) if times.size else (0, 0)
    if not (first >= 0 and np.isfinite(last)):
        raise InvalidTime(f"times from {first} to {last}", "negative or not finite", _INSTEAD)
    if times.dtype.kind == "f":
        return np.ascontiguousarray(times, dtype=np.float64).reshape(times.shape)
    if last > _MOST:
        raise InvalidTime(f"times up to {last}", "more updates than a clock counts", _INSTEAD)
    return np.ascontiguousarray(times, dtype=np.int64).reshape(times.shape)


def _checked_base(base: Any) -> Any:
    """A base of Python as a float, of NumPy as an array; what is no finite real number is refused."""
    if isinstance(base, (int, float)) and not isinstance(base, np.generic):
        try:
            value = float(base)
        except OverflowError:  # an integer of more than 308 digits
            value = inf
        if not -inf < value < inf:
            raise InvalidArgument(f"base {value!r}", "not finite", _INSTEAD_OF_BASE)
        return value
    if is_numpy(base):
        bases = np.asarray(base)
        if bases.dtype.kind not in "biuf":
            raise InvalidArgument(f"base {base!r}"[:80], f"{bases.dtype} is no real number", _INSTEAD_OF_BASE)
        if not np.isfinite(bases).all():
            raise InvalidArgument(f"base {base!r}"[:80], "not finite", _INSTEAD_OF_BASE)
        return bases
    if "complex" in str(getattr(base, "dtype", "")):
        raise InvalidArgument(f"base of dtype {base.dtype}", "no real number", _INSTEAD_OF_BASE)
    return base


def _leaves(schedule: Schedule) -> Iterator[object]:
    """The values of a schedule's fields, tuples opened."""
    for name, _ in names_of(type(schedule)):
        value = getattr(schedule, name)
        if isinstance(value, tuple):
            for item in value:
                yield from item if isinstance(item, tuple) else (item,)
        else:
            yield value


def _resolved(schedule: Schedule, field: Any, span: Span) -> Any:
    value = getattr(schedule, field.name)
    if isinstance(value, Schedule):
        return value._resolve(span)
    if isinstance(value, Duration):
        return Duration.of(span.period(value) if field.metadata.get("role") == "period" else span.after(value))
    if isinstance(value, tuple):
        return tuple(_item(item, span) for item in value)
    if value is None and field.name == "over" and schedule.fills:
        if span.room is None:
            raise no_horizon(schedule)
        return Duration.of(span.room)
    return value


def _item(value: Any, span: Span) -> Any:
    if isinstance(value, Schedule):
        return value._resolve(span)
    if isinstance(value, Duration):
        return Duration.of(span.after(value))
    if isinstance(value, tuple):
        return tuple(_item(item, span) for item in value)
    return value


def no_horizon(schedule: Schedule) -> Unresolved:
    """The error of a schedule that takes the time it is given where none is known."""
    return Unresolved(
        str(schedule),
        "it takes the time it is given, and nothing says how long the run is",
        'Write ps.Calendar(total=10_000), a plan\'s horizon="20 epochs", or a length: over="500 steps"',
    )


def curve_argument(name: str, curve: CurveLike) -> Curve:
    """A curve; a schedule can be called too, but with a time, not with a progress."""
    if isinstance(curve, Schedule):
        refusal = InvalidArgument(
            Asked(name, "curve", str(curve)), "a schedule is no curve", "Write curve=curves.cosine"
        )
        raise refusal.suggest(curves.cosine)
    return curve_of(curve)


def schedule_of(value: object, asked: str | Callable[[], str]) -> Schedule:
    """A schedule, or a finite number as a constant.

    Args:
        value: what was given.
        asked: the call for a message; a function where writing it costs as much as the schedule is long.
    """
    if isinstance(value, Schedule):
        if value.metric_rules:
            raise InvalidArgument(
                asked() if callable(asked) else asked,
                f"{value} is guided by a metric",
                "A metric rule multiplies into a whole schedule: cosine() * plateau()",
            )
        if value.depth >= MOST_DEPTH:
            found = f"schedules nested more than {MOST_DEPTH} deep"
            raise InvalidArgument(
                _text.short_line(value), found, "Add up what is nested: shift(s, 2) for two shifts by 1"
            )
        return value
    if isinstance(value, Real) and not isinstance(value, bool):
        level: Schedule = _text.SHAPES["constant"](value)
        return level
    raise InvalidArgument(
        asked() if callable(asked) else asked,
        f"{shown(value)} is no schedule and no number",
        "Write warmup(100) >> cosine(to=0.1)",
    )
