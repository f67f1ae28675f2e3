"""Schedules that wrap one schedule and keep its length."""

from abc import ABC
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, Literal, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.curves.elementary import power
from paramsched.core.number_checks import checked, finite_number, one_of, positive_number
from paramsched.core.schedules.affine import ONE, ONE_BASE, ZERO_BASE, Affine, Bounds, bounds_around, choose_affine
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import schedule_of
from paramsched.core.schedules.lengths import POSITIVE_PERIOD, POSITIVE_SCALE, SCALE, boundaries, split_periods
from paramsched.core.schedules.registry import operator_builder, shape
from paramsched.core.schedules.span import Span
from paramsched.core.schedules.text.writing import CALL, POWER, in_brackets
from paramsched.core.time import Duration, DurationLike, count_of
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
class Jagged(OneOperand):
    """value(t) = schedule(t), with a short warmup at each multiple of `every` except 0.

    From the end of the schedule on, its final value is held.
    """

    schedule: Schedule
    every: Duration = field(metadata=POSITIVE_PERIOD)
    over: Duration = field(metadata=POSITIVE_SCALE)
    meets: Duration | None = field(metadata=SCALE)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Return the value at `t`; in a warmup, the scaled value that the schedule has at the end of the warmup."""
        over = self.over.count
        meets = over if self.meets is None else self.meets.count
        cycle, since = split_periods(t, self.every.number, ops)
        warms = (cycle >= 1) & (since < over)
        end = self._end
        if end is not None:
            warms = warms & (t < count_of(end))
        later = self.schedule._at(np.where(warms, ops.since(t, since - meets), t), base, ops)
        return choose_affine(warms, later.scaled(ops.floating(since) / over), later, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_around((self.schedule.bounds(bases), ZERO_BASE))

    def _held_from(self) -> int | Fraction | None:
        return self._end  # warmups repeat up to it

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        yield from self.schedule._breakpoints_and_end(since, until)
        for begin in boundaries(self.every.number, until, since - ceil(self.over.number)):
            yield from (begin, begin + self.over.number)


@shape
def jagged(schedule: Schedule, every: DurationLike, over: DurationLike, meets: DurationLike | None = None) -> Jagged:
    """Repeat a short warmup at regular intervals while a schedule continues.

    value(t) = schedule(t); during a warmup, value(t) = c / over * schedule(t - c + meets), where c is the number of
    updates since the start of the warmup.

    Warmups start at the multiples of `every` except 0.

    Args:
        schedule: the schedule, whose clock does not restart.
        every: the time from one warmup to the next, in any unit of time, above 0.
        over: the length of each warmup, in any unit of time, above 0.
        meets: the time after the start of a warmup at which the schedule has the value that the warmup rises to, in any
            unit of time; `over` by default. In ReLoRA's code it is the length of the first warmup.

    Raises:
        InvalidArgument: a length is 0.

    Source: ReLoRA, Lialin et al. 2023 (2307.05695).

    >>> saw = jagged(linear(1.0, 0.0, over=20), every=10, over=2)
    >>> [saw(t) for t in (0, 9, 10, 11, 12, 20)]
    [1.0, 0.55, 0.0, 0.2, 0.4, 0.0]
    """
    inner = schedule_of(schedule, "jagged(…)")
    return Jagged(inner, Duration.of(every), Duration.of(over), None if meets is None else Duration.of(meets))
