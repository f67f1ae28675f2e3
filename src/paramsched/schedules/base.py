"""Schedule: a pure function of time and base."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from math import ceil
from operator import is_
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, overload

from paramsched.base.arrays import Array, Arrays, Floats
from paramsched.base.drawing import renderer
from paramsched.base.frozen_values import field_names, frozen_value
from paramsched.base.peer_words import line_in_code
from paramsched.base.user_warnings import renamed_property
from paramsched.curves import Curve
from paramsched.errors import InvalidArgument, InvalidCall, Unresolved, shown
from paramsched.schedules.affine import Affine, NeighborLevel, has_fixed_part
from paramsched.schedules.evaluation import value_at
from paramsched.schedules.lengths import is_known_field, length_field
from paramsched.schedules.registry import combine_operands, has_shape
from paramsched.schedules.span import Span
from paramsched.schedules.text.writing import CALL, call_text, short_line
from paramsched.time import Duration

_MOST_POINTS = 250_000  # half a second, where the points are fractions


@frozen_value
class Schedule(ABC):
    """How one hyperparameter changes: `schedule(t, base=1.0)`.

    `t` is the number of completed updates; a bare number in a schedule is a multiple of `base`. After its end a
    schedule holds its final value exactly. A schedule *fills* (takes the time it is given), *has a length*, or is
    *open*.

    A shape is a frozen dataclass that says its value (`_at`), its length, and where its formula changes
    (`_inner_breakpoints`). Everything else follows: a field that is a Duration is a time counted from the begin of the
    stage, or what its metadata say (`lengths.py`); a field that is a Schedule is a part.
    """

    # jax.jit(schedule) keeps a weak reference; the dict holds what was found out once, and is no part of the value.
    __slots__ = ("__dict__", "__weakref__")
    _precedence: ClassVar[int] = CALL

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
        return value_at(self, t, base)

    @abstractmethod
    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """The value at `t` (0 or more, never checked), as an affine function of `base`."""

    def _at_by_itself(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """The value as a stage of a sequence that is not affine."""
        return self._at(t, base, ops)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle: dict[str, str] = renderer().mime_bundle(self)
        return bundle

    @property
    @abstractmethod
    def length(self) -> Duration | None:
        """How long the schedule is; None where it fills or is open."""

    @property
    def fills(self) -> bool:
        """Whether the schedule takes the time it is given: its length is a field marked `FILLS`, and None."""
        name = length_field(type(self), "fills")
        return name is not None and getattr(self, name) is None

    @property
    def has_length(self) -> bool:
        """Whether it has a length, be it one that only a calendar can say."""
        return self.length is not None

    @cached_property
    def depth(self) -> int:
        """How deep schedules are nested in it; 1 for one that holds none."""
        return 1 + max((part.depth for part in self.parts()), default=0)

    @cached_property
    def affine(self) -> bool:
        """Whether the value is `A(t) * base + C(t)`."""
        return all(part.affine for part in self.parts())

    @property
    def has_absolute(self) -> bool:
        """Whether a level somewhere in it is absolute."""
        return any(has_fixed_part(leaf) for leaf in leaves_of_fields(self)) or any(p.has_absolute for p in self.parts())

    @cached_property
    def has_neighbor_levels(self) -> bool:
        """Whether `previous` or `following` stands somewhere in it, which `resolve` replaces by numbers."""
        own = any(isinstance(leaf, NeighborLevel) for leaf in leaves_of_fields(self))
        return own or any(part.has_neighbor_levels for part in self.parts())

    @property
    def serializable(self) -> bool:
        """Whether the line of text says everything: no user's function without a name, no class without a shape."""
        if type(self).__str__ is Schedule.__str__ and not has_shape(self):
            return False
        known = all(leaf.serializable for leaf in leaves_of_fields(self) if isinstance(leaf, Curve))
        return known and all(part.serializable for part in self.parts())

    serialisable = renamed_property("serialisable", "serializable")

    @cached_property
    def is_resolved(self) -> bool:
        """Whether every length is in updates, and every level a number."""
        return not self.has_neighbor_levels and self._lengths_known(whole=True)

    def _lengths_known(self, *, whole: bool) -> bool:
        """Whether every length is in updates: whole but for periods, and in a cycle of no whole length."""
        if self.fills:
            return False
        kind = type(self)
        for name, _ in field_names(kind):
            value = getattr(self, name)
            for leaf in _leaves_of(value) if isinstance(value, tuple) else (value,):
                if isinstance(leaf, Duration) and not is_known_field(kind, name, leaf, whole=whole):
                    return False
        return all(part._lengths_known(whole=whole) for part in self.parts())

    def require_resolved(self) -> None:
        if not self.is_resolved:
            found = "a unit other than updates, or a stage without length, is left in it"
            if self.has_neighbor_levels:
                found = "previous or following is left in it, a level that ps.resolve takes from the stage beside"
            raise Unresolved(
                str(self),
                found,
                f"Write ps.resolve({line_in_code(short_line(self))}, ps.Calendar(total=10_000, steps_per_epoch=100))",
            )

    @property
    def metric_rules(self) -> tuple[Any, ...]:
        """The metric rules that multiply into it; none, but for a schedule guided by them."""
        return ()

    def _with_fields(self, fields: Mapping[str, Any]) -> "Schedule":
        """The schedule with these fields, all of them: numbers for the levels of its neighbors."""
        return replace(self, **fields)  # type: ignore[type-var]  # every schedule is a dataclass

    def parts(self) -> Iterator["Schedule"]:
        """The schedules this one is made of."""
        return (leaf for leaf in leaves_of_fields(self) if isinstance(leaf, Schedule))

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
        end = ceil(length) if until is None and length is not None else until
        assert end is not None
        times = list(map(ceil, islice(self._inner_breakpoints(0, end), _MOST_POINTS + 1)))
        if len(times) > _MOST_POINTS:
            site = f"({short_line(self)}).breakpoints(until={end})"
            raise InvalidArgument(site, f"more than {_MOST_POINTS} points", "Write .breakpoints(until=10_000)")
        last = end if length is None else min(end, ceil(length))
        return tuple(sorted({0, last, *(time for time in times if 0 <= time <= end)}))

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        """Times from `since` to `until` at which the formula changes, in any order; 0 and the end may be left out.

        One between two updates is told exactly: the one that asks rounds it up. Times before `since` may be told too.
        """
        return ()

    def _breakpoints_and_end(self, since: int, until: int) -> Iterator[int | Fraction]:
        """`_inner_breakpoints`, and the end, which inside another schedule is a change like any other."""
        yield from self._inner_breakpoints(since, until)
        if self.length is not None:
            yield self.length.number

    def _seams(self) -> Iterable[float]:
        """The few times around which updates are best evaluated apart: where a stage begins, and the end."""
        length = self.length
        return (0,) if length is None else (0, ceil(length))

    def _held_from(self) -> int | Fraction | None:
        """The time from which on a resolved schedule holds its value; None where it goes on changing."""
        length = self.length
        return None if length is None else length.number

    @property
    def _holds_after_nothing(self) -> bool:
        """Whether a sequence that ends with it holds its value even where no update is left for it: `skip`."""
        return False

    def _exact_length(self, span: Span) -> Fraction | None:
        """The length in updates, exact; None where it fills or is open."""
        length = self.length
        return None if length is None else span.exact_length(length)

    def _resolve(self, span: Span) -> "Schedule":
        """The same schedule with every length in updates."""
        made: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]  # every schedule is a dataclass
            value, role = getattr(self, field.name), field.metadata.get("role")
            if isinstance(value, Duration) and role is not None:
                if role == "period":
                    value = span.period(value)
                else:
                    value = Duration.of_updates(span.exact(value)) if role == "scale" else span.resolved_length(value)
            elif value is None and role == "fills":
                if span.room is None:
                    raise no_horizon(self)
                value = span.room
            else:
                value = _resolved_item(value, span)
            made[field.name] = value
        resolved = replace(self, **made)  # type: ignore[type-var]
        if resolved.fills:
            raise InvalidArgument(
                f"{type(self).__name__}.fills",
                "it takes the time it is given, and none of its fields is marked as its length",
                "Write over: Duration | None = field(metadata=FILLS)",
            )
        return resolved

    def __rshift__(self, other: "Schedule") -> "Schedule":
        return _combined_operands("sequence", self, other)

    def __mul__(self, other: "Schedule | float") -> "Schedule":
        return _combined_operands("product", self, other)

    def __rmul__(self, other: float) -> "Schedule":
        return _combined_operands("product", other, self)

    def __add__(self, other: "Schedule | float") -> "Schedule":
        return _combined_operands("sum", self, other)

    def __radd__(self, other: float) -> "Schedule":
        return _combined_operands("sum", other, self)

    def __sub__(self, other: "Schedule | float") -> "Schedule":
        return _combined_operands("difference", self, other)

    def __rsub__(self, other: float) -> "Schedule":
        return _combined_operands("difference", other, self)

    def __truediv__(self, divisor: float) -> "Schedule":
        return _combined_operands("quotient", self, divisor)

    def __pow__(self, exponent: float) -> "Schedule":
        return _combined_operands("power", self, exponent)

    def __neg__(self) -> "Schedule":
        return _combined_operands("negative", self)

    if not TYPE_CHECKING:  # type checkers refuse operators that a class does not have

        def _refuse_operator(self, other: object) -> NoReturn:
            """Refuse `a > b` and its like, which were meant to be `a >> b`."""
            second = str(other) if isinstance(other, Schedule) else shown(other)
            raise InvalidCall(
                f"{short_line(self)} with {second[:80]}",
                "schedules follow each other by >>",
                f"Write {line_in_code(f'{self} >> {second}')}",
            )

        __gt__ = __ge__ = __or__ = __and__ = _refuse_operator

    def __str__(self) -> str:
        """The one-line text; `ps.parse` reads it back."""
        return call_text(self)


