"""Resume from a checkpoint, of the same plan or another."""

from collections.abc import Mapping
from dataclasses import replace
from operator import is_

from paramsched.core.plan.differences import diff
from paramsched.core.plan.lines import BoundLine, GroupField, bases_of, by_group
from paramsched.core.plan.optimizers import errors_of, scopes_of
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.group_entries import GroupDict, record_other_bases, restored_states
from paramsched.core.run.history import History
from paramsched.core.run.messages import LogCall
from paramsched.core.run.messages import resumes as messages
from paramsched.core.run.position import TORCH, RunPosition, resume_position
from paramsched.core.run.ranges import refuse_values_outside
from paramsched.core.run.record import (
    OnBase,
    OnChange,
    OtherBase,
    Record,
    RestoredOptimizer,
    SavedOptimizer,
    read_groups,
    rule_states,
)
from paramsched.core.run.run import Run
from paramsched.core.run.saving import record_bases, saved_in_run
from paramsched.core.run.several import LoadedRuns
from paramsched.core.run.value_table import ValueTable, starting_lines

# ------------------------------------------------------------------ the plan and the bases that apply


def restored_plan(saved: SavedOptimizer, code: ResolvedPlan, on_change: OnChange) -> RestoredOptimizer:
    """Return the plan with which an optimizer continues that carries a record or a count.

    Args:
        saved: what it carries.
        code: the plan in the code.
        on_change: as in `ps.Scheduler`.

    Raises:
        PlanChanged: the plan differs and `on_change` is "error".
    """
    record = saved.record
    same = RestoredOptimizer(saved, code)
    if record is None:
        if not saved.count:
            return same
        if on_change == "error":
            raise messages.plan_is_unknown()
        return replace(same, notes=(messages.unknown_plan_is_replaced(saved.count),))
    if record.text is not None and (record.text, record.facts) == (code.text, code.facts):
        return same
    if record.in_force is not None:
        in_force, notes = _chosen_plan(record, record.in_force, code, on_change)
        return replace(same, in_force=in_force, notes=notes, plan_identity=record.identity)
    why = record.unreadable or "it has no text"
    if on_change == "error":
        raise messages.plan_cannot_be_compared(why)
    return replace(same, notes=(messages.unread_plan_is_replaced(why),), plan_identity=record.identity)


def _chosen_plan(
    record: Record, saved: ResolvedPlan, code: ResolvedPlan, on_change: OnChange
) -> tuple[ResolvedPlan, tuple[LogCall, ...]]:
    """Return the plan to continue with, the saved one or the code's, and what to log.

    Raises:
        PlanChanged: `on_change` is "error".
    """
    changes = diff(saved.resolved, code.resolved)
    until = record.position
    if not changes:
        return code, ()
    plan = messages.PlanOfRecord(record.owner, until.t, saved.unit, until.amount)
    if on_change == "error":
        raise messages.plan_differs(plan, changes)
    chosen = saved if on_change == "checkpoint" else code
    return chosen, (messages.plan_has_changed(plan, changes, on_change), *_other_epoch(record, saved, code))


def _other_epoch(record: Record, saved: ResolvedPlan, code: ResolvedPlan) -> tuple[LogCall, ...]:
    """Return a note if a loaded run has another number of epochs behind it, because an epoch has other updates.

    The number of processes may have changed, for example.
    """
    before = saved.facts.updates_per_epoch
    now = code.facts.updates_per_epoch
    t = record.position.t
    if not record.is_loaded or not t or saved.text != code.text or code.unit is not None:
        return ()
    if before is None or now is None or before == now:
        return ()
    return (messages.epoch_has_changed(now, before, t),)


def require_code_bases(on_base: OnBase) -> None:
    """Raise for groups that hold a checkpoint already, if the choice needs the bases of the code."""
    if on_base != "checkpoint":
        raise messages.bases_of_code_are_lost(on_base)


