"""Slots: the places in an optimizer's groups that a plan writes, with their bases."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from paramsched._arrays import Floats
from paramsched.feedback.base import MetricRule
from paramsched.fields import Field, base_of, label
from paramsched.plan import Plan, bind
from paramsched.scheduler._keys import Group, base_key
from paramsched.schedules import Schedule
from paramsched.schedules._value import Value
from paramsched.schedules.base import columns, evaluate

States = Mapping[MetricRule[Any], Any]


@final
@dataclass(frozen=True, slots=True)
class Slot:
    """One field of one group: where it is, the schedule it follows, the base the schedule is a multiple of."""

    group: int
    name: str
    field: Field
    schedule: Schedule
    base: float


def slots_of(plan: Plan, groups: list[Group], bases: Mapping[tuple[int, str], float] | None = None) -> tuple[Slot, ...]:
    """The slots of a resolved plan; bases are those given, else recorded, else the group's own values.

    Raises:
        PlanError: a group or a field that is not there.
    """
    return tuple(
        Slot(index, bound.name, bound.field, bound.schedule, _base(bound.field, group, index, bases or {}))
        for index, (group, bounds) in enumerate(zip(groups, bind(plan, groups), strict=True))
        for bound in bounds
    )


def _base(field: Field, group: Group, index: int, bases: Mapping[tuple[int, str], float]) -> float:
    given = bases.get((index, field.slot))
    if given is None:
        given = group.get(base_key(field))
    if given is None:
        given = field.read(group)
    where = f"{field} of group {label(group, index)!r}"
    return base_of(where, given.detach() if isinstance(given, torch.Tensor) else given)


def values_of(schedule: Schedule, times: Any, base: float, states: States) -> Floats:
    """The values of a schedule for one base, with what its metric rules make of them."""
    values = evaluate(schedule, times, base)
    for rule in schedule.metric_rules:
        values = rule.apply(states[rule], values, base)
    return values


def values_at(slots: Iterable[Slot], t: int, states: States) -> list[float]:
    """Each slot's value at one update. What slots share is computed once: the columns of a schedule, not its bases."""
    times = np.array([t])
    shared: dict[int, Value | None] = {}  # by identity: groups of one binding hold the same schedule
    found = []
    for slot in slots:
        schedule = slot.schedule
        if id(schedule) not in shared:
            shared[id(schedule)] = _columns_at(schedule, times)
        value = shared[id(schedule)]
        one = values_of(schedule, times, slot.base, states)[0] if value is None else value.at(slot.base)
        found.append(float(one))
    return found


def _columns_at(schedule: Schedule, times: Any) -> Value | None:
    """The columns at a single update as numbers; None where a base or a metric has its own way."""
    if not schedule.affine or schedule.metric_rules:
        return None
    value = columns(schedule, times)
    return Value(*(None if c is None else float(np.broadcast_to(c, (1,))[0]) for c in (value.factor, value.offset)))
