"""Resuming several optimizers under one plan, from their own checkpoints or from the state of the Scheduler."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched.errors import StateError
from paramsched.plan.optimizers import scopes_of, shown_names
from paramsched.scheduler._clock import RunPosition
from paramsched.scheduler._group_keys import PLAN, Group, count_carried
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.scheduler._resume import (
    Resume,
    log_bases,
    log_conflicting_counts,
    log_initial_values,
    log_later_deadline,
    warn_if_over,
    warn_of_missing_count,
)
from paramsched.scheduler._shared_run import Load, SharedRun
from paramsched.scheduler._slots import bases_by_slot, slots_of
from paramsched.scheduler._value_block import ValueBlock
from paramsched.scheduler.consumption import resume_position
from paramsched.scheduler.saved_state import read_state_of_several, restored_states
from paramsched.scheduler.updates import updates_in_state

log = logging.getLogger("paramsched")


def conflicting_numbers(numbers: Mapping[str, int], instead: str) -> StateError:
    """Return the error for checkpoints of different runs, or of different moments of one."""
    first, last = min(numbers, key=numbers.__getitem__), max(numbers, key=numbers.__getitem__)
    return StateError(
        f"the checkpoint of {first} is of update {numbers[first]}, that of {last} of update {numbers[last]}: the "
        f"optimizers of one run differ by at most 1. Load checkpoints of one moment, or write {instead}"
    )


@final
@dataclass(frozen=True, slots=True)
class LoadsOfRun:
    """Handles the checkpoints of several optimizers.

    Args:
        run: the run, which knows the states that were loaded since its last update.
        resume: the resume policy.
    """

    run: SharedRun
    resume: Resume

    def numbers_after(self, name: str, number: int) -> dict[str, int]:
        """Return the number of each optimizer after one of them loads a count.

        Raises:
            StateError: an optimizer loaded a count before that differs by more than 1.
        """
        run, now = self.run, self.run.numbers
        if number == now[name]:
            return now
        others = {other: load for other, load in run.loads_at(now).items() if other != name}
        compared = {other: load.number for other, load in others.items() if load.is_compared}
        if any(abs(other - number) > 1 for other in compared.values()):
            raise conflicting_numbers(compared | {name: number}, "scheduler.seek(n)")
        near = {other: load.number for other, load in others.items() if abs(load.number - number) <= 1}
        t = max([number, *near.values()])
        if run.drive != "optimizer":
            return dict.fromkeys(now, t)
        kept = {other: loaded for other, loaded in (near | {name: number}).items() if loaded >= t - 1}
        return {other: kept.get(other, t) for other in now}

    def settle(self, name: str, position: RunPosition) -> bool:
        """Move the run to the position that one optimizer loaded; return whether the run itself moved.

        The groups of this optimizer are bound afterwards.
        """
        run, clock, now = self.run, self.run.clock, self.run.numbers
        numbers, loads = self.numbers_after(name, position.t), dict(run.loads_at(now))
        loads[name] = Load(position.t, is_compared=position.t != now[name])
        t = max(numbers.values())
        amounts = {clock.t - 1: clock.last_amount, clock.t: clock.amount, position.t: position.amount}
        target = position if position.t == t else clock.position  # the largest number has the state of the run
        moves = target != clock.position
        if moves:
            run.lead.in_force = run.lead.started_at(target)
            log_conflicting_counts(run.lead, t, "optimizer")
            clock.set_position(target, "optimizer")
        clock.last_amount = amounts.get(t - 1, target.amount)
        if moves:
            run.bind_lead()
        for other, planned in run.items():
            if other == name:
                planned.clock.set_position(run.position_at(numbers[name]))
            elif moves or planned.clock.t != numbers[other]:
                planned.seek(run.position_at(numbers[other]))
        run.count_behind()
        run.loads, run.loaded_numbers = loads, run.numbers
        return moves

    def warn_of_missing_count(self, planned: PlannedGroups, optimizer: Any, count: int | None) -> None:
        """Warn once per Scheduler that checkpoints carry no count, or 0 although the optimizer has stepped."""
        clock, groups, taken = self.run.clock, optimizer.param_groups, updates_in_state(optimizer)
        initial = count is None and log_initial_values(planned.slots(groups), groups)
        if (
            clock.start is not None
            or clock.t
            or self.run.warned_of_missing_count
            or (count is not None and (taken or 0) <= 1)
        ):
            return
        self.run.warned_of_missing_count = True
        bases = "initial values" if initial else "the loaded values" if count is None else "the recorded values"
        warn_of_missing_count(taken, count, bases)

    def load_state(self, data: Any, groups: Mapping[str, list[Group]]) -> None:
        """Resume from a state of the Scheduler.

        Args:
            data: the state.
            groups: the groups of each optimizer.

        Raises:
            StateError: the state is foreign, truncated or invalid. Nothing was written.
            PlanChanged: the plan differs and the policy is "error". Nothing was written.
        """
        run, resume, lead, clock = self.run, self.resume, self.run.lead, self.run.clock
        code, names = lead.in_force, tuple(run.members)
        state = read_state_of_several(data, (code.plan, code.calendar))
        chosen = resume.plan_after_load(state, code, tuple(state.optimizers))
        states = restored_states(state.feedback, chosen.resolved.metric_rules)
        position = resume_position(chosen, state.position_on(chosen.unit), "the scheduler's state", clock)
        chosen = lead.started_at(position, chosen)
        last_amount = position.amount if state.last_amount is None else state.last_amount
        scopes = scopes_of(chosen.plan, chosen.resolved, groups)
        bases, blocks = state.bases_by_optimizer(), {}
        for name in names:
            slots = slots_of(chosen.counted, groups[name], bases.get(name), scopes[name])
            is_behind = name in state.behind and run.drive == "optimizer"
            at = RunPosition(position.t - 1, last_amount) if is_behind else RunPosition(position.t, position.amount)
            block = ValueBlock(chosen.counted, slots, groups[name], at.times, states, targets=False)
            blocks[name] = at, block
        missing, new = [one for one in state.optimizers if one not in names], [one for one in names if one not in bases]
        if missing or new:
            log.warning(
                "the scheduler's state is of the optimizers %s, the run has %s: those in both use the saved bases",
                shown_names(state.optimizers), shown_names(names),
            )  # fmt: skip
        for name in names:
            saved = state.optimizers.get(name, len(groups[name]))
            if saved != len(groups[name]):
                log.warning(
                    "the scheduler's state has %d groups of %s, the optimizer has %d: the groups in both use the saved "
                    "bases", saved, name, len(groups[name]),
                )  # fmt: skip
        log_conflicting_counts(lead, position.t, "scheduler")
        log_later_deadline(
            state, chosen, position,
            lambda plan: {
                f"{one.name} of group {scopes[name].labels(groups[name])[one.group]!r}": one
                for name in names
                for one in slots_of(plan, groups[name], bases.get(name), scopes[name])
            },
        )  # fmt: skip
        lead.in_force, clock.states = chosen, states
        clock.set_position(position, "scheduler")
        clock.last_amount = last_amount
        lead.history = state.history.resumed_at(position.t, state.position.amount)
        lead.history = lead.history.with_plan(lead.entry())
        run.bind_lead()
        for name, planned in run.items():
            at, block = blocks[name]
            log_bases(block.slots, bases_by_slot(planned.block.slots), planned.labels(groups[name]))
            planned.in_force, planned.scope, planned.clock.states = chosen, scopes[name], states
            planned.clock.set_position(at)
            planned.bind(groups[name], block)
        run.count_behind()
        run.loads = {}
        warn_if_over(lead)


@final
@dataclass(frozen=True, slots=True)
class MemberLoads:
    """Handles the checkpoints of one of several optimizers."""

    loads: LoadsOfRun
    name: str

    def before_load(self, planned: PlannedGroups, state: dict[str, Any], count: int) -> None:
        """Raise for an optimizer state from which the run cannot resume, before anything is written."""
        self.loads.resume.before_load(planned, state, count)
        groups = state.get("param_groups") if isinstance(state, dict) else None
        if isinstance(groups, list) and all(isinstance(group, dict) for group in groups):
            number = count_carried(groups)
            if number is not None:
                self.loads.numbers_after(self.name, number)

    def after_load(self, planned: PlannedGroups, optimizer: Any) -> None:
        """Resume from the count and the bases in the loaded groups."""
        loads, groups = self.loads, optimizer.param_groups
        resume, lead, found = loads.resume, loads.run.lead, count_carried(groups)
        plans = frozenset(group[PLAN] for group in groups if PLAN in group)
        unknown = resume.differs(lead.in_force, groups)
        bases, moves, reached = bases_by_slot(planned.block.slots), False, lead.clock.t
        if not found:
            loads.warn_of_missing_count(planned, optimizer, found)
        if found is not None:
            moves = loads.settle(self.name, resume.position_of(planned, groups))
            log_bases(planned.slots(groups), bases, planned.labels(groups))
        entry = lead.entry()
        if unknown:
            lead.history = lead.history.with_plan_after_unknown(entry)
        elif moves and lead.in_force.start is not None:
            lead.history = lead.history.with_start(entry, reached)
        elif moves:
            lead.history = lead.history.resumed_at(entry.update, entry.amount)
        planned.in_force = lead.in_force
        planned.bind(
            groups, planned.new_block(planned.slots(groups), groups, planned.clock.times, planned.clock.states)
        )
        if unknown:
            resume.log_unknown_plan(lead)
            resume.accepted |= plans
        if moves:
            warn_if_over(lead)
