"""Attaching a plan to one or several optimizers: the checks before any write, and the hooks."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from numbers import Integral
from typing import Any, Literal, TypeAlias, final, get_args

from torch.optim import Optimizer

from paramsched.base.near_names import closest, did_you_mean
from paramsched.base.user_warnings import warn_user
from paramsched.errors import InvalidArgument, InvalidTime, MissingFact, ParamschedError, shown
from paramsched.fields import numeric
from paramsched.lint.levels import unlikely_rates
from paramsched.plan import Plan
from paramsched.plan.binding import amount_clock
from paramsched.plan.note import Note
from paramsched.plan.optimizers import ALONE, NO_SCOPE, check_names, errors_of, scopes_of
from paramsched.runs.consumption import ConsumptionSource, resume_position
from paramsched.runs.deadline import start_run, with_other_plan
from paramsched.runs.plan_change import ChangingRun
from paramsched.runs.plan_source import PlanSource
from paramsched.runs.processes import log_on_rank_0
from paramsched.runs.watch import PlanWatch
from paramsched.scheduler.block import FloatColumn, TensorColumn, ValueBlock
from paramsched.scheduler.group_keys import (
    AMOUNT,
    COUNT,
    Group,
    History,
    amount_carried,
    check_entries,
    count_carried,
)
from paramsched.scheduler.groups import Groups
from paramsched.scheduler.resume import (
    Resume,
    log_initial_values,
    log_takeover,
    report_position,
    warn_if_over,
    warn_if_shorter_than_epoch,
    warn_of_present_bases,
)
from paramsched.scheduler.run import Load, Run, starting_numbers
from paramsched.scheduler.run_state import ResolvedPlan, RuleStates, RunPosition, RunState
from paramsched.scheduler.saved_state import restored_states, saved_states
from paramsched.scheduler.slots import LateGroups, slots_of
from paramsched.scheduler.updates import UpdateHooks, expect_changing_number, mark_uncompiled, updates_in_state
from paramsched.scheduler.writes import AT_EACH_UPDATE
from paramsched.time import Calendar

# The hooks on one optimizer write the values of the next update and follow the optimizer's checkpoints.
#
# The hooks reference the groups and the plan. The optimizer references the hooks, but not the reverse: deleting an
# optimizer frees its memory at once. A Scheduler is only a handle. If it is deleted, the plan continues.


@final
class PlanHooks:
    """The hooks that a Scheduler leaves on an optimizer.

    Args:
        run: the run of the optimizer.
        name: its name in the run.
        resume: handles the optimizer's own checkpoints.
    """

    def __init__(self, run: Run, name: str, resume: Resume) -> None:
        self.run, self.name, self.resume = run, name, resume
        self.planned = run.members[name]

    def attach(self, optimizer: Any, watch: PlanWatch | None) -> None:
        """Register the hooks on the optimizer; `watch` looks at the plan file after its updates."""
        if not isinstance(optimizer, Optimizer):
            return  # driven by hand; it has no hooks, and torch has not imported its compiler for it
        run, planned, handles = self.run, self.planned, self.run.handles
        # Do not compile the functions that run at every update: torch would recompile the step for each value
        # (docs/decisions/005-hooks-that-cost-nothing.md).
        mark_uncompiled(
            Groups.is_unchanged, Groups.has_own_lr, Groups.any_tuple_spoiled,
            Groups.before_update, Groups.check_amount, Groups.advance,
            FloatColumn.any_tuple_spoiled, ValueBlock.fill_count, ValueBlock.views_replaced,
            TensorColumn.views_replaced, PlanHooks.after_shared_step, PlanHooks.after_driving_step,
            PlanHooks.after_other_step, Run.start_update, Run.advance_lead, Run.advance_without_step, *AT_EACH_UPDATE,
        )  # fmt: skip
        expect_changing_number(COUNT)
        if planned.consumption is not None:
            expect_changing_number(AMOUNT)
        if run.drive != "manual":
            after: Callable[[Any], object] = self.after_other_step
            if not run.is_shared:
                after = planned.advance
            elif run.drive in ("optimizer", self.name):
                after = self.after_shared_step if run.drive == "optimizer" else self.after_driving_step
            after = after if watch is None else watch.after_step(after)
            hooks = UpdateHooks(planned.before_update, after, planned.is_unchanged, planned.has_own_lr)
            handles += hooks.register_on(optimizer)
        handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
        handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
        handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def after_shared_step(self, optimizer: Any) -> None:
        """Count a step on the shared clock, which starts an update of the run or takes part in the last one."""
        run, planned = self.run, self.planned
        try:
            if planned.clock.t == run.clock.t:
                run.start_update()
            else:
                run.behind -= 1
        finally:
            run.last = self.name
            planned.advance(optimizer)

    def after_driving_step(self, optimizer: Any) -> None:
        """Count a step of the driving optimizer, and write the next values into the groups of all optimizers."""
        run, planned = self.run, self.planned
        run.advance_lead()
        for other in run.members.values():
            if other is not planned:
                run.advance_without_step(other)
        planned.advance(optimizer)

    def after_other_step(self, optimizer: Any) -> None:
        """Count nothing, after a step of an optimizer that does not drive the clock."""

    def before_state_dict(self, optimizer: Any) -> None:
        """Write the count and the plan's number into every group; an update writes them into the first group only."""
        if optimizer.param_groups:
            self.planned.sync(optimizer.param_groups)
            self.planned.write_position(optimizer.param_groups)

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        self.resume.before_load(self.run, self.name, state, len(optimizer.param_groups))

    def after_load(self, optimizer: Any) -> None:
        self.resume.after_load(self.run, self.name, optimizer)

    @property
    def position(self) -> RunPosition:
        """The position of the optimizer in its run."""
        return self.run.position_at(self.planned.clock.t)


