"""Leaves: a constant, a field that is followed, a function; and what is given for a schedule."""

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, final

import numpy as np

from paramsched import curves
from paramsched.base.arrays import Array, Arrays
from paramsched.base.calls import example_call
from paramsched.base.near_names import did_you_mean
from paramsched.base.number_checks import keep_checked
from paramsched.curves import Curve, CurveLike, curve_of
from paramsched.errors import CallSite, InvalidArgument, Unresolved, shown
from paramsched.schedules.affine import Affine, Level, level_of, split_level
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import OPEN
from paramsched.schedules.registry import SHAPES, shape
from paramsched.schedules.span import Span
from paramsched.schedules.text.writing import short_line
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Constant(Schedule):
    """value(t) = value. Without `over` it is open: in a sequence it takes what the other stages leave."""

    value: Level
    over: Duration | None = field(metadata=OPEN)

    def __post_init__(self) -> None:
        keep_checked(self, "constant", level_of, "value")

    @property
    def length(self) -> Duration | None:
        return self.over

    def _held_from(self) -> int:
        return 0

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        factor, fixed = split_level(self.value)
        if factor is None:
            return Affine(None, fixed)
        return base.scaled(factor) if fixed is None else base.scaled(factor) + Affine(None, fixed)


@shape
def constant(value: Level = 1.0, over: DurationLike | None = None) -> Constant:
    """Hold one level: value(t) = value.

    Args:
        value: a multiple of base, `absolute(x)`, `0.5 + absolute(x)`, `previous` or `following`.
        over: how long; None holds on, and in a sequence takes what the other stages leave of the horizon.

    Raises:
        InvalidArgument: a level that is no finite number, or a length that is none.

    Source: optax `constant_schedule`. (torch's `ConstantLR` returns to base at its end; this one does not.)

    >>> constant(0.1)(1000, base=0.5), constant(absolute(0.9))(0, base=0.5)
    (0.05, 0.9)
    """
    return Constant(value, None if over is None else Duration.of(over))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Like(Schedule):
    """Stands for what `field` follows, until `plan.resolve` puts that in."""

    field: str

    def __post_init__(self) -> None:
        if not isinstance(self.field, str) or not self.field.strip():
            refusal = InvalidArgument(CallSite("like", "field", shown(self.field)), "no name", 'Write like("lr")')
            raise refusal.changed(sample="lr")

    length = None

    fills = True

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        raise self._without_plan()

    def _resolve(self, span: Span) -> Schedule:
        raise self._without_plan()

    def _without_plan(self) -> Unresolved:
        found = f"it is what {self.field} follows in a plan, and this is not a field of one"
        return Unresolved(str(self), found, f"Write Plan({self.field}=cosine(), weight_decay={self})")


@shape
def like(field: str) -> Like:
    """What another field of the same group follows, with this field's own base: value(t) = base * factor of `field`.

    `plan.resolve` puts it in. In a group's line its own field means the default's: `lr: like("lr") * 0.1`. A default
    that follows a field with lines for some groups follows these lines there.

    Args:
        field: of the same plan, `"lr"` say; one without absolute levels and metric rules.

    Raises:
        InvalidArgument: no text. At `plan.resolve`: the plan has no such field, or it cannot be followed.

    Source: decoupled weight decay that goes down with the learning rate, Loshchilov & Hutter 2019 (1711.05101).

    >>> print(Plan(lr=cosine(), weight_decay=like("lr"), horizon=100).resolve(Calendar()))
    horizon: 100
    lr: cosine(over=100)
    weight_decay: cosine(over=100)
    """
    return Like(field)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {}
"""Functions of time that were given a name; the table belongs to the process, like that of shapes."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FromFunction(Schedule):
    """value(t) = base * function(t)."""

    function: Callable[[Any], Any]
    name: str | None = None

    length = None

    @property
    def serializable(self) -> bool:
        return self.name is not None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        if ops.concrete:  # one by one: a function written for a number gives the same values for an array of them
            return base.scaled(np.array([float(self.function(number)) for number in t.tolist()]))
        return base.scaled(self.function(ops.floating(t)))  # torch divides integers in float32

    def __str__(self) -> str:
        return f'from_function("{self.name}")' if self.name is not None else f"from_function({self.function!r})"


@shape
def from_function(function: Callable[[Any], Any] | str) -> FromFunction:
    """A schedule from a function of time: value(t) = base * function(t).

    Args:
        function: takes the number of completed updates and gives a multiple of base; or the name under which one was
            registered with `register_function`, so that the schedule can be written to text.

    Raises:
        InvalidArgument: not callable, or no registered name.

    Source: torch `LambdaLR`.

    >>> from_function(lambda t: 1 / (1 + t))(3)
    0.25
    """
    if isinstance(function, str):
        if function not in FUNCTIONS:
            raise InvalidArgument(
                f'from_function("{function}")',
                f"unknown function; {did_you_mean(function, FUNCTIONS)}",
                f'Register it first: register_function("{function}", f)',
            )
        return FromFunction(FUNCTIONS[function], function)
    if not callable(function):
        raise InvalidArgument(f"from_function({function!r})", "not callable", "Write from_function(lambda t: 0.9 ** t)")
    return FromFunction(function)


def register_function(name: str, function: Callable[[Any], Any]) -> FromFunction:
    """Give a function of time a name: `from_function("name")` then says it in text and configs.

    Raises:
        InvalidArgument: the name is taken, or no identifier.

    >>> print(register_function("a_half_of_t", lambda t: t / 2))
    from_function("a_half_of_t")
    >>> parse('from_function("a_half_of_t")')(3)
    1.5
    """
    if not isinstance(name, str) or not name.isidentifier() or name in FUNCTIONS:
        raise InvalidArgument(f"register_function({shown(name)})", "taken, or no identifier", "Choose another name")
    FUNCTIONS[name] = function
    return FromFunction(function, name)


MOST_DEPTH = 100
"""Of schedules in each other: whatever is built is evaluated, printed, copied and saved, and no stack runs out."""


def curve_argument(name: str, curve: CurveLike) -> Curve:
    """A curve; a schedule can be called too, but with a time, not with a progress."""
    if isinstance(curve, Schedule):
        refusal = InvalidArgument(
            CallSite(name, "curve", str(curve)), "expected a curve, got a schedule", "Write curve=curves.cosine"
        )
        raise refusal.changed(sample=curves.cosine, refused=curve)
    return curve_of(curve)


def schedule_of(value: object, site: str | Callable[[], str]) -> Schedule:
    """A schedule, or a finite number as a constant.

    Args:
        asked: the call for a message; a function where writing it costs as much as the schedule is long.
    """
    if isinstance(value, Schedule):
        if value.metric_rules:
            raise InvalidArgument(
                site() if callable(site) else site,
                f"{value} is guided by a metric",
                "A metric rule multiplies into a whole schedule: cosine() * plateau()",
            )
        if value.depth >= MOST_DEPTH:
            found = f"schedules nested more than {MOST_DEPTH} deep"
            raise InvalidArgument(short_line(value), found, "Add up what is nested: shift(s, 2) for two shifts by 1")
        return value
    if isinstance(value, Real) and not isinstance(value, bool):
        level: Schedule = SHAPES["constant"](value)
        return level
    name = getattr(value, "__name__", "")
    called = name in SHAPES and SHAPES[name] is value
    raise InvalidArgument(
        site() if callable(site) else site,
        f"{name if called else shown(value)} is neither a schedule nor a number",
        f"Write {example_call(SHAPES[name], name)}" if called else "For example: warmup(100) >> cosine(to=0.1)",
    )
