"""The curves of a plan in a picture."""

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, final, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paramsched.base.words import text_on_screen
from paramsched.core.groups.fields import Field, numeric
from paramsched.core.plan import (
    Binding,
    Plan,
    Target,
    Trace,
    groups_of,
    lengths_of_line,
    resolve,
    trace,
    unique_labels,
    units_of_plan,
)
from paramsched.core.schedules import Schedule
from paramsched.core.time import SIZES, Duration, RunFacts
from paramsched.errors import InvalidArgument, MissingFact

GroupLabel: TypeAlias = str | int
"""The name of a group, or its index if it has no name; "" for a target outside the optimizer."""

Key: TypeAlias = tuple[str, GroupLabel]
"""The key of a curve: a field and a group."""

Log: TypeAlias = Mapping[Key, tuple[ArrayLike, ArrayLike]]
"""The values that a run used: for each curve the updates and the values at these updates."""

_MOST_RESUMES: Final = 8

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]


@runtime_checkable
class Curves(Protocol):
    """Curves over updates: a `Trace`, a log, or a simulated scheduler.

    Renderers use only these six members, so any object with them can be drawn.
    """

    @property
    def total(self) -> int:
        """The total in updates; curves have a value for each t = 0, …, total - 1."""

    @property
    def steps_per_epoch(self) -> int | None:
        """Updates per epoch, for the second row of the time axis; None if the axis has no second row."""

    def keys(self) -> tuple[Key, ...]:
        """Return the field and group of every curve, in drawing order."""

    def __getitem__(self, key: Key, /) -> Floats:
        """Return the values of a curve, one per update."""

    def breakpoints(self, field: str, group: GroupLabel, /) -> tuple[float, ...]:
        """Return the updates at which the formula of a curve changes."""

    def line(self, field: str, group: GroupLabel, /) -> str:
        """Return the schedule of a curve as one line of text; "" if it is unknown."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RecordedCurves:
    """Curves with values but without formulas, built by `curves_from_values` and `simulate`."""

    values: Mapping[Key, Floats]
    total: int
    steps_per_epoch: int | None
    lines: Mapping[Key, str]

    def __repr__(self) -> str:
        with np.printoptions(threshold=6, edgeitems=3):
            texts = [f"{key}: {value}" for key, value in self.values.items()]
        return text_on_screen(f"<RecordedCurves of {self.total} updates; {', '.join(texts)}>")

    def keys(self) -> tuple[Key, ...]:
        return tuple(self.values)

    def __getitem__(self, key: Key) -> Floats:
        return self.values[key]

    def breakpoints(self, field: str, group: GroupLabel) -> tuple[int, ...]:
        del field, group  # the formula of recorded values is unknown
        return (0, self.total)

    def line(self, field: str, group: GroupLabel) -> str:
        return self.lines.get((field, group), "")


def curves_from_values(
    values: Mapping[Key, ArrayLike],
    *,
    steps_per_epoch: int | None = None,
    lines: Mapping[Key, str] | None = None,
) -> RecordedCurves:
    """Build curves from recorded values: a log, or your own numbers.

    Args:
        values: for each (field, group) one value per update; all of the same length.
        steps_per_epoch: updates per epoch, for the time axis; None for no epochs.
        lines: a description of each curve, shown in its panel.

    Raises:
        InvalidArgument: if there are no values, or the curves differ in length.

    >>> values, lines = {("lr", 0): [0.1, 0.1, 0.01]}, {("lr", 0): "StepLR(2)"}
    >>> curves = curves_from_values(values, lines=lines)
    >>> curves.total, curves.line("lr", 0)
    (3, 'StepLR(2)')
    """
    arrays = {key: np.array(value, dtype=np.float64).ravel() for key, value in values.items()}
    lengths = sorted({array.size for array in arrays.values()})
    if len(lengths) != 1 or lengths[0] == 0:
        raise InvalidArgument(
            f"curves_from_values({list(arrays)})",
            f"every curve needs one value for each update; their lengths are {lengths}",
            'For example: curves_from_values({("lr", 0): [0.1, 0.05], ("momentum", 0): [0.9, 0.9]}).',
        )
    return RecordedCurves(arrays, lengths[0], steps_per_epoch, dict(lines or {}))


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlansTogether:
    """The curves of several plans over one time axis, by the name of the plan; built by `together`.

    `picture` draws each plan in its own color. For picture formats that read the curves directly, the name of the plan
    is the group (with the name of the group, if the plan has several), and values after the end of the plan are NaN.

    Args:
        plans: pairs of a name and the curves of a plan.
        branches: whether a plan is drawn from the update where it differs from those before it, and not whole.
    """

    plans: tuple[tuple[str, Curves], ...]
    branches: bool = False

    @property
    def total(self) -> int:
        return max(trace.total for _, trace in self.plans)

    @property
    def steps_per_epoch(self) -> int | None:
        return next((trace.steps_per_epoch for _, trace in self.plans if trace.steps_per_epoch), None)

    def keys(self) -> tuple[Key, ...]:
        return tuple(self._owners())

    def __getitem__(self, key: Key) -> Floats:
        trace, its_key = self._owners()[key]
        values = np.asarray(trace[its_key], dtype=np.float64)
        return np.concatenate([values, np.full(self.total - values.size, np.nan)])

    def breakpoints(self, field: str, group: GroupLabel) -> tuple[float, ...]:
        trace, its_key = self._owners()[field, group]
        return trace.breakpoints(*its_key)

    def line(self, field: str, group: GroupLabel) -> str:
        trace, its_key = self._owners()[field, group]
        return trace.line(*its_key)

    def _owners(self) -> dict[Key, tuple[Curves, Key]]:
        """Return a dict from the key of each curve to its plan and its key in that plan."""
        return {
            (field, f"{name} {group}" if sum(key[0] == field for key in trace.keys()) > 1 else name): (
                trace,
                (field, group),
            )
            for name, trace in self.plans
            for field, group in trace.keys()
        }


def together(plans: Mapping[str, Curves], *, branches: bool = False) -> PlansTogether:
    """Combine several plans in one picture: `show.svg(show.together({"trunk": trunk, "cooldown": cooldown}))`.

    The time axis has the length of the longest plan.

    Args:
        plans: the curves of each plan by its name in the legend, in drawing order.
        branches: True draws a plan that starts like an earlier one from the update where the two differ, so a run and
            its branches look like a tree. An identical plan appears only in the notes. Default: whole curves.

    Raises:
        InvalidArgument: if there is no plan.

    >>> from paramsched.show import curves_from_values, text, together
    >>> trunk = curves_from_values({("lr", ""): [1, 1, 1, 1, 1, 1, 1, 1]})
    >>> branch = curves_from_values({("lr", ""): [1, 1, 1, 1, 0.5, 0]})
    >>> both = together({"trunk": trunk, "branch": branch}, branches=True)
    >>> print(text(both, width=34, height=3, ascii=True))
    lr
        1.00 |*********+++************
        0.50 |            +++
           0 |               +++
             ++--------------+--^----+
              * trunk   1
              + branch   1 -> 0
              ^ breakpoint 6
              branch diverges from
              trunk at update 4
     updates  0              5       8
    """
    if not plans:
        raise InvalidArgument("together({})", "there is no plan", 'For example: together({"trunk": ps.trace(plan, …)})')
    return PlansTogether(tuple(plans.items()), branches)


Measured: TypeAlias = Mapping[str, tuple[ArrayLike, ArrayLike]]
"""The metrics of a run: a dict from the name of a metric to the updates at which it was measured and its values."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class LoggedRun:
    """A run to draw over its plan.

    Args:
        name: name in the legend, if a picture has several runs.
        used: the used values: for each field and group the updates and the values at these updates.
        measured: for each metric the updates at which it was measured and its values, drawn in separate panels.
        together: metrics that share a panel, by the heading of the panel; any other metric has its own panel.
        tolerance: the largest relative difference at which a used value still agrees with the plan; 0 compares bit by
            bit.

    >>> used = {("lr", 0): ([0, 1], [0.1, 0.05])}
    >>> run = LoggedRun("first", used, {"loss": ([0, 1], [2.3, 1.9])})
    >>> sorted(run.measured)
    ['loss']
    """

    name: str = "used"
    used: Log = field(default_factory=dict)
    measured: Measured = field(default_factory=dict)
    together: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tolerance: float = 0.0


