"""Several optimizers under one plan: the clock that they share, or the optimizer that drives it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, final

from paramsched.core.plan.lines import UpdateTimes
from paramsched.core.plan.optimizers import NO_SCOPE, shown_names
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount, RunAmounts, UnknownAmounts
from paramsched.core.run.block import ValueBlock
from paramsched.core.run.groups import Groups, sync, warn_of_update
from paramsched.core.run.record import Adopted
from paramsched.core.run.run import AfterStep, Run
from paramsched.core.run.state import Choices, Clock, Group, RunPosition, RunState
from paramsched.core.run.steps import ByHand, Steps, check_amount, run_uncompiled
from paramsched.errors import StateError


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
        own, starts = Clock(states, one.position), choices.drive in ("optimizer", name)
        amounts_of = partial(_followed_amounts, lead, starts_updates=starts)
        mine = members[name] = Groups(in_force, own, clock, one.scope, amounts_of)
        mine.block = mine.new_block(one.lines, groups[name], own.times, states)
    parameters = [one for mine in groups.values() for group in mine for one in group["params"]]
    return SharedRun(lead, members, choices.drive, parameters)


@final
@dataclass(frozen=True, slots=True)
class Load:
    """A state that an optimizer loaded since the last update.

    Args:
        number: the count that it carried.
        is_compared: True if it changed the position of the optimizer. Engines also reload an optimizer's own state,
            which must not be compared with the checkpoint that they load next. Counts that the optimizers carried
            when the Scheduler was constructed are not compared either.
    """

    number: int
    is_compared: bool


@final
class SharedRun(Run):
    """The run of several optimizers, which counts its updates from their steps.

    On the shared clock, the number of each optimizer is the update of the run or the previous one; with a driver, or
    by hand, it is the update of the run. The lead has no groups of its own, only the parameters of all optimizers.

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
        self._loads: dict[str, Load] = {}
        self._loaded_at = 0, 0  # the update and `behind` after the last load; each step changes one of them
        self._has_warned = False
        self.uncompiled = (
            SharedSteps.after_shared_step, SharedSteps.after_driving_step, SharedSteps.after_other_step,
            SharedRun.start_update, SharedRun.advance_lead, SharedRun.advance_without_step,
        )  # fmt: skip

    # ------------------------------------------------------------------ positions

    def bind_lead(self) -> None:
        """Write the targets at the position of the run, and measure the next update from now."""
        lead, clock = self.lead, self.clock
        lead.bind(self.param_groups, lead.new_block((), self.param_groups, clock.times, clock.states))

    def note_positions(self, loaded: Mapping[str, int] | None = None) -> None:
        self._count_behind()
        carried = (loaded or {}).items()
        loads = {name: Load(count, is_compared=False) for name, count in carried}
        self._record_loads(loads)

    def _count_behind(self) -> None:
        self.behind = sum(planned.clock.t < self.clock.t for planned in self.members.values())

    def _recent_loads(self) -> dict[str, Load]:
        """Return the states that were loaded since the last step."""
        return self._loads if self._loaded_at == (self.clock.t, self.behind) else {}

    def _record_loads(self, loads: dict[str, Load]) -> None:
        """Record the states that were loaded since the last step, after `_count_behind`."""
        self._loads, self._loaded_at = loads, (self.clock.t, self.behind)

    def _numbers_after(self, name: str, number: int) -> dict[str, int]:
        """Return the number of each optimizer after one of them loads a count.

        Raises:
            StateError: an optimizer loaded a count before that differs by more than 1.
        """
        now = self.numbers
        if number == now[name]:
            return now
        loads = {other: load for other, load in self._recent_loads().items() if other != name}
        compared = {other: load.number for other, load in loads.items() if load.is_compared}
        if any(abs(other - number) > 1 for other in compared.values()):
            raise conflicting_numbers(compared | {name: number}, "scheduler.seek(n)")
        near = {other: load.number for other, load in loads.items() if abs(load.number - number) <= 1}
        t = max([number, *near.values()])
        if self.drive != "optimizer":
            return dict.fromkeys(now, t)
        kept = {other: loaded for other, loaded in (near | {name: number}).items() if loaded >= t - 1}
        return {other: kept.get(other, t) for other in now}

    def _reached_after(self, name: str, number: int) -> int:
        """Return the update of the run after an optimizer loads a count, as for `_numbers_after`."""
        return max(self._numbers_after(name, number).values())

    def _position_after(self, name: str, position: RunPosition) -> RunPosition | None:
        """Return the position to which the run moves if one optimizer loads a position; None if it does not move."""
        t = self._reached_after(name, position.t)
        target = position if position.t == t else self.clock.position  # the largest number has the state of the run
        return None if target == self.clock.position else target

    def check_load(self, name: str, position: RunPosition) -> None:
        self._reached_after(name, position.t)  # raises if the optimizers cannot continue together

    def begin_load(self, source: str) -> None:
        Run.begin_load(self, source)
        self._loads = {}

    def has_loaded_all(self) -> bool:
        return self._loads.keys() >= self.members.keys()

    def load(self, name: str, position: RunPosition, source: str | None) -> bool:
        if source is None:  # an optimizer without a count joins the run
            return False
        clock, planned, loads = self.clock, self.members[name], self._recent_loads()
        moved, is_other = self._position_after(name, position), position.t != planned.clock.t
        if moved is None and not is_other:  # the other optimizers do not move
            if position.t < clock.t:
                clock.last_amount = position.amount
            planned.clock.set_position(self.position_at(position.t))
            self._record_loads(loads | {name: Load(position.t, is_compared=False)})
            return False
        numbers, loads = self._numbers_after(name, position.t), dict(loads)
        t = max(numbers.values())
        loads[name] = Load(position.t, is_compared=is_other)
        amounts = {clock.t - 1: clock.last_amount, clock.t: clock.amount, position.t: position.amount}
        if moved is not None:
            self.move(moved, t, source)
        clock.last_amount = amounts.get(t - 1, clock.amount)
        if moved is not None:
            self.bind_lead()
        for other, mine in self.members.items():
            if other == name:
                mine.clock.set_position(self.position_at(numbers[name]))
            elif moved is not None or mine.clock.t != numbers[other]:
                mine.seek(self.position_at(numbers[other]))
        self._count_behind()
        self._record_loads(loads)
        return moved is not None

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
        if self.changed_bases:  # not all optimizers have loaded a state
            run_uncompiled(Run.log_changed_bases)(self)
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
        self.log_changed_bases()
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


