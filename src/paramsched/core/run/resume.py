"""Resuming: the state that a checkpoint restores, and the handling of a changed plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import is_
from typing import Any, TypeAlias, final

from paramsched.core.base.problem import Problem
from paramsched.core.curves.arrays import equal_to_last_places
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import UPDATES, clock_of_field
from paramsched.core.plan.diff import Diff, diff
from paramsched.core.plan.follow import followed_targets
from paramsched.core.plan.lines import Line, bases_of, values_at
from paramsched.core.plan.optimizers import ALONE, Scope, errors_of, scopes_of, shown_names
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.block import ValueBlock, Values, initial_value, present_values, starting_lines
from paramsched.core.run.checks import refuse_values_outside
from paramsched.core.run.groups import Groups, groups_changed, note_code_bases, require_lengths
from paramsched.core.run.on_base import BASES_OF_CHECKPOINT, BasePolicy, LoadedBases, record_bases
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.record import (
    Carried,
    OnChange,
    OnChangeChoice,
    State,
    check_rules,
    read_groups,
    restored_states,
)
from paramsched.core.run.reports import HIDDEN, found_count, log_initial_values, optimizer_count, warn_if_over
from paramsched.core.run.run import Run
from paramsched.core.run.state import (
    BEGIN_OF_DATA,
    Group,
    History,
    ResolvedPlan,
    RuleStates,
    RunPosition,
    UpdateTimes,
    is_finite_number,
    resume_position,
)
from paramsched.core.run.steps import updates_in_state
from paramsched.core.time import Calendar
from paramsched.core.time.amounts import amount_text
from paramsched.core.time.calendar import CLOCKS
from paramsched.errors import PlanChanged, StateError, shown

LogCall: TypeAlias = tuple[Any, ...]
"""The arguments of `Processes.log`."""


_SAMPLES_CLOCK_HINT = (
    'A plan with clock="samples" keeps its position in the data if the total batch size of all processes changes'
)


def _other_epoch(saved: ResolvedPlan, code: ResolvedPlan) -> tuple[LogCall, ...]:
    """Return a note if two plans differ only because an epoch has more or fewer updates, as with more processes."""
    before, now = saved.calendar.updates_per_epoch, code.calendar.updates_per_epoch
    if saved.text != code.text or code.unit is not None or before == now or before is None:
        return ()
    text = (
        "the plan is the same, but an epoch has %s updates instead of %d. The plan counts updates, so the run resumes "
        "in another epoch than the one it was saved in. "
    )
    return ((text + _SAMPLES_CLOCK_HINT, now, before),)


def other_plan_wrote(carried: Carried, in_force: ResolvedPlan) -> bool:
    """Return whether the values in the groups of a checkpoint may be those of another plan than that in force."""
    state = carried.state
    return state is not None and (state.held or state.identity != (in_force.plan.text, in_force.calendar))


@final
@dataclass(frozen=True, slots=True)
class ChosenPlan:
    """The plan to continue with after a saved plan was compared with the code's.

    Args:
        in_force: the plan.
        notes: what to log: how the saved plan differs.
        saved: identifies the saved plan, whose notes are logged once; None if they are always logged.
    """

    in_force: ResolvedPlan
    notes: tuple[LogCall, ...] = ()
    saved: tuple[str | None, Calendar] | None = None


@final
@dataclass(frozen=True, slots=True)
class Loading:
    """What the checkpoint of one optimizer restores, computed before torch writes.

    Args:
        carried: what its groups carry.
        choice: the plan to continue with.
        scope: the lines of that plan for the optimizer.
        lines: the lines of that plan with the bases of the checkpoint.
        bases: the bases that apply.
        position: the position to continue from.
        states: the states of the metric rules of that plan.
    """

    carried: Carried
    choice: ChosenPlan
    scope: Scope
    lines: tuple[Line, ...]
    bases: LoadedBases
    position: RunPosition
    states: RuleStates


@final
@dataclass(frozen=True, slots=True)
class Resumed:
    """What a run continues with after it loads a record: the last four by the names of its optimizers."""

    choice: ChosenPlan
    position: RunPosition
    last_amount: Amount | None
    states: RuleStates
    scopes: Mapping[str, Scope]
    positions: Mapping[str, RunPosition]
    bases: Mapping[str, LoadedBases]


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
    before, lines, block = planned.block.lines, loaded.lines, planned.block
    if is_same and len(lines) == len(before) and all(map(is_, lines, before)):
        block.seek(times, states)
        return block
    return ValueBlock(chosen.counted, lines, groups, times, states, targets=planned.clock is planned.run)


def _values_before(
    state: State,
    name: str,
    groups: Mapping[str, list[Group]],
    loaded: LoadedBases,
    times: UpdateTimes,
    states: RuleStates,
) -> Values | None:
    """Return the values of the coming step of an optimizer that is behind, if the saved plan determined others."""
    saved = state.in_force
    if saved is None:
        return None
    scope = scopes_of(saved.plan, saved.resolved, groups)[name]
    lines = starting_lines(saved.counted, groups[name], state.bases.get(name, {}), scope)
    rules = restored_states(state.feedback or {}, saved.resolved.metric_rules)
    before, now = values_at(lines, times, rules), values_at(loaded.lines, times, states)
    coming = {place: before.get(place, base) for place, base in bases_of(loaded.lines).items()}
    return None if equal_to_last_places(list(coming.values()), [now[place] for place in coming]) else coming


@final
class Resume:
    """The resume policy of one scheduler, used by the hooks when the optimizer's own state is loaded."""

    def __init__(
        self, on_change: OnChange, bases: BasePolicy = BASES_OF_CHECKPOINT, processes: Processes = WORLD
    ) -> None:
        self.on_change, self.bases, self.processes = on_change, bases, processes
        self.adopted: tuple[RunPosition, History] | None = None  # of the record that several optimizers share
        self.accepted: set[tuple[str | None, Calendar]] = set()  # the plans whose difference was already logged

    # ------------------------------------------------------------------ the optimizer's own state

    def before_load(self, run: Run, name: str, state: dict[str, Any], present: list[Group]) -> Loading | None:
        """Return what the state of one optimizer restores; None if torch raises for it.

        Raises for a state from which a run cannot resume, before anything is written.

        Args:
            run: the run.
            name: the optimizer.
            state: its state.
            present: its groups.
        """
        planned, groups = run.members[name], state.get("param_groups") if isinstance(state, dict) else None
        if (
            not isinstance(groups, list)
            or len(groups) != len(present)
            or not all(isinstance(one, dict) for one in groups)
        ):
            return None
        if groups_changed(planned, present):
            note_code_bases(planned, present)
        return self.checked(run, name, groups)

    def checked(self, run: Run, name: str, groups: list[Group]) -> Loading:
        """Return what the groups of a checkpoint restore, after checking that the run can continue with it."""
        planned = run.members[name]
        with errors_of(name):
            require_lengths(planned, groups)
        found = self.loading(run, name, groups)
        refuse_values_outside(found.choice.in_force, found.bases.lines, planned.labels(groups), found.position.times)
        if found.carried.count is not None:  # else it joins the run
            run.driver.check_load(run, name, found.position)
        return found

    def loading(self, run: Run, name: str, groups: list[Group], carried: Carried | None = None) -> Loading:
        """Return what the groups of a checkpoint restore, which are read unless `carried` has it."""
        code, planned = run.lead.in_force, run.members[name]
        if carried is None:
            with errors_of(name):
                carried = read_groups(groups, name, code)
        choice, scope = self.plan_of(carried, code), planned.scope
        chosen = choice.in_force
        if run.is_shared and chosen is not code:
            bound = {other: one.bound for other, one in run.members.items()}
            scope = scopes_of(chosen.plan, chosen.resolved, bound)[name]
        # A group without paramsched has values of the last update and no bases, except `initial_lr` of torch's
        # schedulers. Then the bases are those of the code.
        lines = starting_lines(chosen.counted, groups, carried.bases, scope)
        code_bases = {
            place: planned.code_bases[place]
            for line in lines
            for index in line.groups
            if (place := (index, line.field.slot)) not in carried.bases
            and place in planned.code_bases
            and initial_value(line.field, groups[index]) is None
        }
        lines = tuple(line.with_bases(code_bases) for line in lines)
        bases, position = self.bases.loaded(planned, lines, groups), self._position_of(planned, carried, chosen)
        return Loading(carried, choice, scope, lines, bases, position, rule_states(carried.state, chosen))

    def after_load(self, run: Run, name: str, groups: list[Group], loading: Loading, taken: int | None = None) -> None:
        """Resume from what the loaded groups of one optimizer restore.

        Args:
            run: the run.
            name: the optimizer.
            groups: its groups.
            loading: what they restore.
            taken: the number of updates in the optimizer's own state, for a message if the groups carry no count.
        """
        clock, planned, code = run.clock, run.members[name], run.lead.in_force
        loaded, position, found, state = loading.bases, loading.position, loading.carried.count, loading.carried.state
        missing = None if found else self._missing_count(run, loading, groups, taken, planned.labels(groups))
        chosen, scope = self.accept(loading.choice), loading.scope
        other_wrote = loaded.replaced or other_plan_wrote(loading.carried, chosen)
        other = present_values(loaded.lines, groups) if other_wrote else None
        if chosen is not code:
            self._use_in_all(run, name, chosen, scope)
        moves = run.driver.load(run, name, position, None if found is None else "optimizer", other)
        if found is None and moves:
            clock.counts_from = BEGIN_OF_DATA
        elif found is not None and position.t == clock.t:
            clock.count_samples_from(position)
        run.changed_bases += [one for one in loaded.changes if found is not None or one.code_applies]
        if run.driver.has_loaded_all(run):
            run.log_changed_bases()
        now = clock.entry(chosen)
        is_last = state is not None and state.position.t == clock.t
        if state is not None and is_last and (moves or self.adopted != (state.position, state.history)):
            self.adopted = state.position, state.history
            clock.history = state.history.resumed_at(now.update, now.amount).with_plan(now)
            if state.last_amount is not None and state.unit == chosen.unit:
                clock.last_amount = state.last_amount
            self.log_lost(state, chosen)
            if loading.states != clock.states:
                clock.states = loading.states
                if run.is_shared:
                    run.rewrite()
        elif moves:
            clock.history = History((now,)) if found is None else clock.history.resumed_at(now.update, now.amount)
        planned.bind(groups, planned.new_block(loaded.lines, groups, planned.clock.times, clock.states), other)
        record_bases(run, {} if found is None else loaded.replaced)
        if missing is not None:  # not before, because it may be an error
            self.processes.warn(missing)
        if moves:
            warn_if_over(run.in_force, run.clock)

    def _use_in_all(self, run: Run, name: str, chosen: ResolvedPlan, scope: Scope) -> None:
        """Use the plan of a checkpoint in all optimizers, of which one is bound afterwards."""
        scopes = scopes_of(chosen.plan, chosen.resolved, {n: one.bound for n, one in run.members.items()})
        run.lead.in_force = chosen
        run.clock.states = {rule: rule.init() for rule in chosen.resolved.metric_rules}
        for other, one in run.members.items():
            one.in_force, one.scope, one.clock.states = (
                chosen,
                scope if other == name else scopes[other],
                run.clock.states,
            )
            if other != name:
                block = one.new_block(one.lines(one.bound), one.bound, one.clock.times, one.clock.states)
                one.bind(one.bound, block)
        run.driver.bind_lead(run)

    def log_lost(self, state: State | None, in_force: ResolvedPlan) -> None:
        """Log what a record lacks of the present position, because the groups were copied without `state_dict()`."""
        lost = [*map(str, in_force.resolved.metric_rules)]
        lost += [] if in_force.unit is None else [f"{in_force.unit} before the next update"]
        if state is not None and state.feedback is None and state.position.t and lost:
            self.processes.log(
                "the optimizer was copied without state_dict(), so the copy lacks the present %s: "
                "states of rules start anew, and amounts are those of the plan", " and ".join(lost),
            )  # fmt: skip

    def _missing_count(
        self, run: Run, loading: Loading, groups: list[Group], taken: int | None, labels: Sequence[str | int]
    ) -> Problem | None:
        """Return a warning if a checkpoint has no count, or 0 although the optimizer has stepped; of several, once."""
        lines, count = loading.lines, loading.carried.count
        initial = count is None and log_initial_values([(lines, groups, labels)], self.processes, has_state=True)
        if run.clock.choices.start is not None or (count is not None and (taken or 0) <= HIDDEN):
            return None
        if run.is_shared and (run.clock.t or run.warned_of_missing_count):
            return None
        run.warned_of_missing_count = True
        bases = "initial values" if initial else "those of the code" if count is None else "the recorded values"
        found = found_count("the checkpoint of the optimizer", count)
        found += f"; starting the plan at update 0, with {bases} as bases"
        instead = f"If it was saved after n updates, call scheduler.seek(n){optimizer_count(taken)}."
        return Problem(found=found, advice=instead)

    def _position_of(self, planned: Groups, carried: Carried, chosen: ResolvedPlan) -> RunPosition:
        """Return the position of the run from which the groups of a checkpoint were saved."""
        clock, run = planned.clock, planned.run
        start = run.choices.start or 0 if clock is run else clock.t  # without a count, one of several joins the run
        found = carried.position_on(chosen.unit) or RunPosition(start)
        return resume_position(chosen, found, "the optimizer's checkpoint", clock)

    # ------------------------------------------------------------------ the record of a run

    def _resumed(self, run: Run, state: State, groups: Mapping[str, list[Group]]) -> "Resumed":
        """Return what a run continues with after it loads a record, without writing; see `load`."""
        code, clock = run.lead.in_force, run.clock
        if bool(state.names) != run.is_shared:
            theirs = f"the optimizers {shown(','.join(state.names))}" if state.names else "one optimizer"
            raise StateError(
                f"this is the state of a Scheduler for {theirs}, and this Scheduler has "
                f"{'several' if run.is_shared else 'one'}. If the run has completed n updates, call scheduler.seek(n)"
            )
        choice = self.plan_after_load(state, code)
        chosen = choice.in_force
        position = resume_position(chosen, state.position_on(chosen.unit), "the scheduler's state", clock)
        states = rule_states(state, chosen)
        is_known = state.last_amount is not None and state.unit == chosen.unit
        last_amount = state.last_amount if is_known else position.amount
        scopes = {name: planned.scope for name, planned in run.members.items()}
        if chosen is not code:
            scopes = scopes_of(chosen.plan, chosen.resolved, groups) if run.is_shared else scopes
        behind = state.behind if run.drive == "optimizer" else ()
        positions = {
            name: RunPosition(position.t - 1, last_amount) if name in behind else position for name in run.members
        }
        bases: dict[str, LoadedBases] = {}
        for name, planned in run.members.items():
            mine, saved = groups[name], state.bases.get(name, {})
            if chosen is code:
                lines = tuple(line.with_bases(saved) for line in planned.block.lines)
            else:
                lines = starting_lines(chosen.counted, mine, saved, scopes[name])
            bases[name] = self.bases.loaded(planned, lines, mine)
            refuse_values_outside(chosen, bases[name].lines, planned.labels(mine), positions[name].times)
        return Resumed(choice, position, last_amount, states, scopes, positions, bases)

    def load(self, run: Run, state: State, groups: Mapping[str, list[Group]]) -> None:
        """Resume from the record of a scheduler's state.

        Args:
            run: the run.
            state: the record.
            groups: the groups of each optimizer.

        Raises:
            StateError: the state is of one optimizer and the run has several, or the reverse. Nothing was written.
            PlanChanged: the plan differs and the policy is "error". Nothing was written.
        """
        clock, lead = run.clock, run.lead
        given = self._resumed(run, state, groups)
        chosen, states = given.choice.in_force, given.states
        is_same = chosen is lead.in_force
        loads: dict[str, tuple[ValueBlock, Values | None]] = {}
        for name, planned in run.members.items():
            at, mine = given.positions[name], given.bases[name]
            block = _prepared(planned, groups[name], mine, chosen, at.times, states, is_same=is_same)
            held: Values | None = None
            if at is not given.position:
                # If it has loaded the same position, its groups have these values.
                known = planned.held if planned.clock.t == at.t else {}
                held = known or _values_before(state, name, groups, mine, at.times, states)
            loads[name] = block, held
        self.accept(given.choice)
        self._log_other_optimizers(state, groups)
        if clock.t not in {one.t for one in given.positions.values()}:  # an optimizer may be one update behind
            run.log_conflicting_counts(given.position.t, "scheduler")
        lead.in_force, clock.states = chosen, states  # the first write
        clock.set_position(given.position, "scheduler")
        clock.count_samples_from(given.position)
        clock.last_amount = given.last_amount
        clock.history = state.history.resumed_at(given.position.t, state.position.amount)
        clock.use(chosen)
        self.adopted = state.position, state.history
        run.driver.bind_lead(run)
        for name, planned in run.members.items():
            block, held = loads[name]
            run.changed_bases += given.bases[name].changes
            planned.in_force, planned.scope, planned.clock.states = chosen, given.scopes[name], states
            if run.is_shared:
                planned.clock.set_position(given.positions[name])
            planned.bind(groups[name], block, held)
        record_bases(run, {place: base for one in given.bases.values() for place, base in one.replaced.items()})
        run.log_changed_bases()
        run.driver.note_positions(run)
        warn_if_over(lead.in_force, lead.run)

    def _log_other_optimizers(self, state: State, groups: Mapping[str, list[Group]]) -> None:
        """Log that a state is of other optimizers than the run, or of another number of groups."""
        if state.optimizers.keys() != groups.keys():
            self.processes.log(
                "the scheduler's state is of the optimizers %s, the run has %s: those in both use the saved bases",
                shown_names(state.optimizers), shown_names(groups),
            )  # fmt: skip
        for name, mine in groups.items():
            saved = state.optimizers.get(name) or len(mine)  # 0 in an optimizer's checkpoint
            if saved != len(mine):
                self.processes.log(
                    "the scheduler's state has %d groups%s, the optimizer has %d: the groups in both use the saved "
                    "bases", saved, "" if name == ALONE else f" of {name}", len(mine),
                )  # fmt: skip

    def plan_of(self, carried: Carried, code: ResolvedPlan) -> ChosenPlan:
        """Return the plan to continue with after the groups of an optimizer are loaded; see `plan_after_load`."""
        if carried.state is not None:
            return self.plan_after_load(carried.state, code)
        if not carried.count:
            return ChosenPlan(code)
        found = "the optimizer's checkpoint has a count and no record of the run, so its plan is unknown"
        self._refuse_if_error(found)
        return ChosenPlan(code, ((f"{found}: the code's plan continues from update %d", carried.count),))

    def plan_after_load(self, state: State, code: ResolvedPlan) -> ChosenPlan:
        """Return the plan to continue with after a record is loaded.

        Raises:
            PlanChanged: the plan differs and the policy is "error".
        """
        if state.text is not None and (state.text, state.calendar) == (code.text, code.calendar):
            return ChosenPlan(code)
        if state.in_force is not None:
            changes = diff(state.in_force.resolved, code.resolved)
            chosen = self.choose_plan(changes, state.in_force, state.position, "the checkpoint's", code)
            return replace(chosen, saved=state.identity)
        why = state.unreadable or "it has no text"
        self._refuse_if_error(f"the plan in the checkpoint cannot be compared with the code's: {why}")
        text = "the plan in the checkpoint cannot be compared with the code's, which is used: %s"
        return ChosenPlan(code, ((text, why),), state.identity)

    def accept(self, choice: ChosenPlan) -> ResolvedPlan:
        """Log how a saved plan differs, once for each saved plan, and return the plan to continue with."""
        if choice.saved not in self.accepted:
            for note in choice.notes:
                self.processes.log(*note)
        if choice.saved is not None:
            self.accepted.add(choice.saved)
        return choice.in_force

    def load_position(self, run: Run, at: int, bases: Any, optimizer: Any) -> None:
        """Resume from a state of one of torch's schedulers: `at` is its count of steps, `bases` its `base_lrs`."""
        planned = run.lead
        groups: list[Group] = optimizer.param_groups
        taken = updates_in_state(optimizer)
        t = at if taken is None else taken
        given = bases if isinstance(bases, (list, tuple)) and len(bases) == len(groups) else []
        kept = {
            (index, "lr"): float(base)
            for index, base in enumerate(given)
            if is_finite_number(base) and id(groups[index]) not in planned.given_initial  # that is the base already
        }
        loaded = self.bases.loaded(planned, [line.with_bases(kept) for line in planned.block.lines], groups)
        mine = loaded.lines
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
        warn_if_over(planned.in_force, planned.run)

    # ------------------------------------------------------------------ a plan that differs

    def choose_plan(
        self, changes: Diff, saved: ResolvedPlan, until: RunPosition, owner: str, code: ResolvedPlan
    ) -> ChosenPlan:
        """Return the plan to continue with, either the saved one or the code's.

        Args:
            changes: the diff from the saved plan to the code's.
            saved: the plan that was in force until now.
            until: the position up to which it was in force.
            owner: its owner, for messages.
            code: the plan in the code.

        Raises:
            PlanChanged: `on_change` is "error" for the plan or for one of the changed fields.
        """
        if not changes:
            return ChosenPlan(code)
        amount = "" if until.amount is None else f" ({amount_text(str(saved.unit), until.amount)})"
        whose = f"{owner}, which was in force up to update {until.t}{amount}"
        choices = self.on_change if isinstance(self.on_change, Mapping) else {}
        refused = [change for change in changes if choices.get(change.name, self.on_change) == "error"]
        if refused:
            raise PlanChanged(
                f"the plan differs from {whose}; on_change is 'error', so nothing was written.\n"
                + "\n".join(map(str, refused))
                + '\nWrite on_change="new" to continue with the code\'s plan, "checkpoint" with the saved one.'
            )
        chosen = saved if self.on_change == "checkpoint" else code
        if "checkpoint" in choices.values():
            chosen = mixed_plans(code, saved, choices)
        differs = "the plan differs from %s (on_change=%r):\n%s", whose, self.on_change, changes
        return ChosenPlan(chosen, (differs, *_other_epoch(saved, code)))

    def _refuse_if_error(self, text: str) -> None:
        """Raise if `on_change` is "error", for a saved plan that differs but cannot be compared."""
        if "error" in (self.on_change.values() if isinstance(self.on_change, Mapping) else [self.on_change]):
            raise PlanChanged(f"{text}; on_change is 'error', so nothing was written")