RunsOrLog: TypeAlias = Log | LoggedRun | Sequence[LoggedRun] | None
"""The values that one run used, or runs with their metrics, to draw over a plan."""


def resumes_in(columns: Iterable[ArrayLike]) -> str:
    """Return a text with the updates to which the rows of a log go back, as those of a resumed run do; "" without one.

    Args:
        columns: for each column the updates, in the order of the rows.

    >>> resumes_in([[0, 1, 2, 1, 2], [0, 1, 2, 3]])
    'at update 1, where the log goes back'
    """
    times = [np.asarray(column) for column in columns]
    after = [int(time) for column in times for time in column[1:][np.diff(column) < 0]]
    if not after:
        return ""
    updates = ", ".join(f"{time:,}" for time in sorted({*after})[:_MOST_RESUMES])
    more = ", …" if len({*after}) > _MOST_RESUMES else ""
    return f"at update {updates}{more}, where the log goes back"


def runs_of(log: RunsOrLog) -> tuple[LoggedRun, ...]:
    """Return the runs to draw."""
    if log is None:
        return ()
    if isinstance(log, LoggedRun):
        return (log,)
    runs = (LoggedRun(used=log),) if isinstance(log, Mapping) else tuple(log)
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise InvalidArgument(f"log={names}", "two runs have the same name", 'For example: LoggedRun("another", …)')
    return runs


