"""Driver: the clock of one optimizer, and the hooks that move it.

The optimizer's hooks hold the driver; the driver holds no optimizer and no group, so that deleting an optimizer frees
its memory at once. A Scheduler is a handle: it may be dropped, the plan goes on.
"""

import warnings
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Protocol, final

import torch

from paramsched.feedback.base import MetricRule
from paramsched.fields import label
from paramsched.plan import Plan
from paramsched.scheduler import _columns, _updates
from paramsched.scheduler._keys import COUNT, PLAN, Group, base_key, remove
from paramsched.scheduler._slots import Slot, slots_of, values_at
from paramsched.scheduler._table import Table
from paramsched.scheduler._untraced import skip, untraced


class Loading(Protocol):
    """What happens when an optimizer's state is loaded: the policy of resuming, kept apart from the clock."""

    def before(self, driver: "Driver", state: dict[str, Any]) -> None:
        """Refuse what cannot be loaded, before anything is written."""

    def after(self, driver: "Driver", groups: list[Group]) -> None:
        """Take over what the groups carry now."""


@final
class Driver:
    """Counts the updates of one optimizer and writes what its plan says into the groups.

    Args:
        plan: as written; `resolved`: with its lengths in updates.
        number: of the plan, in the groups.
        loading: what to do when the optimizer's state is loaded.
    """

    def __init__(self, plan: Plan, resolved: Plan, number: int, loading: Loading) -> None:
        self.plan, self.resolved, self.number, self.loading = plan, resolved, number, loading
        self.t = 0
        self.states: dict[MetricRule[Any], Any] = {rule: rule.init() for rule in resolved.metric_rules}
        self.used = self.states  # as they were when the last update was taken
        self.source: str | None = None  # the checkpoint that the count came from, until the next update
        self.acknowledged = True  # whether an engine has called step() since the last update
        self.table = Table(resolved, (), [])
        self._depth = 0
        self._groups = 0
        self._marked: Any = itemgetter(COUNT, PLAN)
        self._mark: tuple[Any, ...] = ()
        self._foreign: tuple[Slot, Any, Any] | None = None
        self._warned = False
        self._handles: list[Any] = []
        self.released = False

    # ------------------------------------------------------------------ binding and writing

    def bind(self, groups: list[Group], slots: tuple[Slot, ...]) -> None:
        """Take these slots, note count and bases in the groups, and write the values of the current update."""
        table = Table(self.resolved, slots, groups)
        table.own(groups)
        self.table, self._groups = table, len(groups)
        for slot in slots:
            groups[slot.group][base_key(slot.field)] = slot.base
        self.note(groups)
        self.rewrite(groups)

    def note(self, groups: list[Group]) -> None:
        """Write count and plan into every group."""
        for group in groups:
            group[COUNT], group[PLAN] = self.t, self.number

    def rewrite(self, groups: list[Group]) -> None:
        """Compute and write the values of the current update."""
        self.table.seek(self.t, self.states)
        self.table.own(groups)
        self.table.write(groups)
        groups[0][COUNT] = self.t
        self._remember(groups)

    def _remember(self, groups: list[Group]) -> None:
        """Note what the first group holds: count, plan, scheduled entries, and last its lr."""
        keys = dict.fromkeys(slot.field.key for slot in self.table.slots if slot.group == 0)
        self._marked = itemgetter(COUNT, PLAN, *keys, *(["lr"] if "lr" in groups[0] else []))
        self._mark = self._marked(groups[0])

    def seek(self, groups: list[Group], t: int) -> None:
        self.t, self.source, self.acknowledged = t, None, True
        self.note(groups)
        self.rewrite(groups)

    def advance(self, groups: list[Group]) -> None:
        """One update has happened: write the values of the next."""
        self.used = self.states
        self.t = t = self.t + 1
        try:
            self.table.write(groups)
        except StopIteration:
            untraced(Driver._refill)(self, groups)
        first = groups[0]
        first[COUNT] = t
        self.acknowledged, self.source = False, None
        self._mark = self._marked(first)

    def _refill(self, groups: list[Group]) -> None:
        self._look_at_all(groups)
        self.table.seek(self.t, self.states, on=True)
        self.table.own(groups)
        self.table.write(groups)

    def values(self, t: int | None = None) -> Iterator[tuple[Slot, float]]:
        """Each slot's value at an update (the current one), from the one evaluator."""
        now = values_at(self.table.slots, self.t if t is None else t, self.states if t is None else self.used)
        return zip(self.table.slots, now, strict=True)

    # ------------------------------------------------------------------ hooks

    def attach(self, optimizer: Any, *, step: bool) -> None:
        """Register the hooks; `step` where the optimizer's own step drives the clock."""
        skip(Driver.before_step, Driver.after_step, Driver.advance, *_columns.one_of_each())
        if step:
            self._handles.append(optimizer.register_step_pre_hook(self.before_step))
            self._handles.append(optimizer.register_step_post_hook(self.after_step))
        if isinstance(optimizer, torch.optim.Optimizer):
            self._handles.append(optimizer.register_state_dict_pre_hook(self.before_state_dict))
            self._handles.append(optimizer.register_load_state_dict_pre_hook(self.before_load))
            self._handles.append(optimizer.register_load_state_dict_post_hook(self.after_load))

    def release(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.released = True

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Bind groups that came since; notice what someone else wrote. Writes nothing else: see `_updates.is_hidden`."""
        if self._depth and untraced(_updates.depth_of_calls)(optimizer) > 1:
            self._depth += 1
            return
        self._depth = 1  # also after a step that raised, whose post-hook never came
        groups = optimizer.param_groups
        try:
            # Count, plan and scheduled entries of the first group in one look; identical ones are not compared.
            if self._marked(groups[0]) == self._mark and len(groups) == self._groups:
                return
        except KeyError:
            pass
        untraced(Driver._look)(self, groups)

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Count the update, if it was one, and write the values of the next."""
        if self._depth > 1:
            self._depth -= 1
            return
        self._depth = 0
        groups = optimizer.param_groups
        if "found_inf" in optimizer.__dict__ and untraced(_updates.skipped_by_scaler)(optimizer):
            return
        lr = groups[0].get("lr")
        if (lr.__class__ is not float or not lr) and untraced(Driver._is_hidden)(self, groups):
            self._foreign = None
            return
        if self._foreign is not None:
            untraced(Driver._warn_foreign)(self, groups)
        self.advance(groups)

    def before_state_dict(self, optimizer: Any) -> None:
        self.note(optimizer.param_groups)

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        del optimizer
        self.loading.before(self, state)

    def after_load(self, optimizer: Any) -> None:
        self.loading.after(self, optimizer.param_groups)

    # ------------------------------------------------------------------ what others did

    def _look(self, groups: list[Group]) -> None:
        """Something in the first group, or the number of groups, is not as it was left."""
        first = groups[0]
        if len(groups) != self._groups or first.get(COUNT) != self.t or first.get(PLAN) != self.number:
            self._adopt(groups)
            return
        for slot, planned in self.values():
            if slot.group == 0:
                found = slot.field.read(first)
                ours = self.table.holds(slot, found)
                if not ours and (isinstance(found, torch.Tensor) or found != planned):
                    self._foreign = (slot, found, planned)

    def _adopt(self, groups: list[Group]) -> None:
        """Groups came, went, or were exchanged: bind them anew, and write only into those that need it."""
        slots = slots_of(self.resolved, groups)
        strange = {index for index, group in enumerate(groups) if COUNT not in group or group.get(PLAN) != self.number}
        for slot in slots:
            groups[slot.group][base_key(slot.field)] = slot.base
        self.note(groups)
        if strange:
            late = Table(self.resolved, tuple(slot for slot in slots if slot.group in strange), groups, targets=False)
            late.seek(self.t, self.states)
            late.own(groups)
            late.write(groups)
        self.table, self._groups = Table(self.resolved, slots, groups), len(groups)
        self.table.own(groups)
        self.table.seek(self.t + 1, self.states)
        self._remember(groups)

    def _look_at_all(self, groups: list[Group]) -> None:
        """Before a block is computed, look at every group, not only at the first."""
        if any(COUNT not in group or group.get(PLAN) != self.number for group in groups):
            self._adopt(groups)
        for slot, planned in self.values(self.t - 1):
            found = slot.field.read(groups[slot.group])
            if not isinstance(found, torch.Tensor) and found != planned:
                self._foreign = (slot, found, planned)
                self._warn_foreign(groups)
                return

    def _is_hidden(self, groups: list[Group]) -> bool:
        lr = groups[0].get("lr")
        if isinstance(lr, torch.Tensor):
            if lr is self._mark[-1]:
                return False  # our own tensor: looking at its value would synchronise the device
        elif lr != 0:
            return False
        return _updates.is_hidden(groups)

    def _warn_foreign(self, groups: list[Group]) -> None:
        assert self._foreign is not None
        (slot, found, mark), self._foreign = self._foreign, None
        if self._warned:
            return
        self._warned = True
        warnings.warn(
            f"{slot.field} of group {label(groups[slot.group], slot.group)!r} was {found!r} instead of the planned "
            f"{mark!r}: something else wrote it. It was used for one update; the plan goes on. To change a value for good, "
            "change the plan.",
            stacklevel=2,
        )

    def remove_from(self, groups: list[Group]) -> None:
        """Leave no trace."""
        self.release()
        self.table.give_back(groups)
        remove(groups)
