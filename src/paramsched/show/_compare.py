"""Comparing a plan with a log or with another plan: where they differ, and the sentences about it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.show._curves import Curves, CurvesOnClock, Floats, Key, Log, Times
from paramsched.show._logged_run import checked_points
from paramsched.show._picture import Note
from paramsched.show._time_sets import union_of_times
from paramsched.show._words import short_number, times_in_words, with_thousands

UsedValues: TypeAlias = dict[Key, tuple[Times, Floats]]
"""What a run used for the curves of a plan, in order of time."""


def checked_log(trace: Curves, log: Log) -> UsedValues:
    """Check the curves of a log and sort each by time; of two entries for the same time the later one counts."""
    known = trace.keys()
    used = {}
    for key, (at, given) in log.items():
        if key not in known:
            raise InvalidArgument(
                f"log[{key!r}]",
                f"the trace has no such curve; it has {', '.join(map(repr, known))}",
                f"Write log={{{known[0]!r}: (times, values)}}.",
            )
        used[key] = checked_points(f"log[{key!r}]", at, given)
    return used


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


def log_note(differing: Times, compared: int, run: str) -> Note:
    """How far a run agrees with the plan in a panel; it has a name where there are several."""
    every, whose = with_thousands(compared), f"{run}: " if run else ""
    if differing.size == 0:
        return Note(f"{whose}used as planned at {every} of {every} updates")
    many = with_thousands(differing.size)
    text = f"{whose}used differs from planned at {many} of {every} updates: {times_in_words(differing)}"
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


def runs_verdicts(trace: Curves, used: Mapping[str, UsedValues]) -> Iterator[Note]:
    """How far each run that used values of a plan agrees with it, over all panels."""
    for name, values in used.items():
        if values:
            every = union_of_times(times for times, _ in values.values()).size
            differing = union_of_times(
                differing_times(trace[key], *points, whole=False) for key, points in values.items()
            ).size
            agreeing = f"planned = used at {with_thousands(every - differing)} of {with_thousands(every)} updates"
            yield Note(f"{name}: {agreeing}" if len(used) > 1 else agreeing, differs=differing > 0)


def plans_verdict(differing: Times, trace: Curves, other: Curves) -> Note:
    """How far two plans agree, over all panels."""
    total = max(trace.total, other.total)
    agreeing = f"the plans agree at {with_thousands(total - differing.size)} of {with_thousands(total)} updates"
    return Note(agreeing, differs=differing.size > 0)


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
