"""Resuming: what a checkpoint restores, and what a changed plan does then. Nothing of it is silent."""

import logging
import warnings
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, final

from paramsched._diff import Diff, diff
from paramsched.errors import InvalidArgument, PlanChanged, StateError, nearest
from paramsched.plan import Plan
from paramsched.scheduler import _keys
from paramsched.scheduler._driver import Driver
from paramsched.scheduler._keys import COUNT, PLAN, Group, base_key
from paramsched.scheduler._slots import slots_of
from paramsched.scheduler._state import State, restored
from paramsched.time import Calendar

Choice: TypeAlias = Literal["new", "checkpoint", "error"]
OnChange: TypeAlias = Choice | Mapping[str, Choice]
"""What a plan that differs from the checkpoint's does; a mapping says it field by field ("new" for the rest)."""

_CHOICES = ("new", "checkpoint", "error")
log = logging.getLogger("paramsched")


def checked(on_change: Any) -> OnChange:
    """A policy, checked."""
    given = on_change.values() if isinstance(on_change, Mapping) else [on_change]
    for choice in given:
        if choice not in _CHOICES:
            raise InvalidArgument(
                f"Scheduler(on_change={on_change!r})",
                f"{choice!r} is none of {', '.join(_CHOICES)}; {nearest(str(choice), _CHOICES)}",
                'Write on_change="new", or {"lr": "checkpoint"}',
            )
    return dict(on_change) if isinstance(on_change, Mapping) else on_change  # type: ignore[no-any-return]  # checked above


