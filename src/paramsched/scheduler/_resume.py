"""Resuming: what a checkpoint restores, and what a changed plan does then. Nothing of it is silent."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias, final

from paramsched._diff import Diff, diff
from paramsched.errors import PlanChanged
from paramsched.fields import label
from paramsched.plan import Plan
from paramsched.scheduler import _keys
from paramsched.scheduler._driver import Driver, prepared
from paramsched.scheduler._keys import COUNT, PLAN, Group
from paramsched.scheduler._slots import Slot, initial_value, slots_of
from paramsched.scheduler._state import State, restored
from paramsched.scheduler.on_change import OnChange, OnChangeChoice
from paramsched.scheduler.updates import updates_in_state
from paramsched.time import Calendar
from paramsched.user_warnings import warn_user

Written: TypeAlias = tuple[Plan, Plan, Calendar]
"""A plan as written, the same with its lengths in updates, and the calendar whose facts converted them."""

_COMPARED = 1_000_000  # updates
log = logging.getLogger("paramsched")


@final
class Resume:
    """The policy of one scheduler; the driver asks it when the optimizer's own state is loaded."""

    def __init__(self, on_change: OnChange) -> None:
        self.on_change = on_change
        self.settled: frozenset[int] = frozenset()  # numbers of plans whose difference has been dealt with

    # ------------------------------------------------------------------ the optimizer's own state

    def before(self, driver: Driver, state: dict[str, Any], count: int) -> None:
        """Refuse an optimizer state that cannot be resumed from, before anything is written."""
        groups = state.get("param_groups") if isinstance(state, dict) else None
        if not isinstance(groups, list) or len(groups) != count or not all(isinstance(group, dict) for group in groups):
            return  # torch says what is wrong with it
        _keys.check(groups)
        driver.require_lengths(groups)
        slots_of(driver.resolved, groups)
        if _keys.count_in(groups) is not None and self.differs(driver, groups):
            self.refuse_if_error(f"the plan in the optimizer's checkpoint differs from the code's: {driver.plan!r}")

    def after(self, driver: Driver, groups: list[Group]) -> None:
        """The optimizer has loaded its state: go on from the count and the bases in its groups."""
        found = _keys.count_in(groups)
        t = (driver.begin or 0) if found is None else found
        table = prepared(driver.resolved, slots_of(driver.resolved, groups), groups, t, driver.states)
        if found is None:
            initial = say_initial(table.slots, groups)
            if driver.begin is None:
                warn_user(
                    "the optimizer's checkpoint carries no count of updates: the plan begins at 0, with "
                    f"{'initial values' if initial else 'the loaded values'} for bases. If it was saved after n "
                    f"updates, call scheduler.seek(n){_told(driver.taken())}."
                )
        else:
            self.compare_counts(driver, t, "optimizer")
            _say_bases(table.slots, {(slot.group, slot.field.slot): slot.base for slot in driver.table.slots})
        unknown = self.differs(driver, groups)
        driver.stand_at(t, None if found is None else "optimizer")
        driver.bind(groups, table)
        if unknown:
            self.say_unknown(driver)
        warn_if_over(driver)

    # ------------------------------------------------------------------ the scheduler's state

    def load(self, driver: Driver, state: State, groups: list[Group]) -> None:
        """Go on from a scheduler's state.

        Raises:
            PlanChanged: the plan differs and the policy is "error"; nothing was written.
        """
        plan, resolved, calendar = driver.plan, driver.resolved, driver.calendar
        same = state.text == plan.text and state.calendar == calendar
        if state.plan is not None and not same:
            theirs = state.plan, state.plan.resolve(state.calendar), state.calendar
            plan, resolved, calendar = self.decide(theirs, (plan, resolved, calendar))
        elif not same and state.text != plan.text:
            why = state.unreadable or "one of them has no text"
            self.refuse_if_error(f"the plan in the checkpoint cannot be compared with the code's: {why}")
            log.warning("the plan in the checkpoint cannot be compared with the code's, which goes on: %s", why)
        states = restored(state.feedback, resolved.metric_rules)
        bases = state.base_of()
        before, table = driver.table.slots, driver.table
        slots = (
            tuple(_with_base(slot, bases.get((slot.group, slot.field.slot), slot.base)) for slot in before)
            if plan is driver.plan
            else slots_of(resolved, groups, bases)
        )
        if all(slot is known for slot, known in zip(slots, before, strict=True)) if plan is driver.plan else False:
            table.seek(state.t, states)
        else:
            table = prepared(resolved, slots, groups, state.t, states)
        if state.groups != len(groups):
            log.warning(
                "the scheduler's state is of %d groups, the optimizer has %d: those in both go on with the saved bases",
                state.groups, len(groups),
            )  # fmt: skip
        self.compare_counts(driver, state.t, "scheduler")
        if table is not driver.table:
            _say_bases(slots, {(slot.group, slot.field.slot): slot.base for slot in before})
        if plan is not driver.plan:
            driver.follow(plan, resolved, calendar)
        driver.stand_at(state.t, "scheduler")
        driver.states = states
        driver.bind(groups, table)
        warn_if_over(driver)

    def load_position(self, driver: Driver, at: int, bases: Any, groups: list[Group]) -> None:
        """Go on from a state of one of torch's schedulers: where it stood, and the bases it kept."""
        taken = driver.taken()
        t = at if taken is None else taken
        given = bases if isinstance(bases, (list, tuple)) and len(bases) == len(groups) else []
        kept = {(index, "lr"): float(base) for index, base in enumerate(given) if _keys.is_finite_number(base)}
        carried = {(i, "lr") for i, group in enumerate(groups) if "initial_lr" in group}
        new = {key: base for key, base in kept.items() if key not in carried}
        before = {(slot.group, slot.field.slot): slot.base for slot in driver.table.slots}
        slots = tuple(
            _with_base(slot, new.get((slot.group, slot.field.slot), slot.base)) for slot in driver.table.slots
        )
        table = prepared(driver.resolved, slots, groups, t, driver.states)
        _say_bases(slots, before)
        unit = f"{t} updates as the optimizer's own state counts them" if taken is not None and taken != at else f"{t}"
        log.warning(
            "the state is one of torch's schedulers, at %d: the plan goes on from %s. If the run has taken another "
            "number of updates (torch's scheduler was stepped once per epoch, say), call scheduler.seek(n)", at, unit,
        )  # fmt: skip
        driver.stand_at(t, "scheduler")
        driver.bind(groups, table)
        warn_if_over(driver)

    def decide(self, saved: Written, code: Written, whose: str = "the checkpoint's") -> Written:
        """Of two plans, the saved one and the code's, the one to go on with."""
        before, now = saved[1], code[1]
        horizons = [one.horizon.updates for one in (before, now) if one.horizon is not None]
        exact = max(horizons, default=0) <= _COMPARED  # when and by how much is found by computing every update
        changes = diff(before, now, Calendar() if exact else None)
        if changes:
            self.settle(changes, whose)
        self.settled = frozenset([_keys.number_of(saved[0], before)])
        if changes and self.on_change == "checkpoint":
            return saved
        if changes and isinstance(self.on_change, Mapping) and "checkpoint" in self.on_change.values():
            mixed = mix(now, before, self.on_change)
            return mixed, mixed, replace(code[2], total=None)  # the horizon is in the plan now
        return code

    def settle(self, changes: Diff, whose: str) -> None:
        """Say what changed; refuse it where the policy says so.

        Raises:
            PlanChanged: `on_change` is "error", for one of the changed fields or at all.
        """
        refused = [change for change in changes if self.choice(change.what.split(" @ ")[0]) == "error"]
        if refused:
            raise PlanChanged(
                f"the plan differs from {whose} and on_change is 'error'; nothing was written.\n"
                + "\n".join(map(str, refused))
                + '\nWrite on_change="new" to go on with the code\'s plan, "checkpoint" with the saved one.'
            )
        log.warning("the plan differs from %s (on_change=%r):\n%s", whose, self.on_change, changes)

    def choice(self, field: str) -> OnChangeChoice:
        return self.on_change.get(field, "new") if isinstance(self.on_change, Mapping) else self.on_change

    def refuse_if_error(self, text: str) -> None:
        choices = self.on_change.values() if isinstance(self.on_change, Mapping) else [self.on_change]
        if "error" in choices:
            raise PlanChanged(f"{text}; on_change is 'error', so nothing was written")

    def say_unknown(self, driver: Driver) -> None:
        """An optimizer's checkpoint knows only the fingerprint of its plan."""
        choices = self.on_change.values() if isinstance(self.on_change, Mapping) else [self.on_change]
        later = (
            "; the checkpoint's takes over when a scheduler state with it is loaded" if "checkpoint" in choices else ""
        )
        log.warning(
            "the plan differs from that of the optimizer's checkpoint, which holds only its fingerprint; "
            "the code's plan goes on from update %d%s:\n%s", driver.t, later, driver.plan,
        )  # fmt: skip

    def compare_counts(self, driver: Driver, count: int, source: str) -> None:
        """Two checkpoints that disagree: the one loaded last wins, and both counts are named."""
        if driver.source not in (None, source) and driver.t != count:
            log.warning(
                "the %s checkpoint is of update %d, the %s checkpoint of update %d; the one loaded last wins: %d",
                driver.source, driver.t, source, count, count,
            )  # fmt: skip

    def differs(self, driver: Driver, groups: list[Group]) -> bool:
        """Whether the groups carry the number of another plan, one that has not been dealt with."""
        known = {driver.number, *self.settled}
        return any(group[PLAN] not in known for group in groups if PLAN in group and COUNT in group)


