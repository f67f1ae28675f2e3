"""Schedules of one other schedule: powers, absolute values, factors."""

from abc import ABC
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from numbers import Real
from typing import Any, Literal, TypeAlias, final, overload

import numpy as np

from paramsched.core.base.signatures import readable
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.curves.elementary import power
from paramsched.core.foreign_calls import answering
from paramsched.core.number_checks import checked, finite_number, one_of, positive_number
from paramsched.core.schedules.affine import (
    ONE,
    ONE_BASE,
    Absolute,
    Affine,
    AffineLevel,
    Bounds,
    has_fixed_part,
)
from paramsched.core.schedules.base import Schedule, leaves_of_fields, with_changed_fields
from paramsched.core.schedules.evaluation import value_for_base
from paramsched.core.schedules.leaves import MOST_DEPTH, Like, schedule_of
from paramsched.core.schedules.lengths import Span
from paramsched.core.schedules.registry import combine_operands, operator_builder, shape
from paramsched.core.schedules.table import Table
from paramsched.core.schedules.writing import CALL, POWER, in_brackets, short_line
from paramsched.core.time import Duration
from paramsched.errors import CallSite, InvalidArgument, shown


class OneOperand(Schedule, ABC):
    """A schedule with the changed values of another schedule, whose length and breakpoints it keeps."""

    __slots__ = ()
    schedule: Schedule

    @property
    def length(self) -> Duration | None:
        return self.schedule.length

    @property
    def fills(self) -> bool:
        return self.schedule.fills

    @property
    def has_length(self) -> bool:
        return self.schedule.has_length

    def _held_from(self) -> int | Fraction | None:
        return self.schedule._held_from()

    @property
    def _end(self) -> int | Fraction | None:
        """The end of the resolved operand, from which it is constant; None if it has no end.

        A last stage without changes belongs to the operand, so the end can be later than the operand's `_held_from`.
        """
        return self._end_of(self.schedule._held_from())

    def _end_of(self, held: int | Fraction | None) -> int | Fraction | None:
        """Return `_end`; `held` is the operand's `_held_from`, which a nested schedule must not compute twice."""
        length = self.schedule.length
        if length is None or held is None or held > length.number:  # a product can change after its length
            return None
        return length.number

    @property
    def _holds_when_empty(self) -> bool:
        return self.schedule._holds_when_empty

    def _exact_length(self, span: Span) -> Fraction | None:
        return self.schedule._exact_length(span)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        return self.schedule._breakpoints_and_end(since, until)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Raised(OneOperand):
    """value(t) = base * factor(t) ** exponent, where the factor is the schedule's value for a base of 1.

    If the factor is below 0 and the exponent is not an integer, the value is nan.
    """

    schedule: Schedule
    exponent: float
    _precedence = POWER

    def check_together(self) -> None:
        if self.schedule.has_absolute:
            raise InvalidArgument(
                str(self),
                "it has an absolute level; a power needs multiples of base",
                "Use a multiple of base as the level",
            )

    affine = True  # for every schedule, because base multiplies the power

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        factor = ops.floating(self.schedule._at(t, ONE, ops).constant())
        return base.scaled(ops.power(factor, self.exponent))

    def bounds(self, bases: Bounds) -> Bounds | None:
        factor = self.schedule.bounds(ONE_BASE) if self.exponent > 0 else None
        if factor is None or factor.low < 0:
            return None
        return Bounds(power(factor.low, self.exponent), power(factor.high, self.exponent)).times(bases)

    def __str__(self) -> str:
        return f"{in_brackets(self.schedule, CALL)} ** {self.exponent!r}"


@operator_builder("power")
def make_power(schedule: Schedule, exponent: Any) -> Any:
    """Implement `a ** 2`."""
    if not isinstance(exponent, (int, float, np.number)):
        return NotImplemented
    number = finite_number(CallSite("power", "exponent"), exponent)
    return Raised(schedule_of(schedule, lambda: f"({schedule}) ** {shown(exponent)}"), number)


@operator_builder("quotient")
def make_quotient(schedule: Schedule, divisor: Any) -> Any:
    """Implement `a / 2` as a product with the reciprocal."""
    if not isinstance(divisor, (int, float, np.number)):
        return NotImplemented
    number = finite_number(CallSite("quotient", "divisor"), divisor)
    reciprocal = np.inf if abs(number) < _LEAST_DIVISOR else 1.0 / number
    if reciprocal == np.inf:
        site = f"({schedule}) / {shown(divisor)}"
        raise InvalidArgument(site, "its reciprocal is not finite", "Divide by a number other than 0")
    return schedule * reciprocal


