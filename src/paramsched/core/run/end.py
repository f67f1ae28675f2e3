"""The end of a job before that of its plan: a moment, or a signal."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from signal import Signals
from types import FrameType
from typing import Any, Final, final
from weakref import ref

from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.run.pace import LEAST_LEFT, OwnPace, Rank0Pace, SharedPace, now
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.ranks import PATIENCE, RankMessages, Ranks, note_end_of_store
from paramsched.core.run.run import AfterStep, Run, Wrapper
from paramsched.core.run.steps import mark_uncompiled, uncompiled
from paramsched.core.time.amounts import moment_of
from paramsched.errors import CallSite, InvalidArgument, StateError, shown

_REPEATED: Final = 10.0  # seconds after a signal in which the same one counts as one
_NOT_CAUGHT: Final = ("SIGKILL", "SIGSTOP")


def signals_of(given: Any) -> tuple[signal.Signals, ...]:
    """Validate the argument `stop_on`: the name of a signal, a `signal.Signals`, or several of these.

    Raises:
        InvalidArgument: a signal is unknown, or no process can handle it.

    >>> signals_of(("SIGTERM", signal.SIGINT))
    (<Signals.SIGTERM: 15>, <Signals.SIGINT: 2>)
    """
    is_one = isinstance(given, (str, signal.Signals)) or not isinstance(given, Sequence)
    listed = [given] if is_one else list(given)
    if not listed:
        raise InvalidArgument(
            "Scheduler(…, stop_on=())", "expected at least one signal", 'For example: stop_on="SIGTERM"'
        )
    return tuple(dict.fromkeys(map(_signal_of, listed)))


def _signal_of(given: Any) -> signal.Signals:
    site = f"Scheduler(…, stop_on={shown(given)})"
    names = [one.name for one in signal.Signals]
    if isinstance(given, signal.Signals):
        given = given.name
    if given not in names:
        name = str(given).upper()
        near = next((one for one in (name, f"SIG{name}") if one in names), closest(name, names)) or "SIGTERM"
        found = f"unknown signal; {did_you_mean(name, names)}" if isinstance(given, str) else "expected a signal"
        raise InvalidArgument(site, found, f'Write stop_on="{near}"')
    if given in _NOT_CAUGHT:
        raise InvalidArgument(site, "the system does not let a process handle it", 'For example: stop_on="SIGTERM"')
    return signal.Signals[given]


def require_main_thread(signals: Sequence[signal.Signals]) -> None:
    """Raise StateError if this is not the main thread, the only one in which Python handles signals."""
    if threading.current_thread() is not threading.main_thread():
        names = ", ".join(one.name for one in signals)
        raise StateError(
            f"Scheduler(…, stop_on=…): this is not the main thread, and Python handles signals ({names}) only there. "
            "Construct the Scheduler in the main thread"
        )


@final
class SignalFlag:
    """The first signal of a process that ends a job, set by handlers.

    Args:
        signals: the signals.
        is_active: returns False if the run is no longer driven.
    """

    def __init__(self, signals: Sequence[signal.Signals], is_active: Callable[[], bool]) -> None:
        self.name: str | None = None  # of the first signal
        self.is_active = is_active
        self._handlers = [Handler(one, self) for one in signals]

    def remove(self) -> None:
        """Put the earlier handlers back."""
        for one in self._handlers:
            one.remove()


@final
class Handler:
    """Handles one signal for one Scheduler, and for those whose handlers it has replaced.

    Args:
        signum: the signal.
        flag: the flag that it sets.
    """

    _earlier: Any

    def __init__(self, signum: signal.Signals, flag: SignalFlag) -> None:
        self._signum, self._flag, self._process = signum, flag, os.getpid()
        self._first: float | None = None  # the time of the first signal
        self._is_removed = False
        self._earlier = signal.signal(signum, self)

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        now, earlier = time.monotonic(), self._not_ours()
        taking = [one for one in self._chain() if one._takes()]
        first = [one for one in taking if one._first is None]
        for one in first:
            one._first = now
            one._flag.name = one._flag.name or self._signum.name
        if first:
            if callable(earlier) and earlier is not signal.default_int_handler:
                earlier(self._signum, frame)
        elif not any(one._first is not None and now - one._first <= _REPEATED for one in taking):
            self._pass_on(earlier, frame)

    def _takes(self) -> bool:
        """Return whether the signal is for the run: a forked process is not part of it."""
        return not self._is_removed and os.getpid() == self._process and self._flag.is_active()

    def _chain(self) -> list["Handler"]:
        """Return this handler, and those of other Schedulers that it has replaced."""
        earlier = self._earlier
        return [self, *(earlier._chain() if isinstance(earlier, Handler) else [])]

    def _not_ours(self) -> Any:
        """Return the handler of other code below those of all Schedulers."""
        return self._chain()[-1]._earlier

    def _pass_on(self, earlier: Any, frame: FrameType | None) -> None:
        """Do what would happen without the handlers of Schedulers."""
        if callable(earlier):
            earlier(self._signum, frame)
        elif earlier != signal.SIG_IGN:
            now = signal.signal(self._signum, signal.SIG_DFL)
            os.kill(os.getpid(), self._signum)
            signal.signal(self._signum, now)  # reached if the default is to ignore it

    def remove(self) -> None:
        """Put the earlier handler back; below a handler that was set later, it has no effect from now on."""
        self._is_removed = True
        current: Any = signal.getsignal(self._signum)
        if threading.current_thread() is not threading.main_thread() or current is not self:
            return
        kept = next((one for one in self._chain() if not one._is_removed), None)
        earlier = self._not_ours() if kept is None else kept
        signal.signal(self._signum, signal.SIG_DFL if earlier is None else earlier)


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
