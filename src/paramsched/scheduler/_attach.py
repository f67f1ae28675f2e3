"""Attaching a plan to an optimizer: what is refused before any write, and the hooks."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, TypeAlias, final, get_args

import torch

from paramsched.base.near_names import closest
from paramsched.errors import InvalidArgument, InvalidTime, ParamschedError, nearest, shown
from paramsched.plan import Plan
from paramsched.plan.diff import Diff
from paramsched.scheduler._clock import Clock, PlanInForce, Standing
from paramsched.scheduler._field_slots import ScheduledTuples, TensorSlots
from paramsched.scheduler._group_keys import (
    AMOUNT,
    COUNT,
    Group,
    History,
    amount_carried,
    check_entries,
    count_carried,
    remove_entries,
)
from paramsched.scheduler._planned_groups import PlannedGroups, block_at
from paramsched.scheduler._reports import require_hooks, resolve_for
from paramsched.scheduler._resume import (
    Resume,
    log_initial_values,
    log_takeover,
    tell_position,
    warn_if_over,
    warn_if_shorter_than_epoch,
    warn_of_present_bases,
)
from paramsched.scheduler._slots import LateGroups, slots_of
from paramsched.scheduler._value_block import GroupWatch, ValueBlock
from paramsched.scheduler._writes import AT_EACH_UPDATE
from paramsched.scheduler.saved_state import restored_states, saved_states
from paramsched.scheduler.told_amounts import standing_in
from paramsched.scheduler.updates import UpdateHooks, expect_changing_number, mark_uncompiled
from paramsched.time import Calendar

# The hooks on one optimizer: they have the values of the next update written, and follow its checkpoints.
#
# The hooks hold the groups and the plan. The optimizer holds the hooks, and they do not hold it: deleting an
# optimizer frees its memory at once. A Scheduler is a handle. It may be dropped; the plan goes on.


@final
class PlanHooks:
    """The hooks that a Scheduler leaves on its optimizer."""

    def __init__(self, planned: PlannedGroups, resume: Resume) -> None:
        self.planned, self.resume = planned, resume
        self.scheduler: Callable[[], object] = lambda: None  # the Scheduler, if someone holds it still
        self._handles: list[Any] = []

    def attach(self, optimizer: Any, *, step: bool) -> None:
        """Register the hooks; `step` where the optimizer's own step moves the clock."""
        planned = self.planned
        # All that runs at every update, so that a compiled step is not compiled anew for each value: decision 005.
        mark_uncompiled(
            GroupWatch.as_left, GroupWatch.any_tuple_spoiled, PlannedGroups.before_update, PlannedGroups.advance,
            ScheduledTuples.any_spoiled, ValueBlock.fill_count, ValueBlock.views_replaced, TensorSlots.views_replaced,
            *AT_EACH_UPDATE,
        )  # fmt: skip
        expect_changing_number(COUNT)
        if planned.source is not None:
            expect_changing_number(AMOUNT)
        if step:
            hooks = UpdateHooks(planned.before_update, planned.advance, planned.watch.as_left)
            self._handles += hooks.register_on(optimizer)
        if isinstance(optimizer, torch.optim.Optimizer):
            self._handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
            self._handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
            self._handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def before_state_dict(self, optimizer: Any) -> None:
        """Write count and plan into every group: at an update only the first one gets the count."""
        if optimizer.param_groups:
            self.planned.sync(optimizer.param_groups)
            self.planned.note(optimizer.param_groups)

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        self.resume.before_load(self.planned, state, len(optimizer.param_groups))

    def after_load(self, optimizer: Any) -> None:
        self.resume.after_load(self.planned, optimizer.param_groups)

    def release(self) -> None:
        """Take the hooks off. Values and entries stay in the groups."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.planned.release()

    def remove_from(self, groups: list[Group]) -> None:
        """The same, and every trace out of the groups; values stay."""
        self.release()
        self.planned.block.remove_views(groups)
        remove_entries(groups)


def hooks_on(optimizer: Any) -> PlanHooks | None:
    """The hooks that an earlier Scheduler left on an optimizer."""
    for hook in getattr(optimizer, "_optimizer_load_state_dict_post_hooks", {}).values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, PlanHooks):
            return owner
    return None


Drive: TypeAlias = Literal["optimizer", "manual"]

log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class AttachRequest:
    """What a Scheduler was asked to do, but for the facts of the run.

    `begin` is the number of completed updates of a run that had no plan so far; None where nobody said it.
    """

    plan: Plan
    drive: Drive
    resume: Resume
    late_groups: LateGroups
    begin: int | None

    def __post_init__(self) -> None:
        if self.drive not in get_args(Drive):
            found = nearest(str(self.drive), get_args(Drive))
            meant = closest(str(self.drive), get_args(Drive)) or "optimizer"
            raise InvalidArgument(f"Scheduler(drive={self.drive!r})", found, f'Write drive="{meant}"')
        if self.late_groups not in get_args(LateGroups):
            found = nearest(str(self.late_groups), get_args(LateGroups))
            raise InvalidArgument(f"Scheduler(late_groups={self.late_groups!r})", found, 'Write late_groups="present"')
        if self.begin is not None and not is_count_of_updates(self.begin):
            instead = "Write ps.Scheduler(optimizer, plan, t=500)"
            raise InvalidTime(f"Scheduler(…, t={shown(self.begin)})", "not a number of completed updates", instead)
        if self.begin is not None:
            object.__setattr__(self, "begin", int(self.begin))  # one of NumPy is in no checkpoint


def is_count_of_updates(t: Any) -> bool:
    """Whether it is a number of completed updates; integers of NumPy are ones too."""
    return isinstance(t, Integral) and not isinstance(t, bool) and 0 <= int(t) < 2**62


def attach_plan(
    optimizer: Any, request: AttachRequest, calendar: Calendar, call: str = "ps.Scheduler(optimizer, plan, "
) -> PlanHooks:
    """Bind a plan to the optimizer's groups, write its values, and register the hooks.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizer is as before.
    """
    if request.drive == "optimizer":
        require_hooks(optimizer)
    groups: list[Group] = optimizer.param_groups
    resume, begin = request.resume, request.begin
    in_force = PlanInForce(request.plan, resolve_for(call, request.plan, calendar), calendar)
    _ = in_force.total  # an update that is planned to take nothing is refused now
    before = hooks_on(optimizer)
    check_entries(groups)
    carried = count_carried(groups)
    changes: Diff | None = None
    if before is not None:
        before.planned.sync(groups)
        carried = before.planned.clock.t
        whose, earlier = "that of the Scheduler before this one", before.planned.in_force
        changes = resume.changes_between(earlier, in_force)
        in_force = resume.decide(changes, earlier, in_force, before.planned.clock.standing, whose)
    unknown = before is None and resume.differs(in_force, groups)
    if unknown:
        resume.refuse_if_error(f"the optimizer carries another plan than the code's: {request.plan!r}")
    standing = standing_in(in_force, _found_standing(in_force, begin, groups, before), "the optimizer")
    source = None if before is not None or carried is None else "optimizer"
    planned = PlannedGroups(in_force, _clock_for(in_force, begin, standing, source, before), request.late_groups)
    planned.history = _history_at(planned, carried, before, unknown=unknown)
    clock = planned.clock
    block = block_at(in_force, slots_of(in_force.counted, groups), groups, clock.times, clock.states)
    has_initial = carried is None and log_initial_values(block.slots, groups)
    planned.bind(groups, block)  # the first write: from here on nothing is refused
    if before is not None:
        if not changes and before.scheduler() is not None:  # changes are logged, and say that there was another
            log_takeover(clock.t)
        before.release()
    hooks = PlanHooks(planned, resume)
    hooks.attach(optimizer, step=request.drive == "optimizer")
    if unknown:
        resume.log_unknown_plan(planned)
    if before is None and begin is None and not carried and (has_initial or resume.updates_taken()):
        tell_position(block.slots, resume.updates_taken(), carried, initial=has_initial)
    if carried is None and begin:
        warn_of_present_bases(block.slots, groups, begin)
    if carried is not None and begin is not None and begin != carried:
        log.warning(
            "t=%d is for an optimizer without a count of updates; this one carries %d, which wins", begin, carried
        )
    warn_if_over(planned)
    if carried is None:
        warn_if_shorter_than_epoch(planned)
    return hooks


def detached_hooks(optimizer: Any, request: AttachRequest, calendar: Calendar, standing: Standing) -> PlanHooks:
    """Hooks that are not registered, for a copy of a Scheduler that was detached."""
    in_force = PlanInForce(request.plan, request.plan.resolve(calendar), calendar)
    planned = PlannedGroups(in_force, _clock_for(in_force, None, standing), request.late_groups)
    slots = slots_of(in_force.counted, optimizer.param_groups)
    planned.block = block_at(in_force, slots, optimizer.param_groups, planned.clock.times, planned.clock.states)
    planned.release()
    return PlanHooks(planned, request.resume)


def _found_standing(
    in_force: PlanInForce, begin: int | None, groups: list[Group], before: PlanHooks | None
) -> Standing:
    """Where the run stands, as the Scheduler before, the groups or the user say."""
    if before is not None:
        found = before.planned.clock.standing
        return found if before.planned.in_force.unit == in_force.unit else Standing(found.t)
    carried = count_carried(groups)
    return Standing(begin or 0) if carried is None else Standing(carried, *amount_carried(groups, in_force.unit))


def _clock_for(
    in_force: PlanInForce,
    begin: int | None,
    standing: Standing,
    source: str | None = None,
    before: PlanHooks | None = None,
) -> Clock:
    """A clock at that place, with the states of the metric rules."""
    clock = Clock({rule: rule.init() for rule in in_force.resolved.metric_rules}, begin)
    clock.stand_at(standing, source)
    if before is not None:
        known = {rule: state for rule, state in before.planned.clock.states.items() if rule in clock.states}
        clock.states = {**clock.states, **known}
    return clock


def _history_at(planned: PlannedGroups, carried: int | None, before: PlanHooks | None, *, unknown: bool) -> History:
    """The plans that were in force, and this one."""
    if before is not None:
        return before.planned.history.entered(planned.entry())
    if carried is None:
        return planned.history
    begun = History.begun(planned.in_force.plan.text, 0, planned.in_force.amount_at(0))
    return begun.entered_after_unknown(planned.entry()) if unknown else begun


# ---------------------------------------------------------------------- facts that come later

_WAITS = (
    'this Scheduler was built with calendar="later" and has no facts yet. Call scheduler.resolve(steps_per_epoch='
    "len(loader)) before the first optimizer.step()"
)


@final
class NotAttached:
    """Stands where the hooks will be of a Scheduler that waits for its facts."""

    def __getattr__(self, name: str) -> Any:
        raise ParamschedError(_WAITS)


def refuse_to_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """The step pre-hook of a Scheduler that waits for its facts."""
    del optimizer, args, kwargs
    raise ParamschedError(_WAITS)


@final
@dataclass(slots=True)
class WaitingForFacts:
    """A Scheduler that was built before the facts of its run were known."""

    request: AttachRequest
    state: Any = None  # loaded meanwhile
    handle: Any = None  # of the hook that refuses to step


def copied_state(hooks: PlanHooks, optimizer: Any) -> dict[str, Any]:
    """What a copy needs of a Scheduler's hooks; the Scheduler adds `drive`."""
    planned, clock = hooks.planned, hooks.planned.clock
    return {
        "optimizer": optimizer,
        "plan": planned.in_force.plan,
        "calendar": planned.in_force.calendar,
        "on_change": hooks.resume.on_change,
        "late_groups": planned.late_groups,
        "begin": clock.begin,
        "alive": not planned.released,
        "t": clock.t,
        "amounts": (clock.amount, clock.said, clock.last_amount),
        "feedback": [saved_states(clock.states), saved_states(clock.used)],
        "acknowledged": clock.acknowledged,
        "history": planned.history,
    }


def hooks_of_copy(state: Mapping[str, Any]) -> tuple[AttachRequest, PlanHooks]:
    """What the copy was asked to do, and its hooks."""
    optimizer, resume = state["optimizer"], Resume(state["on_change"], state["optimizer"])
    late_groups, begin = state.get("late_groups", "base"), state.get("begin")  # absent in pickles of before
    amount, said, last_amount = state.get("amounts", (None, None, None))
    standing = Standing(state["t"], amount, said)
    request = AttachRequest(state["plan"], state["drive"], resume, late_groups, begin)
    hooks = (
        attach_plan(optimizer, request, state["calendar"])
        if state["alive"]
        else detached_hooks(optimizer, request, state["calendar"], standing)
    )
    planned, clock = hooks.planned, hooks.planned.clock
    now, used = (restored_states(one, planned.in_force.resolved.metric_rules) for one in state["feedback"])
    planned.history = state.get("history", planned.history)
    clock.said, clock.last_amount = None, last_amount
    planned.say(said)
    clock.states = used
    clock.change(now)
    if state["alive"]:
        planned.rewrite()
    if not state["acknowledged"]:
        clock.acknowledged_at = -1  # its engine had not called step() yet
    return request, hooks
