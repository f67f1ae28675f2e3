"""How a shape is made of a function: `@formula()` for a function of time, `@planner()` for one that plans schedules.

The signature of the function says everything about its arguments: their checks, their text, their help, and of a
length, what it is for.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil
from typing import Annotated, Any, Concatenate, Final, Literal, ParamSpec, TypeAlias, final

import numpy as np

from paramsched.base.params import Ge, Gt, Param, params_of, readable
from paramsched.core.calls.builders import SHAPES, builder_like, require_free_name
from paramsched.core.calls.number_checks import MOST_COUNT, checked_number, finite_number, require_choice, whole_number
from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.level import AbsoluteValue, Level, level_of
from paramsched.core.schedules.messages import shapes as messages
from paramsched.core.schedules.messages.evaluation import no_total
from paramsched.core.schedules.registry import misfit_of_call, refuse_two_readings_of_call
from paramsched.core.schedules.schedule import (
    OPERATORS,
    SHAPE_OF_BUILDER,
    Schedule,
    Shape,
    curve_argument,
    schedule_of,
)
from paramsched.core.schedules.span import ROWS, Base, PlannedSchedule, Span, multiples, product
from paramsched.core.schedules.span import CycleRounding as LengthsOfCycles
from paramsched.core.time.duration import Duration, DurationLike, Number, count_of
from paramsched.errors import CallSite

P = ParamSpec("P")


# ---------------------------------------------------------------- kinds of arguments


@final
@dataclass(frozen=True, slots=True)
class LengthArgument:
    """The purpose of a length.

    - "fills", "open": the length of the shape; None takes the rest of the run, or has no end
    - "length": the length of the shape, which always has one
    - "time": a time from the start of the stage
    - "period": a period of repetition: at least one update, and not rounded
    - "scale": time is divided by it: not rounded, even if it is shorter than an update
    - "run": the length of another run, for which a part is planned.
    """

    role: Literal["fills", "open", "length", "time", "period", "scale", "run"]


@final
@dataclass(frozen=True, slots=True)
class NamedArgument:
    """The word for an argument in an error, if it is not its name."""

    what: str


@final
@dataclass(frozen=True, slots=True)
class CheckedArgument:
    """A function that checks a value: of the call site and the value, returns the value as it is kept."""

    check: Callable[[CallSite, Any], Any]


ClosedLength: TypeAlias = Annotated[DurationLike, LengthArgument("length")]
"""The length of a shape that always has one."""
Over: TypeAlias = Annotated[DurationLike | None, LengthArgument("fills")]
"""The length of a shape; None takes the rest of the run."""
OpenLength: TypeAlias = Annotated[DurationLike | None, LengthArgument("open")]
"""The length of a shape; None has no end."""
Time: TypeAlias = Annotated[DurationLike, LengthArgument("time")]
"""A time from the start of the stage."""
Period: TypeAlias = Annotated[DurationLike, LengthArgument("period"), Gt(0)]
"""A period, above 0."""
OptionalPeriod: TypeAlias = Annotated[DurationLike | None, LengthArgument("period"), Gt(0)]
"""A period, above 0, or None."""
Scale: TypeAlias = Annotated[DurationLike, LengthArgument("scale"), Gt(0)]
"""A time scale, above 0."""
RunLength: TypeAlias = Annotated[DurationLike | None, LengthArgument("run"), Gt(0)]
"""The length of another run; None is this run."""
OptionalCount: TypeAlias = Annotated[int | None, Ge(1)]
"""An integer of at least 1, or None."""
FirstIndex: TypeAlias = Annotated[int, Ge(0)]
"""An integer of at least 0."""
RoundedLengths: TypeAlias = Annotated[LengthsOfCycles, NamedArgument("rounding")]
"""How cycles or boundaries are rounded."""


def _checked_growth(site: CallSite, mult: object) -> float:
    """Check the ratio of two consecutive cycles: 1, or large enough for a finite table."""
    value = finite_number(site, mult)
    if value < 1:
        raise messages.cycles_shrink(site, mult)
    if value > MOST_COUNT:
        raise messages.growth_too_fast(site, mult, MOST_COUNT)
    if 1 < value < _LEAST_GROWTH:  # a slower growth needs too many cycles for the table
        raise messages.growth_too_slow(site, mult, _LEAST_GROWTH)
    return value


_LEAST_GROWTH: Final = 1.001

Growth: TypeAlias = Annotated[float, CheckedArgument(_checked_growth)]
"""The ratio of two consecutive cycles."""


def positive_length(site: CallSite, length: Duration) -> Duration:
    """Check a period or a time scale, which must be greater than 0."""
    if not length.terms:
        raise messages.length_is_zero(site)
    return length


def checked_argument(call: str, param: Param, value: Any) -> Any:
    """Return the argument of a call as it is kept; raise InvalidArgument if the parameter does not take it."""
    if value is None and param.none:
        return None
    if param.check is not None:
        return param.check(CallSite(call, param.name), value)
    match param.kind:
        case "level":
            return _checked_level(CallSite(call, param.name), value)
        case "number":
            return checked_number(CallSite(call, param.name), param, value)
        case "count":
            return whole_number(CallSite(call, param.name), value, param.marker("ge") or 0)
        case "length":
            length = Duration.of(value)
            return length if param.gt is None else positive_length(CallSite(call, param.name), length)
        case "choice":
            what = param.marker("what") or param.name
            require_choice(CallSite(call, param.name), value, Literal[param.choices], f"unknown {what}")
        case "curve":
            return curve_argument(call, value)
        case "schedule":
            return schedule_of(value, f"{call}(…)")
        case "bool" if not isinstance(value, bool):
            raise messages.not_a_bool(CallSite(call, param.name), value)
    return value


def _checked_level(site: CallSite, level: Any) -> Level:
    if isinstance(level, str) and level.replace(" ", "") == "1/n":
        raise messages.index_as_level(site, level)
    return level_of(site, level)


@final
class _ShapeArguments:
    """The arguments of a shape: binds those of a call to their names, and checks them."""

    def __init__(self, name: str, params: Mapping[str, Param]) -> None:
        self.name = name
        self.params = params
        self.names = [key for key, param in params.items() if param.form is not inspect.Parameter.KEYWORD_ONLY]
        self.several = next((key for key, param in params.items() if param.several), None)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        return {
            key: checked_argument(self.name, param, param.default)
            for key, param in self.params.items()
            if not (param.required or param.several)
        }

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the checked arguments in the order of the signature; None if the call does not fit it."""
        if self.several is not None:
            passed: dict[str, Any] = {self.several: args}
        else:
            passed = dict(zip(self.names, args, strict=False))
            if len(args) > len(self.names):
                return None
        if not (kwargs.keys() <= self.params.keys() and kwargs.keys().isdisjoint(passed)):
            return None
        passed.update(kwargs)
        arguments: dict[str, Any] = {}
        for key, param in self.params.items():
            if key not in passed:
                if key not in self.defaults:
                    return None
                arguments[key] = self.defaults[key]
            elif param.several:
                arguments[key] = tuple(checked_argument(self.name, param, argument) for argument in passed[key])
            else:
                arguments[key] = checked_argument(self.name, param, passed[key])
        return arguments


