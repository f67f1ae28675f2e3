"""The end of a job before the end of its plan: at a moment, or at a signal, on all ranks after the same update."""

import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from signal import Signals
from typing import Any, Final, final
from weakref import ref

from paramsched.core.run.messages import WORLD, Processes
from paramsched.core.run.pace import LEAST_LEFT, OwnPace, Rank0Pace, SharedPace, now
from paramsched.core.run.processes import Ranks, note_end_of_store
from paramsched.core.run.rank_messages import PATIENCE, RankMessages
from paramsched.core.run.run import AfterStep, Run, Wrapper
from paramsched.core.run.signals import SignalFlag, require_main_thread, signals_of
from paramsched.core.run.updates import mark_uncompiled, uncompiled
from paramsched.core.time.amounts import moment_of
from paramsched.errors import CallSite, shown

STOP_BEFORE: Final = "stop_before"


@final
class JobEnd:
    """Decides after which update a job ends before its plan does.

    It counts the updates of this process since the construction of the Scheduler, so jumps to other updates have no
    effect, and nothing of it is saved. It does not reference optimizers.

    Args:
        moment: the moment before which the job ends; None if a signal alone ends it.
        signals: the signals that end it.
        processes: the processes that train together.
    """

    def __init__(self, moment: datetime | None, signals: Sequence[Signals], processes: Processes = WORLD) -> None:
        self._left = None if moment is None else moment.timestamp() - time.time()
        self._given, self._processes = signals, processes
        self._ends_at = None if self._left is None else now() + self._left
        self._signals: SignalFlag | None = None
        self._updates = 0
        self._stop: int | None = None  # the number of updates after which the job ends, once it is known
        self._reason: str | None = None
        self._pace: OwnPace | SharedPace | None = None
        self._messages: RankMessages | None = None
        self._vote: SignalVote | None = None
        self._run: Callable[[], Run | None] = lambda: None
        if self._is_over:
            processes.log("the moment of stop_before is over (%s): the run makes one update, and ends", moment)

    @property
    def reason(self) -> str | None:
        """The reason for which the job ends now: `"stop_before"` or the name of a signal; None if it goes on."""
        return None if self._stop is None or self._updates < self._stop else self._reason

    @property
    def takes_signals(self) -> bool:
        """True while the run is driven. After its end a first signal arrives during the last save, and is obeyed."""
        run = self._run()
        return run is not None and not run.clock.released

    def begin(self, run: Run) -> Wrapper:
        """Follow a run that was just bound; return a function that wraps the function of a post-hook."""
        self._run = ref(run)
        if run.drive == "manual":
            run.look = partial(_look_after, run.look, self.after_update)
        if self._given:
            self._signals = SignalFlag(self._given, lambda: self.takes_signals)
            run.handles.append(self._signals)
        self._pace = self._measured()
        mark_uncompiled(JobStep.after_step)
        return lambda advance: JobStep(self, run, advance).after_step

    def _measured(self) -> OwnPace | SharedPace | None:
        """Return the pace of this process, or that of rank 0 for all; None if neither is needed."""
        run, ends_at = self._run(), self._ends_at
        assert run is not None
        messages = RankMessages.of(self._processes, "the end of the job", str(run.in_force.number))
        if messages is None:
            return None if ends_at is None else OwnPace(ends_at)
        self._messages = messages
        if messages.is_sender:
            messages.send([self._is_over])
        self._vote = SignalVote(messages, self._processes.size)
        return SharedPace(messages, Rank0Pace(messages, ends_at) if messages.is_sender else None)

    @property
    def _is_over(self) -> bool:
        """True if the moment was over when the Scheduler was constructed."""
        return self._left is not None and self._left < LEAST_LEFT

    def after_update(self) -> None:
        """Count an update, and decide whether the job ends after it or a later one."""
        self._updates = n = self._updates + 1
        if n == 1:
            self._begin_counting()
        pace = self._pace
        if pace is not None:
            pace.count(n)
            if pace.stop is not None:
                self._end_after(pace.stop, STOP_BEFORE)
        if self._signals is None:
            return
        if self._vote is None:
            if self._signals.name is not None:
                self._end_after(n, self._signals.name)
        elif isinstance(pace, SharedPace):
            found = self._vote.result(n, pace.message.next_look(n), self._signals.name)
            if found is not None:
                self._end_after(*found)

    def _begin_counting(self) -> None:
        """Read the decision of rank 0 at the first update; use its pace if the process group was initialized late."""
        if self._messages is None and self._processes.several:
            self._pace = self._measured()
        over = self._is_over
        if self._messages is not None and not self._messages.is_sender:
            (over,) = self._messages.first()
        if over:
            self._end_after(1, STOP_BEFORE)

    def _end_after(self, updates: int, reason: str) -> None:
        """End after a number of updates, unless the job ends before; a moment precedes a signal."""
        if self._stop is None or updates < self._stop or (updates == self._stop and reason == STOP_BEFORE):
            self._stop, self._reason = updates, reason


