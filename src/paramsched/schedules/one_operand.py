"""Schedules that wrap one schedule and keep its length."""

from abc import ABC
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, Literal, TypeAlias, final

import numpy as np

from paramsched.base.arrays import Array, Arrays
from paramsched.base.number_checks import finite_number, keep_checked, positive_number, require_choice
from paramsched.errors import CallSite, InvalidArgument, shown
from paramsched.schedules.affine import ONE, Affine, choose_affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.lengths import PERIOD, SCALE, boundaries, some_length, split_periods
from paramsched.schedules.registry import operator_builder, shape
from paramsched.schedules.span import Span
from paramsched.schedules.text.writing import CALL, POWER, in_brackets
from paramsched.time import Duration, DurationLike, count_of


class OneOperand(Schedule, ABC):
    """Changes what another schedule gives, not how long it is: its length, and where it bends, are the other's."""

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
    def _holds_after_nothing(self) -> bool:
        return self.schedule._holds_after_nothing

    def _exact_length(self, span: Span) -> Fraction | None:
        return self.schedule._exact_length(span)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        return self.schedule._breakpoints_and_end(since, until)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Raised(OneOperand):
    """value(t) = base * factor(t) ** exponent, the factor being the schedule's value where base is 1.

    Where the factor is below 0 the exponent is a whole number, or the value is nan.
    """

    schedule: Schedule
    exponent: float
    _precedence = POWER

    def __post_init__(self) -> None:
        keep_checked(self, "power", finite_number, "exponent")
        if self.schedule.has_absolute:
            raise InvalidArgument(
                str(self),
                "it has an absolute level, and a power is of a multiple of base",
                "Use the level as a multiple of base, and the group's own value as base",
            )

    affine = True  # whatever the schedule is: base stands outside

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        factor = ops.lift(self.schedule._at(t, ONE, ops).constant())
        if ops.concrete and not factor.ndim:  # a number has the bits of an array of it
            return base.scaled((factor.reshape(1) ** self.exponent)[0])
        return base.scaled(factor**self.exponent)

    def __str__(self) -> str:
        return f"{in_brackets(self.schedule, CALL)} ** {self.exponent!r}"


@operator_builder("power")
def make_power(schedule: Schedule, exponent: Any) -> Any:
    """What `a ** 2` makes."""
    if not isinstance(exponent, (int, float, np.number)):
        return NotImplemented
    number = finite_number(CallSite("power", "exponent"), exponent)
    return Raised(schedule_of(schedule, lambda: f"({schedule}) ** {shown(exponent)}"), number)


@operator_builder("quotient")
def make_quotient(schedule: Schedule, divisor: Any) -> Any:
    """What `a / 2` makes: a product with the reciprocal."""
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
"""Which multiple is taken: the nearest (of two the even one), the one below, the one above."""

_ROUNDING_ERRORS = 2.0**-48  # a few operations in double precision, relative to the value


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rounded(OneOperand):
    """value(t) = to * round(schedule(t, base) / to), after base is applied."""

    schedule: Schedule
    to: float
    way: Way

    def __post_init__(self) -> None:
        keep_checked(self, "rounded", positive_number, "to")
        require_choice(CallSite("rounded", "way"), self.way, Way, "unknown way")

    affine = False

    has_absolute = True  # `to` is a value as it stands

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        ratio = ops.lift(self.schedule._at(t, base, ops).constant()) / self.to
        # A ratio that only rounding errors keep from a whole or a half number is that number. So a line takes a
        # multiple at the update at which it reaches it: 15 / 22 * 22 is 15, also where it is rounded down.
        halves = ops.xp.round(ratio * 2.0) / 2.0
        ratio = ops.where(ops.xp.abs(ratio - halves) <= _ROUNDING_ERRORS * ops.xp.abs(halves), halves, ratio)
        match self.way:
            case "nearest":
                whole = ops.xp.round(ratio)
            case "down":
                whole = ops.xp.floor(ratio)
            case "up":
                whole = ops.xp.ceil(ratio)
        return Affine(None, whole * self.to)


@shape
def rounded(schedule: Schedule, to: float = 1.0, way: Way = "nearest") -> Rounded:
    """Multiples of a number: value(t) = to * round(schedule(t) / to), after base is applied.

    Args:
        schedule: what is rounded.
        to: the number, above 0: 1 for whole values, 16 for batches that eight devices share.
        way: `"nearest"` (halves to the even multiple), `"down"` or `"up"`.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: GPT-3's batch size, Brown et al. 2020 (2005.14165).

    >>> growing = rounded(linear(16, 1600, over=99), 16)
    >>> growing(0), growing(1), growing(98), growing(99)
    (16.0, 32.0, 1584.0, 1600.0)
    """
    return Rounded(schedule_of(schedule, "rounded(…)"), to, way)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Jagged(OneOperand):
    """value(t) = schedule(t); in the first `over` of each `every` but the first, the share of a later value.

    Once the schedule has ended, its final value.
    """

    schedule: Schedule
    every: Duration = field(metadata=PERIOD)
    over: Duration = field(metadata=SCALE)
    meets: Duration | None = field(metadata=SCALE)

    def __post_init__(self) -> None:
        keep_checked(self, "jagged", some_length, "every", "over")

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """What a warmup leads to is the schedule at another time, the same for all of its updates."""
        over = self.over.count
        meets = over if self.meets is None else self.meets.count
        cycle, since = split_periods(t, self.every.number, ops)
        warms = (cycle >= 1) & (since < over)
        end = self._held_from()
        if end is not None:
            warms = warms & (t < count_of(end))
        later = self.schedule._at(ops.xp.where(warms, t - since + meets, t), base, ops)
        return choose_affine(warms, later.scaled(ops.floating(since) / over), later, ops)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        yield from self.schedule._breakpoints_and_end(since, until)
        for begin in boundaries(self.every.number, until, since - ceil(self.over.number)):
            yield from (begin, begin + self.over.number)


@shape
def jagged(schedule: Schedule, every: DurationLike, over: DurationLike, meets: DurationLike | None = None) -> Jagged:
    """Warm up again every so often below a schedule that goes on.

    value(t) = schedule(t), and from t = `every` on, c = t mod `every` updates into a cycle,
    c / over * schedule(t - c + over) where c is less than `over`

    Args:
        schedule: what is warmed up to, on the clock of the whole.
        every: from one warmup to the next, any unit of time.
        over: how long each of them is.
        meets: where in its cycle the value is that a warmup leads to, its own end if not given; in ReLoRA's code it is
            the length of the first warmup.

    Raises:
        InvalidArgument: a length of nothing.

    Source: ReLoRA, Lialin et al. 2023 (2307.05695).

    >>> saw = jagged(linear(1.0, 0.0, over=20), every=10, over=2)
    >>> [saw(t) for t in (0, 9, 10, 11, 12, 20)]
    [1.0, 0.55, 0.0, 0.2, 0.4, 0.0]
    """
    inner = schedule_of(schedule, "jagged(…)")
    return Jagged(inner, Duration.of(every), Duration.of(over), None if meets is None else Duration.of(meets))
