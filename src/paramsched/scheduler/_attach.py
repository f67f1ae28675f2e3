"""Attaching a plan to an optimizer: the checks before any write, and the hooks."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from numbers import Integral
from typing import Any, Literal, Protocol, TypeAlias, final, get_args

from torch.optim import Optimizer

from paramsched.base.near_names import closest, did_you_mean
from paramsched.errors import InvalidArgument, InvalidTime, MissingFact, ParamschedError, shown
from paramsched.fields import numeric
from paramsched.plan import Plan
from paramsched.plan.note import Note
from paramsched.scheduler._clock import Clock, ResolvedPlan, RunPosition
from paramsched.scheduler._group_keys import (
    AMOUNT,
    COUNT,
    Group,
    History,
    amount_carried,
    check_entries,
    count_carried,
)
from paramsched.scheduler._plan_change import ChangingRun
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.scheduler._resume import (
    Resume,
    log_initial_values,
    log_takeover,
    report_position,
    warn_if_over,
    warn_if_shorter_than_epoch,
    warn_of_present_bases,
)
from paramsched.scheduler._shared_run import SharedRun
from paramsched.scheduler._slots import LateGroups, slots_of
from paramsched.scheduler._value_block import FloatColumn, TensorColumn, ValueBlock
from paramsched.scheduler._watch import PlanWatch
from paramsched.scheduler._writes import AT_EACH_UPDATE
from paramsched.scheduler.consumption import ConsumptionSource, resume_position
from paramsched.scheduler.plan_source import PlanSource
from paramsched.scheduler.saved_state import restored_states, saved_states
from paramsched.scheduler.updates import UpdateHooks, expect_changing_number, mark_uncompiled, updates_in_state
from paramsched.time import Calendar

# The hooks on one optimizer write the values of the next update and follow the optimizer's checkpoints.
#
# The hooks reference the groups and the plan. The optimizer references the hooks, but not the reverse: deleting an
# optimizer frees its memory at once. A Scheduler is only a handle. If it is deleted, the plan continues.


class LoadHandler(Protocol):
    """Handles the checkpoints of one optimizer."""

    def before_load(self, planned: PlannedGroups, state: dict[str, Any], count: int) -> None: ...
    def after_load(self, planned: PlannedGroups, optimizer: Any) -> None: ...


@final
class PlanHooks:
    """The hooks that a Scheduler leaves on its optimizer.

    Args:
        planned: the groups of the optimizer.
        resume: handles the optimizer's own checkpoints.
        run: the run of several optimizers, if this is one of them.
        name: its name in the run.
    """

    def __init__(
        self, planned: PlannedGroups, resume: LoadHandler, run: SharedRun | None = None, name: str = ""
    ) -> None:
        self.planned, self.resume, self.run, self.name = planned, resume, run, name
        self.scheduler: Callable[[], object] = lambda: None  # the Scheduler, unless it was deleted
        self.look: Callable[[], object] | None = None  # looks at a watched plan file, after an update by hand
        self._handles: list[Any] = [] if run is None else run.handles

    def attach(self, optimizer: Any, *, after: Callable[[Any], object] | None) -> None:
        """Register the hooks; `after` is called after each step that counts, None if no step does."""
        planned = self.planned
        # Do not compile the functions that run at every update: torch would recompile the step for each value
        # (docs/decisions/005-hooks-that-cost-nothing.md).
        mark_uncompiled(
            PlannedGroups.is_unchanged, PlannedGroups.has_own_lr, PlannedGroups.any_tuple_spoiled,
            PlannedGroups.before_update, PlannedGroups.advance, FloatColumn.any_tuple_spoiled, ValueBlock.fill_count,
            ValueBlock.views_replaced, TensorColumn.views_replaced, *AT_EACH_UPDATE,
        )  # fmt: skip
        expect_changing_number(COUNT)
        if planned.source is not None:
            expect_changing_number(AMOUNT)
        if after is not None:
            hooks = UpdateHooks(planned.before_update, after, planned.is_unchanged, planned.has_own_lr)
            self._handles += hooks.register_on(optimizer)
        if isinstance(optimizer, Optimizer):
            self._handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
            self._handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
            self._handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def before_state_dict(self, optimizer: Any) -> None:
        """Write the count and the plan's number into every group; an update writes them into the first group only."""
        if optimizer.param_groups:
            self.planned.sync(optimizer.param_groups)
            self.planned.write_position(optimizer.param_groups)

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        self.resume.before_load(self.planned, state, len(optimizer.param_groups))

    def after_load(self, optimizer: Any) -> None:
        self.resume.after_load(self.planned, optimizer)

    @property
    def is_referenced(self) -> bool:
        """True if the Scheduler was not deleted."""
        return (self.scheduler if self.run is None else self.run.scheduler)() is not None

    @property
    def position(self) -> RunPosition:
        """The position of the optimizer in its run."""
        planned = self.planned
        return planned.clock.position if self.run is None else self.run.position_at(planned.clock.t)

    @property
    def history(self) -> History:
        """The history of the run."""
        return (self.planned if self.run is None else self.run.lead).history

    def release(self) -> None:
        """Remove the hooks, those on all optimizers of the run. Values and entries remain in the groups."""
        if self.run is not None:
            self.run.release(kept=[self.name])
            return
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.planned.release()

    def remove_from(self, groups: list[Group]) -> None:
        """Remove the hooks and all entries of paramsched from the groups. The written values remain."""
        self.release()
        self.planned.remove_entries(groups)


