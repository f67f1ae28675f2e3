"""One plan for several optimizers: the shared clock, and what the step of each optimizer advances."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched.plan.optimizers import shown_names
from paramsched.scheduler._clock import Clock, RunPosition
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.scheduler.consumption import ConsumptionSource
from paramsched.scheduler.updates import mark_uncompiled, run_uncompiled

log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class Load:
    """A state that an optimizer loaded since the last update.

    Args:
        number: the count that it carried.
        is_compared: True if it changed the position of the optimizer. Engines also reload an optimizer's own state,
            which must not be compared with the checkpoint that they load next. Nor are counts that the optimizers
            carried when the Scheduler was constructed.
    """

    number: int
    is_compared: bool


@final
class SharedRun:
    """The run of several optimizers under one plan.

    `lead` has what belongs to the run: the clock, the targets, the consumption and the history. Each of `members` has
    the groups of one optimizer, and a clock of its own, whose `t` is the number of the update that its next step
    belongs to. On the shared clock this is the update of the run or the one before; with a driver, or by hand, that
    of the run.

    The hooks of the optimizers reference the run. It references groups, and neither hooks nor optimizers, so that
    deleting the optimizers frees their memory at once.

    Args:
        lead: the run itself.
        members: the optimizers, by name.
        drive: `"optimizer"` for the shared clock, the name of an optimizer, or `"manual"`.
    """

    def __init__(self, lead: PlannedGroups, members: Mapping[str, PlannedGroups], drive: str) -> None:
        self.lead, self.members, self.drive = lead, dict(members), drive
        self.clock: Clock = lead.clock
        self.param_groups: list[Group] = [{}]  # those of `lead`, which writes targets only
        self.scheduler: Callable[[], object] = lambda: None  # the Scheduler, unless it was deleted
        self.handles: list[Any] = []  # of all hooks on the optimizers
        self.behind = 0  # the number of optimizers that have not taken part in the update `clock.t - 1`
        self.last = ""  # the optimizer that stepped last
        self.is_plain = True  # True if only the clock counts an update of the run
        self.loads: dict[str, Load] = {}
        self.loaded_numbers: dict[str, int] = {}  # after the last load
        self.warned_of_missing_count = False
        self.look: Callable[[], object] | None = None  # looks at a watched plan file, after an update by hand
        self._has_warned = False

    # ------------------------------------------------------------------ positions

    @property
    def numbers(self) -> dict[str, int]:
        """The update that the next step of each optimizer belongs to."""
        return {name: planned.clock.t for name, planned in self.members.items()}

    def position_at(self, number: int) -> RunPosition:
        """Return the position of an optimizer at the update of the run, or at the one before."""
        clock = self.clock
        return clock.position if number == clock.t else RunPosition(number, clock.last_amount)

    def bind_lead(self) -> None:
        """Write the targets at the position of the run, and measure the next update from now on."""
        lead, clock = self.lead, self.clock
        last_amount = clock.last_amount
        lead.bind(self.param_groups, lead.new_block((), self.param_groups, clock.times, clock.states))
        clock.last_amount = last_amount
        self.note_plain()

    def note_plain(self) -> None:
        """Note whether only the clock counts an update of the run, after a plan was bound."""
        self.is_plain = self.lead.source is None and not self.lead.block.targets

    def count_behind(self) -> None:
        """Count the optimizers that have not taken part in the last update, after positions were set."""
        self.behind = sum(planned.clock.t < self.clock.t for planned in self.members.values())

    def loads_at(self, numbers: Mapping[str, int]) -> dict[str, Load]:
        """Return the states that were loaded since the last update, which would have changed these numbers."""
        return self.loads if self.loaded_numbers == numbers else {}

    def seek(self, position: RunPosition) -> None:
        """Jump to a position, with all optimizers."""
        self.lead.seek(position)
        for planned in self.members.values():
            planned.seek(position)
        self.behind, self.loads = 0, {}

    def rewrite(self) -> None:
        """Recompute and write the values, after the states of metric rules changed."""
        self.lead.rewrite()
        for planned in self.members.values():
            # An optimizer that has not reached a change of the plan has other rules, which it keeps.
            planned.clock.change({**planned.clock.states, **self.clock.states})
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
        self.lead.release()
        for planned in self.members.values():
            planned.release()
        left = [name for name in self.members if name not in kept]
        if kept and left:
            log.warning(
                "a new Scheduler takes %s over from one that also had %s. The earlier one is detached from all, "
                "so no plan drives %s now", shown_names(kept), shown_names(left), shown_names(left),
            )  # fmt: skip

    # ------------------------------------------------------------------ at every update

    def after_step_of(self, name: str) -> Callable[[Any], object]:
        """Return the function that the post-hook of an optimizer calls after each step that counts."""
        mark_uncompiled(
            SharedStep.after_step,
            DrivingStep.after_step,
            _after_other_step,
            SharedRun.start_update,
            SharedRun.advance_lead,
        )
        if self.drive == "optimizer":
            return SharedStep(self, name).after_step
        return DrivingStep(self, name).after_step if name == self.drive else _after_other_step

    def start_update(self) -> None:
        """Count an update of the run, which one of the optimizers starts."""
        if self.behind:
            run_uncompiled(SharedRun._move_missed)(self)
        self.behind = len(self.members) - 1
        self.advance_lead()

    def advance_lead(self) -> None:
        """Count an update of the run."""
        if self.is_plain:
            self.clock.t += 1
        else:
            run_uncompiled(SharedRun._advance_lead)(self)

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
            log.warning(
                "update %d ended without a step of %s. On the shared clock, an optimizer that steps first again uses "
                'values that are one update old. To count the updates of one optimizer, write drive="%s"',
                t - 1, shown_names(missed), self.last or next(name for name in self.members if name not in missed),
            )  # fmt: skip

    def advance_without_step(self, planned: PlannedGroups) -> None:
        """Move an optimizer to the next update, in which it did not step."""
        if planned.bound:
            planned.advance(planned)
        else:  # its groups are invalid, and bound again before its next step
            planned.clock.set_position(self.position_at(planned.clock.t + 1))

    def advance_by_hand(self, optimizers: Mapping[str, Any]) -> None:
        """Count one update of all optimizers."""
        self.lead.require_attached("step")
        if self.is_plain:
            self.clock.t += 1
        else:
            self.lead.advance_by_hand(self)
        for name, planned in self.members.items():
            planned.advance_by_hand(optimizers[name])
        self.clock.acknowledged_at = self.clock.t

    @property
    def source(self) -> ConsumptionSource | None:
        """The source of the consumption of the run."""
        return self.lead.source if isinstance(self.lead.source, ConsumptionSource) else None

    def items(self) -> Iterator[tuple[str, PlannedGroups]]:
        return iter(self.members.items())


@final
class SharedStep:
    """The end of a step of one optimizer on the shared clock."""

    __slots__ = ("_clock", "_name", "_planned", "_run")

    def __init__(self, run: SharedRun, name: str) -> None:
        self._run, self._name, self._planned = run, name, run.members[name]
        self._clock = self._planned.clock

    def after_step(self, optimizer: Any) -> None:
        """Count the step, which starts an update of the run or takes part in the last one."""
        run = self._run
        try:
            if self._clock.t == run.clock.t:
                run.start_update()
            else:
                run.behind -= 1
        finally:
            run.last = self._name
            self._planned.advance(optimizer)


@final
class DrivingStep:
    """The end of a step of the optimizer whose updates are counted."""

    __slots__ = ("_others", "_planned", "_run")

    def __init__(self, run: SharedRun, name: str) -> None:
        self._run, self._planned = run, run.members[name]
        self._others = [planned for other, planned in run.items() if other != name]

    def after_step(self, optimizer: Any) -> None:
        """Count the step, and write the next values into the groups of all optimizers."""
        run = self._run
        run.advance_lead()
        for planned in self._others:
            if planned.bound:
                planned.advance(planned)
            else:
                run.advance_without_step(planned)
        self._planned.advance(optimizer)


def _after_other_step(optimizer: Any) -> None:
    """Count nothing, after a step of an optimizer that does not drive the clock."""
    del optimizer