def with_chosen_bases(
    restored: RestoredOptimizer, attached: AttachedOptimizer, groups: list[GroupDict], on_base: OnBase
) -> RestoredOptimizer:
    """Return what an optimizer continues with, with the bases that apply.

    Args:
        restored: its lines have the bases of the checkpoint.
        attached: the optimizer, with the bases of the code.
        groups: the groups, for their names.
        on_base: as in `ps.Scheduler`.

    Raises:
        PlanChanged: a base differs, and the choice is "error".
    """
    labels = attached.scope.labels(groups)
    uses_code = on_base == "code"
    changes: list[OtherBase] = []
    replaced: dict[tuple[str, str], float] = {}
    applied: dict[GroupField, float] = {}
    for index, line, base in by_group(restored.lines):
        code = attached.bases.values.get((index, line.field.slot), base)
        if code != base:
            changes.append(OtherBase(str(line.field), labels[index], code, base, code_applies=uses_code))
            if uses_code:
                replaced[line.name, str(labels[index])] = base
                applied[index, line.field.slot] = code
    if changes and on_base == "error":
        raise messages.bases_differ((change.field, change.group, change.text()) for change in changes)
    if not changes:
        return restored
    lines = tuple(line.with_bases(applied) for line in restored.lines)
    return replace(restored, lines=lines, changes=tuple(changes), replaced=replaced)


# ------------------------------------------------------------------ what a checkpoint restores


def checked_restored(
    run: Run,
    attached: AttachedOptimizer,
    groups: list[GroupDict],
    saved: SavedOptimizer | None = None,
    present: list[GroupDict] | None = None,
) -> RestoredOptimizer:
    """Return what a checkpoint restores, as `restored_optimizer`, after checking that the run can continue with it."""
    with errors_of(attached.name):
        attached.table.require_lengths(groups)
    restored = restored_optimizer(run, attached, groups, saved, present)
    labels = attached.scope.labels(groups)
    refuse_values_outside(restored.in_force, restored.lines, labels, restored.position.times)
    return restored


def restored_optimizer(
    run: Run,
    attached: AttachedOptimizer,
    groups: list[GroupDict],
    saved: SavedOptimizer | None = None,
    present: list[GroupDict] | None = None,
) -> RestoredOptimizer:
    """Return what a checkpoint restores to one optimizer, without side effects on its groups.

    Args:
        run: the run.
        attached: the optimizer.
        groups: the groups of the checkpoint.
        saved: what they carry. Default: it is read from them.
        present: the groups with the values of the code, if these are still known.
    """
    code = run.in_force
    if saved is None:
        with errors_of(attached.name):
            saved = read_groups(groups, attached.name, code)
    restored = restored_plan(saved, code, run.arguments.on_change)
    scope = attached.scope
    chosen = restored.in_force
    if run.shared is not None and chosen is not code:
        scope = scopes_of(chosen.plan, chosen.counted, run.groups())[attached.name]
    if saved.is_in_groups:
        # A group without paramsched has values of the last update and no bases, except `initial_lr` of torch's
        # schedulers. Then the bases are those of the code.
        lines = starting_lines(chosen.counted, groups, saved.bases, scope, attached.bases.values)
    elif chosen is code:  # of a Scheduler's state, for the bound groups
        lines = tuple(line.with_bases(saved.bases) for line in attached.table.lines)
    else:
        lines = starting_lines(chosen.counted, groups, saved.bases, scope)
    position = _position_of(run, attached, saved, chosen)
    states = rule_states(saved.record, chosen)
    restored = replace(restored, scope=scope, lines=lines, position=position, states=states)
    if present is not None and chosen is not code:
        missing = bases_of(lines).keys() - attached.bases.values.keys()
        if missing:  # of fields that only the plan of the checkpoint has
            attached.bases.add(bases_of(starting_lines(chosen.counted, present, scope=attached.scope)), missing)
    return with_chosen_bases(restored, attached, groups, run.arguments.on_base)


def _position_of(run: Run, attached: AttachedOptimizer, saved: SavedOptimizer, chosen: ResolvedPlan) -> RunPosition:
    """Return the position of the run from which the groups of a checkpoint were saved."""
    state = run.state
    start = (run.arguments.start or 0) if run.shared is None else attached.t  # without a count, it joins the run
    present = state.position if state.restored_from == TORCH else RunPosition(start)
    saved_position = saved.position_on(chosen.unit) or present
    whose = "the optimizer's checkpoint" if saved.is_in_groups else "the scheduler's state"
    return resume_position(chosen, saved_position, whose, attached.position)


# ------------------------------------------------------------------ loads


