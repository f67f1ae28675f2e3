"""Groups that are added while a plan is at work: which base they get."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from paramsched.fields import label
from paramsched.scheduler._clock import Clock
from paramsched.scheduler._group_keys import COUNT, Group
from paramsched.scheduler._slots import Slot, base_for, initial_value, values_at

LateGroups: TypeAlias = Literal["base", "present"]
"""What a late group's value is: the base of its schedule, or its present value, which goes on by the same factors."""

log = logging.getLogger("paramsched")


def with_late_bases(
    slots: tuple[Slot, ...], groups: Sequence[Group], clock: Clock, late_groups: LateGroups
) -> tuple[Slot, ...]:
    """The slots with the bases of groups that have joined. The log says which base that is."""
    joined = {place: slot for place, slot in enumerate(slots) if COUNT not in groups[slot.group]}
    now = dict(zip(joined, values_at(joined.values(), clock.times, clock.states), strict=True))
    settled = list(slots)
    for place, slot in joined.items():
        if now[place] == slot.base or initial_value(slot.field, groups[slot.group]) is not None:
            continue
        name = label(groups[slot.group], slot.group)
        if late_groups == "present":
            settled[place] = replace(slot, base=base_for(slot, clock.times, clock.states))
            log.warning(
                "group %r joined at update %d: its %s %r goes on from there by the factors of the plan (its base "
                'is %r; late_groups="present")', name, clock.t, slot.field, slot.base, settled[place].base,
            )  # fmt: skip
        else:
            log.warning(
                "group %r joined at update %d: its %s %r is taken as its base, and the update uses %r "
                '(late_groups="base"). To go on from %r, write ps.Scheduler(…, late_groups="present")',
                name, clock.t, slot.field, slot.base, now[place], slot.base,
            )  # fmt: skip
    return tuple(settled)