def _followed_amounts(
    lead: Groups, in_force: ResolvedPlan, clock: Clock, *, starts_updates: bool
) -> "FollowedAmounts | None":
    """Return the consumption of one of several optimizers; None if the plan is by updates."""
    amounts = in_force.amounts
    return None if amounts is None else FollowedAmounts(amounts, clock, lead, starts_updates=starts_updates)


@final
class FollowedAmounts:
    """The consumption of one of several optimizers: that of the run, whose clock counts it once per update.

    Args:
        amounts: the planned amounts of the run.
        clock: the clock of the optimizer.
        lead: the groups of the run.
        starts_updates: True if a step of the optimizer may start an update of the run.
    """

    def __init__(self, amounts: RunAmounts, clock: Clock, lead: Groups, *, starts_updates: bool) -> None:
        self._amounts, self._clock, self._lead = amounts, clock, lead
        self._check_run: Callable[[], object] | None = partial(check_amount, lead) if starts_updates else None
        self.unit = amounts.clock
        clock.reported = 0  # not None, so that the amount after each update is compared with that of the run
        clock.needs_check = starts_updates

    def check_amount(self) -> None:
        """Check the consumption of the run, if the next step of the optimizer starts an update."""
        if self._check_run is not None and self._clock.t == self._lead.clock.t:
            self._check_run()

    def coming_times(self, expected: Amount | None, block: ValueBlock) -> UpdateTimes | None:
        """Return the times of the updates to compute next; None if the block contains these already."""
        t, run = self._clock.t, self._lead.clock
        self._clock.needs_check = self._check_run is not None
        amount = run.amount if t == run.t else run.last_amount
        if expected is not None and expected == amount:
            return None
        block.drop_coming(next_consumed=expected is not None)
        assert amount is not None
        count = 1 if isinstance(self._amounts, UnknownAmounts) else block.next_size(t)
        return UpdateTimes(t, self._amounts.amounts_from(t, amount, count), count)
