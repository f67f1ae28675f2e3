"""Slots: the entries of param groups that a plan writes, with their bases and values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose, isfinite
from typing import Any, final

import numpy as np
import torch

from paramsched.core.curves.arrays import Floats
from paramsched.core.fields import RECORD, Field, base_of, is_number, label, recorded_base
from paramsched.core.plan import Plan, bind
from paramsched.core.plan.binding import UPDATES
from paramsched.core.plan.optimizers import Scope
from paramsched.core.run.group_keys import COUNT, Group
from paramsched.core.run.messages import Processes
from paramsched.core.run.run_state import Clock, LateGroups, RuleStates, UpdateTimes
from paramsched.core.schedules import AbsoluteSchedule, Schedule
from paramsched.core.schedules.affine import Affine, product
from paramsched.core.schedules.evaluation import columns, evaluate, quiet


@final
@dataclass(frozen=True, slots=True)
class Slot:
    """One field of one group, its schedule and its base."""

    group: int
    name: str
    field: Field
    schedule: Schedule
    base: float
    clock: str = UPDATES  # the clock of the schedule


def slots_of(
    plan: Plan,
    groups: list[Group],
    bases: Mapping[tuple[int, str], float] | None = None,
    scope: Scope | None = None,
) -> tuple[Slot, ...]:
    """Return one slot for each scheduled field of each group; `bases` maps (group index, `Field.slot`) to a base."""
    return tuple(
        Slot(
            index,
            bound.name,
            bound.field,
            bound.schedule,
            _starting_base(bound.field, group, index, bases or {}, scope),
            bound.clock,
        )
        for index, (group, bounds) in enumerate(zip(groups, bind(plan, groups, scope), strict=True))
        for bound in bounds
    )


LR = Field("lr", None)


def initial_value(field: Field, group: Group) -> Any:
    """Return the initial value that an earlier scheduler stored in a group, such as torch's `initial_lr`.

    Returns None if there is none, or if a plan has written the group since.
    """
    return group.get(f"initial_{field.key}") if field.index is None and RECORD not in group else None


def _starting_base(
    field: Field, group: Group, index: int, bases: Mapping[tuple[int, str], float], scope: Scope | None
) -> float:
    """Return the base from `bases`, else the recorded base, else the initial value, else the current value."""
    name = label(group, index)
    where = f"{field} of group {name if scope is None else f'{scope.optimizer}/{name}'!r}"
    given = bases.get((index, field.slot))
    if given is None:
        given = recorded_base(group, field.slot)
    if given is None and (given := initial_value(field, group)) is not None:
        where = f"initial_{where}"
    if given is None:
        given = field.read(group)
    return base_of(where, given.detach() if isinstance(given, torch.Tensor) else given)


def base_for(slot: Slot, times: UpdateTimes, states: RuleStates) -> float:
    """Return the base with which a slot's schedule has the value `slot.base` at an update.

    For a schedule that is proportional to its base, the result is value / f(t).
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
    """Return the slot with another base; the same object if the base is equal."""
    return slot if base == slot.base else replace(slot, base=base)


def bases_by_slot(slots: Iterable[Slot]) -> dict[tuple[int, str], float]:
    """Return a dict from group index and flat field name to the base of each slot."""
    return {(slot.group, slot.field.slot): slot.base for slot in slots}


def present_values(slots: Iterable[Slot], groups: Sequence[Group]) -> dict[tuple[int, str], float]:
    """Return the present value of each slot that has a number, by group index and flat field name."""
    found = {(slot.group, slot.field.slot): slot.field.read(groups[slot.group]) for slot in slots}
    return {place: float(value) for place, value in found.items() if is_number(value)}


def values_of(schedule: Schedule, times: Any, base: float, states: RuleStates) -> Floats:
    """Return the values of a schedule for one base, after its metric rules are applied."""
    values = evaluate(schedule, np.atleast_1d(times), base)
    if isinstance(schedule, AbsoluteSchedule):
        base = 1.0  # its rules are inside of absolute(…) too, so their levels are values
    for rule in schedule.metric_rules:
        values = rule.apply(states[rule], values, base)
    return values


