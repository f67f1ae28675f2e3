"""Copies and pickles of a Scheduler: its state, its plan, the run facts and the optimizers."""

from collections.abc import Mapping
from typing import Any

from paramsched.base.pickles import pickle_of_rc5
from paramsched.core.calls.lazy_imports import is_installed_entry, load_entry
from paramsched.core.groups.fields import RECORD
from paramsched.core.plan.optimizers import ALONE
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.arguments import Arguments
from paramsched.core.run.beginning import StartingRun, with_lines
from paramsched.core.run.group_entries import restored_states, saved_states
from paramsched.core.run.history import read_history
from paramsched.core.run.hooks import PlanHooks, hooks_on
from paramsched.core.run.pickles_of_rc6 import is_of_rc6, state_from_rc6
from paramsched.core.run.position import RunPosition
from paramsched.core.run.processes import Processes
from paramsched.core.run.record import NOTHING, Record, RestoredOptimizer, SavedOptimizer, read_scheduler_state
from paramsched.core.run.run import Run
from paramsched.core.run.saving import state_of
from paramsched.core.run.several import LoadedRuns
from paramsched.core.run.start import StartedRun, end_earlier, new_run


def state_of_copy(run: Run, optimizers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state from which `started_copy` restores a Scheduler: text, numbers, a plan and optimizers."""
    arguments = run.arguments
    text: Any = arguments.text
    loads = None if run.shared is None else run.shared.loads
    return {
        "optimizers": dict(optimizers),
        "plan": run.in_force.plan,
        "facts": run.in_force.facts,
        "state": state_of(run, {name: len(optimizer.param_groups) for name, optimizer in optimizers.items()})[RECORD],
        "drive": arguments.drive,
        "on_change": arguments.on_change,
        "on_base": arguments.on_base,
        "strict": arguments.processes.strict,
        "start": arguments.start,
        "file": None if text is None else (text.name, text.text, text.format, text.entries),
        "recipe": arguments.is_recipe,
        "engine": (arguments.engine_total, arguments.counted_by, arguments.warns_of_metrics),
        "bases": {name: dict(attached.bases.values) for name, attached in run.attached.items()},
        "used": saved_states(run.state.used),
        "acknowledged": run.is_acknowledged,
        "loads": None if loads is None else _data_of_loads(loads),
        "end": run.end,
    }


def started_copy(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> StartedRun:
    """Restore a copied Scheduler from the dict of `state_of_copy`, or from that of a pickle of 1.0.0rc6.

    Raises:
        StateError: it is the state of an earlier version.
    """
    if "state" not in state:
        if not is_of_rc6(state):
            raise pickle_of_rc5("Scheduler")
        return started_copy(optimizers, state_from_rc6(state))
    arguments = _arguments_of(optimizers, state)
    in_force = arguments.resolved(state["facts"])
    record = read_scheduler_state({RECORD: state["state"]}, in_force)
    groups = {name: optimizer.param_groups for name, optimizer in optimizers.items()}
    rules = in_force.metric_rules
    positions = {name: record.position_at(record.counts.get(name, record.position.t)) for name in groups}
    used = restored_states(state["used"], rules)
    restored = with_lines(RestoredOptimizer(NOTHING, in_force), groups, positions, used)
    # A shallow copy has the optimizers of its original, which it replaces.
    earlier = {name: hooks for name, optimizer in optimizers.items() if (hooks := hooks_on(optimizer)) is not None}
    beginning = StartingRun(
        arguments, optimizers, groups, restored, earlier=earlier, source="optimizer", plans=record.history
    )
    run, attached = new_run(beginning)
    _continue(run, record, state)
    if state["end"]:
        run.release()
        run.end = state["end"]
        return StartedRun(run, attached)
    if is_installed_entry("diagnosis"):
        load_entry("diagnosis").observe_copy(run, optimizers)
    run.bind()
    ended = end_earlier(beginning)
    for name, optimizer in attached.items():
        optimizer.bind(groups[name], optimizer.table)
        optimizer.bases.values = state["bases"][name]
        PlanHooks(run, optimizer).attach(optimizers[name])
    run.state.change(restored_states(record.feedback, rules))
    run.begin_amounts()
    run.rewrite()
    return StartedRun(run, attached, ended)


def _arguments_of(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> Arguments:
    """Return the arguments of the original, with its plan in force."""
    total, counted_by, warns_of_metrics = state["engine"]
    text = None if state["file"] is None else load_entry("files of plans").PlanText(*state["file"])
    return Arguments(
        state["plan"], text, total, bool(state["recipe"]), counted_by, warns_of_metrics, Processes(state["strict"]),
        state["on_change"], state["on_base"], state["drive"], state["start"],
        names=() if ALONE in optimizers else tuple(optimizers),
    )  # fmt: skip


def _continue(run: Run, record: Record, state: Mapping[str, Any]) -> None:
    """Take what the original had beside its position."""
    amounts = run.state.amounts
    if amounts is not None:
        amounts.last_amount = record.last_amount
        amounts.reported = record.position.reported
        amounts.is_measured = record.position.is_measured
    if run.shared is not None:
        run.shared.restored |= run.attached_refs.keys()
        if state["loads"] is not None:
            before, saved = state["loads"]
            loads = {name: _restored(run.in_force, *data) for name, data in saved.items()}
            run.shared.loads = LoadedRuns(before, loads)
    if not state["acknowledged"]:
        run.acknowledged_at = -1  # the engine has not called step() yet


def _data_of_loads(loads: LoadedRuns) -> tuple[Any, ...]:
    return loads.before, {name: _data(restored) for name, restored in loads.restored.items()}


def _data(restored: RestoredOptimizer) -> tuple[Any, ...]:
    """Return what an optimizer has loaded as text and numbers."""
    record = restored.saved.record
    position = restored.run_position
    return (
        restored.saved.count, (position.t, position.amount, position.reported, position.is_measured),
        restored.last_amount, None if record is None else record.feedback,
        None if record is None else record.history.as_data(), restored.is_loaded, tuple(restored.replaced.items()),
    )  # fmt: skip


def _restored(
    in_force: ResolvedPlan,
    count: int | None,
    position_data: Any,
    last_amount: Any,
    feedback: Any,
    history: Any,
    is_loaded: bool,
    replaced: Any,
) -> RestoredOptimizer:
    """Return what `_data` describes."""
    position = RunPosition(*position_data)
    record = None
    if history is not None:
        record = Record(
            in_force.text, in_force, None, in_force.facts, {}, {}, feedback, position, read_history(history),
            last_amount=last_amount, is_loaded=is_loaded,
        )  # fmt: skip
    saved = SavedOptimizer(count, record, position, {})
    return RestoredOptimizer(saved, in_force, replaced=dict(replaced), position=position)