def hooks_on(optimizer: Any) -> PlanHooks | None:
    """Return the hooks that an earlier Scheduler registered on an optimizer, or None."""
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
    """The arguments of a Scheduler, except the run facts.

    `start` is the number of completed updates of a run that had no plan so far; None if it was not passed.
    `optimizers` are the names of the optimizers, if there are several. `source` is the plan before it is resolved.
    """

    source: PlanSource
    drive: str
    resume: Resume
    late_groups: LateGroups
    start: int | None
    optimizers: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        return self.source.plan

    def __post_init__(self) -> None:
        choices = (*get_args(Drive), *self.optimizers)
        if self.drive not in choices:
            found = did_you_mean(str(self.drive), choices)
            meant = closest(str(self.drive), choices) or "optimizer"
            raise InvalidArgument(f"Scheduler(drive={self.drive!r})", found, f'Write drive="{meant}"')
        if self.late_groups not in get_args(LateGroups):
            found = did_you_mean(str(self.late_groups), get_args(LateGroups))
            raise InvalidArgument(f"Scheduler(late_groups={self.late_groups!r})", found, 'Write late_groups="present"')
        if self.start is not None and not is_count_of_updates(self.start):
            instead = "Write ps.Scheduler(optimizer, plan, t=500)"
            raise InvalidTime(f"Scheduler(…, t={shown(self.start)})", "not a number of completed updates", instead)
        if self.start is not None:
            object.__setattr__(self, "start", int(self.start))  # checkpoints cannot contain NumPy integers


def is_count_of_updates(t: Any) -> bool:
    """Return whether `t` is a number of completed updates; NumPy integers are accepted."""
    return isinstance(t, Integral) and not isinstance(t, bool) and 0 <= int(t) < 2**62


