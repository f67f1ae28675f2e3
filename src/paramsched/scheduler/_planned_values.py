"""The planned values of one update, by field and group, or by flat names for a logger."""

from collections.abc import Sequence

from paramsched._trace import Key, unique_labels
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.scheduler._scalar_names import flat_field, flat_groups


def values_by_key(planned: PlannedGroups, groups: Sequence[Group]) -> dict[Key, float]:
    """Those of the coming update, by field and group as in a `Trace`; targets have group ""."""
    labels = unique_labels(groups)
    found: dict[Key, float] = {
        (slot.name, labels[slot.group]): value
        for slot, value in planned.values()
        if slot.group in labels  # of a detached scheduler's optimizer groups may have gone
    }
    for name, value in planned.target_values(planned.clock.times, planned.clock.states):
        found[name, ""] = value
    return found


def flat_scalars(planned: PlannedGroups, groups: Sequence[Group], *, last: bool) -> dict[str, float]:
    """Those of the last update, or the coming one, and what had been consumed before it.

    Before the first update the last are the coming ones.
    """
    clock = planned.clock
    is_last = last and clock.t > 0
    times, states = (clock.last_times, clock.used) if is_last else (clock.times, clock.states)
    names = flat_groups(groups)
    found = {
        flat_field(slot.name) + names[slot.group]: value
        for slot, value in (planned.last_values() if is_last else planned.values())
        if slot.group < len(names)  # of a detached scheduler's optimizer groups may have gone
    }
    for name, value in planned.target_values(times, states):
        found[name if name not in found else f"targets/{name}"] = value
    amount = clock.last_amount if is_last else clock.amount
    if amount is not None:
        found[f"consumed_{planned.in_force.unit}"] = float(amount)
    return found
