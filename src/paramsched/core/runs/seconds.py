"""The measured time of a run on the clock of seconds: of one process, or of rank 0 for all processes."""

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, floor, inf
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np

from paramsched.core.scheduler.messages import WORLD, Processes
from paramsched.errors import StateError

if TYPE_CHECKING:
    from paramsched.core.runs.rank_messages import RankMessages

log = logging.getLogger("paramsched")

_SLOWEST = 1.5  # medians that an update may take without passing the deadline
LEAST_LEFT = 0.001  # seconds; with less, the run is over
_RECENT = 9  # updates of which the median is taken
_FEW = 2  # measurements after a start, of which one may be far slower than the updates that follow
_AHEAD = 2  # updates between sending a message and its first update, so that no rank waits for it
_FINENESS = 128  # a message lasts for this part of the time that is left
_WITHOUT_HORIZON = 10.0  # the seconds that a message lasts, if the run has no horizon
_MOST_UPDATES = 1024  # in one message
_LEAST_UPDATES = 8  # in one message, unless it lasts a second, so that ranks read the store rarely near the end
_LOOKS_EVERY = 0.1  # seconds between two looks for signals; slower updates are looked at each
_MOST_BETWEEN_LOOKS = 100  # updates, which bound the delay if updates become slower
_SETTLED_AFTER = 2  # updates after a start, when all ranks have constructed its Scheduler if they train together


@final
@dataclass(frozen=True, slots=True)
class RunStart:
    """A start of a run with a deadline: its construction, the loading of a checkpoint, or a jump.

    Args:
        update: the coming update.
        amount: the training time before it, in seconds.
        left: the seconds until the deadline.
        untimed: the number of updates that are not timed.
        at: the time of the monotonic clock of this process.
        messages: those of rank 0, if there are several processes.
        checked_later: True if an engine refuses stages that do not fit, when its training begins.
        shortest: the shortest horizon into which the stages fit, if they do not fit and are refused later.
        until: the horizon of a dry run, whose deadline is unknown.
        longest: the horizon of the checkpoint that is loaded, unless the deadline is later than in it.
        processes: the processes that train together.
    """

    update: int
    amount: float
    left: float
    untimed: int
    at: float = 0.0
    messages: "RankMessages | None" = None
    checked_later: bool = False
    shortest: float = 0.0
    until: float | None = None
    longest: float = inf
    processes: Processes = WORLD

    @property
    def available(self) -> float:
        """The training time before the start plus the time left, rounded down to a millisecond, at most `longest`."""
        return min(in_milliseconds(self.amount + self.left) / 1000, self.longest)

    @property
    def horizon(self) -> float:
        """The horizon of the run: the available time, unless the stages need more and are refused later."""
        return max(self.available, self.shortest)

    @property
    def first_rank(self) -> int:
        """The rank that sends the messages."""
        return 0 if self.messages is None else self.messages.ranks.first

    @property
    def is_over(self) -> bool:
        """True if the deadline was over at the start."""
        return self.left < LEAST_LEFT

    def left_at(self, now: float) -> float:
        """Return the seconds until the deadline, at a time of the monotonic clock."""
        return self.left - (now - self.at)

    def fixed_at(self, now: float, shortest: "ShortestHorizon") -> tuple[float, float]:
        """Return the horizon if the clock starts now, and the seconds that each measured second counts as.

        The amount of several processes may be ahead of the time of rank 0, because it is announced. A checkpoint then
        leaves more time than its horizon. A second counts as less than one, so that no falling schedule rises.

        If the stages of the plan do not fit into the time left, the horizon is the shortest one into which they fit,
        and a second counts as more than one, so that all stages are shorter by one factor and end at the deadline.
        """
        left = max(self.left_at(now), 0.0)
        reached = in_milliseconds(self.amount + left) / 1000
        wanted = min(self.horizon, reached)
        horizon = shortest(wanted)
        if horizon == wanted:
            return horizon, 1.0 if wanted == reached or left < LEAST_LEFT else (wanted - self.amount) / left
        needed = horizon - self.amount
        log.warning(
            "start-up took %.3g s; the stages need %.3g s and %.3g s are left, so they are shortened to %.0f %%",
            self.left - self.left_at(now), needed, left, 100 * left / needed,
        )  # fmt: skip
        return horizon, 1.0 if left < LEAST_LEFT else needed / left


def in_milliseconds(seconds: float) -> int:
    """Return a time in milliseconds, rounded down from nanoseconds, because 0.57 is not a float."""
    return round(seconds * 10**9) // 10**6


def seconds_now() -> float:
    """Return the time of a monotonic clock, in seconds."""
    return time.monotonic()


def messages_about_time(number: int, t: int, amount: float, processes: Processes = WORLD) -> "RankMessages | None":
    """Return the messages in which rank 0 sends the time of a run; None if this process trains alone.

    Args:
        number: the number of the plan.
        t: the update at which the run starts.
        amount: the training time before it, in seconds.
        processes: the processes that train together.
    """
    if not processes.several:
        return None
    from paramsched.core.runs.rank_messages import RankMessages

    return RankMessages.of(processes, "the time of the run", f"{number}/{t}/{amount!r}")


