"""The start of a run in five steps, and the run of a copy: all that can raise comes before the first write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, final

from paramsched.core.fields import RECORD
from paramsched.core.plan.diff import Diff, diff
from paramsched.core.plan.lines import Line, bases_of
from paramsched.core.plan.optimizers import ALONE, errors_of
from paramsched.core.run.arguments import PlanSource, Request
from paramsched.core.run.block import Values, present_values
from paramsched.core.run.checks import refuse_values_outside, report_unlikely_values
from paramsched.core.run.groups import sync
from paramsched.core.run.hooks import PlanHooks, hooks_on, require_hooks
from paramsched.core.run.processes import Processes
from paramsched.core.run.record import Carried, State, read_groups, restored_states, saved_states
from paramsched.core.run.reports import (
    log_initial_values,
    log_takeover,
    report_position,
    warn_if_over,
    warn_of_present_bases,
    without_initial,
)
from paramsched.core.run.resume import Resume, other_plan_wrote, rule_states
from paramsched.core.run.run import Run, run_of_one
from paramsched.core.run.state import (
    COUNT,
    Choices,
    Group,
    History,
    ResolvedPlan,
    RuleStates,
    RunPosition,
    resume_position,
)
from paramsched.core.run.steps import updates_in_state
from paramsched.core.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class Found:
    """What a start finds on the optimizers.

    Args:
        groups: the groups of each optimizer, by name.
        before: the hooks of earlier Schedulers.
        counts: the number of updates that each optimizer carries; it lacks those without a count.
        carried: what the groups of optimizers without an earlier Scheduler carry.
        numbers: the update of the next step of each optimizer.
    """

    groups: Mapping[str, list[Group]]
    before: Mapping[str, PlanHooks]
    counts: Mapping[str, int]
    carried: Mapping[str, Carried]
    numbers: Mapping[str, int]

    def positions(self, unit: str | None) -> dict[str, RunPosition]:
        """Return the positions that optimizers carry, on the clock `unit`."""
        found = {name: hooks.position_on(unit) for name, hooks in self.before.items()}
        mine = {name: one.position_on(unit) for name, one in self.carried.items()}
        return found | {name: position for name, position in mine.items() if position is not None}


@final
@dataclass(frozen=True, slots=True)
class Chosen:
    """The plan that applies.

    Args:
        in_force: the plan.
        previous: the hooks of the earlier Scheduler whose plan was compared, or None.
        changes: the differences from its plan; None if none was compared.
        state: the record of a checkpoint whose plan was compared, or None.
        carried: the positions of optimizers with a count, on the clock of the plan.
    """

    in_force: ResolvedPlan
    previous: PlanHooks | None = None
    changes: Diff | None = None
    state: State | None = None
    carried: Mapping[str, RunPosition] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that has computed its first values and has not written them.

    Args:
        run: the run.
        other: the values of another plan in the groups of each optimizer, or None.
        initial: True if earlier schedulers stored initial values, and the run may have started.
        present: the lines whose bases are the present values: their groups have no initial and no recorded ones.
    """

    run: Run
    other: Mapping[str, Values | None]
    initial: bool
    present: Sequence[Line]


def start(optimizers: Mapping[str, Any], request: Request, calendar: Calendar) -> Run:
    """Bind a plan to the groups of all optimizers, write its values, and register the hooks.

    Args:
        optimizers: the optimizers, by name.
        request: what the arguments of the Scheduler mean.
        calendar: the run facts.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizers are unchanged.
    """
    if request.choices.drive != "manual":
        for name, optimizer in optimizers.items():
            require_hooks(optimizer, name)
    in_force = request.resolved(calendar)
    found = found_on(optimizers, request, in_force)
    chosen = choose_plan(request, found, in_force)
    prepared = prepare(optimizers, request, found, chosen)
    report(prepared, optimizers, request, found, chosen)
    bind(prepared, found)
    hook(prepared.run, optimizers, request, found, chosen)
    return prepared.run


