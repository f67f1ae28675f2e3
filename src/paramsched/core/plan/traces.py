"""The values of a plan as arrays, and as functions of one update."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, partial
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack, final

import numpy as np

from paramsched.base.params import readable
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.base.words import did_you_mean, names_listed, printable, text_on_screen
from paramsched.core.answering import answering
from paramsched.core.curves.arrays import Array, Floats
from paramsched.core.entries import notebook_display
from paramsched.core.feedback import MetricRule
from paramsched.core.fields import Group
from paramsched.core.number_checks import finite_number
from paramsched.core.plan.binding import (
    Binding,
    Overlap,
    ScheduleLike,
    Selector,
    Target,
    overlap_of,
    selector_text,
)
from paramsched.core.plan.forms import FORMS, PlanLike, is_line, plan_in_run
from paramsched.core.plan.lines import Line, base_in, by_group, lines_of
from paramsched.core.plan.optimizers import ALONE, check_names, find_group, scopes_of
from paramsched.core.plan.plan import Plan, group_of_bases
from paramsched.core.plan.resolution import (
    TimeUnit,
    amounts_of_run,
    counted_plan,
    even_unit,
    planned_amounts,
    resolve,
    uneven_unit,
    units_of_run,
    updates_of_total,
)
from paramsched.core.plan.run_amounts import MAX_CONSUMED, Amount, RunAmounts
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.schedule import Schedule, schedule_of, short_line
from paramsched.core.schedules.sequence import scales_with_base
from paramsched.core.schedules.span import depends_on_base, evaluate
from paramsched.core.schedules.text import parse
from paramsched.core.schedules.windows import with_unit
from paramsched.core.time.duration import PROGRESS, WHOLE, counts_in_unit, rounded_array, times_on
from paramsched.core.time.run_facts import UPDATES, Facts, RunFacts, facts_if_passed, facts_of_call
from paramsched.errors import (
    CallSite,
    InvalidArgument,
    InvalidCall,
    MissingDependency,
    MissingFact,
    PlanError,
    UnknownField,
    UnknownGroup,
    Unresolved,
    shown,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


_MAX_UPDATES = 500_000_000  # 4 GB for each field and group


@final
@dataclass(frozen=True, slots=True, eq=False)
class TracedTimes:
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
    def planned(resolved: Plan, facts: RunFacts) -> "TracedTimes":
        """Return the times of a run that follows its plan. On the clock of progress, updates are spread evenly.

        Raises:
            Unresolved: the total is unknown.
        """
        run = planned_amounts(resolved, facts)
        total = facts.total_updates if resolved.clock == PROGRESS else updates_of_total(resolved, run)
        if total is None:
            instead = 'For example: ps.trace(plan, bases={"lr": 0.1}, total=1000)'
            raise Unresolved("trace(…)", "the length of the run is unknown", instead)
        if total > _MAX_UPDATES:
            message = f"{total} updates are too many to store a value for each"
            instead = "Call the schedules instead: plan.resolve().bindings[0].schedule(t)"
            raise InvalidArgument("trace(…)", message, instead)
        if run is None:
            return TracedTimes(total)
        return TracedTimes(total, run.clock, run.amounts_from(0, 0, total), _end_of(resolved, run))

    @staticmethod
    def of_record(resolved: Plan, facts: RunFacts, amounts: Iterable[float]) -> "TracedTimes":
        """Return the times of a run whose amounts were recorded.

        Raises:
            InvalidArgument: the plan's clock counts updates, or the amounts are not those of a run.
        """
        run = amounts_of_run(resolved, facts)
        if run is None:
            raise InvalidArgument("trace(…, amounts=…)", "the plan's clock counts updates", "Omit amounts")
        found = recorded_amounts(run.clock, amounts)
        end = ceil(found[-1] * counts_in_unit(run.clock)) if found.size else 0
        if resolved.total is not None or run.clock == PROGRESS:
            with suppress(MissingFact):  # a total in updates
                end = _end_of(resolved, run)
        return TracedTimes(found.size, run.clock, found, end, recorded=True)

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


def _end_of(resolved: Plan, run: RunAmounts) -> int:
    """Return the total of a resolved plan in counts of the clock of `run`."""
    if run.clock == PROGRESS or resolved.total is None:
        return WHOLE
    ((unit, count),) = resolved.total.terms
    return ceil((count if unit == run.clock else Fraction(run.amount_at(int(count)))) * counts_in_unit(run.clock))


def recorded_amounts(clock: str, given: Iterable[float]) -> Array:
    """Validate recorded amounts: finite, not negative, and in ascending order; integers, except progress.

    >>> recorded_amounts("tokens", [0.0, 4096.0]).tolist()
    [0, 4096]
    """
    whole = clock != PROGRESS
    sample = "[0, 4096, 8192]" if whole else "[0.0, 0.25, 0.5]"

    def refused(message: str) -> InvalidArgument:
        return InvalidArgument("trace(…, amounts=…)", message, f"For example: amounts={sample}")

    try:
        amounts = np.asarray(given if isinstance(given, np.ndarray) else list(given))
    except (TypeError, ValueError):
        raise refused(f"expected a list of numbers, got {shown(given)}") from None
    dtype = np.int64 if whole else np.float64
    if not amounts.size:
        return np.empty(0, dtype=dtype)
    if amounts.ndim != 1 or amounts.dtype.kind not in "iuf":
        raise refused(f"expected a list of numbers, got {shown(given)}")
    limit = amounts <= 1 if clock == PROGRESS else amounts < MAX_CONSUMED
    wrong = ~((amounts >= 0) & limit)  # also true for NaN
    if whole:
        wrong |= amounts != np.rint(amounts)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        kind = (
            f"an integer number of {clock}, at least 0 and below 2**62"
            if whole
            else "a fraction of the run from 0 to 1"
        )
        raise refused(f"amount {index} is {amounts[index].item()!r}; expected {kind}")
    amounts = amounts.astype(dtype)
    back = np.flatnonzero(np.diff(amounts) < 0)
    if back.size:
        index = int(back[0]) + 1
        message = f"amount {index} is {amounts[index].item()!r}, less than the previous one; amounts must not decrease"
        raise refused(message)
    return rounded_array(amounts) if clock == PROGRESS else amounts


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
class _Curve:
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
    _curves: dict[Key, _Curve]
    _times: TracedTimes
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
        amount, own = self.total_amount, self._times.unit()
        end = None if amount is None else (self.clock, float(amount))
        units = tuple(units_of_run(self._resolved, self.facts, self.total, end))
        return units if own is None else (*(unit for unit in units if unit.name != self.clock), own)

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
        found, counts = curve.schedule.breakpoints(self._times.end_on(curve.clock)), counts_in_unit(curve.clock)
        return found if counts == 1 else tuple(one / counts for one in found)

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

        names, columns = ["t"], list[Array]()
        if self._times.amounts is not None:
            names, columns = ["t", self.clock], [self._times.amounts]
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

    def _curve(self, field: str, group: str | int) -> _Curve:
        return self._curves[self._find_curve((field, group))]

    def _find_curve(self, key: Key | str) -> Key:
        """Return the key of a curve, which may be abbreviated to a field, or have a group's index."""
        curve: Key | None = None
        if isinstance(key, str) or (isinstance(key, tuple) and len(key) == 2):
            name, group = (key, None) if isinstance(key, str) else key
            if self._optimizers:
                curve = find_group(self._curves, self._optimizers, name, group)
            else:
                curve = self._find_in_groups(name, group)
        if curve is not None:
            return curve
        known = [f"trace[{name!r}, {group!r}]" for name, group in self._curves]
        problem = f"unknown curve; expected one of {names_listed(known)}"
        raise UnknownField(f"trace[{shown(key)}]", problem, f"For example: {known[0]}")

    def _find_in_groups(self, name: str, group: str | int | None) -> Key | None:
        if group is None:
            mine = [known for known in self._curves if known[0] == name]
            if len(mine) == 1:
                return mine[0]
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
    named = isinstance(optimizer, Mapping) and bool(optimizer) and all(map(_has_groups, optimizer.values()))
    if named:
        check_names("trace", optimizer)
    optimizers = {name: groups_of(one) for name, one in optimizer.items()} if named else {ALONE: groups_of(optimizer)}
    names = tuple(optimizers) if named else ()
    resolved = plan.resolve(facts=facts, optimizers=names)
    times = TracedTimes.planned(resolved, facts) if amounts is None else TracedTimes.of_record(resolved, facts, amounts)
    scopes = scopes_of(plan, resolved, optimizers)
    labels = {name: scopes[name].labels(groups) for name, groups in optimizers.items()}
    counted = counted_plan(resolved)
    placed: dict[str, list[tuple[Key, Line, float]]] = {one.name: [] for one in counted.bindings}
    for optimizer_name, mine in optimizers.items():
        try:
            lines = lines_of(counted, mine, scopes[optimizer_name], base_in)
        except UnknownField as refusal:
            if bases is None:
                raise
            planned = dict.fromkeys(one.name for one in counted.bindings if not isinstance(one.field, Target))
            written = ", ".join(f'"{name}": {bases.get(name, 0.1)!r}' for name in planned)
            raise refusal.changed(advice=f"For example: bases={{{written}}}") from None
        for index, line, base in by_group(lines):
            placed[line.name].append(((line.name, labels[optimizer_name][index]), line, base))
    curve_of = cache(partial(_curve_of, times))  # groups with one schedule and one base share an array
    curves = {key: curve_of(line.schedule, line.clock, base) for mine in placed.values() for key, line, base in mine}
    for binding in counted.bindings:
        if isinstance(binding.field, Target):
            clock = counted.clock
            curves[binding.name, ""] = curve_of(binding.schedule, clock, binding.field.initial)
    indices = {} if named else dict(enumerate(labels[ALONE]))
    return Trace(facts, curves, times, resolved, indices, names)


