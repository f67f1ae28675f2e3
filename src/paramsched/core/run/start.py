"""The start of a run in five steps, and the run of a copy: all that can raise comes before the first write."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, final

from paramsched.core.fields import RECORD
from paramsched.core.plan.lines import RuleStates, bases_of
from paramsched.core.plan.optimizers import ALONE, errors_of, scopes_of
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.run.arguments import PlanSource, Request
from paramsched.core.run.checks import refuse_values_outside, report_unlikely_values
from paramsched.core.run.hooks import PlanHooks, hooks_on, require_hooks, warn_of_changed_functions
from paramsched.core.run.member import Member, has_written
from paramsched.core.run.metric_states import restored_states, saved_states
from paramsched.core.run.record import NOTHING, Adopted, Carried, read_groups
from paramsched.core.run.reports import (
    log_initial_values,
    log_takeover,
    report_position,
    warn_if_over,
    warn_of_present_bases,
    without_initial,
)
from paramsched.core.run.resume import Resume, rule_states
from paramsched.core.run.run import Run
from paramsched.core.run.state import COUNT, Choices, Group, History, RunPosition, resume_position
from paramsched.core.run.steps import updates_in_state
from paramsched.core.run.values import starting_lines
from paramsched.core.time import RunFacts


@final
@dataclass(frozen=True, slots=True)
class Found:
    """What a start finds on the optimizers.

    Args:
        groups: the groups of each optimizer, by name.
        before: the hooks of earlier Schedulers.
        carried: what the groups of each optimizer with a count carry, of a checkpoint or of an earlier Scheduler.
        counts: the update of the next step of each optimizer.
    """

    groups: Mapping[str, list[Group]]
    before: Mapping[str, PlanHooks]
    carried: Mapping[str, Carried]
    counts: Mapping[str, int]

    def positions(self, unit: str | None) -> dict[str, RunPosition]:
        """Return the positions that optimizers carry, on the clock `unit`."""
        positions = {name: one.position_on(unit) for name, one in self.carried.items()}
        return {name: position for name, position in positions.items() if position is not None}


def start(optimizers: Mapping[str, Any], request: Request, facts: RunFacts) -> tuple[Run, dict[str, Member]]:
    """Bind a plan to the groups of all optimizers, write its values, and register the hooks.

    Returns the run and its members, which the caller owns.

    Args:
        optimizers: the optimizers, by name.
        request: what the arguments of the Scheduler mean.
        facts: the run facts.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizers are unchanged.
    """
    if request.choices.drive != "manual":
        for name, optimizer in optimizers.items():
            require_hooks(optimizer, name)
    in_force = request.resolved(facts)
    found = found_on(optimizers, request, in_force)
    chosen = choose_plan(request, found, in_force)
    adopted = adopt(found, chosen, request.resume)
    run, members = prepare(request, found, chosen, adopted)
    report(run, optimizers, request, found)
    bind(run, found)
    hook(run, optimizers, request, found, chosen)
    return run, members


def found_on(optimizers: Mapping[str, Any], request: Request, in_force: ResolvedPlan) -> Found:
    """Return what earlier Schedulers and checkpoints have left on the optimizers, after checking it."""
    groups: dict[str, list[Group]] = {name: one.param_groups for name, one in optimizers.items()}
    before = {name: hooks for name, one in optimizers.items() if (hooks := hooks_on(one)) is not None}
    carried: dict[str, Carried] = {}
    for name, mine in groups.items():
        if name not in before and not any(COUNT in group or RECORD in group for group in mine):
            continue
        with errors_of(name):
            found = read_groups(mine, name, in_force)
        if name in before and not has_written(before[name].member, mine):
            carried[name] = Carried.in_run(before[name].member)
        elif found.count is not None:
            at = (request.positions or {}).get(name)
            carried[name] = found if at is None else replace(found, state=None, position=at)
            with errors_of(name):
                request.resume.bases.require_code()
    choices, counts = request.choices, {name: one.count or 0 for name, one in carried.items()}
    if request.names:
        from paramsched.core.run.several import starting_counts

        counts = starting_counts(tuple(groups), counts, choices.start, choices.drive)
    else:
        counts = {name: counts.get(name, choices.start or 0) for name in groups}
    return Found(groups, before, carried, counts)


def new_run(
    request: Request, groups: Mapping[str, list[Group]], adopted: Mapping[str, Adopted], source: str | None = None
) -> tuple[Run, dict[str, Member]]:
    """Return the run and its members, which have computed their values and have not written them.

    Args:
        request: what the arguments of the Scheduler mean.
        groups: the groups of each optimizer.
        adopted: what each optimizer starts with.
        source: the name of the checkpoint from which the positions were read; None if there is none.
    """
    first, *_ = adopted.values()
    positions = sorted((one.position for one in adopted.values()), key=lambda position: position.t)
    run = Run(first.in_force, positions[-1], first.states, request.choices, source, is_shared=bool(request.names))
    run.last_amount = positions[0].amount
    members: dict[str, Member] = {}
    for name, one in adopted.items():
        member = members[name] = Member(run, name, one.scope, one.position.t)
        run.add(member)
        member.rows = member.new_rows(one.lines, groups[name])
    return run, members


def choose_plan(request: Request, found: Found, in_force: ResolvedPlan) -> Adopted:
    """Return the plan that applies, the one of the request or that of a record, with the record that continues."""
    # The plans of earlier Schedulers are compared if they had one plan.
    known = dict(found.carried)
    if len({hooks.run.in_force.resolved.text for hooks in found.before.values()}) > 1:
        known = {name: one for name, one in known.items() if name not in found.before}
    if not known:
        return Adopted(NOTHING, in_force)
    last = max(known, key=lambda name: (name in found.before, *known[name].completeness))
    if request.positions is not None:  # a copy has the plan of its original
        return Adopted(known[last], in_force)
    chosen = request.resume.plan_of(known[last], in_force)
    if last in found.before:
        request.resume.warn_of_dropped_lines(found.before[last].run.in_force, chosen.in_force)
    if last in found.before:  # the same plan in a checkpoint that is loaded later is logged too
        chosen = replace(chosen, saved=None)
    request.resume.accept(chosen)
    return chosen


def adopt(found: Found, chosen: Adopted, resume: Resume) -> dict[str, Adopted]:
    """Return what each optimizer starts with: its lines, its position, and the values of another plan."""
    in_force, state = chosen.in_force, chosen.carried.state
    by_count = {position.t: position for position in found.positions(in_force.unit).values()}
    positions = {
        name: resume_position(in_force, by_count.get(count, RunPosition(count)), "the optimizer")
        for name, count in found.counts.items()
    }
    resume.log_lost(state, in_force)
    adopted = with_lines(chosen, found.groups, positions, rule_states(state, in_force))
    for name, one in found.carried.items():
        adopted[name] = replace(adopted[name], carried=one)
    return adopted


def with_lines(
    chosen: Adopted, groups: Mapping[str, list[Group]], positions: Mapping[str, RunPosition], states: RuleStates
) -> dict[str, Adopted]:
    """Return what each optimizer starts with that carries nothing: its lines of the plan at a position."""
    plan = chosen.in_force
    return {
        name: replace(
            chosen, carried=NOTHING, scope=scope, lines=starting_lines(plan.counted, groups[name], scope=scope),
            position=positions[name], states=states,
        )
        for name, scope in scopes_of(plan.plan, plan.resolved, groups).items()
    }  # fmt: skip


def prepare(
    request: Request, found: Found, chosen: Adopted, adopted: Mapping[str, Adopted]
) -> tuple[Run, dict[str, Member]]:
    """Compute the first values, and warn of unlikely ones. No check may fail after this.

    A warning may be an error (`python -W error`), so all warnings of a start come before its first write.
    """
    in_force, state, groups = chosen.in_force, chosen.carried.state, found.groups
    source = "optimizer" if found.carried and not found.before else None
    run, members = new_run(request, groups, adopted, source)
    for name in found.carried:
        if adopted[name].position.t == run.t:
            run.count_samples_from(adopted[name].position)
    if state is not None and state.last_amount is not None and state.unit == in_force.unit:
        run.last_amount = state.last_amount
    if found.carried:
        run.history = _history(run, chosen)
    parts = [(one.rows.lines, groups[name], one.labels(groups[name])) for name, one in members.items()]
    if request.positions is None:  # a copy was warned of when its original began
        of_user = request.source.engine_total is None and not found.carried  # the run of a checkpoint has its length
        report_unlikely_values(parts, in_force, request.resume.processes, counts_of_user=of_user)
    for (lines, _, labels), member in zip(parts, members.values(), strict=True):
        refuse_values_outside(in_force, lines, labels, member.times)
        member.code_bases = bases_of(lines)
    return run, members


def _history(run: Run, chosen: Adopted) -> History:
    """Return the history of a run that has just started and continues another one."""
    in_force, state = chosen.in_force, chosen.carried.state
    now = run.entry()
    if state is not None:
        return state.history.resumed_at(now.update, now.amount).with_plan(now)
    return History((now._replace(update=0, amount=in_force.amount_at(0)),))


def bind(run: Run, found: Found) -> None:
    """Write the values: the first write. Earlier Schedulers end."""
    run.bind()
    for name, member in run.members.items():
        member.bind(found.groups[name], member.rows)


def hook(run: Run, optimizers: Mapping[str, Any], request: Request, found: Found, chosen: Adopted) -> None:
    """Register the hooks in place of those of earlier Schedulers."""
    before = found.before
    # The logged changes already report the previous Scheduler.
    if before and not chosen.notes and any(hooks.run.scheduler() is not None for hooks in before.values()):
        log_takeover(run.t)
    for one in {id(hooks.run): hooks.run for hooks in before.values()}.values():
        one.release(kept=[hooks.member.name for hooks in before.values() if hooks.run is one])
    for name, member in run.members.items():
        PlanHooks(member, request.resume).attach(optimizers[name])


def report(run: Run, optimizers: Mapping[str, Any], request: Request, found: Found) -> None:
    """Log what the user may not expect at this start."""
    carried, begin, processes = found.carried, request.choices.start, request.resume.processes
    lines = {name: one.rows.lines for name, one in run.members.items()}
    present = [line for name, mine in lines.items() for line in without_initial(mine, found.groups[name])]
    fresh = [name for name in lines if name not in carried]
    has_state = any(getattr(optimizers[name], "state", None) for name in fresh)
    parts = [(lines[name], found.groups[name], run.members[name].labels(found.groups[name])) for name in fresh]
    initial = log_initial_values(parts, processes, has_state=has_state, is_continued=bool(begin))
    if not found.before and begin is None and not any(one.count for one in carried.values()):
        taken = max((n for one in optimizers.values() if (n := updates_in_state(one)) is not None), default=None)
        if initial or taken:
            count = 0 if carried else None
            whose = "initial" if initial else "present" if present else "recorded"
            report_position(chain.from_iterable(lines.values()), taken, count, processes, whose=whose)
    if not carried and begin:
        warn_of_present_bases(present, begin, processes)
    if carried and begin is not None and begin != run.t:
        whose = "these optimizers carry" if request.names else "this optimizer carries"
        text = "t=%d is ignored: %s a count of %d updates, which takes precedence. To jump, call scheduler.seek(%d)"
        processes.log(text, begin, whose, run.t, begin)
    for name in carried.keys() - found.before.keys():
        warn_of_changed_functions(carried[name], found.groups, name, processes)
    if request.positions is None:  # as above
        warn_if_over(run, run.in_force, run.t)


def copied_state(run: Run, resume: Resume, optimizers: Mapping[str, Any], source: PlanSource) -> dict[str, Any]:
    """Return the state from which `run_of_copy` restores a copy."""
    return {
        "optimizers": dict(optimizers),
        "drive": run.drive,
        "plan": run.in_force.plan,
        "facts": run.in_force.facts,
        "on_change": resume.on_change,
        "bases": resume.bases,
        "code_bases": {name: dict(member.code_bases) for name, member in run.members.items()},
        "begin": run.choices.start,
        "alive": not run.released,
        "positions": {name: member.position for name, member in run.members.items()},
        "feedback": [saved_states(run.states), saved_states(run.used)],
        "acknowledged": run.acknowledged,
        "run": {name: getattr(run, name) for name in _COPIED},
        "source": source,
    }


_COPIED = ("replaced", "reported", "is_measured", "last_amount", "told_of_end", "counts_from", "history", "loads")
"""The attributes of a run that its copy takes over unchanged."""


def run_of_copy(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Request, Run, dict[str, Member]]:
    """Restore a copied Scheduler from the dict of `copied_state`: return its arguments, its run and the members."""
    names = () if ALONE in optimizers else tuple(optimizers)
    source: PlanSource = replace(state["source"], plan=state["plan"])
    resume = Resume(state["on_change"], processes=source.processes)
    choices = Choices(state["drive"], state["begin"], source.processes, source.counted_by)
    request = Request(source, resume, choices, names, positions=state["positions"])
    if state["alive"]:
        for name, position in state["positions"].items():
            # An update writes its count into the first group only, which may have become another one since.
            groups = optimizers[name].param_groups
            for group in [one for one in groups if COUNT in one] or groups:
                group[COUNT] = position.t
        run, members = start(optimizers, request, state["facts"])
    else:  # its hooks are not registered
        in_force = request.resolved(state["facts"])
        groups = {name: one.param_groups for name, one in optimizers.items()}
        states = {rule: rule.init() for rule in in_force.resolved.metric_rules}
        nothing = with_lines(Adopted(NOTHING, in_force), groups, state["positions"], states)
        run, members = new_run(request, groups, nothing)
        run.release()
    resume.bases = state["bases"]  # not before, because the copied groups hold a count, as those of a checkpoint do
    for name, member in members.items():
        member.code_bases = state["code_bases"][name]
    for name, value in state["run"].items():
        setattr(run, name, value)
    now, used = (restored_states(one, run.in_force.resolved.metric_rules) for one in state["feedback"])
    run.states = used
    run.change(now)
    if state["alive"]:
        run.reset_consumption()
        run.rewrite()
    if not state["acknowledged"]:
        run.acknowledged_at = -1  # the engine has not called step() yet
    return request, run, members