def ends_before(updates: int, left: float, durations: Sequence[float]) -> bool:
    """Return whether the time left is too short for this number of slow updates."""
    return left < LEAST_LEFT or (bool(durations) and left < updates * _SLOWEST * median(durations))


@final
@dataclass(frozen=True, slots=True)
class TimeMessage:
    """The amounts of some updates, the same on every rank.

    Args:
        begin: the first update.
        count: the number of updates.
        amount: the amount before update `begin`, in seconds.
        rate: the amount that each update adds.
        horizon: the horizon in seconds, if the run has a deadline.
        stop: the update before which the run ends, once it is known.
        pace: the median seconds of the recent updates; 0 before the first ones are measured.
    """

    begin: int
    count: int
    amount: float
    rate: float = 0.0
    horizon: float | None = None
    stop: int | None = None
    pace: float = 0.0

    @property
    def end(self) -> int:
        """The first update of the next message."""
        return self.begin + self.count

    def amount_at(self, t: int) -> float:
        return self.amount + (t - self.begin) * self.rate

    def next_look(self, t: int) -> int | None:
        """Return the update before which all ranks look at the store next; None if they do not before update `t`."""
        every = 1
        if self.pace:
            every = max(1, min(floor(_LOOKS_EVERY / self.pace), _MOST_BETWEEN_LOOKS))
        return None if (t - self.begin) % every else min(t + every, self.end)

    def amounts_from(self, t: int, count: int) -> Any:
        """Return the amounts before `count` updates, starting at update `t`."""
        return self.amount + (np.arange(t, t + count) - self.begin) * self.rate


def first_message(t: int, amount: float, untimed: int, horizon: float | None) -> TimeMessage:
    """Return the message of a start: the untimed updates, and those until a measured one can be announced."""
    return TimeMessage(t, untimed + 1 + _AHEAD, amount, 0.0, horizon)


def next_message(
    last: TimeMessage, now: float, durations: Sequence[float], left: float | None, *, has_deadline: bool
) -> TimeMessage:
    """Return the message after `last`, computed two updates before the end of `last`.

    The amount never decreases. If `last` was ahead of the real time, the rate is lower, so that both meet at the end of
    the message; if it was late, the amount jumps to the real time. The first message after a measurement is as short as
    possible, and the first ones assume the shortest duration: an amount that is ahead would stand still for long.

    Args:
        last: the previous message.
        now: the real amount at present.
        durations: those of the recent updates.
        left: the seconds until the deadline or the horizon; None if the run has neither.
        has_deadline: True if `left` ends at a deadline.
    """
    usual, begin, stop = median(durations), last.end, last.stop
    pace = usual if len(durations) > _FEW else min(durations)
    real = now + _AHEAD * pace
    amount = max(last.amount_at(begin), real)
    lasts = _WITHOUT_HORIZON if left is None else max(0.0, left) / _FINENESS
    most = min(_MOST_UPDATES, 2 * last.count) if len(durations) > 1 else _AHEAD
    least = min(_LEAST_UPDATES, most, ceil(1 / max(pace, 1 / _LEAST_UPDATES)))
    count = most if most * pace <= lasts else max(least, floor(lasts / pace))
    rate = max(0.0, (real - amount) / count + pace)
    if stop is None and has_deadline and left is not None:
        # All updates before `fitting` end before the deadline, even if they are slow.
        fitting = begin - _AHEAD + (floor(left / (_SLOWEST * usual)) if usual else _MOST_UPDATES * _FINENESS)
        if left < LEAST_LEFT or fitting < begin + count:
            stop = max(begin, fitting)
    return TimeMessage(begin, count, amount, rate, last.horizon, stop, pace)


class RunTime(ABC):
    """Determines the amount before each update from the measured time.

    If the run has a deadline, `horizon` is that of the coming update, once its clock has started, and `stop` is the
    update before which the run ends, once it is known.
    """

    horizon: float | None = None
    stop: int | None = None

    @abstractmethod
    def amounts_from(self, t: int, amount: float, most: int) -> Any:
        """Count an update whose seconds are measured.

        Args:
            t: the coming update.
            amount: the amount before the last update.
            most: the largest number of amounts to return.

        Returns:
            The amounts before update `t` and the following ones, as far as they are known: an array.
        """

    @abstractmethod
    def accept(self, t: int, amount: float) -> None:
        """Count an update whose seconds were reported: `amount` is the amount before update `t`."""


ShortestHorizon: TypeAlias = Callable[[float], float]
"""Returns a horizon itself, or the next one into which the stages of the plan fit."""


