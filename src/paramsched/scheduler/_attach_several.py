"""Attaching one plan to several optimizers: the checks before any write, and the hooks on each optimizer."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paramsched.errors import InvalidArgument
from paramsched.plan import Plan
from paramsched.plan.note import Note
from paramsched.plan.optimizers import NO_SCOPE, check_names, scopes_of
from paramsched.scheduler._attach import (
    AttachRequest,
    PlanHooks,
    copied_state,
    hooks_on,
    require_hooks,
    resolve_for,
    restore_copied,
    source_of_copy,
    unwrapped_optimizer,
)
from paramsched.scheduler._clock import Clock, ResolvedPlan, RuleStates, RunPosition
from paramsched.scheduler._group_keys import PLAN, Group, History, amount_carried, check_entries, count_carried
from paramsched.scheduler._load_several import LoadsOfRun, MemberLoads, conflicting_numbers
from paramsched.scheduler._plan_change import ChangingRun
from paramsched.scheduler._planned_groups import PartOfRun, PlannedGroups
from paramsched.scheduler._resume import (
    Resume,
    log_initial_values,
    log_takeover,
    report_position,
    warn_if_over,
    warn_if_shorter_than_epoch,
    warn_of_present_bases,
)
from paramsched.scheduler._shared_run import Load, SharedRun
from paramsched.scheduler._slots import slots_of
from paramsched.scheduler._watch import PlanWatch
from paramsched.scheduler.consumption import resume_position
from paramsched.scheduler.updates import updates_in_state
from paramsched.time import Calendar

log = logging.getLogger("paramsched")


def unwrapped_optimizers(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the innermost optimizers of a mapping from names to optimizers or wrappers of them.

    Raises:
        InvalidArgument: a name cannot be used, a value is not an optimizer, or two are the same.
    """
    check_names("Scheduler", given)
    found: dict[str, Any] = {}
    names: dict[int, str] = {}
    for name, optimizer in given.items():
        found[name] = inner = unwrapped_optimizer(optimizer)
        if id(inner) in names:
            site = f"Scheduler({{{names[id(inner)]!r}: …, {name!r}: …}}, …)"
            raise InvalidArgument(site, "they are the same optimizer", "Pass each optimizer once")
        names[id(inner)] = name
    return found


def check_groups(plan: Plan, optimizers: Mapping[str, Any]) -> None:
    """Raise if the optimizers lack a group or a field of a plan that is not resolved yet."""
    groups = {name: one.param_groups for name, one in optimizers.items()}
    for name, scope in scopes_of(plan, plan, groups).items():
        slots_of(plan, groups[name], scope=scope)


