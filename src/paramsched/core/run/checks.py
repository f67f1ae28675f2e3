"""Errors and warnings of a start: values that an optimizer cannot use, and probable mistakes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil, inf
from typing import NamedTuple, final

import numpy as np

from paramsched.core.base.codes import BASE_OF_ZERO, FACTOR_IN_GROUP, GROUPS_MADE_EQUAL, GROWS, LEVEL_AS_VALUE
from paramsched.core.base.problem import Problem
from paramsched.core.curves.arrays import Array
from paramsched.core.fields import is_number
from paramsched.core.plan import selector_text
from paramsched.core.plan.binding import UPDATES, Binding, binding_key
from paramsched.core.plan.lines import Line, UpdateTimes, by_group
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import MAX_CONSUMED, RunAmounts
from paramsched.core.plan.value_ranges import (
    BELOW_ONE_ADVICE,
    ValueRange,
    end_of_values,
    first_outside,
    range_of,
    with_floor,
)
from paramsched.core.rules.usual import has_nothing_to_ask
from paramsched.core.run.processes import Processes
from paramsched.core.run.state import Group
from paramsched.core.run.values import LR
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.evaluation import MAX_LENGTH, evaluate
from paramsched.core.schedules.own import has_open_function, require_values_until
from paramsched.core.time.amounts import amount_text, counts_in_unit, counts_whole, largest_on, times_on
from paramsched.errors import InvalidArgument, MissingFact, PlanError

_WITHOUT_END = 2**20  # updates of a run without a total whose schedule has no end
_AMOUNTS = 65_536  # evaluated if the amounts of the updates are unknown


def refuse_values_outside(
    in_force: ResolvedPlan, lines: Iterable[Line], labels: Sequence[str | int], now: UpdateTimes
) -> None:
    """Raise if the value of a field will be outside of its range, such as a beta of 1 or a negative rate.

    The bounds of a schedule for all of its bases decide in most cases. Otherwise its values for the lowest and the
    highest base decide. Targets are not checked. Metric rules may change all values but the next one. What was
    found inside is not checked again for the same plan and bases.

    Args:
        in_force: the plan.
        lines: the lines of some groups.
        labels: the label of each group.
        now: the time of the coming update.

    Raises:
        PlanError: a value is outside of its range at an update from the coming one to the end of the plan.
        InvalidArgument: a function of the user has no value for the last update of the plan.
    """
    if in_force.unit is None and in_force.total is not None and now.first < in_force.total:
        for binding in in_force.counted.bindings:
            require_values_until(binding.schedule, in_force.total)
    for line in lines:
        allowed = range_of(line.name)
        if allowed is None:
            continue
        low, high = min(line.bases), max(line.bases)
        key = id(line.schedule), line.name, line.clock, low, high
        if in_force.inside.get(key, inf) <= now.first:
            continue
        found = [(base, _first_outside(in_force, line, base, allowed, now)) for base in dict.fromkeys((low, high))]
        outside = [(base, one) for base, one in found if one is not None]
        if outside:
            base, (_, value, when) = min(outside, key=lambda pair: pair[1].at)
            raise PlanError(
                f"{line.field} of group {labels[line.groups[line.bases.index(base)]]!r}",
                f"it {allowed.problem(value)}: it is {value:g} at {when}",
                with_floor(_written(in_force, line)) if value < 0 else BELOW_ONE_ADVICE,
            )
        if line.clock == UPDATES and not line.schedule.metric_rules:
            in_force.inside[key] = now.first


def _written(in_force: ResolvedPlan, line: Line) -> Schedule:
    """Return the schedule of a line as the plan has it; the resolved one if the plan has another line for it."""
    keys = [binding_key(one) for one in in_force.counted.bindings if one.schedule is line.schedule]
    return next((one.schedule for one in in_force.plan.bindings if binding_key(one) in keys), line.schedule)


@final
class _Outside(NamedTuple):
    """The first update or amount with a value outside of a range, the value, and the words for the time."""

    at: float
    value: float
    when: str


def _first_outside(
    in_force: ResolvedPlan, line: Line, base: float, allowed: ValueRange, now: UpdateTimes
) -> _Outside | None:
    if in_force.total is None and has_open_function(line.schedule):
        return None  # the updates of the run are unknown, and a function is only called for these
    try:
        times_of, end = _times_to_end(in_force, line, now)
        found = first_outside(line.schedule, allowed, base, times_of, now.first, end)
    except MissingFact:  # the amounts of the updates are known only during the run
        return _amount_outside(in_force, line, base, allowed, now)
    return None if found is None else _Outside(*found, f"update {found[0]}")


def _times_to_end(in_force: ResolvedPlan, line: Line, now: UpdateTimes) -> tuple[Callable[[Array], Array], int]:
    """Return a function from updates to times on the clock of a line, and the update at which the plan ends.

    Raises:
        MissingFact: the amounts of the updates are unknown.
    """
    amounts = in_force.amounts
    if amounts is None or line.clock == UPDATES:
        end, held = in_force.total, end_of_values(line.schedule)
        return lambda updates: updates, end or held or now.first + _WITHOUT_END
    total = in_force.total
    if total is None:
        held = end_of_values(line.schedule)
        total = (
            now.first + _WITHOUT_END
            if held is None
            else amounts.updates_until(Fraction(held, counts_in_unit(line.clock)))
        )
    start = amounts.amount_at(now.first)
    return _times_of_amounts(amounts, line.clock, now.first, start if now.amounts is None else now.amounts), total


def _times_of_amounts(amounts: RunAmounts, clock: str, first: int, start: float | Array) -> Callable[[Array], Array]:
    def times_of(updates: Array) -> Array:
        run = amounts.amounts_at(updates, first, start)
        if run.dtype.kind not in "if":  # integers of more than 64 bits
            found = f"more than {MAX_CONSUMED:.0e} {amounts.clock} before update {updates[-1]}"
            raise InvalidArgument("the amounts of the run", found, "Plan smaller sizes, or a shorter run")
        return UpdateTimes(first, run, len(updates)).on_clock(clock)

    return times_of


def _amount_outside(
    in_force: ResolvedPlan, line: Line, base: float, allowed: ValueRange, now: UpdateTimes
) -> _Outside | None:
    """Return the first amount at which a line is outside of its range.

    An update may skip a few amounts, so the value must be outside for a tenth of the run, or at the coming update.
    """
    start, end = now.amounts or 0, largest_on(line.clock)
    if end == inf:
        total = in_force.counted.total
        held = end_of_values(line.schedule) if total is None else ceil(total.terms[0][1])
        end = start + _WITHOUT_END if held is None else held / counts_in_unit(line.clock)
    amounts = np.linspace(start, max(start, end), _AMOUNTS, endpoint=False)
    if counts_whole(line.clock):
        amounts = np.unique(np.rint(amounts).astype(np.int64))
    if line.schedule.metric_rules:
        amounts = amounts[:1]
    values = evaluate(line.schedule, times_on(line.clock, amounts), base)
    bad = np.concatenate([[False], allowed.outside(values, base), [False]])
    begins, ends = np.flatnonzero(~bad[:-1] & bad[1:]), np.flatnonzero(bad[:-1] & ~bad[1:])
    for begin, past in zip(begins, ends, strict=True):
        if begin == 0 or past - begin >= amounts.size / 10:
            amount = amounts[begin].item()
            return _Outside(amount, float(values[begin]), amount_text(line.clock, amount))
    return None


def report_unlikely_values(
    parts: Sequence[tuple[Sequence[Line], list[Group], Sequence[str | int]]],
    in_force: ResolvedPlan,
    processes: Processes,
    *,
    counts_of_user: bool = True,
) -> None:
    """Warn of all probable mistakes and of a second warmup in a run that has written nothing yet.

    Args:
        parts: the lines, the groups and their labels, of each optimizer.
        in_force: the plan.
        processes: the processes that train together.
        counts_of_user: False if an engine counts the updates of the run.
    """
    keys = {binding_key(line): id(line.schedule) for line in in_force.counted.bindings}
    groups_of: dict[tuple[str, int | None], list[tuple[str | int, float]]] = {}
    for lines, _, labels in parts:
        for line in lines:
            groups = groups_of.setdefault((line.name, id(line.schedule)), [])
            groups += [(labels[index], base) for index, base in zip(line.groups, line.bases, strict=True)]

    def groups_of_line(line: Binding) -> Sequence[tuple[str | int, float]]:
        return groups_of.get((line.name, keys.get(binding_key(line))), ())

    plan, facts, counted = in_force.plan, in_force.facts, in_force.counted
    mistakes: Iterable[tuple[Binding | None, Problem]] = ()
    if not has_nothing_to_ask(plan, counted, facts, groups_of_line):
        from paramsched.core.rules.driver import probable_mistakes  # a tenth of the first start of a process

        mistakes = probable_mistakes(plan, facts, groups_of_line, counted=counted, counts_of_user=counts_of_user)
    for binding, found in mistakes:
        names: list[str] = []
        if binding is not None:
            names += [] if found.code in _NAMING_THE_FIELD or binding.name == "lr" else [binding.name]
            names += [] if binding.groups is None else [f"group {selector_text(binding.groups)}"]
        processes.warn(Problem(code=found.code, found=found.found, site=" of ".join(names), advice=found.advice))
    for warned in (_second_warmup(parts), *_factors_in_groups(parts)):
        if warned is not None:
            processes.warn(warned)


_NAMING_THE_FIELD = (LEVEL_AS_VALUE, GROWS, BASE_OF_ZERO, GROUPS_MADE_EQUAL)
"""Codes of problems whose text names the field."""


def _second_warmup(of_groups: Sequence[tuple[Sequence[Line], list[Group], Sequence[str | int]]]) -> Problem | None:
    """Return a warning if an optimizer warms up a rate that the plan warms up too; None otherwise."""
    for lines, groups, labels in of_groups:
        for index, line, base in by_group(one for one in lines if one.field == LR):
            steps = groups[index].get("warmup_steps")
            if steps is None or not is_number(steps) or steps <= 0 or not base:
                continue
            values = evaluate(line.schedule, _first_times(line.schedule), base) / base
            if values[0] < 1 and values[0] < values.max():
                found = (
                    f"group {labels[index]!r} has warmup_steps={steps:g}, and the plan begins at {values[0]:g} × "
                    "base: the optimizer multiplies the planned lr by a warmup of its own"
                )
                instead = "Construct the optimizer with warmup_steps=0, or begin the plan at base"
                return Problem(found=found, advice=instead)
    return None


_FACTOR_NAMES = {"lr": ("lr", "learning_rate"), "weight_decay": ("wd", "weight_decay", "decay")}
_FACTORS = {
    field: tuple(f"{name}_{word}" for name in names for word in ("scale", "mult", "multiplier", "factor"))
    for field, names in _FACTOR_NAMES.items()
}
"""Entries of groups by which other programs multiply a field: timm, MAE, BEiT, DINOv2. Some Muons apply `lr_mul`."""


def _factors_in_groups(
    of_groups: Sequence[tuple[Sequence[Line], list[Group], Sequence[str | int]]],
) -> Iterator[Problem]:
    """Yield a warning for each planned field with groups whose factors differ and whose bases are equal."""
    for lines, groups, labels in of_groups:
        entries = set[str]().union(*groups)
        for field, factor_names in _FACTORS.items():
            keys = [key for key in factor_names if key in entries]
            mine = by_group(line for line in lines if line.name == field) if keys else []
            for key in keys:
                factors: dict[float, dict[float, str | int]] = {}  # the label of a group by base and factor
                for index, _, base in mine:
                    if base and is_number(factor := groups[index].get(key, 1.0)):
                        factors.setdefault(base, {}).setdefault(float(factor), labels[index])
                base, several = max(factors.items(), key=lambda one: len(one[1]), default=(0.0, {}))
                if len(several) < 2:
                    continue
                shown = ", ".join(f"{factor:g} in group {name!r}" for factor, name in [*several.items()][:3])
                found = f"{key} is {shown}, but their {field} is {base:g}: the plan does not multiply it by {key}"
                line = f'for group in optimizer.param_groups: group["{field}"] *= group.get("{key}", 1)'
                yield Problem(code=FACTOR_IN_GROUP, found=found, advice=f"Before the Scheduler is constructed: {line}")
                break


_FIRST = 64  # times that are evaluated one after another, and as many up to the end of a schedule


def _first_times(schedule: Schedule) -> Array:
    """Return times from the beginning of a resolved schedule to its end, among them the first 64."""
    held = schedule.piece.held
    end = _FIRST if held is None else min(ceil(held), MAX_LENGTH)
    return np.unique(np.append(np.arange(_FIRST), np.linspace(0, end, _FIRST).astype(np.int64)))