def _optimizer_or_bases(optimizer: Any, bases: Mapping[str, float] | None) -> Any:
    """Return what a trace is for: the optimizer, or the group with the bases.

    Raises:
        InvalidCall: both or neither are passed, or the bases are not numbers by field.
    """
    if bases is None and optimizer is not None:
        return optimizer
    if (bases is None) == (optimizer is None):
        message = "expected an optimizer or bases, got " + ("neither" if bases is None else "both")
        example = 'bases={"lr": 0.1}' if bases is None else 'ps.trace(plan, bases={"lr": 0.1})'
        raise InvalidCall("trace(plan, …)", message, example=example)
    return group_of_bases("trace", bases or {})


def _curve_of(times: TracedTimes, schedule: Schedule, clock: str, base: float) -> _Curve:
    """Return the curve of a schedule for a base."""
    values = evaluate(schedule, times.on(clock), base)
    values.setflags(write=False)
    share: Literal["all", "some", "none"] = "all"
    if schedule.has_absolute:
        few = np.unique(np.linspace(0, max(times.end_on(clock) - 1, 0), 100).astype(np.int64))
        share = "some" if depends_on_base(schedule, few) else "none"
    return _Curve(values, schedule, clock, TraceBase(base, share))


def groups_of(optimizer: Any) -> Sequence[Group]:
    """Return the param groups of an optimizer, or the dicts that were passed instead."""
    if isinstance(optimizer, Mapping):
        return [optimizer]
    if isinstance(optimizer, (list, tuple)):
        if all(isinstance(group, Mapping) for group in optimizer):
            return optimizer
        raise InvalidArgument(
            f"bases {optimizer!r}", "not dicts like param_groups", 'For example: [{"lr": 0.1}, {"lr": 0.01}]'
        )
    groups: Sequence[Group] | None = getattr(optimizer, "param_groups", None)
    if groups is None:
        site = f"trace(…, {type(optimizer).__name__})"
        raise InvalidArgument(site, "expected an optimizer or bases", example='{"lr": 0.1}')
    return groups