def rule_states(state: State | None, in_force: ResolvedPlan) -> RuleStates:
    """Return the states of the metric rules of a plan: those of a record, else the initial ones.

    Raises:
        StateError: the record has the states of other rules than its plan.
    """
    rules = in_force.resolved.metric_rules
    if state is None or state.feedback is None:
        return {rule: rule.init() for rule in rules}
    if in_force.plan.text == state.text:
        check_rules(state.feedback, in_force.plan)
    return restored_states(state.feedback, rules)


def mixed_plans(code: ResolvedPlan, saved: ResolvedPlan, choices: Mapping[str, OnChangeChoice]) -> ResolvedPlan:
    """Return the code's plan with the checkpoint's schedules for some fields; both are resolved."""
    mine = code.resolved
    targets = [name for name in followed_targets(code.plan.bindings) if choices.get(name) == "checkpoint"]
    if targets:  # the other lines of the code's plan follow the checkpoint's targets
        written = mixed_plan(code.plan, saved.resolved, dict.fromkeys(targets, "checkpoint"))
        mine = written.resolve(code.calendar)
    mixed = mixed_plan(mine, saved.resolved, choices)
    return ResolvedPlan(
        mixed, mixed, replace(code.calendar, total=None), code.optimizers
    )  # the plan now has the horizon


def mixed_plan(code: Plan, saved: Plan, choices: Mapping[str, OnChangeChoice]) -> Plan:
    """Return the code's plan with the checkpoint's schedules, which are resolved, for some fields."""
    keep = [b for b in code.bindings if choices.get(b.name, "new") != "checkpoint"]
    take = [b for b in saved.bindings if choices.get(b.name, "new") == "checkpoint"]
    horizon = saved.horizon if choices.get("horizon", "new") == "checkpoint" else code.horizon
    clocks = {
        one.name: clock_of_field(plan.clock, one.name) for plan, mine in ((code, keep), (saved, take)) for one in mine
    }
    clock = next(iter(clocks.values())) if len(set(clocks.values())) == 1 else clocks
    if horizon is not None and {unit for unit, _ in horizon.terms} & {*CLOCKS} - {UPDATES, *clocks.values()}:
        horizon = (
            code.horizon if horizon is saved.horizon else saved.horizon
        )  # no line counts the unit of the other one
    return Plan(*keep, *take, horizon=horizon, clock=clock)
