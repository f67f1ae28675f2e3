"""Refusals of values that leave the range of their field."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil, inf, isfinite
from typing import NamedTuple, final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.groups.fields import Field
from paramsched.core.plan.binding import Target, binding_key
from paramsched.core.plan.lines import (
    FINITE,
    BoundLine,
    RuleStates,
    UpdateRange,
    ValueRange,
    end_of_values,
    first_outside,
    range_of,
)
from paramsched.core.plan.messages.lines import BELOW_ONE_ADVICE, FLOOR_ADVICE, limit_advice
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import RunAmounts
from paramsched.core.run.messages import values as messages
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.span import evaluate
from paramsched.core.schedules.user_shapes import has_open_function, require_values_until
from paramsched.core.time.duration import amount_text, counts_in_unit, counts_whole, largest_on, times_on
from paramsched.core.time.run_facts import UPDATES
from paramsched.errors import MissingFact

_WITHOUT_END = 2**20  # updates of a run without a total whose schedule has no end


_AMOUNTS = 65_536  # evaluated if the amounts of the updates are unknown


def refuse_values_outside(
    in_force: ResolvedPlan, lines: Iterable[BoundLine], labels: Sequence[str | int], now: UpdateRange
) -> None:
    """Raise if a value will be outside of its range, such as a beta of 1, a negative rate or an infinite target.

    The values of a schedule for the lowest and the highest base decide. Metric rules may change all values but the next
    one. What was found inside is not checked again for the same plan and bases. The values that an update uses after
    the updates that are known here are checked before it (`Run.refuse_not_finite`).

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
    for line in (*lines, *_target_lines(in_force.counted)):
        allowed = range_of(line.name) if line.groups else None
        allowed = allowed or FINITE
        key = id(line.schedule), line.name, line.clock, min(line.bases), max(line.bases)
        if in_force.inside.get(key, inf) <= now.first:
            continue
        outside = _outside_by_base(in_force, line, allowed, now)
        if outside:
            if all(_may_be_unused(in_force, line, first) for first in outside.values()):
                continue
            base = min(outside, key=lambda base: outside[base].at)
            value = outside[base].value
            advice = _advice_for(in_force, line, value)
            place = _place(line, base, labels)
            raise messages.outside_of_range(place, allowed.problem(value), value, outside[base].when, advice)
        if line.clock == UPDATES and not line.schedule.metric_rules:
            in_force.inside[key] = now.first


def _outside_by_base(
    in_force: ResolvedPlan, line: BoundLine, allowed: ValueRange, now: UpdateRange
) -> dict[float, "_OutsideValue"]:
    """Return the first value of a line outside of a range, by its lowest and highest base, if there is one."""
    outside: dict[float, _OutsideValue] = {}
    for base in dict.fromkeys((min(line.bases), max(line.bases))):
        first = _first_outside(in_force, line, base, allowed, now)
        if first is not None:
            outside[base] = first
    return outside


def _advice_for(in_force: ResolvedPlan, line: BoundLine, value: float) -> str:
    """Return the fragment for a value of a line outside of its range."""
    if not isfinite(value):
        return limit_advice(_written(in_force, line), value)
    return FLOOR_ADVICE if value < 0 else BELOW_ONE_ADVICE


def refuse_not_finite(
    in_force: ResolvedPlan,
    lines: Sequence[BoundLine],
    labels: Sequence[str | int],
    now: UpdateRange,
    states: RuleStates,
) -> None:
    """Raise for the first value of an update that is not finite, in the lines of an optimizer.

    Args:
        in_force: the plan.
        lines: the lines of some groups; none for the targets of the plan.
        labels: the label of each group.
        now: the time of the update.
        states: the states of the metric rules.

    Raises:
        PlanError: as `refuse_values_outside`.
    """
    values: dict[tuple[BoundLine, float], float] = {}
    for line in lines or _target_lines(in_force.counted):
        for base in dict.fromkeys(line.bases):
            values[line, base] = replace(line, groups=(0,), bases=(base,)).values_at(now, states)[0]
    # If all numbers are finite, the largest one is not in the dtype of its tensor.
    line, base = max(values, key=lambda place: abs(values[place]) if isfinite(values[place]) else inf)
    value = values[line, base]
    error = messages.not_finite_in_dtype if isfinite(value) else messages.not_finite
    raise error(_place(line, base, labels), value, now.first, limit_advice(_written(in_force, line), value))