def hooks_on(optimizer: Any) -> PlanHooks | None:
    """Return the hooks that an earlier Scheduler registered on an optimizer, or None."""
    for hook in getattr(optimizer, "_optimizer_load_state_dict_post_hooks", {}).values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, PlanHooks):
            return owner
    return None


Drive: TypeAlias = Literal["optimizer", "manual"]


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


def check_groups(plan: Plan, optimizers: Mapping[str, Any]) -> None:
    """Raise if the optimizers lack a group or a field of a plan that is not resolved yet."""
    groups = {name: one.param_groups for name, one in optimizers.items()}
    for name, scope in scopes_of(plan, plan, groups).items():
        slots_of(plan, groups[name], scope=scope)


def attach_plan(optimizers: Mapping[str, Any], request: AttachRequest, calendar: Calendar, call: str = "") -> Run:
    """Bind a plan to the groups of all optimizers, write its values, and register the hooks.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizers are unchanged.
    """
    resume, start, names = request.resume, request.start, request.optimizers
    example = 'ps.Scheduler({"muon": muon, "adamw": adamw}, plan, ' if names else "ps.Scheduler(optimizer, plan, "
    if request.drive != "manual":
        for name, optimizer in optimizers.items():
            require_hooks(optimizer, name)
    groups: dict[str, list[Group]] = {name: one.param_groups for name, one in optimizers.items()}

    def resolve(plan: Plan, note: Note | None) -> ResolvedPlan:
        facts = request.source.facts_for(plan, calendar)
        return ResolvedPlan(plan, resolve_for(call or example, plan, facts, names), facts, note=note)

    in_force = None
    if calendar.deadline is None:  # with one, the horizon depends on the position of the run
        in_force = resolve(request.plan, request.source.note)
        _ = in_force.total  # raises now if an update is planned to consume nothing
    before = {name: hooks for name, one in optimizers.items() if (hooks := hooks_on(one)) is not None}
    for name, mine in groups.items():
        with errors_of(name):
            check_entries(mine)
        if name in before:
            before[name].planned.sync(mine)

    def carried_on(unit: str | None) -> dict[str, RunPosition]:
        pairs = ((name, _position_carried(before.get(name), mine, unit)) for name, mine in groups.items())
        return {name: position for name, position in pairs if position is not None}

    counts = {name: position.t for name, position in carried_on(None).items()}
    numbers = starting_numbers(tuple(optimizers), counts, start, request.drive)
    if in_force is None:
        t, carried = max(numbers.values()), carried_on(amount_clock(request.plan.clock))
        at = next((position for position in carried.values() if position.t == t), RunPosition(t))
        in_force = start_run(request.plan, calendar, at, names, request.source.note)
    # The plans of earlier Schedulers are compared if they had one plan. A checkpoint has only the number of its plan.
    earlier = {hooks.planned.in_force.number: hooks for hooks in before.values()}
    changes, previous = None, next(iter(earlier.values())) if len(earlier) == 1 else None
    if previous is not None:
        earlier_plan, whose = previous.planned.in_force.with_deadline_of(in_force), "that of the previous Scheduler"
        changes = resume.changes_between(earlier_plan, in_force)
        in_force = resume.choose_plan(changes, earlier_plan, in_force, previous.position, whose)
    carried = carried_on(in_force.unit)
    by_number = {position.t: position for position in carried.values()}
    last = max(numbers.values())  # an optimizer behind it may have the values of the plan before
    joined = [group for name in carried if numbers[name] == last for group in groups[name]]
    unknown = resume.unknown_plans(in_force, joined) if changes is None else frozenset()
    if unknown:
        whose = "the optimizers carry" if names else "the optimizer carries"
        resume.refuse_if_error(f"{whose} a plan that differs from the code's: {request.plan!r}")
    positions = {
        name: resume_position(in_force, by_number.get(number, RunPosition(number)), "the optimizer")
        for name, number in numbers.items()
    }
    states = {rule: rule.init() for rule in in_force.resolved.metric_rules}
    for hooks in before.values():
        states = {rule: hooks.planned.clock.states.get(rule, state) for rule, state in states.items()}
    run = _new_run(in_force, request, groups, positions, states, "optimizer" if carried and not before else None)
    lead = run.lead
    if previous is not None:
        lead.history = previous.run.lead.history.with_plan(lead.entry())
    elif carried:
        starting_with = History((lead.entry()._replace(update=0, amount=in_force.amount_at(0)),))
        lead.history = starting_with.with_plan_after_unknown(lead.entry()) if unknown else starting_with
        if in_force.start is not None:  # with a deadline, the plan had another horizon before
            lead.history = starting_with.with_start(lead.entry(), 0)
    slots = {name: planned.block.slots for name, planned in run.members.items()}
    fresh = [name for name in slots if name not in carried]
    has_state = any(getattr(optimizers[name], "state", None) for name in fresh)
    labels = {name: planned.labels(groups[name]) for name, planned in run.members.items()}
    initial = log_initial_values([(slots[name], groups[name], labels[name]) for name in fresh], has_state=has_state)
    other = {name: planned.values_of_other_plan(groups[name]) for name, planned in run.members.items()}
    rates = ((slot.schedule, slot.base) for mine in slots.values() for slot in mine if slot.name == "lr")
    if (trap := unlikely_rates(in_force.plan.bindings, rates)) is not None:
        warn_user(f"lr: {trap[1]}. {trap[2]} [{trap[0]}]")
    run.bind_lead()  # the first write; no check may fail after it
    for name, planned in run.members.items():
        planned.bind(groups[name], planned.block, other[name])
    run.count_behind()
    carried_counts = {name: count for name, count in counts.items() if name not in before}
    run.record_loads({name: Load(t, is_compared=False, values=other[name]) for name, t in carried_counts.items()})
    # The logged changes already report the previous Scheduler.
    if before and not changes and any(hooks.run.scheduler() is not None for hooks in before.values()):
        log_takeover(run.clock.t)
    for one in {id(hooks.run): hooks.run for hooks in before.values()}.values():
        one.release(kept=[hooks.name for hooks in before.values() if hooks.run is one])

    def resolve_change(plan: Plan, note: Note | None) -> ResolvedPlan:
        return resolve(plan, note) if lead.in_force.start is None else with_other_plan(lead.in_force, plan, note)

    watch = None if request.source.interval is None else PlanWatch(request.source, ChangingRun(run), resolve_change)
    if watch is not None and request.drive == "manual":
        run.look = watch.look_if_due
    for name, optimizer in optimizers.items():
        PlanHooks(run, name, resume).attach(optimizer, watch)
    if unknown:
        resume.log_unknown_plan(run, unknown)
    if not before and start is None and not any(counts.values()):
        taken = max((n for one in optimizers.values() if (n := updates_in_state(one)) is not None), default=None)
        if initial or taken:
            report_position(chain.from_iterable(slots.values()), taken, 0 if carried else None, initial=initial)
    if not carried and start:
        warn_of_present_bases(((slot, groups[name][slot.group]) for name in slots for slot in slots[name]), start)
    if carried and start is not None and start != run.clock.t:
        whose = "these optimizers carry" if names else "this optimizer carries"
        log_on_rank_0("t=%d is ignored: %s a count of %d updates, which takes precedence", start, whose, run.clock.t)
    warn_if_over(lead)
    if not carried:
        warn_if_shorter_than_epoch(lead)
    return run


