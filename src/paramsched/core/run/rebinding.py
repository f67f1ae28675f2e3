"""Binding the groups of an optimizer again, after other code has added, removed or replaced them."""

from operator import is_
from typing import Any

from paramsched.core.fields import RECORD, entry_of
from paramsched.core.run.block import ValueBlock
from paramsched.core.run.group_keys import COUNT, Group
from paramsched.core.run.groups import Groups
from paramsched.core.run.run_state import RunState
from paramsched.core.run.slots import Slot, present_values, with_late_bases
from paramsched.core.run.value_ranges import refuse_values_outside
from paramsched.errors import ParamschedError, PlanError, StateError


def sync(planned: Groups, groups: list[Group]) -> bool:
    """Bind the groups again if groups were added, removed or replaced; return whether they were.

    This check is slower than `is_unchanged`, because it also detects groups that were replaced by equal copies. It
    does not detect external writes of values.
    """
    require_groups(planned, groups, planned.bound)
    if _load_written(planned, groups):
        return True
    changed = _entries_replaced(planned, groups) or groups_changed(planned, groups) or planned.block.any_tuple_spoiled()
    if changed:
        _rebind(planned, groups)
    return changed


def sync_for_checkpoint(planned: Groups, groups: list[Group]) -> list[Group]:
    """Bind the groups again, and return those that the plan writes.

    Groups that the next step refuses, for example because a value would leave its range, stay as they are: the state
    of a run can be saved at any time.
    """
    try:
        sync(planned, groups)
    except PlanError:
        return [group for group in groups if any(group is one for one in planned.bound)]
    return groups


def _rebind(planned: Groups, groups: list[Group]) -> None:
    """Bind the current groups, and write only into new or changed ones."""
    plan, clock = planned.in_force.counted, planned.clock
    note_code_bases(planned, groups)
    found, labels, run = planned.slots(groups), planned.labels(groups), planned.run
    slots = tuple(with_late_bases(found, groups, clock, run.choices.late_groups, labels, run.processes))
    refuse_values_outside(planned.in_force, slots, labels, clock.times)
    anew = not planned.bound or _entries_replaced(planned, groups)
    before = {} if anew else _by_group(planned.block.slots, planned.bound)
    now = _by_group(slots, groups)
    unwritten = {
        index for index, group in enumerate(groups) if COUNT not in group or before.get(id(group)) != now[id(group)]
    }
    mine = tuple(slot for slot in slots if slot.group in unwritten)
    new_values = ValueBlock(plan, mine, groups, clock.times, clock.states, targets=False)
    planned.write_entries(slots, groups)
    new_values.write_initial()
    were_filled = bool(planned.bound) and planned.block.tensors_changed()  # by other code
    block = planned.new_block(slots, groups, clock.times, clock.states)
    if planned.held:  # the groups may have other indices now
        planned.held = present_values(slots, groups)
        block.hold(planned.held)
    block.install_views()
    planned.take(block, groups)
    if were_filled:
        block.forget_fills()


def note_code_bases(planned: Groups, groups: list[Group]) -> None:
    """Note the bases of groups that were added, and the present indices of the others."""
    before, noted = {id(group): index for index, group in enumerate(planned.bound)}, planned.code_bases
    found: dict[tuple[int, str], float] = {}
    for slot in planned.slots(groups):
        group, field = groups[slot.group], slot.field.slot
        known = before.get(id(group), slot.group if COUNT in group else None)
        if known is not None and (known, field) in noted:
            found[slot.group, field] = noted[known, field]
        elif known is None and planned.run.choices.late_groups == "base":
            found[slot.group, field] = slot.base
    planned.code_bases = found


def groups_changed(planned: Groups, groups: list[Group]) -> bool:
    """Return whether the groups are not the bound dicts themselves; equal copies count as changed."""
    return len(groups) != len(planned.bound) or not all(map(is_, groups, planned.bound))


def _entries_replaced(planned: Groups, groups: list[Group]) -> bool:
    """Return whether other code changed the count or the record in the first group, such as a checkpoint."""
    first = groups[0]
    count, record = first.get(COUNT), first.get(RECORD)
    if count is planned.clock.t and record is planned.record:
        return False
    ours = bool(planned.bound) and first is planned.bound[0]
    return ours and not (equals_number(count, planned.clock.t) and record == planned.record)


def _load_written(planned: Groups, groups: list[Group]) -> bool:
    """Load the record that other code wrote into the groups, of which no hook knows; return whether there was one."""
    if not has_written(planned, groups):
        return False
    if groups_changed(planned, groups):
        note_code_bases(planned, groups)
    planned.load_written(groups)
    return True


def has_written(planned: Groups, groups: list[Group]) -> bool:
    """Return whether other code wrote the record of a checkpoint into the groups: a live one has no position (`t`)."""
    if groups[0].get(RECORD) is planned.record:
        return False
    return any("t" in found for group in groups if isinstance(found := entry_of(group), dict))


def require_groups(planned: Groups, groups: list[Group], bound: list[Group]) -> None:
    """Raise if there are no groups, or if a tuple such as `betas` has another length than when it was bound."""
    if not groups:
        raise StateError("optimizer.param_groups is empty: the groups that the plan writes were removed")
    if planned.block.tuples:
        ours = {id(group) for group in bound}
        require_lengths(planned, [group if id(group) in ours else {} for group in groups])


def require_lengths(planned: Groups, groups: list[Group]) -> None:
    """Raise if a tuple in a group has another length than when it was bound."""
    for column in planned.block.tuples:
        column.require_lengths(groups)


def require_attached(run: RunState, what: str) -> None:
    """Raise if the Scheduler of a run is detached."""
    if run.released:
        raise ParamschedError(
            f"scheduler.{what}(): this Scheduler is detached, or another one has taken its optimizer over. "
            "Write ps.Scheduler(optimizer, plan) to continue."
        )


def equals_number(found: Any, number: int) -> bool:
    """Return whether an entry of any type is an integer equal to `number`.

    >>> equals_number(3, 3), equals_number(3.0, 3), equals_number("three", 3)
    (True, False, False)
    """
    return isinstance(found, int) and found == number


def _by_group(slots: tuple[Slot, ...], groups: list[Group]) -> dict[int, list[tuple[Any, int]]]:
    found: dict[int, list[tuple[Any, int]]] = {id(group): [] for group in groups}
    for slot in slots:
        found[id(groups[slot.group])].append((slot.field, id(slot.schedule)))
    return found