def register_shape(
    function: Callable[..., Any],
    skipped: int,
    planning: Callable[["Shape"], Callable[[Schedule, Span], PlannedSchedule]],
    hidden: bool,
    options: Mapping[str, Any],
) -> Any:
    """Return the builder of a shape that a function defines, and register it in the table of texts."""
    parameters = [*inspect.signature(function).parameters.values()][skipped:]
    name = function.__name__.strip("_")

    def build(*args: Any, **kwargs: Any) -> Schedule:
        refuse_two_readings_of_call(name, args, kwargs)
        named = arguments.bound(args, kwargs)
        if named is None:
            misfit = misfit_of_call(builder, args, kwargs, name)
            assert misfit is not None, f"{name} does not take {args} and {kwargs}"
            raise misfit
        return shape.call(**named)

    builder = builder_like(function, build, parameters, Schedule)
    builder.__name__ = name
    builder.__qualname__ = name
    params = params_of(builder)
    arguments = _ShapeArguments(name, params)
    roles_or_none = {key: param.marker("role") for key, param in params.items()}
    roles = {key: role for key, role in roles_or_none.items() if role is not None}
    shape = Shape(name, params, lambda schedule, span: plan(schedule, span), roles, **options)
    plan = planning(shape)
    SHAPE_OF_BUILDER[builder] = shape
    if hidden:
        OPERATORS[name] = shape
    else:
        require_free_name(SHAPES, builder, noun="shape")
        SHAPES[name] = readable(builder)
    return builder


