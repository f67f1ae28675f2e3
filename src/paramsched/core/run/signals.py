"""The signals that end a job: handlers that set a flag, and give way to those before them."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Final, final

from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.errors import InvalidArgument, StateError, shown

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
