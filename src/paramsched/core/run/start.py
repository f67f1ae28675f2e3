"""The start of a run in five steps, and the run of a copy: all that can raise comes before the first write."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from paramsched.core.fields import RECORD
from paramsched.core.plan.lines import RuleStates, bases_of
from paramsched.core.plan.optimizers import ALONE, errors_of, scopes_of, shown_names
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.run.arguments import PlanSource, Settings
from paramsched.core.run.checks import refuse_values_outside, report_unlikely_values
from paramsched.core.run.hooks import PlanHooks, hooks_on, require_hooks, warn_of_changed_functions
from paramsched.core.run.metric_states import restored_states, saved_states
from paramsched.core.run.on_base import record_bases
from paramsched.core.run.record import NOTHING, Restored, SavedOptimizer, read_groups, rule_states
from paramsched.core.run.reports import (
    log_initial_values,
    log_takeover,
    report_bases,
    report_position,
    warn_of_present_bases,
    without_initial,
)
from paramsched.core.run.resume import Resume
from paramsched.core.run.run import Member, Run, has_written
from paramsched.core.run.saved_values import Edit, edits_since_save, edits_since_update, problems_of_edits
from paramsched.core.run.state import COUNT, Group, History, RunPosition, resume_position
from paramsched.core.run.steps import updates_in_state
from paramsched.core.run.values import starting_lines
from paramsched.core.time import RunFacts


def start(optimizers: Mapping[str, Any], settings: Settings, facts: RunFacts) -> tuple[Run, dict[str, Member]]:
    """Bind a plan to the groups of all optimizers, write its values, and register the hooks.

    Returns the run and its members, which the caller owns.

    Args:
        optimizers: the optimizers, by name.
        settings: what the arguments of the Scheduler mean.
        facts: the run facts.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizers are unchanged.
    """
    if settings.drive != "manual":
        for name, optimizer in optimizers.items():
            require_hooks(optimizer, name)
    in_force = settings.resolved(facts)
    groups: dict[str, list[Group]] = {name: optimizer.param_groups for name, optimizer in optimizers.items()}
    earlier = {name: hooks for name, one in optimizers.items() if (hooks := hooks_on(one)) is not None}
    saved = read_optimizers(groups, earlier, settings, in_force)
    chosen = choose_plan(settings, saved, earlier, in_force)
    restored = restore(settings, saved, groups, chosen)
    edits: dict[str, list[Edit]] = {}
    if saved and settings.positions is None:  # the groups of a copy are those of its original
        edits = edits_of(saved, earlier, groups, restored)
        restored = with_edited_bases(settings, restored, edits, earlier, groups)
    run, members = new_run(settings, groups, restored, "optimizer" if saved and not earlier else None)
    prepare(run, settings, groups, restored, chosen)
    report(run, optimizers, settings, saved, earlier)
    report_edits(run, settings, groups, restored, edits)
    run.bind()  # the first write
    for name, member in members.items():
        member.bind(groups[name], member.rows)
    replaced = dict(pair for one in restored.values() for pair in one.replaced.items())
    if replaced:
        record_bases(run, replaced)
    hook(run, optimizers, settings, earlier, is_logged=bool(chosen.notes))
    return run, members


def read_optimizers(
    groups: Mapping[str, list[Group]], earlier: Mapping[str, PlanHooks], settings: Settings, in_force: ResolvedPlan
) -> dict[str, SavedOptimizer]:
    """Return what checkpoints and earlier Schedulers have left in the groups of optimizers, after checking it.

    Args:
        groups: the groups of each optimizer, by name.
        earlier: the hooks of earlier Schedulers.
        settings: what the arguments of the Scheduler mean.
        in_force: the plan in the code.
    """
    saved: dict[str, SavedOptimizer] = {}
    for name, own in groups.items():
        if name not in earlier and not any(COUNT in group or RECORD in group for group in own):
            continue
        with errors_of(name):
            in_groups = read_groups(own, name, in_force)
        if name in earlier and not has_written(earlier[name].member, own):
            saved[name] = SavedOptimizer.in_run(earlier[name].member)
        elif in_groups.count is not None:
            at = (settings.positions or {}).get(name)
            saved[name] = in_groups if at is None else replace(in_groups, state=None, position=at)
    return saved


def edits_of(
    saved: Mapping[str, SavedOptimizer],
    earlier: Mapping[str, PlanHooks],
    groups: Mapping[str, list[Group]],
    restored: Mapping[str, Restored],
) -> dict[str, list[Edit]]:
    """Return the entries of each optimizer that were changed since its checkpoint, or since its last update."""
    found: dict[str, list[Edit]] = {}
    for name, one in saved.items():
        lines = restored[name].lines
        if name in earlier and one.state is not None and not one.state.is_loaded:
            found[name] = edits_since_update(earlier[name].member, groups[name], lines)
        else:
            found[name] = edits_since_save(one, groups, name, lines)
    return found


def with_edited_bases(
    settings: Settings,
    restored: Mapping[str, Restored],
    edits: Mapping[str, list[Edit]],
    earlier: Mapping[str, PlanHooks],
    groups: Mapping[str, list[Group]],
) -> dict[str, Restored]:
    """Return what each optimizer starts with: with `on_base="code"`, an edited number is the base of its group.

    Raises:
        InvalidArgument: the groups hold a checkpoint and no edit, and the choice needs the bases of the code.
    """
    bases = settings.resume.bases
    if bases.on_base == "error" or not any(edits.values()):
        for name in edits.keys() - earlier.keys():
            with errors_of(name):
                bases.require_code()
    if bases.on_base != "code":
        return dict(restored)
    found = dict(restored)
    for name, mine in edits.items():
        one, labels = restored[name], restored[name].scope.labels(groups[name])
        numbers = {edit.place: edit.number for edit in mine}
        found[name] = replace(
            one,
            lines=tuple(line.with_bases(numbers) for line in one.lines),
            changes=tuple(edit.as_base(labels[edit.place[0]]) for edit in mine if edit.changes_base),
            replaced={(edit.line.name, str(labels[edit.place[0]])): edit.base for edit in mine},
        )
    return found


def new_run(
    settings: Settings, groups: Mapping[str, list[Group]], restored: Mapping[str, Restored], source: str | None = None
) -> tuple[Run, dict[str, Member]]:
    """Return the run and its members, which have computed their values and have not written them.

    Args:
        settings: what the arguments of the Scheduler mean.
        groups: the groups of each optimizer.
        restored: what each optimizer starts with.
        source: the name of the checkpoint from which the positions were read; None if there is none.
    """
    first, *_ = restored.values()
    positions = sorted((one.position for one in restored.values()), key=lambda position: position.t)
    run = Run(
        first.in_force, positions[-1], first.states, source, drive=settings.drive, start=settings.start,
        is_shared=bool(settings.names), processes=settings.source.processes, counted_by=settings.source.counted_by,
    )  # fmt: skip
    run.last_amount = positions[0].amount
    members: dict[str, Member] = {}
    for name, one in restored.items():
        member = members[name] = Member(run, name, one.scope, one.position.t)
        run.add(member)
        member.rows = member.new_rows(one.lines, groups[name])
    return run, members


def choose_plan(
    settings: Settings, saved: Mapping[str, SavedOptimizer], earlier: Mapping[str, PlanHooks], in_force: ResolvedPlan
) -> Restored:
    """Return the plan that applies, the one of the settings or that of a record, with the record that continues."""
    # The plans of earlier Schedulers are compared if they had one plan.
    known = dict(saved)
    if len({hooks.run.in_force.resolved.text for hooks in earlier.values()}) > 1:
        known = {name: one for name, one in known.items() if name not in earlier}
    if not known:
        return Restored(NOTHING, in_force)
    last = max(known, key=lambda name: (name in earlier, *known[name].completeness))
    if settings.positions is not None:  # a copy has the plan of its original
        return Restored(known[last], in_force)
    chosen = settings.resume.plan_of(known[last], in_force)
    if last in earlier:
        settings.resume.warn_of_dropped_lines(earlier[last].run.in_force, chosen.in_force)
        chosen = replace(chosen, plan_identity=None)  # the same plan in a checkpoint that is loaded later is logged too
    settings.resume.accept(chosen)
    return chosen


def restore(
    settings: Settings, saved: Mapping[str, SavedOptimizer], groups: Mapping[str, list[Group]], chosen: Restored
) -> dict[str, Restored]:
    """Return what each optimizer starts with: its lines, its position, and the values of another plan."""
    in_force, state = chosen.in_force, chosen.saved.state
    counts = {name: one.count or 0 for name, one in saved.items()}
    if settings.names:
        from paramsched.core.run.several import starting_counts

        counts = starting_counts(tuple(groups), counts, settings.start, settings.drive)
    else:
        counts = {name: counts.get(name, settings.start or 0) for name in groups}
    known = (one.position_on(in_force.unit) for one in saved.values())
    by_count = {position.t: position for position in known if position is not None}
    positions = {
        name: resume_position(in_force, by_count.get(count, RunPosition(count)), "the optimizer")
        for name, count in counts.items()
    }
    settings.resume.log_lost(state, in_force)
    restored = with_lines(chosen, groups, positions, rule_states(state, in_force))
    return restored | {name: replace(restored[name], saved=one) for name, one in saved.items()}


def with_lines(
    chosen: Restored, groups: Mapping[str, list[Group]], positions: Mapping[str, RunPosition], states: RuleStates
) -> dict[str, Restored]:
    """Return what each optimizer starts with whose groups have no record: its lines of the plan at a position."""
    plan = chosen.in_force
    return {
        name: replace(
            chosen, saved=NOTHING, scope=scope, lines=starting_lines(plan.counted, groups[name], scope=scope),
            position=positions[name], states=states,
        )
        for name, scope in scopes_of(plan.plan, plan.resolved, groups).items()
    }  # fmt: skip


def prepare(
    run: Run,
    settings: Settings,
    groups: Mapping[str, list[Group]],
    restored: Mapping[str, Restored],
    chosen: Restored,
) -> None:
    """Continue an earlier run, and warn of unlikely values. No check may fail after this.

    A warning may be an error (`python -W error`), so all warnings of a start come before its first write.
    """
    in_force, state, members = chosen.in_force, chosen.saved.state, run.members
    saved = [one for one in restored.values() if one.saved is not NOTHING]
    if state is not None and state.last_amount is not None and state.unit == in_force.unit:
        run.last_amount = state.last_amount
    if saved:
        run.history = _history(run, chosen)
    parts = [(one.rows.lines, groups[name], one.labels(groups[name])) for name, one in members.items()]
    if settings.positions is None:  # a copy was warned of when its original began
        of_user = settings.source.engine_total is None and not saved  # the run of a checkpoint has its length
        report_unlikely_values(parts, in_force, settings.source.processes, counts_of_user=of_user)
    for (lines, _, labels), member in zip(parts, members.values(), strict=True):
        refuse_values_outside(in_force, lines, labels, member.times)
        member.code_bases = bases_of(lines)


def _history(run: Run, chosen: Restored) -> History:
    """Return the history of a run that has just started and continues another one."""
    in_force, state = chosen.in_force, chosen.saved.state
    now = run.entry()
    if state is not None:
        return state.history.resumed_at(now.update, now.amount).with_plan(now)
    return History((now._replace(update=0, amount=in_force.amount_at(0)),))


def hook(
    run: Run,
    optimizers: Mapping[str, Any],
    settings: Settings,
    earlier: Mapping[str, PlanHooks],
    *,
    is_logged: bool,
) -> None:
    """Register the hooks in place of those of earlier Schedulers, which end.

    Args:
        run: the run.
        optimizers: the optimizers, by name.
        settings: what the arguments of the Scheduler mean.
        earlier: the hooks of earlier Schedulers.
        is_logged: True if the changes of the plan were logged, which report an earlier Scheduler, too.
    """
    if earlier and not is_logged and any(hooks.run.scheduler() is not None for hooks in earlier.values()):
        log_takeover(run.t)
    for ended in {id(hooks.run): hooks.run for hooks in earlier.values()}.values():
        ended.release(kept=[hooks.member.name for hooks in earlier.values() if hooks.run is ended])
    for name, member in run.members.items():
        PlanHooks(member, settings.resume).attach(optimizers[name])


def report(
    run: Run,
    optimizers: Mapping[str, Any],
    settings: Settings,
    saved: Mapping[str, SavedOptimizer],
    earlier: Mapping[str, PlanHooks],
) -> None:
    """Log what the user may not expect at this start; the arguments are as in `read_optimizers`."""
    begin, processes, members = settings.start, settings.source.processes, run.members
    lines = {name: member.rows.lines for name, member in members.items()}
    groups: dict[str, list[Group]] = {name: optimizer.param_groups for name, optimizer in optimizers.items()}
    present = [line for name, own in lines.items() for line in without_initial(own, groups[name])]
    fresh = [name for name in lines if name not in saved]
    has_state = any(getattr(optimizers[name], "state", None) for name in fresh)
    parts = [(lines[name], groups[name], members[name].labels(groups[name])) for name in fresh]
    initial = log_initial_values(parts, processes, has_state=has_state, is_continued=bool(begin))
    if not earlier and begin is None and not any(one.count for one in saved.values()):
        taken = max((n for one in optimizers.values() if (n := updates_in_state(one)) is not None), default=None)
        if initial or taken:
            count = 0 if saved else None
            whose = "initial" if initial else "present" if present else "recorded"
            report_position(chain.from_iterable(lines.values()), taken, count, processes, whose=whose)
    alone = [name for name in fresh if not getattr(optimizers[name], "state", None)]
    if saved and alone and run.t > 1 and settings.positions is None:
        processes.log(
            "the run is at update %d, from %s, and %s has neither a count nor a state: it joins the run at this "
            "update. If it has a checkpoint, load it before the Scheduler is constructed", run.t, shown_names(saved),
            shown_names(alone),
        )  # fmt: skip
    if not saved and begin:
        warn_of_present_bases(present, begin, processes)
    if saved and begin is not None and begin != run.t:
        whose = "these optimizers carry" if settings.names else "this optimizer carries"
        text = "t=%d is ignored: %s a count of %d updates, which takes precedence. To jump, call scheduler.seek(%d)"
        processes.log(text, begin, whose, run.t, begin)
    for name in saved.keys() - earlier.keys():
        warn_of_changed_functions(saved[name], groups, name, processes)
    if settings.positions is None:  # a copy was warned of when its original began
        run.warn_if_over(run.in_force, run.t)


def report_edits(
    run: Run,
    settings: Settings,
    groups: Mapping[str, list[Group]],
    restored: Mapping[str, Restored],
    edits: Mapping[str, list[Edit]],
) -> None:
    """Report the entries that were changed: those that apply as bases, and those that the plan overwrites."""
    processes, uses_edits = settings.source.processes, settings.resume.bases.on_base == "code"
    for name, mine in edits.items():
        report_bases(run.new_bases(restored[name].changes, run.t), run.t, processes)
        overwritten = [one for one in mine if not (uses_edits and one.changes_base)]
        for problem in problems_of_edits(overwritten, restored[name].scope.labels(groups[name])):
            processes.warn(problem)


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
        "begin": run.start,
        "alive": not run.released,
        "positions": {name: member.position for name, member in run.members.items()},
        "feedback": [saved_states(run.states), saved_states(run.used)],
        "acknowledged": run.acknowledged,
        "run": {name: getattr(run, name) for name in _COPIED},
        "source": source,
    }


_COPIED = ("replaced", "reported", "is_measured", "last_amount", "warned_of_end", "history", "loads")
"""The attributes of a run that its copy takes over unchanged."""


def run_of_copy(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Settings, Run, dict[str, Member]]:
    """Restore a copied Scheduler from the dict of `copied_state`: return its arguments, its run and the members."""
    names = () if ALONE in optimizers else tuple(optimizers)
    source: PlanSource = replace(state["source"], plan=state["plan"])
    resume = Resume(state["on_change"], processes=source.processes)
    settings = Settings(source, resume, state["drive"], state["begin"], names, state["positions"])
    if state["alive"]:
        for name, position in state["positions"].items():
            # An update writes its count into the first group only, which may have become another one since.
            groups = optimizers[name].param_groups
            for group in [one for one in groups if COUNT in one] or groups:
                group[COUNT] = position.t
        run, members = start(optimizers, settings, state["facts"])
    else:  # its hooks are not registered
        in_force = settings.resolved(state["facts"])
        groups = {name: one.param_groups for name, one in optimizers.items()}
        states = {rule: rule.init() for rule in in_force.resolved.metric_rules}
        nothing = with_lines(Restored(NOTHING, in_force), groups, state["positions"], states)
        run, members = new_run(settings, groups, nothing)
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
    return settings, run, members
