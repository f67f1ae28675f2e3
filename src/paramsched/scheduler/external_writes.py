"""External writes, over the values of a plan: the warnings, and the errors if an entry is invalid."""

from typing import TYPE_CHECKING, Any

import torch

from paramsched.scheduler.group_keys import Group
from paramsched.scheduler.rebinding import groups_changed, require_groups
from paramsched.scheduler.values import planned_values

if TYPE_CHECKING:
    from paramsched.scheduler.groups import Groups


def check_tensors(planned: "Groups", groups: list[Group]) -> None:
    """Warn of tensors that other code filled or replaced, and write the original tensors into the groups again."""
    if groups_changed(planned, groups):  # the groups changed during the step; `before_update` binds them
        return
    held = {(slot.group, slot.field) for column in planned.block.tensors for slot in column.slots}
    for slot, value in planned_values(planned, last=True):
        if (slot.group, slot.field) in held:
            group = groups[slot.group]
            planned.block.overwritten.append((slot.field, group, slot.field.read(group), value))
    warn_overwritten(planned, groups)
    planned.block.install_views()


def warn_overwritten(planned: "Groups", groups: list[Group]) -> None:
    """Warn once per optimizer of a value that differed from the plan, in a group that the optimizer still has.

    The recorded values may equal the plan, because the writers compare object identities.
    """
    places = {id(group): index for index, group in enumerate(groups)}
    for field, group, found, value in planned.block.overwritten:
        if not planned.warned_of_overwriting and id(group) in places and not _is_planned(found, value):
            planned.warned_of_overwriting = True
            name = planned.labels(groups)[places[id(group)]]
            planned.parts.processes.warn(
                f"{field} of group {name!r} was {found!r} at update {planned.clock.t - 1} "
                f"instead of the planned {value!r}: other code wrote it. It was used for one update; the next "
                "one uses the plan again. To change a value permanently, change the plan."
            )
    planned.block.overwritten.clear()


def refuse_spoiled(planned: "Groups", groups: list[Group], error: Exception) -> None:
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
