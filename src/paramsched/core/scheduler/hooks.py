"""The hooks that a run leaves on an optimizer.

They write the values of the next update and follow the optimizer's checkpoints. They reference the groups and the plan.
The optimizer references the hooks, but not the reverse: deleting an optimizer frees its memory at once. A Scheduler is
only a handle. If it is deleted, the plan continues.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

from torch.optim import Optimizer

from paramsched.core.plan.optimizers import errors_of
from paramsched.core.scheduler.block import FloatColumn, TensorColumn, ValueBlock
from paramsched.core.scheduler.captures import CaptureHook, refuse_uncounted
from paramsched.core.scheduler.group_keys import AMOUNT, COUNT, Group
from paramsched.core.scheduler.rebinding import sync_for_checkpoint
from paramsched.core.scheduler.resume import Resume
from paramsched.core.scheduler.run import Run, Wrapper
from paramsched.core.scheduler.run_state import RunPosition, position_carried
from paramsched.core.scheduler.steps import Steps, check_amount
from paramsched.core.scheduler.updates import CAN_CAPTURE, UpdateHooks, expect_changing_number, mark_uncompiled
from paramsched.core.scheduler.writes import AT_EACH_UPDATE, keep_tensors
from paramsched.errors import InvalidArgument


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

    def attach(self, optimizer: Any, wrap: Wrapper) -> None:
        """Register the hooks on the optimizer; `wrap` wraps the function that counts its updates."""
        if not isinstance(optimizer, Optimizer):
            return  # driven by hand; it has no hooks, and torch has not imported its compiler for it
        run, planned, handles = self.run, self.planned, self.run.handles
        # Do not compile the functions that run at every update: torch would recompile the step for each value
        # (docs/decisions/005-hooks-that-cost-nothing.md).
        mark_uncompiled(
            Steps.is_unchanged, Steps.has_own_lr, Steps.before_update, Steps.advance, check_amount,
            FloatColumn.any_tuple_spoiled, ValueBlock.any_tuple_spoiled, ValueBlock.fill_count, ValueBlock.note_fills,
            ValueBlock.tensors_changed, ValueBlock.views_replaced, TensorColumn.views_replaced, *run.driver.uncompiled,
            *AT_EACH_UPDATE,
        )  # fmt: skip
        expect_changing_number(COUNT)
        if planned.consumption is not None:
            expect_changing_number(AMOUNT)
        if run.drive != "manual":
            steps = Steps(planned)
            after = wrap(run.driver.after_step(run, self.name, steps))
            hooks = UpdateHooks(steps.before_update, after, steps.is_unchanged, steps.has_own_lr, refuse_uncounted)
            handles += hooks.register_on(optimizer)
        elif CAN_CAPTURE:
            handles += CaptureHook(planned).register_on(optimizer)
        handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
        handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
        handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def before_state_dict(self, optimizer: Any) -> None:
        """Write the count and the plan's number into every group; an update writes them into the first group only."""
        if optimizer.param_groups:
            groups = sync_for_checkpoint(self.planned, optimizer.param_groups)
            self.planned.write_position(groups, self.run.samples())

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        self.resume.before_load(self.run, self.name, state, optimizer.param_groups)
        self.before = list(optimizer.param_groups)

    def after_load(self, optimizer: Any) -> None:
        before, self.before = self.before, []
        groups = optimizer.param_groups
        keep_tensors(((slot.group, slot.field) for slot in self.planned.slots(groups)), before, groups)
        self.resume.after_load(self.run, self.name, optimizer)

    @property
    def position(self) -> RunPosition:
        """The position of the optimizer in its run."""
        return self.run.position_at(self.planned.clock.t)


def hooks_on(optimizer: Any) -> PlanHooks | None:
    """Return the hooks that an earlier Scheduler registered on an optimizer, or None."""
    for hook in getattr(optimizer, "_optimizer_load_state_dict_post_hooks", {}).values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, PlanHooks):
            return owner
    return None


@final
@dataclass(frozen=True, slots=True)
class Found:
    """What a start finds on the optimizers.

    Args:
        groups: the groups of each optimizer, by name.
        before: the hooks of earlier Schedulers.
        counts: the number of updates that each optimizer carries; it lacks those without a count.
        numbers: the update of the next step of each optimizer.
    """

    groups: Mapping[str, list[Group]]
    before: Mapping[str, PlanHooks]
    counts: Mapping[str, int]
    numbers: Mapping[str, int]

    @property
    def t(self) -> int:
        """The update of the run."""
        return max(self.numbers.values())

    def positions(self, unit: str | None) -> dict[str, RunPosition]:
        """Return the positions that optimizers carry, on the clock `unit`."""
        return {name: _carried(self.before.get(name), self.groups[name], unit) for name in self.counts}


def _carried(before: PlanHooks | None, groups: list[Group], unit: str | None) -> RunPosition:
    """Return the position that an optimizer has from its earlier Scheduler, or carries in its groups."""
    if before is not None:
        position = replace(before.position, samples=before.run.samples())
        return position if before.planned.in_force.unit == unit else RunPosition(position.t, samples=position.samples)
    return position_carried(groups, unit)


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