# Reduction to fewer points without losing an extreme. Sampling could hide a value that only one update used, so every
# column of a picture keeps the minimum and the maximum of its updates.


class Envelope(NamedTuple):
    """The lowest and highest value of a curve in each column of a picture; NaN in a column without values."""

    low: Floats
    high: Floats


def _column_bounds(times: Times, edges: Times) -> tuple[Times, Times]:
    """Return the start and stop of each column of a picture, as indices into `times`.

    If there are fewer updates than columns, each column shows the update that covers it.
    """
    stop = np.searchsorted(times, np.maximum(edges[1:], edges[:-1] + 1))
    stop[-1] = times.size  # measurements at the end of the run belong to the last column
    return np.searchsorted(times, edges[:-1]), stop


def envelope(times: Times, values: Floats, edges: Times) -> Envelope:
    """Reduce a curve to the lowest and highest value in each column of a picture.

    Args:
        times: the updates of the curve, in order.
        values: the values at these updates.
        edges: the updates at which columns start, and the end of the last column.

    >>> flat = np.zeros(1_000_000)
    >>> flat[123_456] = 1.0
    >>> low, high = envelope(np.arange(1_000_000), flat, np.arange(0, 1_000_001, 100_000))
    >>> high
    array([0., 1., 0., 0., 0., 0., 0., 0., 0., 0.])
    """
    begin, stop = _column_bounds(times, edges)
    empty = begin >= stop
    # Pairs (start, stop) for reduceat; one additional element allows a stop equal to the length.
    pairs = np.stack([begin, stop], axis=1).ravel()
    padded = np.append(values, np.nan)
    low = np.where(empty, np.nan, np.fmin.reduceat(padded, pairs)[::2])
    high = np.where(empty, np.nan, np.fmax.reduceat(padded, pairs)[::2])
    return Envelope(low, high)


def outline(times: Times, values: Floats, edges: Times, keep: tuple[int, ...] = ()) -> NDArray[np.intp]:
    """Return the indices of the points that draw a curve exactly in the columns between `edges`.

    These are the first, last, lowest and highest point in each column of a picture (the M4 reduction: Jugel et al.
    2014), and the points on both sides of every time in `keep`. A curve with few points keeps all of them, except those
    between two equal neighbors.

    >>> flat = np.zeros(1000)
    >>> flat[400] = 1.0
    >>> outline(np.arange(1000), flat, np.array([0, 500, 1000]))
    array([  0, 399, 400, 401, 999])
    """
    if values.size <= 4 * (edges.size - 1):
        return _corners(values)
    begin, stop = _column_bounds(times, edges)
    filled = begin < stop
    begin = begin[filled]
    stop = stop[filled]
    first = values[begin]
    last = values[stop - 1]
    low, high = (side[filled] for side in envelope(times, values, edges))
    chosen = [begin, stop - 1]
    finite = values[np.isfinite(values)]
    # NumPy's NaN-aware functions take ten times as long, and a page has 20,000 columns.
    smallest, largest = (np.argmin, np.argmax) if finite.size == values.size else (np.nanargmin, np.nanargmax)
    # Only columns whose minimum or maximum is inside them need a search; a smooth curve has few of these columns.
    least = np.fmin(first, last)
    most = np.fmax(first, last)
    for column in np.flatnonzero((low < least) | (high > most) | (np.isnan(least) & ~np.isnan(low))):
        inside = values[begin[column] : stop[column]]
        for index in (int(smallest(inside)), int(largest(inside))):
            # Keep its neighbors, so that a spike of one update is one update wide.
            chosen.append(begin[column] + np.arange(max(index - 1, 0), min(index + 2, inside.size)))
    # Keep both sides of a jump, so that it remains steep when zoomed in.
    with np.errstate(invalid="ignore", over="ignore"):
        wide = high - low > (0.01 * np.ptp(finite) if finite.size else 0.0)
        for column in np.flatnonzero(wide):
            jumps = np.abs(np.diff(values[begin[column] : stop[column] + 1]))
            if finite.size == values.size or not np.isnan(jumps).all():
                chosen.append(begin[column] + largest(jumps) + np.arange(2))
    inner = np.searchsorted(times, [t for t in keep if 0 < t < edges[-1]])
    chosen += [np.clip(inner, 0, values.size - 1), np.clip(inner - 1, 0, values.size - 1)]
    points = np.unique(np.concatenate(chosen))
    return points[_corners(values[points])]


