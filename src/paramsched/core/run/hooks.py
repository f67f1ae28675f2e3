"""The hooks of an optimizer: its steps and checkpoints, and the capture of steps into CUDA graphs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final
from weakref import ref

import torch
from torch.optim import Optimizer

from paramsched.core.base.problem import Problem
from paramsched.core.fields import RECORD, recorded_bases
from paramsched.core.plan.lines import UpdateTimes, by_group, values_at
from paramsched.core.plan.optimizers import errors_of
from paramsched.core.run import steps as updates
from paramsched.core.run.block import FloatColumn, TensorColumn, ValueBlock
from paramsched.core.run.groups import Groups, has_written, is_being_counted, sync_for_checkpoint
from paramsched.core.run.processes import Processes
from paramsched.core.run.record import Adopted, Carried, record_of
from paramsched.core.run.resume import Resume
from paramsched.core.run.run import Reading, Run
from paramsched.core.run.short import note_changed_plan
from paramsched.core.run.state import COUNT, Group, RunPosition, joined
from paramsched.core.run.steps import (
    CAN_CAPTURE,
    DynamicCount,
    Steps,
    UpdateHooks,
    check_amount,
    mark_uncompiled,
    updates_in_states,
)
from paramsched.core.run.writes import AT_EACH_UPDATE, keep_tensors
from paramsched.core.schedules.own import has_own_shape
from paramsched.errors import InvalidArgument, StateError, shown

_NAMES = 8  # of groups that a message has
_CAPTURED = "this step is captured into a CUDA graph"


def refuse_uncounted(optimizer: Any) -> None:
    """Raise for a captured step that the Scheduler would count."""
    raise InvalidArgument(
        f"Scheduler({type(optimizer).__name__}, …)",
        f"{_CAPTURED}, whose replays call no hooks: the plan would remain at this update",
        'Use Scheduler(…, drive="manual") before the capture, and call scheduler.step() after each replay',
    )


@final
class CaptureHook:
    """Refuses to capture a step of an optimizer whose updates are counted by hand, if the graph would keep a value.

    Args:
        planned: the groups of the optimizer.
    """

    def __init__(self, planned: Groups) -> None:
        self.planned = planned

    def register_on(self, optimizer: torch.optim.Optimizer) -> list[Any]:
        """Register the hook, and return the handle that removes it."""
        updates.mark_uncompiled(CaptureHook.before_step)
        return [optimizer.register_step_pre_hook(self.before_step)]

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Raise for a wrong capture: torch calls this before every step."""
        if updates.may_be_captured() and updates.is_capturing():
            updates.run_uncompiled(CaptureHook.refuse)(self, optimizer)

    def refuse(self, optimizer: Any) -> None:
        """Raise if the plan changes a field that is no tensor on the device."""
        planned = self.planned
        kept = {
            str(line.field): None
            for line in planned.block.lines
            for index in line.groups
            if line.schedule.piece.held != 0 and not _is_on_device(line.field.read(planned.bound[index]))
        }
        if kept:
            raise InvalidArgument(
                f"Scheduler({type(optimizer).__name__}, …)",
                f"{_CAPTURED}, which would keep the value of this update for {' and '.join(kept)}: a replay reads only "
                "tensors on the device again",
                "Pass a tensor on the device to the optimizer. If it accepts none, remove the field from the plan",
            )


def _is_on_device(entry: Any) -> bool:
    return isinstance(entry, torch.Tensor) and entry.device.type == "cuda"