def attach_plan_to_several(
    optimizers: Mapping[str, Any],
    request: AttachRequest,
    calendar: Calendar,
    call: str = 'ps.Scheduler({"muon": muon, "adamw": adamw}, plan, ',
) -> SharedRun:
    """Bind a plan to the groups of several optimizers, write its values, and register the hooks.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizers are unchanged.
    """
    if request.drive != "manual":
        for optimizer in optimizers.values():
            require_hooks(optimizer)
    groups: dict[str, list[Group]] = {name: one.param_groups for name, one in optimizers.items()}
    resume = request.resume

    def resolve(plan: Plan, note: Note | None) -> ResolvedPlan:
        known = request.source.facts_for(plan, calendar)
        return ResolvedPlan(plan, resolve_for(call, plan, known, tuple(optimizers)), known, note)

    in_force = resolve(request.plan, request.source.note)
    _ = in_force.total  # raises now if an update is planned to consume nothing
    before = {name: hooks for name, one in optimizers.items() if (hooks := hooks_on(one)) is not None}
    for name, mine in groups.items():
        check_entries(mine)
        if name in before:
            before[name].planned.sync(mine)
            before[name].planned.write_position(mine)
    carried = {name: count for name, mine in groups.items() if (count := count_carried(mine)) is not None}
    numbers = _starting_numbers(request, carried, tuple(optimizers))
    t = max(numbers.values())
    # The plans of earlier Schedulers are compared if they had one plan. A checkpoint has only the number of its plan.
    earlier = {hooks.planned.in_force.number: hooks for hooks in before.values()}
    changes, previous = None, next(iter(earlier.values())) if len(earlier) == 1 else None
    if previous is not None:
        earlier_plan, whose = previous.planned.in_force, "that of the previous Scheduler"
        changes = resume.changes_between(earlier_plan, in_force)
        in_force = resume.choose_plan(changes, earlier_plan, in_force, previous.position, whose)
    unknown = changes is None and any(resume.differs(in_force, groups[name]) for name in carried)
    plans = frozenset(group[PLAN] for name in carried for group in groups[name] if PLAN in group)
    if unknown:
        resume.refuse_if_error(f"the optimizers carry a plan that differs from the code's: {request.plan!r}")

    def position_at(number: int) -> RunPosition:
        found = next((name for name in carried if carried[name] == number), None)
        amounts = (None, None) if found is None else amount_carried(groups[found], in_force.unit)
        return resume_position(in_force, RunPosition(number, *amounts), "the optimizer")

    positions = {number: position_at(number) for number in {t, *numbers.values()}}
    states = {rule: rule.init() for rule in in_force.resolved.metric_rules}
    for hooks in before.values():
        states = {rule: hooks.planned.clock.states.get(rule, state) for rule, state in states.items()}
    found = {name: positions[number] for name, number in numbers.items()}
    run = _run_of(in_force, request, groups, found, states, "optimizer" if carried else None)
    lead, members = run.lead, run.members
    if previous is not None:
        lead.history = previous.history.with_plan(lead.entry())
    elif carried:
        starting_with = History((lead.entry()._replace(update=0, amount=in_force.amount_at(0)),))
        lead.history = starting_with.with_plan_after_unknown(lead.entry()) if unknown else starting_with
    loads = LoadsOfRun(run, resume)
    fresh = [name for name in members if name not in carried]
    initial = [name for name in fresh if log_initial_values(members[name].block.slots, groups[name])]
    run.bind_lead()  # the first write; no check may fail after it
    for name, planned in members.items():
        planned.bind(groups[name], planned.block)
    run.count_behind()
    run.loads = {name: Load(number, is_compared=False) for name, number in carried.items() if name not in before}
    run.loaded_numbers = run.numbers
    if before and not changes and any(hooks.is_referenced for hooks in before.values()):
        log_takeover(run.clock.t)
    _release_earlier(before)
    watch = None
    if request.source.interval is not None:
        watch = PlanWatch(request.source, ChangingRun(lead, run), resolve)
        run.look = watch.look_if_due
    for name, planned in members.items():
        hooks = PlanHooks(planned, MemberLoads(loads, name), run, name)
        after = None if request.drive == "manual" else run.after_step_of(name)
        hooks.attach(optimizers[name], after=watch.after_step(after) if watch and after else after)
    if unknown:
        resume.log_unknown_plan(lead)
        resume.accepted |= plans
    _report(run, request, groups, carried, initial, [updates_in_state(optimizers[name]) for name in fresh])
    return run


def _run_of(
    in_force: ResolvedPlan,
    request: AttachRequest,
    groups: Mapping[str, list[Group]],
    positions: Mapping[str, RunPosition],
    states: RuleStates,
    source: str | None = None,
) -> SharedRun:
    """Return the run of several optimizers, which has computed its values and has not written them."""
    first, *_, last = sorted([*positions.values()] * 2, key=lambda position: position.t)
    clock = Clock(states, request.start)
    clock.set_position(last, source)
    clock.last_amount = first.amount
    lead = PlannedGroups(in_force, clock, request.late_groups, NO_SCOPE)
    members: dict[str, PlannedGroups] = {}
    for name, scope in scopes_of(in_force.plan, in_force.resolved, groups).items():
        own = Clock(states)
        own.set_position(positions[name])
        part = PartOfRun(lead, starts_updates=request.drive in ("optimizer", name))
        planned = members[name] = PlannedGroups(in_force, own, request.late_groups, scope, part)
        planned.block = planned.new_block(planned.slots(groups[name]), groups[name], own.times, states)
    run = SharedRun(lead, members, request.drive)
    lead.block = lead.new_block((), run.param_groups, clock.times, states)
    return run