def _position_carried(before: PlanHooks | None, groups: list[Group], unit: str | None) -> RunPosition | None:
    """Return the position that an optimizer has from its earlier Scheduler, or carries in its groups."""
    if before is not None:
        position = before.position
        return position if before.planned.in_force.unit == unit else RunPosition(position.t)
    count = count_carried(groups)
    return None if count is None else RunPosition(count, *amount_carried(groups, unit))


def _new_run(
    in_force: ResolvedPlan,
    request: AttachRequest,
    groups: Mapping[str, list[Group]],
    positions: Mapping[str, RunPosition],
    states: RuleStates,
    source: str | None = None,
) -> Run:
    """Return a run that has computed its values and has not written them.

    Args:
        in_force: the plan.
        request: the arguments of the Scheduler.
        groups: the groups of each optimizer.
        positions: the position of each optimizer.
        states: the states of the metric rules.
        source: the name of the checkpoint from which the positions were read.
    """
    clock = RunState(states, request.start)
    clock.set_position(max(positions.values(), key=lambda position: position.t), source)
    clock.last_amount = min(positions.values(), key=lambda position: position.t).amount
    alone = ALONE in groups
    lead = Groups(in_force, clock, request.late_groups, None if alone else NO_SCOPE)
    members: dict[str, Groups] = {}
    for name, scope in scopes_of(in_force.plan, in_force.resolved, groups).items():
        planned = lead
        if not alone:
            own = RunState(states)
            own.set_position(positions[name])
            starts = request.drive in ("optimizer", name)
            planned = Groups(in_force, own, request.late_groups, scope, lead, starts_updates=starts)
        planned.block = planned.new_block(planned.slots(groups[name]), groups[name], planned.clock.times, states)
        members[name] = planned
    run = Run(lead, members, request.drive)
    if run.is_shared:
        run.param_groups[0]["params"] = [one for mine in groups.values() for group in mine for one in group["params"]]
        lead.block = lead.new_block((), run.param_groups, clock.times, states)
    return run