def _with_base(slot: Slot, base: float) -> Slot:
    return slot if base == slot.base else replace(slot, base=base)


def say_initial(slots: tuple[Slot, ...], groups: list[Group]) -> bool:
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


def say_position(optimizer: Any) -> None:
    """An optimizer of a run that had no plan: the plan begins at 0, which may not be where the run stands."""
    log.warning(
        "the optimizer carries no count of updates: the plan begins at 0. If the run has taken n updates already, "
        "write ps.Scheduler(optimizer, plan, t=n)%s; with t=0 this is not said",
        _told(updates_in_state(optimizer)),
    )


def _told(taken: int | None) -> str:
    return "" if taken is None else f" (its own state says {taken})"


def _say_bases(slots: tuple[Slot, ...], before: Mapping[tuple[int, str], float]) -> None:
    for slot in slots:
        code = before.get((slot.group, slot.field.slot), slot.base)
        if code != slot.base:
            log.warning(
                "base of %s in group %d: %r in the code, %r in the checkpoint, which wins",
                slot.field, slot.group, code, slot.base,
            )  # fmt: skip


def warn_if_over(driver: Driver) -> None:
    """A plan that is over holds its last values: right after a finished run, and wrong for a new one."""
    horizon = driver.resolved.horizon
    if horizon is not None and driver.t > horizon.updates:
        warn_user(
            f"the optimizer has taken {driver.t} updates, the plan is over after {horizon.updates}: its last values "
            "are held. To begin it again call scheduler.seek(0)."
        )


def mix(code: Plan, saved: Plan, choices: Mapping[str, OnChangeChoice]) -> Plan:
    """A resolved plan with the checkpoint's schedules for the fields that `choices` says so of."""
    keep = [b for b in code.bindings if choices.get(b.name, "new") != "checkpoint"]
    take = [b for b in saved.bindings if choices.get(b.name, "new") == "checkpoint"]
    horizon = saved.horizon if choices.get("horizon", "new") == "checkpoint" else code.horizon
    return Plan(*keep, *take, horizon=horizon)