@final
class Resume:
    """The policy of one scheduler; the driver asks it when the optimizer's own state is loaded."""

    def __init__(self, on_change: OnChange) -> None:
        self.on_change = on_change

    def before(self, driver: Driver, state: dict[str, Any]) -> None:
        """Refuse an optimizer state that cannot be resumed from, before anything is written."""
        groups = state.get("param_groups") if isinstance(state, dict) else None
        if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
            return  # torch says what is wrong with it
        count = _keys.count_in(groups)
        for index, group in enumerate(groups):
            for key, value in group.items():
                if isinstance(key, str) and key.startswith("paramsched_base_"):
                    if isinstance(value, bool) or not isinstance(value, (int, float)):
                        raise StateError(f"param_groups[{index}][{key!r}] is {value!r}, not a number")
        if count is not None and self._differs(driver, groups):
            self.refuse_if_error(f"the plan in the optimizer's checkpoint differs from the code's: {driver.plan!r}")

    def after(self, driver: Driver, groups: list[Group]) -> None:
        """The optimizer has loaded its state: go on from the count and the bases in its groups."""
        count = _keys.count_in(groups)
        if count is None:
            driver.t, driver.source = 0, None
            warnings.warn(
                "the optimizer's checkpoint carries no count of updates: the plan begins at 0, with the loaded values for "
                "bases. If it was saved after n updates, call scheduler.seek(n).",
                stacklevel=4,
            )
        else:
            self.compare_counts(driver, count, "optimizer")
            self._say_bases(driver, groups)
            if self._differs(driver, groups):
                self.say_unknown(driver)
            driver.t, driver.source, driver.acknowledged = count, "optimizer", True
        driver.bind(groups, slots_of(driver.resolved, groups))
        warn_if_over(driver)

    def load(self, driver: Driver, state: State, calendar: Calendar, groups: list[Group]) -> Calendar:
        """Go on from a scheduler's state; returns the calendar that is in force then.

        Raises:
            PlanChanged: the plan differs and the policy is "error"; nothing was written.
        """
        plan, resolved, calendar = self._decide(driver, state, calendar)
        states = restored(state.feedback, resolved.metric_rules)
        if state.groups != len(groups):
            log.warning(
                "the scheduler's state is of %d groups, the optimizer has %d: those they share go on with the saved bases",
                state.groups, len(groups),
            )  # fmt: skip
        slots = slots_of(resolved, groups, state.base_of())
        self.compare_counts(driver, state.t, "scheduler")
        for slot in slots:
            _say_base(slot.field, slot.group, groups[slot.group].get(base_key(slot.field)), slot.base)
        driver.plan, driver.resolved, driver.number = plan, resolved, _keys.number_of(plan)
        driver.t, driver.source, driver.acknowledged = state.t, "scheduler", True
        driver.states = driver.used = states
        driver.bind(groups, slots)
        warn_if_over(driver)
        return calendar

    def _decide(self, driver: Driver, state: State, calendar: Calendar) -> tuple[Plan, Plan, Calendar]:
        """The plan to go on with, as written and resolved, and its calendar."""
        kept = driver.plan, driver.resolved, calendar
        if state.text is None or driver.plan.text is None:
            if state.text != driver.plan.text:
                log.warning("the plan in the checkpoint cannot be compared with the code's: one of them has no text")
            return kept
        if state.text == driver.plan.text and state.calendar == calendar:
            return kept
        try:
            plan = state.plan()
            assert plan is not None
            saved = plan.resolve(state.calendar)
        except (StateError, ValueError) as error:
            if self.on_change == "new":
                log.warning("the plan in the checkpoint cannot be read here; the code's goes on: %s", error)
                return kept
            raise StateError(f"the plan in the checkpoint cannot be used: {error}") from None
        changes = diff(saved, driver.resolved, Calendar())
        if not changes:
            return kept
        self.settle(changes)
        if self.on_change == "checkpoint":
            return plan, saved, state.calendar
        if isinstance(self.on_change, Mapping) and "checkpoint" in self.on_change.values():
            mixed = mix(driver.resolved, saved, self.on_change)
            return mixed, mixed, calendar
        return kept

    def settle(self, changes: Diff) -> None:
        """Say what changed; refuse it where the policy says so.

        Raises:
            PlanChanged: `on_change` is "error", for one of the changed fields or at all.
        """
        refused = [change for change in changes if self.choice(change.what.split(" @ ")[0]) == "error"]
        if refused:
            raise PlanChanged(
                "the plan differs from the checkpoint's and on_change is 'error'; nothing was written.\n"
                + "\n".join(map(str, refused))
                + '\nWrite on_change="new" to go on with the code\'s plan, "checkpoint" with the saved one.'
            )
        log.warning("the plan differs from the checkpoint's (on_change=%r):\n%s", self.on_change, changes)

    def choice(self, field: str) -> Choice:
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

    def _differs(self, driver: Driver, groups: list[Group]) -> bool:
        return any(group[PLAN] != driver.number for group in groups if PLAN in group and COUNT in group)

    def _say_bases(self, driver: Driver, groups: list[Group]) -> None:
        for slot in driver.table.slots:
            if slot.group < len(groups):
                found = groups[slot.group].get(base_key(slot.field))
                if found is not None:
                    _say_base(slot.field, slot.group, slot.base, found)


def _say_base(field: Any, group: int, code: float | None, saved: float) -> None:
    if code is not None and code != saved:
        log.warning("base of %s in group %d: %r in the code, %r in the checkpoint, which wins", field, group, code, saved)


def warn_if_over(driver: Driver) -> None:
    """A plan that is over holds its last values: right after a finished run, and wrong for a new one."""
    horizon = driver.resolved.horizon
    if horizon is not None and driver.t > horizon.updates:
        warnings.warn(
            f"the optimizer has taken {driver.t} updates, the plan is over after {horizon.updates}: its last values are "
            "held. To begin it again call scheduler.seek(0).",
            stacklevel=4,
        )


def mix(code: Plan, saved: Plan, choices: Mapping[str, Choice]) -> Plan:
    """A resolved plan with the checkpoint's schedules for the fields that `choices` says so of."""
    keep = [b for b in code.bindings if choices.get(b.name, "new") != "checkpoint"]
    take = [b for b in saved.bindings if choices.get(b.name, "new") == "checkpoint"]
    horizon = saved.horizon if choices.get("horizon", "new") == "checkpoint" else code.horizon
    return Plan(*keep, *take, horizon=horizon)
