"""Plans that a run may have followed instead: resolved with other facts, or with stages written in another way."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, final, get_args

from paramsched.errors import InvalidArgument
from paramsched.plan import Plan
from paramsched.plan.binding import UPDATES, replace_schedule
from paramsched.plan.resolve import counted_plan
from paramsched.schedules.affine import NeighborLevel, split_level
from paramsched.schedules.anneal import Anneal, Index
from paramsched.schedules.base import Schedule, with_changed_fields
from paramsched.schedules.leaves import Constant
from paramsched.schedules.pointwise import Clamp, Maximum, Product, Sum
from paramsched.schedules.sequence import Sequence, in_order
from paramsched.time import Calendar, Duration


@final
@dataclass(frozen=True)
class RunFacts:
    """A plan and the facts of a run, which can be exchanged for others."""

    plan: Plan
    calendar: Calendar

    @cached_property
    def resolved(self) -> Plan:
        return self.plan.resolve(self.calendar)

    @cached_property
    def counted(self) -> Plan:
        """The resolved plan with the units of its clock taken off."""
        return counted_plan(self.resolved)

    def resolve_other(self, plan: Plan) -> Plan | None:
        """Another plan in the same run; None where it does not fit into it."""
        try:
            return plan.resolve(self.calendar)
        except InvalidArgument:
            return None

    def resolve(self, epoch: int | None, total: int | None) -> Plan | None:
        """The plan in a run with another number of updates in an epoch; None where it does not fit into it.

        Args:
            total: updates of the run; ignored where its length is in epochs, and as it was where None.
        """
        try:
            facts = self.calendar
            if epoch != facts.updates_per_epoch:
                facts = replace(facts, batches_per_epoch=None, steps_per_epoch=epoch)
            if total is None or self._is_in_epochs or self.plan.clock != UPDATES:
                return self.plan.resolve(facts)
            plan = self.plan
            if plan.horizon is not None:
                plan = Plan(*plan.as_written(), horizon=total, clock=plan.clock)
            return plan.resolve(replace(facts, total=total))
        except InvalidArgument:
            return None

    def total_for(self, epoch: int) -> int | None:
        """The updates of the run if its length was computed with another epoch; None where it follows the epoch."""
        known, horizon = self.calendar.updates_per_epoch, self.resolved.horizon
        if known is None or horizon is None or not horizon.is_resolved or self._is_in_epochs:
            return None
        return max(round(horizon.updates * epoch / known), 1)

    @cached_property
    def _is_in_epochs(self) -> bool:
        length = self.calendar.total if self.plan.horizon is None else self.plan.horizon
        return length is not None and any(unit == "epochs" for unit, _ in Duration.of(length).terms)


_INDICES: tuple[Index, ...] = get_args(Index)
_MOST_STAGES = 3  # up to so many all combinations of indices are tried


def with_other_indices(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """A resolved plan with other indices in all of its stages, in one of them, or in some."""
    stages = list(dict.fromkeys(part for one in plan.bindings for part in _parts_in(one.schedule, Anneal)))
    if not stages:
        return
    together = [(index,) * len(stages) for index in _INDICES]
    single = [
        tuple(index if place == at else stage.index for place, stage in enumerate(stages))
        for at in range(len(stages) if len(stages) <= 16 else 0)
        for index in _INDICES
    ]
    mixed = product(_INDICES, repeat=len(stages)) if len(stages) <= _MOST_STAGES else ()
    tried = {tuple(stage.index for stage in stages)}
    for indices in (*together, *single, *mixed):
        if indices in tried:
            continue
        tried.add(indices)
        others = {stage: replace(stage, index=index) for stage, index in zip(stages, indices, strict=True)}
        changed = [f"{other.index} in {stage}" for stage, other in others.items() if other != stage]
        text = f"the run counted {', '.join(changed)}"
        yield text, _with_stages(plan, others)


def _with_stages(plan: Plan, others: Mapping[Anneal, Anneal]) -> Plan:
    return _with_schedules(plan, lambda one: others.get(one) if isinstance(one, Anneal) else None)


def without_warmup(plan: Plan) -> Plan | None:
    """The plan without the first stage of its sequences, where that rises; None where no stage does."""

    def drop(schedule: Schedule) -> Schedule | None:
        if isinstance(schedule, Sequence) and len(schedule.stages) > 1 and _rises(schedule.stages[0]):
            return in_order(schedule.stages[1:])
        if isinstance(schedule, Product):
            kept = tuple(one for one in schedule.operands if not _rises(one))
            if 0 < len(kept) < len(schedule.operands):
                return kept[0] if len(kept) == 1 else Product(kept)
        return None

    return _changed_plan(plan, drop)


def with_warmup_held(plan: Plan) -> Plan | None:
    """The plan with a constant in place of a rising first stage; None where there is none."""

    def hold(schedule: Schedule) -> Schedule | None:
        if isinstance(schedule, Sequence) and len(schedule.stages) > 1:
            first = schedule.stages[0]
            if isinstance(first, Anneal) and _rises(first):
                return Sequence((Constant(first.to, first.over), *schedule.stages[1:]))
        return None

    return _changed_plan(plan, hold)


def without_floor(plan: Plan) -> Plan | None:
    """The plan whose falling stages end at 0, with no lower bound; None where they do already."""

    def lower(schedule: Schedule) -> Schedule | None:
        match schedule:
            case Anneal(to=to) if to != 0.0 and not isinstance(to, NeighborLevel) and _falls(schedule):
                return replace(schedule, to=0.0)
            case Clamp(low=low) if low is not None:
                inner = _changed(schedule.schedule, lower) or schedule.schedule
                return inner if schedule.high is None else Clamp(inner, None, schedule.high)
            case Maximum() | Sum():
                kept = tuple(one for one in schedule.operands if not isinstance(one, Constant))
                if 0 < len(kept) < len(schedule.operands):
                    return kept[0] if len(kept) == 1 else replace(schedule, operands=kept)
        return None

    return _changed_plan(plan, lower)


def _rises(schedule: Schedule) -> bool:
    return isinstance(schedule, Anneal) and _size(schedule.start) < _size(schedule.to)


def _falls(schedule: Anneal) -> bool:
    return _size(schedule.start) > _size(schedule.to)


def _size(level: Any) -> float:
    """A level at base 1, for comparisons; of a neighbor's level 1."""
    if isinstance(level, NeighborLevel):
        return 1.0
    factor, fixed = split_level(level)
    return (factor or 0.0) + (fixed or 0.0)


def _parts_in(schedule: Schedule, kind: type[Anneal]) -> Iterator[Anneal]:
    if isinstance(schedule, kind):
        yield schedule
    for part in schedule.parts():
        yield from _parts_in(part, kind)


def _changed(value: Any, change: Callable[[Schedule], Schedule | None]) -> Any:
    """A schedule with what becomes of it or its parts; itself where none changes."""
    if isinstance(value, Schedule):
        found = change(value)
        return with_changed_fields(value, lambda part: _changed(part, change)) if found is None else found
    return with_changed_fields(value, lambda part: _changed(part, change)) if isinstance(value, tuple) else value


def _with_schedules(plan: Plan, change: Callable[[Schedule], Schedule | None]) -> Plan:
    bindings = [replace_schedule(one, _changed(one.schedule, change)) for one in plan.as_written()]
    return Plan(*bindings, horizon=plan.horizon, clock=plan.clock)


def _changed_plan(plan: Plan, change: Callable[[Schedule], Schedule | None]) -> Plan | None:
    """The plan with changed schedules; None where none of them changes, or they cannot be like that."""
    try:
        changed = _with_schedules(plan, change)
    except InvalidArgument:
        return None
    return None if changed == plan else changed
