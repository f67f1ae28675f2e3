"""The values of a plan as arrays."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, partial
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack, final

import numpy as np

from paramsched.base.params import readable
from paramsched.base.pickles import Reduced, names_in_pickles, pickled, restores
from paramsched.base.words import names_listed, printable, text_on_screen
from paramsched.core.calls.checked_calls import answering
from paramsched.core.calls.lazy_imports import notebook_display
from paramsched.core.curves.arrays import Array, Floats
from paramsched.core.groups.fields import Group
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.binding import Target
from paramsched.core.plan.lines import BoundLine, base_in, by_group, lines_of
from paramsched.core.plan.messages import traces as messages
from paramsched.core.plan.optimizers import ALONE, OptimizerScope, check_names, find_group, scopes_of
from paramsched.core.plan.plan import Plan, group_of_bases
from paramsched.core.plan.plan_forms import PlanLike, plan_in_run
from paramsched.core.plan.resolution import (
    ResolvedPlan,
    TimeUnit,
    even_unit,
    resolve_in_run,
    uneven_unit,
    units_of_run,
    updates_of_total,
)
from paramsched.core.plan.run_amounts import MAX_CONSUMED, Amount, RunAmounts
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.span import depends_on_base, evaluate
from paramsched.core.schedules.windows import with_unit
from paramsched.core.time.duration import PROGRESS, WHOLE, Duration, counts_in_unit, rounded_array, times_on
from paramsched.core.time.run_facts import UPDATES, Facts, RunFacts, facts_of_call
from paramsched.errors import (
    MissingDependency,
    MissingFact,
    UnknownField,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


_MAX_UPDATES = 500_000_000  # 4 GB for each field and group


@final
@dataclass(frozen=True, slots=True, eq=False)
class TracedUpdates:
    """The updates of a trace, and the amounts consumed before them.

    Args:
        total: the number of updates.
        clock: the clock of the plan that counts an amount; else updates.
        amounts: the amount before each update; None if the plan is by updates.
        end: the total in counts of the clock; if it is unknown, the last recorded amount.
        recorded: True if the amounts are not those that the plan and the run facts determine.
    """

    total: int
    clock: str = UPDATES
    amounts: Array | None = None
    end: int = 0
    recorded: bool = False

    @staticmethod
    def planned(in_force: ResolvedPlan) -> "TracedUpdates":
        """Return the times of a run that follows its plan. On the clock of progress, updates are spread evenly.

        Raises:
            Unresolved: the total is unknown.
        """
        run = in_force.planned_amounts
        is_progress = in_force.plan.clock == PROGRESS
        total = in_force.facts.total_updates if is_progress else updates_of_total(in_force.counted, run)
        if total is None:
            raise messages.length_is_unknown()
        if total > _MAX_UPDATES:
            raise messages.too_many_values(total)
        if run is None:
            return TracedUpdates(total)
        return TracedUpdates(total, run.clock, run.amounts_from(0, 0, total), _end_of(in_force.length, run))

    @staticmethod
    def of_record(in_force: ResolvedPlan, amounts: Iterable[float]) -> "TracedUpdates":
        """Return the times of a run whose amounts were recorded.

        Raises:
            InvalidArgument: the plan's clock counts updates, or the amounts are not those of a run.
        """
        run = in_force.amounts
        if run is None:
            raise messages.clock_counts_updates()
        consumed = recorded_amounts(run.clock, amounts)
        end = ceil(consumed[-1] * counts_in_unit(run.clock)) if consumed.size else 0
        if in_force.length is not None or run.clock == PROGRESS:
            with suppress(MissingFact):  # a total in updates
                end = _end_of(in_force.length, run)
        return TracedUpdates(consumed.size, run.clock, consumed, end, recorded=True)

    def on(self, clock: str) -> Array:
        """Return the times of the updates as the schedules on a clock count them."""
        return np.arange(self.total) if clock == UPDATES or self.amounts is None else times_on(clock, self.amounts)

    def end_on(self, clock: str) -> int:
        """Return the end of the run on a clock."""
        return self.total if clock == UPDATES else self.end

    def unit(self) -> TimeUnit | None:
        """Return the unit of time of the amounts; None if the run facts determine it, or if there are too few rows."""
        if self.clock == PROGRESS and not self.recorded:
            return even_unit(PROGRESS, self.total, 1 / self.total)
        if not self.recorded or self.total < 2 or self.amounts is None:
            return None
        after = 2 * self.amounts[-1] - self.amounts[-2]  # the consumption of the last update is unknown
        return uneven_unit(self.clock, np.append(self.amounts, after).astype(np.float64))


def _end_of(length: Duration | None, run: RunAmounts) -> int:
    """Return the length of a resolved plan in counts of the clock of `run`."""
    if run.clock == PROGRESS or length is None:
        return WHOLE
    ((unit, count),) = length.terms
    amount = count if unit == run.clock else Fraction(run.amount_at(int(count)))
    return ceil(amount * counts_in_unit(run.clock))


def recorded_amounts(clock: str, recorded: Iterable[float]) -> Array:
    """Validate recorded amounts: finite, not negative, and in ascending order; integers, except progress.

    >>> recorded_amounts("tokens", [0.0, 4096.0]).tolist()
    [0, 4096]
    """
    is_whole = clock != PROGRESS
    dtype = np.int64 if is_whole else np.float64
    try:
        amounts = np.asarray(recorded if isinstance(recorded, np.ndarray) else list(recorded))
    except (TypeError, ValueError):
        raise messages.amounts_are_not_numbers(clock, recorded) from None
    if not amounts.size:
        return np.empty(0, dtype=dtype)
    if amounts.ndim != 1 or amounts.dtype.kind not in "iuf":
        raise messages.amounts_are_not_numbers(clock, recorded)
    is_possible = (amounts >= 0) & (amounts < MAX_CONSUMED if is_whole else amounts <= 1)  # also false for NaN
    if is_whole:
        is_possible &= amounts == np.rint(amounts)
    if not is_possible.all():
        index = int(np.argmin(is_possible))
        raise messages.amount_is_out_of_range(clock, index, amounts[index].item(), MAX_CONSUMED)
    amounts = amounts.astype(dtype)
    decreases = np.diff(amounts) < 0
    if decreases.any():
        index = int(np.argmax(decreases)) + 1
        raise messages.amounts_decrease(clock, index, amounts[index].item())
    return amounts if is_whole else rounded_array(amounts)


Key: TypeAlias = tuple[str, str | int]
"""The name of a field in the plan, and the name or index of a group; "" for a target."""

_ROWS_AT_ONCE = 100_000  # of a table, so that a long run needs little more memory than its text


@final
@dataclass(frozen=True, slots=True)
class TraceBase:
    """The base of a field in a group, and how the traced values depend on it.

    Args:
        value: the base from which the values were computed; None if it is unknown and 1 was assumed.
        share: which values scale with base: "all" (multiples of base), "some" or "none".
    """

    value: float | None
    share: Literal["all", "some", "none"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class _TracedLine:
    """The values of a field in a group, or of a target, and the schedule, its clock and the base they come from."""

    values: Floats
    schedule: Schedule
    clock: str
    base: TraceBase


@final
@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The values of a plan: `trace["lr", "head"]` is a float64 array with one value for each update of the run.

    The values are equal to those that the optimizer uses, bit for bit.

    Args:
        facts: the run facts.
    """

    facts: RunFacts
    _curves: dict[Key, _TracedLine]
    _times: TracedUpdates
    _resolved: Plan
    _indices: dict[int, str | int]  # the group with each index, of a single optimizer
    _optimizers: tuple[str, ...]  # the names of several optimizers

    def __reduce__(self) -> Reduced:
        times = self._times
        return pickled(
            "extend.Trace",
            self.facts,
            (times.total, times.clock, times.amounts, times.end, times.recorded),
            self._resolved,
            self._indices,
            self._optimizers,
            [
                (key, curve.values, curve.schedule, curve.clock, curve.base.value, curve.base.share)
                for key, curve in self._curves.items()
            ],
        )

    @property
    def total(self) -> int:
        """The number of updates, or of recorded amounts."""
        return self._times.total

    @property
    def steps_per_epoch(self) -> int | None:
        """The number of updates in an epoch; None if unknown."""
        return self.facts.updates_per_epoch

    @property
    def clock(self) -> str:
        """The unit of `amounts`: `"updates"`, or the other clock of the plan."""
        return self._times.clock

    @property
    def metric_rules(self) -> tuple[MetricRule[Any], ...]:
        """The metric rules of the plan, which have no effect on the traced values."""
        return self._resolved.metric_rules

    def keys(self) -> tuple[Key, ...]:
        """Return the pairs of field and group, in order."""
        return tuple(self._curves)

    def __getitem__(self, key: Key | str) -> Floats:
        return self._curves[self._find_curve(key)].values

    def __contains__(self, key: object) -> bool:
        try:
            self._find_curve(key)  # type: ignore[arg-type]  # any object may be passed
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[Key]:
        return iter(self._curves)

    def __len__(self) -> int:
        return self.total

    @property
    def amounts(self) -> Array:
        """The amount before each update, on the plan's clock; if that counts updates, their indices."""
        return np.arange(self.total) if self._times.amounts is None else self._times.amounts

    def time_units(self) -> tuple[TimeUnit, ...]:
        """Return the units of time into which the run facts convert updates, such as epochs, samples or tokens."""
        amount = self.total_amount
        end = None if amount is None else (self.clock, float(amount))
        units = tuple(units_of_run(self._resolved, self.facts, self.total, end))
        unit_of_amounts = self._times.unit()
        if unit_of_amounts is None:
            return units
        return (*(unit for unit in units if unit.name != self.clock), unit_of_amounts)

    def clock_of(self, field: str, group: str | int = "") -> str:
        """Return the clock of the traced values of `field` in `group`."""
        return self._curve(field, group).clock

    @property
    def total_amount(self) -> Amount | None:
        """The total on the plan's clock, or the last recorded amount; None if the clock counts updates."""
        if all(curve.clock == UPDATES for curve in self._curves.values()):
            return None
        counts = counts_in_unit(self.clock)
        return self._times.end if counts == 1 else self._times.end / counts

    def breakpoints(self, field: str, group: str | int = "") -> tuple[float, ...]:
        """Return the times at which the formula of `field` in `group` changes, in the unit of its clock."""
        curve = self._curve(field, group)
        breakpoints = curve.schedule.breakpoints(self._times.end_on(curve.clock))
        counts = counts_in_unit(curve.clock)
        return breakpoints if counts == 1 else tuple(time / counts for time in breakpoints)

    def line(self, field: str, group: str | int = "") -> str:
        """Return the schedule of `field` in `group` as text, with lengths in updates or in the unit of its clock."""
        curve = self._curve(field, group)
        return str(curve.schedule if curve.clock == UPDATES else with_unit(curve.schedule, curve.clock))

    def base(self, field: str, group: str | int = "") -> TraceBase:
        """Return the base of `field` in `group`, and how the traced values depend on it."""
        return self._curve(field, group).base

    def with_assumed_bases(self, keys: Iterable[Key]) -> "Trace":
        """Return the trace with the bases of the fields and groups in `keys` marked as assumed."""
        marked = {key: self._curves[key] for key in map(self._find_curve, keys)}
        assumed = {key: replace(curve, base=replace(curve.base, value=None)) for key, curve in marked.items()}
        return replace(self, _curves=self._curves | assumed)

    _repr_mimebundle_ = notebook_display

    def __repr__(self) -> str:
        return text_on_screen(f"<Trace of {self.total:,} updates: {names_listed(map(column_name, self.keys()))}>")

    def to_dict(self) -> dict[str, list[float]]:
        """Return a dict from column name to values: `lr[head]`, `betas[0][1]`, or the name of a target."""
        return {column_name(key): curve.values.tolist() for key, curve in self._curves.items()}

    def csv_text(self) -> str:
        """Return a CSV table with a row for each update: `t`, then a column for each field and group, floats by `repr`.

        If the plan's clock counts an amount, the second column has the amounts, named after the clock.
        """
        import csv
        from io import StringIO

        names = ["t"]
        columns = list[Array]()
        if self._times.amounts is not None:
            names.append(self.clock)
            columns.append(self._times.amounts)
        names += (printable(column_name(key)) for key in self._curves)
        columns += (curve.values for curve in self._curves.values())
        blocks = list[str]()
        for start in range(0, max(self.total, 1), _ROWS_AT_ONCE):
            text = StringIO(newline="")
            rows = csv.writer(text, lineterminator="\n")
            if start == 0:
                rows.writerow(names)
            block = zip(*(column[start : start + _ROWS_AT_ONCE].tolist() for column in columns), strict=True)
            rows.writerows([t, *map(repr, row)] for t, row in enumerate(block, start))
            blocks.append(text.getvalue())
        return "".join(blocks)

    def to_csv(self, path: "str | Path") -> None:
        """Write the table of `csv_text` into a file."""
        from pathlib import Path  # this import takes a tenth of the time to import the library

        from paramsched.base.files import write_whole_file

        write_whole_file(Path(path), self.csv_text().encode())

    def to_pandas(self) -> "pd.DataFrame":
        """Return a DataFrame with an index `t` and a column for each field and group (a MultiIndex)."""
        try:
            import pandas as pd
        except ImportError:
            raise MissingDependency("Trace.to_pandas", "pandas") from None
        columns = pd.MultiIndex.from_tuples(list(self._curves), names=["field", "group"])
        data = np.stack([curve.values for curve in self._curves.values()], axis=1)
        return pd.DataFrame(data, columns=columns, index=pd.RangeIndex(self.total, name="t"))

    def _curve(self, field: str, group: str | int) -> _TracedLine:
        return self._curves[self._find_curve((field, group))]

    def _find_curve(self, key: Key | str) -> Key:
        """Return the key of a curve, which may be abbreviated to a field, or have a group's index."""
        curve: Key | None = None
        if isinstance(key, str):
            curve = self._find(key, None)
        elif isinstance(key, tuple) and len(key) == 2:
            curve = self._find(*key)
        if curve is None:
            raise messages.unknown_curve(key, self._curves)
        return curve

    def _find(self, name: str, group: str | int | None) -> Key | None:
        if not self._optimizers:
            return self._find_in_groups(name, group)
        key: Key | None = find_group(self._curves, self._optimizers, name, group)
        return key

    def _find_in_groups(self, name: str, group: str | int | None) -> Key | None:
        if group is None:
            keys = [key for key in self._curves if key[0] == name]
            if len(keys) == 1:
                return keys[0]
            group = ""
        if (name, group) in self._curves:
            return name, group
        label = self._indices.get(group, -1) if isinstance(group, int) else -1
        return (name, label) if (name, label) in self._curves else None


