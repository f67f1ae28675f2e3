"""Resuming: the state that a checkpoint restores, and the handling of a changed plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from paramsched.core.base.problem import Problem
from paramsched.core.curves.arrays import equal_to_last_places
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import UPDATES, clock_of_field
from paramsched.core.plan.diff import Diff
from paramsched.core.plan.followed_lines import followed_targets
from paramsched.core.plan.optimizers import ALONE, Scope, errors_of, scopes_of, shown_names
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.scheduler.block import ValueBlock, Values
from paramsched.core.scheduler.group_keys import (
    COUNT,
    PLAN,
    Group,
    History,
    check_entries,
    count_carried,
    is_finite_number,
)
from paramsched.core.scheduler.groups import Groups
from paramsched.core.scheduler.messages import WORLD, Processes
from paramsched.core.scheduler.on_base import BASES_OF_CHECKPOINT, BasePolicy, LoadedBases, record_bases
from paramsched.core.scheduler.rebinding import equals_number, groups_changed, note_code_bases, require_lengths
from paramsched.core.scheduler.run import ChangedBase, Run, by_field
from paramsched.core.scheduler.run_state import (
    BEGIN_OF_DATA,
    PlanBefore,
    ResolvedPlan,
    RuleStates,
    RunPosition,
    UpdateTimes,
    position_carried,
    resume_position,
)
from paramsched.core.scheduler.saved_state import OnChange, OnChangeChoice, State, check_rules, restored_states
from paramsched.core.scheduler.slots import (
    Slot,
    bases_by_slot,
    initial_value,
    present_values,
    slots_of,
    values_at,
    with_base,
)
from paramsched.core.scheduler.updates import updates_in_state
from paramsched.core.scheduler.value_ranges import refuse_values_outside
from paramsched.core.time.amounts import amount_text
from paramsched.errors import PlanChanged, StateError, shown


def log_initial_values(
    parts: Iterable[tuple[Iterable[Slot], Sequence[Group], Sequence[str | int]]],
    processes: Processes,
    *,
    has_state: bool,
) -> bool:
    """Log the initial values of an earlier scheduler that are used as bases: one line for each field.

    Args:
        parts: the slots, the groups and their labels, of each optimizer.
        processes: the processes that train together.
        has_state: True if an optimizer has a state.

    Returns:
        True if there are any, and the run may have started: an optimizer has a state, or a value has moved.
    """
    found = [
        ChangedBase(str(slot.field), labels[slot.group], slot.field.read(groups[slot.group]), slot.base)
        for slots, groups, labels in parts
        for slot in slots
        if initial_value(slot.field, groups[slot.group]) is not None
    ]
    if not found:
        return False
    moved = [one for one in found if one.code != one.base]
    for field, groups_text, values in by_field(moved, "{base!r} is the base of {field}, not the present {code!r}"):
        processes.log(
            "%s: initial_%s of an earlier scheduler: %s. To use present values as bases, delete it before the "
            'Scheduler is constructed: del group["initial_%s"]', groups_text, field, values, field,
        )  # fmt: skip
    return has_state or bool(moved)


def report_position(
    slots: Iterable[Slot], taken: int | None, carried: int | None, processes: Processes, *, initial: bool
) -> None:
    """Report that the plan starts at 0, which may not be the position of the run.

    Args:
        slots: the slots whose bases the message names.
        taken: the number of updates in the optimizer's own state.
        carried: the count that the groups carry, or None.
        processes: the processes that train together.
        initial: True if earlier schedulers stored initial values.
    """
    text = (
        f"{_found_count('the optimizer', carried)}; starting the plan at update 0, with "
        f"{_bases(slots, initial=initial)}. "
        f"If the run has completed n updates, write ps.Scheduler(optimizer, plan, t=n){_optimizer_count(taken)}; if it "
        "had a plan, attach the plan before the checkpoint is loaded. t=0 turns this message off"
    )
    if taken is not None and taken > _HIDDEN and not initial:  # then the bases are wrong too
        processes.warn(Problem(found=text))
    elif carried is None:
        processes.log(text)


def without_initial(slots: Iterable[Slot], groups: Sequence[Group]) -> list[Slot]:
    """Return the slots in groups that no earlier scheduler has given an initial value."""
    return [slot for slot in slots if not any(str(key).startswith("initial_") for key in groups[slot.group])]


def warn_of_present_bases(present: Sequence[Slot], t: int, processes: Processes) -> None:
    """Warn that an earlier scheduler may have changed these bases, because their groups had no initial value."""
    if present:
        instead = (
            "If a scheduler has changed them since update 0, write those of update 0 first: "
            'group["initial_lr"] = 0.1 for the lr of each group. '
            'If they are right, group["initial_lr"] = group["lr"] turns this warning off'
        )
        found = f"the plan starts at update {t} with {_bases(present, initial=False)}"
        processes.warn(Problem(found=found, advice=instead))


_HIDDEN = 1  # updates in an optimizer's own state after the hidden step of torch's distributed checkpoint


def _found_count(where: str, count: int | None) -> str:
    if count is None:
        return f"no update count found in {where}"
    return f"{where} carries a count of 0 updates"


_SHOWN = 4  # bases that a message names


def _bases(slots: Iterable[Slot], *, initial: bool) -> str:
    """Return a text with the source of the bases and their distinct values."""
    found = list(dict.fromkeys(f"{slot.field} {slot.base!r}" for slot in slots))
    listed = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    return f"the {'initial' if initial else 'present'} values as bases ({listed})"


def log_takeover(t: int, processes: Processes) -> None:
    """Log that a second Scheduler with the same plan replaces one that is still referenced."""
    processes.log(
        "this Scheduler replaces an earlier one with the same plan at update %d. The earlier one is detached and "
        "raises when it is used", t,
    )  # fmt: skip


_SAMPLES_CLOCK_HINT = (
    'A plan with clock="samples" keeps its position in the data if the total batch size of all processes changes'
)


def log_other_epoch(saved: PlanBefore, code: ResolvedPlan, processes: Processes) -> None:
    """Log if two plans differ only because an epoch has more or fewer updates, as with more processes."""
    before, now = saved.calendar.updates_per_epoch, code.calendar.updates_per_epoch
    if saved.text == code.plan.text and code.unit is None and before != now and before is not None:
        processes.log(
            "the plan is the same, but an epoch has %s updates instead of %d. The plan counts updates, so the run "
            "resumes in another epoch than the one it was saved in. " + _SAMPLES_CLOCK_HINT, now, before,
        )  # fmt: skip


def warn_if_over(planned: Groups) -> None:
    """Warn if the run has completed more updates than the plan has, because a new run was probably meant."""
    total, t = planned.in_force.total, planned.clock.t
    if total is not None and t > total:
        found = f"the optimizer has completed {t} updates, but the plan ends after {total}: its last values are kept"
        advice = "To restart the plan, call scheduler.seek(0)."
        planned.parts.processes.warn(Problem(found=found, advice=advice))


def warn_if_shorter_than_epoch(planned: Groups) -> None:
    """Warn if the horizon in updates is shorter than one epoch: epochs were probably meant."""
    plan, epoch = planned.in_force.plan, planned.in_force.calendar.updates_per_epoch
    horizon = plan.horizon
    if horizon is None or epoch is None or not horizon.is_resolved or plan.clock != UPDATES:
        return
    if horizon.updates < epoch:
        found = (
            f"horizon={horizon} is {horizon} updates, less than one epoch of {epoch}: after update {horizon} the last "
            "values are kept"
        )
        advice = f'For {horizon} epochs write horizon="{horizon} epochs"'
        planned.parts.processes.warn(Problem(found=found, advice=advice))


def values_of_other_plan(planned: Groups, groups: list[Group]) -> Values | None:
    """Return the values in groups that another plan has written; None if the plan in force has."""
    if PLAN not in groups[0] or equals_number(groups[0][PLAN], planned.in_force.number):
        return None
    return present_values(planned.slots(groups), groups)


def _optimizer_count(taken: int | None) -> str:
    return "" if taken is None else f" (its own state counts {taken})"


@final
@dataclass(frozen=True, slots=True)
class LoadedMember:
    """The values of one optimizer that loads a state, which are not written yet; `held` as in `Groups.bind`."""

    position: RunPosition
    scope: Scope | None
    block: ValueBlock
    held: Values | None
    bases: LoadedBases


@final
@dataclass(frozen=True, slots=True)
class Continuation:
    """What a run continues with after it loads a state."""

    in_force: ResolvedPlan
    position: RunPosition
    last_amount: Amount | None
    states: RuleStates
    members: Mapping[str, LoadedMember]


def _saved_slots(
    planned: Groups,
    groups: list[Group],
    bases: Mapping[tuple[int, str], float],
    scope: Scope | None,
    chosen: ResolvedPlan,
    *,
    is_same: bool,
) -> tuple[Slot, ...]:
    """Return the slots of one optimizer with the bases of a state."""
    if not is_same:
        return slots_of(chosen.counted, groups, bases, scope)
    return tuple(with_base(slot, bases.get((slot.group, slot.field.slot), slot.base)) for slot in planned.block.slots)


def _prepared(
    planned: Groups,
    groups: list[Group],
    loaded: LoadedBases,
    chosen: ResolvedPlan,
    times: UpdateTimes,
    states: RuleStates,
    *,
    is_same: bool,
) -> ValueBlock:
    """Compute the values of one optimizer that loads a state."""
    before, slots, block = planned.block.slots, loaded.slots, planned.block
    refuse_values_outside(chosen, slots, planned.labels(groups), times)
    if is_same and all(slot is known for slot, known in zip(slots, before, strict=True)):
        block.seek(times, states)
        return block
    return ValueBlock(chosen.counted, slots, groups, times, states, targets=planned.clock is planned.run)


def _held(loaded: LoadedBases, pending: Values, times: UpdateTimes, states: RuleStates) -> Values | None:
    """Return the saved values of the coming step of an optimizer, if another plan determined them."""
    saved = {place: pending.get(place, base) for place, base in bases_by_slot(loaded.slots).items()}  # else the base
    return None if equal_to_last_places(list(saved.values()), values_at(loaded.slots, times, states)) else saved


@final
class Resume:
    """The resume policy of one scheduler, used by the hooks when the optimizer's own state is loaded."""

    def __init__(
        self, on_change: OnChange, bases: BasePolicy = BASES_OF_CHECKPOINT, processes: Processes = WORLD
    ) -> None:
        self.on_change, self.bases, self.processes = on_change, bases, processes
        self.accepted: frozenset[int] = frozenset()  # numbers of plans whose difference was already handled

    # ------------------------------------------------------------------ the optimizer's own state

    def before_load(self, run: Run, name: str, state: dict[str, Any], present: list[Group]) -> None:
        """Raise for the state of one optimizer from which a run cannot resume, before anything is written.

        Args:
            run: the run.
            name: the optimizer.
            state: its state.
            present: its groups.
        """
        planned, groups = run.members[name], state.get("param_groups") if isinstance(state, dict) else None
        if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
            return  # torch raises for it
        if len(groups) != len(present):
            return  # as above
        if groups_changed(planned, present):
            note_code_bases(planned, present)
        with errors_of(name):
            check_entries(groups)
            require_lengths(planned, groups)
        loaded = self.bases.loaded(planned, planned.slots(groups), groups)
        found, position = count_carried(groups), self.position_of(planned, groups)
        refuse_values_outside(planned.in_force, loaded.slots, planned.labels(groups), position.times)
        is_behind = run.driver.is_behind_after_load(run, name, position, is_known=found is not None)
        if found is not None and not is_behind and self.unknown_plans(planned.in_force, groups):
            plan = planned.in_force.plan
            self.refuse_if_error(f"the plan in the optimizer's checkpoint differs from the code's: {plan!r}")

    def after_load(self, run: Run, name: str, optimizer: Any) -> None:
        """Resume from the count and the bases in the loaded groups of one optimizer."""
        lead, clock, planned, groups = run.lead, run.clock, run.members[name], optimizer.param_groups
        found, slots = count_carried(groups), planned.slots(groups)
        other = values_of_other_plan(planned, groups)
        loaded = self.bases.loaded(planned, slots, groups)
        if loaded.replaced and other is None:  # an optimizer that is behind keeps the values of its coming step
            other = present_values(slots, groups)
        if not found:
            self._warn_of_missing_count(run, slots, optimizer, found, planned.labels(groups))
        source, position = None if found is None else "optimizer", self.position_of(planned, groups)
        moves = run.driver.load(run, name, position, source, other)
        if found is None and moves:
            clock.counts_from = BEGIN_OF_DATA
        elif found is not None and position.t == clock.t:
            clock.count_samples_from(position)
        run.changed_bases += [one for one in loaded.changes if found is not None or one.applies]
        if run.driver.has_loaded_all(run):
            run.log_changed_bases()
        is_behind = planned.clock.t < run.clock.t  # then the values are those of the plan before, until the next step
        unknown = frozenset() if is_behind else self.unknown_plans(lead.in_force, groups)
        now = clock.entry(lead.in_force)  # an optimizer's state has no history
        if unknown:
            clock.history = clock.history.with_plan_after_unknown(now)
        elif moves:
            clock.history = History((now,)) if found is None else clock.history.resumed_at(now.update, now.amount)
        planned.bind(groups, planned.new_block(loaded.slots, groups, planned.clock.times, clock.states), other)
        record_bases(run, {} if found is None else loaded.replaced)
        if unknown:
            self.log_unknown_plan(run, unknown)
        if moves:
            warn_if_over(lead)

    def _warn_of_missing_count(
        self, run: Run, slots: Iterable[Slot], optimizer: Any, count: int | None, labels: Sequence[str | int]
    ) -> None:
        """Warn that a checkpoint carries no count, or 0 although the optimizer has stepped; of several, once."""
        taken, groups = updates_in_state(optimizer), optimizer.param_groups
        initial = count is None and log_initial_values([(slots, groups, labels)], self.processes, has_state=True)
        if run.clock.start is not None or (count is not None and (taken or 0) <= _HIDDEN):
            return
        if run.is_shared and (run.clock.t or run.warned_of_missing_count):
            return
        run.warned_of_missing_count = True
        bases = "initial values" if initial else "the loaded values" if count is None else "the recorded values"
        found = _found_count("the checkpoint of the optimizer", count)
        found += f"; starting the plan at update 0, with {bases} as bases"
        instead = f"If it was saved after n updates, call scheduler.seek(n){_optimizer_count(taken)}."
        self.processes.warn(Problem(found=found, advice=instead))

    def position_of(self, planned: Groups, groups: list[Group]) -> RunPosition:
        """Return the position of the run from which the groups of a checkpoint were saved."""
        in_force, clock, run = planned.in_force, planned.clock, planned.run
        start = run.start or 0 if clock is run else clock.t  # without a count, one of several joins the run
        found = position_carried(groups, in_force.unit, start)
        return resume_position(in_force, found, "the optimizer's checkpoint", clock)

    # ------------------------------------------------------------------ the scheduler's state

    def load(self, run: Run, state: State, groups: Mapping[str, list[Group]]) -> None:
        """Resume from a scheduler's state.

        Args:
            run: the run.
            state: the state.
            groups: the groups of each optimizer.

        Raises:
            StateError: the state is of one optimizer and the run has several, or the reverse. Nothing was written.
            PlanChanged: the plan differs and the policy is "error". Nothing was written.
        """
        code, clock = run.lead.in_force, run.clock
        if bool(state.names) != run.is_shared:
            theirs = f"the optimizers {shown(','.join(state.names))}" if state.names else "one optimizer"
            raise StateError(
                f"this is the state of a Scheduler for {theirs}, and this Scheduler has "
                f"{'several' if run.is_shared else 'one'}. If the run has completed n updates, call scheduler.seek(n)"
            )
        chosen = self.plan_after_load(state, code)
        if chosen.plan.text == state.text:
            check_rules(state.feedback, chosen.plan)
        position = resume_position(chosen, state.position_on(chosen.unit), "the scheduler's state", clock)
        states = restored_states(state.feedback, chosen.resolved.metric_rules)
        is_known = state.last_amount is not None and state.unit == chosen.unit
        last_amount = state.last_amount if is_known else position.amount
        scopes = {name: planned.scope for name, planned in run.members.items()}
        if chosen is not code:
            scopes = scopes_of(chosen.plan, chosen.resolved, groups)
        behind = state.behind if run.drive == "optimizer" else ()
        positions = {
            name: RunPosition(position.t - 1, last_amount) if name in behind else position for name in run.members
        }
        bases, is_same = {}, chosen is code
        for name, planned in run.members.items():
            mine, saved = groups[name], state.bases.get(name, {})
            slots = _saved_slots(planned, mine, saved, scopes[name], chosen, is_same=is_same)
            bases[name] = self.bases.loaded(planned, slots, mine)
        loads: dict[str, LoadedMember] = {}
        for name, planned in run.members.items():
            at = positions[name]
            block = _prepared(planned, groups[name], bases[name], chosen, at.times, states, is_same=is_same)
            held = _held(bases[name], state.pending.get(name, {}), at.times, states) if name in behind else None
            loads[name] = LoadedMember(at, scopes[name], block, held, bases[name])
        self._log_other_optimizers(state, groups)
        if clock.t not in {one.position.t for one in loads.values()}:  # an optimizer may be one update behind
            run.log_conflicting_counts(position.t, "scheduler")
        self._continue(run, state, groups, Continuation(chosen, position, last_amount, states, loads))

    def _continue(self, run: Run, state: State, groups: Mapping[str, list[Group]], given: "Continuation") -> None:
        """Write the values of a state: the first write of `load`."""
        lead, clock = run.lead, run.clock
        lead.in_force, clock.states = given.in_force, given.states
        clock.set_position(given.position, "scheduler")
        clock.count_samples_from(given.position)
        clock.last_amount = given.last_amount
        clock.history = state.history.resumed_at(given.position.t, state.position.amount)
        clock.use(given.in_force)
        run.driver.bind_lead(run)
        for name, planned in run.members.items():
            mine = given.members[name]
            run.changed_bases += mine.bases.changes
            planned.in_force, planned.scope, planned.clock.states = given.in_force, mine.scope, given.states
            if run.is_shared:
                planned.clock.set_position(mine.position)
            planned.bind(groups[name], mine.block, mine.held)
        record_bases(run, {place: base for one in given.members.values() for place, base in one.bases.replaced.items()})
        run.log_changed_bases()
        run.driver.note_positions(run)
        warn_if_over(lead)

    def _log_other_optimizers(self, state: State, groups: Mapping[str, list[Group]]) -> None:
        """Log that a state is of other optimizers than the run, or of another number of groups."""
        if state.optimizers.keys() != groups.keys():
            self.processes.log(
                "the scheduler's state is of the optimizers %s, the run has %s: those in both use the saved bases",
                shown_names(state.optimizers), shown_names(groups),
            )  # fmt: skip
        for name, mine in groups.items():
            saved = state.optimizers.get(name, len(mine))
            if saved != len(mine):
                self.processes.log(
                    "the scheduler's state has %d groups%s, the optimizer has %d: the groups in both use the saved "
                    "bases", saved, "" if name == ALONE else f" of {name}", len(mine),
                )  # fmt: skip

    def plan_after_load(self, state: State, code: ResolvedPlan) -> ResolvedPlan:
        """Return the plan to continue with after a state is loaded, and log the changes.

        Raises:
            PlanChanged: the plan differs and the policy is "error".
        """
        same_text = state.text == code.plan.text
        if same_text and (state.text is None or state.calendar == code.calendar):
            return code
        if same_text:
            state.plan_in_force(code.plan)  # raises if its facts are not those of a run
        changes = state.changes_to(code)
        if changes is not None:
            return self.choose_plan(changes, state.before(), code)
        why = state.unreadable or "one of them cannot be written as text"
        self.refuse_if_error(f"the plan in the checkpoint cannot be compared with the code's: {why}")
        self.processes.log("the plan in the checkpoint cannot be compared with the code's, which is used: %s", why)
        return code

    def load_position(self, run: Run, at: int, bases: Any, optimizer: Any) -> None:
        """Resume from a state of one of torch's schedulers: `at` is its count of steps, `bases` its `base_lrs`."""
        planned = run.lead
        groups: list[Group] = optimizer.param_groups
        taken, slots = updates_in_state(optimizer), planned.block.slots
        t = at if taken is None else taken
        given = bases if isinstance(bases, (list, tuple)) and len(bases) == len(groups) else []
        kept = {
            (index, "lr"): float(base)
            for index, base in enumerate(given)
            if is_finite_number(base) and id(groups[index]) not in planned.given_initial  # that is the base already
        }
        mine = tuple(with_base(slot, kept.get((slot.group, slot.field.slot), slot.base)) for slot in slots)
        loaded = self.bases.loaded(planned, mine, groups)
        mine = loaded.slots
        position = resume_position(planned.in_force, RunPosition(t), "the state of torch's scheduler", planned.clock)
        refuse_values_outside(planned.in_force, mine, planned.labels(groups), position.times)
        block = ValueBlock(planned.in_force.counted, mine, groups, position.times, planned.clock.states)
        run.changed_bases = list(loaded.changes)
        unit = f"{t} updates, the count in the optimizer's own state" if taken is not None and taken != at else f"{t}"
        self.processes.log(
            "the state is one of torch's schedulers, at %d: the plan resumes from %s. If the run has completed another "
            "number of updates (for example, if torch's scheduler was stepped once per epoch), call scheduler.seek(n)",
            at, unit,
        )  # fmt: skip
        planned.clock.set_position(position, "scheduler")
        run.clock.counts_from = BEGIN_OF_DATA
        run.log_changed_bases()
        run.clock.history = History((run.clock.entry(planned.in_force),))
        planned.bind(groups, block)
        warn_if_over(planned)

    # ------------------------------------------------------------------ a plan that differs

    def choose_plan(self, changes: Diff, saved: PlanBefore, code: ResolvedPlan) -> ResolvedPlan:
        """Return the plan to continue with, either the saved one or the code's, and log the changes.

        Args:
            changes: the diff from the saved plan to the code's.
            saved: the plan that was in force until now.
            code: the plan in the code.

        Raises:
            PlanChanged: `on_change` is "error" for the plan or for one of the changed fields.
        """
        if changes:
            self._log_changes(changes, saved, code)
        self.accepted = saved.numbers
        if changes and self.on_change == "checkpoint":
            return saved.plan()
        if changes and isinstance(self.on_change, Mapping) and "checkpoint" in self.on_change.values():
            plan = saved.plan()
            return mixed_plans(code, plan, self.on_change)
        return code

    def _log_changes(self, changes: Diff, saved: PlanBefore, code: ResolvedPlan) -> None:
        """Log the changes, or raise if `on_change` refuses one of them."""
        until = saved.until
        amount = "" if until.amount is None else f" ({amount_text(str(saved.unit), until.amount)})"
        whose = f"{saved.whose}, which was in force up to update {until.t}{amount}"
        choices = self.on_change if isinstance(self.on_change, Mapping) else {}
        refused = [change for change in changes if choices.get(change.name, self.on_change) == "error"]
        if refused:
            raise PlanChanged(
                f"the plan differs from {whose}; on_change is 'error', so nothing was written.\n"
                + "\n".join(map(str, refused))
                + '\nWrite on_change="new" to continue with the code\'s plan, "checkpoint" with the saved one.'
            )
        self.processes.log("the plan differs from %s (on_change=%r):\n%s", whose, self.on_change, changes)
        log_other_epoch(saved, code, self.processes)

    def _choices(self) -> list[OnChangeChoice]:
        return list(self.on_change.values()) if isinstance(self.on_change, Mapping) else [self.on_change]

    def refuse_if_error(self, text: str) -> None:
        """Raise if `on_change` is "error", for a saved plan that differs but cannot be compared."""
        if "error" in self._choices():
            raise PlanChanged(f"{text}; on_change is 'error', so nothing was written")

    def log_unknown_plan(self, run: Run, numbers: frozenset[int]) -> None:
        """Log a changed plan that is known only by the fingerprint in the optimizer's checkpoint; of several, once."""
        planned = run.lead
        if run.is_shared:
            self.accepted |= numbers
        later = "; the checkpoint's plan replaces it when a scheduler state is loaded"
        self.processes.log(
            "the plan differs from that of the optimizer's checkpoint, which contains only its fingerprint; "
            "the code's plan continues from update %d%s:\n%s",
            planned.clock.t, later if "checkpoint" in self._choices() else "", planned.in_force.plan,
        )  # fmt: skip
        in_force = planned.in_force
        if in_force.unit is None and in_force.calendar.updates_per_epoch is not None and in_force.needs_facts:
            self.processes.log(
                "run facts determine the lengths of this plan: it also differs if only the number of updates in an "
                "epoch changed, as with another number of processes. " + _SAMPLES_CLOCK_HINT,
            )

    def unknown_plans(self, in_force: ResolvedPlan, groups: list[Group]) -> frozenset[int]:
        """Return the numbers of plans in the groups that differ and are not in `self.accepted`."""
        found = frozenset(group[PLAN] for group in groups if PLAN in group and COUNT in group)
        return found and found - self.accepted - in_force.numbers


