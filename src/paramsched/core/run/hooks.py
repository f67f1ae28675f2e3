"""The hooks of an optimizer: its steps and checkpoints, and the capture of steps into CUDA graphs."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, final

import torch
from torch.optim import Optimizer

from paramsched.base.problem import Problem
from paramsched.core.fields import RECORD, recorded_bases
from paramsched.core.plan.lines import bases_of
from paramsched.core.plan.optimizers import errors_of
from paramsched.core.run import steps as updates
from paramsched.core.run.processes import Processes
from paramsched.core.run.record import Restored, SavedOptimizer, record_of
from paramsched.core.run.resume import Resume, changed_function, edits_since_save, problems_of_edits
from paramsched.core.run.run import FUNCTIONS_OF_UPDATE, Member, Run, has_written, sync_for_checkpoint
from paramsched.core.run.state import COUNT, INITIAL_LR, Group
from paramsched.core.run.steps import CAN_CAPTURE, DynamicCount, UpdateHooks, mark_uncompiled, updates_in_states
from paramsched.core.run.values import FUNCTIONS_OF_WRITES, LR, keep_tensors
from paramsched.core.schedules.own import has_own_shape
from paramsched.core.tracebacks import shortened
from paramsched.errors import InvalidArgument, ParamschedError, StateError, shown

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
        member: the optimizer.
    """

    def __init__(self, member: Member) -> None:
        self._member = member

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
        member = self._member
        kept = {
            str(line.field): None
            for line in member.rows.lines
            for index in line.groups
            if line.schedule.piece.held != 0 and not _is_on_device(line.field.read(member.bound[index]))
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
        member: the optimizer in its run.
        resume: handles the optimizer's own checkpoints.
    """

    def __init__(self, member: Member, resume: Resume) -> None:
        self.member, self.run, self.resume = member, member.run, resume
        self._replaced: list[Group] = []  # the groups that the state which is being loaded replaces
        self._restored: Restored | None = None  # what that state restores

    def attach(self, optimizer: Any) -> None:
        """Register the hooks on the optimizer."""
        self.member.load_written = partial(_load_written, self.run, self.member.name, self.resume)
        if not isinstance(optimizer, Optimizer):
            return  # driven by hand; it has no hooks, and torch has not imported its compiler for it
        run, member, handles = self.run, self.member, self.member.handles
        # Do not compile the functions that run at every update: torch would recompile the step for each value
        # (docs/contributing/decisions.md).
        mark_uncompiled(*FUNCTIONS_OF_UPDATE, *FUNCTIONS_OF_WRITES)
        handles.append(DynamicCount())
        if run.drive != "manual":
            after: Callable[[Any], None] = member.after_step
            if run.drive != "optimizer":
                after = member.after_driving_step if run.drive == member.name else _count_nothing
            hooks = UpdateHooks(member.before_update, after, member.is_unchanged, member.has_own_lr, refuse_uncounted)
            handles += hooks.register_on(optimizer)
        elif CAN_CAPTURE:
            handles += CaptureHook(member).register_on(optimizer)
        handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
        handles.append(optimizer.register_state_dict_post_hook(self.after_state_dict))
        handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
        handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def before_state_dict(self, optimizer: Any) -> None:
        """Bind groups that were added or replaced."""
        if optimizer.param_groups:
            sync_for_checkpoint(self.member, optimizer.param_groups)

    def after_state_dict(self, _optimizer: Any, state: dict[str, Any]) -> None:
        """Write the record and the count into the state, not into the groups: a compiled step guards their entries."""
        groups = state.get("param_groups")
        if groups and self.member.bound:
            count = self.run.saved_at = self.member.t
            record = record_of(self.run) | {"bases": recorded_bases(groups[0])}
            external = _external_fields(self.member, groups)
            if external:
                record["external"] = external
            groups[0][RECORD] = json.dumps(record)
            for group in groups:
                group[COUNT] = count

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        """Compute what a state restores, and report it, before torch writes anything."""
        name = self.member.name
        try:
            self._restored = self.resume.before_load(self.member, state, optimizer.param_groups)
        except ParamschedError as error:
            raise shortened(error)  # noqa: B904  # the same error
        if self._restored is not None:
            all_groups = {other: member.bound for other, member in self.run.members.items()}
            all_groups[name] = state["param_groups"]
            _warn_of_changes(self._restored, all_groups, self.member, self.resume.processes)
            self._report(self._restored, optimizer.param_groups, state["param_groups"], state.get("state"))
        self._replaced = list(optimizer.param_groups)

    def _report(self, restored: Restored, present: list[Group], groups: list[Group], states: Any) -> None:
        """Warn of what the load probably does not mean, before anything is written."""
        saved_names, own_names = ([group.get("name") for group in some] for some in (groups, present))
        if saved_names != own_names and None not in (*saved_names, *own_names):
            saved, own = (", ".join(map(str, names[:_NAMES])) for names in (saved_names, own_names))
            message = (
                f"the groups of the checkpoint are {saved}, those of the optimizer {own}: torch loads them by their "
                "order, also their names"
            )
            advice = "Construct the optimizer with its groups in the order of the checkpoint"
            self.resume.processes.warn(Problem(found=message, advice=advice))
        taken = None if restored.saved.count else updates_in_states(states)  # reads tensors
        self.resume.report(self.run, {self.member.name: restored}, {self.member.name: groups}, taken)

    def after_load(self, optimizer: Any) -> None:
        """Continue from the state that torch has loaded."""
        replaced, self._replaced, restored, self._restored = self._replaced, [], self._restored, None
        groups, name = optimizer.param_groups, self.member.name
        if restored is None:  # the load is not torch's own: the state had other groups
            restored = self.resume.loading(self.member, groups)
            all_groups = {other: member.bound for other, member in self.run.members.items()} | {name: groups}
            _warn_of_changes(restored, all_groups, self.member, self.resume.processes)
            self._report(restored, groups, groups, optimizer.state)
        keep_tensors(((index, line.field) for line in restored.lines for index in line.groups), replaced, groups)
        self.resume.after_load(self.run, {name: restored}, {name: groups})


def _external_fields(member: Member, groups: list[Group]) -> list[str]:
    """Return the flat names of the fields that other code has written, so that a load does not take it for an edit.

    Args:
        member: the optimizer.
        groups: the groups in the state that is being saved.
    """
    rows, bases = member.rows, bases_of(member.rows.lines)
    slots = {line.field.slot for line in rows.lines if str(line.field) in member.written_fields}
    slots |= rows.differing_fields(member.t, groups)
    for index, group in enumerate(groups):
        if (base := bases.get((index, LR.slot))) is not None and group.get(INITIAL_LR, base) != base:
            slots.add(LR.slot)
    return sorted(slots)


def _count_nothing(_optimizer: Any) -> None:
    """Count nothing, after a step of an optimizer that does not drive the run."""


def _load_written(run: Run, name: str, resume: Resume, groups: list[Group]) -> None:
    """Resume from the state that other code wrote into the groups of an optimizer, without its hooks.

    Raises:
        StateError: the record is not that of the count in the groups, so other values may be of other updates, too.
    """
    # Those of the other optimizers, too, because a load moves them, and that changes their counts.
    written = {
        other: member.bound
        for other, member in run.members.items()
        if member.bound and has_written(member, member.bound)
    } | {name: groups}
    loaded = {other: resume.checked(run.members[other], own) for other, own in written.items()}
    if partial := next((one.saved for one in loaded.values() if one.saved.state is None), None):
        raise StateError(
            f"the groups have the count {shown(partial.count)} and the record of another update: other code wrote a "
            "part of a checkpoint into them. Call optimizer.load_state_dict(state), or construct the Scheduler "
            "after the load"
        )
    all_groups = {other: member.bound for other, member in run.members.items()} | written
    for other, restored in loaded.items():
        _warn_of_changes(restored, all_groups, run.members[other], resume.processes)
    position, reported, is_measured = (run.t, run.amount), run.reported, run.is_measured
    resume.report(run, loaded, written)
    resume.after_load(run, loaded, written)
    if reported is not None and (run.t, run.amount) == position:  # for the coming update, after the write
        run.reported, run.is_measured = reported, is_measured


def _warn_of_changes(
    restored: Restored, groups: Mapping[str, list[Group]], member: Member, processes: Processes
) -> None:
    """Warn of values in a checkpoint that its record does not explain, and that the load overwrites."""
    saved, name = restored.saved, member.name
    warn_of_changed_functions(saved, groups, name, processes)
    edits = edits_since_save(saved, groups, name, restored.lines)
    for problem in problems_of_edits(edits, restored.scope.labels(groups[name])):
        processes.warn(problem)


def warn_of_changed_functions(
    saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str, processes: Processes
) -> None:
    """Warn of values in a checkpoint that the user's own shapes in its plan do not return; as `changed_function`."""
    in_force = None if saved.state is None else saved.state.in_force
    if in_force is None or not any(has_own_shape(binding.schedule) for binding in in_force.resolved.bindings):
        return
    problem = changed_function(saved, groups, name)
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