# ---------------------------------------------------------------- formulas of time


def formula(
    *,
    held: Callable[..., Number | None] | None = None,
    edges: Callable[..., Any] | None = None,
    counted: Callable[..., Mapping[str, Any]] | None = None,
    exact: bool = False,
    hidden: bool = False,
    **options: Any,
) -> Callable[[Callable[Concatenate[Array, P], Array]], Callable[P, Schedule]]:
    """Make a shape of a function from the times `t` of its stage, an array, to multiples of base.

    Its name is its name in text. The function receives its arguments as numbers: lengths in updates, periods as exact
    numbers. If it has levels, it returns levels: numbers; or two rows, if a level is absolute, which it gets as a
    column. NumPy treats both alike.

    Args:
        held: the time from which the value is constant; by default the length.
        edges: the times at which the formula changes, of `since` and `until` and the arguments; by default the
            multiples of periods.
        counted: changes lengths after they are converted to updates, of the span and the arguments.
        exact: True if all lengths are exact numbers, not only periods.
        hidden: True if text has no such name, because other functions build its schedules.
        options: fields of `Shape`.

    >>> @formula()
    ... def fading(t, gamma: float, per: Scale = 1):
    ...     return gamma ** (t / per)
    >>> fading(0.5, per=10)(20)
    0.25
    """

    def make(function: Callable[Concatenate[Array, P], Array]) -> Callable[P, Schedule]:
        def planning(shape: Shape) -> Callable[[Schedule, Span], PlannedSchedule]:
            return _RegisteredShape(function, shape, held, edges, counted, exact=exact).plan

        builder: Callable[P, Schedule] = register_shape(function, 1, planning, hidden, options)
        return builder

    return make


@final
class _RegisteredShape:
    """How the calls of one formula are planned."""

    def __init__(
        self,
        function: Callable[..., Array],
        shape: Shape,
        held: Callable[..., Number | None] | None,
        edges: Callable[..., Any] | None,
        counted: Callable[..., Mapping[str, Any]] | None,
        *,
        exact: bool,
    ) -> None:
        self.function = function
        self.roles = shape.roles
        self.over = shape.over
        self.is_measured = bool(shape.measure)
        self.counts = {key for key, role in shape.roles.items() if role != "period" and not exact}
        self.held = held
        self.edges = edges or self._edges_of_roles
        self.counted = counted
        self.levels = [key for key, param in shape.params.items() if param.kind == "level"]
        self.open_levels: Mapping[str, float] = shape.open_levels

    def plan(self, schedule: Schedule, span: Span) -> PlannedSchedule:
        """Plan a call: its lengths in counts, and its formula as a function of time and base."""
        args = schedule.args
        over = self.over
        counts = dict(args)
        for key, role in self.roles.items():
            if args[key] is not None:
                counts[key] = _counted(role, args[key], span)
            elif role == "fills":
                if span.available is None:
                    raise no_total(str(schedule))
                counts[key] = span.available
        if self.counted is not None:
            counts.update(self.counted(span, **counts))
        lengths = {key: _as_length(counts[key]) for key in self.roles}
        if any(lengths[key] != args[key] for key in lengths):
            schedule = schedule.with_args(**lengths)
        length = None if over is None else counts[over]
        held = length if self.held is None else self.held(**counts)
        if self.is_measured and held is not None:
            length = ceil(held)
        return PlannedSchedule(schedule, length, held, self._values(counts), partial(self.edges, **counts))

    def _edges_of_roles(self, since: Number, until: Number, **counts: Any) -> Any:
        for key, role in self.roles.items():
            if role == "period":
                yield from multiples(counts[key], since, until)

    def _values(self, counts: Mapping[str, Any]) -> Callable[[Array, Base], Array]:
        """Return the values of the formula; periods stay exact numbers."""
        named = {key: _as_count(count) if key in self.counts else count for key, count in counts.items()}
        named |= {key: level for key, level in self.open_levels.items() if named[key] is None}
        function = self.function
        if not any(isinstance(counts[key], AbsoluteValue) for key in self.levels):
            return lambda t, base: base.times(function(t, **named))
        named |= {key: _column(named[key]) for key in self.levels if named[key] is not None}

        def values(t: Array, base: Base) -> Array:
            rows = np.broadcast_to(function(t, **named), (2, t.size))
            return rows if base is ROWS else base.times(rows[0]) + product(rows[1], base.absolute_unit)

        return values


