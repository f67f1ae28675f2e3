"""Slots: the places in an optimizer's groups that a plan writes, with their bases."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isclose, isfinite
from typing import Any, final

import numpy as np
import torch

from paramsched._arrays import Floats
from paramsched.fields import Field, base_of, label
from paramsched.plan import Plan, bind
from paramsched.scheduler._clock import RuleStates
from paramsched.scheduler._group_keys import COUNT, Group, base_key
from paramsched.scheduler._update_times import UpdateTimes
from paramsched.schedules import Schedule
from paramsched.schedules.affine import Affine
from paramsched.schedules.evaluation import columns, evaluate


@final
@dataclass(frozen=True, slots=True)
class Slot:
    """One field of one group: where it is, the schedule it follows, the base the schedule is a multiple of."""

    group: int
    name: str
    field: Field
    schedule: Schedule
    base: float
    by_amount: bool = False  # whether the schedule's time is an amount, not updates


def slots_of(plan: Plan, groups: list[Group], bases: Mapping[tuple[int, str], float] | None = None) -> tuple[Slot, ...]:
    """The slots of a resolved plan without units; bases are those given, else recorded, else the group's own values.

    Raises:
        PlanError: a group or a field that is not there.
    """
    return tuple(
        Slot(
            index,
            bound.name,
            bound.field,
            bound.schedule,
            _starting_base(bound.field, group, index, bases or {}),
            bound.by_amount,
        )
        for index, (group, bounds) in enumerate(zip(groups, bind(plan, groups), strict=True))
        for bound in bounds
    )


def initial_value(field: Field, group: Group) -> Any:
    """What a scheduler that ran before left as the value a run began with: torch's `initial_lr`, and its like.

    None where there is none, or where a plan has been at work since.
    """
    return group.get(f"initial_{field.key}") if field.index is None and COUNT not in group else None


def _starting_base(field: Field, group: Group, index: int, bases: Mapping[tuple[int, str], float]) -> float:
    """The base of a slot: the given one, else the recorded one, else what an earlier scheduler or the group holds."""
    where = f"{field} of group {label(group, index)!r}"
    given = bases.get((index, field.slot))
    if given is None:
        given = group.get(base_key(field))
    if given is None and (given := initial_value(field, group)) is not None:
        where = f"initial_{where}"
    if given is None:
        given = field.read(group)
    return base_of(where, given.detach() if isinstance(given, torch.Tensor) else given)


def base_for(slot: Slot, times: UpdateTimes, states: RuleStates) -> float:
    """The base with which a slot's schedule has the value `slot.base` at an update; `slot.base` where none has.

    For a schedule that is proportional to its base that is value / f(t).
    """
    value = slot.base
    zero, one = values_at([replace(slot, base=0.0), replace(slot, base=1.0)], times, states)
    for share, rest in ((one, 0.0), (one - zero, zero)):
        base = (value - rest) / share if share and isfinite(share) else value
        if isfinite(base):
            (found,) = values_at([replace(slot, base=base)], times, states)
            if isclose(found, value, rel_tol=1e-9):
                return base
    return value


def with_base(slot: Slot, base: float) -> Slot:
    """The slot with another base; the same object where it has that base."""
    return slot if base == slot.base else replace(slot, base=base)


def bases_by_place(slots: Iterable[Slot]) -> dict[tuple[int, str], float]:
    """The base of each slot, by group and flat name of the field."""
    return {(slot.group, slot.field.slot): slot.base for slot in slots}


def values_of(schedule: Schedule, times: Any, base: float, states: RuleStates) -> Floats:
    """The values of a schedule for one base, with what its metric rules make of them."""
    values = evaluate(schedule, times, base)
    for rule in schedule.metric_rules:
        values = rule.apply(states[rule], values, base)
    return values


def values_at(slots: Iterable[Slot], times: UpdateTimes, states: RuleStates) -> list[float]:
    """Each slot's value at one update. What slots share is computed once: the columns of a schedule, not its bases."""
    shared: dict[tuple[int, bool], Affine | None] = {}  # by identity: groups of one binding hold the same schedule
    found = []
    for slot in slots:
        schedule, key = slot.schedule, (id(slot.schedule), slot.by_amount)
        mine = times.on_clock(by_amount=slot.by_amount)
        if key not in shared:
            shared[key] = _factor_and_offset(schedule, mine)
        value = shared[key]
        one = values_of(schedule, mine, slot.base, states)[0] if value is None else value.apply(slot.base)
        found.append(float(one))
    return found


def _factor_and_offset(schedule: Schedule, times: Any) -> Affine | None:
    """The columns at a single update as numbers; None where a base or a metric has its own way."""
    if not schedule.affine or schedule.metric_rules:
        return None
    value = columns(schedule, times)
    return Affine(*(None if c is None else float(np.broadcast_to(c, (1,))[0]) for c in (value.factor, value.offset)))
