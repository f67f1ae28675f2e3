"""The pace of a job that must end in time: of one process, or of rank 0 for all processes."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, floor
from statistics import median
from typing import TYPE_CHECKING, Final, final

from paramsched.errors import StateError

if TYPE_CHECKING:
    from paramsched.core.run.ranks import RankMessages

LEAST_LEFT: Final = 0.001  # seconds; with less, the job is over
_SLOWEST: Final = 1.5  # medians that an update may take without passing the moment
_RECENT: Final = 9  # updates of which the median is taken
_UNTIMED: Final = 1  # updates that are not timed, because they compile or load
_FEW: Final = 2  # measurements after a start, of which one may be far slower than the updates that follow
_AHEAD: Final = 2  # updates between sending a message and its first update, so that no rank waits for it
_FINENESS: Final = 128  # a message lasts for this part of the time that is left
_WITHOUT_MOMENT: Final = 10.0  # the seconds that a message lasts, if only a signal ends the job
_MOST_UPDATES: Final = 1024  # in one message
_LEAST_UPDATES: Final = 8  # in one message, unless it lasts a second, so that ranks read the store rarely near the end
_LOOKS_EVERY: Final = 0.1  # seconds between two looks for signals; slower updates are looked at each
_MOST_BETWEEN_LOOKS: Final = 100  # updates, which bound the delay if updates become slower
_SETTLED_AFTER: Final = 2  # updates after a start, when all ranks have constructed its Scheduler if they train together


def now() -> float:
    """Return the time of a monotonic clock, in seconds."""
    return time.monotonic()


def ends_before(left: float, durations: Sequence[float]) -> bool:
    """Return whether the time left is too short for a slow update.

    >>> ends_before(1.5, [0.5, 1.0, 7.0]), ends_before(1.49, [0.5, 1.0, 7.0])
    (False, True)
    """
    return left < LEAST_LEFT or (bool(durations) and left < _SLOWEST * median(durations))


@final
class OwnPace:
    """The pace that one process measures. `stop` is the update before which the job ends, once it is known.

    Args:
        ends_at: the moment before which the job ends, of the monotonic clock.
    """

    def __init__(self, ends_at: float) -> None:
        self._ends_at, self._since = ends_at, now()
        self._durations: deque[float] = deque(maxlen=_RECENT)
        self.stop: int | None = None

    def count(self, n: int) -> None:
        """Count the end of update `n` of the job, the first of which is 1."""
        at = now()
        if n > _UNTIMED:
            self._durations.append(at - self._since)
        self._since = at
        if self.stop is None and ends_before(self._ends_at - at, self._durations):
            self.stop = n


@final
@dataclass(frozen=True, slots=True)
class PaceMessage:
    """The pace of some updates, the same on every rank.

    Args:
        begin: the first update.
        count: the number of updates.
        pace: the median seconds of the recent updates; 0 before the first ones are measured.
        stop: the update before which the job ends, once it is known.
    """

    begin: int
    count: int
    pace: float = 0.0
    stop: int | None = None

    @property
    def end(self) -> int:
        """The first update of the next message."""
        return self.begin + self.count

    def next_look(self, n: int) -> int | None:
        """Return the update before which all ranks look at the store next; None if they do not before update `n`."""
        every = 1
        if self.pace:
            every = max(1, min(floor(_LOOKS_EVERY / self.pace), _MOST_BETWEEN_LOOKS))
        return None if (n - self.begin) % every else min(n + every, self.end)


FIRST: Final = PaceMessage(0, _UNTIMED + 1 + _AHEAD)
"""The message of a start: the untimed updates, and those until a measured one can be announced."""


def next_message(last: PaceMessage, durations: Sequence[float], left: float | None) -> PaceMessage:
    """Return the message after `last`, computed two updates before the end of `last`.

    Args:
        last: the previous message.
        durations: those of the recent updates.
        left: the seconds until the moment; None if only a signal ends the job.
    """
    usual, begin, stop = median(durations), last.end, last.stop
    pace = usual if len(durations) > _FEW else min(durations)
    lasts = _WITHOUT_MOMENT if left is None else max(0.0, left) / _FINENESS
    most = min(_MOST_UPDATES, 2 * last.count) if len(durations) > 1 else _AHEAD
    least = min(_LEAST_UPDATES, most, ceil(1 / max(pace, 1 / _LEAST_UPDATES)))
    count = most if most * pace <= lasts else max(least, floor(lasts / pace))
    if stop is None and left is not None:
        # All updates before `fitting` end before the moment, even if they are slow.
        fitting = begin - _AHEAD + (floor(left / (_SLOWEST * usual)) if usual else _MOST_UPDATES * _FINENESS)
        if left < LEAST_LEFT or fitting < begin + count:
            stop = max(begin, fitting)
    return PaceMessage(begin, count, pace, stop)


@final
class Rank0Pace:
    """The pace that rank 0 measures, which it sends to the other ranks.

    Args:
        messages: those of rank 0.
        ends_at: the moment before which the job ends, of the monotonic clock; None if only a signal ends it.
    """

    def __init__(self, messages: "RankMessages", ends_at: float | None) -> None:
        self._messages, self._ends_at = messages, ends_at
        self._last, self._since, self._read_at = FIRST, now(), 0
        self._durations: deque[float] = deque(maxlen=_RECENT)
        self.due = _UNTIMED  # the update after which the clock is read next
        self.sent: deque[PaceMessage] = deque()  # that this rank has not reached

    def read(self, n: int) -> None:
        """Read the clock after update `n`, and send the next message."""
        at, before, since = now(), self._read_at, self._since
        self._since, self._read_at = at, n
        if n > _UNTIMED:
            self._durations.append((at - since) / (n - before))
            left = None if self._ends_at is None else self._ends_at - at
            self._last = next_message(self._last, self._durations, left)
            self._messages.send(asdict(self._last))
            self.sent.append(self._last)
        self.due = self._last.end - _AHEAD


@final
class SharedPace:
    """The pace of rank 0, which all ranks use. `stop` is the update before which the job ends, once it is known.

    Args:
        messages: those of rank 0.
        clock: the clock of rank 0; None on the other ranks.
    """

    def __init__(self, messages: "RankMessages", clock: Rank0Pace | None) -> None:
        self._messages, self._clock, self.message = messages, clock, FIRST
        self.stop: int | None = None

    def count(self, n: int) -> None:
        """Count the end of update `n` of the job. Rank 0 also reads its clock if that is due.

        Raises:
            StateError: rank 0 announces other updates than the next ones.
        """
        clock, end = self._clock, self.message.end
        if clock is None and n == _SETTLED_AFTER and self._messages.settle():
            self._messages.first()
        if clock is not None and n >= clock.due:
            clock.read(n)
        if n < end:
            return
        self.message = PaceMessage(**self._messages.receive()) if clock is None else clock.sent.popleft()
        self.stop = self.message.stop
        if self.message.begin != end:
            first, begin = self._messages.ranks.first, self.message.begin
            raise StateError(f"rank {first} announces the pace from update {begin} on, expected {end}")