def _counted(role: str, value: Any, span: Span) -> Any:
    """Return a length in counts."""
    match role:
        case "period":
            return span.period(value)
        case "scale":
            return span.scale(value)
    return span.length(value)


def _as_length(value: Any) -> Any:
    return None if value is None else Duration.of_updates(value)


def _as_count(value: Any) -> Any:
    return None if value is None else count_of(value)


def _column(level: Level) -> Array:
    """Return a level as a column: its multiple of base, and its absolute value."""
    if isinstance(level, AbsoluteValue):
        return np.array([[level.factor or 0.0], [level.value]])
    return np.array([[level], [0.0]])


# ---------------------------------------------------------------- shapes that plan schedules


def planner(
    *, hidden: bool = False, **options: Any
) -> Callable[[Callable[Concatenate[Schedule, Span, P], PlannedSchedule]], Callable[P, Schedule]]:
    """Make a shape of a function that plans a call of it: `(call, span, its arguments) -> PlannedSchedule`.

    The function plans its schedules by `plan`, and says at which times and with which base they are read.

    Args:
        hidden: True if text has no such name, because an operator or another function builds its schedules.
        options: fields of `Shape`.

    >>> @planner()
    ... def reversed_in_time(call: Schedule, span: Span, schedule: Schedule, over: ClosedLength) -> PlannedSchedule:
    ...     end = span.length(over)
    ...     planned = plan(schedule, span)
    ...     counted = call.with_args(schedule=planned.schedule, over=Duration.of_updates(end))
    ...     return PlannedSchedule(counted, end, end, lambda t, base: planned.values(np.maximum(end - t, 0), base))
    >>> reversed_in_time(linear(over=10), 10)(8)
    0.8
    """

    def make(function: Callable[Concatenate[Schedule, Span, P], PlannedSchedule]) -> Callable[P, Schedule]:
        def planning(shape: Shape) -> Callable[[Schedule, Span], PlannedSchedule]:
            several = next((key for key, param in shape.params.items() if param.several), None)
            run: Any = function
            if several is None:
                return lambda call, span: run(call, span, **call.args)
            return lambda call, span: run(call, span, *call.args[several])

        builder: Callable[P, Schedule] = register_shape(function, 2, planning, hidden, options)
        return builder

    return make


def plan(schedule: Schedule, span: Span) -> PlannedSchedule:
    """Return a schedule as planned for a span, with every length in counts, and every stage connected."""
    return schedule.shape.plan(schedule, span)


def of_one(
    call: Schedule, planned: PlannedSchedule, values: Callable[[Array, Base], Array], **args: Any
) -> PlannedSchedule:
    """Return a planned schedule with changed values of one schedule, whose length and edges it keeps."""
    counted = call.with_args(schedule=planned.schedule, **args)
    return PlannedSchedule(counted, planned.length, planned.held, values, planned.edges_and_end)


def of_each(
    call: Schedule, planned_parts: Sequence[PlannedSchedule], values: Callable[[Array, Base], Array]
) -> PlannedSchedule:
    """Return a planned schedule that combines the values of several schedules at each time.

    It has the longest length of an operand, or no end if no operand has an end.
    """
    counted = call.with_args(operands=tuple(planned.schedule for planned in planned_parts))
    held = [planned.held for planned in planned_parts]
    constant_from = None if None in held else max(time for time in held if time is not None)
    lengths = [planned.length for planned in planned_parts if planned.length is not None]

    def edges(since: Number, until: Number) -> Iterable[Number]:
        for planned in planned_parts:
            yield from planned.edges_and_end(since, until)

    return PlannedSchedule(counted, max(lengths, default=None), constant_from, values, edges)