def job_end_of(stop_before: Any, stop_on: Any, processes: Processes) -> JobEnd:
    """Return the end of a job from the arguments of a Scheduler; `processes` train together.

    Raises:
        InvalidArgument: an argument is invalid.
        StateError: there are signals, and this is not the main thread.
    """
    moment = None
    if stop_before is not None:
        site = CallSite("Scheduler", "stop_before", shown(stop_before))
        moment = moment_of(stop_before, time.time(), os.environ, site)
    signals = () if stop_on is None else signals_of(stop_on)
    if signals:
        require_main_thread(signals)
    return JobEnd(moment, signals, processes)


def _look_after(before: Callable[[], object] | None, look: Callable[[], object]) -> None:
    if before is not None:
        before()
    look()


@final
class JobStep:
    """The end of a step of an optimizer whose job may end before its plan.

    Args:
        end: the end of the job.
        run: the run of the optimizer.
        advance: counts the step.
    """

    __slots__ = ("_advance", "_after_update", "_clock", "_end")

    def __init__(self, end: JobEnd, run: Run, advance: AfterStep) -> None:
        self._end, self._clock, self._advance = end, run.clock, advance
        # Wrapped now, because the first call of `uncompiled` in a compiled step would compile a graph.
        self._after_update = uncompiled(JobEnd.after_update)

    def after_step(self, optimizer: Any) -> None:
        """Count the step, then the update of the run, if this step has started or made one."""
        clock, advance = self._clock, self._advance
        before = clock.t
        advance(optimizer)
        if clock.t != before:
            after_update = self._after_update
            after_update(self._end)


@final
class SignalVote:
    """The agreement of all ranks about the update after which a signal ends their job, without a collective operation.

    All ranks look at the store after the same updates. The first rank that has received a signal writes the next of
    these updates, and each rank that sees it adds the first one after which it can end. The job ends after the largest
    one. A rank goes on until the update that it has written, and waits there: until then, other ranks may need it in a
    collective operation. So no rank waits for one that waits for it.

    Args:
        messages: those of rank 0 about the end of the job, whose keys the ranks share.
        size: the number of ranks.
    """

    def __init__(self, messages: RankMessages, size: int) -> None:
        self._messages, self._size = messages, size
        self._waits_after: int | None = None
        self._has_ended = False

    def result(self, n: int, following: int | None, own: str | None) -> tuple[int, str] | None:
        """Take part after `n` updates; return the number of updates after which the job ends, and the signal.

        Args:
            n: the number of updates so far.
            following: the number after which all ranks look next; None if they do not look now.
            own: the signal that this process has received.
        """
        if self._has_ended:
            return None
        try:
            return self._result(n, following, own, self._messages.ranks)
        except RuntimeError:
            if self._messages.ranks.has_store():
                raise
            note_end_of_store()
            return None if own is None else (n, own)

    def _result(self, n: int, following: int | None, own: str | None, ranks: Ranks) -> tuple[int, str] | None:
        store, key = ranks.store, self._messages.key
        if self._waits_after is None and following is not None:
            latest = store.get(key("latest")).decode() if store.check([key("latest")]) else ""
            if not latest and own is None:
                return None
            if own is not None:
                store.compare_set(key("signal"), "", own)
            # One that was written for this update or an earlier one is that of a rank which waits there.
            self._waits_after = n if latest and int(latest) <= n else following
            self._write(store, latest, self._waits_after)
        if self._waits_after is None or n < self._waits_after:
            return None
        try:
            store.wait([key("end")], PATIENCE)
        except RuntimeError:  # a rank has ended, or is stopped; or the store has ended, and raises again
            store.compare_set(key("end"), "", store.get(key("latest")).decode())
        self._has_ended = True
        return max(n, int(store.get(key("end")))), store.get(key("signal")).decode()

    def _write(self, store: Any, latest: str, mine: int) -> None:
        """Write the update after which this rank can end, and count it; the last rank writes the end."""
        key = self._messages.key
        while not latest or int(latest) < mine:
            latest = store.compare_set(key("latest"), latest, str(mine)).decode()
        if store.add(key("ranks"), 1) == self._size:
            store.compare_set(key("end"), "", store.get(key("latest")).decode())
