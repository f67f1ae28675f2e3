"""The differences between two plans."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from types import MappingProxyType
from typing import Any, TypeAlias, Unpack, final

import numpy as np

from paramsched.base.params import readable
from paramsched.base.words import printable, text_on_screen
from paramsched.core.calls.checked_calls import answering
from paramsched.core.calls.lazy_imports import notebook_display
from paramsched.core.calls.number_checks import finite_number
from paramsched.core.curves.arrays import Array
from paramsched.core.plan.binding import Binding, Target, selector_text
from paramsched.core.plan.likes import targets_followed, with_followed_lines
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.plan_forms import PlanLike, plan_in_run
from paramsched.core.plan.resolution import amounts_of_run, counted_plan, updates_of_total
from paramsched.core.plan.run_amounts import Amount, ReportedAmounts, RunAmounts
from paramsched.core.schedules.cost import cost_of_value
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.span import MAX_LENGTH, evaluate
from paramsched.core.time.duration import PROGRESS, WHOLE, amount_text, counts_in_unit, times_on
from paramsched.core.time.run_facts import UPDATES, Facts, RunFacts, facts_if_passed
from paramsched.errors import MissingFact, PlanError


@final
@dataclass(frozen=True, slots=True)
class ChangedLine:
    """One difference.

    Args:
        what: the field (with its selector), the target, `"total"` or `"clock"`.
        before, after: the text of this field, target, total or clock in each plan; None if the plan lacks it. The
            texts are equal for a line that has not changed itself, but follows a changed target.
        when: the first time at which the values differ; None without run facts, or if one plan lacks the field. A
            float on the clock of progress.
        by: the largest difference; 0 if the values of two lines are the same at each update; None if that is unknown.
        name: `what` without its selector.
        unit: the unit of `when`: updates, or the clock of the field if the consumption of an update is unknown.
        base: the base of the compared values; None if `by` is a multiple of base.
    """

    what: str
    before: str | None
    after: str | None
    when: Amount | None = None
    by: float | None = None
    name: str = field(default="", repr=False, compare=False)
    unit: str = UPDATES
    base: float | None = None

    def __str__(self) -> str:
        if self.before == self.after:
            text = f"{self.what}: {self.before} (follows a changed target)"
        else:
            text = f"{self.what}: {self.before or '(nothing)'} -> {self.after or '(nothing)'}"
        if self.when is not None:
            start = f"update {self.when}" if self.unit == UPDATES else amount_text(self.unit, self.when)
            unit = " x base" if self.base is None else ""
            text += f"  [from {start}, by up to {self.by:.6g}{unit}]"
        elif self.by == 0:
            text += "  [the same values]"
        return printable(text)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Diff:
    """The changes from one plan to another; empty, and therefore false, for equal plans."""

    changes: tuple[ChangedLine, ...]

    def __iter__(self) -> Iterator[ChangedLine]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        return "\n".join(str(change) for change in self.changes)

    def __repr__(self) -> str:
        return text_on_screen(f"<Diff {'; '.join(map(str, self.changes)) or 'without a change'}>")

    _repr_mimebundle_ = notebook_display


@readable
@answering
def diff(
    a: PlanLike,
    b: PlanLike,
    *,
    bases: Mapping[str, float] = MappingProxyType({}),
    facts: RunFacts | None = None,
    **run_facts: Unpack[Facts],
) -> Diff:
    """Compare two plans, and return the changes from `a` to `b`.

    Args:
        a, b: the plans.
        bases: the bases with which values are compared, by name or by name and selector: `{"lr": 0.1, "lr @ head": 1}`.
            Without a base, multiples are compared, so a line in values must have one.
        facts: the run facts as one object, in place of keywords.
        run_facts: the run facts, as in `ps.Scheduler`. With them, each change also has the first update at which the
            values differ, and the largest difference. For runs with more than 10,000,000 values only a sample is
            compared, and for runs of unknown length the first 20,000 updates.

    Returns:
        An iterable of changes; empty for equal plans.

    >>> print(diff(Plan(lr=cosine(to=0.1)), Plan(lr=cosine(to=0.2)), total=10))
    lr: cosine(to=0.1) -> cosine(to=0.2)  [from update 1, by up to 0.0975528 x base]
    >>> print(diff(Plan(lr=constant()), Plan(lr="absolute(0.2)"), total=10, bases={"lr": 0.1}))
    lr: constant() -> constant(absolute(0.2))  [from update 0, by up to 0.1]
    """
    facts = facts_if_passed("diff(a, b)", facts, run_facts)
    bases = {name: finite_number(f"bases[{name!r}]", base) for name, base in bases.items()}
    facts = RunFacts() if facts is None and bases else facts
    a = plan_in_run(a, "ps.diff", facts)
    b = plan_in_run(b, "ps.diff", facts)
    if a == b:
        return Diff(())
    lines = {_key_of(binding): binding for binding in a.bindings}
    new_lines = {_key_of(binding): binding for binding in b.bindings}
    targets = _targets_by_key(a)
    new_targets = _targets_by_key(b)
    differing = [
        key
        for key in lines.keys() | new_lines.keys()
        if _compared_parts(lines.get(key), targets) != _compared_parts(new_lines.get(key), new_targets)
    ]
    differ = None if facts is None else _comparison(a, b, facts, _MAX_COMPARED // max(len(differing), 1))
    changes = list[ChangedLine]()
    if a.clock != b.clock:
        changes.append(ChangedLine("clock", a.clock, b.clock, name="clock"))
    if a.total != b.total:
        changes.append(ChangedLine("total", _text_of_total(a), _text_of_total(b), name="total"))
    for key in sorted(differing, key=str):
        name, _, groups = key
        what = name if groups is None else f"{name} @ {selector_text(groups)}"
        before = _text_of(lines.get(key))
        after = _text_of(new_lines.get(key))
        base = bases.get(what, bases.get(name))
        difference = None
        if differ is not None and before is not None and after is not None:
            difference = differ(key, 1.0 if base is None else base)
        when, by, unit = difference or (None, None, UPDATES)
        changes.append(ChangedLine(what, before, after, when, by, name=name, unit=unit, base=base))
    return Diff(tuple(changes))


def _text_of_total(plan: Plan) -> str | None:
    return None if plan.total is None else str(plan.total)


def _compared_parts(binding: Binding | None, targets: Mapping[Any, list[Schedule]]) -> Any:
    """Return the parts of a line that determine its values: its schedule, its base, and the targets it follows."""
    if binding is None:
        return None
    initial = binding.field.initial if isinstance(binding.field, Target) else None
    return binding.schedule, initial, binding.optional, targets.get(_key_of(binding))


def _key_of(binding: Binding) -> Any:
    return binding.name, isinstance(binding.field, Target), binding.groups


def _targets_by_key(plan: Plan) -> dict[Any, list[Schedule]]:
    """Return a dict from the key of each line to the targets that it follows, directly or through other lines."""
    try:
        lines = with_followed_lines(plan.bindings)
    except PlanError:  # a line that cannot be followed
        return {}
    if lines is plan.bindings:  # no line follows another
        return {}
    return {_key_of(line): targets for line in lines if (targets := list(targets_followed(line.schedule)))}


def _text_of(binding: Binding | None) -> str | None:
    if binding is None or not isinstance(binding.field, Target):
        return None if binding is None else f"{binding.schedule}{' (optional)' * binding.optional}"
    return f"{binding.field.initial!r} * {binding.schedule}"


_MAX_COMPARED = 10_000_000  # values; comparing them takes less than a second. Of more, a sample is compared
_MAX_COST = 25_000_000  # of all compared values (`cost_of_value`), of which a sample has a fifth
_BLOCK = 262_144  # updates that are compared at once, which bounds the memory
_MAX_TIMES = 20_000  # times in each of the two samples, with linear and with geometric spacing
_Difference: TypeAlias = tuple[Amount | None, float, str]
"""The first time at which the values of two plans differ, the largest difference, and the unit of that time."""
_SAME: _Difference = (None, 0.0, UPDATES)
_FirstDifference: TypeAlias = Callable[[Any, float], _Difference | None]
"""A function of the key and the base of a line. It returns None if no difference was found, but may exist."""


def _comparison(a: Plan, b: Plan, facts: RunFacts, most: int) -> _FirstDifference:
    """Return a function of the key and the base of a binding: its difference in the two plans, over the longer run."""
    resolved = [a.resolve(facts=facts), b.resolve(facts=facts)]
    schedules = [{_key_of(binding): binding.schedule for binding in counted_plan(plan).bindings} for plan in resolved]

    def lines(key: Any) -> list[tuple[Schedule, str]]:
        pairs = zip(schedules, resolved, strict=True)
        return [(by_key[key], plan.clock) for by_key, plan in pairs]

    count = 0
    try:
        runs = [amounts_of_run(plan, facts) for plan in resolved]
        totals = [updates_of_total(*pair) for pair in zip(resolved, runs, strict=True)]
        longest = max((total for total in totals if total is not None), default=_MAX_TIMES)
        if longest <= most and not any(isinstance(run, ReportedAmounts) for run in runs):
            for run in runs:
                if run is not None:
                    run.amounts_from(0, 0, min(longest, 2))  # raises if the consumption of an update is unknown
            count = longest
    except MissingFact:
        pass
    ends: dict[str, int] = {PROGRESS: WHOLE + 1}  # the last update may be at progress 1
    for plan in resolved:
        for unit, length in () if plan.total is None else plan.total.terms:
            ends[unit] = min(max(ends.get(unit, 1), ceil(length * counts_in_unit(unit))), MAX_LENGTH)
    most_times = min(max(most // 2, 64), _MAX_TIMES)

    def differ(key: Any, base: float) -> _Difference | None:
        pair = lines(key)
        cost = sum(cost_of_value(schedule, ends.get(clock, MAX_LENGTH)) for schedule, clock in pair)
        if count and count * cost <= _MAX_COST:
            return _difference_of_updates(pair, count, runs, base)
        return _difference_of_some_times(pair, ends, min(most_times, max(_MAX_COST // (20 * cost), 64)), base)

    return differ


def _difference_of_updates(
    lines: Sequence[tuple[Schedule, str]], count: int, runs: Sequence[RunAmounts | None], base: float
) -> _Difference:
    """Compare the lines of two plans at every update; `runs` have the amounts consumed before the updates."""

    def times(run: RunAmounts | None, clock: str, start: int, size: int) -> Array:
        if run is None or clock == UPDATES:
            return np.arange(start, start + size)
        return times_on(clock, run.amounts_from(start, run.amount_at(start), size))

    first = None
    by = 0.0
    schedules = [schedule for schedule, _ in lines]
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        times_of_lines = [times(run, clock, start, size) for (_, clock), run in zip(lines, runs, strict=True)]
        difference = _first_difference(schedules, times_of_lines, base)
        if difference is not None:
            place, largest = difference
            first = start + place if first is None else first
            by = max(by, largest)
    return _SAME if first is None else (first, by, UPDATES)


def _difference_of_some_times(
    lines: Sequence[tuple[Schedule, str]], ends: Mapping[str, int], count: int, base: float
) -> _Difference | None:
    """Compare the lines of two plans at a sample of times, and where their formulas change.

    `ends` maps each clock to the end of the run.
    """
    schedules = [schedule for schedule, _ in lines]
    unit, other_unit = (clock for _, clock in lines)
    if unit != other_unit or unit not in ends:
        return None  # two clocks that cannot be converted into each other
    end = ends[unit]
    spread = np.concatenate([np.linspace(0, end - 1, count), np.geomspace(1, end, count) - 1])
    edges = [min(ceil(time), end) for schedule in schedules for time in islice(schedule.planned.edges(0, end), count)]
    times = np.unique(np.concatenate([spread.astype(np.int64), np.array(edges, dtype=np.int64)]))
    times = times[times < end]
    difference = _first_difference(schedules, (times, times), base)
    if difference is None:
        return None  # other times may differ
    place, by = difference
    # In front of the first time is the last one, which leaves no time to search.
    before = int(times[place - 1])
    when = int(times[place])
    while when - before > 1:
        middle = (before + when) // 2
        time = np.array([middle])
        if _first_difference(schedules, (time, time), base) is None:
            before = middle
        else:
            when = middle
    counts = counts_in_unit(unit)
    return when if counts == 1 else when / counts, by, unit


def _first_difference(schedules: Sequence[Schedule], times: Sequence[Array], base: float) -> tuple[int, float] | None:
    """Return the first place in the times at which two schedules differ, and the largest difference; None if none."""
    first = None
    by = 0.0
    for start in range(0, times[0].size, _BLOCK):
        left, right = (
            evaluate(schedule, at[start : start + _BLOCK], base) for schedule, at in zip(schedules, times, strict=True)
        )
        with np.errstate(invalid="ignore"):
            apart = np.abs(left - right)
            if base != 1.0:  # a value and the product of base and a multiple may differ in the last bits
                apart[apart <= 4 * np.spacing(np.maximum(np.abs(left), np.abs(right)))] = 0.0
        differing = np.flatnonzero(apart != 0)
        if differing.size:
            first = start + int(differing[0]) if first is None else first
            by = float(np.nanmax([by, np.nanmax(apart)]))
    return None if first is None else (first, by)