def column_name(key: Key) -> str:
    """Return the name of a column of a table: `lr[head]`, or the name of a target."""
    name, group = key
    return name if group == "" else f"{name}[{group}]"


@readable
@answering
def trace(
    plan: PlanLike,
    optimizer: Any = None,
    *,
    bases: Mapping[str, float] | None = None,
    facts: RunFacts | None = None,
    amounts: Iterable[float] | None = None,
    **run_facts: Unpack[Facts],
) -> Trace:
    """Compute the values of a plan for bases or an optimizer, one for each update of the run or each recorded amount.

    Args:
        plan: the plan, in any form (`PlanLike`); its metric rules have no effect.
        optimizer: in place of `bases`, an object with `param_groups`, a list of dicts like them (`[{"lr": 0.1}]`), or
            one dict for one group. For several optimizers a mapping from names to any of these; the curves are then
            those of `optimizer/group`, such as `trace["lr", "adamw/embed"]`, and `trace["lr", "muon"]` is that of the
            first group of an optimizer. If an optimizer carries a plan, its recorded bases are used. No optimizer is
            changed.
        bases: the base of each field in one group: `{"lr": 0.1}`.
        facts: the run facts as one object, in place of keywords.
        amounts: the amounts that a run had consumed before each of its updates, on the plan's clock, such as
            `scalars()["consumed_tokens"]`. The trace has one value for each of them, bit for bit the one that the run
            used. Fields whose clock counts updates are at update 0 for the first amount.
        run_facts: the run facts that convert units, as in `ps.Scheduler`: `total=10_000`. A plan in updates with a
            total needs none.

    Returns:
        The values by field and group.

    Raises:
        Unresolved: the total is unknown.
        MissingFact: the consumption of an update on the plan's clock is unknown.
        InvalidArgument: the amounts are not those of a run, or the plan's clock counts updates. Also if both or neither
            of `optimizer` and `bases` are passed.
        PlanError: the optimizer lacks a group or a field of the plan.

    >>> shown = trace(Plan(lr=linear(1.0, 0.0), total=4), bases={"lr": 0.1})
    >>> shown["lr", 0].tolist()
    [0.1, 0.07500000000000001, 0.05, 0.025]
    >>> by_tokens = Plan(lr=linear(1.0, 0.0, over="400 tokens"), clock="tokens")
    >>> trace(by_tokens, bases={"lr": 0.1}, amounts=[0, 100, 300])["lr", 0].tolist()
    [0.1, 0.07500000000000001, 0.025]
    """
    facts = facts_of_call("trace(plan, optimizer)", facts, run_facts)
    optimizer = _optimizer_or_bases(optimizer, bases)
    plan = plan_in_run(plan, "ps.trace", facts)
    is_by_name = _is_by_name(optimizer)
    if is_by_name:
        check_names("trace", optimizer)
        groups = {name: groups_of(entry) for name, entry in optimizer.items()}
    else:
        groups = {ALONE: groups_of(optimizer)}
    names = tuple(groups) if is_by_name else ()
    in_force = resolve_in_run(plan, facts, names)
    times = TracedUpdates.planned(in_force) if amounts is None else TracedUpdates.of_record(in_force, amounts)
    counted = in_force.counted
    scopes = scopes_of(plan, counted, groups)
    labels = {name: scopes[name].labels(groups[name]) for name in groups}
    lines = {name: _lines_in(groups[name], counted, scopes[name], bases) for name in groups}
    curves = _curves_of(counted, lines, labels, times)
    indices = {} if is_by_name else dict(enumerate(labels[ALONE]))
    return Trace(facts, curves, times, in_force.resolved, indices, names)