def attach_plan(
    optimizer: Any, request: AttachRequest, calendar: Calendar, call: str = "ps.Scheduler(optimizer, plan, "
) -> PlanHooks:
    """Bind a plan to the optimizer's groups, write its values, and register the hooks.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizer is unchanged.
    """
    if request.drive == "optimizer":
        require_hooks(optimizer)
    groups: list[Group] = optimizer.param_groups
    resume, start = request.resume, request.start

    def resolve(plan: Plan, note: Note | None) -> ResolvedPlan:
        known = request.source.facts_for(plan, calendar)
        return ResolvedPlan(plan, resolve_for(call, plan, known), known, note)

    in_force = resolve(request.plan, request.source.note)
    _ = in_force.total  # raises now if an update is planned to consume nothing
    before = hooks_on(optimizer)
    check_entries(groups)
    unknown, changes, source = False, None, None
    if before is not None:
        before.planned.sync(groups)
        known, earlier = before.planned.clock, before.planned.in_force
        carried: int | None = known.t
        position = before.position
        changes = resume.changes_between(earlier, in_force)
        in_force = resume.choose_plan(changes, earlier, in_force, position, "that of the previous Scheduler")
        found = position if earlier.unit == in_force.unit else RunPosition(known.t)
    else:
        carried = count_carried(groups)
        unknown = resume.differs(in_force, groups)
        if unknown:
            resume.refuse_if_error(f"the optimizer carries a plan that differs from the code's: {request.plan!r}")
        found = RunPosition(start or 0)
        if carried is not None:
            found, source = RunPosition(carried, *amount_carried(groups, in_force.unit)), "optimizer"
    clock = Clock({rule: rule.init() for rule in in_force.resolved.metric_rules}, start)
    clock.set_position(resume_position(in_force, found, "the optimizer"), source)
    planned = PlannedGroups(in_force, clock, request.late_groups)
    if before is not None:
        clock.states = {rule: known.states.get(rule, state) for rule, state in clock.states.items()}
        planned.history = before.history.with_plan(planned.entry())
    elif carried is not None:
        starting_with = History((planned.entry()._replace(update=0, amount=in_force.amount_at(0)),))
        planned.history = starting_with.with_plan_after_unknown(planned.entry()) if unknown else starting_with
    block = ValueBlock(in_force.counted, slots_of(in_force.counted, groups), groups, clock.times, clock.states)
    has_initial = carried is None and log_initial_values(block.slots, groups)
    planned.bind(groups, block)  # the first write; no check may fail after it
    if before is not None:
        if not changes and before.is_referenced:  # the logged changes already report the previous Scheduler
            log_takeover(clock.t)
        before.release()
    hooks = PlanHooks(planned, resume)
    after: Callable[[Any], object] = planned.advance
    if request.source.interval is not None:
        watch = PlanWatch(request.source, ChangingRun(planned), resolve)
        hooks.look, after = watch.look_if_due, watch.after_step(after)
    hooks.attach(optimizer, after=after if request.drive == "optimizer" else None)
    if unknown:
        resume.log_unknown_plan(planned)
    if before is None and start is None and not carried:
        taken = updates_in_state(optimizer)
        if has_initial or taken:
            report_position(block.slots, taken, carried, initial=has_initial)
    if carried is None and start:
        warn_of_present_bases(block.slots, groups, start)
    if carried is not None and start is not None and start != carried:
        log.warning(
            "t=%d is ignored: this optimizer carries a count of %d updates, which takes precedence", start, carried
        )
    warn_if_over(planned)
    if carried is None:
        warn_if_shorter_than_epoch(planned)
    return hooks


# ---------------------------------------------------------------------- run facts that are passed later

_NO_FACTS_YET = (
    'this Scheduler was built with calendar="later" and has no run facts yet. Call scheduler.resolve(steps_per_epoch='
    "len(loader)) before the first optimizer.step()"
)


@final
class NotAttached:
    """Placeholder for the hooks of a Scheduler that waits for its run facts; any use of it raises."""

    def __getattr__(self, name: str) -> Any:
        raise ParamschedError(_NO_FACTS_YET)