def copied_state_of_run(run: SharedRun, resume: Resume, optimizers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state from which `run_of_copy` restores a copy; the Scheduler adds `drive`."""
    copied = copied_state(run.lead, resume, None)
    return copied | {
        "optimizers": dict(optimizers),
        "positions": {name: run.position_at(n) for name, n in run.numbers.items()},
    }


def run_of_copy(state: Mapping[str, Any]) -> tuple[AttachRequest, SharedRun]:
    """Return the arguments and the run of a copy."""
    optimizers, resume = state["optimizers"], Resume(state["on_change"])
    request = AttachRequest(
        source_of_copy(state), state["drive"], resume, state["late_groups"], state["begin"], tuple(optimizers)
    )
    if state["alive"]:
        run = attach_plan_to_several(optimizers, request, state["calendar"])
    else:  # the Scheduler was detached: its hooks are not registered
        resolved = request.plan.resolve(state["calendar"], tuple(optimizers))
        in_force = ResolvedPlan(request.plan, resolved, state["calendar"])
        groups = {name: one.param_groups for name, one in optimizers.items()}
        states = {rule: rule.init() for rule in resolved.metric_rules}
        run = _run_of(in_force, request, groups, state["positions"], states)
        run.release()
    restore_copied(run.lead, state)
    for planned in run.members.values():
        planned.clock.states = run.clock.states
        if state["alive"]:
            planned.rewrite()
            planned.write_position(planned.bound)
    return request, run


def _starting_numbers(request: AttachRequest, carried: Mapping[str, int], names: tuple[str, ...]) -> dict[str, int]:
    """Return the number of each optimizer; one without a count joins at the update of the run."""
    if not carried:
        return dict.fromkeys(names, request.start or 0)
    t = max(carried.values())
    if t - min(carried.values()) > 1:
        if request.start is None:
            raise conflicting_numbers(carried, "ps.Scheduler(optimizers, plan, t=n)")
        return dict.fromkeys(names, request.start)
    if request.drive != "optimizer":
        return dict.fromkeys(names, t)
    return {name: carried.get(name, t) for name in names}


def _release_earlier(before: Mapping[str, PlanHooks]) -> None:
    """Remove the hooks of earlier Schedulers, also from optimizers that are not taken over."""
    runs = {id(hooks.run): hooks.run for hooks in before.values() if hooks.run is not None}
    for run in runs.values():
        run.release(kept=[hooks.name for hooks in before.values() if hooks.run is run])
    for hooks in before.values():
        if hooks.run is None:
            hooks.release()


def _report(
    run: SharedRun,
    request: AttachRequest,
    groups: Mapping[str, list[Group]],
    carried: Mapping[str, int],
    initial: list[str],
    taken: list[int | None],
) -> None:
    """Log and warn once of what concerns the run."""
    start, lead = request.start, run.lead
    counts = [count for count in taken if count is not None]
    if not carried and start is None and (initial or any(counts)):
        slots = [slot for _, planned in run.items() for slot in planned.block.slots]
        report_position(slots, max(counts, default=None), None, initial=bool(initial))
    if not carried and start:
        joined = [group for mine in groups.values() for group in mine]
        places = {id(group): place for place, group in enumerate(joined)}
        slots = [
            replace(slot, group=places[id(groups[name][slot.group])])
            for name, planned in run.items()
            for slot in planned.block.slots
        ]
        warn_of_present_bases(slots, joined, start)
    if carried and start is not None and run.clock.t != start:
        log.warning(
            "t=%d is ignored: these optimizers carry a count of %d updates, which takes precedence", start, run.clock.t
        )
    warn_if_over(lead)
    if not carried:
        warn_if_shorter_than_epoch(lead)
