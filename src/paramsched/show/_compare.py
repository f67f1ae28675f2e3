"""Comparing a plan with a log or with another plan: where they differ, and the sentences about it."""

from collections.abc import Sequence

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.show._curves import Curves, CurvesOnClock, Floats, Key, Log, Times
from paramsched.show._picture import Note
from paramsched.show._time_sets import union_of_times
from paramsched.show._words import short_number, times_in_words, with_thousands

_FARTHEST = 2**40  # beyond this update a log is taken to be wrong


def checked_log(trace: Curves, log: Log) -> dict[Key, tuple[Times, Floats]]:
    """Check the curves of a log and sort each by time; of two entries for the same time the later one counts."""
    known = trace.keys()
    used = {}
    for key, (at, given) in log.items():
        times, values = np.asarray(at), np.asarray(given, dtype=np.float64)
        if key not in known:
            raise InvalidArgument(
                f"log[{key!r}]",
                f"the trace has no such curve; it has {', '.join(map(repr, known))}",
                f"Write log={{{known[0]!r}: (times, values)}}.",
            )
        whole = times.ndim == 1 and times.size > 0 and _are_updates(times)
        if not whole or times.shape != values.shape or int(times.min()) < 0:
            raise InvalidArgument(
                f"log[{key!r}]",
                "every value needs the update that used it, counted from 0; these are times of shape "
                f"{times.shape} and values of shape {values.shape}",
                f"Write log={{{key!r}: ([0, 1, 2], [0.1, 0.05, 0.01])}}.",
            )
        # `unique` keeps the first of equal times. The array is turned round so that it keeps the last: a resumed run
        # logs some updates again.
        ordered, last = np.unique(times[::-1].astype(np.int64), return_index=True)
        used[key] = (ordered, values[::-1][last])
    return used


def _are_updates(times: Times) -> bool:
    """Whether all times are whole numbers, and small enough for a time axis."""
    if times.dtype.kind not in "iuf" or not bool(np.all(np.abs(times) <= _FARTHEST)):
        return False
    return np.array_equal(times, times.astype(np.int64))


def differing_times(planned: Floats, times: Times, values: Floats, *, whole: bool) -> Times:
    """The times at which values are not the planned ones, compared bit for bit; nan equals nan.

    A time after the plan's end differs, for nothing was planned there. With `whole`, a planned update that has no
    value in `times` differs too. Without it, that update is not compared: a log may hold every tenth update only.

    >>> differing_times(np.array([1.0, 2.0, 3.0]), np.array([0, 2]), np.array([1.0, 4.0]), whole=False)
    array([2])
    """
    inside = times < planned.size
    expected, found = planned[times[inside]], values[inside]
    unequal = (expected != found) & ~(np.isnan(expected) & np.isnan(found))
    at = np.concatenate([times[inside][unequal], times[~inside]])
    if not whole:
        return at
    missing = np.ones(planned.size, dtype=bool)
    missing[times[inside]] = False
    return np.union1d(at, np.flatnonzero(missing))


def log_note(differing: Times, compared: int) -> Note:
    """How far a panel's log agrees with the plan."""
    every = with_thousands(compared)
    if differing.size == 0:
        return Note(f"used as planned at {every} of {every} updates")
    many = with_thousands(differing.size)
    text = f"used differs from planned at {many} of {every} updates: {times_in_words(differing)}"
    return Note(text, differs=True)


def other_plan_note(differing: Times, compared: int) -> Note:
    """How far two plans agree in a panel."""
    every = with_thousands(compared)
    if differing.size == 0:
        return Note(f"both plans agree at all {every} updates")
    many = with_thousands(differing.size)
    return Note(f"the plans differ at {many} of {every} updates: {times_in_words(differing)}", differs=True)


def leaving_notes(plan: str, left: Sequence[tuple[int, str]], *, drawn: bool) -> tuple[Note, ...]:
    """Where the curves of a plan leave those of a plan before it.

    Args:
        plan: its name.
        left: for each curve that begins as one before it: the first update with another value, and whose it was.
        drawn: whether any curve has values of its own.
    """
    if not left:
        return ()
    begin, whose = min(left)
    return (Note(f"{plan} leaves {whose} at update {with_thousands(begin)}" if drawn else f"{plan} is as {whose}"),)


def horizon_summary(traces: Sequence[Curves]) -> str:
    """The longest horizon in words: `460 updates · 20 epochs of 23`."""
    trace = max(traces, key=lambda one: one.total)
    parts = [f"{with_thousands(trace.total)} update{'s' if trace.total > 1 else ''}"]
    if trace.steps_per_epoch:
        epochs = short_number(trace.total / trace.steps_per_epoch, 4)
        parts.append(f"{epochs} epoch{'s' if epochs != '1' else ''} of {with_thousands(trace.steps_per_epoch)}")
    if isinstance(trace, CurvesOnClock) and trace.horizon_amount is not None:
        parts.append(f"{with_thousands(trace.horizon_amount)} {trace.clock}")
    if len(traces) > 1:
        parts.insert(0, f"{len(traces)} plans")
    return " · ".join(parts)


def comparison_summary(
    differing: Times, trace: Curves, used: dict[Key, tuple[Times, Floats]], other: Curves | None
) -> str:
    """One sentence over all panels; "" if nothing was compared."""
    if other is not None:
        total = max(trace.total, other.total)
        return f"the plans agree at {with_thousands(total - differing.size)} of {with_thousands(total)} updates"
    if used:
        every = union_of_times(times for times, _ in used.values()).size
        return f"planned = used at {with_thousands(every - differing.size)} of {with_thousands(every)} updates"
    return ""


TIMES_BASE = "× base"
"""What the numbers of a panel are multiples of, where nobody gave a base."""


def base_text(value: float | None, share: str) -> str:
    """From which base a curve is drawn.

    >>> base_text(0.1, "all"), base_text(None, "all"), base_text(None, "some")
    ('base 0.1', '× base: none is given', 'base 1 is assumed, and levels as they stand do not scale with it')
    """
    if share == "none":
        return "values as they stand, whatever the base"
    if value is not None:
        return f"base {short_number(value)}"
    if share == "all":
        return f"{TIMES_BASE}: none is given"
    return "base 1 is assumed, and levels as they stand do not scale with it"