def load_groups(
    run: Run, loaded: Mapping[str, RestoredOptimizer], groups: Mapping[str, list[GroupDict]], source: str = "optimizer"
) -> None:
    """Resume from what the loaded groups of one or more optimizers restore, after the observers were told.

    Args:
        run: the run.
        loaded: what they restore, by optimizer.
        groups: the groups, by optimizer.
        source: the name of the checkpoint, for a message if two of them disagree.
    """
    state = run.state
    for observer in state.observers:
        observer.restoring(loaded, run.groups() | dict(groups))
    tables = _computed_tables(run, loaded, groups, source)
    for name, restored in loaded.items():
        if not restored.saved.is_in_groups:
            planned_bases = bases_of(restored.lines)
            other_bases = {place: base for place, base in restored.saved.bases.items() if place not in planned_bases}
            record_other_bases(other_bases, groups[name])
    attached = run.attached
    for name, table in tables.items():
        attached[name].bind(groups[name] if name in loaded else attached[name].bound.groups, table)
    # The states that several optimizers load one after the other have the history of the run before the first load.
    loads = None if run.shared is None else run.shared.loads
    of_optimizers = loaded if loads is None else loads.restored
    record_bases(run, dict(pair for restored in of_optimizers.values() for pair in restored.replaced.items()))
    for observer in state.observers:
        observer.loaded()


def _computed_tables(
    run: Run,
    loaded: Mapping[str, RestoredOptimizer],
    groups: Mapping[str, list[GroupDict]],
    source: str,
) -> dict[str, ValueTable]:
    """Move the run to the position of a load, and compute all values before the first one is written.

    Args:
        run: the run.
        loaded: what the loads restore, by optimizer.
        groups: the groups, by optimizer.
        source: the name of the checkpoint.
    """
    state = run.state
    chosen = [run.in_force, *(restored.in_force for restored in loaded.values())][-1]
    has_count = any(restored.saved.count is not None for restored in loaded.values())
    is_new = chosen is not run.in_force
    counts = run.counts
    states_before = state.states
    before = state.position
    was_running = state.has_moved
    if is_new:
        _use_plan(run, chosen)
    moves = _load_runs(run, loaded, before, source if has_count else None)
    if is_new and run.history.plans.entries[-1].text != chosen.text:
        run.history.plans = run.history.plans.with_plan(run.entry())
    if was_running and state.t < before.t:
        run.processes.log(*messages.moved(before.t, state.t))
    changes_all = moves or is_new or state.states != states_before
    tables: dict[str, ValueTable] = {}
    for name, attached in run.attached.items():
        if name not in loaded and (changes_all or attached.t != counts[name]):
            tables[name] = _table_of(attached, attached.bound.groups, None, is_new=is_new)
    for name, restored in loaded.items():
        tables[name] = _table_of(run.attached[name], groups[name], restored.lines, is_new=is_new)
    if changes_all:
        run.bind()
    return tables


def load_record(run: Run, record: Record, groups: Mapping[str, list[GroupDict]]) -> None:
    """Resume from the record of a Scheduler's state, as if the checkpoint of each optimizer had been loaded.

    Args:
        run: the run.
        record: the record.
        groups: the groups of each optimizer.

    Raises:
        StateError: the state is of one optimizer and the run has several, or the reverse. Nothing was written.
        PlanChanged: the plan differs and the policy is "error". Nothing was written.
    """
    if bool(record.names) != (run.shared is not None):
        raise messages.state_of_other_scheduler(record.names)
    attached = run.attached
    loaded = {
        name: checked_restored(
            run, attached[name], own_groups, SavedOptimizer.in_state(record, name), present=own_groups
        )
        for name, own_groups in groups.items()
    }
    for observer in run.state.observers:
        observer.loading(loaded, groups)
    _log_other_optimizers(run, record, groups)
    load_groups(run, loaded, groups, source="scheduler")


def _log_other_optimizers(run: Run, record: Record, groups: Mapping[str, list[GroupDict]]) -> None:
    """Log that a state is of other optimizers than the run, or of another number of groups."""
    if record.optimizers.keys() != groups.keys():
        run.processes.log(*messages.other_optimizers(record.optimizers, groups))
    for name, own_groups in groups.items():
        count = record.optimizers.get(name) or len(own_groups)  # 0 in an optimizer's checkpoint
        if count != len(own_groups):
            run.processes.log(*messages.other_number_of_groups(name, count, len(own_groups)))


def _use_plan(run: Run, chosen: ResolvedPlan) -> None:
    """Use another plan in all optimizers, whose values are written afterwards."""
    scopes = scopes_of(chosen.plan, chosen.counted, run.groups())
    run.state.use(chosen)
    run.state.states = {rule: rule.init() for rule in chosen.metric_rules}
    for name, attached in run.attached.items():
        attached.scope = scopes[name]


