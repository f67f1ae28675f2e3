"""What is logged, and warned of, where a run goes on: nothing of resuming is silent."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paramsched.fields import label
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.scheduler._slots import Slot, initial_value
from paramsched.scheduler.updates import updates_in_state
from paramsched.user_warnings import warn_user

log = logging.getLogger("paramsched")


def log_initial_values(slots: Iterable[Slot], groups: Sequence[Group]) -> bool:
    """Say which bases an earlier scheduler left; whether there were any."""
    found = [slot for slot in slots if initial_value(slot.field, groups[slot.group]) is not None]
    for slot in found:
        now = slot.field.read(groups[slot.group])
        if now != slot.base:
            log.warning(
                "group %r carries initial_%s of an earlier scheduler: %r is the base of %s, not the present %r",
                label(groups[slot.group], slot.group), slot.field, slot.base, slot.field, now,
            )  # fmt: skip
    return bool(found)


def log_position(optimizer: Any) -> None:
    """An optimizer of a run that had no plan: the plan begins at 0, which may not be where the run stands."""
    log.warning(
        "the optimizer carries no count of updates: the plan begins at 0. If the run has taken n updates already, "
        "write ps.Scheduler(optimizer, plan, t=n)%s; with t=0 this is not said",
        _own_count(updates_in_state(optimizer)),
    )


def log_takeover(t: int) -> None:
    """A second Scheduler with the same plan, while the first one is still there."""
    log.warning(
        "this Scheduler takes the optimizer over at update %d from an earlier one with the same plan, which is "
        "detached now and says so when it is used", t,
    )  # fmt: skip


def log_bases(slots: Iterable[Slot], before: Mapping[tuple[int, str], float]) -> None:
    """Say which bases differ between the code, `before`, and the checkpoint."""
    for slot in slots:
        code = before.get((slot.group, slot.field.slot), slot.base)
        if code != slot.base:
            log.warning(
                "base of %s in group %d: %r in the code, %r in the checkpoint, which wins",
                slot.field, slot.group, code, slot.base,
            )  # fmt: skip


def log_two_counts(planned: PlannedGroups, count: int, source: str) -> None:
    """Two checkpoints that disagree: the one loaded last wins, and both counts are named."""
    clock = planned.clock
    if clock.source not in (None, source) and clock.t != count:
        log.warning(
            "the %s checkpoint is of update %d, the %s checkpoint of update %d; the one loaded last wins: %d",
            clock.source, clock.t, source, count, count,
        )  # fmt: skip


def warn_of_missing_count(taken: int | None, *, initial: bool) -> None:
    """An optimizer's checkpoint of a run without a plan; `taken` is what the optimizer's own state counts."""
    warn_user(
        "the optimizer's checkpoint carries no count of updates: the plan begins at 0, with "
        f"{'initial values' if initial else 'the loaded values'} for bases. If it was saved after n "
        f"updates, call scheduler.seek(n){_own_count(taken)}."
    )


def warn_if_over(planned: PlannedGroups) -> None:
    """A plan that is over holds its last values: right after a finished run, and wrong for a new one."""
    total, t = planned.in_force.total, planned.clock.t
    if total is not None and t > total:
        warn_user(
            f"the optimizer has taken {t} updates, the plan is over after {total}: its last values "
            "are held. To begin it again call scheduler.seek(0)."
        )


def _own_count(taken: int | None) -> str:
    return "" if taken is None else f" (its own state says {taken})"
