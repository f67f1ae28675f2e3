"""Slots: the places in an optimizer's groups that a plan writes, with their bases."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch

from paramsched._arrays import Floats
from paramsched.feedback.base import MetricRule
from paramsched.fields import Field
from paramsched.plan import Plan, bind
from paramsched.scheduler._keys import Group, base_key
from paramsched.schedules import Schedule
from paramsched.schedules.base import evaluate

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
    return float(field.read(group) if given is None else given)


def values_of(schedule: Schedule, times: Any, base: float, states: States) -> Floats:
    """The values of a schedule for one base, with what its metric rules make of them."""
    values = evaluate(schedule, times, base)
    for rule in schedule.metric_rules:
        values = rule.apply(states[rule], values, base)
    return values


def is_tensor(slot: Slot, groups: list[Group]) -> bool:
    return isinstance(slot.field.read(groups[slot.group]), torch.Tensor)