_LEAST_DIVISOR = 2.0**-1022  # the reciprocal of a smaller one may overflow


Way: TypeAlias = Literal["nearest", "down", "up"]
"""The direction of rounding: to the nearest multiple (halves to the even one), down, or up."""

_ROUNDING_ERRORS = 2.0**-48  # the relative error of a few operations in double precision


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rounded(OneOperand):
    """value(t) = to * round(schedule(t, base) / to), after base is applied."""

    schedule: Schedule
    to: float = field(metadata=checked(positive_number))
    way: Way = field(metadata=one_of(Way, "direction"))

    affine = False

    has_absolute = True  # `to` is an absolute value

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        ratio = ops.floating(self.schedule._at(t, base, ops).constant()) / self.to
        # A ratio within rounding errors of an integer or a half counts as that number. So a linear schedule reaches a
        # multiple at the right update: 15 / 22 * 22 is 15, even if it is rounded down.
        halves = np.round(ratio * 2.0) / 2.0
        ratio = ops.where(np.abs(ratio - halves) <= _ROUNDING_ERRORS * np.abs(halves), halves, ratio)
        match self.way:
            case "nearest":
                whole = np.round(ratio)
            case "down":
                whole = np.floor(ratio)
            case "up":
                whole = np.ceil(ratio)
        return Affine(None, whole * self.to)


@shape
def rounded(schedule: Schedule, to: float = 1.0, way: Way = "nearest") -> Rounded:
    """Round a schedule to multiples of a number.

    value(t) = to * round(schedule(t) / to), after base is applied

    Args:
        schedule: the schedule to round.
        to: the number whose multiples are used, above 0. It is an absolute value: 1 for integers, 16 for batch sizes
            that are multiples of 16.
        way: the direction: `"nearest"` (halves to the even multiple), `"down"` or `"up"`.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: GPT-3's batch size, Brown et al. 2020 (2005.14165).

    >>> growing = rounded(linear(16, 1600, over=99), 16)
    >>> growing(0), growing(1), growing(98), growing(99)
    (16.0, 32.0, 1584.0, 1600.0)
    """
    return Rounded(schedule_of(schedule, "rounded(…)"), to, way)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AsFactor(OneOperand):
    """value(t) = base * schedule(t, initial). It has no end, so it never determines the length of a stage."""

    schedule: Schedule
    initial: float = field(metadata=checked(finite_number))

    length = None

    fills = False

    has_length = False

    affine = True  # for every schedule, because base is a factor

    has_absolute = False  # absolute levels determine the factor, which is multiplied by base

    def _exact_length(self, span: Span) -> None:
        return None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(value_for_base(self.schedule, t, self.initial, ops, affine=self.schedule.affine))

    def bounds(self, bases: Bounds) -> Bounds | None:
        factor = self.schedule.bounds(Bounds(self.initial, self.initial))
        return None if factor is None else factor.times(bases)

    def _resolve(self, span: Span) -> Schedule:
        return AsFactor(self.schedule._resolve(span.whole(span.begin, span.run_end, None)), self.initial)


@shape
def as_factor(schedule: Schedule, initial: float = 1.0) -> AsFactor:
    """Use the value of a schedule as a factor of base, even if it has absolute levels or is rounded.

    value(t) = base * schedule(t, base=initial)

    Args:
        schedule: the schedule, planned for the run. Its end does not determine the length of a stage.
        initial: the base of this schedule, a finite number.

    Raises:
        InvalidArgument: `initial` is not finite.

    `plan.resolve` replaces `like("batch_size")` by `as_factor` of the schedule and the initial value of that target.

    Source: the square-root rule for learning rates of growing batches, Krizhevsky 2014 (1404.5997).

    >>> size = as_factor(stairs(1, 4, 3, over=30), 16)
    >>> rate = (size / 16) ** 0.5
    >>> size(30), rate(0, base=0.1), rate(30, base=0.1)
    (64.0, 0.1, 0.2)
    """
    return AsFactor(schedule_of(schedule, "as_factor(…)"), initial)


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
    """Return the first absolute level in a schedule; empty if there is none."""
    if has_fixed_part(value) or isinstance(value, AbsoluteSchedule):
        return str(value)
    if isinstance(value, Table) and value.absolute:
        return "absolute=True"
    if isinstance(value, Schedule):
        return next(filter(None, map(_level_inside, leaves_of_fields(value))), "") if value.has_absolute else ""
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
        case Schedule() | tuple():
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
@readable
@answering
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
