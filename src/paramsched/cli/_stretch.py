"""Stretch: the part of a run that a schedule has, and its times in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import final

from paramsched.errors import InvalidArgument
from paramsched.schedules import Absolute, Level
from paramsched.time import Duration

MOST_TIMES = 8
"""Times of a list that are said one by one."""

NOTHING = Duration(())


@final
@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when a schedule acts, and in which words its times and levels are said.

    Args:
        begin: on the clock that is told; None where nothing tells.
        end: None where nothing tells, or where it never ends.
        total: how long the run is, if that is known.
        steps_per_epoch: updates of an epoch, where times are to be said in epochs too.
        of: what a bare number is a multiple of.
        clock: what is said behind times that are not of the run.
    """

    begin: Duration | None = NOTHING
    end: Duration | None = None
    total: Duration | None = None
    steps_per_epoch: int | None = None
    of: str = " × base"
    clock: str = ""

    def after(self, length: Duration | None) -> Duration | None:
        """The time at which something of this length ends that begins with the stretch."""
        return None if self.begin is None or length is None else self.begin + length

    def part(self, begin: Duration | None, end: Duration | None) -> "Stretch":
        return replace(self, begin=begin, end=end)

    @property
    def room(self) -> int | None:
        """Its updates, where they are known."""
        if self.begin is None or self.end is None or not (self.begin.is_resolved and self.end.is_resolved):
            return None
        return max(self.end.updates - self.begin.updates, 0)

    @property
    def ends_run(self) -> bool:
        """Whether nothing comes after it."""
        if self.end is None:
            return True
        return self.end == self.total and not self.clock

    def over(self, length: Duration | None) -> str:
        """The time from its begin on: "updates 0 to 9", "epochs 0 to 4 (updates 0 to 499)", "the first 5%"."""
        end = self.end if length is None else self.after(length)
        if self.begin is None or end is None:
            if length is not None:
                return f"the next {self.lasting(length)}"
            since = "" if self.begin is None or not self.begin.terms else f", from {self.at([self.begin])} on"
            return f"the time that is left{since}"
        if self.begin.is_resolved and end.is_resolved:
            return self._updates(self.begin.updates, end.updates)
        if _whole_epochs(self.begin) is not None and (last := _whole_epochs(end)) is not None:
            return _range_in_words("epoch", _whole_epochs(self.begin) or 0, last) + self.clock
        if self.clock and length is None:
            return f"the time of each cycle{'' if not self.begin.terms else f', from {self.at([self.begin])} on'}"
        if length is None:
            return f"the time from {self.at([self.begin])} to {self.at([end])}"
        return f"the {'next' if self.begin.terms else 'first'} {self.lasting(length)}"

    def during(self) -> str:
        """When it acts, where that is not the whole run."""
        if self.begin is None:
            return " from there on" if self.end is None else f" until {self.at([self.end])}"
        if self.ends_run:
            return f", from {self.at([self.begin])} on" if self.begin.terms else ""
        return f" over {self.over(None)}"

    def at(self, times: Sequence[Duration]) -> str:
        """Points in time: "epochs 8 and 11 (updates 800 and 1,100)", "30% of the run"."""
        if not times:
            return "no time"
        shown, rest = times[:MOST_TIMES], len(times) - MOST_TIMES
        more = f" and {rest:,} more" if rest > 0 else ""
        if all(time.is_resolved for time in times):
            updates = [time.updates for time in shown]
            epoch = self.steps_per_epoch
            said = _points_in_words("update", updates) + more
            if epoch is None or any(update % epoch for update in updates):
                return said + self.clock
            return f"{_points_in_words('epoch', [update // epoch for update in updates])}{more}{self.clock} ({said})"
        epochs = [_epochs_of(time) for time in shown]
        if all(epoch is not None for epoch in epochs):
            return _points_in_words("epoch", [epoch for epoch in epochs if epoch is not None]) + more + self.clock
        return _join_words([self._point(time) for time in shown]) + more + self.clock

    def from_begin(self, times: Sequence[Duration]) -> str:
        """Points in time that count from its begin."""
        if self.begin is None:
            return f"{self.at(times)}, counted from where this begins"
        return self.at([self.begin + time for time in times])

    def lasting(self, length: Duration) -> str:
        """A length: "30 epochs (15,000 updates)", "5% of the run"."""
        if length.is_resolved:
            updates, epoch = length.updates, self.steps_per_epoch
            said = f"{updates:,} update{'' if updates == 1 else 's'}"
            if epoch and updates and not updates % epoch:
                epochs = updates // epoch
                return f"{epochs:,} epoch{'' if epochs == 1 else 's'} ({said})"
            return said
        return f"{length} of the run" if [unit for unit, _ in length.terms] == ["percent"] else str(length)

    def each(self, length: Duration) -> str:
        """A period: "epoch", "30 epochs", "update"."""
        return self.lasting(length).removeprefix("1 ")

    def level(self, level: Level) -> str:
        """A level in words: "0.1 × base", "0", "0.001 as it stands"."""
        if isinstance(level, Absolute):
            return f"{level.value:.6g} as it stands" if level.value else "0"
        return f"{level:.6g}{self.of}" if level else "0"

    def levels(self, first: Level, last: Level) -> str:
        """Two levels, what they are multiples of said once: "from 1 to 0.1 × base"."""
        same = not isinstance(first, Absolute) and not isinstance(last, Absolute)
        begin = f"{first:.6g}" if same else self.level(first)
        return f"from {begin} to {self.level(last)}"

    def _updates(self, begin: int, end: int) -> str:
        epoch = self.steps_per_epoch
        said = _range_in_words("update", begin, end)
        if epoch is None or begin % epoch or end % epoch or begin == end:
            return said + self.clock
        return f"{_range_in_words('epoch', begin // epoch, end // epoch)}{self.clock} ({said})"

    def _point(self, time: Duration) -> str:
        if [unit for unit, _ in time.terms] == ["percent"]:
            return f"{time} of the run"
        return _points_in_words("update", [time.updates]) if time.is_resolved else str(time)