def found_on(optimizers: Mapping[str, Any], request: Request, in_force: ResolvedPlan) -> Found:
    """Return what earlier Schedulers and checkpoints have left on the optimizers, after checking it."""
    groups: dict[str, list[Group]] = {name: one.param_groups for name, one in optimizers.items()}
    before = {name: hooks for name, one in optimizers.items() if (hooks := hooks_on(one)) is not None}
    counts: dict[str, int] = {}
    carried: dict[str, Carried] = {}
    for name, mine in groups.items():
        if name not in before and not any(COUNT in group or RECORD in group for group in mine):
            continue
        with errors_of(name):
            found = read_groups(mine, name, in_force)
        if name in before:
            sync(before[name].planned, mine)
            counts[name] = before[name].position.t
        elif found.count is not None:
            at = (request.positions or {}).get(name)
            counts[name] = found.count
            carried[name] = found if at is None else replace(found, state=None, position=at)
            with errors_of(name):
                request.resume.bases.require_code()
    choices = request.choices
    if request.names:
        from paramsched.core.run.several import starting_numbers

        numbers = starting_numbers(tuple(groups), counts, choices.start, choices.drive)
    else:
        numbers = {name: counts.get(name, choices.start or 0) for name in groups}
    return Found(groups, before, counts, carried, numbers)


def new_run(
    request: Request,
    in_force: ResolvedPlan,
    groups: Mapping[str, list[Group]],
    positions: Mapping[str, RunPosition],
    states: RuleStates,
    source: str | None = None,
) -> Run:
    """Return the run of one optimizer or of several, which has not written its values; as in `run_of_one`."""
    if not request.names:
        return run_of_one(request.choices, in_force, groups, positions, states, source)
    from paramsched.core.run.several import run_of_several

    return run_of_several(request.choices, in_force, groups, positions, states, source)


def choose_plan(request: Request, found: Found, in_force: ResolvedPlan) -> Chosen:
    """Return the plan that applies: the one of the request, or that of an earlier Scheduler or a checkpoint."""
    if not found.counts:
        return Chosen(in_force)
    resume = request.resume
    # The plans of earlier Schedulers are compared if they had one plan.
    earlier = {id(hooks.run): hooks for hooks in found.before.values()}
    if len({hooks.planned.in_force.number for hooks in earlier.values()}) > 1:
        earlier = {}
    changes, previous = None, next(iter(earlier.values()), None)
    states = [one.state for one in found.carried.values() if one.state is not None]
    state = max(states, key=lambda one: (one.feedback is not None, one.position.t), default=None)
    if previous is not None:
        saved = previous.planned.in_force
        changes = diff(saved.resolved, in_force.resolved)
        whose = "that of the previous Scheduler"
        in_force = resume.accept(resume.choose_plan(changes, saved, previous.position, whose, in_force))
    elif state is not None:
        in_force = resume.accept(resume.plan_after_load(state, in_force))
    elif request.positions is None and found.carried:
        last = max(found.carried.values(), key=lambda one: one.count or 0)
        in_force = resume.accept(resume.plan_of(last, in_force))
    return Chosen(in_force, previous, changes, None if previous else state, found.positions(in_force.unit))