def mixed_plans(code: ResolvedPlan, saved: ResolvedPlan, choices: Mapping[str, OnChangeChoice]) -> ResolvedPlan:
    """Return the code's plan with the checkpoint's schedules for some fields; both are resolved."""
    mine = code.resolved
    targets = [name for name in followed_targets(code.plan.bindings) if choices.get(name) == "checkpoint"]
    if targets:  # the other lines of the code's plan follow the checkpoint's targets
        written = mixed_plan(code.plan, saved.resolved, dict.fromkeys(targets, "checkpoint"))
        mine = written.resolve(code.calendar)
    mixed = mixed_plan(mine, saved.resolved, choices)
    return ResolvedPlan(mixed, mixed, replace(code.calendar, total=None))  # the plan now has the horizon


def mixed_plan(code: Plan, saved: Plan, choices: Mapping[str, OnChangeChoice]) -> Plan:
    """Return the code's plan with the checkpoint's schedules, which are resolved, for some fields."""
    keep = [b for b in code.bindings if choices.get(b.name, "new") != "checkpoint"]
    take = [b for b in saved.bindings if choices.get(b.name, "new") == "checkpoint"]
    horizon = saved.horizon if choices.get("horizon", "new") == "checkpoint" else code.horizon
    clocks = {
        one.name: clock_of_field(plan.clock, one.name) for plan, mine in ((code, keep), (saved, take)) for one in mine
    }
    clock = next(iter(clocks.values())) if len(set(clocks.values())) == 1 else clocks
    return Plan(*keep, *take, horizon=horizon, clock=clock)