def earlier_time(time: Duration | None, end: Duration | None) -> Duration | None:
    """A time, or the end where both are counted alike and it comes first."""
    if time is None or end is None or not (time.is_resolved and end.is_resolved):
        return time
    return min(time, end, key=lambda one: one.updates)


def comes_before(time: Duration, end: Duration | None) -> bool:
    """Whether a time is known to come before the end."""
    return (
        end is not None
        and bool((rest := time_between(end, time)) is not None and rest.terms)
        and (time.exact is not None) == (end.exact is not None)
    )


def time_between(later: Duration | None, earlier: Duration | None) -> Duration | None:
    """The time between two; None where one is not known, or they are the wrong way round."""
    if later is None or earlier is None:
        return None
    try:
        return later - earlier
    except InvalidArgument:
        return None


def _epochs_of(time: Duration) -> Fraction | None:
    """A time in epochs; None where another unit is in it."""
    if not time.terms:
        return Fraction(0)
    return time.terms[0][1] if [unit for unit, _ in time.terms] == ["epochs"] else None


def _whole_epochs(time: Duration) -> int | None:
    epochs = _epochs_of(time)
    return None if epochs is None or epochs.denominator != 1 else int(epochs)


def _range_in_words(unit: str, begin: int, end: int) -> str:
    if end <= begin:
        return f"no {unit}"
    return f"{unit} {begin:,}" if end - begin == 1 else f"{unit}s {begin:,} to {end - 1:,}"


def _points_in_words(unit: str, points: Sequence[int | Fraction]) -> str:
    said = [f"{int(point):,}" if point.denominator == 1 else f"{float(point):g}" for point in points]
    return f"{unit}{'' if len(said) == 1 else 's'} {_join_words(said)}"


def _join_words(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
