"""The hooks of an optimizer: its steps and checkpoints, and the capture of steps into CUDA graphs."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeGuard, final

import torch
from torch.optim import Optimizer

from paramsched.core.calls.checked_calls import shortened
from paramsched.core.groups.fields import RECORD, recorded_bases
from paramsched.core.plan.lines import bases_of
from paramsched.core.plan.optimizers import errors_of
from paramsched.core.run import steps as updates
from paramsched.core.run.attached import FUNCTIONS_OF_UPDATE, AttachedOptimizer
from paramsched.core.run.group_entries import COUNT, INITIAL_LR, GroupDict
from paramsched.core.run.messages import hooks as messages
from paramsched.core.run.messages.arguments import step_calls_no_hooks
from paramsched.core.run.messages.records import other_record
from paramsched.core.run.record import RestoredOptimizer
from paramsched.core.run.resume import checked_restored, load_groups, restored_optimizer
from paramsched.core.run.run import Run
from paramsched.core.run.saving import record_of
from paramsched.core.run.several import SharedUpdates
from paramsched.core.run.steps import CAN_CAPTURE, DynamicUpdate, UpdateHooks, mark_uncompiled
from paramsched.core.run.value_table import FUNCTIONS_OF_WRITES, LR, keep_tensors
from paramsched.errors import ParamschedError


def refuse_uncounted(optimizer: Any) -> None:
    """Raise for a captured step that the Scheduler would count."""
    raise messages.capture_is_not_counted(optimizer)


@final
class CaptureHook:
    """Refuses to capture a step of an optimizer whose updates are counted by hand, if the graph would keep a value.

    Args:
        attached: the optimizer.
    """

    def __init__(self, attached: AttachedOptimizer) -> None:
        self._attached = attached

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
        attached = self._attached
        kept = {
            str(line.field): None
            for line in attached.table.lines
            for index in line.groups
            if line.schedule.planned.held != 0 and not _is_on_device(line.field.read(attached.bound.groups[index]))
        }
        if kept:
            raise messages.capture_keeps_values(optimizer, kept)


def _is_on_device(entry: Any) -> bool:
    return isinstance(entry, torch.Tensor) and entry.device.type == "cuda"


@final
class PlanHooks:
    """The hooks on the checkpoints of an optimizer; `attach` also registers those on its steps (`UpdateHooks`).

    Args:
        run: the run.
        attached: the optimizer.
    """

    def __init__(self, run: Run, attached: AttachedOptimizer) -> None:
        self.run = run
        self.attached = attached
        self._replaced: list[GroupDict] = []  # the groups that the state which is being loaded replaces
        self._restored: RestoredOptimizer | None = None  # what that state restores

    def attach(self, optimizer: Any) -> None:
        """Register the hooks on the optimizer."""
        attached = self.attached
        attached.load_written = partial(_load_written, self.run, attached.name)
        if not isinstance(optimizer, Optimizer):
            return  # driven by hand; it has no hooks, and torch has not imported its compiler for it
        handles = attached.handles
        # Do not compile the functions that run at every update: torch would recompile the step for each value
        # (docs/contributing/decisions.md).
        mark_uncompiled(*FUNCTIONS_OF_UPDATE, *FUNCTIONS_OF_WRITES, SharedUpdates.after_driving_step)
        handles.append(DynamicUpdate())
        if self.run.arguments.drive != "manual":
            hooks = UpdateHooks(
                attached.before_update, self._after_step(), attached.is_unchanged, attached.has_own_lr, refuse_uncounted
            )
            handles += hooks.register_on(optimizer)
        elif CAN_CAPTURE:
            handles += CaptureHook(attached).register_on(optimizer)
        handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
        handles.append(optimizer.register_state_dict_post_hook(self.after_state_dict))
        handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
        handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def _after_step(self) -> Callable[[Any], None]:
        """Return what counts a step of the optimizer."""
        drive = self.run.arguments.drive
        if drive == "optimizer":
            return self.attached.after_step
        shared = self.run.shared
        if drive != self.attached.name or shared is None:
            return _count_nothing
        return partial(shared.after_driving_step, self.attached)

    def before_state_dict(self, optimizer: Any) -> None:
        """Bind groups that were added or replaced."""
        if optimizer.param_groups:
            self.attached.sync_for_checkpoint(optimizer.param_groups)

    def after_state_dict(self, _optimizer: Any, state: dict[str, Any]) -> None:
        """Write the record and the count into the state, not into the groups: a compiled step guards their entries."""
        groups = state.get("param_groups")
        attached = self.attached
        if groups and attached.bound:
            for observer in self.run.state.observers:
                observer.saved(attached.t)
            record = record_of(self.run) | {"bases": recorded_bases(groups[0])}
            external = _external_fields(attached, groups)
            if external:
                record["external"] = external
            groups[0][RECORD] = json.dumps(record)
            for group in groups:
                group[COUNT] = attached.t

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        """Compute what a state restores before torch writes anything.

        Raises:
            ParamschedError: the run cannot resume from the state.
        """
        present = optimizer.param_groups
        self._replaced = list(present)
        self._restored = None
        groups = state.get("param_groups") if isinstance(state, dict) else None
        if not _can_be_loaded(groups, present):
            return  # torch raises
        try:
            if self.attached.bound.differ_from(present):
                self.attached.note_code_bases(present)
            self._restored = checked_restored(self.run, self.attached, groups, present=present)
        except ParamschedError as error:
            raise shortened(error)  # noqa: B904  # the same error
        self._tell_loading(self._restored, groups, state.get("state"), present)

    def _tell_loading(
        self, restored: RestoredOptimizer, groups: list[GroupDict], states: Any, present: list[GroupDict]
    ) -> None:
        name = self.attached.name
        for observer in self.run.state.observers:
            observer.loading({name: restored}, self.run.groups() | {name: groups}, states, present)

    def after_load(self, optimizer: Any) -> None:
        """Continue from the state that torch has loaded."""
        replaced = self._replaced
        restored = self._restored
        self._replaced = []
        self._restored = None
        groups = optimizer.param_groups
        name = self.attached.name
        if restored is None:  # the load is not torch's own: the state had other groups
            restored = restored_optimizer(self.run, self.attached, groups)
            self._tell_loading(restored, groups, optimizer.state, groups)
        keep_tensors(((index, line.field) for line in restored.lines for index in line.groups), replaced, groups)
        load_groups(self.run, {name: restored}, {name: groups})


def _can_be_loaded(groups: Any, present: list[GroupDict]) -> TypeGuard[list[GroupDict]]:
    """Return whether torch can load some groups into those of an optimizer."""
    return isinstance(groups, list) and len(groups) == len(present) and all(isinstance(group, dict) for group in groups)


def _external_fields(attached: AttachedOptimizer, groups: list[GroupDict]) -> list[str]:
    """Return the flat names of the fields that other code has written, so that a load does not take it for an edit.

    Args:
        attached: the optimizer.
        groups: the groups in the state that is being saved.
    """
    table = attached.table
    bases = bases_of(table.lines)
    slots = {line.field.slot for line in table.lines if str(line.field) in attached.written_fields}
    slots |= table.differing_fields(attached.t, groups)
    for index, group in enumerate(groups):
        base = bases.get((index, LR.slot))
        if base is not None and group.get(INITIAL_LR, base) != base:
            slots.add(LR.slot)
    return sorted(slots)


def _count_nothing(_optimizer: Any) -> None:
    """Count nothing, after a step of an optimizer that does not drive the run."""


def _load_written(run: Run, name: str, groups: list[GroupDict]) -> None:
    """Resume from the state that other code wrote into the groups of an optimizer, without its hooks.

    Raises:
        StateError: the record is not that of the count in the groups, so other values may be of other updates, too.
    """
    # Those of the other optimizers, too, because a load moves them, and that changes their counts.
    written = {
        written_name: attached.bound.groups
        for written_name, attached in run.attached.items()
        if attached.bound and attached.bound.have_state(attached.bound.groups)
    } | {name: groups}
    loaded = {
        written_name: checked_restored(run, run.attached[written_name], written_groups)
        for written_name, written_groups in written.items()
    }
    for restored in loaded.values():
        if restored.saved.record is None:
            raise other_record(restored.saved.count)
    state = run.state
    before = state.position
    for observer in state.observers:
        observer.loading(loaded, run.groups() | written)
    load_groups(run, loaded, written)
    is_same = (state.t, state.amount) == (before.t, before.amount)
    if state.amounts is not None and before.reported is not None and is_same:  # for the coming update, after the write
        state.amounts.reported = before.reported
        state.amounts.is_measured = before.is_measured


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
    attributes = getattr(optimizer, "__dict__", {})
    inner = next((name for name, value in attributes.items() if _fires_hooks(value)), None)
    with errors_of(name):
        raise step_calls_no_hooks(optimizer, inner)


def _fires_hooks(optimizer: Any) -> bool:
    return isinstance(optimizer, Optimizer) and bool(getattr(type(optimizer).step, "hooked", False))