def prepare(optimizers: Mapping[str, Any], request: Request, found: Found, chosen: Chosen) -> Prepared:
    """Compute the first values, and warn of unlikely ones. No check may fail after this.

    A warning may be an error (`python -W error`), so all warnings of a start come before its first write.
    """
    in_force, carried, groups = chosen.in_force, chosen.carried, found.groups
    by_number = {position.t: position for position in carried.values()}
    positions = {
        name: resume_position(in_force, by_number.get(number, RunPosition(number)), "the optimizer")
        for name, number in found.numbers.items()
    }
    request.resume.log_lost(chosen.state, in_force)
    states = rule_states(chosen.state, in_force)
    for hooks in found.before.values():
        states = {rule: hooks.planned.clock.states.get(rule, state) for rule, state in states.items()}
    source = "optimizer" if carried and not found.before else None
    run = new_run(request, in_force, groups, positions, states, source)
    for name in carried:
        if positions[name].t == run.clock.t:
            run.clock.count_samples_from(positions[name])
    if chosen.state is not None and chosen.state.last_amount is not None and chosen.state.unit == in_force.unit:
        run.clock.last_amount = chosen.state.last_amount
    run.clock.history = _history(run.clock.history, run, chosen)
    fresh = [(name, one) for name, one in run.members.items() if name not in carried]
    has_state = any(getattr(optimizers[name], "state", None) for name, _ in fresh)
    parts = {name: (one.block.lines, groups[name], one.labels(groups[name])) for name, one in run.members.items()}
    initial = log_initial_values([parts[name] for name, _ in fresh], request.resume.processes, has_state=has_state)
    if request.positions is None:  # a copy was warned of when its original began
        counts_of_user = request.source.engine_total is None and not carried  # the run of a checkpoint has its length
        report_unlikely_values(list(parts.values()), in_force, request.resume.processes, counts_of_user=counts_of_user)
    for name, one in run.members.items():
        refuse_values_outside(in_force, one.block.lines, one.labels(groups[name]), one.clock.times)
    other: dict[str, Values | None] = {}
    for name, one in run.members.items():
        before, mine = found.before.get(name), found.carried.get(name)
        differs = mine is not None and other_plan_wrote(mine, in_force)
        if before is not None:
            differs = bool(before.planned.held) or before.planned.in_force.number != in_force.number
        other[name] = present_values(one.lines(groups[name]), groups[name]) if differs else None
    if found.counts and request.positions is None:
        warn_of_edited_values(run, found, request.resume.processes)
    present = [line for name, one in run.members.items() for line in without_initial(one.block.lines, groups[name])]
    for one in run.members.values():
        one.code_bases = bases_of(one.block.lines)
    return Prepared(run, other, initial, present)


def warn_of_edited_values(run: Run, found: Found, processes: Processes) -> None:
    """Warn of values in the groups that are not those of the last plan, because the new one replaces them."""
    from paramsched.core.run.edited import edited_problem, of_record, of_scheduler

    for name, groups in found.groups.items():
        if name in found.before:
            last = of_scheduler(found.before[name].planned)
        elif name in found.carried:
            last = of_record(found.carried[name], found.groups, name, run.members[name])
        else:
            continue
        problem = None if last is None else edited_problem(last, run.members[name].labels(groups), groups)
        if problem is not None:
            processes.warn(problem)


def _history(alone: History, run: Run, chosen: Chosen) -> History:
    """Return the history of a run that has just started; `alone` is that of a run without an earlier plan."""
    in_force = chosen.in_force
    now = run.clock.entry(in_force)
    if chosen.previous is not None:
        return chosen.previous.run.clock.history.with_plan(now)
    if not chosen.carried:
        return alone
    if chosen.state is not None:
        return chosen.state.history.resumed_at(now.update, now.amount).with_plan(now)
    return History((now._replace(update=0, amount=in_force.amount_at(0)),))


def bind(prepared: Prepared, found: Found) -> None:
    """Write the values: the first write. Earlier Schedulers end."""
    run, other = prepared.run, prepared.other
    run.driver.bind_lead(run)
    for name, planned in run.members.items():
        planned.bind(found.groups[name], planned.block, other[name])
    carried = {name: (count, other[name]) for name, count in found.counts.items() if name not in found.before}
    run.driver.note_positions(run, carried)


def hook(run: Run, optimizers: Mapping[str, Any], request: Request, found: Found, chosen: Chosen) -> None:
    """Register the hooks in place of those of earlier Schedulers."""
    before = found.before
    # The logged changes already report the previous Scheduler.
    if before and not chosen.changes and any(hooks.run.scheduler() is not None for hooks in before.values()):
        log_takeover(run.clock.t)
    for one in {id(hooks.run): hooks.run for hooks in before.values()}.values():
        one.release(kept=[hooks.name for hooks in before.values() if hooks.run is one])
    wrap = None if request.job_end is None else request.job_end.begin(run)
    for name, optimizer in optimizers.items():
        PlanHooks(run, name, request.resume).attach(optimizer, wrap)