@final
class OwnTime(RunTime):
    """The time that one process measures.

    Args:
        t: the coming update.
        start: the start of a run with a deadline, or None.
        now: the monotonic clock.
        shortest: as in `ShortestHorizon`.
    """

    def __init__(self, t: int, start: RunStart | None, now: Callable[[], float], shortest: ShortestHorizon) -> None:
        self._start, self._now, self._shortest = start, now, shortest
        self._pace = 1.0  # seconds that a measured second counts as
        self._since = now() if start is None else start.at
        self._clock_starts = t if start is None else t + start.untimed
        self._durations: deque[float] = deque(maxlen=_RECENT)

    def amounts_from(self, t: int, amount: float, most: int) -> Any:
        del most
        now = self._now()
        lap, self._since = now - self._since, now
        start = self._start
        if start is None:
            return np.array([amount + lap], dtype=np.float64)
        if t > self._clock_starts:
            self._durations.append(lap)
            amount += lap * self._pace
        elif t == self._clock_starts:
            self.horizon, self._pace = start.fixed_at(now, self._shortest)
        if self.stop is None and ends_before(1, start.left_at(now), self._durations):
            self.stop = t
        return np.array([amount], dtype=np.float64)

    def accept(self, t: int, amount: float) -> None:
        self._since = self._now()


@final
class Rank0Clock:
    """The clock of rank 0, which sends the messages.

    Args:
        messages: those of rank 0.
        first: the first message, which every rank knows.
        start: the start of a run with a deadline, or None.
        until: the horizon of the plan; None if it has none, or if the run has a deadline.
        now: the monotonic clock.
        shortest: as in `ShortestHorizon`.
    """

    def __init__(
        self,
        messages: "RankMessages",
        first: TimeMessage,
        start: RunStart | None,
        until: float | None,
        now: Callable[[], float],
        shortest: ShortestHorizon,
    ) -> None:
        self._messages, self._start, self._until, self._now, self._shortest = messages, start, until, now, shortest
        self._pace = 1.0  # seconds that a measured second counts as
        self._last, self._amount = first, first.amount
        self._clock_starts = first.end - 1 - _AHEAD
        self._begun = self._since = now() if start is None else start.at
        self._read_at = first.begin
        self._durations: deque[float] = deque(maxlen=_RECENT)
        self.due = max(self._clock_starts, first.begin + 1)  # the update before which the time is read next
        self.sent: deque[TimeMessage] = deque()  # that this rank has not reached

    def read(self, t: int) -> None:
        """Read the time before update `t`, and send the next message."""
        now, last, start = self._now(), self._last, self._start
        if t <= self._clock_starts:
            self._begun = self._since = now
            self._read_at, self.due = t, last.end - _AHEAD
            if start is not None:
                horizon, self._pace = start.fixed_at(now, self._shortest)
                self._last = replace(last, horizon=horizon)
            return
        pace = self._pace
        self._durations.append(pace * (now - self._since) / (t - self._read_at))
        self._since, self._read_at = now, t
        amount = self._amount + pace * (now - self._begun)
        left = pace * start.left_at(now) if start is not None else None if self._until is None else self._until - amount
        self._last = next_message(last, amount, self._durations, left, has_deadline=start is not None)
        self._messages.send(asdict(self._last))
        self.sent.append(self._last)
        self.due = self._last.end - _AHEAD


@final
class SharedTime(RunTime):
    """The time of rank 0, which all ranks use: amounts that its messages announce.

    Args:
        messages: those of rank 0.
        first: the first message, which every rank knows.
        clock: the clock of rank 0; None on the other ranks.
        settle: decides which start of rank 0 the messages belong to.
    """

    def __init__(
        self, messages: "RankMessages", first: TimeMessage, clock: Rank0Clock | None, settle: Callable[[], object]
    ) -> None:
        self._messages, self.message, self._clock, self._settle = messages, first, clock, settle
        self._settles_at = first.begin + _SETTLED_AFTER
        self._reported = 0.0  # seconds that reports have added to the announced amounts

    def amounts_from(self, t: int, amount: float, most: int) -> Any:
        self._move_to(t)
        message, clock = self.message, self._clock
        end = message.end if clock is None else min(message.end, clock.due)
        end = self._settles_at if t < self._settles_at < end else end
        # Adding the reports again may round below the amount that was used last.
        return np.maximum(message.amounts_from(t, min(end - t, most)) + self._reported, amount)

    def accept(self, t: int, amount: float) -> None:
        self._move_to(t)
        self._reported = amount - self.message.amount_at(t)

    def _move_to(self, t: int) -> None:
        """Use the message of update `t`. Rank 0 also reads the time if that is due."""
        clock = self._clock
        if clock is None and t == self._settles_at:
            self._settle()
        if clock is not None and t >= clock.due:
            clock.read(t)
        end = self.message.end
        if t >= end:
            self.message = TimeMessage(**self._messages.receive()) if clock is None else clock.sent.popleft()
            self.horizon, self.stop = self.message.horizon, self.message.stop
            if self.message.begin != end:
                first, begin = self._messages.ranks.first, self.message.begin
                raise StateError(f"rank {first} announces the time from update {begin} on, expected {end}")