def _has_groups(value: Any) -> bool:
    """Return whether a value in a mapping is one of several optimizers, and not an entry of a group."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(group, Mapping) for group in value)
    return isinstance(value, Mapping) or getattr(value, "param_groups", None) is not None


def _handed_schedule(
    source: PlanLike | ScheduleLike | Any,
    facts: RunFacts | None,
    field: str | None,
    group: str | int | None,
) -> tuple[Schedule, float | None]:
    """Return a pair: the selected schedule with every length in updates, and the initial value of its target.

    The initial value is None if the schedule is of a field of the optimizer.

    Args:
        source: a plan in any form, a schedule, a number or a line of text.
        facts: the run facts; None if all lengths are in updates.
        field: the field or target of the plan; None if the plan has only one.
        group: a group's name, or the selector of groups in the plan; None if the field has only one schedule.

    Raises:
        InvalidArgument: the schedule reacts to metrics, `source` is not a schedule, or `field` is passed without a
            plan.
        PlanError: the selection is ambiguous, or the schedule's clock does not count updates.
        Unresolved: `facts` is None, and a length is missing or not in updates.
    """
    if isinstance(source, FORMS) and not isinstance(source, (Schedule, MetricRule)) and not is_line(source):
        source = plan_in_run(source, "ps.to_lambda", facts)
    if isinstance(source, Plan):
        line = _chosen_line(source.resolve(facts=facts), field, group)
        _refuse_metric(line.schedule)
        return line.schedule, line.field.initial if isinstance(line.field, Target) else None
    if field is not None or group is not None:
        site = f"to_lambda({shown(source)}, field={field!r}, group={shown(group)})"
        raise InvalidArgument(site, "field and group select a schedule of a plan; leave them out for a schedule")
    schedule = parse(source) if isinstance(source, str) else source
    _refuse_metric(schedule)
    written = schedule_of(schedule, lambda: f"to_lambda({shown(schedule)})")
    resolved = written if facts is None else resolve(written, facts=facts)
    if not resolved.is_resolved:
        message = "the schedule has a length that is missing or not in updates"
        write = "ps.to_lambda(schedule, total=10_000, steps_per_epoch=100)"
        raise InvalidArgument(f"to_lambda({short_line(written)})", message, example=write)
    return resolved, None


def _refuse_metric(schedule: Any) -> None:
    if isinstance(schedule, MetricRule) or (isinstance(schedule, Schedule) and schedule.metric_rules):
        message = f"{short_line(schedule)} reacts to a metric, but the function only receives the update"
        raise InvalidArgument("to_lambda(…)", message, "Use ps.Scheduler(optimizer, plan)")


def _chosen_line(plan: Plan, field: str | None, group: str | int | None) -> Binding:
    """Return the line of a resolved plan that `field` and `group` select."""
    site = (
        f"to_lambda(plan{'' if field is None else f', field={field!r}'}{'' if group is None else f', group={group!r}'})"
    )
    lines = _lines_of_field(plan, field, site)
    if group is None:
        return _only_line(lines, site)
    line = _line_of_group(lines, group)
    if line is None:
        message = f"{_selectors_text(lines)}; the line of {shown(group)} cannot be determined"
        raise UnknownGroup(site, message, _BY_NAME)
    return line


def _lines_of_field(plan: Plan, field: str | None, site: str) -> dict[Selector, Binding]:
    """Return the lines of a field by their selectors, or those of the only field of the plan."""
    names = list(dict.fromkeys(line.name for line in plan.bindings))
    if field is None and len(names) > 1:
        message = f"the plan schedules {', '.join(names)}; the function needs one of them"
        raise PlanError(site, message, f'For example: field="{names[0]}"')
    name = names[0] if field is None else field
    lines = {line.groups: line for line in plan.bindings if line.name == name}
    if not lines:
        raise UnknownField(
            site, f"unknown field {shown(name)}; {did_you_mean(str(name), names)}", f'For example: field="{names[0]}"'
        )
    if plan.clock != UPDATES:
        message = f"the clock of {name} counts {plan.clock}, but the function only receives updates"
        raise PlanError(site, message, "Leave the plan's clock out: the run facts convert lengths into updates")
    return lines


def _only_line(lines: Mapping[Selector, Binding], site: str) -> Binding:
    """Return the line of a field if it has only one."""
    if len(lines) == 1:
        return next(iter(lines.values()))
    others = [selector for selector in lines if selector is not None]
    named = [selector for selector in others if isinstance(selector, str | int)]
    choices = [f"group={named[0]!r}"] if named else []
    if None in lines and len(named) == len(others):  # a name without a line of its own
        choices.append(f"group={'others' if 'others' not in named else 'all others'!r} for the default line")
    raise PlanError(site, _selectors_text(lines), f"Use {', or '.join(choices)}" if choices else _BY_NAME)


def _line_of_group(lines: Mapping[Selector, Binding], group: str | int) -> Binding | None:
    """Return the line of a field that a group follows; None if the group does not say which."""
    overlaps = {selector: overlap_of(group, selector) for selector in lines if selector is not None}
    for selector, overlap in overlaps.items():
        if overlap is Overlap.INSIDE:
            return lines[selector]
    return None if Overlap.UNKNOWN in overlaps.values() else lines.get(None)


def _selectors_text(lines: Mapping[Selector, Binding]) -> str:
    """Return which groups have a line of a field, for messages."""
    name = next(iter(lines.values())).name
    others = [selector_text(selector) for selector in lines if selector is not None]
    return f"{name} has a line for {', '.join(others)}{' and a default line for all other groups' * (None in lines)}"


_BY_NAME = 'Select groups by name in the plan, and write group="head"'


@final
@dataclass(frozen=True)
class LrLambda:
    """factor(t) = schedule(t), or schedule(t, base) / base if there is a base.

    Args:
        schedule: a schedule with every length in updates.
        base: the learning rate that the factors multiply; None if the factors do not depend on it.
    """

    # LambdaLR saves the `__dict__` of its function. Here it is empty, so that a checkpoint contains only the count, and
    # can be loaded with `weights_only=True`. After a resume the schedule comes from the code.
    __slots__ = ("__dict__", "__weakref__", "base", "schedule")

    schedule: Schedule
    base: float | None

    def __call__(self, t: int) -> float:
        if self.base is None:
            return self.schedule(t)
        return self.schedule(t, self.base) / self.base

    def __reduce__(self) -> Reduced:
        return pickled("to_lambda", self.schedule, self.base)

    def __repr__(self) -> str:
        return f"<to_lambda({short_line(self.schedule)})>"


restores("to_lambda")(LrLambda)


@readable
@answering
def to_lambda(
    schedule: PlanLike | Absolute | float,
    *,
    facts: RunFacts | None = None,
    base: float | None = None,
    field: str | None = None,
    group: str | int | None = None,
    **run_facts: Unpack[Facts],
) -> LrLambda:
    """Convert a schedule to a function from the update to a multiple of base, for torch's `LambdaLR`.

    Pass the function to `LambdaLR(optimizer, ps.to_lambda("cosine(over=1000)"))`. Such a scheduler also works in
    Lightning's `configure_optimizers` and in the Trainer's `optimizers=(optimizer, scheduler)`. Each call of its
    `step()` counts as one update. The function can be pickled and copied, and adds no data to a checkpoint.

    Args:
        schedule: a schedule, a number, a line of text, or a plan. If a plan has several schedules, select one by
            `field` and `group`.
        facts: the run facts as one object, in place of keywords.
        base: the learning rate that the factors multiply. Required for absolute levels, `absolute(…)`; base times
            factor then equals the level, except for one rounding. For the schedule of a target, the default is its
            initial value.
        field: the field, or the name of a target, whose schedule is converted. By default the only one of the plan.
        group: the groups whose schedule is converted: a group's name, or the selector in the plan. If a group has no
            schedule of its own, the default schedule of the field is converted.
        run_facts: the run facts, as in `ps.Scheduler`: `total=10_000`. Required if a length is missing, or is not in
            updates.

    Raises:
        InvalidArgument: the schedule reacts to metrics, has a length that is not in updates, or needs a base.
        PlanError: the selection in the plan is ambiguous or unknown, or the plan's clock does not count updates.

    >>> factor = to_lambda("warmup('10%') >> cosine(to=0.1)", total=100)
    >>> factor(5), factor(10), factor(100)
    (0.5, 1.0, 0.1)
    >>> to_lambda("constant(absolute(0.25))", base=0.5)(0)
    0.5
    >>> lr = "warmup('10%') >> cosine(to=0.1)"
    >>> plan = Plan(lr=lr, weight_decay="linear(to=0.5)", total=100)
    >>> to_lambda(plan, field="weight_decay")(50)
    0.75
    """
    known = facts_if_passed("to_lambda(schedule)", facts, run_facts)
    resolved, initial = _handed_schedule(schedule, known, field, group)
    needs_base = resolved.has_absolute or not scales_with_base(resolved)
    if base is None and needs_base:
        base = initial
    if base is not None:
        number = finite_number(CallSite("to_lambda", "base"), base)
        if number == 0:
            raise InvalidArgument(CallSite("to_lambda", "base", "0"), "base must not be 0", "For example: 0.1")
        return LrLambda(resolved, number)
    if needs_base:
        message = "the schedule has absolute levels, so the factors depend on base, the lr of the optimizer"
        raise InvalidArgument(f"to_lambda({short_line(resolved)})", message, "For example: base=0.1")
    return LrLambda(resolved, None)


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
        key: _Curve(values, schedule, clock, TraceBase(base, share))
        for key, values, schedule, clock, base, share in curves
    }
    return Trace(facts, by_key, TracedTimes(*times), resolved, indices, optimizers)
