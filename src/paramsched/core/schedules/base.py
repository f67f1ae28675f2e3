"""Schedule: a pure function of time and base."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from math import ceil
from operator import is_
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, overload

from paramsched.core.base.entries import notebook_display
from paramsched.core.base.frozen_values import field_names, frozen_value
from paramsched.core.base.params import argument_kind
from paramsched.core.curves import Curve
from paramsched.core.curves.arrays import Array, Arrays, Floats
from paramsched.core.number_checks import check_fields
from paramsched.core.schedules.affine import FIXED_PARTS, Absolute, Affine, AffineLevel, Bounds, Level
from paramsched.core.schedules.evaluation import value_at
from paramsched.core.schedules.lengths import Span, is_resolved_field, length_field
from paramsched.core.schedules.registry import builder_name, combine_operands, has_shape
from paramsched.core.schedules.writing import CALL, call_text, chain_depth, short_line
from paramsched.core.time import Duration
from paramsched.errors import InvalidArgument, InvalidCall, Unresolved, shown

_MAX_POINTS = 250_000  # computing so many breakpoints takes half a second if they are fractions


@argument_kind("schedule")
@frozen_value
class Schedule(ABC):
    """How one hyperparameter changes: `schedule(t, base=1.0)`.

    `t` is the number of completed updates. A number in a schedule is a multiple of `base`. After its end a schedule
    holds its final value exactly.

    A schedule *has a length*, *fills* (takes the remaining time of the run or of its stage), or is *open* (has no end).

    A shape is a frozen dataclass that defines its value (`_at`), and the times at which its formula changes
    (`_inner_breakpoints`). The rest is derived from its fields. A field with a Duration is a time from the start of the
    stage, unless the metadata of the field define another role (`lengths.py`). A field with a Schedule contains an
    operand or a stage. Metadata may also contain a check of the field, `checked(positive_number)`.
    """

    # The dict caches properties and is not part of the value.
    __slots__ = ("__dict__",)
    _precedence: ClassVar[int] = CALL

    def __post_init__(self) -> None:
        check_fields(self, builder_name(self))
        self.check_together()

    def check_together(self) -> None:  # noqa: B027  # optional
        """Raise an error if fields that are valid alone contradict each other."""

    @overload
    def __call__(self, t: float, base: float = 1.0) -> float: ...
    @overload
    def __call__(self, t: Floats, base: float = 1.0) -> Floats: ...
    @overload
    def __call__(self, t: Any, base: Any = 1.0) -> Any: ...
    def __call__(self, t: Any, base: Any = 1.0) -> Any:
        """Return the value used by update `t`, counted from 0.

        Args:
            t: number of completed updates, 0 or more: a number, or a NumPy array of any shape.
            base: the value that the numbers of the schedule multiply, such as the lr of a parameter group: a number,
                or an array that broadcasts with `t`.

        Returns:
            A float if both are numbers. Otherwise an array of the common shape, in the dtype of a floating `base`, else
            in float64.

        Raises:
            InvalidTime: a time is negative or not finite.
            InvalidArgument: `base` is not a finite real number, or an argument is no number or array, such as a
                tensor.
            Unresolved: a length is not in updates, or a stage has no length. Call `ps.resolve(schedule, total=10_000)`
                first.
        """
        self.require_lengths()
        return value_at(self.connected, t, base)

    @abstractmethod
    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Return the value at `t`, which is not negative, as an affine function of `base`."""

    def _at_as_stage(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Return the value at `t`; called if this schedule is a stage of a sequence, and the sequence is not affine."""
        return self._at(t, base, ops)

    _repr_mimebundle_ = notebook_display

    @property
    def length(self) -> Duration | None:
        """The length of the schedule; None if it takes the remaining time or has no end."""
        name = length_field(type(self), "fills", "open", "length")
        return None if name is None else getattr(self, name)

    @property
    def fills(self) -> bool:
        """True if the schedule takes the remaining time of the run or stage: its field marked `FILLS` is None."""
        name = length_field(type(self), "fills")
        return name is not None and getattr(self, name) is None

    @property
    def has_length(self) -> bool:
        """True if the schedule has a length, even one that only run facts can convert to updates."""
        return self.length is not None

    @cached_property
    def depth(self) -> int:
        """How deeply schedules are nested in this one; 1 if it contains no other schedule. Long chains count more."""
        parts = tuple(self.parts())
        chain = chain_depth(len(parts)) if self._precedence < CALL and parts else 0
        return 1 + max((part.depth for part in parts), default=0) + chain

    @cached_property
    def affine(self) -> bool:
        """True if the value is `A(t) * base + C(t)`."""
        return all(part.affine for part in self.parts())

    def _factor_of_number(self) -> Callable[[float], float] | None:
        """Return a function from one time to the factor of base, with the same bits as `_at`, in a tenth of its time.

        None if the schedule has no such function, for example because it is not proportional to base.
        """
        return None

    @cached_property
    def has_absolute(self) -> bool:
        """True if any level in the schedule is absolute."""
        own = any(isinstance(leaf, FIXED_PARTS) for leaf in self.leaves)
        return own or any(part.has_absolute for part in self.parts())

    @cached_property
    def has_likes(self) -> bool:
        """True if the schedule contains `like(…)`, which `resolve` replaces by the line that it follows."""
        return any(part.has_likes for part in self.parts())

    @property
    def connected(self) -> "Schedule":
        """The schedule with each open level between its stages written, unless it is the level without a neighbor.

        Its lengths must be in updates.

        Raises:
            InvalidArgument: a level is unknown, or could mean two things.
        """
        return self if self._connected is None else self._connected

    @cached_property
    def _connected(self) -> "Schedule | None":
        """`connected`; None if it is the schedule itself, which would be a reference cycle."""
        changed: Schedule = with_changed_fields(self, _connected_parts) if self._parts else self
        return None if changed is self else changed

    @property
    def serializable(self) -> bool:
        """True if the text can be read back: every function has a registered name, and every class a shape."""
        if type(self).__str__ is Schedule.__str__ and not has_shape(self):
            return False
        known = all(leaf.serializable for leaf in self.leaves if isinstance(leaf, Curve))
        return known and all(part.serializable for part in self.parts())

    @cached_property
    def is_resolved(self) -> bool:
        """True if every length is in updates, and every level is written or needs no neighbor."""
        if not self._lengths_known(whole=True):
            return False
        try:
            return self.connected is self
        except InvalidArgument:  # resolving raises it
            return False

    def _lengths_known(self, *, whole: bool) -> bool:
        """Return whether every length is in updates.

        Args:
            whole: True if lengths must also be integers, except periods and lengths inside cycles of fractional length.
        """
        if self.fills:
            return False
        kind = type(self)
        for name, _ in field_names(kind):
            value = getattr(self, name)
            for leaf in _leaves_of(value) if isinstance(value, tuple) else (value,):
                if isinstance(leaf, Duration) and not is_resolved_field(kind, name, leaf, whole=whole):
                    return False
        return all(part._lengths_known(whole=whole) for part in self.parts())

    def require_lengths(self) -> None:
        if not self._lengths_known(whole=True):
            raise Unresolved(
                str(self),
                "it still has units or open-ended stages; resolve it first",
                example="ps.resolve(schedule, total=10_000, steps_per_epoch=100)",
            )

    def bounds(self, bases: Bounds) -> Bounds | None:
        """Return numbers between which all values of the resolved schedule are, for every base between two numbers.

        None if its levels do not determine them. Values may differ from a bound by rounding errors.

        >>> (warmup(10) >> cosine(to=0.1, over=90)).bounds(Bounds(0.1, 0.3))
        Bounds(low=0.0, high=0.3)
        """
        return None

    @property
    def metric_rules(self) -> tuple[Any, ...]:
        """The metric rules that the schedule is multiplied by."""
        return ()

    @cached_property
    def leaves(self) -> tuple[object, ...]:
        """The values of the fields, with tuples flattened."""
        return tuple(leaves_of_fields(self))

    @cached_property
    def _parts(self) -> tuple["Schedule", ...]:
        return tuple([leaf for leaf in self.leaves if isinstance(leaf, Schedule)])

    def parts(self) -> tuple["Schedule", ...]:
        """Return the schedules that this schedule is composed of."""
        return self._parts

    def breakpoints(self, until: int | None = None) -> tuple[int, ...]:
        """Return the sorted times at which the formula changes, including 0 and the end.

        Args:
            until: last time to include, in updates; by default the end of the schedule.

        Raises:
            Unresolved: a length is not in updates.
            InvalidArgument: the schedule has no end, so `until` is required.
        """
        self.require_lengths()
        length = self.length
        if until is None and length is None:
            raise InvalidArgument(f"({self}).breakpoints()", "it has no end", "For example: .breakpoints(until=10_000)")
        end = ceil(length) if until is None and length is not None else until
        assert end is not None
        times = list(map(ceil, islice(self._inner_breakpoints(0, end), _MAX_POINTS + 1)))
        if len(times) > _MAX_POINTS:
            site = f"({short_line(self)}).breakpoints(until={end})"
            raise InvalidArgument(site, f"more than {_MAX_POINTS} points", "For example: .breakpoints(until=10_000)")
        last = end if length is None else min(end, ceil(length))
        return tuple(sorted({0, last, *(time for time in times if 0 <= time <= end)}))

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        """Return the times from `since` to `until` at which the formula changes, in any order.

        0 and the end may be omitted. A time between two updates is not rounded, because the caller rounds it
        up. Times before `since` may be included.
        """
        return ()

    def _breakpoints_and_end(self, since: int, until: int) -> Iterator[int | Fraction]:
        """Yield `_inner_breakpoints` and the end, which is a breakpoint of a schedule that contains this one."""
        yield from self._inner_breakpoints(since, until)
        if self.length is not None:
            yield self.length.number

    def _seams(self) -> Iterable[float]:
        """Return the few times at which an array of updates is best split: the starts of stages, and the end."""
        length = self.length
        return (0,) if length is None else (0, ceil(length))

    def _held_from(self) -> int | Fraction | None:
        """Return the time from which a resolved schedule is constant; None if it never is."""
        length = self.length
        return None if length is None else length.number

    @property
    def _holds_when_empty(self) -> bool:
        """True if a sequence that ends with this schedule holds its value even if it has no updates (`skip`)."""
        return False

    def _exact_length(self, span: Span) -> Fraction | None:
        """Return the exact length in updates; None if the schedule takes the remaining time or has no end."""
        length = self.length
        return None if length is None else span.exact_length(length)

    def _resolve(self, span: Span) -> "Schedule":
        """Return the schedule with every length in updates, for the part of a run that `span` describes."""
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
                    raise no_total(self)
                value = span.room
            else:
                value = _resolved_item(value, span)
            made[field.name] = value
        resolved = replace(self, **made)  # type: ignore[type-var]
        if resolved.fills:
            raise InvalidArgument(
                f"{type(self).__name__}.fills",
                "it has no length, and none of its fields is marked as its length",
                "Use over: Duration | None = field(metadata=FILLS)",
            )
        return resolved

    def resolved_in(self, span: Span) -> "Schedule":
        """Return the schedule for a part of a run, with its lengths in updates, connected."""
        return self._resolve(span).connected

    def _constant_at(self, time: Duration | None) -> Level | None:
        """Return x if the schedule is `constant(x)` at a time (None: at its end), with a written x; else None."""
        return None

    def __rshift__(self, other: "Schedule | Absolute | AffineLevel") -> "Schedule":
        return _combined_operands("sequence", self, other)

    def __mul__(self, other: "Schedule | float | Absolute | AffineLevel") -> "Schedule":
        return _combined_operands("product", self, other)

    def __rmul__(self, other: float) -> "Schedule":
        return _combined_operands("product", other, self)

    def __add__(self, other: "Schedule | float | Absolute | AffineLevel") -> "Schedule":
        return _combined_operands("sum", self, other)

    def __radd__(self, other: float | Absolute | AffineLevel) -> "Schedule":
        return _combined_operands("sum", other, self)

    def __sub__(self, other: "Schedule | float | Absolute | AffineLevel") -> "Schedule":
        return _combined_operands("difference", self, other)

    def __rsub__(self, other: float | Absolute | AffineLevel) -> "Schedule":
        return _combined_operands("difference", other, self)

    def __truediv__(self, divisor: float) -> "Schedule":
        return _combined_operands("quotient", self, divisor)

    def __pow__(self, exponent: float) -> "Schedule":
        return _combined_operands("power", self, exponent)

    def __neg__(self) -> "Schedule":
        return _combined_operands("negative", self)

    if not TYPE_CHECKING:  # hidden, so that type checkers reject these operators

        def _refuse_operator(self, other: object) -> NoReturn:
            """Reject `a | b`, which was meant to be `a >> b`."""
            second = str(other) if isinstance(other, Schedule) else shown(other)
            site, found = f"{short_line(self)} with {second[:80]}", "stages are joined by >>"
            raise InvalidCall(site, found, example='ps.warmup("5%") >> ps.cosine()')

        def _refuse_comparison(self, other: object) -> NoReturn:
            """Reject `a > b`, which was meant to be `a >> b`, and `max(b, a)`, which compares them."""
            if not isinstance(other, Schedule):
                self._refuse_operator(other)
            site, found = f"{short_line(self)} with {short_line(other)}", "schedules are not compared"
            both = "Write >> for one after the other, or ps.maximum(…) in place of max"
            raise InvalidCall(site, found, both)

        __or__ = __and__ = _refuse_operator
        __gt__ = __ge__ = _refuse_comparison

    def __str__(self) -> str:
        """Return the one-line text, which `ps.parse` reads."""
        return call_text(self)


def _combined_operands(name: str, *operands: object) -> Schedule:
    made: Schedule = combine_operands(name, *operands)  # or NotImplemented, which Python expects from an operator
    return made


def leaves_of_fields(schedule: Schedule) -> Iterator[object]:
    """Yield the values of a schedule's fields, with tuples flattened."""
    for name, _ in field_names(type(schedule)):
        value = getattr(schedule, name)
        if isinstance(value, tuple):
            yield from _leaves_of(value)
        else:
            yield value


def _leaves_of(items: tuple[Any, ...]) -> Iterator[object]:
    """Yield the items of a tuple and of the tuples in it."""
    for item in items:
        yield from item if isinstance(item, tuple) else (item,)


def with_changed_fields(value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to the items of a tuple or the fields of a frozen dataclass.

    Returns the value itself if nothing changes.
    """
    if isinstance(value, tuple):
        items = tuple(map(change, value))
        return value if all(map(is_, items, value)) else items
    kind: Any = type(value)
    old = {name: getattr(value, name) for name, _ in field_names(kind)}
    changed = {name: new for name, one in old.items() if (new := change(one)) is not one}
    return replace(value, **changed) if changed else value


def _connected_parts(value: Any) -> Any:
    """Return a value of a field with every schedule in it connected."""
    if isinstance(value, Schedule):
        return value.connected
    return with_changed_fields(value, _connected_parts) if isinstance(value, tuple) else value


def _resolved_item(value: Any, span: Span) -> Any:
    """Resolve the value of a field without a role in its metadata. Its times count from the start of `span`."""
    if isinstance(value, Schedule):
        return value._resolve(span)
    if isinstance(value, Duration):
        return span.after(value)
    if isinstance(value, tuple):
        return tuple(_resolved_item(item, span) for item in value)
    return value


def no_total(schedule: Schedule) -> Unresolved:
    """Return the error for a schedule that needs the length of the run, which is unknown."""
    return Unresolved(
        str(schedule),
        "it has no length of its own, and the length of the run is unknown",
        "For example: total=10_000",
    )
