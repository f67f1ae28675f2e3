"""Several optimizers under one plan: the clock that they share, or the optimizer that drives it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, final

from paramsched.core.base.problem import Problem
from paramsched.core.plan.optimizers import NO_SCOPE, shown_names
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.groups import Groups, sync, warn_of_update
from paramsched.core.run.metric_states import saved_states
from paramsched.core.run.record import Adopted
from paramsched.core.run.reports import problems_of_bases
from paramsched.core.run.run import AfterStep, Run
from paramsched.core.run.state import Choices, Clock, Group, RunState, SavedRun
from paramsched.core.run.steps import ByHand, Steps, run_uncompiled
from paramsched.errors import StateError


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
            first, last = min(carried, key=carried.__getitem__), max(carried, key=carried.__getitem__)
            raise StateError(
                f"the checkpoint of {first} is of update {carried[first]}, that of {last} of update {carried[last]}: "
                "the optimizers of one run differ by at most 1. Load checkpoints saved at the same update, or write "
                "ps.Scheduler(optimizers, plan, t=n)"
            )
        return dict.fromkeys(names, start)
    return {name: carried.get(name, t) if drive == "optimizer" else t for name in names}


def run_of_several(
    choices: Choices, groups: Mapping[str, list[Group]], adopted: Mapping[str, Adopted], source: str | None
) -> Run:
    """Return the run of several optimizers; the arguments and the result are as in `run_of_one`."""
    first, *_ = adopted.values()
    in_force, states, positions = first.in_force, first.states, [one.position for one in adopted.values()]
    clock = RunState(states, max(positions, key=lambda position: position.t), choices, source)
    clock.last_amount = min(positions, key=lambda position: position.t).amount
    clock.begin(in_force)
    lead = Groups(in_force, clock, clock, NO_SCOPE)
    members: dict[str, Groups] = {}
    for name, one in adopted.items():
        own, starts = Clock(states, one.position), choices.drive in ("optimizer", "manual", name)
        mine = members[name] = Groups(in_force, own, clock, one.scope, starts=starts)
        mine.rows = mine.new_rows(one.lines, groups[name], own.times, states)
    parameters = [one for mine in groups.values() for group in mine for one in group["params"]]
    return SharedRun(lead, members, choices.drive, parameters)


@final
class SharedRun(Run):
    """The run of several optimizers, which counts its updates from their steps.

    The run is at the largest count of its optimizers. On the shared clock, the next step of an optimizer belongs to
    the update of the run, or to the previous one if the optimizer has not stepped in it; with a driver, or by hand, to
    the update of the run. The lead has no groups of its own, only the parameters of all optimizers.

    A load sets the count of one optimizer, so that loads in any order end in the same state. After a load, and until
    the next update, `saved` has the count of each optimizer, because a later load may return the run to an earlier one.
    An optimizer whose count is further behind continues at the update of the run.

    Args:
        lead: writes the targets, and has the consumption.
        members: the optimizers, by name.
        drive: as in `Run`.
        parameters: those of all optimizers.
    """

    def __init__(self, lead: Groups, members: Mapping[str, Groups], drive: str, parameters: list[Any]) -> None:
        Run.__init__(self, lead, members, drive)
        self._of_lead, self._steps = Steps(lead), {name: Steps(planned) for name, planned in members.items()}
        self.param_groups: list[Group] = [{"params": parameters}]
        self.behind = 0  # the number of optimizers that have not taken part in the update `clock.t - 1`
        self.last = ""  # the optimizer that stepped last
        self._has_warned = False
        self.uncompiled = (
            SharedSteps.after_shared_step, SharedSteps.after_driving_step, SharedSteps.after_other_step,
            SharedRun.start_update, SharedRun.advance_lead, SharedRun.advance_without_step,
        )  # fmt: skip

    # ------------------------------------------------------------------ positions

    def bind_lead(self) -> None:
        """Write the targets at the position of the run, and measure the next update from now."""
        lead, clock = self.lead, self.clock
        lead.bind(self.param_groups, lead.new_rows((), self.param_groups, clock.times, clock.states))

    def note_positions(self) -> None:
        self.saved.clear()
        self._count_behind()

    def _count_behind(self) -> None:
        self.behind = sum(planned.clock.t < self.clock.t for planned in self.members.values())

    def reached(self, counts: Mapping[str, int | None]) -> int:
        return max(self._count(name) if (count := counts.get(name)) is None else count for name in self.members)

    def load(self, loaded: Mapping[str, SavedRun], source: str | None) -> bool:
        counted = {name: saved for name, saved in loaded.items() if saved.count is not None}
        if not counted:  # an optimizer without a count joins the run
            return False
        if not self.saved:
            self.saved = self._present()
        for name, saved in counted.items():
            self.saved.pop(name, None)
            self.saved[name] = saved  # the last one
        counts = {name: self._count(name) for name in self.members}
        t, amounts = max(counts.values()), self._amounts()
        record = self._record_of(t)
        before = self.clock.position
        position = self.position_at(t) if record is None else record.position_at(t)
        if position != before:
            self._move(position, source)
        self.clock.last_amount = amounts.get(t - 1, position.amount)
        if record is not None:
            self._continue_from(record)
        for name, planned in self.members.items():
            number = t - (self.drive == "optimizer" and counts[name] == t - 1)
            # The others are not written again, so they keep what they have of the coming update.
            if name in counted or position != before or number != planned.clock.t:
                planned.clock.set_position(self.position_at(number))
            planned.clock.states = self.clock.states
        self._count_behind()
        return position != before

    def _present(self) -> dict[str, SavedRun]:
        """Return the present run with the count of each optimizer."""
        clock = self.clock
        position, feedback = replace(clock.position, samples=self.samples()), saved_states(clock.states)
        return {
            name: SavedRun(number, position, clock.last_amount, feedback, clock.history, is_loaded=False)
            for name, number in self.numbers.items()
        }

    def _count(self, name: str) -> int:
        """Return the count of an optimizer: that of `saved`, unless it has stepped since."""
        count = self.saved[name].count if name in self.saved else None
        return self.members[name].clock.t if count is None else count

    def _record_of(self, t: int) -> SavedRun | None:
        """Return the record of the run at an update, the last one that was loaded; None if that is the present one."""
        saved = list(reversed(self.saved.values()))
        of_run = next((one for one in saved if one.is_loaded and one.position.t == t), None)
        if of_run is not None or t == self.clock.t:
            return of_run
        return next(one for one in saved if t in (one.count, one.position.t))

    def _amounts(self) -> dict[int, Amount | None]:
        """Return the known amounts by update; those that were loaded last take precedence."""
        clock = self.clock
        found = {clock.t - 1: clock.last_amount, clock.t: clock.amount}
        for saved in self.saved.values():
            found[saved.position.t] = saved.position.amount
            if saved.last_amount is not None:
                found[saved.position.t - 1] = saved.last_amount
        return found

    def end_loads(self) -> None:
        """Warn of what differs in the checkpoints of the optimizers, and forget what was loaded."""
        t = self.clock.t
        for name, saved in self.saved.items():
            if saved.is_loaded and saved.count is not None and saved.count < t - 1:
                found = f"the checkpoint of {name} is of update {saved.count}, and the run is at update {t}"
                advice = f"Load checkpoints of the same update. {name} continues at update {t}."
                self.clock.unreported.append(Problem(found=found, advice=advice))
        self.clock.unreported += [problem for problem, _ in problems_of_bases(self.changed_bases, t)]
        self.saved.clear()
        self.changed_bases = []

    # ------------------------------------------------------------------ at every update

    def after_step(self, name: str, steps: Steps) -> AfterStep:
        shared = SharedSteps(self, name, steps)
        if self.drive not in ("optimizer", name):
            return shared.after_other_step
        return shared.after_shared_step if self.drive == "optimizer" else shared.after_driving_step

    def start_update(self) -> None:
        """Count an update of the run, which one of the optimizers starts."""
        if self.behind:
            run_uncompiled(SharedRun._move_missed)(self)
        self.behind = len(self.members) - 1
        self.advance_lead()

    def advance_lead(self) -> None:
        """Count an update of the run."""
        if self.saved:
            run_uncompiled(SharedRun.end_loads)(self)
        if self.lead.is_plain:  # only the clock counts it
            self.clock.t += 1
        else:
            run_uncompiled(SharedRun._advance_lead)(self)

    def _advance_lead(self) -> None:
        if not self.lead.bound:  # after a target could not be written
            sync(self.lead, self.param_groups)
        self._of_lead.advance(self)

    def _move_missed(self) -> None:
        """Move the optimizers that missed the last update to the next one."""
        t = self.clock.t
        missed = [name for name, planned in self.members.items() if planned.clock.t < t]
        for name in missed:
            self.advance_without_step(name)
        if not self._has_warned:
            self._has_warned = True
            self.clock.processes.log(
                "update %d ended without a step of %s. On the shared clock, an optimizer that misses an "
                "update may use values that are one update old. To count the updates of one optimizer, write "
                'drive="%s"',
                t - 1, shown_names(missed), self.last or next(name for name in self.members if name not in missed),
            )  # fmt: skip

    def advance_without_step(self, name: str) -> None:
        """Move an optimizer to the next update, without a step of it."""
        planned = self.members[name]
        if planned.bound:
            try:
                self._steps[name].advance(SimpleNamespace(param_groups=planned.bound))
            except Exception:
                if planned.bound:  # else its groups are invalid, and its own next step raises
                    raise
        else:  # its groups are invalid, and bound again before its next step
            planned.clock.set_position(self.position_at(planned.clock.t + 1))

    def counter(self, optimizers: Mapping[str, Any]) -> Callable[[], object]:
        members = [ByHand(planned, optimizers[name]) for name, planned in self.members.items()]
        return partial(self._advance_by_hand, ByHand(self.lead, self), members)

    def _advance_by_hand(self, lead: ByHand, members: list[ByHand]) -> None:
        self.end_loads()
        try:
            if self.lead.is_plain:
                self.clock.t += 1
            else:
                lead.advance()
            for member in members:
                member.advance()
        except Exception:
            for name, planned in self.members.items():
                if planned.clock.t < self.clock.t:
                    self.advance_without_step(name)
            raise
        self.clock.acknowledged_at = self.clock.t
        warn_of_update(self.clock)


@final
class SharedSteps:
    """The ends of the steps of one of several optimizers.

    Args:
        run: the run.
        name: the optimizer.
        steps: its steps.
    """

    __slots__ = ("name", "run", "steps")

    def __init__(self, run: SharedRun, name: str, steps: Steps) -> None:
        self.run, self.name, self.steps = run, name, steps

    def after_shared_step(self, optimizer: Any) -> None:
        """Count a step on the shared clock, which starts an update of the run or takes part in the last one."""
        run, steps = self.run, self.steps
        try:
            if steps.planned.clock.t == run.clock.t:
                run.start_update()
            else:
                run.behind -= 1
                run.saved.pop(self.name, None)
        finally:
            run.last = self.name
            steps.advance(optimizer)
        if run.clock.unreported:
            run_uncompiled(warn_of_update)(run.clock)

    def after_driving_step(self, optimizer: Any) -> None:
        """Count a step of the driving optimizer, and write the next values into the groups of all optimizers."""
        run = self.run
        try:
            run.advance_lead()
        finally:
            for other in run.members:
                if other != self.name:
                    run.advance_without_step(other)
            self.steps.advance(optimizer)
        if run.clock.unreported:
            run_uncompiled(warn_of_update)(run.clock)

    def after_other_step(self, optimizer: Any) -> None:
        """Count nothing, after a step of an optimizer that does not drive the clock."""