def _combined_operands(name: str, *operands: object) -> Schedule:
    made: Schedule = combine_operands(name, *operands)  # or NotImplemented, which Python takes from an operator
    return made


def leaves_of_fields(schedule: Schedule) -> Iterator[object]:
    """The values of a schedule's fields, tuples opened."""
    for name, _ in field_names(type(schedule)):
        value = getattr(schedule, name)
        if isinstance(value, tuple):
            yield from _leaves_of(value)
        else:
            yield value


def _leaves_of(items: tuple[Any, ...]) -> Iterator[object]:
    """The items of a tuple, and those of the tuples in it."""
    for item in items:
        yield from item if isinstance(item, tuple) else (item,)


def with_changed_fields(value: Any, change: Callable[[Any], Any]) -> Any:
    """A tuple, or a frozen dataclass such as a schedule, with what becomes of its items; itself where none changes."""
    if isinstance(value, tuple):
        items = tuple(map(change, value))
        return value if all(map(is_, items, value)) else items
    kind: Any = type(value)
    old = {name: getattr(value, name) for name, _ in field_names(kind)}
    changed = {name: new for name, one in old.items() if (new := change(one)) is not one}
    return replace(value, **changed) if changed else value


def _resolved_item(value: Any, span: Span) -> Any:
    """Return the value of a field without a role: its times are counted from the begin of the span."""
    if isinstance(value, Schedule):
        return value._resolve(span)
    if isinstance(value, Duration):
        return span.after(value)
    if isinstance(value, tuple):
        return tuple(_resolved_item(item, span) for item in value)
    return value


def no_horizon(schedule: Schedule) -> Unresolved:
    """The error of a schedule that takes the time it is given where none is known."""
    return Unresolved(
        str(schedule),
        "it takes the time it is given, and nothing says how long the run is",
        "Write ps.Calendar(total=10_000)",
    )
