"""Driver: the clock of one optimizer, and the hooks that move it.

The optimizer's hooks hold the driver, and the driver does not hold the optimizer, so that deleting an optimizer frees
its memory at once. A Scheduler is a handle: it may be dropped, the plan goes on.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal, Protocol, TypeAlias, final

import torch

from paramsched.errors import StateError
from paramsched.feedback.base import MetricRule
from paramsched.fields import label
from paramsched.plan import Plan
from paramsched.scheduler import _columns, updates
from paramsched.scheduler._columns import Foreign
from paramsched.scheduler._keys import COUNT, PLAN, Group, base_key, number_of, remove
from paramsched.scheduler._slots import Slot, base_for, initial_value, slots_of, values_at
from paramsched.scheduler._table import Table, Tuples, write_entry
from paramsched.scheduler._untraced import expect_changes, skip, untraced
from paramsched.time import Calendar
from paramsched.user_warnings import warn_user

LateGroups: TypeAlias = Literal["base", "present"]
log = logging.getLogger("paramsched")


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
        late_groups: what the lr (or another field) of a group that comes later is: its base, or its present value.
        begin: the update at which a run without a count stands; None where nobody said it.
    """

    def __init__(
        self,
        plan: Plan,
        resolved: Plan,
        calendar: Calendar,
        loading: Loading,
        *,
        late_groups: LateGroups = "base",
        begin: int | None = None,
    ) -> None:
        self.follow(plan, resolved, calendar)
        self.loading, self.late_groups, self.begin = loading, late_groups, begin
        self.handle: Callable[[], object] = _nobody  # the Scheduler, if someone holds it still
        self.taken: Callable[[], int | None] = _nobody  # how many updates the optimizer's own state has seen
        self.t = 0
        self.states: dict[MetricRule[Any], Any] = {rule: rule.init() for rule in resolved.metric_rules}
        # Each of these holds at one update only, so that no update has to take it back.
        self._used: tuple[int, dict[MetricRule[Any], Any]] = -1, {}  # states that the last update did not have yet
        self._source: tuple[int, str | None] = -1, None  # the checkpoint that the count came from
        self.acknowledged_at = 0  # where an engine last called step()
        self.table = Table(resolved, (), [])
        self.released = False
        self._known: list[Group] = []  # the groups as they were bound: looked at, never read or written
        self._depth = 0
        self._hidden = False  # whether the step that is on is one of torch's distributed checkpoint
        self._lr: Any = None  # what the first group holds under `_lr_key`: torch's hidden step puts its own there
        self._lr_key = COUNT  # "lr" where the group has it
        self._tensors, self._version = False, 0
        self._tuples: tuple[Tuples, ...] = ()  # of which an element is scheduled; they may be spoiled
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
        table.put(groups)
        self.note(groups)
        self._remember(groups)

    def note(self, groups: list[Group]) -> None:
        """Write count and plan into every group."""
        for group in groups:
            group[COUNT], group[PLAN] = self.t, self.number

    def rewrite(self, groups: list[Group]) -> None:
        """Compute and write the values of the current update."""
        self.table.seek(self.t, self.states)
        self.table.put(groups)
        groups[0][COUNT] = self.t
        self._remember_values(groups)

    def _remember(self, groups: list[Group]) -> None:
        """Note which groups there are and what is looked at before each update."""
        self._known = list(groups)
        self._lr_key = "lr" if "lr" in groups[0] else COUNT
        self._tensors = bool(self.table.vectors_held)
        self._tuples = self.table.tuples
        self._remember_values(groups)

    def _remember_values(self, groups: list[Group]) -> None:
        self._lr = groups[0][self._lr_key]
        self._version = self.table.version()

    def seek(self, groups: list[Group], t: int) -> None:
        self.table.seek(t, self.states)  # what cannot be computed is refused before anything is written
        self.stand_at(t)
        self.table.put(groups)
        self.note(groups)
        self._remember_values(groups)

    def advance(self, groups: list[Group], unseen: bool = False) -> None:
        """One update has happened: write the values of the next, and tell of what others wrote before it.

        Args:
            groups: the optimizer's.
            unseen: whether no hook looked at them before it.
        """
        if unseen:
            try:
                first = groups[0]
                if not (first[COUNT] is self.t and first[PLAN] is self.number and groups == self._known):
                    self.sync(groups)
            except (LookupError, RuntimeError, ValueError):
                self.sync(groups)
        table = self.table
        write = table.write  # calling `table.write(…)` looks for a method first
        self.t = t = self.t + 1
        try:
            if self._tensors and (table.version() != self._version or table.disturbed(groups)):
                untraced(Driver._look_at_tensors)(self, groups)
            try:
                write(groups)
            except StopIteration:
                untraced(Driver._refill)(self, groups)
            first = groups[0]
            first[COUNT] = t
            if not unseen:
                self._lr = first[self._lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            untraced(Driver._refuse_spoiled)(self, groups, error)
        if table.foreign:
            untraced(Driver._tell_foreign)(self, groups, table.foreign)
        if self._tensors:
            self._version = table.version()

    def _refill(self, groups: list[Group]) -> None:
        if self._exchanged(groups):  # while the step was on
            self._adopt(groups)
        else:
            self._tell_foreign(groups, self.table.foreign_in(groups))
        self.table.seek(self.t, self.states, on=True)
        self.table.put(groups)

    def _refuse_spoiled(self, groups: list[Group], error: Exception) -> None:
        """The values could not be written: an entry is gone or spoiled.

        Raises:
            PlanError: an entry that is no number. The plan goes on where there is one again.
            StateError: there are no groups left.
        """
        known, self._known = self._known, []  # bound anew before the next update
        self._require_groups(groups, known)
        slots_of(self.resolved, groups)
        raise error  # of a target's own function, say

    def values(self, t: int | None = None) -> Iterator[tuple[Slot, float]]:
        """Each slot's value at an update (the current one), from the one evaluator."""
        now = values_at(self.table.slots, self.t if t is None else t, self.states if t is None else self.used)
        return zip(self.table.slots, now, strict=True)

    # ------------------------------------------------------------------ where it stands

    def stand_at(self, t: int, source: str | None = None) -> None:
        """Go to an update without taking it, for a checkpoint's sake or by `seek`."""
        self.t, self._source, self._used = t, (t, source), (-1, {})
        self.acknowledged_at = t

    @property
    def acknowledged(self) -> bool:
        """Whether an engine has called step() since the last update."""
        return self.acknowledged_at == self.t

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
        skip(
            Driver.before_step, Driver.after_step, Driver.advance, Driver._spoiled, Tuples.spoiled_in,
            Table.version, Table.disturbed, *_columns.one_of_each(),
        )  # fmt: skip
        expect_changes(COUNT)
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
        """Bind groups that came since. Writes nothing else: see `updates.is_hidden`."""
        if self._depth and untraced(updates.open_calls)(optimizer) > 1:
            self._depth += 1
            return
        self._depth = 1  # also after a step that raised, whose post-hook never came
        self._hidden = False
        groups = optimizer.param_groups
        try:
            first = groups[0]
            if (
                first[COUNT] is self.t
                and first[PLAN] is self.number
                and first[self._lr_key] is self._lr
                and groups == self._known
                and not (self._tuples and self._spoiled(groups))
            ):
                return
        except (LookupError, RuntimeError, ValueError):
            pass  # an entry is gone, or tensors of unlike shapes stand where others stood
        self._hidden = untraced(updates.is_hidden)(optimizer)
        if not self._hidden:  # there lr is 0 for the moment, which is no base
            untraced(Driver.sync)(self, groups)

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Count the update, if it was one, and write the values of the next."""
        if self._depth > 1 and untraced(updates.open_calls)(optimizer) > 1:
            self._depth -= 1
            return
        self._depth = 0
        if self._hidden or ("found_inf" in optimizer.__dict__ and untraced(updates.skipped_by_scaler)(optimizer)):
            return
        self.advance(optimizer.param_groups)

    def before_state_dict(self, optimizer: Any) -> None:
        if optimizer.param_groups:
            self.sync(optimizer.param_groups)
            self.note(optimizer.param_groups)

    def before_load(self, optimizer: Any, state: dict[str, Any]) -> None:
        self.loading.before(self, state, len(optimizer.param_groups))

    def after_load(self, optimizer: Any) -> None:
        self.loading.after(self, optimizer.param_groups)

    # ------------------------------------------------------------------ what others did

    def sync(self, groups: list[Group]) -> None:
        """Bind groups that came, went or were exchanged since, if any.

        Raises:
            StateError: there are no groups left.
        """
        self._require_groups(groups, self._known)
        if self._tampered(groups) or self._exchanged(groups) or (self._tuples and self._spoiled(groups)):
            self._adopt(groups)

    def _require_groups(self, groups: list[Group], known: list[Group]) -> None:
        """Refuse groups that are gone, and tuples that have lost an element or gained one."""
        if not groups:
            raise StateError("optimizer.param_groups is empty: the groups that the plan writes have been taken out")
        if self._tuples:
            ours = {id(group) for group in known}
            self.require_lengths([group if id(group) in ours else {} for group in groups])

    def require_lengths(self, groups: list[Group]) -> None:
        """Refuse tuples that have lost an element or gained one.

        Raises:
            StateError: with the group.
        """
        for one in self._tuples:
            for index in range(len(groups)) if one.indices is None else one.indices:
                entry = groups[index].get(one.key) if index < len(groups) else None
                if isinstance(entry, (tuple, list)) and len(entry) != one.size:
                    name = label(groups[index], index)
                    raise StateError(f"{one.key} of group {name!r} is {entry!r}: it had {one.size} elements before")

    def _exchanged(self, groups: list[Group]) -> bool:
        try:
            return groups != self._known
        except (RuntimeError, ValueError):  # tensors of unlike shapes stand where others stood
            return True

    def _tampered(self, groups: list[Group]) -> bool:
        """Whether someone put other entries into the first group, say those of a checkpoint."""
        first = groups[0]
        ours = bool(self._known) and first is self._known[0]
        return ours and not (_is(first.get(COUNT), self.t) and _is(first.get(PLAN), self.number))

    def _spoiled(self, groups: list[Group]) -> bool:
        """Whether a tuple of which an element is scheduled may be one no longer: it is written after the update."""
        try:
            for one in self._tuples:
                if one.spoiled_in(groups):
                    return True
        except (LookupError, TypeError):
            return True
        return False

    def _look_at_tensors(self, groups: list[Group]) -> None:
        """Someone filled one of the tensors, or put another thing in its place; after this the groups hold ours."""
        if self._exchanged(groups):  # while the step was on: bound anew before the next
            return
        held = [(slot, planned) for slot, planned in self.values(self.t - 1) if self.table.in_vector(slot)]
        read = [(one.field, groups[one.group], one.field.read(groups[one.group]), planned) for one, planned in held]
        self._tell_foreign(groups, read)
        self.table.own(groups)

    def _tell_foreign(self, groups: list[Group], foreign: Foreign) -> None:
        """Tell once of a value that someone else wrote, and that the last update used."""
        exchanged = bool(foreign) and self._exchanged(groups)
        for field, group, found, planned in foreign:
            if exchanged:  # while the step was on. A group that came keeps its values, which are its bases
                if COUNT not in group:
                    write_entry(field, group, found)
                self._known = []  # the others were written by their old places: all are bound anew
            elif not self._warned and not _equal(found, planned):
                self._warned = True
                index = next(index for index, one in enumerate(groups) if one is group)
                warn_user(
                    f"{field} of group {label(group, index)!r} was {found!r} at update {self.t - 1} instead of the "
                    f"planned {planned!r}: something else wrote it. It was used for one update; the plan goes on. "
                    "To change a value for good, change the plan."
                )
        self.table.foreign.clear()

    def _adopt(self, groups: list[Group]) -> None:
        """Groups came, went, or were exchanged: bind them anew, and write only into those that need it."""
        slots = slots_of(self.resolved, groups)
        if self._known:
            slots = self._settle_late_groups(slots, groups)
        anew = not self._known or self._tampered(groups)
        before = {} if anew else _by_group(self.table.slots, self._known)
        now = _by_group(slots, groups)
        strange = {
            index
            for index, group in enumerate(groups)
            if COUNT not in group or not _is(group.get(PLAN), self.number) or before.get(id(group)) != now[id(group)]
        }
        mine = tuple(slot for slot in slots if slot.group in strange)
        late = prepared(self.resolved, mine, groups, self.t, self.states, targets=False)
        for slot in slots:
            groups[slot.group][base_key(slot.field)] = slot.base
        late.put(groups)
        self.note(groups)
        self.table = prepared(self.resolved, slots, groups, self.t, self.states)
        self.table.own(groups)
        self._remember(groups)

    def _settle_late_groups(self, slots: tuple[Slot, ...], groups: list[Group]) -> tuple[Slot, ...]:
        """The slots with the bases of groups that have joined, and the choice said in the log."""
        joined = {index: slot for index, slot in enumerate(slots) if COUNT not in groups[slot.group]}
        now = dict(zip(joined, values_at(joined.values(), self.t, self.states), strict=True))
        settled = list(slots)
        for place, slot in joined.items():
            if now[place] == slot.base or initial_value(slot.field, groups[slot.group]) is not None:
                continue
            name = label(groups[slot.group], slot.group)
            if self.late_groups == "present":
                settled[place] = replace(slot, base=base_for(slot, self.t, self.states))
                log.warning(
                    "group %r joined at update %d: its %s %r goes on from there by the factors of the plan (its base "
                    'is %r; late_groups="present")', name, self.t, slot.field, slot.base, settled[place].base,
                )  # fmt: skip
            else:
                log.warning(
                    "group %r joined at update %d: its %s %r is taken as its base, and the update uses %r "
                    '(late_groups="base"). To go on from %r, write ps.Scheduler(…, late_groups="present")',
                    name, self.t, slot.field, slot.base, now[place], slot.base,
                )  # fmt: skip
        return tuple(settled)

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


def _is(found: Any, number: int) -> bool:
    """Whether an entry is that number; it may be anything."""
    return isinstance(found, int) and found == number


def _nobody() -> None:
    return None


def _by_group(slots: tuple[Slot, ...], groups: list[Group]) -> dict[int, list[tuple[Any, int]]]:
    """What is scheduled in each group, by the identity of the group's dict."""
    found: dict[int, list[tuple[Any, int]]] = {id(group): [] for group in groups}
    for slot in slots:
        found[id(groups[slot.group])].append((slot.field, id(slot.schedule)))
    return found


def _equal(found: Any, planned: float) -> bool:
    """Whether an entry is the planned value, rounded where it is a tensor."""
    try:
        if isinstance(found, torch.Tensor):
            found, planned = float(found), float(torch.tensor(planned, dtype=found.dtype))
        return bool(found == planned or (found != found and planned != planned))  # NaN is NaN here
    except (TypeError, ValueError, RuntimeError):  # a thing that compares as nothing else does
        return False
