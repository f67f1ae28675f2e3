"""What optimizers continue that have a count: of a checkpoint loaded before the start, or of an earlier Scheduler."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from paramsched.core.groups.fields import RECORD
from paramsched.core.plan.optimizers import errors_of
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.arguments import Arguments
from paramsched.core.run.beginning import StartingRun, with_lines
from paramsched.core.run.edits import EditedValue, edits_since_save, edits_since_update
from paramsched.core.run.group_entries import COUNT, GroupDict
from paramsched.core.run.history import History, HistoryPlan
from paramsched.core.run.hooks import PlanHooks
from paramsched.core.run.position import RunPosition, resume_position
from paramsched.core.run.record import NOTHING, RestoredOptimizer, SavedOptimizer, read_groups, rule_states
from paramsched.core.run.resume import require_code_bases, restored_plan
from paramsched.core.run.saving import saved_in_run
from paramsched.core.run.several import starting_counts


def continued_beginning(
    arguments: Arguments,
    optimizers: Mapping[str, Any],
    groups: Mapping[str, list[GroupDict]],
    in_force: ResolvedPlan,
    earlier: Mapping[str, PlanHooks],
) -> StartingRun:
    """Return how optimizers begin of which some carry a run.

    Args:
        arguments: those of the Scheduler.
        optimizers: the optimizers, by name.
        groups: the groups of each optimizer.
        in_force: the plan in the code.
        earlier: the hooks of earlier Schedulers, by the name of the optimizer.

    Raises:
        StateError: what they carry is invalid, or of different updates.
        PlanChanged: the plan differs and `on_change` is "error".
    """
    saved = _saved_optimizers(groups, earlier, in_force)
    chosen = _chosen_plan(arguments, saved, earlier, in_force)
    restored = _restored_optimizers(arguments, saved, groups, chosen)
    edits = {name: _edits_of(name, groups, restored, earlier) for name in saved}
    restored = _with_edited_bases(arguments, restored, edits, earlier, groups)
    record = chosen.saved.record
    last_amount = None
    if record is not None and record.unit == chosen.in_force.unit:
        last_amount = record.last_amount
    positions = [optimizer.position for optimizer in restored.values()]
    return StartingRun(
        arguments, optimizers, groups, restored, saved, edits, earlier,
        source="optimizer" if saved and not earlier else None,
        plans=_plans(chosen, max(positions, key=lambda position: position.t)) if saved else None,
        last_amount=last_amount,
    )  # fmt: skip


def _saved_optimizers(
    groups: Mapping[str, list[GroupDict]], earlier: Mapping[str, PlanHooks], in_force: ResolvedPlan
) -> dict[str, SavedOptimizer]:
    """Return what checkpoints and earlier Schedulers have left in the groups of optimizers, after checking it."""
    saved: dict[str, SavedOptimizer] = {}
    for name, groups_of_optimizer in groups.items():
        hooks = earlier.get(name)
        if hooks is None and not any(COUNT in group or RECORD in group for group in groups_of_optimizer):
            continue
        with errors_of(name):
            in_groups = read_groups(groups_of_optimizer, name, in_force)
        if hooks is not None and not hooks.attached.bound.have_state(groups_of_optimizer):
            saved[name] = saved_in_run(hooks.run, hooks.attached)
        elif in_groups.count is not None:
            saved[name] = in_groups
    return saved


def _chosen_plan(
    arguments: Arguments,
    saved: Mapping[str, SavedOptimizer],
    earlier: Mapping[str, PlanHooks],
    in_force: ResolvedPlan,
) -> RestoredOptimizer:
    """Return the plan that applies, the one of the code or that of a record, with the record that continues."""
    candidates = dict(saved)
    # The plans of earlier Schedulers are compared if they had one plan.
    if len({hooks.run.in_force.counted.text for hooks in earlier.values()}) > 1:
        candidates = {name: saved_optimizer for name, saved_optimizer in saved.items() if name not in earlier}
    if not candidates:
        return RestoredOptimizer(NOTHING, in_force)
    last = max(candidates, key=lambda name: (name in earlier, *candidates[name].completeness))
    chosen = restored_plan(candidates[last], in_force, arguments.on_change)
    if last in earlier:
        # The same plan in a checkpoint that is loaded later is logged, too.
        chosen = replace(chosen, plan_identity=None)
    return chosen


def _restored_optimizers(
    arguments: Arguments,
    saved: Mapping[str, SavedOptimizer],
    groups: Mapping[str, list[GroupDict]],
    chosen: RestoredOptimizer,
) -> dict[str, RestoredOptimizer]:
    """Return what each optimizer starts with: its lines, its position, and the values of another plan."""
    in_force = chosen.in_force
    counts = {name: saved_optimizer.count or 0 for name, saved_optimizer in saved.items()}
    if arguments.names:
        counts = starting_counts(tuple(groups), counts, arguments.start, arguments.drive)
    else:
        counts = {name: counts.get(name, arguments.start or 0) for name in groups}
    by_count = {
        position.t: position
        for saved_optimizer in saved.values()
        if (position := saved_optimizer.position_on(in_force.unit)) is not None
    }
    positions = {
        name: resume_position(in_force, by_count.get(count, RunPosition(count)), "the optimizer")
        for name, count in counts.items()
    }
    restored = with_lines(chosen, groups, positions, rule_states(chosen.saved.record, in_force))
    return restored | {name: replace(restored[name], saved=saved_optimizer) for name, saved_optimizer in saved.items()}


def _edits_of(
    name: str,
    groups: Mapping[str, list[GroupDict]],
    restored: Mapping[str, RestoredOptimizer],
    earlier: Mapping[str, PlanHooks],
) -> list[EditedValue]:
    """Return the entries of an optimizer that were changed since its checkpoint, or since its last update."""
    saved = restored[name].saved
    lines = restored[name].lines
    if name in earlier and saved.record is not None and not saved.record.is_loaded:
        return edits_since_update(earlier[name].attached, groups[name], lines)
    return edits_since_save(saved, groups, name, lines)


def _with_edited_bases(
    arguments: Arguments,
    restored: Mapping[str, RestoredOptimizer],
    edits: Mapping[str, Sequence[EditedValue]],
    earlier: Mapping[str, PlanHooks],
    groups: Mapping[str, list[GroupDict]],
) -> dict[str, RestoredOptimizer]:
    """Return what each optimizer starts with: with `on_base="code"`, an edited number is the base of its group.

    Raises:
        InvalidArgument: the groups hold a checkpoint and no edit, and the choice needs the bases of the code.
    """
    if arguments.on_base == "error" or not any(edits.values()):
        for name in edits:
            if name not in earlier:
                with errors_of(name):
                    require_code_bases(arguments.on_base)
    if arguments.on_base != "code":
        return dict(restored)
    changed = dict(restored)
    for name, of_optimizer in edits.items():
        before = restored[name]
        labels = before.scope.labels(groups[name])
        numbers = {edit.place: edit.number for edit in of_optimizer}
        changed[name] = replace(
            before,
            lines=tuple(line.with_bases(numbers) for line in before.lines),
            changes=tuple(edit.as_base(labels[edit.place[0]]) for edit in of_optimizer if edit.changes_base),
            replaced={(edit.line.name, str(labels[edit.place[0]])): edit.base for edit in of_optimizer},
        )
    return changed


def _plans(chosen: RestoredOptimizer, position: RunPosition) -> History:
    """Return the history of a run that continues another one at a position."""
    in_force = chosen.in_force
    record = chosen.saved.record
    now = HistoryPlan(position.t, position.amount, in_force.text)
    if record is None:
        return History((HistoryPlan(0, in_force.amount_at(0), in_force.text),))
    return record.history.resumed_at(now.update, now.amount).with_plan(now)
