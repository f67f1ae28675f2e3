"""Schedules that contain no other schedule: a constant, `like`. Checks of arguments that are schedules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Final, final

from paramsched.core.builders import example_call
from paramsched.core.curves import Curve, CurveLike, curve_of
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import (
    LEVEL,
    Absolute,
    Affine,
    AffineLevel,
    Bounds,
    Level,
    bounds_of_levels,
    split_level,
)
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.lengths import OPEN, Span
from paramsched.core.schedules.registry import SHAPES, shape
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, Unresolved, shown


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Constant(Schedule):
    """value(t) = value. Without `over` it has no end; in a sequence it takes the rest of the run.

    A value of None is open: the level at which the stage before ends. Without one it is 1.
    """

    value: Level | None = field(metadata=LEVEL)
    over: Duration | None = field(metadata=OPEN)

    @property
    def level(self) -> Level:
        """The written level; if it is open, the level without a stage before it."""
        return 1.0 if self.value is None else self.value

    def _constant_at(self, time: Duration | None) -> Level | None:
        return self.value

    def _factor_of_number(self) -> Callable[[float], float] | None:
        value = self.level
        return (lambda _: value) if isinstance(value, float) else None

    def _held_from(self) -> int:
        return 0

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.mapped(*split_level(self.level))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_of_levels((self.level,), bases)


@shape
def constant(value: Level | None = None, over: DurationLike | None = None) -> Constant:
    """Hold one level.

    value(t) = value

    Args:
        value: the level, a multiple of base, `absolute(x)` for an absolute value, or `0.5 + absolute(x)` for a sum of
            both. None is the level at which the stage before ends; in a first stage it is 1.
        over: the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`. None holds to the end of the run;
            in a sequence it takes the rest of the run.

    Raises:
        InvalidArgument: the level is not a finite number, or the length is invalid.

    Source: optax `constant_schedule`. torch's `ConstantLR` returns to base at its end: write
    `constant(0.5, over=10) >> constant(1)`.

    >>> constant(0.1)(1000, base=0.5), constant(absolute(0.9))(0, base=0.5)
    (0.05, 0.9)
    """
    return Constant(value, None if over is None else Duration.of(over))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Like(Schedule):
    """A reference to the field or target `field`; `plan.resolve` replaces it by what it refers to."""

    field: str

    def check_together(self) -> None:
        if not isinstance(self.field, str) or not self.field.strip():
            site = CallSite("like", "field", shown(self.field))
            found = "expected the name of a field or a target"
            raise InvalidArgument(site, found, example='like("lr")')

    fills = True
    has_likes = True

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        raise self._without_plan()

    def _resolve(self, span: Span) -> Schedule:
        raise self._without_plan()

    def _without_plan(self) -> Unresolved:
        found = f"it follows {self.field} of a plan, but it is not in a plan"
        return Unresolved(str(self), found, f"For example: Plan({self.field}=cosine(), weight_decay={self})")


@shape
def like(field: str) -> Like:
    """Follow another field of the same group, or a target, scaled by this field's own base.

    value(t) = base * factor(t), with the factor of a field, or the value of a target

    Args:
        field: a field of the same plan, such as `"lr"`, without absolute levels and metric rules. Or a target, such as
            `"batch_size"`, without metric rules. If a field and a target have the same name, the field is followed.

    Raises:
        InvalidArgument: `field` is not text. At `plan.resolve`: the plan has no such field or target, or it cannot be
            followed.

    `plan.resolve` replaces `like(field)` by the schedule of `field`. In the schedule of one group, `like` of the same
    field follows the default schedule of that field: `lr: like("lr") * 0.1`. If a default schedule follows a field with
    separate schedules for some groups, it follows those schedules in those groups.

    The value of a target is used as a factor, even if the target has absolute levels. It belongs to a time of the run,
    so `like` of a target is allowed only where time counts from the start of the run, for example as a factor of the
    entire line. `like` of a target does not determine the length of a stage. A line and the target that it follows
    need the same clock.

    Source: decoupled weight decay that decreases with the learning rate, Loshchilov & Hutter 2019 (1711.05101).

    >>> print(Plan(lr=cosine(), weight_decay=like("lr"), total=100).resolve())
    total: 100
    lr: cosine(over=100)
    weight_decay: cosine(over=100)
    >>> size = Binding(Target("batch_size", 16), "stairs(1, 4, 3, over=30)")
    >>> plan = Plan(size, lr='like("batch_size") / 16', total=40)
    >>> rates = trace(plan, {"lr": 0.1})["lr"]
    >>> rates[0].item(), rates[30].item()
    (0.1, 0.4)
    """
    return Like(field)


MOST_DEPTH = 100
"""The largest depth of nested schedules, so that evaluating, printing, copying and saving do not overflow the stack."""


def curve_argument(name: str, curve: CurveLike) -> Curve:
    """Check a curve argument. A schedule is rejected: it is callable too, but takes a time, not a progress."""
    if isinstance(curve, Schedule):
        site, found = CallSite(name, "curve", str(curve)), "expected a curve, got a schedule"
        raise InvalidArgument(site, found, example="curve=curves.cosine", refused=curve)
    return curve_of(curve)


_MOST_WRITTEN = 10**40  # integers below it are written with all digits in a message


def line_of(value: object, site: str | Callable[[], str]) -> Schedule:
    """Return the schedule of an entire line, as `schedule_of` does, but refuse a number other than 0 and 1.

    `weight_decay: 0.1` could be the value 0.1 or a tenth of base. 0 is the same as both, and 1 is
    `constant()`, because the value 1 beside a base is never meant.
    """
    schedule = schedule_of(value, site)
    if isinstance(value, Real) and value not in (0, 1):
        number = str(value) if isinstance(value, int) and abs(value) < _MOST_WRITTEN else repr(float(value))
        raise InvalidArgument(
            site() if callable(site) else site,
            "a number alone could be a value or a multiple of base",
            readings_of_number(number),
        )
    return schedule


def readings_of_number(number: str, quote: str = "") -> str:
    """Return the advice for a number alone: a line for the value, and one for the multiple; `quote` encloses each."""
    lines = (f"{quote}{line}{quote}" for line in (f"absolute({number})", f"{number} * constant()"))
    return "Write {} for the value {number}, or {} for {number} × base".format(*lines, number=number)


def schedule_of(value: object, site: str | Callable[[], str]) -> Schedule:
    """Return a schedule; or a finite number, `absolute(x)` or `0.5 + absolute(x)` as a constant.

    Args:
        site: the call that an error names, or a function that returns the call, if formatting it is expensive.
    """
    if isinstance(value, Schedule):
        rules, depth = value.metric_rules, value.depth
        if rules:
            instead = f'Multiply the entire line, with brackets: (warmup("5%") >> cosine()) * {rules[0]}'
            raise InvalidArgument(site() if callable(site) else site, f"{value} contains a metric rule", instead)
        if depth >= MOST_DEPTH:
            found = f"schedules nested more than {MOST_DEPTH} deep"
            raise InvalidArgument(short_line(value), found, "Merge nested calls: shift(s, 2), not two shifts by 1")
        return value
    if isinstance(value, (Absolute, AffineLevel)) or (isinstance(value, Real) and not isinstance(value, bool)):
        level: Schedule = SHAPES["constant"](value)
        return level
    name = getattr(value, "__name__", "")
    called = name in SHAPES and SHAPES[name] is value
    is_function = callable(value) and not isinstance(value, type)
    raise InvalidArgument(
        site() if callable(site) else site,
        f"{name if called else shown(value)} is neither a schedule nor a number",
        FUNCTION_AS_SHAPE if is_function and not called else "",
        example=example_call(SHAPES[name], name) if called else "warmup(100) >> cosine(to=0.1)",
    )


FUNCTION_AS_SHAPE: Final = "Write @ps.shape above def f(t), and f() in the plan"
"""The advice for a function in place of a schedule."""