@final
class PlanHooks:
    """The hooks on the checkpoints of an optimizer; `attach` also registers those on its steps (`UpdateHooks`).

    Args:
        run: the run of the optimizer.
        name: its name in the run.
        resume: handles the optimizer's own checkpoints.
    """

    def __init__(self, run: Run, name: str, resume: Resume) -> None:
        self.run, self.name, self.resume = run, name, resume
        self.planned = run.members[name]
        self.before: list[Group] = []  # the groups that the state which is being loaded replaces
        self.adopted: Adopted | None = None  # what that state restores
        self.saved_from: int | None = None  # the update whose values a state has that is being saved

    def attach(self, optimizer: Any) -> None:
        """Register the hooks on the optimizer."""
        self.planned.load_written = WrittenStates(ref(self.run), self.name, self.resume).load
        if not isinstance(optimizer, Optimizer):
            return  # driven by hand; it has no hooks, and torch has not imported its compiler for it
        run, planned, handles = self.run, self.planned, self.run.handles
        # Do not compile the functions that run at every update: torch would recompile the step for each value
        # (docs/contributing/decisions.md).
        mark_uncompiled(
            Steps.is_unchanged, Steps.has_own_lr, Steps.before_update, Steps.advance, check_amount,
            FloatColumn.any_tuple_spoiled, ValueBlock.any_tuple_spoiled, ValueBlock.fill_count, ValueBlock.note_fills,
            ValueBlock.tensors_changed, ValueBlock.views_replaced, TensorColumn.views_replaced,
            *run.uncompiled, *AT_EACH_UPDATE,
        )  # fmt: skip
        handles.append(DynamicCount())
        if run.drive != "manual":
            steps = Steps(planned)
            after = run.after_step(self.name, steps)
            hooks = UpdateHooks(steps.before_update, after, steps.is_unchanged, steps.has_own_lr, refuse_uncounted)
            handles += hooks.register_on(optimizer)
        elif CAN_CAPTURE:
            handles += CaptureHook(planned).register_on(optimizer)
        handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
        handles.append(optimizer.register_state_dict_post_hook(self.after_state_dict))
        handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
        handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def before_state_dict(self, optimizer: Any) -> None:
        """Bind groups that were added or replaced, and note the update whose values torch copies next."""
        if optimizer.param_groups:
            sync_for_checkpoint(self.planned, optimizer.param_groups)
        self.saved_from = None if is_being_counted(self.planned) else self.planned.clock.t

    def after_state_dict(self, _optimizer: Any, state: dict[str, Any]) -> None:
        """Write the record and the count into the state, not into the groups: a compiled step guards their entries."""
        groups = state.get("param_groups")
        if groups and self.planned.bound:
            now = self.run.reading()
            if now.numbers[self.name] != self.saved_from:  # another thread counts an update
                self._write_values(groups, now)
            self.run.clock.saved_at = now.numbers[self.name]
            record = record_of(self.run, now)
            groups[0][RECORD] = joined(self.planned.record_of_plan(), record | {"bases": recorded_bases(groups[0])})
            for group in groups:
                group[COUNT] = now.numbers[self.name]

    def _write_values(self, groups: list[Group], now: Reading) -> None:
        """Write the planned values of one update into a state. It has the tensors of the optimizer itself."""
        number, lines = now.numbers[self.name], self.planned.block.lines
        amount = now.position.amount if number == now.position.t else now.last_amount
        values = values_at(lines, UpdateTimes(number, amount), now.states)
        for index, line, _ in by_group(lines):
            if index < len(groups) and not isinstance(line.field.read(groups[index]), torch.Tensor):
                line.field.fill(groups[index], values[index, line.field.slot])

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        self.adopted = self.resume.before_load(self.run, self.name, state, optimizer.param_groups)
        if self.adopted is not None:
            all_groups = {name: one.bound for name, one in self.run.members.items()}
            all_groups[self.name] = state["param_groups"]
            warn_of_changed_functions(self.adopted.carried, all_groups, self.name, self.resume.processes)
            self._report(self.adopted, optimizer.param_groups, state["param_groups"], state.get("state"))
        self.before = list(optimizer.param_groups)

    def _report(self, adopted: Adopted, present: list[Group], groups: list[Group], states: Any) -> None:
        """Warn of what the load probably does not mean, before anything is written."""
        names = [[one.get("name") for one in mine] for mine in (groups, present)]
        if names[0] != names[1] and None not in (*names[0], *names[1]):
            saved, own = (", ".join(map(str, mine[:_NAMES])) for mine in names)
            found = (
                f"the groups of the checkpoint are {saved}, those of the optimizer {own}: torch loads them by their "
                "order, also their names"
            )
            advice = "Construct the optimizer with its groups in the order of the checkpoint"
            self.resume.processes.warn(Problem(found=found, advice=advice))
        taken = None if adopted.carried.count else updates_in_states(states)  # reads tensors
        self.resume.report(self.run, {self.name: adopted}, {self.name: groups}, taken)

    def after_load(self, optimizer: Any) -> None:
        before, self.before, adopted, self.adopted = self.before, [], self.adopted, None
        groups = optimizer.param_groups
        if adopted is None:  # the load is not torch's own: the state had other groups
            adopted = self.resume.loading(self.run, self.name, groups)
            self._report(adopted, groups, groups, optimizer.state)
        keep_tensors(((index, line.field) for line in adopted.lines for index in line.groups), before, groups)
        self.resume.after_load(self.run, {self.name: adopted}, {self.name: groups})
        note_changed_plan(self.run)

    @property
    def position(self) -> RunPosition:
        """The position of the optimizer in its run."""
        return self.run.position_at(self.planned.clock.t)