def _table_of(
    attached: AttachedOptimizer, groups: list[GroupDict], lines: tuple[BoundLine, ...] | None, *, is_new: bool
) -> ValueTable:
    """Compute the values of an optimizer at its position, without writing them.

    Args:
        attached: the optimizer.
        groups: its groups.
        lines: its lines. Default: those of the plan in force.
        is_new: True if the plan is another one than before.
    """
    table = attached.table
    if lines is None:
        lines = attached.lines(groups) if is_new else table.lines
    is_same = len(lines) == len(table.lines) and all(map(is_, lines, table.lines))
    if is_same and not is_new and not attached.bound.differ_from(groups):
        table.seek(attached.times, attached.run.states)
        return table
    return attached.new_table(lines, groups)


# ------------------------------------------------------------------ the position after a load


def reached(run: Run, loaded: Mapping[str, RestoredOptimizer]) -> int:
    """Return the update of the run after a load, without side effects."""
    if run.shared is None:
        return max((restored.position.t for restored in loaded.values()), default=0)
    counts = {name: restored.saved.count for name, restored in loaded.items() if restored.saved.count is not None}
    return max({**run.shared.counts(run.counts), **counts}.values(), default=0)


def _load_runs(run: Run, loaded: Mapping[str, RestoredOptimizer], before: RunPosition, source: str | None) -> bool:
    """Continue from what optimizers have loaded, without writing values; return whether the run moved.

    Args:
        run: the run.
        loaded: what the loads restore, by optimizer.
        before: the position of the run before the load, on the clock of the plan that was in force.
        source: the name of the checkpoint; None if it has no count.
    """
    if run.shared is not None:
        return _load_shared(run, loaded, before, source)
    ((name, restored),) = loaded.items()
    _move(run, restored.run_position, source)
    _continue_from(run, restored)
    run.attached[name].t = run.t
    return True


def _load_shared(run: Run, loaded: Mapping[str, RestoredOptimizer], before: RunPosition, source: str | None) -> bool:
    """Continue from what some of several optimizers have loaded, as `_load_runs`."""
    shared = run.shared
    state = run.state
    assert shared is not None
    counted = {name: restored for name, restored in loaded.items() if restored.saved.count is not None}
    shared.without_count |= loaded.keys() - counted.keys()
    if not counted:
        return False
    if shared.loads is None:
        shared.loads = LoadedRuns(state.t, {name: _present(run, attached) for name, attached in run.attached.items()})
    loads = shared.loads
    loads.add(counted)
    counts = loads.counts(run.counts)
    amounts = loads.amounts(state)
    t = max(counts.values())
    restored = loads.of_run_at(t, state.t)
    position = state.position_at(t) if restored is None else restored.run_position_at(t)
    if position != before:
        _move(run, position, source)
    _set_last_amount(run, amounts.get(t - 1, position.amount))
    if restored is not None:
        _continue_from(run, restored)
    for name, attached in run.attached.items():
        is_behind = run.arguments.drive == "optimizer" and counts[name] == t - 1
        attached.t = t - (is_behind and shared.may_have_missed(name, t))
    if state.amounts is not None:
        state.amounts.note_progress()  # that of the checkpoint, which may be the present one
        state.set_needs_check()
    return position != before


def _present(run: Run, attached: AttachedOptimizer) -> RestoredOptimizer:
    """Return the present run, in which an optimizer continues until it loads something."""
    return RestoredOptimizer(saved_in_run(run, attached), run.in_force, position=attached.position)


def _move(run: Run, position: RunPosition, source: str | None) -> None:
    """Move to the position of a checkpoint, without writing values; the one loaded last takes precedence."""
    state = run.state
    before = state.restored_from
    if before is not None and before != (source or "optimizer") and state.t != position.t:
        run.processes.log(*messages.checkpoints_differ(before, state.t, source or "optimizer", position.t))
    run.move(position, source)


def _continue_from(run: Run, restored: RestoredOptimizer) -> None:
    """Use the states, amounts and history of a saved run, at the present position."""
    state = run.state
    now = run.entry()
    record = restored.saved.record
    if restored.saved.count is None:
        run.history.plans = History((now,))
        return
    if record is None:
        run.history.plans = run.history.plans.resumed_at(now.update, now.amount)
        return
    run.history.plans = record.history.resumed_at(now.update, now.amount).with_plan(now)
    state.states = restored_states(record.feedback, state.in_force.metric_rules)
    if restored.last_amount is not None and restored.run_position.t == state.t:
        _set_last_amount(run, restored.last_amount)


def _set_last_amount(run: Run, amount: Amount | None) -> None:
    if run.state.amounts is not None:
        run.state.amounts.last_amount = amount
