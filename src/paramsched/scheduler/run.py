"""The run of one or several optimizers under one plan: the shared clock, and what the step of each one advances."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched.errors import StateError
from paramsched.plan.optimizers import shown_names
from paramsched.plan.run_amounts import Amount
from paramsched.runs.processes import log_on_rank_0
from paramsched.scheduler.block import Values
from paramsched.scheduler.group_keys import Group
from paramsched.scheduler.groups import Groups
from paramsched.scheduler.run_state import RunPosition, RunState
from paramsched.scheduler.updates import run_uncompiled


def conflicting_numbers(numbers: Mapping[str, int], instead: str) -> StateError:
    """Return the error for checkpoints of different runs, or for checkpoints of one run saved at different updates."""
    first, last = min(numbers, key=numbers.__getitem__), max(numbers, key=numbers.__getitem__)
    return StateError(
        f"the checkpoint of {first} is of update {numbers[first]}, that of {last} of update {numbers[last]}: the "
        f"optimizers of one run differ by at most 1. Load checkpoints saved at the same update, or write {instead}"
    )


def starting_numbers(names: Iterable[str], carried: Mapping[str, int], start: int | None, drive: str) -> dict[str, int]:
    """Return the number of each optimizer; one without a count joins at the update of the run.

    Args:
        names: the optimizers.
        carried: the counts that optimizers carry.
        start: the argument `t` of the Scheduler, which decides if the counts differ by more than 1.
        drive: as in `ps.Scheduler`.

    Raises:
        StateError: the counts differ by more than 1, and `start` is None.
    """
    t = max(carried.values(), default=start or 0)
    if t - min(carried.values(), default=t) > 1:
        if start is None:
            raise conflicting_numbers(carried, "ps.Scheduler(optimizers, plan, t=n)")
        return dict.fromkeys(names, start)
    return {name: carried.get(name, t) if drive == "optimizer" else t for name in names}


@final
@dataclass(frozen=True, slots=True)
class ChangedBase:
    """A base that another source than the code determines.

    Args:
        field: the field.
        group: the label of the group.
        code: the number in the code.
        base: the base.
    """

    field: str
    group: str | int
    code: Any
    base: float


_SHOWN = 8  # groups, and pairs of numbers, that a message names


def by_field(changes: Iterable[ChangedBase], text: str) -> Iterator[tuple[str, str, str]]:
    """Return the field, its groups and its numbers for each field of some changes; `text` formats a pair of numbers."""
    found: dict[str, list[ChangedBase]] = {}
    for one in changes:
        found.setdefault(one.field, []).append(one)
    for field, mine in found.items():
        labels, pairs = [one.group for one in mine], dict.fromkeys((one.code, one.base) for one in mine)
        groups = (
            f"group {labels[0]}" if len(labels) == 1 else f"{len(labels)} groups ({_listed(map(str, labels), ', ')})"
        )
        yield field, groups, _listed((text.format(field=field, code=code, base=base) for code, base in pairs), "; ")


def _listed(texts: Iterable[str], separator: str) -> str:
    found = list(texts)
    return separator.join(found[:_SHOWN] + ["…"] * (len(found) > _SHOWN))


@final
@dataclass(frozen=True, slots=True)
class Load:
    """A state that an optimizer loaded since the last update.

    Args:
        number: the count that it carried.
        is_compared: True if it changed the position of the optimizer. Engines also reload an optimizer's own state,
            which must not be compared with the checkpoint that they load next. Counts that the optimizers carried
            when the Scheduler was constructed are not compared either.
        values: those that another plan has written into its groups, or None.
    """

    number: int
    is_compared: bool
    values: Values | None = None


@final
class Run:
    """The run of one or several optimizers under one plan.

    `lead` has what belongs to the run: the clock, the targets, the consumption and the history. Each of `members` has
    the groups of one optimizer. A single optimizer is its own lead. Each of several has a clock of its own, whose
    `t` is the number of the update that its next step belongs to. On the shared clock this is the update of the run or
    the previous one; with a driver, or by hand, it is the update of the run.

    The hooks of the optimizers reference the run. It references groups, and neither hooks nor optimizers, so that
    deleting the optimizers frees their memory at once.

    Args:
        lead: the run itself.
        members: the optimizers, by name.
        drive: `"optimizer"` for the shared clock, the name of an optimizer, or `"manual"`.
    """

    def __init__(self, lead: Groups, members: Mapping[str, Groups], drive: str) -> None:
        self.lead, self.members, self.drive = lead, dict(members), drive
        self.is_shared = lead not in self.members.values()  # False for a single optimizer
        self.clock: RunState = lead.clock
        self.param_groups: list[Group] = [{}]  # of the lead of several optimizers: their parameters, without fields
        self.scheduler: Callable[[], object] = lambda: None  # the Scheduler, unless it was deleted
        self.handles: list[Any] = []  # of all hooks on the optimizers
        self.behind = 0  # the number of optimizers that have not taken part in the update `clock.t - 1`
        self.last = ""  # the optimizer that stepped last
        self.is_plain = True  # True if only the clock counts an update of the run
        self.loads: dict[str, Load] = {}
        self.loaded_at = 0, 0  # the update and `behind` after the last load; each step changes one of them
        self.warned_of_missing_count = False
        self.look: Callable[[], object] | None = None  # looks at a watched plan file, after an update by hand
        self._parts = [lead, *self.members.values()] if self.is_shared else [lead]
        self.changed_bases: list[ChangedBase] = []  # of loaded states, which are not logged yet
        self._has_warned = False

    # ------------------------------------------------------------------ positions

    @property
    def numbers(self) -> dict[str, int]:
        """The update that the next step of each optimizer belongs to."""
        return {name: planned.clock.t for name, planned in self.members.items()}

    def position_at(self, number: int) -> RunPosition:
        """Return the position of an optimizer at the update of the run, or at the previous one."""
        clock = self.clock
        return clock.position if number == clock.t else RunPosition(number, clock.last_amount)

    def bind_lead(self) -> None:
        """Write the targets of several optimizers at the position of the run, and measure the next update from now."""
        if self.is_shared:
            lead, clock = self.lead, self.clock
            lead.bind(self.param_groups, lead.new_block((), self.param_groups, clock.times, clock.states))
            self.note_plain()

    def note_plain(self) -> None:
        """Note whether only the clock counts an update of several optimizers, after a plan was bound."""
        self.is_plain = self.lead.consumption is None and not self.lead.block.targets

    def count_behind(self) -> None:
        """Count the optimizers that have not taken part in the last update, after positions were set."""
        self.behind = sum(planned.clock.t < self.clock.t for planned in self.members.values())

    def recent_loads(self) -> dict[str, Load]:
        """Return the states that were loaded since the last step."""
        return self.loads if self.loaded_at == (self.clock.t, self.behind) else {}

    def record_loads(self, loads: dict[str, Load]) -> None:
        """Record the states that were loaded since the last step, after `count_behind`."""
        self.loads, self.loaded_at = loads, (self.clock.t, self.behind)

    def numbers_after(self, name: str, number: int) -> dict[str, int]:
        """Return the number of each optimizer after one of them loads a count.

        Raises:
            StateError: an optimizer loaded a count before that differs by more than 1.
        """
        now = self.numbers
        if number == now[name]:
            return now
        loads = {other: load for other, load in self.recent_loads().items() if other != name}
        compared = {other: load.number for other, load in loads.items() if load.is_compared}
        if any(abs(other - number) > 1 for other in compared.values()):
            raise conflicting_numbers(compared | {name: number}, "scheduler.seek(n)")
        near = {other: load.number for other, load in loads.items() if abs(load.number - number) <= 1}
        t = max([number, *near.values()])
        if self.drive != "optimizer":
            return dict.fromkeys(now, t)
        kept = {other: loaded for other, loaded in (near | {name: number}).items() if loaded >= t - 1}
        return {other: kept.get(other, t) for other in now}

    def reached_after(self, name: str, number: int) -> int:
        """Return the update of the run after an optimizer loads a count, as for `numbers_after`."""
        if number == self.members[name].clock.t:
            return self.clock.t
        return max(self.numbers_after(name, number).values())

    def position_after(self, name: str, position: RunPosition) -> RunPosition | None:
        """Return the position to which the run moves if one optimizer loads a position; None if it does not move."""
        t = self.reached_after(name, position.t)
        target = position if position.t == t else self.clock.position  # the largest number has the state of the run
        return None if self.is_shared and target == self.clock.position else target

    def seek(self, position: RunPosition) -> None:
        """Jump to a position, with all optimizers."""
        for planned in self._parts:
            planned.seek(position)
        self.behind, self.loads = 0, {}

    def rewrite(self) -> None:
        """Recompute and write the values, after the states of metric rules changed."""
        for planned in self._parts:
            planned.clock.change(self.clock.states)
            planned.rewrite()

    def sync(self, optimizers: Mapping[str, Any]) -> None:
        """Bind groups that were added or replaced."""
        for name, planned in self.members.items():
            planned.sync(optimizers[name].param_groups)

    def release(self, kept: Collection[str] = ()) -> None:
        """Remove the hooks from all optimizers; warn of those that no other Scheduler takes over.

        Args:
            kept: the names of the optimizers that another Scheduler takes over.
        """
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        for planned in self._parts:
            planned.release()
        left = [name for name in self.members if name not in kept]
        if kept and left:
            log_on_rank_0(
                "a new Scheduler takes over %s from a Scheduler that also drove %s. The earlier Scheduler is detached "
                "from all its optimizers, so no plan drives %s now",
                shown_names(kept), shown_names(left), shown_names(left),
            )  # fmt: skip

    # ------------------------------------------------------------------ at every update

    def start_update(self) -> None:
        """Count an update of the run, which one of the optimizers starts."""
        if self.behind:
            run_uncompiled(Run._move_missed)(self)
        self.behind = len(self.members) - 1
        self.advance_lead()

    def log_changed_bases(self) -> None:
        """Log the bases of the loaded states that differ from those in the code: one line for each field."""
        for field, groups, values in by_field(self.changed_bases, "{code!r} in the code, {base!r} in the checkpoint"):
            log_on_rank_0("base of %s in %s: %s, which takes precedence", field, groups, values)
        self.changed_bases = []

    def advance_lead(self) -> None:
        """Count an update of the run."""
        if self.changed_bases:  # not all optimizers have loaded a state
            run_uncompiled(Run.log_changed_bases)(self)
        if self.is_plain:
            self.clock.t += 1
        else:
            run_uncompiled(Run._advance_lead)(self)

    def _advance_lead(self) -> None:
        if not self.lead.bound:  # after a target could not be written
            self.lead.sync(self.param_groups)
        self.lead.advance(self)

    def _move_missed(self) -> None:
        """Move the optimizers that missed the last update to the next one."""
        t = self.clock.t
        missed = [name for name, planned in self.members.items() if planned.clock.t < t]
        for name in missed:
            self.advance_without_step(self.members[name])
        if not self._has_warned:
            self._has_warned = True
            log_on_rank_0(
                "update %d ended without a step of %s. On the shared clock, an optimizer that misses an "
                "update may use values that are one update old. To count the updates of one optimizer, write "
                'drive="%s"',
                t - 1, shown_names(missed), self.last or next(name for name in self.members if name not in missed),
            )  # fmt: skip

    def advance_without_step(self, planned: Groups) -> None:
        """Move an optimizer to the next update, without a step of it."""
        if planned.bound:
            planned.advance(planned)
        else:  # its groups are invalid, and bound again before its next step
            planned.held = {}
            planned.clock.set_position(self.position_at(planned.clock.t + 1))

    def advance_by_hand(self, optimizers: Mapping[str, Any]) -> None:
        """Count one update of several optimizers."""
        self.lead.require_attached("step")
        self.log_changed_bases()
        if self.is_plain:
            self.clock.t += 1
        else:
            self.lead.advance_by_hand(self)
        for name, planned in self.members.items():
            planned.advance_by_hand(optimizers[name])
        self.clock.acknowledged_at = self.clock.t

    def move(self, amount: Amount) -> None:
        """Move to a reported amount before the next update, with all optimizers."""
        for planned in self._parts:
            planned.move(amount)
        if self.behind:  # the next step of some optimizers belongs to the last update
            self.clock.last_amount = amount
