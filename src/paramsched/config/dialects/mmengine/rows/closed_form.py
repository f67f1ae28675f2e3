"""A scheduler as a closed form: what the form has to hold for, and what is known of it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, final

from paramsched.schedules import Schedule, every
from paramsched.time import DurationLike

FormKind: TypeAlias = Literal["factor", "towards"]
"""What a form does to the value it finds: multiply it, whatever it is, or carry it to a floor."""


@final
@dataclass(frozen=True, slots=True)
class ClosedForm:
    """A scheduler as a schedule on the clock of its window.

    Args:
        schedule: what it gives.
        kind: what it does to the value it finds.
        ends_itself: whether it holds its last value after the window by itself.
        cut_at_end: whether it is cut off at the window's end, not at the begin of its last tick.
        undone: whether it leaves the value as it found it.
        to_base: whether its floor is a multiple of the base, which is right only where the value found is the base.
    """

    schedule: Schedule
    kind: FormKind = "factor"
    ends_itself: bool = False
    cut_at_end: bool = False
    undone: bool = False
    to_base: bool = False


@final
@dataclass(frozen=True, slots=True)
class SchedulerTicks:
    """The ticks of a scheduler as lengths of a schedule.

    Args:
        in_epochs: whether its counts are epochs.
        converted: whether it ticks by iteration though its counts are epochs.
    """

    in_epochs: bool
    converted: bool

    @property
    def stepwise(self) -> bool:
        """Whether its values change between epochs only."""
        return self.in_epochs and not self.converted

    def count(self, ticks: float) -> DurationLike:
        """So many counts of the config."""
        return f"{int(ticks)} epochs" if self.in_epochs else int(ticks)

    def last(self, ticks: float) -> DurationLike:
        """The begin of the last tick of so many counts."""
        if not self.converted:
            return self.count(ticks - 1)
        # `int(ticks * length)` cuts a part of a tick off; our lengths are rounded up, from less by that part.
        whole = Fraction(ticks)
        return f"{float(whole):.15g} epochs - {float(2 - Fraction(1, whole.denominator)):.15g} steps"

    @property
    def one(self) -> DurationLike:
        """A single tick."""
        return 1 if self.converted else self.count(1)

    def changing(self, schedule: Schedule) -> Schedule:
        """A smooth schedule as the ticks read it."""
        return every(schedule, "epoch") if self.stepwise else schedule


@final
@dataclass(frozen=True, slots=True)
class FormNeeds:
    """What a closed form has to hold for.

    Args:
        ticks: of the scheduler.
        size: of its window, in counts.
        endless: whether its window has no end.
        alone: whether no other scheduler changes the field.
        run: the length of the run in counts, where it is known.
        any_floor: whether a floor may be a multiple of the base.
    """

    ticks: SchedulerTicks
    size: float
    endless: bool
    alone: bool
    run: int | None
    any_floor: bool

    @property
    def single(self) -> bool:
        """Whether the window has one tick."""
        return self.size == 1 and not self.ticks.converted