def _corners(values: Floats) -> NDArray[np.intp]:
    """Return the indices of all points except those between two equal neighbors, which a line draws exactly."""
    if values.size < 3:
        return np.arange(values.size)
    same = values[1:] == values[:-1]
    return np.flatnonzero(np.r_[True, ~(same[:-1] & same[1:]), True])


def distinct_times(ordered: Times) -> Times:
    """Return the distinct times of a sorted array.

    `np.unique` would hash the times, which takes seconds for millions of them.

    >>> distinct_times(np.array([1, 1, 4]))
    array([1, 4])
    """
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if ordered.size else ordered


def union_of_times(parts: Iterable[Times]) -> Times:
    """Return the distinct times of some arrays, sorted.

    >>> union_of_times([np.array([0, 5]), np.array([2, 5])])
    array([0, 2, 5])
    """
    filled = [part for part in parts if part.size]
    if not filled:
        return np.zeros(0, np.int64)
    # A stable sort takes little time if the times are in order, as most are.
    return distinct_times(np.sort(np.concatenate(filled), kind="stable"))


def runs_of_times(times: Times) -> list[tuple[int, int]]:
    """Return the ranges (first, last) of consecutive times; the times must be sorted.

    >>> runs_of_times(np.array([3, 7, 8, 9]))
    [(3, 3), (7, 9)]
    """
    if times.size == 0:
        return []
    cuts = np.flatnonzero(np.diff(times) > 1) + 1
    first = times[np.r_[0, cuts]]
    last = times[np.r_[cuts - 1, times.size - 1]]
    return [(int(a), int(b)) for a, b in zip(first, last, strict=True)]


def curves_of_plan(plan: Plan, bases: Any = None, facts: RunFacts | None = None) -> tuple[Trace, str]:
    """Return the values of a plan at every update, and a text with the facts that were assumed.

    Args:
        plan: the plan.
        bases: an optimizer, or dicts like its groups; None uses groups that match the plan's selectors, with values
            as multiples of base.
        facts: the known run facts. If all lengths are in one unit, a missing conversion to updates is assumed,
            which only stretches the picture. A missing length of the run is assumed too.

    >>> curves, assumed = curves_of_plan(Plan(lr="warmup('5%') >> cosine()", total="20 epochs"))
    >>> curves.total, assumed
    (2000, 'steps_per_epoch assumed to be 100')
    """
    completed, assumed = _with_assumed_facts(plan, facts or RunFacts())
    if bases is not None:
        return trace(plan, bases, facts=completed), assumed
    bindings = [binding for binding in plan.bindings if not isinstance(binding.field, Target)]
    groups = groups_of_selectors(bindings)
    for group in groups:
        for binding in bindings:
            Field.of(binding.name).fill(group, 1.0)
    curves = trace(plan, groups, facts=completed)
    return curves.with_assumed_bases(key for key in curves.keys() if key[1] != ""), assumed