@final
@dataclass(frozen=True, slots=True)
class WrittenStates:
    """Loads the states that other code writes into the groups of an optimizer, without its hooks.

    The groups reference it, so it must not keep the run alive.
    """

    run: "ref[Run]"
    name: str
    resume: Resume

    def load(self, groups: list[Group]) -> None:
        """Resume from what the groups carry, as after `load_state_dict`.

        Raises:
            StateError: the record is not that of the count in the groups, so other values may be of other updates, too.
        """
        run = self.run()
        if run is None:
            return
        # Those of the other optimizers, too, because a load moves them, and that changes their counts.
        found = {self.name: groups}
        found |= {name: one.bound for name, one in run.members.items() if one.bound and has_written(one, one.bound)}
        loaded = {name: self.resume.checked(run, name, mine) for name, mine in found.items()}
        if part := next((one.carried for one in loaded.values() if not one.carried.is_complete), None):
            raise StateError(
                f"the groups have the count {shown(part.count)} and the record of another update: other code wrote a "
                "part of a checkpoint into them. Call optimizer.load_state_dict(state), or construct the Scheduler "
                "after the load"
            )
        clock = run.clock
        position, reported, is_measured = (clock.t, clock.amount), clock.reported, clock.is_measured
        self.resume.report(run, loaded, found)
        self.resume.after_load(run, loaded, found)
        if reported is not None and (clock.t, clock.amount) == position:  # for the coming update, after the write
            clock.reported, clock.is_measured = reported, is_measured
        note_changed_plan(run)


def warn_of_changed_functions(
    carried: Carried, groups: Mapping[str, list[Group]], name: str, processes: Processes
) -> None:
    """Warn of values in a checkpoint that the user's own shapes in its plan do not return; as `changed_function`."""
    saved = None if carried.state is None else carried.state.in_force
    if saved is None or not any(has_own_shape(one.schedule) for one in saved.resolved.bindings):
        return
    from paramsched.core.run.changed_functions import changed_function

    problem = changed_function(carried, groups, name)
    if problem is not None:
        processes.warn(problem)


def hooks_on(optimizer: Any) -> PlanHooks | None:
    """Return the hooks that an earlier Scheduler registered on an optimizer, or None."""
    for hook in getattr(optimizer, "_optimizer_load_state_dict_post_hooks", {}).values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, PlanHooks):
            return owner
    return None


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
            'Use Scheduler(…, drive="manual") and call scheduler.step() after each update'
            if inner is None
            else f"Write ps.Scheduler(optimizer.{inner}, plan)",
        )


def _fires_hooks(optimizer: Any) -> bool:
    return isinstance(optimizer, Optimizer) and bool(getattr(type(optimizer).step, "hooked", False))
