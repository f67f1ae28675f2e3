"""What a user may not expect at a start."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from paramsched.core.diagnosis.bases import log_initial_values
from paramsched.core.diagnosis.likely import report_unlikely_values
from paramsched.core.diagnosis.loads import warn_of_changed_functions
from paramsched.core.diagnosis.messages import starts as messages
from paramsched.core.diagnosis.reports import (
    log_jumps,
    log_takeover,
    report_optional_fields,
    report_position,
    warn_of_present_bases,
    without_initial,
)
from paramsched.core.plan.lines import by_group
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.beginning import StartingRun
from paramsched.core.run.processes import Processes
from paramsched.core.run.run import Run
from paramsched.core.run.steps import updates_in_state
from paramsched.core.run.value_table import initial_value


def warn_of_dropped_lines(run: Run, beginning: StartingRun) -> None:
    """Warn of fields that the plan of a replaced Scheduler writes and the new one does not."""
    earlier: list[ResolvedPlan] = [hooks.run.in_force for hooks in beginning.earlier.values()]
    if len({in_force.counted.text for in_force in earlier}) != 1:
        return
    written = {binding.name for binding in run.in_force.plan.bindings}
    dropped = list(dict.fromkeys(line.name for line in earlier[0].plan.bindings if line.name not in written))
    if dropped:
        run.processes.warn(messages.fields_are_dropped(dropped))


def report_values(run: Run, beginning: StartingRun) -> None:
    """Warn of unlikely values, and log where a plan jumps that continues the run of another scheduler."""
    attached = run.attached
    scopes = [(optimizer.scope, beginning.groups[name]) for name, optimizer in attached.items()]
    report_optional_fields(run.in_force, scopes, run.processes)
    parts = [
        (optimizer.table.lines, beginning.groups[name], optimizer.scope.labels(beginning.groups[name]))
        for name, optimizer in attached.items()
    ]
    is_of_user = beginning.arguments.engine_total is None and not beginning.saved
    report_unlikely_values(parts, run.in_force, run.processes, counts_of_user=is_of_user)
    if beginning.arguments.start and not beginning.saved:
        for (lines, groups, _), optimizer in zip(parts, attached.values(), strict=True):
            before = {
                (index, line.field.slot): line.field.read(groups[index])
                for index, line, _ in by_group(lines)
                if initial_value(line.field, groups[index]) is not None
            }
            log_jumps(lines, optimizer.times, run.state.states, before, run.processes)


def has_begun(beginning: StartingRun) -> bool:
    """Return whether the run may have begun without a plan: an optimizer or a group says so, or the user."""
    if beginning.arguments.start is not None:
        return True
    if any(getattr(optimizer, "state", None) for optimizer in beginning.optimizers.values()):
        return True
    keys = set[Any]().union(*(group for of_optimizer in beginning.groups.values() for group in of_optimizer))
    return any(str(key).startswith("initial_") for key in keys)


def report_bases_of_start(run: Run, beginning: StartingRun) -> None:
    """Report which bases a plan starts with, and that it may start at another update than the run."""
    start = beginning.arguments.start
    optimizers = beginning.optimizers
    groups = beginning.groups
    lines = {name: attached.table.lines for name, attached in run.attached.items()}
    present = [
        line for name, lines_of_optimizer in lines.items() for line in without_initial(lines_of_optimizer, groups[name])
    ]
    fresh = [name for name in lines if name not in beginning.saved]
    has_state = any(getattr(optimizers[name], "state", None) for name in fresh)
    parts = [(lines[name], groups[name], run.attached[name].scope.labels(groups[name])) for name in fresh]
    is_initial = log_initial_values(parts, run.processes, has_state=has_state, is_continued=bool(start))
    has_count = any(saved.count for saved in beginning.saved.values())
    if not beginning.earlier and start is None and not has_count:
        taken = _updates_taken(beginning)
        if is_initial or taken:
            count = 0 if beginning.saved else None
            whose = "initial" if is_initial else "present" if present else "recorded"
            report_position(chain.from_iterable(lines.values()), taken, count, run.processes, whose=whose)
    _log_joining(run, beginning, fresh)
    if not beginning.saved and start:
        warn_of_present_bases(present, start, run.processes)


def _updates_taken(beginning: StartingRun) -> int | None:
    """Return the largest number of updates in the states of optimizers; None if none counts them."""
    taken = [updates_in_state(optimizer) for optimizer in beginning.optimizers.values()]
    return max((count for count in taken if count is not None), default=None)


def _log_joining(run: Run, beginning: StartingRun, fresh: Sequence[str]) -> None:
    """Log optimizers that join a run, and an argument `t` that a count overrides."""
    alone = [name for name in fresh if not getattr(beginning.optimizers[name], "state", None)]
    if beginning.saved and alone and run.t > 1:
        run.processes.log(*messages.joins_run(run.t, beginning.saved, alone))


def report_carried(run: Run, beginning: StartingRun, processes: Processes) -> None:
    """Report what the carried counts and shapes mean for the start."""
    start = beginning.arguments.start
    saved = beginning.saved
    if saved and start is not None and start != run.t:
        processes.log(*messages.argument_is_ignored(start, run.t, is_shared=bool(beginning.arguments.names)))
    for name in saved.keys() - beginning.earlier.keys():
        warn_of_changed_functions(saved[name], beginning.groups, name, processes)


def report_takeover(run: Run, beginning: StartingRun) -> None:
    """Log that a Scheduler that is still referenced is replaced; logged changes of the plan say it, too."""
    notes = next(iter(beginning.restored.values())).notes
    if not notes and any(hooks.run.scheduler() is not None for hooks in beginning.earlier.values()):
        log_takeover(run.t)
