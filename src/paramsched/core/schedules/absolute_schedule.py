"""`absolute(…)`: a value of its own around a number, and values of their own around a schedule."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any, final, overload

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import ONE_BASE, Absolute, Affine, AffineLevel, Bounds, has_fixed_part
from paramsched.core.schedules.base import Schedule, leaves_of_fields, with_changed_fields
from paramsched.core.schedules.evaluation import value_for_base
from paramsched.core.schedules.leaves import MOST_DEPTH, Like, schedule_of
from paramsched.core.schedules.one_operand import OneOperand
from paramsched.core.schedules.registry import combine_operands
from paramsched.core.schedules.rules.base import Rule
from paramsched.core.schedules.table import Table
from paramsched.core.schedules.text.writing import short_line
from paramsched.errors import InvalidArgument, shown


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AbsoluteSchedule(OneOperand):
    """value(t) = schedule(t, base=1), whatever the base is."""

    schedule: Schedule

    def check_together(self) -> None:
        if self.schedule.depth >= MOST_DEPTH:
            found = f"schedules nested more than {MOST_DEPTH} deep"
            raise InvalidArgument(short_line(self.schedule), found, "Merge nested calls")
        if inner := _level_inside(self.schedule):
            found = f"it contains {inner}, and every number in absolute(…) is a value already"
            write = f"absolute({_with_plain_levels(self.schedule)})"
            raise InvalidArgument(f"absolute({short_line(self.schedule)})", found, example=write)
        if like := _like_inside(self.schedule):
            found = f"{like} follows another line by multiples of base, so it has no values of its own"
            raise InvalidArgument(
                f"absolute({short_line(self.schedule)})", found, f"Multiply instead: absolute(cosine()) * {like}"
            )

    affine = True  # for every schedule, because the value does not depend on base

    has_absolute = True

    @property
    def metric_rules(self) -> tuple[Any, ...]:
        """The rules in the schedule; they are applied for a base of 1 too."""
        return self.schedule.metric_rules

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return Affine(None, value_for_base(self.schedule, t, 1.0, ops, affine=self.schedule.affine))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return self.schedule.bounds(ONE_BASE)

    def __rmul__(self, other: float) -> Schedule:
        product: Schedule = combine_operands("product", other, schedule_of(self, lambda: f"{other} * {self}"))
        return product

    def _seams(self) -> Iterable[float]:
        return self.schedule._seams()

    def __str__(self) -> str:
        return f"absolute({self.schedule})"


def _level_inside(value: object) -> str:
    """Return the first absolute level in a schedule or a rule; empty if there is none."""
    if has_fixed_part(value) or isinstance(value, AbsoluteSchedule):
        return str(value)
    if isinstance(value, Table) and value.absolute:
        return "absolute=True"
    if isinstance(value, Schedule):
        return next(filter(None, map(_level_inside, leaves_of_fields(value))), "") if value.has_absolute else ""
    if isinstance(value, Rule):
        return next((text for one in fields(value) if (text := _level_inside(getattr(value, one.name)))), "")  # type: ignore[arg-type]  # every rule is a dataclass
    return ""


def _with_plain_levels(value: Any) -> Any:
    """Return a schedule or a value of its fields with each `absolute(x)` in it replaced by x."""
    match value:
        case Absolute():
            return value.value
        case AffineLevel():
            return value.factor + value.offset
        case AbsoluteSchedule():
            return value.schedule
        case Table(absolute=True):
            return replace(value, absolute=False)
        case Schedule() | Rule() | tuple():
            return with_changed_fields(value, _with_plain_levels)
    return value


def _like_inside(schedule: Schedule) -> Schedule | None:
    """Return the first `like(…)` in a schedule; None if there is none."""
    if isinstance(schedule, Like):
        return schedule
    return next(filter(None, map(_like_inside, schedule.parts())), None)


@overload
def absolute(x: float) -> Absolute: ...
@overload
def absolute(x: Schedule) -> AbsoluteSchedule: ...
def absolute(x: float | Schedule) -> Absolute | AbsoluteSchedule:
    """Use numbers as values, not as multiples of base: `absolute(linear(0.85, 0.95))`, `cosine(to=absolute(1e-5))`.

    value(t) = x, or for a schedule value(t) = x(t, base=1)

    Args:
        x: a finite number, or a schedule whose numbers are all values. Every group of the optimizer gets these values,
            whatever its base is.

    A number is a level, to which a multiple of base may be added: `0.5 + absolute(2e-05)` is half of base plus 2e-05.
    As an entire line, a stage of a sequence or a factor of a product it means `constant(absolute(x))`.

    Raises:
        InvalidArgument: `x` is neither a finite number nor a schedule; or it is a schedule that contains `absolute(…)`
            or `like(…)`.

    >>> beta = absolute(linear(0.85, 0.95, over=10))
    >>> beta(0, base=0.9), beta(10, base=123.0)
    (0.85, 0.95)
    >>> linear(1.0, 0.5 + absolute(1.0), over=10)(10, base=4.0)
    3.0
    >>> print(warmup(100) >> absolute(3e-4))
    warmup(100) >> constant(absolute(0.0003))
    """
    if isinstance(x, Schedule):
        return AbsoluteSchedule(x)
    if isinstance(x, Real) and not isinstance(x, bool):
        return Absolute(x)
    found = f"expected a number or a schedule, got {type(x).__name__}"
    raise InvalidArgument(f"absolute({shown(x)})", found, example="absolute(3e-5)")
