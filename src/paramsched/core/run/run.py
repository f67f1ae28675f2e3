"""The run of a plan: its state, its groups, and what moves or ends it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from time import sleep
from typing import Any, Final, NamedTuple, TypeAlias, final

from paramsched.core.plan.lines import RuleStates, UpdateTimes
from paramsched.core.plan.optimizers import shown_names
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.groups import Groups, is_being_counted, sync, sync_for_checkpoint
from paramsched.core.run.metric_states import restored_states
from paramsched.core.run.reports import OtherBase
from paramsched.core.run.state import BEGIN_OF_DATA, History, RunPosition, SavedRun
from paramsched.core.run.steps import ByHand, Steps
from paramsched.errors import ParamschedError

AfterStep: TypeAlias = Callable[[Any], object]
"""The function of a post-hook: called with the optimizer after each step that was an update."""


@final
class Reading(NamedTuple):
    """The clocks of a run at one moment, between two updates.

    Args:
        position: the position of the run.
        last_amount: the amount before the last update; None on the clock of updates.
        states: the states of the metric rules.
        numbers: the update that the next step of each optimizer belongs to, by name.
    """

    position: RunPosition
    last_amount: Amount | None
    states: RuleStates
    numbers: dict[str, int]


_WAITS: Final = (*[0.0] * 10, *[1e-4] * 50)
"""Seconds between the readings. A wait without an end would hang if an interrupt has stopped an update half-way."""


class Run:
    """The run of a plan: that of one optimizer, whose steps are its updates; `SharedRun` is that of several.

    `clock` is the state of the run, and `lead` writes its targets. Each of `members` has the groups of one optimizer. A
    single optimizer is its own lead, and its clock is that of the run. Each of several has a clock of its own, whose
    `t` is the number of the update that its next step belongs to.

    The hooks of the optimizers reference the run. It references groups, and neither hooks nor optimizers, so that
    deleting the optimizers frees their memory at once.

    Args:
        lead: writes the targets, and has the consumption; of a single optimizer, its groups.
        members: the optimizers, by name.
        drive: `"optimizer"` for the shared clock, the name of an optimizer, or `"manual"`.
    """

    def __init__(self, lead: Groups, members: Mapping[str, Groups], drive: str) -> None:
        self.lead, self.members, self.drive = lead, dict(members), drive
        self.is_shared = lead not in self.members.values()  # False for a single optimizer
        self.clock = lead.run
        self.scheduler: Callable[[], object] = lambda: None  # the Scheduler, unless it was deleted
        self.handles: list[Any] = []  # of all hooks on the optimizers
        self.warned_of_missing_count = False
        self.all_groups = [lead, *self.members.values()] if self.is_shared else [lead]
        self.changed_bases: list[OtherBase] = []  # of the states that several optimizers load, not reported yet
        self.saved: dict[str, SavedRun] = {}  # of several optimizers, after a load and until the next update
        # Each with its update, or -1 if the checkpoint's applies.
        self.reported_bases: set[tuple[OtherBase, int]] = set()

    @property
    def in_force(self) -> ResolvedPlan:
        """The plan in force."""
        return self.lead.in_force

    @property
    def numbers(self) -> dict[str, int]:
        """The update that the next step of each optimizer belongs to."""
        return {name: planned.clock.t for name, planned in self.members.items()}

    def reading(self) -> Reading:
        """Read all clocks between two updates; a saver may run in a thread, while another one counts updates.

        A record whose parts are of two updates would be discarded as one of earlier values. There is no lock, because
        it would cost time at each update: the clocks are read until no update was under way or ended meanwhile.
        """
        clock, found = self.clock, self._read()
        for seconds in _WAITS:
            # The first group gets the count at the end of an update.
            is_between = not any(is_being_counted(planned) for planned in self.members.values())
            again = self._read()
            if is_between and again == found and clock.t == found.position.t:
                break
            found = again
            sleep(seconds)  # lets the other thread go on
        return found

    def _read(self) -> Reading:
        """Read all clocks once."""
        numbers, clock = self.numbers, self.clock
        position = replace(clock.position, t=max(numbers.values()))
        return Reading(position, clock.last_amount, clock.states, numbers)

    def samples(self, position: RunPosition | None = None) -> int | None:
        """Return the number of samples before the next update, for `ps.BatchSampler`; None if it is unknown.

        Args:
            position: the position of the run. Default: the present one.
        """
        in_force, clock = self.in_force, self.clock
        if in_force.facts.batch_size is None and not any(one.name == "batch_size" for one in in_force.plan.bindings):
            return None
        from paramsched.core.run.batch_sizes import samples_at

        try:
            return samples_at(in_force, clock.history, clock.counts_from, position or clock.position)
        except ParamschedError:  # the sizes follow a metric, for example
            return None

    def position_at(self, number: int) -> RunPosition:
        """Return the position of an optimizer at the update of the run, or at the previous one."""
        clock = self.clock
        return clock.position if number == clock.t else RunPosition(number, clock.last_amount)

    # ------------------------------------------------------------------ of a single optimizer, as of several

    uncompiled: tuple[Callable[..., Any], ...] = ()
    """The functions that run at each update, for `mark_uncompiled`."""

    def after_step(self, name: str, steps: Steps) -> AfterStep:
        """Return the function of the post-hook of an optimizer, whose steps are `steps`."""
        return steps.advance

    def counter(self, optimizers: Mapping[str, Any]) -> Callable[[], object]:
        """Return the function that counts one update of the run, before which no hook ran."""
        return ByHand(self.lead, *optimizers.values()).advance

    def bind_lead(self) -> None:
        """Write what belongs to the run and to none of its optimizers."""

    def note_positions(self) -> None:
        """Note the positions of the optimizers after they were set."""

    def load(self, loaded: Mapping[str, SavedRun], source: str | None) -> bool:
        """Continue from what optimizers have loaded, without writing values; return whether the run moved.

        Args:
            loaded: the run in the state of each optimizer that loads one.
            source: the name of the checkpoint; None if it has no count.
        """
        (saved,) = loaded.values()
        self._move(saved.position, source)
        self._continue_from(saved)
        return True

    def reached(self, counts: Mapping[str, int | None]) -> int:
        """Return the update of the run after optimizers have loaded counts, without side effects.

        Args:
            counts: the update of the next step of each optimizer that loads a state; None if one of several has none.
        """
        (count,) = counts.values()
        return count or 0

    # ------------------------------------------------------------------ what moves or ends it

    def _continue_from(self, saved: SavedRun) -> None:
        """Use the plans, states and amounts of a saved run, at the present position."""
        clock, now = self.clock, self.clock.entry(self.in_force)
        if saved.count is None:
            clock.counts_from = BEGIN_OF_DATA
            clock.history = History((now,))
            return
        clock.count_samples_from(saved.position)
        if saved.history is None:
            clock.history = clock.history.resumed_at(now.update, now.amount)
            return
        clock.history = saved.history.resumed_at(now.update, now.amount).with_plan(now)
        clock.states = restored_states(saved.feedback or {}, self.in_force.resolved.metric_rules)
        if saved.last_amount is not None and saved.position.t == clock.t:
            clock.last_amount = saved.last_amount

    def _move(self, position: RunPosition, source: str | None) -> None:
        """Move to the position of a checkpoint, without writing values."""
        self._log_conflicting_counts(position.t, source or "optimizer")
        self.clock.set_position(position, source)

    def _log_conflicting_counts(self, count: int, source: str) -> None:
        """Log that two checkpoints disagree; the one loaded last takes precedence."""
        clock = self.clock
        if clock.restored_from not in (None, source) and clock.t != count:
            self.clock.processes.log(
                "the %s checkpoint is of update %d, the %s checkpoint of update %d; "
                "the one loaded last takes precedence: %d",
                clock.restored_from, clock.t, source, count, count,
            )  # fmt: skip

    def report(self, amount: Amount) -> None:
        """Move to a reported progress before the next update, with all optimizers, and write its values."""
        for planned in self.all_groups:
            clock = planned.clock
            planned.rows.seek(UpdateTimes(clock.t, amount, 2), clock.states)  # the next update uses the second row
            clock.amount = amount
            planned.write_values()
        # a next step belongs to the last update
        if self.is_shared and any(number < self.clock.t for number in self.numbers.values()):
            self.clock.last_amount = amount

    def seek(self, position: RunPosition) -> None:
        """Jump to a position, with all optimizers."""
        clock = self.clock
        clock.was_moved = True
        if clock.counts_from.samples is None:  # from now on the position in the data is that of the plan
            clock.counts_from = BEGIN_OF_DATA
        before = clock.history_before_seek()
        for planned in self.all_groups:
            planned.seek(position)
        clock.note_seek(before)
        self.note_positions()

    def rewrite(self) -> None:
        """Recompute and write the values, after the states of metric rules changed."""
        for planned in self.all_groups:
            planned.clock.change(self.clock.states)
            planned.rewrite()

    def sync(self, optimizers: Mapping[str, Any]) -> None:
        """Bind groups that were added or replaced."""
        for name, planned in self.members.items():
            sync(planned, optimizers[name].param_groups)

    def sync_for_checkpoint(self, optimizers: Mapping[str, Any]) -> None:
        """Bind groups that were added or replaced, without those that the next step refuses."""
        for name, planned in self.members.items():
            sync_for_checkpoint(planned, optimizers[name].param_groups)

    def release(self, kept: Collection[str] = ()) -> None:
        """Remove the hooks from all optimizers; warn of those that no other Scheduler takes over.

        Args:
            kept: the names of the optimizers that another Scheduler takes over.
        """
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        for planned in self.all_groups:
            planned.release()
        self.clock.released, self.clock.replaced = True, bool(kept)
        left = [name for name in self.members if name not in kept]
        if kept and left:
            self.clock.processes.log(
                "a new Scheduler takes over %s from a Scheduler that also drove %s. The earlier Scheduler is detached "
                "from all its optimizers, so no plan drives %s now",
                shown_names(kept), shown_names(left), shown_names(left),
            )  # fmt: skip

    def new_bases(self, found: Iterable[OtherBase], t: int) -> list[OtherBase]:
        """Return the bases that were not reported yet, each once; `t` is the update from which on the code's apply."""
        by_key = {(one, t if one.code_applies else -1): one for one in found}
        new = [one for key, one in by_key.items() if key not in self.reported_bases]
        self.reported_bases |= by_key.keys()
        return new
