"""What a run left, to be drawn with its plan: the values that it used, and its metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike

from paramsched.errors import InvalidArgument
from paramsched.show._curves import Floats, Log, Times

Measured: TypeAlias = Mapping[str, tuple[ArrayLike, ArrayLike]]
"""For each metric the updates it was measured at, and what it was."""

_FARTHEST = 2**40  # beyond this update a log is taken to be wrong


@final
@dataclass(frozen=True, slots=True, eq=False)
class LoggedRun:
    """A run to be drawn over its plan.

    Args:
        name: in the legend, where a picture has several runs.
        used: the values that it used: for each field and group the updates, and the values at these.
        measured: its metrics: for each the updates, and the values; drawn in panels of their own.
        together: metrics that share a panel, by its heading; every other one has its own.

    >>> run = LoggedRun("first", {("lr", 0): ([0, 1], [0.1, 0.05])}, {"loss": ([0, 1], [2.3, 1.9])})
    >>> sorted(run.measured)
    ['loss']
    """

    name: str = "used"
    used: Log = field(default_factory=dict)
    measured: Measured = field(default_factory=dict)
    together: Mapping[str, Sequence[str]] = field(default_factory=dict)


RunsOrLog: TypeAlias = Log | LoggedRun | Sequence[LoggedRun] | None
"""What is drawn over a plan: the values that one run used, or runs, with their metrics below."""


def runs_of(log: RunsOrLog) -> tuple[LoggedRun, ...]:
    """The runs to be drawn.

    Raises:
        InvalidArgument: two of one name.
    """
    if log is None:
        return ()
    if isinstance(log, LoggedRun):
        return (log,)
    runs = (LoggedRun(used=log),) if isinstance(log, Mapping) else tuple(log)
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise InvalidArgument(f"log={names}", "two runs have one name", 'Write LoggedRun("another", …)')
    return runs


def checked_points(asked: str, at: ArrayLike, given: ArrayLike) -> tuple[Times, Floats]:
    """Points of a log, sorted by time; of two for the same time the later one in the log counts.

    Raises:
        InvalidArgument: not as many updates as values, or what is no update.
    """
    times, values = np.asarray(at), np.asarray(given, dtype=np.float64)
    whole = times.ndim == 1 and times.size > 0 and _are_updates(times)
    if not whole or times.shape != values.shape or int(times.min()) < 0:
        raise InvalidArgument(
            asked,
            "every value needs the update that used it, counted from 0; these are times of shape "
            f"{times.shape} and values of shape {values.shape}",
            "Write ([0, 1, 2], [0.1, 0.05, 0.01])",
        )
    # `unique` keeps the first of equal times. The array is turned round so that it keeps the last: a resumed run
    # logs some updates again.
    ordered, last = np.unique(times[::-1].astype(np.int64), return_index=True)
    return ordered, values[::-1][last]


def _are_updates(times: Times) -> bool:
    """Whether all times are whole numbers, and small enough for a time axis."""
    if times.dtype.kind not in "iuf" or not bool(np.all(np.abs(times) <= _FARTHEST)):
        return False
    return np.array_equal(times, times.astype(np.int64))