def _with_assumed_facts(plan: Plan, facts: RunFacts) -> tuple[RunFacts, str]:
    """Return run facts with which a plan can be drawn, and a text with those that were assumed."""
    notes = []
    units = units_of_plan(plan) - {"percent"}
    if len(units) == 1 and "updates" not in units:
        (unit,) = units
        amounts = plan.total.terms if plan.total is not None else _terms_of(plan)
        share = 1 if plan.total is not None else 4  # the longest length fills a quarter of the picture
        longest = max(float(amount) for name, amount in amounts if name == unit)
        fact, value = assumed_value(unit, share * longest)
        if getattr(facts, fact) is None and not (unit == "epochs" and facts.updates_per_epoch):
            more: dict[str, Any] = {fact: value}
            facts = replace(facts, **more)
            notes.append(f"{fact} assumed to be {value:g}")
    if plan.total is None and facts.total is None:
        total = length_of_plan(plan, facts)
        if total is None:
            total = max([ASSUMED_TOTAL, *(4 * ceil(facts.exact(Duration((term,)))) for term in _terms_of(plan))])
            notes.append(f"total assumed to be {total} updates")
        facts = replace(facts, total=total)
    return facts, ", ".join(notes)


def plan_of_schedule(schedule: Schedule) -> Plan:
    """Return a plan with this schedule alone, for a target `value` with base 1."""
    return Plan(Binding(Target("value", 1.0), schedule))


def _terms_of(plan: Plan) -> list[tuple[str, Any]]:
    lengths = [length for binding in plan.bindings for length in lengths_of_line(binding)]
    return [term for length in lengths for term in length.terms if term[0] != "percent"]


ASSUMED_TOTAL: Final = 1_000
"""The assumed updates of a run of unknown length."""

_SHORT_EPOCH = 100  # assumed updates per epoch if no length is in updates


def assumed_value(unit: str, amount: float) -> tuple[str, float]:
    """Return the run fact that converts a unit to updates, with a value that yields about 1,000 updates.

    >>> assumed_value("epochs", 20), assumed_value("tokens", 5e6)
    (('steps_per_epoch', 100), ('tokens_per_step', 5000.0))
    """
    if unit == "epochs":
        return "steps_per_epoch", _SHORT_EPOCH
    fact = SIZES[unit][-1][0]
    share = amount / ASSUMED_TOTAL
    return fact, max(1, round(share)) if unit in ("samples", "batches") else share


def length_of_plan(plan: Plan, facts: RunFacts) -> int | None:
    """Return the length of the longest schedule of a plan in updates; None if a schedule has no length.

    >>> length_of_plan(Plan(lr="warmup(10) >> cosine(over=90)"), RunFacts())
    100
    """
    try:
        lengths = [
            resolve(binding.schedule, facts=facts).length for binding in plan.bindings if binding.schedule.has_length
        ]
    except (MissingFact, InvalidArgument):
        return None
    if len(lengths) < len(plan.bindings):
        return None
    return max((ceil(length) for length in lengths if length is not None), default=0) or None


def groups_of_selectors(bindings: Sequence[Binding]) -> list[dict[str, Any]]:
    """Return one group without fields for each selector of the bindings.

    >>> groups_of_selectors([Binding("lr", "cosine()"), Binding("lr", "constant()", groups="head")])
    [{'name': 'default'}, {'name': 'head'}]
    """
    indices = {binding.groups for binding in bindings if isinstance(binding.groups, int)}
    names = list(dict.fromkeys(binding.groups for binding in bindings if isinstance(binding.groups, str)))
    groups: list[dict[str, Any]] = [{} for _ in range(max(indices, default=-1) + 1)]
    # Bindings without a selector need a group that no selector matches, called "default" next to named groups.
    if len(groups) == len(indices) and any(binding.groups is None for binding in bindings):
        alone = not groups and not names
        groups.append({} if alone or "default" in names else {"name": "default"})
    return groups + [{"name": name} for name in names]


Metrics: TypeAlias = Sequence[float] | Callable[[int, Sequence[Mapping[str, Any]]], float]
"""The metrics passed to a metric-driven scheduler: one number per update, or a function of the update and groups."""


