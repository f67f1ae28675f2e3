"""Comparing a plan with logs, runs or other plans, and the sentences about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike

from paramsched.base.arrays import equal_up_to_rounding, last_of_each
from paramsched.errors import InvalidArgument
from paramsched.show._curves import Curves, CurvesOnClock, Floats, Group, Key, Log, Times, union_of_times
from paramsched.show._picture import Note
from paramsched.show._words import short_number, times_in_words, with_thousands

UsedValues: TypeAlias = dict[Key, tuple[Times, Floats]]


def checked_log(trace: Curves, log: Log) -> UsedValues:
    """The curves of a log, checked, each sorted by time."""
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


def differing_times(planned: Floats, times: Times, values: Floats, *, whole: bool, tolerance: float = 0.0) -> Times:
    """The times at which values are not the planned ones, compared up to rounding, or bit for bit; nan equals nan.

    A time after the plan's end differs, for nothing was planned there. With `whole`, a planned update that has no
    value in `times` differs too. Without it, that update is not compared: a log may hold every tenth update only.

    >>> differing_times(np.array([1.0, 2.0, 3.0]), np.array([0, 2]), np.array([1.0, 4.0]), whole=False)
    array([2])
    """
    inside = times < planned.size
    expected, found = planned[times[inside]], values[inside]
    unequal = ~equal_up_to_rounding(found, expected, tolerance)
    at = np.concatenate([times[inside][unequal], times[~inside]])
    if not whole:
        return at
    missing = np.ones(planned.size, dtype=bool)
    missing[times[inside]] = False
    return np.union1d(at, np.flatnonzero(missing))


def log_note(differing: Times, compared: int, run: str, *, rounded: bool = False) -> Note:
    """How far a run agrees with the plan in a panel.

    Args:
        rounded: whether some values agree up to rounding only.
    """
    every, whose = with_thousands(compared), f"{run}: " if run else ""
    if differing.size == 0:
        return Note(f"{whose}used as planned at {every} of {every} updates{_UP_TO_ROUNDING if rounded else ''}")
    many = with_thousands(differing.size)
    text = f"{whose}used differs from planned at {many} of {every} updates: {times_in_words(differing)}"
    return Note(text, differs=True)


_UP_TO_ROUNDING = ", up to rounding"


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
        left: for each curve that begins as one before it: the first update with another value, and whose it was.
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


def runs_verdicts(trace: Curves, used: Mapping[str, UsedValues], tolerances: Mapping[str, float]) -> Iterator[Note]:
    """How far each run agrees with the plan, over all panels."""
    for name, values in used.items():
        if values:
            every = union_of_times(times for times, _ in values.values()).size
            differing, in_bits = (
                union_of_times(
                    differing_times(trace[key], *points, whole=False, tolerance=tolerance)
                    for key, points in values.items()
                ).size
                for tolerance in (tolerances[name], 0.0)
            )
            agreeing = f"planned = used at {with_thousands(every - differing)} of {with_thousands(every)} updates"
            agreeing += _UP_TO_ROUNDING if differing < in_bits else ""
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


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlansTogether:
    """The curves of several plans over one time axis, each by its plan's name; made by `together`.

    Drawn by `picture`, each plan has its own color. To a format that reads its curves by itself they are curves like
    any: the group is the plan's name (and group), and behind the end of a plan its values are nan.

    Args:
        plans: names, and what is drawn of each; the first is the one that the others leave.
    """

    plans: tuple[tuple[str, Curves], ...]

    @property
    def total(self) -> int:
        return max(trace.total for _, trace in self.plans)

    @property
    def steps_per_epoch(self) -> int | None:
        return next((trace.steps_per_epoch for _, trace in self.plans if trace.steps_per_epoch), None)

    def keys(self) -> tuple[Key, ...]:
        return tuple(self._owners())

    def __getitem__(self, key: Key) -> Floats:
        trace, own = self._owners()[key]
        values = np.asarray(trace[own], dtype=np.float64)
        return np.concatenate([values, np.full(self.total - values.size, np.nan)])

    def breakpoints(self, field: str, group: Group) -> tuple[int, ...]:
        trace, own = self._owners()[field, group]
        return trace.breakpoints(*own)

    def line(self, field: str, group: Group) -> str:
        trace, own = self._owners()[field, group]
        return trace.line(*own)

    def _owners(self) -> dict[Key, tuple[Curves, Key]]:
        """The plan of each curve, and its field and group there."""
        return {
            (field, f"{name} {group}" if sum(key[0] == field for key in trace.keys()) > 1 else name): (
                trace,
                (field, group),
            )
            for name, trace in self.plans
            for field, group in trace.keys()
        }


def together(plans: Mapping[str, Curves]) -> PlansTogether:
    """Draw several plans in one picture: `show.svg(show.together({"trunk": trunk, "cooldown": cooldown}))`.

    The time axis is as long as the longest. A plan that begins as one before it is drawn from where it leaves that
    one, so a run and its branches look like a tree; one that is wholly the same is only named.

    Args:
        plans: what to draw, by the names of the legend, in the order in which they are drawn.

    Raises:
        InvalidArgument: there is no plan.

    >>> from paramsched.show import curves_from_values, text
    >>> trunk = curves_from_values({("lr", ""): [1, 1, 1, 1, 1, 1, 1, 1]})
    >>> branch = curves_from_values({("lr", ""): [1, 1, 1, 1, 0.5, 0]})
    >>> print(text(together({"trunk": trunk, "branch": branch}), width=34, height=3, ascii=True))
    lr
        1.00 |*********+++************
        0.50 |            +++
           0 |               +++
             ++--------------+--^----+
              * trunk   1
              + branch   1 -> 0
              ^ breakpoint 6
              branch leaves trunk at
              update 4
     updates  0              5       8
    """
    if not plans:
        raise InvalidArgument("together({})", "there is no plan", 'Write together({"trunk": ps.trace(plan, …)})')
    return PlansTogether(tuple(plans.items()))


def first_own_update(values: Floats, others: tuple[Floats, ...]) -> tuple[int, int]:
    """Where a curve leaves those before it: the first update with a value of its own, and which it left.

    >>> first_own_update(np.array([1.0, 1.0, 0.0]), (np.array([2.0]), np.array([1.0, 1.0, 1.0, 1.0])))
    (2, 1)
    """
    begin, left = 0, 0
    for index, other in enumerate(others):
        shared = min(values.size, other.size)
        unequal = values[:shared] != other[:shared]
        unequal &= ~(np.isnan(values[:shared]) & np.isnan(other[:shared]))
        same = int(np.argmax(unequal)) if unequal.any() else shared
        if same > begin:
            begin, left = same, index
    return begin, left


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
        tolerance: by how much of the planned value a used one may differ and count as planned; 0 compares bits.

    >>> run = LoggedRun("first", {("lr", 0): ([0, 1], [0.1, 0.05])}, {"loss": ([0, 1], [2.3, 1.9])})
    >>> sorted(run.measured)
    ['loss']
    """

    name: str = "used"
    used: Log = field(default_factory=dict)
    measured: Measured = field(default_factory=dict)
    together: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tolerance: float = 0.0


RunsOrLog: TypeAlias = Log | LoggedRun | Sequence[LoggedRun] | None
"""What is drawn over a plan: the values that one run used, or runs, with their metrics below."""


def runs_of(log: RunsOrLog) -> tuple[LoggedRun, ...]:
    """The runs to be drawn."""
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
    """Points of a log, checked and sorted by time; of two for the same time the later one counts."""
    times, values = np.asarray(at), np.asarray(given, dtype=np.float64)
    whole = times.ndim == 1 and times.size > 0 and _are_updates(times)
    if not whole or times.shape != values.shape or int(times.min()) < 0:
        raise InvalidArgument(
            asked,
            "every value needs the update that used it, counted from 0; these are times of shape "
            f"{times.shape} and values of shape {values.shape}",
            "Write ([0, 1, 2], [0.1, 0.05, 0.01])",
        )
    return last_of_each(times.astype(np.int64), values)


def _are_updates(times: Times) -> bool:
    if times.dtype.kind not in "iuf" or not bool(np.all(np.abs(times) <= _FARTHEST)):
        return False
    return np.array_equal(times, times.astype(np.int64))
