"""The values of a plan in the groups of an optimizer: those of the next update, and those of the last one."""

from collections.abc import Iterator

from paramsched.core.run.block import TargetColumn
from paramsched.core.run.groups import Groups
from paramsched.core.run.run_state import Clock, RuleStates, UpdateTimes
from paramsched.core.run.slots import Slot, values_at


def planned_values(planned: Groups, clock: Clock | None = None, *, last: bool = False) -> Iterator[tuple[Slot, float]]:
    """Return pairs (slot, value) for the next update, or for the last completed update if `last` is True.

    Args:
        clock: the clock of the run. Default: that of the optimizer.
        last: True for the last completed update.
    """
    clock = clock or planned.clock
    slots, _, times, states = _followed(planned, clock, last=last)
    return zip(slots, values_at(slots, times, states), strict=True)


def target_values(planned: Groups, *, last: bool = False) -> Iterator[tuple[str, float]]:
    """Return pairs (target name, value) for the next update, or for the last completed one if `last` is True."""
    _, targets, times, states = _followed(planned, planned.clock, last=last)
    return ((column.target.name, column.computed(times, states)[0]) for column in targets)


def _followed(
    planned: Groups, clock: Clock, *, last: bool
) -> tuple[tuple[Slot, ...], list[TargetColumn], UpdateTimes, RuleStates]:
    """Return the slots, the targets, the time and the states of the next update, or of the last completed one."""
    block = planned.block
    if not last:
        return block.slots, block.targets, clock.times, clock.states
    if planned.before_change is not None and planned.before_change[0] == clock.t:
        _, slots, targets, states = planned.before_change
        return slots, targets, clock.last_times, states
    return block.slots, block.targets, clock.last_times, clock.used