def report(prepared: Prepared, optimizers: Mapping[str, Any], request: Request, found: Found, chosen: Chosen) -> None:
    """Log what the user may not expect at this start."""
    run, carried, begin = prepared.run, chosen.carried, request.choices.start
    if not found.before and begin is None and not any(found.counts.values()):
        taken = max((n for one in optimizers.values() if (n := updates_in_state(one)) is not None), default=None)
        if prepared.initial or taken:
            count = 0 if carried else None
            where = chain.from_iterable(planned.block.lines for planned in run.members.values())
            whose = "initial" if prepared.initial else "present" if prepared.present else "recorded"
            report_position(where, taken, count, request.resume.processes, whose=whose)
    if not carried and begin:
        warn_of_present_bases(prepared.present, begin, request.resume.processes)
    if carried and begin is not None and begin != run.clock.t:
        whose = "these optimizers carry" if request.names else "this optimizer carries"
        text = "t=%d is ignored: %s a count of %d updates, which takes precedence"
        request.resume.processes.log(text, begin, whose, run.clock.t)
    if request.positions is None:  # as above
        warn_if_over(run.in_force, run.clock)


def copied_state(run: Run, resume: Resume, optimizers: Mapping[str, Any], source: PlanSource) -> dict[str, Any]:
    """Return the state from which `run_of_copy` restores a copy."""
    lead, clock = run.lead, run.clock
    return {
        "optimizers": dict(optimizers),
        "drive": run.drive,
        "plan": lead.in_force.plan,
        "calendar": lead.in_force.calendar,
        "on_change": resume.on_change,
        "bases": resume.bases,
        "code_bases": {name: dict(planned.code_bases) for name, planned in run.members.items()},
        "late_groups": clock.choices.late_groups,
        "begin": clock.choices.start,
        "alive": not clock.released,
        "amounts": (clock.reported, clock.is_measured, clock.last_amount),
        "positions": {name: run.position_at(number) for name, number in run.numbers.items()},
        "feedback": [saved_states(clock.states), saved_states(clock.used)],
        "acknowledged": clock.acknowledged,
        "told_of_end": clock.told_of_end,
        "counts_from": clock.counts_from,
        "history": clock.history,
        "source": source,
    }


def run_of_copy(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Request, Run]:
    """Restore a copied Scheduler from the dict of `copied_state`: return its arguments and its run."""
    names = () if ALONE in optimizers else tuple(optimizers)
    source: PlanSource = replace(state["source"], plan=state["plan"])
    resume = Resume(state["on_change"], processes=source.processes)
    choices = Choices(state["drive"], state["late_groups"], state["begin"], source.processes, source.counted_by)
    request = Request(source, resume, choices, names, positions=state["positions"])
    if state["alive"]:
        for name, position in state["positions"].items():
            # An update writes its count into the first group only, which may have become another one since.
            groups = optimizers[name].param_groups
            for group in [one for one in groups if COUNT in one] or groups:
                group[COUNT] = position.t
        run = start(optimizers, request, state["calendar"])
    else:  # its hooks are not registered
        in_force = request.resolved(state["calendar"])
        groups = {name: one.param_groups for name, one in optimizers.items()}
        states = {rule: rule.init() for rule in in_force.resolved.metric_rules}
        run = new_run(request, in_force, groups, state["positions"], states)
        run.release()
    resume.bases = state["bases"]  # not before, because the copied groups hold a count, as those of a checkpoint do
    for name, planned in run.members.items():
        planned.code_bases = state["code_bases"][name]
    lead, clock = run.lead, run.clock
    now, used = (restored_states(one, lead.in_force.resolved.metric_rules) for one in state["feedback"])
    clock.history, clock.told_of_end = state["history"], state["told_of_end"]
    clock.reported, clock.is_measured, clock.last_amount = state["amounts"]
    clock.counts_from = state["counts_from"]
    clock.states = used
    clock.change(now)
    if state["alive"]:
        run.rewrite()
    if state.get("may_end_early"):
        source.processes.log(
            "a copy of a Scheduler ends with its plan: stop_before and stop_on belong to the Scheduler and the job for "
            "which they were passed. For the copied optimizer, construct "
            'ps.Scheduler(optimizer, scheduler.plan, stop_on="SIGTERM")'
        )
    if not state["acknowledged"]:
        clock.acknowledged_at = -1  # the engine has not called step() yet
    return request, run
