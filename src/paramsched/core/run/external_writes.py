"""External writes, over the values of a plan: the warnings, and the errors if an entry is invalid."""

import gc
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from paramsched.core.base.problem import Problem
from paramsched.core.run.block import Values
from paramsched.core.run.group_keys import Group
from paramsched.core.run.groups import Groups
from paramsched.core.run.rebinding import require_groups
from paramsched.core.run.values import planned_values


def check_tensors(planned: Groups, groups: list[Group], held: Values) -> None:
    """Warn of tensors that other code filled or replaced, and write the original tensors into the groups again.

    Args:
        planned: the groups and their plan.
        groups: those that the optimizer has.
        held: the values that the step used in place of those of the plan.
    """
    values = {(slot.group, slot.field.slot): value for slot, value in planned_values(planned, last=True)} | dict(held)
    for column in planned.block.tensors:
        for slot, (group, _) in zip(column.slots, column.views, strict=True):
            value = values[slot.group, slot.field.slot]
            planned.block.overwritten.append((slot.field, group, slot.field.read(group), value))
    warn_overwritten(planned, groups)
    planned.block.install_views()


def note(planned: Groups, groups: list[Group], index: int, found: tuple[Any, Any, float]) -> None:
    """Count the last update as one with an external write, and warn if it is the first or the second one.

    Args:
        planned: the groups and their plan.
        groups: those that the optimizer has.
        index: the index of a group with an external value.
        found: its field, this value, and the planned one.
    """
    writes, update, (field, value, wanted) = planned.external_writes, planned.clock.t - 1, found
    count = writes.count(update)
    if count and writes.is_warned_of(count):
        writer = torch_scheduler_of(groups[index], value) if field.key == "lr" else None
        writes.cause = _OTHER if writer is None else _SCHEDULER.format(writer)
        place = f"{field} of group {planned.labels(groups)[index]!r}"
        total = f" {writes.total}." if count > 1 else ""
        text = f"{place} was {value!r} at update {update} instead of the planned {wanted!r}: {writes.cause}{total}"
        planned.run.processes.warn(Problem(found=text))


def log_at_end(planned: Groups) -> None:
    """Log the number of the updates with external writes, if the plan is over."""
    if planned.external_writes.is_pending and planned.in_force.is_over_at(planned.clock.t, planned.clock.amount):
        planned.external_writes.log_total(planned.run.processes)


_OTHER = (
    "other code wrote it, and the update used it. After each update the plan writes the value of the next one. To "
    "change a value permanently, change the plan."
)
_SCHEDULER = "{} also writes this optimizer. Remove it and its step(), because the plan writes the lr of every update."


def torch_scheduler_of(group: Group, lr: Any) -> str | None:
    """Return the class of the scheduler of torch that has written an lr into a group; None if there is none.

    An optimizer has no reference to its schedulers: torch leaves only a mark on its `step`. So the objects of the
    process are searched, twice at most, and a scheduler counts if this lr is the last one that it wrote.
    """
    found: dict[int, Any] = {}
    for one in gc.get_objects():
        if issubclass(type(one), LRScheduler) and not type(one).__module__.startswith("paramsched.core.run."):
            groups, last = (
                getattr(one.__dict__.get("optimizer"), "param_groups", ()),
                one.__dict__.get("_last_lr") or (),
            )
            written = [value for mine, value in zip(groups, last, strict=False) if mine is group]
            if any(_is_planned(value, float(lr)) for value in written):
                found[id(one)] = one
    members = {id(inner) for one in found.values() for inner in one.__dict__.get("_schedulers", ())}
    return next((type(one).__name__ for key, one in found.items() if key not in members), None)


def warn_overwritten(planned: Groups, groups: list[Group]) -> None:
    """Warn of values that differed from the plan, in groups that the optimizer still has.

    The recorded values may equal the plan, because the writers compare object identities.
    """
    places = {id(group): index for index, group in enumerate(groups)}
    for field, group, found, value in planned.block.overwritten:
        if id(group) in places and not _is_planned(found, value):
            note(planned, groups, places[id(group)], (field, found, value))
            break
    planned.block.overwritten.clear()
    log_at_end(planned)


def refuse_spoiled(planned: Groups, groups: list[Group], error: Exception) -> None:
    """Raise the error that explains why values could not be written: an entry is missing or invalid.

    Raises:
        PlanError: an entry is not a number. The plan continues once it is a number again.
        StateError: the optimizer has no groups.
    """
    bound, planned.bound = planned.bound, []  # bound again before the next update
    require_groups(planned, groups, bound)
    planned.slots(groups)
    raise error  # raised, for example, by the function of a target


def _is_planned(found: Any, planned: float) -> bool:
    """Return whether an entry equals the planned value, rounded to the dtype of the entry if that is a tensor."""
    try:
        if isinstance(found, torch.Tensor):
            found, planned = float(found), float(torch.tensor(planned, dtype=found.dtype))
        return bool(found == planned or (found != found and planned != planned))  # NaN counts as equal to NaN
    except (TypeError, ValueError, RuntimeError):  # an object whose comparison is not a bool
        return False
