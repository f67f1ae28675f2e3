"""What a load probably does not mean, and what it changes."""

from collections.abc import Mapping, Sequence

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.bases import log_initial_values
from paramsched.core.diagnosis.edited import problems_of_edits
from paramsched.core.diagnosis.messages import starts as messages
from paramsched.core.diagnosis.reports import HIDDEN, texts_of_values
from paramsched.core.plan.lines import BoundLine
from paramsched.core.run.edits import changed_function, edits_since_save, edits_since_update, values_of_save
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.position import TORCH
from paramsched.core.run.processes import Processes
from paramsched.core.run.record import RestoredOptimizer, SavedOptimizer
from paramsched.core.run.run import Run
from paramsched.core.schedules.user_shapes import has_own_shape

_NAMES = 8  # of groups that a message has


def warn_of_changes(run: Run, name: str, restored: RestoredOptimizer, groups: Mapping[str, list[GroupDict]]) -> None:
    """Warn of values that the load overwrites, and that neither the checkpoint's record nor the run explains."""
    attached = run.attached[name]
    if restored.saved.is_in_groups:
        warn_of_changed_functions(restored.saved, groups, name, run.processes)
        edits = edits_since_save(restored.saved, groups, name, restored.lines)
        labels = restored.scope.labels(groups[name])
    else:
        edits = edits_since_update(attached, groups[name], restored.lines)
        labels = attached.scope.labels(groups[name])
    for problem in problems_of_edits(edits, labels):
        run.processes.warn(problem)


def warn_of_changed_functions(
    saved: SavedOptimizer, groups: Mapping[str, list[GroupDict]], name: str, processes: Processes
) -> None:
    """Warn of values in a checkpoint that the user's own shapes in its plan do not return; as `changed_function`."""
    in_force = None if saved.record is None else saved.record.in_force
    if in_force is None or not any(has_own_shape(binding.schedule) for binding in in_force.counted.bindings):
        return
    problem = changed_function(saved, groups, name)
    if problem is not None:
        processes.warn(problem)


def warn_of_other_order(groups: Sequence[GroupDict], present: Sequence[GroupDict], processes: Processes) -> None:
    """Warn if the groups of a checkpoint have other names than those of the optimizer."""
    saved_names = [group.get("name") for group in groups]
    own_names = [group.get("name") for group in present]
    if saved_names == own_names or None in (*saved_names, *own_names):
        return
    processes.warn(messages.groups_in_other_order(saved_names[:_NAMES], own_names[:_NAMES]))


def missing_count(
    run: Run,
    name: str,
    restored: RestoredOptimizer,
    groups: list[GroupDict],
    taken: int | None,
    *,
    is_known: bool,
) -> Problem | None:
    """Return a warning if a checkpoint has no count, or 0 although the optimizer has stepped; of several, once.

    Args:
        run: the run.
        name: the optimizer.
        restored: what the checkpoint restores.
        groups: its groups.
        taken: the number of updates in the optimizer's own state.
        is_known: True if this was said before.
    """
    attached = run.attached[name]
    count = restored.saved.count
    lines: Sequence[BoundLine] = () if restored.replaced else restored.lines
    parts = [(lines, groups, attached.scope.labels(groups))]
    is_initial = count is None and log_initial_values(parts, run.processes, has_state=True, code=attached.bases.values)
    if run.arguments.start is not None or (count is not None and (taken or 0) <= HIDDEN):
        return None
    if count is None and run.state.restored_from == TORCH:  # that state has the count
        return None
    if run.shared is not None and (run.t or is_known):
        return None
    return messages.checkpoint_without_count(count, taken, has_initial_values=is_initial)


def texts_of_loaded_values(loaded: Mapping[str, RestoredOptimizer], groups: Mapping[str, list[GroupDict]]) -> list[str]:
    """Return the sentences about values of the next updates that differ from those of the checkpoint.

    Args:
        loaded: what the loads restore, by optimizer.
        groups: the groups of all optimizers, by name; those of the loaded ones with the values of the checkpoint.
    """
    texts: dict[str, None] = {}
    for name, restored in loaded.items():
        may_differ = restored.notes or restored.changes or any(has_own_shape(line.schedule) for line in restored.lines)
        if not may_differ or not restored.saved.count:
            continue
        before = values_of_save(restored.saved, groups, name, restored.lines)
        texts |= dict.fromkeys(texts_of_values(restored.lines, restored.position.times, restored.states, before))
    return [*texts]
