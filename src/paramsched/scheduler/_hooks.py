"""The hooks on one optimizer: they have the values of the next update written, and follow its checkpoints.

The hooks hold the groups and the plan. The optimizer holds the hooks, and they do not hold it: deleting an optimizer
frees its memory at once. A Scheduler is a handle. It may be dropped; the plan goes on.
"""

from collections.abc import Callable
from typing import Any, Protocol, final

import torch

from paramsched.scheduler._compile import expect_changing_number, mark_uncompiled
from paramsched.scheduler._group_keys import AMOUNT, COUNT, Group, remove_entries
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.scheduler._tensor_slots import TensorSlots
from paramsched.scheduler._tuple_checks import ScheduledTuples
from paramsched.scheduler._value_block import ValueBlock
from paramsched.scheduler._watch_groups import GroupWatch
from paramsched.scheduler._writers import one_of_each
from paramsched.scheduler.updates import UpdateHooks


class StateLoading(Protocol):
    """What happens when the optimizer's own state is loaded: the policy of resuming."""

    def before_load(self, planned: PlannedGroups, state: dict[str, Any], count: int) -> None:
        """Refuse what cannot be loaded into so many groups, before anything is written."""

    def after_load(self, planned: PlannedGroups, groups: list[Group]) -> None:
        """Take over what the groups carry now."""


@final
class PlanHooks:
    """The hooks that a Scheduler leaves on its optimizer.

    Args:
        planned: the groups, and the plan that writes them.
        loading: what to do when the optimizer's state is loaded.
    """

    def __init__(self, planned: PlannedGroups, loading: StateLoading) -> None:
        self.planned, self.loading = planned, loading
        self.scheduler: Callable[[], object] = _nobody  # the Scheduler, if someone holds it still
        self.released = False
        self._handles: list[Any] = []

    def attach(self, optimizer: Any, *, step: bool) -> None:
        """Register the hooks; `step` where the optimizer's own step moves the clock."""
        planned = self.planned
        # All that runs at every update, so that a compiled step is not compiled anew for each value: decision 005.
        mark_uncompiled(
            GroupWatch.as_left, GroupWatch.any_tuple_spoiled, PlannedGroups.before_update, PlannedGroups.advance,
            ScheduledTuples.any_spoiled, ValueBlock.fill_count, ValueBlock.views_replaced, TensorSlots.views_replaced,
            *one_of_each(),
        )  # fmt: skip
        expect_changing_number(COUNT)
        if planned.source is not None:
            expect_changing_number(AMOUNT)
        if step:
            hooks = UpdateHooks(planned.before_update, planned.advance, planned.watch.as_left)
            self._handles += hooks.register_on(optimizer)
        if isinstance(optimizer, torch.optim.Optimizer):
            self._handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
            self._handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
            self._handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def before_state_dict(self, optimizer: Any) -> None:
        """Write count and plan into every group: at an update only the first one gets the count."""
        if optimizer.param_groups:
            self.planned.sync(optimizer.param_groups)
            self.planned.note(optimizer.param_groups)

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        self.loading.before_load(self.planned, state, len(optimizer.param_groups))

    def after_load(self, optimizer: Any) -> None:
        self.loading.after_load(self.planned, optimizer.param_groups)

    def release(self) -> None:
        """Take the hooks off. Values and entries stay in the groups."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.planned.watch.bound = []
        self.released = True

    def remove_from(self, groups: list[Group]) -> None:
        """Take the hooks off, and every trace out of the groups; values stay."""
        self.release()
        self.planned.block.remove_views(groups)
        remove_entries(groups)


def hooks_on(optimizer: Any) -> PlanHooks | None:
    """The hooks that an earlier Scheduler left on an optimizer."""
    for hook in getattr(optimizer, "_optimizer_load_state_dict_post_hooks", {}).values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, PlanHooks):
            return owner
    return None


def _nobody() -> None:
    return None
