"""Driver: the clock of one optimizer, and the hooks that move it.

The optimizer's hooks hold the driver, and the driver does not hold the optimizer, so that deleting an optimizer frees
its memory at once. A Scheduler is a handle: it may be dropped, the plan goes on.
"""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Protocol, final

import torch

from paramsched.feedback.base import MetricRule
from paramsched.fields import label
from paramsched.plan import Plan
from paramsched.scheduler import _columns, _updates
from paramsched.scheduler._keys import COUNT, PLAN, Group, base_key, number_of, remove
from paramsched.scheduler._slots import Slot, slots_of, values_at
from paramsched.scheduler._table import Table
from paramsched.scheduler._untraced import skip, untraced
from paramsched.scheduler._warn import warn
from paramsched.time import Calendar


class Loading(Protocol):
    """What happens when an optimizer's state is loaded: the policy of resuming, kept apart from the clock."""

    def before(self, driver: "Driver", state: dict[str, Any], groups: int) -> None:
        """Refuse what cannot be loaded, before anything is written."""

    def after(self, driver: "Driver", groups: list[Group]) -> None:
        """Take over what the groups carry now."""


@final
class Driver:
    """Counts the updates of one optimizer and writes what its plan says into the groups.

    Args:
        plan: as written; `resolved`: with its lengths in updates, by the facts of `calendar`.
        loading: what to do when the optimizer's state is loaded.
    """

    def __init__(self, plan: Plan, resolved: Plan, calendar: Calendar, loading: Loading) -> None:
        self.follow(plan, resolved, calendar)
        self.loading = loading
        self.t = 0
        self.states: dict[MetricRule[Any], Any] = {rule: rule.init() for rule in resolved.metric_rules}
        # Each of these holds at one update only, so that no update has to take it back.
        self._used: tuple[int, dict[MetricRule[Any], Any]] = -1, {}  # states that the last update did not have yet
        self._source: tuple[int, str | None] = -1, None  # the checkpoint that the count came from
        self._acknowledged = 0  # where an engine last called step()
        self.table = Table(resolved, (), [])
        self.released = False
        self._known: list[Group] = []  # the groups as they were bound: looked at, never read or written
        self._depth = 0
        self._marked: Any = itemgetter(COUNT, PLAN)
        self._mark: tuple[Any, ...] = ()
        self._watched, self._version = False, 0
        self._tensor = False  # whether lr is one: looking at its value would synchronise the device
        self._usual = False  # whether the update that is on found its first group as it was left, and lr not 0
        self._foreign: tuple[Slot, Any, Any] | None = None
        self._warned = False
        self._handles: list[Any] = []

    # ------------------------------------------------------------------ binding and writing

    def follow(self, plan: Plan, resolved: Plan, calendar: Calendar) -> None:
        """Take this plan from now on; what was bound before is still to be bound anew."""
        self.plan, self.resolved, self.calendar = plan, resolved, calendar
        self.number = number_of(plan, resolved)

    def bind(self, groups: list[Group], table: Table) -> None:
        """Take a table that is at the current update: note count and bases in the groups, and write its values."""
        self.table = table
        for slot in table.slots:
            groups[slot.group][base_key(slot.field)] = slot.base
        table.own(groups)
        table.write(groups)
        self.note(groups)
        self._remember(groups)

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
        self._remember_values(groups)

    def _remember(self, groups: list[Group]) -> None:
        """Note what the first group holds: count, plan, scheduled entries, and last its lr."""
        first, self._known = groups[0], list(groups)
        keys = dict.fromkeys(slot.field.key for slot in self.table.slots if slot.group == 0)
        looked_at = [COUNT, PLAN, *keys, *(["lr"] if "lr" in first else [])]
        self._marked = itemgetter(*looked_at)
        self._tensor = isinstance(first.get("lr"), torch.Tensor)
        self._watched = bool(self.table.watched)
        self._remember_values(groups)

    def _remember_values(self, groups: list[Group]) -> None:
        self._mark = self._marked(groups[0])
        self._version = self.table.version()

    def seek(self, groups: list[Group], t: int) -> None:
        self.table.seek(t, self.states)  # what cannot be computed is refused before anything is written
        self.stand_at(t)
        self.table.own(groups)
        self.table.write(groups)
        self.note(groups)
        self._remember_values(groups)

    def advance(self, groups: list[Group]) -> None:
        """One update has happened: write the values of the next."""
        self.t = t = self.t + 1
        try:
            self.table.write(groups)
        except StopIteration:
            untraced(Driver._refill)(self, groups)
        first = groups[0]
        first[COUNT] = t
        self._mark = self._marked(first)
        if self._watched:
            self._version = self.table.version()

    def _refill(self, groups: list[Group]) -> None:
        self._look_at_all(groups)
        self.table.seek(self.t, self.states, on=True)
        self.table.own(groups)
        self.table.write(groups)

    def values(self, t: int | None = None) -> Iterator[tuple[Slot, float]]:
        """Each slot's value at an update (the current one), from the one evaluator."""
        now = values_at(self.table.slots, self.t if t is None else t, self.states if t is None else self.used)
        return zip(self.table.slots, now, strict=True)

    # ------------------------------------------------------------------ where it stands

    def stand_at(self, t: int, source: str | None = None) -> None:
        """Go to an update without taking it, for a checkpoint's sake or by `seek`."""
        self.t, self._source, self._used = t, (t, source), (-1, {})
        self.acknowledge()

    def acknowledge(self) -> None:
        """An engine has called step()."""
        self._acknowledged = self.t

    def unacknowledge(self) -> None:
        """A copy of a scheduler whose engine had not called step() yet."""
        self._acknowledged = -1

    @property
    def acknowledged(self) -> bool:
        """Whether it has since the last update."""
        return self._acknowledged == self.t

    @property
    def source(self) -> str | None:
        """The checkpoint that the count came from, until the next update."""
        at, source = self._source
        return source if at == self.t else None

    def change(self, states: dict[MetricRule[Any], Any]) -> None:
        """Metric rules have reacted; what the last update used is kept until the next."""
        if self._used[0] != self.t:
            self._used = self.t, self.states
        self.states = states

    @property
    def used(self) -> dict[MetricRule[Any], Any]:
        """The states of the metric rules when the last update was taken."""
        at, states = self._used
        return states if at == self.t else self.states

    # ------------------------------------------------------------------ hooks

    def attach(self, optimizer: Any, *, step: bool) -> None:
        """Register the hooks; `step` where the optimizer's own step drives the clock."""
        skip(Driver.before_step, Driver.after_step, Driver.advance, Table.version, *_columns.one_of_each())
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
        self._known = []
        self.released = True

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Bind groups that came since, notice foreign values. Writes nothing else: see `_updates.is_hidden`."""
        if self._depth and untraced(_updates.depth_of_calls)(optimizer) > 1:
            self._depth += 1
            return
        self._depth = 1  # also after a step that raised, whose post-hook never came
        groups = optimizer.param_groups
        try:
            # Count, plan and scheduled entries of the first group in one look; identical ones are not compared further.
            if self._marked(groups[0]) == self._mark and groups == self._known:
                self._usual = not self._watched or self.table.version() == self._version
                if self._usual:
                    return
        except (KeyError, RuntimeError, ValueError):
            pass  # an entry is gone, or tensors of unlike shapes stand where others stood
        self._usual = False
        untraced(Driver._look)(self, groups)

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Count the update, if it was one, and write the values of the next."""
        if self._depth > 1 and untraced(_updates.depth_of_calls)(optimizer) > 1:
            self._depth -= 1
            return
        self._depth = 0
        if "found_inf" in optimizer.__dict__ and untraced(_updates.skipped_by_scaler)(optimizer):
            return
        groups = optimizer.param_groups
        if not (self._usual and (self._tensor or self._mark[-1])) and not untraced(Driver._was_update)(self, groups):
            return
        # What `advance` does, without the call.
        self.t = t = self.t + 1
        try:
            self.table.write(groups)
        except StopIteration:
            untraced(Driver._refill)(self, groups)
        first = groups[0]
        first[COUNT] = t
        self._mark = self._marked(first)
        if self._watched:
            self._version = self.table.version()

    def count(self, groups: list[Group]) -> None:
        """One update has happened that no hook saw."""
        self.sync(groups)
        self._look(groups)
        self.tell(groups)
        self.advance(groups)

    def before_state_dict(self, optimizer: Any) -> None:
        self.sync(optimizer.param_groups)
        self.note(optimizer.param_groups)

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        self.loading.before(self, state, len(optimizer.param_groups))

    def after_load(self, optimizer: Any) -> None:
        self.loading.after(self, optimizer.param_groups)

    # ------------------------------------------------------------------ what others did

    def sync(self, groups: list[Group]) -> None:
        """Bind groups that came, went or were exchanged since, if any."""
        if self._tampered(groups) or self._exchanged(groups):
            self._adopt(groups)

    def _exchanged(self, groups: list[Group]) -> bool:
        try:
            return groups != self._known
        except (RuntimeError, ValueError):  # tensors of unlike shapes stand where others stood
            return True

    def _tampered(self, groups: list[Group]) -> bool:
        """Whether someone put other entries into the first group, say those of a checkpoint."""
        first = groups[0]
        ours = bool(self._known) and first is self._known[0]
        return ours and (first.get(COUNT), first.get(PLAN)) != (self.t, self.number)

    def _look(self, groups: list[Group]) -> None:
        """Something in the groups may not be as it was left."""
        self._foreign = None
        if self._tampered(groups) or self._exchanged(groups):
            if not _updates.is_hidden(groups):  # there lr is 0 for the moment, which is no base
                self._adopt(groups)
            return
        by_hand = self.table.version() != self._version
        for slot, planned in self.values():
            if slot.group == 0 or by_hand:
                found = slot.field.read(groups[slot.group])
                ours = self.table.holds(slot, found)
                if (not ours or by_hand) and not _equal(found, planned):
                    self._foreign = (slot, found, planned)
                    return

    def _was_update(self, groups: list[Group]) -> bool:
        """Whether a step that was not quite usual counts; tells of what someone else wrote before it."""
        lr = groups[0].get("lr")
        # Looking at the value of our own tensor would synchronise the device.
        ours = isinstance(lr, torch.Tensor) and lr is self._mark[-1]
        if not ours and lr is not None and _updates.is_hidden(groups):
            return False
        if not self._usual:
            self.tell(groups)
        return True

    def tell(self, groups: list[Group]) -> None:
        """Tell of what someone else wrote before this update, and let the groups hold their own tensors again."""
        if self._foreign is not None:
            self._warn_foreign(groups)
            self.table.own(groups)

    def _adopt(self, groups: list[Group]) -> None:
        """Groups came, went, or were exchanged: bind them anew, and write only into those that need it."""
        slots = slots_of(self.resolved, groups)
        before = {} if self._tampered(groups) else _by_group(self.table.slots, self._known)
        now = _by_group(slots, groups)
        strange = {
            index
            for index, group in enumerate(groups)
            if COUNT not in group or group.get(PLAN) != self.number or before.get(id(group)) != now[id(group)]
        }
        mine = tuple(slot for slot in slots if slot.group in strange)
        late = prepared(self.resolved, mine, groups, self.t, self.states, targets=False)
        for slot in slots:
            groups[slot.group][base_key(slot.field)] = slot.base
        late.own(groups)
        late.write(groups)
        self.note(groups)
        self.table = prepared(self.resolved, slots, groups, self.t + 1, self.states)
        self.table.own(groups)
        self._remember(groups)

    def _look_at_all(self, groups: list[Group]) -> None:
        """Before a block is computed, look at every group, not only at the first."""
        found = self.table.foreign(groups)
        if found is not None:
            slot, entry, planned = found
            if planned is None:
                planned = next(value for one, value in self.values(self.t - 1) if one is slot)
            self._foreign = (slot, entry, planned)
            self._warn_foreign(groups)

    def _warn_foreign(self, groups: list[Group]) -> None:
        assert self._foreign is not None
        (slot, found, planned), self._foreign = self._foreign, None
        if self._warned:
            return
        self._warned = True
        warn(
            f"{slot.field} of group {label(groups[slot.group], slot.group)!r} was {found!r} instead of the planned "
            f"{planned!r}: something else wrote it. It was used for one update; the plan goes on. To change a value "
            "for good, change the plan."
        )

    def remove_from(self, groups: list[Group]) -> None:
        """Leave no trace."""
        self.release()
        self.table.give_back(groups)
        remove(groups)


def prepared(
    plan: Plan,
    slots: tuple[Slot, ...],
    groups: list[Group],
    t: int,
    states: dict[MetricRule[Any], Any],
    *,
    targets: bool = True,
) -> Table:
    """A table whose next values are those of update `t`. Whatever can be refused is refused here, before any write."""
    table = Table(plan, slots, groups, targets=targets)
    table.seek(t, states)
    return table


def _by_group(slots: tuple[Slot, ...], groups: list[Group]) -> dict[int, list[tuple[Any, int]]]:
    """What is scheduled in each group, by the identity of the group's dict."""
    found: dict[int, list[tuple[Any, int]]] = {id(group): [] for group in groups}
    for slot in slots:
        found[id(groups[slot.group])].append((slot.field, id(slot.schedule)))
    return found


def _equal(found: Any, planned: float) -> bool:
    """Whether an entry is the planned value, rounded where it is a tensor."""
    if isinstance(found, torch.Tensor):
        found, planned = float(found), float(torch.tensor(planned, dtype=found.dtype))
    return bool(found == planned or (found != found and planned != planned))  # NaN is NaN here
