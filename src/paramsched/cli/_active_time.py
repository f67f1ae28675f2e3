"""When a schedule acts in a run, and how its times and levels are put in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import final

from paramsched.errors import InvalidArgument
from paramsched.schedules import Absolute, Level
from paramsched.schedules.affine import AffineLevel, NeighborLevel, previous
from paramsched.time import Duration

NOTHING = Duration(())

MOST_TIMES = 8
"""Times of a list that are printed one by one."""


@final
@dataclass(frozen=True, slots=True)
class ActiveTime:
    """The part of a run in which a schedule acts, and what is written after its times and levels.

    Args:
        begin: when it begins; None where that is not known.
        end: when it ends; None where that is not known, or where it never ends.
        total: how long the run is, if that is known.
        steps_per_epoch: updates of an epoch, where times are told in epochs too.
        level_suffix: what follows a number: what it is a multiple of.
        unit: what its clock counts, of which there is one: "token".
        time_suffix: what follows a time that does not count from the begin of the run: " of each cycle".
    """

    begin: Duration | None = NOTHING
    end: Duration | None = None
    total: Duration | None = None
    steps_per_epoch: int | None = None
    level_suffix: str = " × base"
    time_suffix: str = ""
    unit: str = "update"

    def end_after(self, length: Duration | None) -> Duration | None:
        """When something of this length ends that begins when the schedule begins."""
        return None if self.begin is None or length is None else self.begin + length

    def part(self, begin: Duration | None, end: Duration | None) -> "ActiveTime":
        """The same words for another part of the run."""
        return replace(self, begin=begin, end=end)

    @property
    def update_count(self) -> int | None:
        """How many updates the schedule acts in; None where that is not known."""
        if self.begin is None or self.end is None or not (self.begin.is_resolved and self.end.is_resolved):
            return None
        return max(self.end.updates - self.begin.updates, 0)

    @property
    def lasts_to_end(self) -> bool:
        """Whether the run ends with the schedule: nothing comes after it."""
        if self.end is None:
            return True
        return self.end == self.total and not self.time_suffix

    def range_text(self, length: Duration | None = None) -> str:
        """The time from the begin on, for `length` or to the end.

        It reads "updates 0 to 9", "epochs 0 to 4 (updates 0 to 499)", "the first 5% of the run".
        """
        if length is not None and length.until:
            return f"the time {length}"
        end = self.end if length is None else self.end_after(length)
        if self.begin is None or end is None:
            return (
                f"the time that is left{self._since_begin()}"
                if length is None
                else f"the next {self.length_text(length)}"
            )
        if self.begin.is_resolved and end.is_resolved:
            return self._updates_text(self.begin.updates, end.updates)
        if _whole_epochs(self.begin) is not None and (last := _whole_epochs(end)) is not None:
            return _range_words("epoch", _whole_epochs(self.begin) or 0, last) + self.time_suffix
        if self.time_suffix and length is None:
            return f"the time of each cycle{self._since_begin()}"
        if length is None:
            return f"the time from {self.times_text([self.begin])} to {self.times_text([end])}"
        return f"the {'next' if self.begin.terms else 'first'} {self.length_text(length)}"

    def _since_begin(self) -> str:
        return "" if self.begin is None or not self.begin.terms else f", from {self.times_text([self.begin])} on"

    def during_text(self) -> str:
        """When the schedule acts; "" for the whole run."""
        if self.begin is None:
            return " from there on" if self.end is None else f" until {self.times_text([self.end])}"
        return self._since_begin() if self.lasts_to_end else f" over {self.range_text()}"

    def times_text(self, times: Sequence[Duration], more: str = "") -> str:
        """Points in time: "epochs 8 and 11 (updates 800 and 1,100)", "30% of the run".

        Args:
            more: how many follow that are not in `times`: "1,000 more"; by default only those left out here are named.
        """
        if not times:
            return "no time"
        shown, rest = times[:MOST_TIMES], len(times) - MOST_TIMES
        more = more or (f"{rest:,} more" if rest > 0 else "")
        more = f" and {more}" if more else ""
        if all(time.is_resolved for time in times):
            updates = [time.updates for time in shown]
            epoch = self.steps_per_epoch
            said = _point_words(self.unit, updates) + more
            if epoch is None or any(update % epoch for update in updates):
                return said + self.time_suffix
            return f"{_point_words('epoch', [update // epoch for update in updates])}{more}{self.time_suffix} ({said})"
        epochs = [_epochs_of(time) for time in shown]
        if all(epoch is not None for epoch in epochs):
            return _point_words("epoch", [epoch for epoch in epochs if epoch is not None]) + more + self.time_suffix
        return _join_words([self._time_text(time) for time in shown]) + more + self.time_suffix

    def own_times_text(self, times: Sequence[Duration], more: str = "") -> str:
        """Points in time that count from the begin of the schedule."""
        if self.begin is None:
            return f"{self.times_text(times, more)}, counted from where this begins"
        return self.times_text([self.begin + time for time in times], more)

    def length_text(self, length: Duration) -> str:
        """A length: "30 epochs (15,000 updates)", "2.4 epochs (3,002.4 updates)", "5% of the run"."""
        if length.is_resolved:
            updates, epoch = length.updates, self.steps_per_epoch
            said = f"{updates:,} {self.unit}{'' if updates == 1 else 's'}"
            if epoch and updates and not updates % epoch:
                epochs = updates // epoch
                return f"{epochs:,} epoch{'' if epochs == 1 else 's'} ({said})"
            return said
        if length.exact is not None:  # a period between two updates
            said, share = f"{length.count:,.6g} updates", length.exact / (self.steps_per_epoch or 1)
            tenths = self.steps_per_epoch is not None and (share * 10).denominator == 1
            return f"{float(share):,.6g} epochs ({said})" if tenths else said
        return f"{length} of the run" if [unit for unit, _ in length.terms] == ["percent"] else str(length)

    def period_text(self, length: Duration) -> str:
        """A period: "epoch", "30 epochs", "update"."""
        return self.length_text(length).removeprefix("1 ")

    def level_text(self, level: Level) -> str:
        """A level in words: "0.1 × base", "0", "0.001 as it stands", "the level of the stage before"."""
        if isinstance(level, Absolute):
            return f"{level.value:.6g} as it stands" if level.value else "0"
        if isinstance(level, NeighborLevel):
            return f"the level of the stage {'before' if level == previous else 'behind'}"
        if isinstance(level, AffineLevel):
            return f"{self.level_text(level.factor)} + {self.level_text(Absolute(level.offset))}"
        return f"{level:.6g}{self.level_suffix}" if level else "0"

    def levels_text(self, first: Level, last: Level) -> str:
        """Two levels, with what they are multiples of written once: "from 1 to 0.1 × base"."""
        same = isinstance(first, float) and isinstance(last, float)
        begin = f"{first:.6g}" if same else self.level_text(first)
        return f"from {begin} to {self.level_text(last)}"

    def _updates_text(self, begin: int, end: int) -> str:
        """A range of updates; of whole epochs in epochs too."""
        epoch = self.steps_per_epoch
        said = _range_words(self.unit, begin, end)
        if epoch is None or begin % epoch or end % epoch or begin == end:
            return said + self.time_suffix
        return f"{_range_words('epoch', begin // epoch, end // epoch)}{self.time_suffix} ({said})"

    def _time_text(self, time: Duration) -> str:
        if [unit for unit, _ in time.terms] == ["percent"]:
            return f"{time} of the run"
        return _point_words(self.unit, [time.updates]) if time.is_resolved else str(time)


def earlier_time(time: Duration | None, end: Duration | None) -> Duration | None:
    """A time, or the end where both are counted alike and it comes first."""
    if time is None or end is None or not (time.is_resolved and end.is_resolved):
        return time
    return min(time, end, key=lambda one: one.updates)


def comes_before(time: Duration, end: Duration | None) -> bool:
    """Whether a time is known to come before the end."""
    # A time in updates and one in epochs are not compared: nobody knows yet which comes first.
    if end is None or (time.exact is None) != (end.exact is None):
        return False
    try:
        return bool((end - time).terms)
    except InvalidArgument:
        return False


def _epochs_of(time: Duration) -> Fraction | None:
    if not time.terms:
        return Fraction(0)
    return time.terms[0][1] if [unit for unit, _ in time.terms] == ["epochs"] else None


def _whole_epochs(time: Duration) -> int | None:
    epochs = _epochs_of(time)
    return None if epochs is None or epochs.denominator != 1 else int(epochs)


def _range_words(unit: str, begin: int, end: int) -> str:
    if end <= begin:
        return f"no {unit}"
    return f"{unit} {begin:,}" if end - begin == 1 else f"{unit}s {begin:,} to {end - 1:,}"


def _point_words(unit: str, points: Sequence[int | Fraction]) -> str:
    said = [f"{int(point):,}" if point.denominator == 1 else f"{float(point):g}" for point in points]
    return f"{unit}{'' if len(said) == 1 else 's'} {_join_words(said)}"


def _join_words(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
