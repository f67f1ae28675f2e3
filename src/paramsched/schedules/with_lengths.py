"""Lengths rounded in another way, or not at all: a stage may begin between two updates."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import final, get_args

from paramsched._arrays import Array, Arrays
from paramsched.errors import Asked, InvalidArgument, nearest
from paramsched.schedules.affine import Affine
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.cycles import Lengths
from paramsched.schedules.one_operand import OneOperand
from paramsched.schedules.registry import shape
from paramsched.schedules.span import Span
from paramsched.time import Duration


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WithLengths(OneOperand):
    """The schedule whose boundaries are rounded as `lengths` says; its own begin and end are those of its stage."""

    schedule: Schedule
    lengths: Lengths

    def __post_init__(self) -> None:
        if self.lengths not in get_args(Lengths):
            found = f"no way to round lengths; {nearest(str(self.lengths), get_args(Lengths))}"
            asked = Asked("with_lengths", "lengths", repr(self.lengths))
            raise InvalidArgument(asked, found, 'Write lengths="exact"').suggest("exact")

    @property
    def length(self) -> Duration | None:
        """That of the schedule, up to the first update that is not in it."""
        length = self.schedule.length
        exact = None if length is None else length.exact
        return length if exact is None else Duration.of_updates(ceil(exact))

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        return self.schedule._at(self._own_times(t, xp), base, xp)

    def _at_by_itself(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        return self.schedule._at_by_itself(self._own_times(t, xp), base, xp)

    def _own_times(self, t: Array, xp: Arrays) -> Array:
        """Times from which begins between two updates are taken off: torch makes float32 of its integers there."""
        return t if xp.concrete or self.lengths != "exact" else xp.floating(t)

    def _lengths_known(self, *, whole: bool) -> bool:
        return self.schedule._lengths_known(whole=whole and self.lengths != "exact")

    def _exact_length(self, span: Span) -> Fraction | None:
        own = self._own_span(span)
        length = self.schedule._exact_length(own)
        if length is None or not own.rounds:
            return length
        return Fraction(own.boundary(own.begin + length)) - own.begin

    def _resolve(self, span: Span) -> Schedule:
        return WithLengths(self.schedule._resolve(self._own_span(span)), self.lengths)

    def _own_span(self, span: Span) -> Span:
        """The span with another rounding; it begins and ends where the stages around it say."""
        if not span.rounds:  # in a cycle between two updates nothing is rounded
            return span
        end = None if span.end is None else Fraction(span.boundary(span.end))
        return replace(span, begin=Fraction(span.first), end=end, rounding=self.lengths)


@shape
def with_lengths(schedule: Schedule, lengths: Lengths = "exact") -> WithLengths:
    """A schedule whose lengths are rounded in another way than up, or not at all.

    value(t) = schedule(t), each boundary between two of its stages at the time that is meant: 33 % of 100 updates are
    33, and of 101 they are 33.33

    Args:
        schedule: what is rounded so.
        lengths: `"exact"` (not at all: a stage may begin between two updates), `"nearest"`, or `"floor"`. Everywhere
            else boundaries are rounded up.

    Raises:
        InvalidArgument: `lengths` is none of these.

    Source: fastai's and fvcore's phases are exact; optax's and composer's are cut to whole updates, `int(0.33 * n)`;
    OLMo-core and torchtitan round to the nearest.

    >>> print(resolve(with_lengths(linear(1.0, 0.5, "33%") >> constant(0.5), "floor"), Calendar(total=101)))
    with_lengths(linear(to=0.5, over=33) >> constant(0.5), "floor")
    >>> line = linear(1.0, 0.5, "33%") >> constant(0.5)
    >>> print(resolve(line, Calendar(total=101)))
    linear(to=0.5, over=34) >> constant(0.5)
    >>> print(resolve(with_lengths(line), Calendar(total=101)))
    with_lengths(linear(to=0.5, over="33.33 steps") >> constant(0.5))
    """
    return WithLengths(schedule_of(schedule, "with_lengths(…)"), lengths)