def _place(line: BoundLine, base: float, labels: Sequence[str | int]) -> str:
    if not line.groups:
        return messages.target_place(line.name)
    return messages.group_place(line.field, labels[line.groups[line.bases.index(base)]])


def _target_lines(plan: Plan) -> list[BoundLine]:
    """Return a line without groups for each target that changes with the updates."""
    return [
        BoundLine(binding.name, Field(binding.name, None), binding.schedule, plan.clock, (), (binding.field.initial,))
        for binding in plan.bindings
        if isinstance(binding.field, Target)
    ]


def _written(in_force: ResolvedPlan, line: BoundLine) -> Schedule:
    """Return the schedule of a line as the plan has it; the resolved one if the plan has another line for it."""
    keys = [binding_key(binding) for binding in in_force.counted.bindings if binding.schedule is line.schedule]
    return next((binding.schedule for binding in in_force.plan.bindings if binding_key(binding) in keys), line.schedule)


@final
class _OutsideValue(NamedTuple):
    """The first update or amount with a value outside of a range, the value, and the words for the time.

    `is_next` is True for the coming update.
    """

    at: float
    value: float
    when: str
    is_next: bool


def _first_outside(
    in_force: ResolvedPlan, line: BoundLine, base: float, allowed: ValueRange, now: UpdateRange
) -> _OutsideValue | None:
    if in_force.total is None and has_open_function(line.schedule):
        return None  # the updates of the run are unknown, and a function is only called for these
    if not line.groups and line.clock != UPDATES:  # the amounts of a run, which its sizes decide, take time
        return None
    try:
        times_of, end = _times_to_end(in_force, line, now)
        first = first_outside(line.schedule, allowed, base, times_of, now.first, end)
        return None if first is None else _OutsideValue(*first, f"update {first[0]}", is_next=first[0] == now.first)
    except MissingFact:  # the amounts of the updates are known only during the run
        return _amount_outside(in_force, line, base, allowed, now)


def _may_be_unused(in_force: ResolvedPlan, line: BoundLine, outside: _OutsideValue) -> bool:
    """Return whether perhaps no update uses a value: growth without end in a run whose end is unknown."""
    if isfinite(outside.value) or outside.is_next or in_force.length is not None:
        return False
    return end_of_values(line.schedule) is None


def _times_to_end(in_force: ResolvedPlan, line: BoundLine, now: UpdateRange) -> tuple[Callable[[Array], Array], int]:
    """Return a function from updates to times on the clock of a line, and the update at which the plan ends.

    Raises:
        MissingFact: the amounts of the updates are unknown.
    """
    amounts = in_force.amounts
    if amounts is None or line.clock == UPDATES:
        end = in_force.total
        held = end_of_values(line.schedule)
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
            raise messages.amounts_are_too_large(amounts.clock, int(updates[-1]))
        return UpdateRange(first, run, len(updates)).on_clock(clock)

    return times_of


def _amount_outside(
    in_force: ResolvedPlan, line: BoundLine, base: float, allowed: ValueRange, now: UpdateRange
) -> _OutsideValue | None:
    """Return the first amount at which a line is outside of its range.

    An update may skip a few amounts, so the value must be outside for a tenth of the run, or at the coming update.
    """
    start = now.amounts or 0
    end = largest_on(line.clock)
    if end == inf:
        total = in_force.length
        held = end_of_values(line.schedule) if total is None else ceil(total.terms[0][1])
        end = start + _WITHOUT_END if held is None else held / counts_in_unit(line.clock)
    amounts = np.linspace(start, max(start, end), _AMOUNTS, endpoint=False)
    if counts_whole(line.clock):
        amounts = np.unique(np.rint(amounts).astype(np.int64))
    if line.schedule.metric_rules:
        amounts = amounts[:1]
    values = evaluate(line.schedule, times_on(line.clock, amounts), base)
    bad = np.concatenate([[False], allowed.outside(values, base), [False]])
    begins = np.flatnonzero(~bad[:-1] & bad[1:])
    ends = np.flatnonzero(bad[:-1] & ~bad[1:])
    for begin, past in zip(begins, ends, strict=True):
        if begin == 0 or past - begin >= amounts.size / 10:
            amount = amounts[begin].item()
            return _OutsideValue(amount, float(values[begin]), amount_text(line.clock, amount), is_next=begin == 0)
    return None