# ---------------------------------------------------------------------- run facts that are passed later

_NO_FACTS_YET = (
    'this Scheduler was built with calendar="later" and has no run facts yet. Call scheduler.set_facts(steps_per_epoch='
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


# ---------------------------------------------------------------------- copies


def copied_state(run: Run, resume: Resume, optimizers: Mapping[str, Any], source: PlanSource) -> dict[str, Any]:
    """Return the state from which `run_of_copy` restores a copy; `source` has the file that it watches."""
    lead, clock = run.lead, run.clock
    return {
        "optimizers": dict(optimizers),
        "drive": run.drive,
        "plan": lead.in_force.plan,
        "calendar": lead.in_force.calendar,
        "horizon": lead.in_force.seconds_until_end,
        "on_change": resume.on_change,
        "late_groups": lead.late_groups,
        "begin": clock.start,
        "alive": not lead.released,
        "amounts": (clock.amount, clock.reported, clock.last_amount),
        "positions": {name: run.position_at(number) for name, number in run.numbers.items()},
        "feedback": [saved_states(clock.states), saved_states(clock.used)],
        "acknowledged": clock.acknowledged,
        "history": lead.history,
        "source": replace(source, messages=None),
    }


def run_of_copy(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[AttachRequest, Run]:
    """Restore a copied Scheduler from the dict of `copied_state`: return its arguments and its run."""
    resume = Resume(state["on_change"])
    late_groups, start = state["late_groups"], state["begin"]
    _, reported, last_amount = state["amounts"]
    names = () if ALONE in optimizers else tuple(optimizers)
    source: PlanSource = replace(state["source"], plan=state["plan"])
    request = AttachRequest(source, state["drive"], resume, late_groups, start, names)
    if state["alive"]:
        run = attach_plan(optimizers, request, state["calendar"])
    else:  # the Scheduler was detached: its hooks are not registered
        calendar: Calendar = state["calendar"]
        facts = calendar if calendar.deadline is None else calendar.until(state["horizon"])
        in_force = ResolvedPlan(request.plan, request.plan.resolve(facts, names), calendar)
        groups = {name: one.param_groups for name, one in optimizers.items()}
        positions = state["positions"]
        run = _new_run(in_force, request, groups, positions, {r: r.init() for r in in_force.resolved.metric_rules})
        run.release()
    lead, clock = run.lead, run.clock
    now, used = (restored_states(one, lead.in_force.resolved.metric_rules) for one in state["feedback"])
    lead.history = state["history"]
    if lead.in_force.start is not None:  # the copy has started with another horizon
        lead.history = lead.history.with_plan(lead.entry())
    clock.reported, clock.last_amount = None, last_amount
    if reported is not None and isinstance(lead.consumption, ConsumptionSource):
        lead.consumption.report(reported)
    clock.states = used
    clock.change(now)
    if state["alive"]:
        run.rewrite()
    if not state["acknowledged"]:
        clock.acknowledged_at = -1  # the engine has not called step() yet
    return request, run


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
            later = f'{call}calendar="later"), and scheduler.set_facts({fact}) before the first update'
            found += f"; to pass it later, write {later}"
        raise MissingFact(error.site, found, f"Write {call}{fact})", fact=error.fact, example=error.example) from None


def unwrapped_optimizers(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the innermost optimizers of a mapping from names to optimizers or wrappers of them.

    Raises:
        InvalidArgument: a name cannot be used, a value is not an optimizer, or two are the same.
    """
    check_names("Scheduler", given)
    found: dict[str, Any] = {}
    names: dict[int, str] = {}
    for name, optimizer in given.items():
        with errors_of(name):
            found[name] = inner = unwrapped_optimizer(optimizer)
        if id(inner) in names:
            site = f"Scheduler({{{names[id(inner)]!r}: …, {name!r}: …}}, …)"
            raise InvalidArgument(site, "they are the same optimizer", "Pass each optimizer once")
        names[id(inner)] = name
    return found


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
        found, instead = "it has no param_groups", "For example: ps.Scheduler(optimizer, plan)"
        if "optax" in (str(getattr(one, "__module__", "")).partition(".")[0] for one in (optimizer, type(optimizer))):
            found = "an optimizer of optax has no param_groups; paramsched.engines.optax.planned drives it"
            instead = 'For example: planned(optax.adamw, plan, base={"lr": 3e-4})'
        raise InvalidArgument(f"Scheduler({type(optimizer).__name__}, …)", found, instead)
    return optimizer


def _has_idle_groups(own: Mapping[str, Any], groups: list[Group]) -> bool:
    """Return whether no step reads the groups of a container, because its optimizers have their own (torchtitan)."""
    inner = own.get("optimizers")
    if not _are_optimizers(inner):
        return False
    read = {id(group) for one in inner or () for group in one.param_groups}
    return not any(id(group) in read for group in groups)


def _are_optimizers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(one, Optimizer) for one in value)


def require_hooks(optimizer: Any, name: str) -> None:
    """Raise for an optimizer whose step does not call hooks."""
    if _fires_hooks(optimizer):
        return
    own = getattr(optimizer, "__dict__", {})
    inner = next((name for name, value in own.items() if _fires_hooks(value)), None)
    with errors_of(name):
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