def _lines_in(
    groups: Sequence[Group], plan: Plan, scope: OptimizerScope, bases: Mapping[str, float] | None
) -> tuple[BoundLine, ...]:
    """Return the lines of a plan in the groups of an optimizer, or in the one with the bases."""
    try:
        return lines_of(plan, groups, scope, base_in)
    except UnknownField as refusal:
        if bases is None:
            raise
        fields = [line.name for line in plan.bindings if not isinstance(line.field, Target)]
        raise messages.bases_lack_a_field(refusal, fields, bases) from None


def _curves_of(
    plan: Plan,
    lines: Mapping[str, Sequence[BoundLine]],
    labels: Mapping[str, Sequence[str | int]],
    times: TracedUpdates,
) -> dict[Key, _TracedLine]:
    """Return the curves of a plan, field by field, and then those of its targets.

    Args:
        plan: the plan with counts of its clock in place of lengths.
        lines: the lines in the groups of each optimizer, by its name.
        labels: the names or indices of these groups.
        times: the times.
    """
    by_field: dict[str, list[tuple[Key, BoundLine, float]]] = {line.name: [] for line in plan.bindings}
    for optimizer, lines_of_groups in lines.items():
        for index, line, base in by_group(lines_of_groups):
            by_field[line.name].append(((line.name, labels[optimizer][index]), line, base))
    curve_of = cache(partial(_curve_of, times))  # groups with one schedule and one base share an array
    curves = {
        key: curve_of(line.schedule, line.clock, base) for field in by_field.values() for key, line, base in field
    }
    for binding in plan.bindings:
        if isinstance(binding.field, Target):
            curves[binding.name, ""] = curve_of(binding.schedule, plan.clock, binding.field.initial)
    return curves