@final
@dataclass(frozen=True, slots=True)
class SlotsOfSchedule:
    """Slots that follow one schedule: their places among all slots and their bases, as arrays."""

    schedule: Schedule
    places: Any
    bases: Any
    has_zero: bool  # True if one of the bases is 0
    affine: bool  # of the schedule; cached, because it depends on all parts of the schedule
    clock: str
    factor_at: Callable[[float], float] | None  # the factor of base at one time, if the schedule has such a function

    @staticmethod
    def all_in(slots: Sequence[Slot]) -> "list[SlotsOfSchedule]":
        """Group the slots by their schedules."""
        places: dict[tuple[int, str], list[int]] = {}
        for place, slot in enumerate(slots):
            places.setdefault((id(slot.schedule), slot.clock), []).append(place)
        found = []
        for mine in places.values():
            schedule, bases = slots[mine[0]].schedule, np.array([slots[place].base for place in mine])
            affine = schedule.affine and not schedule.metric_rules
            clock, factor_at = slots[mine[0]].clock, schedule._factor_of_number() if affine else None
            found.append(SlotsOfSchedule(schedule, np.array(mine), bases, not bases.all(), affine, clock, factor_at))
        return found

    def factors(self, times: UpdateTimes) -> list[float] | None:
        """Return a factor of base for each update; None if the schedule is not proportional to base."""
        at, factor_at = times.on_clock(self.clock), self.factor_at
        if factor_at is not None and not self.has_zero and not isinstance(at, np.ndarray):
            return [factor_at(at)] * times.size
        value = columns(self.schedule, at) if self.affine else None
        if value is None or value.factor is None or value.offset is not None:
            return None
        if self.has_zero and not np.isfinite(value.factor).all():
            return None  # a base of 0 stays 0, but 0 * inf would be NaN
        return repeated(value.factor, times.size)

    def values_of_one(self, times: UpdateTimes, base: float, states: RuleStates) -> list[float]:
        at = times.on_clock(self.clock)
        if self.factor_at is not None and not isinstance(at, np.ndarray):
            return [float(product(self.factor_at(at), base))] * times.size
        with np.errstate(all="ignore"):
            values = (
                columns(self.schedule, at).apply(base) if self.affine else values_of(self.schedule, at, base, states)
            )
        return repeated(values, times.size)

    @quiet
    def values_of_all(self, times: UpdateTimes, states: RuleStates) -> Any:
        """Return an array with a row per update and a column per base, each equal to `values_of_one` of that base."""
        at = times.on_clock(self.clock)
        if self.affine:
            value = columns(self.schedule, at)
            pair = (c[:, None] if isinstance(c, np.ndarray) and c.ndim else c for c in (value.factor, value.offset))
            return Affine(*pair).apply(self.bases)
        found = {base: values_of(self.schedule, at, base, states) for base in set(self.bases.tolist())}
        return np.stack([found[base] for base in self.bases.tolist()], axis=1)


def repeated(column: Any, count: int) -> list[float]:
    """Return the values of an array, or one number repeated, as a list of `count` numbers."""
    if not isinstance(column, np.ndarray) or not column.ndim:  # `broadcast_to` costs 5 µs, a seventh of a seek
        return [float(column)] * count
    values: list[float] = np.broadcast_to(column, (count,)).tolist() if len(column) != count else column.tolist()
    return values


def rows_of(parts: list[SlotsOfSchedule], times: UpdateTimes, states: RuleStates) -> Any:
    """Return an array with a row for each update and a column for each slot."""
    block = np.empty((times.size, sum(len(part.places) for part in parts)))
    for part in parts:
        block[:, part.places if len(parts) > 1 else slice(None)] = part.values_of_all(times, states)
    return block


def values_at(slots: Sequence[Slot], times: UpdateTimes, states: RuleStates) -> list[float]:
    """Return each slot's value at one update."""
    values: list[float] = rows_of(SlotsOfSchedule.all_in(slots), times, states)[0].tolist()
    return values


def with_late_bases(
    slots: tuple[Slot, ...],
    groups: Sequence[Group],
    clock: Clock,
    late_groups: LateGroups,
    labels: Sequence[str | int],
    processes: Processes,
) -> list[Slot]:
    """Return the slots, with the bases of groups that were added since the last update; log the added groups."""
    joined = {place: slot for place, slot in enumerate(slots) if COUNT not in groups[slot.group]}
    now = dict(zip(joined, values_at(list(joined.values()), clock.times, clock.states), strict=True))
    rebased = list(slots)
    for place, slot in joined.items():
        if now[place] == slot.base or initial_value(slot.field, groups[slot.group]) is not None:
            continue
        name = labels[slot.group]
        if late_groups == "present":
            rebased[place] = replace(slot, base=base_for(slot, clock.times, clock.states))
            processes.log(
                "group %r was added at update %d: its %s %r is used, and the plan continues from it (with the base "
                '%r; late_groups="present")', name, clock.t, slot.field, slot.base, rebased[place].base,
            )  # fmt: skip
        else:
            processes.log(
                "group %r was added at update %d: its %s %r is used as its base, and the update uses %r "
                '(late_groups="base"). To continue from %r, write ps.Scheduler(…, late_groups="present")',
                name, clock.t, slot.field, slot.base, now[place], slot.base,
            )  # fmt: skip
    return rebased