def refuse_to_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Raise ParamschedError: the step pre-hook of a Scheduler that waits for its run facts."""
    del optimizer, args, kwargs
    raise ParamschedError(_NO_FACTS_YET)


@final
@dataclass(slots=True)
class WaitingForFacts:
    """A Scheduler that was constructed before its run facts were known."""

    request: AttachRequest
    state: Any = None  # a state that was loaded while waiting
    handles: list[Any] = field(default_factory=list)  # remove the hooks that raise on each step


def copied_state(planned: PlannedGroups, resume: Resume, optimizer: Any) -> dict[str, Any]:
    """Return the state from which `hooks_of_copy` restores a copy; the Scheduler adds `drive`."""
    clock = planned.clock
    return {
        "optimizer": optimizer,
        "plan": planned.in_force.plan,
        "calendar": planned.in_force.calendar,
        "on_change": resume.on_change,
        "late_groups": planned.late_groups,
        "begin": clock.start,
        "alive": not planned.released,
        "t": clock.t,
        "amounts": (clock.amount, clock.reported, clock.last_amount),
        "feedback": [saved_states(clock.states), saved_states(clock.used)],
        "acknowledged": clock.acknowledged,
        "history": planned.history,
    }


def hooks_of_copy(state: Mapping[str, Any]) -> tuple[AttachRequest, PlanHooks]:
    """Restore a copied Scheduler from the dict of `copied_state`: return its arguments and its hooks."""
    optimizer, resume = state["optimizer"], Resume(state["on_change"])
    late_groups, start = state.get("late_groups", "base"), state.get("begin")  # absent in older pickles
    amount, reported, _ = state.get("amounts", (None, None, None))
    request = AttachRequest(source_of_copy(state), state["drive"], resume, late_groups, start)
    if state["alive"]:
        hooks = attach_plan(optimizer, request, state["calendar"])
    else:  # the Scheduler was detached: its hooks are not registered
        in_force = ResolvedPlan(request.plan, request.plan.resolve(state["calendar"]), state["calendar"])
        clock = Clock({rule: rule.init() for rule in in_force.resolved.metric_rules})
        clock.set_position(RunPosition(state["t"], amount, reported))
        planned, groups = PlannedGroups(in_force, clock, late_groups), optimizer.param_groups
        slots = slots_of(in_force.counted, groups)
        planned.block = ValueBlock(in_force.counted, slots, groups, clock.times, clock.states)
        planned.release()
        hooks = PlanHooks(planned, resume)
    restore_copied(hooks.planned, state)
    return request, hooks


def source_of_copy(state: Mapping[str, Any]) -> PlanSource:
    """Return the plan in force of a copied Scheduler, with the file that it watches."""
    source: PlanSource = state.get("source", PlanSource(state["plan"]))  # absent in older pickles
    return replace(source, plan=state["plan"])


def restore_copied(planned: PlannedGroups, state: Mapping[str, Any]) -> None:
    """Restore the states of metric rules, the amounts and the history of a copy."""
    clock, (_, reported, last_amount) = planned.clock, state.get("amounts", (None, None, None))
    now, used = (restored_states(one, planned.in_force.resolved.metric_rules) for one in state["feedback"])
    planned.history = state.get("history", planned.history)
    clock.reported, clock.last_amount = None, last_amount
    if reported is not None and isinstance(planned.source, ConsumptionSource):
        planned.source.report(reported)
    clock.states = used
    clock.change(now)
    if state["alive"]:
        planned.rewrite()
    if not state["acknowledged"]:
        clock.acknowledged_at = -1  # the engine has not called step() yet


# ---------------------------------------------------------------------- arguments of a Scheduler


def specified_facts(**facts: Any) -> dict[str, Any]:
    """Return the facts that are not None."""
    return {name: fact for name, fact in facts.items() if fact is not None}


def calendar_of_call(call: str, calendar: Any, given: dict[str, Any]) -> Calendar:
    """Return the Calendar of a call that accepts either a Calendar or its facts as keywords."""
    if calendar is not None and given:
        raise InvalidArgument(
            f"{call}(calendar=…, {', '.join(given)}=…)",
            "run facts are passed twice",
            "Pass all of them in the Calendar",
        )
    if calendar is not None and not isinstance(calendar, Calendar):
        instead = "Write calendar=ps.Calendar(steps_per_epoch=100)"
        if isinstance(calendar, int) and not isinstance(calendar, bool) and calendar > 0:
            instead = f"Write calendar=ps.Calendar(total={calendar})"
        raise InvalidArgument(f"{call}(calendar={shown(calendar)})", "not a Calendar", instead)
    names = [field.name for field in fields(Calendar)]
    if unknown := sorted(given.keys() - set(names)):
        raise InvalidArgument(f"{call}({unknown[0]}=…)", did_you_mean(unknown[0], names))
    return calendar if calendar is not None else Calendar(**given)


def resolve_for(call: str, plan: Plan, calendar: Calendar, optimizers: Collection[str] = ()) -> Plan:
    """Resolve a plan; if a run fact is missing, the error suggests the argument of this call."""
    try:
        return plan.resolve(calendar, optimizers)
    except MissingFact as error:
        fact = f"{error.fact}={error.example}"
        found = error.found
        if not call.startswith("scheduler."):
            later = f'{call}calendar="later"), and scheduler.resolve({fact}) before the first update'
            found += f"; to pass it later, write {later}"
        raise MissingFact(error.site, found, f"Write {call}{fact})", fact=error.fact, example=error.example) from None


_INNER_NAMES = ("optimizer", "_optimizer", "_base_optimizer", "base_optimizer")
"""The attributes in which wrappers store their optimizer: of Accelerate and MMEngine, Lightning, Lookahead, and SAM."""


def unwrapped_optimizer(optimizer: Any) -> Any:
    """Return the innermost optimizer of nested wrappers."""
    seen: list[int] = []
    while id(optimizer) not in seen:
        seen.append(id(optimizer))
        own = getattr(optimizer, "__dict__", {})
        inner = next((own[name] for name in _INNER_NAMES if isinstance(_param_groups_of(own.get(name)), list)), None)
        if inner is None:
            break
        optimizer = inner
    groups = _param_groups_of(optimizer)
    own = getattr(optimizer, "__dict__", {})
    if not (isinstance(groups, list) and any(map(numeric, groups)) and not _has_idle_groups(own, groups)):
        members = next((f"optimizer.{name}" for name, value in own.items() if _are_optimizers(value)), None)
        members = "optimizers" if _are_optimizers(optimizer) else members
        if members is not None:
            raise InvalidArgument(
                f"Scheduler({type(optimizer).__name__}, …)",
                "it is a container of optimizers; one plan drives several optimizers by their names",
                f'Write ps.Scheduler({{f"optimizer_{{i}}": one for i, one in enumerate({members})}}, plan)',
            )
    if not isinstance(groups, list) or not groups:
        raise InvalidArgument(
            f"Scheduler({type(optimizer).__name__}, …)", "it has no param_groups", "Write ps.Scheduler(optimizer, plan)"
        )
    return optimizer


def _has_idle_groups(own: Mapping[str, Any], groups: list[Group]) -> bool:
    """Return whether no step reads the groups of a container, because its optimizers have others (torchtitan's)."""
    inner = own.get("optimizers")
    if not _are_optimizers(inner):
        return False
    read = {id(group) for one in inner or () for group in one.param_groups}
    return not any(id(group) in read for group in groups)


def _are_optimizers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(one, Optimizer) for one in value)


def require_hooks(optimizer: Any) -> None:
    """Raise for an optimizer whose step does not call hooks."""
    if _fires_hooks(optimizer):
        return
    own = getattr(optimizer, "__dict__", {})
    inner = next((name for name, value in own.items() if _fires_hooks(value)), None)
    raise InvalidArgument(
        f"Scheduler({type(optimizer).__name__}, …)",
        "its step does not call hooks, so no Scheduler can follow it",
        'Write Scheduler(…, drive="manual") and call scheduler.step() after each update'
        if inner is None
        else f"Write ps.Scheduler(optimizer.{inner}, plan)",
    )


def _fires_hooks(optimizer: Any) -> bool:
    return isinstance(optimizer, Optimizer) and bool(getattr(type(optimizer).step, "hooked", False))


def _param_groups_of(candidate: Any) -> Any:
    return getattr(candidate, "param_groups", None)