def _optimizer_or_bases(optimizer: Any, bases: Mapping[str, float] | None) -> Any:
    """Return what a trace is for: the optimizer, or the group with the bases.

    Raises:
        InvalidCall: both or neither are passed, or the bases are not numbers by field.
    """
    if bases is None and optimizer is not None:
        return optimizer
    if bases is None:
        raise messages.neither_optimizer_nor_bases()
    if optimizer is not None:
        raise messages.both_optimizer_and_bases()
    return group_of_bases("trace", bases)


def _curve_of(times: TracedUpdates, schedule: Schedule, clock: str, base: float) -> _TracedLine:
    """Return the curve of a schedule for a base."""
    values = evaluate(schedule, times.on(clock), base)
    values.setflags(write=False)
    return _TracedLine(values, schedule, clock, TraceBase(base, _share_of_base(schedule, times.end_on(clock))))


def _share_of_base(schedule: Schedule, end: int) -> Literal["all", "some", "none"]:
    """Return which values of a schedule scale with base."""
    if not schedule.has_absolute:
        return "all"
    sample = np.unique(np.linspace(0, max(end - 1, 0), 100).astype(np.int64))
    return "some" if depends_on_base(schedule, sample) else "none"


def groups_of(optimizer: Any) -> Sequence[Group]:
    """Return the param groups of an optimizer, or the dicts that were passed instead."""
    if isinstance(optimizer, Mapping):
        return [optimizer]
    if isinstance(optimizer, (list, tuple)):
        if all(isinstance(group, Mapping) for group in optimizer):
            return optimizer
        raise messages.groups_are_not_dicts(optimizer)
    groups: Sequence[Group] | None = getattr(optimizer, "param_groups", None)
    if groups is None:
        raise messages.optimizer_has_no_groups(optimizer)
    return groups


def _is_by_name(optimizer: Any) -> bool:
    """Return whether an object is a mapping from names to optimizers, and not a group."""
    return isinstance(optimizer, Mapping) and bool(optimizer) and all(map(_has_groups, optimizer.values()))


def _has_groups(value: Any) -> bool:
    """Return whether a value in a mapping is one of several optimizers, and not an entry of a group."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(group, Mapping) for group in value)
    return isinstance(value, Mapping) or getattr(value, "param_groups", None) is not None


@restores("extend.Trace")
def _restored(
    facts: RunFacts,
    times: tuple[Any, ...],
    resolved: Plan,
    indices: dict[int, str | int],
    optimizers: tuple[str, ...],
    curves: list[tuple[Any, ...]],
) -> Trace:
    by_key = {
        key: _TracedLine(values, schedule, clock, TraceBase(base, share))
        for key, values, schedule, clock, base, share in curves
    }
    return Trace(facts, by_key, TracedUpdates(*times), resolved, indices, optimizers)


if not TYPE_CHECKING:  # hidden, so that type checkers reject names that do not exist
    __getattr__ = names_in_pickles(__name__)