def simulate(
    scheduler: Any,
    updates: int,
    *,
    metrics: Metrics | None = None,
    steps_per_epoch: int | None = None,
) -> RecordedCurves:
    """Record the values of a built scheduler by stepping a copy of it.

    The scheduler and its optimizer stay unchanged; parameters and the optimizer's state are not copied. The result
    contains lr and every other numeric field that changes.

    Args:
        scheduler: any object with an optimizer and a `step`, of torch, MMEngine, timm, pytorch-accelerated or
            paramsched.
        updates: number of values to record, at least 1: one more than the number of calls of `step`.
        metrics: for a metric-driven scheduler, a sequence or a function of the update and the groups
            (`lambda t, groups: groups[0]["lr"]` passes the lr itself).
        steps_per_epoch: steps per epoch, for the time axis; None for no epochs.

    Raises:
        InvalidArgument: if `updates` is not a positive number, the scheduler has no optimizer, or there are too few
            metrics.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> halving = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> simulate(halving, 5)["lr", 0].tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25]
    >>> optimizer.param_groups[0]["lr"]
    1.0
    """
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 1:
        message = "expected a positive number of updates"
        raise InvalidArgument(f"simulate(…, {updates!r})", message, "For example: simulate(scheduler, 100)")
    if metrics is not None and not callable(metrics) and len(metrics) < updates - 1:
        message = f"expected one metric per step, {updates - 1} in total, got {len(metrics)}"
        raise InvalidArgument(f"simulate(…, {updates}, metrics=…)", message, "Pass one metric per step")
    if metrics is None and any(kind.__name__ == "ReduceLROnPlateau" for kind in type(scheduler).__mro__):
        message = "the scheduler follows a metric, so each step needs one"
        raise InvalidArgument(
            f"simulate({type(scheduler).__name__}, …)", message, f"For example: metrics=[1.0] * {updates}"
        )
    copied = _copy_of_scheduler(scheduler)
    groups = groups_of(copied.optimizer)
    labels = unique_labels(groups)
    fields_by_key = {
        (name, labels[i]): (Field.of(name), i) for i, group in enumerate(groups) for name in numeric(group)
    }
    values: dict[Key, list[float]] = {
        key: [] for key in sorted(fields_by_key, key=lambda key: (key[0] != "lr", key[0]))
    }
    step = _step_function(copied)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other libraries warn about a missing optimizer.step()
        for t in range(updates):
            for key, column in values.items():
                field, index = fields_by_key[key]
                column.append(float(field.read(groups[index])))
            if t + 1 < updates:
                observed = [] if metrics is None else [_metric_at(t, metrics, groups)]
                step(t + 1, *map(float, observed))
    moving = {key: column for key, column in values.items() if key[0] == "lr" or len(set(column)) > 1}
    lines = dict.fromkeys(moving, type(scheduler).__name__)
    return curves_from_values(moving, steps_per_epoch=steps_per_epoch, lines=lines)


def _metric_at(t: int, metrics: Metrics, groups: Sequence[Mapping[str, Any]]) -> float:
    return metrics(t, groups) if callable(metrics) else metrics[t]


def _copy_of_scheduler(scheduler: Any) -> Any:
    """Return a copy of a scheduler and its optimizer. Both optimizers share their parameters and state."""
    optimizer = getattr(scheduler, "__dict__", {}).get("optimizer")
    if optimizer is None:
        call = f"simulate({type(scheduler).__name__}, …)"
        raise InvalidArgument(call, "it has no optimizer", "Pass a built scheduler")
    shared: dict[int, Any] = {}
    for group in groups_of(optimizer):
        shared |= {id(parameter): parameter for parameter in group.get("params", ())}
    state = getattr(optimizer, "state", None)
    shared[id(state)] = state
    return copy.deepcopy(scheduler, shared)


def _step_function(scheduler: Any) -> Callable[..., object]:
    """Return the function that steps a scheduler; it takes the update and, if there is one, the metric."""
    family = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(scheduler).__mro__}
    names = {name.partition(".")[2] for name in family}
    if "timm.Scheduler" in family:
        per_epoch = getattr(scheduler, "t_in_epochs", True)
        return scheduler.step if per_epoch else scheduler.step_update  # type: ignore[no-any-return]  # of another library
    if "_ParamScheduler" in names:
        return lambda _, *metric: scheduler.step(*({scheduler.monitor: value} for value in metric))
    if "SchedulerBase" in names and "StatefulSchedulerBase" not in names:
        return scheduler.step_update  # type: ignore[no-any-return]  # as above
    if "paramsched.Scheduler" in family:
        return lambda t, *metric: (scheduler.seek(t), metric and scheduler.step(*metric))
    return lambda _, *metric: scheduler.step(*metric)
