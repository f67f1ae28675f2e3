"""The run of a plan: its plan in force, position, metric rules and history, and the optimizers that follow it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from operator import is_, is_not
from typing import TYPE_CHECKING, Any, final
from weakref import ref

from paramsched.base.problem import Problem
from paramsched.core.feedback import MetricRule
from paramsched.core.fields import RECORD, entry_of
from paramsched.core.plan.binding import Target, binding_key, parts_of, selector_text
from paramsched.core.plan.lines import Line, RuleStates, UpdateTimes, Values, bases_of, by_group, values_at
from paramsched.core.plan.optimizers import WHOLE, Scope, fields_of, shown_names
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.history import Entry, History
from paramsched.core.run.position import RunPosition
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.reports import (
    OtherBase,
    idle_rules_problem,
    no_group_added,
    refuse_not_finite,
    refuse_values_outside,
    run_goes_on,
    run_is_over,
)
from paramsched.core.run.saved_run import LoadedStates, SavedRun
from paramsched.core.run.state import COUNT, Group, restored_states, write_entries
from paramsched.core.run.step_observers import STEP_HOOK
from paramsched.core.run.steps import run_uncompiled
from paramsched.core.run.values import LR, Overwritten, ValueRows, initial_value, starting_lines
from paramsched.core.time.duration import PROGRESS
from paramsched.errors import ParamschedError, PlanError, StateError

if TYPE_CHECKING:
    from paramsched.core.run.amounts import Consumption
    from paramsched.core.run.parameter_writes import ParameterWrites


@final
class Run:
    """The run of a plan, which one optimizer or several follow.

    Each optimizer is a `Member`, which is at the update of the run, or at the one before if it has not stepped in it
    yet. The run is at the largest count of its optimizers. The hooks of an optimizer and the Scheduler own its member,
    and the run holds it weakly, so that deleting an optimizer frees its memory at once.

    A fact that is valid at one update only is stored with the number of that update and ignored at any other.
    Therefore the code that runs at every update never has to reset it.

    Attributes:
        t: the number of completed updates.
        amount: the amount before the next update; None if the plan is by updates.
        last_amount: the amount before the last update.
        reported: consumption that was reported and that no update has counted yet.
        is_measured: True if an engine measured it, and False after a report of the loop.
        states: the states of the metric rules.
        consumption: that of each update; None if the plan is by updates.
        targets: the values of the plan's targets; None if it has none.
        loads: the states that several optimizers have loaded since the last update; None if there are none.
        writes: the writes to parameters before the first update; None from then on.
        unreported: the warnings of an update, which come after its count: a program that turns warnings into errors
            loses no update.
        after_load: functions that are called after a load.

    Args:
        in_force: the plan in force.
        position: the position.
        states: the states of the metric rules.
        source: the name of the checkpoint with this position; None if there is none.
        drive: `"optimizer"`, `"manual"`, or the name of the optimizer whose steps are the updates.
        start: the number of completed updates of a run that had no plan so far; None if it was not passed.
        is_shared: True for several optimizers.
        processes: the processes that train together.
        counted_by: the call that counts the batches of an engine, for messages.
    """

    consumption: "Consumption | None" = None
    targets: ValueRows | None = None
    loads: LoadedStates | None = None
    writes: "ParameterWrites | None" = None
    is_plain = False  # True if an update only increments `t`
    needs_check = False  # True if the consumption or the values of the next update must be checked before that update
    not_finite_at = -1  # the update of which a value is not finite
    released = False  # True after the end of the run
    replaced = False  # True after another Scheduler has ended it
    successor: Any = None  # the Scheduler that has ended it
    takes_over: Sequence["Run"] = ()  # the runs that it ends, until its Scheduler is known
    largest_report = 0.0  # the largest difference between two reports of progress
    was_moved = False  # True after `seek`, or after a checkpoint of an earlier update
    end_is_known = False  # True if an engine has reported that the run is shorter than its plan, or has ended
    warned_of_end = False  # True after a warning that the run goes on after the end of its plan
    warns_of_metrics = False  # set by the Scheduler; False after missing metrics were logged
    warns_of_groups = False  # set by the Scheduler; False after missing groups were reported
    warned_of_missing_count = False
    warned_of_missed_step = False
    saved_at = -1  # the update of the last checkpoint

    def __init__(
        self,
        in_force: ResolvedPlan,
        position: RunPosition,
        states: RuleStates,
        source: str | None = None,
        *,
        drive: str = "optimizer",
        start: int | None = None,
        is_shared: bool = False,
        processes: Processes = WORLD,
        counted_by: str = "",
    ) -> None:
        self.in_force, self.states, self.processes, self.counted_by = in_force, states, processes, counted_by
        self.drive, self.start, self.is_shared = drive, start, is_shared
        self.member_refs: dict[str, ref[Member]] = {}  # a deleted optimizer is none of them
        self._set_position(position, source)
        # The history of a start is made when it is needed, because the text of a plan and its facts take time.
        self._history: History | None = None
        self._begin = in_force, self.position
        self._starters = "", ""  # the optimizers whose steps started the last two updates
        self.joined = dict[str, int]()  # by optimizer, the update after the last one in which it took part
        self._before_seek = -1, History(())  # the update of the last `seek`, and the history before it
        self.unreported: list[Problem] = []
        self.after_load: list[Callable[[], object]] = []
        self.scheduler: Callable[[], object] = lambda: None  # the Scheduler, unless it was deleted
        # The parts of selectors of optional lines that have selected a group, each with the key of its line.
        self.matched = set[tuple[Any, Any]]()
        self.observed = set[str]()  # the metrics that this process has observed
        self.skipped = set[str]()  # the metrics of which an ignored value was reported
        self.changed_bases: list[OtherBase] = []  # of the states that several optimizers load, not reported yet
        # Each with its update, or -1 if the checkpoint's applies.
        self._reported_bases: set[tuple[OtherBase, int]] = set()

    @property
    def members(self) -> dict[str, "Member"]:
        """The optimizers by name, without deleted ones."""
        return {name: member for name, own in self.member_refs.items() if (member := own()) is not None}

    # ------------------------------------------------------------------ the position

    @property
    def position(self) -> RunPosition:
        """The position before the next update."""
        return RunPosition(self.t, self.amount, self.reported, self.is_measured)

    @property
    def times(self) -> UpdateTimes:
        """The time of the next update."""
        return UpdateTimes(self.t, self.amount)

    @property
    def last_times(self) -> UpdateTimes:
        """The time of the last completed update."""
        return UpdateTimes(self.t - 1, self.last_amount)

    @property
    def counts(self) -> dict[str, int]:
        """The update that the next step of each optimizer belongs to."""
        return {name: member.t for name, member in self.members.items()}

    def _set_position(self, position: RunPosition, source: str | None = None) -> None:
        t = position.t
        self.t, self._came_from, self._used = t, (t, source), (-1, self.states)
        self.amount = self.last_amount = position.amount
        self.reported, self.is_measured = position.reported, position.is_measured
        self.acknowledged_at = t  # the update at which an engine last called step()
        if self.writes is not None:
            self.writes.begin()

    def set_position(self, position: RunPosition, source: str | None = None) -> None:
        """Jump to a position, for `seek` or a checkpoint; `source` names the checkpoint."""
        self.was_moved = self.was_moved or position.t < self.t
        self._set_position(position, source)

    def position_at(self, t: int) -> RunPosition:
        """Return the position of an optimizer at the update of the run, or at the previous one."""
        return self.position if t == self.t else RunPosition(t, self.last_amount)

    @property
    def acknowledged(self) -> bool:
        """True if an engine has called step() since the last update."""
        return self.acknowledged_at == self.t or self.drive == "manual"

    @property
    def moves(self) -> int:
        """The number of updates since the start, or since the last jump."""
        return self.t - self._came_from[0]

    @property
    def has_moved(self) -> bool:
        """True if there was an update since the start, or since the last jump."""
        return self.moves > 0

    @property
    def restored_from(self) -> str | None:
        """The name of the checkpoint from which the count was read. It is None again after the next update."""
        at, source = self._came_from
        return source if at == self.t else None

    def change(self, states: RuleStates) -> None:
        """Store the new states of the metric rules after a metric was observed."""
        if self._used[0] != self.t:
            self._used = self.t, self.states
        self.states = states

    @property
    def used(self) -> RuleStates:
        """The states of the metric rules that the last update used."""
        at, states = self._used
        return states if at == self.t else self.states

    def idle_rules(self, t: int) -> list[MetricRule[Any]]:
        """Return the metric rules that have observed nothing in the run, which has completed `t` updates.

        Empty if a resume follows more than half of these updates, because its checkpoint may lack the states of rules.
        """
        rules = self.states.items() if 2 * self._came_from[0] <= t else ()
        return [rule for rule, state in rules if rule.metric not in self.observed and state == rule.init()]

    # ------------------------------------------------------------------ the history

    @property
    def history(self) -> History:
        """The plans of the run."""
        if self._history is None:
            in_force, position = self._begin
            self._history = History((Entry(position.t, position.amount, in_force.text),))
        return self._history

    @history.setter
    def history(self, history: History) -> None:
        self._history = history

    def entry(self) -> Entry:
        """Return the history entry of the plan that is in force from the present position on."""
        return Entry(self.t, self.amount, self.in_force.text)

    # ------------------------------------------------------------------ an update

    def begin_update(self, starter: "Member") -> None:
        """Count an update of the run, which the step of an optimizer starts: what is not of one optimizer."""
        try:
            if self.is_shared:
                self._end_last_update(starter.name)
        finally:
            self.t += 1
        if self.consumption is not None:
            self.consumption.count()
            if self.amount is not None and self.amount >= self.consumption.no_end_below:
                self.note_end(() if self.is_shared else starter.rows.lines)
        if self.targets is not None:
            self._write_targets(self.targets)

    def _end_last_update(self, starter: str) -> None:
        """Move the optimizers that have not stepped in the last update to the next one.

        Args:
            starter: the optimizer whose step starts the next update.
        """
        if self.loads is not None:
            self.loads.end(self)
        members = self.members.values()
        missed = [member for member in members if member.t < self.t]
        before, last = self._starters
        self._starters = last, starter
        if missed:
            # If another one steps several times in each iteration, the first that has missed the update ends them.
            *_, other = (member.name for member in members if member.t == self.t)
            choices = [missed[0].name, other]
            for member in missed:
                member.advance_without_step()
            message = _ended_without([member.name for member in missed], self.t)
        # The steps are the same whether the first optimizer has skipped one or the loop has changed the order. A loop
        # that steps one optimizer more often has missed steps in the next update, and changes the order every time.
        elif before not in ("", last) and last == starter:
            message = (
                f"a step of {last} has started the updates from {self.t - 1} on, and one of {before} the update before"
            )
            choices = [last]
        else:
            return
        self._log_missed_step(message, choices)

    def _log_missed_step(self, message: str, choices: Iterable[str]) -> None:
        """Log once that an optimizer misses updates; `choices` are those whose steps may be the updates."""
        if not self.warned_of_missed_step:
            self.warned_of_missed_step = True
            self.processes.log(
                "%s. On the shared clock, an optimizer that misses an update may use values that are one update old. "
                "drive= names the optimizer whose steps are the updates: %s", message,
                ", ".join(f'drive="{name}" for those of {name}' for name in choices),
            )  # fmt: skip

    def log_late(self) -> None:
        """Log the optimizers that have not stepped in the last update, at the end of the run.

        If one has skipped its first step, its later steps look like those of a loop in another order, up to here.
        """
        starter = self._starters[1]
        late = [name for name in self.member_refs if name != starter and self.joined.get(name) != self.t]
        if self.is_shared and self.drive == "optimizer" and starter and late:
            self._log_missed_step(_ended_without(late, self.t), [late[0], starter])

    def _write_targets(self, targets: ValueRows) -> None:
        at = self.t - targets.first
        if not 0 < at < targets.size or (targets.amounts is not None and targets.amounts[at] != self.amount):
            self.extend(targets, self.times)
            at = 1
        for write, entries in targets.loops:
            write(entries[at - 1], entries[at])

    def extend(self, rows: ValueRows, times: UpdateTimes) -> None:
        """Compute the rows of the updates from `times` on."""
        count = rows.next_size(times.first)
        if self.consumption is None:
            rows.extend(UpdateTimes(times.first, None, count), self.states)
        else:
            rows.extend(self.consumption.times_from(times.first, times.amounts, count), self.states)
        self.note_values(rows)

    def note_values(self, rows: ValueRows) -> None:
        """Note values that are not finite, so that they are refused before the update that would use them."""
        if rows.not_finite_at >= 0:
            self.not_finite_at, self.needs_check = rows.not_finite_at, True

    def refuse_not_finite(self, t: int) -> None:
        """Raise if a value of update `t` is not finite.

        Raises:
            PlanError: a value is not finite, of any of the optimizers or of a target.
        """
        now = UpdateTimes(t, self.position_at(t).amount)
        if self.targets is not None and self.targets.not_finite_at == t:
            refuse_not_finite(self.in_force, (), (), now, self.states)
        for member in self.members.values():
            if member.rows.not_finite_at == t:
                refuse_not_finite(self.in_force, member.rows.lines, member.labels(member.bound), now, self.states)

    def refuse_not_finite_by_hand(self) -> None:
        """Raise if a value of the next update is not finite, if no hook runs before that update.

        After the end of the plan there may be no such update.
        """
        is_next = self.not_finite_at == self.t and self.drive == "manual"
        if is_next and not self.in_force.is_over_at(self.t, self.amount):
            self.refuse_not_finite(self.t)

    def note_end(self, lines: Sequence[Line]) -> None:
        """Log metric rules that observed no metric up to the end of the plan; note that the run goes on after it.

        Args:
            lines: the lines whose values the warning has.
        """
        in_force, amount = self.in_force, self.last_amount
        if self.states and self.warns_of_metrics and in_force.is_over_at(self.t, self.amount):
            self._report(self.idle_problem(f"the plan is over after {self.t} updates"))
        if self.warns_of_groups and in_force.is_over_at(self.t, self.amount):
            self._report(self.missing_groups())
        if self.warned_of_end or (amount is not None and amount < in_force.no_end_below):
            return
        if in_force.unit != PROGRESS and in_force.is_over_at(self.t - 1, amount):
            self.warned_of_end = True
            last = self.consumption.last_report if self.consumption is not None else None
            self.unreported.append(run_goes_on(in_force, lines, self.times, self.states, last))

    def _report(self, problem: Problem | None) -> None:
        """Log a problem of a plan that is over; with `strict` it is an error."""
        if problem is not None and self.processes.strict:
            self.unreported.append(problem)
        elif problem is not None:
            self.processes.log("%s", problem)

    def idle_problem(self, begin: str) -> Problem | None:
        """Return the problem of metric rules that have observed no metric, once; `begin` begins the sentence."""
        self.warns_of_metrics = False
        return idle_rules_problem(self.idle_rules(self.t), begin)

    def missing_groups(self) -> Problem | None:
        """Return the warning of optional lines that have selected no group so far, once; None if there are none."""
        self.warns_of_groups = False
        missing = [
            f"{line.name} @ {part if isinstance(part, str) else selector_text(part)}"
            for line in self.in_force.plan.bindings
            if line.optional
            for part in (parts_of(line.groups) if isinstance(line.groups, str) else [line.groups])
            if (binding_key(line), part) not in self.matched
        ]
        return no_group_added(missing, self.t) if missing else None

    def warn_if_over(self, in_force: ResolvedPlan, t: int, amount: Amount | None) -> None:
        """Warn if a run has completed more updates than a plan has, once.

        On another clock, the updates of other sizes, before a resume, may have consumed less than the plan has.
        """
        total = in_force.total
        if total is None or t <= total or self.warned_of_end:
            return
        if in_force.unit is None or in_force.is_over_at(t, amount):
            self.warned_of_end = True
            self.processes.warn(run_is_over(t, total))

    def warn(self) -> None:
        """Warn of what the last update found: the last thing that it does."""
        while self.unreported:
            self.processes.warn(self.unreported.pop(0))

    def target_values(self, *, last: bool = False) -> dict[str, float]:
        """Return the values of the targets for the next update, or for the last completed one if `last` is True."""
        times, states = (self.last_times, self.used) if last else (self.times, self.states)
        columns = [] if self.targets is None else self.targets.targets
        return {column.target.name: column.entries(times, states)[0] for column in columns}

    # ------------------------------------------------------------------ what moves or ends it

    def load(self, loaded: Mapping[str, SavedRun], source: str | None) -> bool:
        """Continue from what the only optimizer has loaded, without writing values; return whether the run moved.

        Args:
            loaded: the run in the state of the optimizer.
            source: the name of the checkpoint; None if it has no count.
        """
        ((name, saved),) = loaded.items()
        self.move(saved.position, source)
        self.continue_from(saved)
        self.members[name].t = self.t
        return True

    def reached(self, counts: Mapping[str, int | None]) -> int:
        """Return the update of the run after optimizers have loaded counts, without side effects.

        Args:
            counts: the update of the next step of each optimizer that loads a state; None if it has none.
        """
        known = {name: count for name, count in counts.items() if count is not None}
        if self.is_shared:
            known = (self.counts if self.loads is None else self.loads.counts(self)) | known
        return max(known.values(), default=0)

    def continue_from(self, saved: SavedRun) -> None:
        """Use the states, amounts and history of a saved run, at the present position."""
        now = self.entry()
        if saved.count is None:
            self.history = History((now,))
            return
        if saved.history is None:
            self.history = self.history.resumed_at(now.update, now.amount)
            return
        self.history = saved.history.resumed_at(now.update, now.amount).with_plan(now)
        self.states = restored_states(saved.feedback or {}, self.in_force.resolved.metric_rules)
        if saved.last_amount is not None and saved.position.t == self.t:
            self.last_amount = saved.last_amount

    def move(self, position: RunPosition, source: str | None) -> None:
        """Move to the position of a checkpoint, without writing values; the one loaded last takes precedence."""
        before, count = self.restored_from, position.t
        if before not in (None, source or "optimizer") and self.t != count:
            self.processes.log(
                "the %s checkpoint is of update %d, the %s checkpoint of update %d; "
                "the one loaded last takes precedence: %d", before, self.t, source or "optimizer", count, count,
            )  # fmt: skip
        self.set_position(position, source)

    def bind(self) -> None:
        """Write the targets at the present position, and measure the consumption from now on."""
        self.targets, plan = None, self.in_force.counted
        if any(isinstance(binding.field, Target) for binding in plan.bindings):
            self.targets = ValueRows(plan, (), (), self.times, self.states, end=self.in_force.total, targets=True)
            self.targets.put()
        self.reset_consumption()
        if self.targets is not None:
            self.note_values(self.targets)

    def reset_consumption(self) -> None:
        """Discard the earlier measurements of the consumption."""
        self.needs_check, self.consumption = False, None
        if self.in_force.amounts is not None:
            from paramsched.core.run.amounts import Consumption

            self.consumption = Consumption(self.in_force, self)
        self.is_plain = self.consumption is None and self.targets is None and not self.is_shared

    def report(self, progress: Amount) -> None:
        """Move to a reported progress before the next update, with all optimizers, and write its values."""
        if any(member.t < self.t for member in self.members.values()):  # a next step belongs to the last update
            self.last_amount = progress
        self.largest_report = max(self.largest_report, float(progress) - float(self.amount or 0))
        self.amount = progress
        self.end_writes()
        self.rewrite(size=2)  # the update after the next one has the same progress

    def seek(self, position: RunPosition) -> None:
        """Jump to a position, with all optimizers."""
        sought, before = self._before_seek
        before = before if sought == self.t else self.history  # a jump that no update followed is undone
        members = list(self.members.values())
        for member in members:
            member.rows.seek(position.times, self.states)
        self.set_position(position)
        self.was_moved, self.loads = True, None
        for member in members:
            member.t = position.t
            member.write_values()
            member.write_count()
        self.bind()
        for member in members:
            self.note_values(member.rows)
        self._before_seek, self.warned_of_end = (self.t, before), False
        self.history = before.resumed_at(self.t, self.amount)
        self.refuse_not_finite_by_hand()

    def rewrite(self, size: int = 1) -> None:
        """Recompute and write the values, after the states of metric rules or the progress changed.

        Args:
            size: the number of updates with the present amount.
        """
        for member in self.members.values():
            member.rows.seek(member.times._replace(size=size), self.states)
            self.note_values(member.rows)
            member.write_values()
        if self.targets is not None:
            self.targets.seek(self.times._replace(size=size), self.states)
            self.note_values(self.targets)
            self.targets.put()
        self.refuse_not_finite_by_hand()

    def release(self, kept: Collection[str] = ()) -> None:
        """Remove the hooks from all optimizers; warn of those that no other Scheduler takes over.

        Args:
            kept: the names of the optimizers that another Scheduler takes over.
        """
        members = self.members  # the hooks may own the last references
        for member in members.values():
            member.release()
        self.released, self.replaced = True, bool(kept)
        self.end_writes()
        left = [name for name in members if name not in kept]
        if kept and left:
            self.processes.log(
                "a new Scheduler takes over %s from a Scheduler that also drove %s. The earlier Scheduler is detached "
                "from all its optimizers, so no plan drives %s now",
                shown_names(kept), shown_names(left), shown_names(left),
            )  # fmt: skip

    def end_writes(self) -> None:
        """Count no writes to parameters any more, because the run has moved, or something else reports them."""
        if self.writes is not None:
            self.writes.end()
            self.writes = None
        STEP_HOOK.remove_if_unused()

    def new_bases(self, bases: Iterable[OtherBase], t: int) -> list[OtherBase]:
        """Return the bases that were not reported yet, each once; `t` is the update from which on the code's apply."""
        by_key = {(base, t if base.code_applies else -1): base for base in bases}
        new = [base for key, base in by_key.items() if key not in self._reported_bases]
        self._reported_bases |= by_key.keys()
        return new

    def require_attached(self, call: str) -> None:
        """Raise if the Scheduler of the run is detached."""
        self.require_in_use(call)
        if self.released:
            raise ParamschedError(
                f"scheduler.{call}: this Scheduler is detached. Write ps.Scheduler(optimizer, plan) to continue."
            )

    def require_in_use(self, call: str) -> None:
        """Raise if another Scheduler has taken an optimizer of the run over, whose values this one no longer knows."""
        if self.replaced:
            raise ParamschedError(
                f"scheduler.{call}: another Scheduler has replaced this one at update {self.t}. Use that one, or write "
                "ps.Scheduler(optimizer, plan) to continue."
            )


@final
class Member:
    """One optimizer of a run, without a reference to it, so that deleting the optimizer frees its memory at once.

    Between two updates the following is true, and `is_unchanged` checks it:
    - `bound` are the optimizer's groups, the same dicts in the same order. The columns of `rows` write into these.
    - Each group contains the values of update `t`. The first group contains this count and the record of the plan.

    `is_unchanged` does not check scheduled fields, because the writes detect external ones.

    Attributes:
        t: the update that its next step belongs to: that of the run, or the one before if it has not stepped in it.
        rows: the values of the next updates.
        record: the entry of the first group.
        code_bases: the bases of the code, by group index and flat field name; only those that a checkpoint may replace.
        initial_groups: by id, the groups whose `initial_lr` is of an earlier scheduler, or of the code.
        written_fields: the fields whose external writes were reported.
        load_written: loads a state that other code wrote into groups.

    Args:
        run: the run.
        name: the name of the optimizer.
        scope: the lines of the plan that concern it.
        t: the update that its next step belongs to.
    """

    rows: ValueRows
    record: str
    load_written: Callable[[list[Group]], object]
    knows_added_bases = True  # False if a callback adds groups with the lr of an update, which is not a base
    is_restored = False  # True if its groups had a count at the start of the run
    has_joined = False  # True after a load of a state without a count, with which an optimizer joins the run

    def __init__(self, run: Run, name: str, scope: Scope = WHOLE, t: int = 0) -> None:
        self.run, self.name, self.scope, self.t = run, name, scope, t
        self.can_start = run.drive in ("optimizer", "manual", name)  # True if its step may start an update of the run
        self.bound: list[Group] = []
        self.handles: list[Any] = []  # of the hooks on the optimizer
        self.is_plain = False  # True if an update of the run only writes floats into these groups
        # Marks of the last write: the first group, and its lr, because torch's distributed checkpoint temporarily
        # writes another one.
        self.first: Group = {}
        self.lr_key, self.first_lr = COUNT, None
        self.code_bases: Values = {}
        self.initial_groups: dict[int, Group] = {}
        self.written_fields = set[str]()

    @property
    def times(self) -> UpdateTimes:
        """The time of the update that its next step belongs to."""
        run = self.run
        return UpdateTimes(self.t, run.amount if self.t == run.t else run.last_amount)

    @property
    def position(self) -> RunPosition:
        """The position of the optimizer in the run."""
        return self.run.position_at(self.t)

    @property
    def is_being_counted(self) -> bool:
        """True while an update is under way: the run counts it first, the entry of the first group is written last."""
        return self.first.get(COUNT) == self.t - 1 and self.first.get(RECORD) is self.record

    # ------------------------------------------------------------------ binding and writing

    def labels(self, groups: list[Group]) -> Sequence[str | int]:
        """Return the label of each group for messages."""
        return self.scope.labels(groups)

    def lines(self, groups: list[Group]) -> tuple[Line, ...]:
        """Return the lines of the plan in force in some groups of the optimizer."""
        return starting_lines(self.run.in_force.counted, groups, scope=self.scope)

    def new_rows(self, lines: tuple[Line, ...], groups: list[Group]) -> ValueRows:
        """Compute the values of the next update, without writing them."""
        in_force = self.run.in_force
        return ValueRows(in_force.counted, lines, groups, self.times, self.run.states, end=in_force.total)

    def bind(self, groups: list[Group], rows: ValueRows) -> None:
        """Write the values of the next update, the first ones of `rows`, and use `rows` for later updates."""
        known = self.initial_groups
        self.initial_groups = {
            id(group): group for group in groups if id(group) in known or initial_value(LR, group) is not None
        }
        self.write_entries(rows.lines, groups)
        rows.put()
        self.take(rows, groups)

    def take(self, rows: ValueRows, groups: list[Group]) -> None:
        """Use these rows and groups from now on. The groups already contain the first row."""
        self.rows, self.bound, self.first = rows, list(groups), groups[0]
        self.run.note_values(rows)
        for line in self.run.in_force.plan.bindings:
            if line.optional:
                key, parts = binding_key(line), self.scope.matched_parts(line.groups, groups)
                self.run.matched |= {(key, part) for part in parts}
        self.write_count()
        self.record, self.lr_key = groups[0][RECORD], "lr" if "lr" in groups[0] else COUNT
        self.first_lr = self.first[self.lr_key]
        rows.note_written()
        self.is_plain = self.run.is_plain and rows.tensors is None

    def write_entries(self, lines: tuple[Line, ...], groups: list[Group]) -> None:
        """Write the bases and the count into each group."""
        write_entries(bases_of(lines), groups, self.t)

    def write_count(self) -> None:
        """Write the count into every group; an update writes it into the first group only."""
        for group in self.bound:
            group[COUNT] = self.t

    def write_values(self) -> None:
        """Write the values of the next update, which were computed, and note that they are written."""
        self.rows.put()
        self.first[COUNT] = self.t  # the other groups get the count when the optimizer is saved
        self.first_lr = self.first[self.lr_key]

    def unbind(self) -> None:
        """Stop writing until the groups are bound again."""
        self.bound, self.is_plain = [], False

    def release(self) -> None:
        """Stop writing, and remove the hooks. The groups keep the written values and the entries of paramsched."""
        self.unbind()
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    # ------------------------------------------------------------------ a step of the optimizer

    def is_unchanged(self, optimizer: Any) -> bool:
        """Return whether the groups are the bound ones and the first group's entries are unchanged.

        Also returns False if the consumption or the values of the next update must be checked. Runs at every update.
        """
        try:
            groups = optimizer.param_groups
            first = groups[0]
            return (
                first[COUNT] is self.t
                and first[RECORD] is self.record
                and first[self.lr_key] is self.first_lr
                and groups == self.bound  # compares only addresses if the dicts are the same
                and not (self.run.needs_check and self.needs_check())
                and not (self.rows.tuples and self.rows.tuple_spoiled())
            )
        except (LookupError, RuntimeError, ValueError):
            return False  # an entry is missing, or tensors of other shapes replaced it

    def needs_check(self) -> bool:
        """Return whether the update must be checked that the next step starts, or whose values it uses."""
        run = self.run
        return run.needs_check and (self.starts_update() or self.t == run.not_finite_at)

    def starts_update(self) -> bool:
        """Return whether the next step starts an update of the run."""
        return self.can_start and self.t == self.run.t

    def has_own_lr(self, optimizer: Any) -> bool:
        """Return whether the lr of the first group is the object that the plan wrote."""
        groups = optimizer.param_groups
        return not groups or groups[0].get(self.lr_key) is self.first_lr

    def before_update(self, optimizer: Any) -> None:
        """Bind added or replaced groups before an update, if `is_unchanged` is False. Other groups are not written.

        Raises:
            MissingFact: the plan's clock counts an amount, and the consumption of this update is unknown.
            PlanError: a value of this update is not finite.
        """
        run_uncompiled(sync)(self, optimizer.param_groups)
        if self.needs_check():
            run_uncompiled(_check_update)(self)

    def after_step(self, optimizer: Any) -> None:
        """Count a step of the optimizer that was an update."""
        self.advance(optimizer.param_groups)

    def after_driving_step(self, optimizer: Any) -> None:
        """Count a step of the optimizer that drives the run, and write the next values of all optimizers."""
        try:
            self.advance(optimizer.param_groups)
        finally:
            run_uncompiled(_advance_others)(self)

    def advance(self, groups: list[Group]) -> None:
        """Count a step that was an update, and write the values of the next one.

        The step starts an update of the run, unless another optimizer has started it.
        """
        run = self.run
        if self.t != run.t:
            run.joined[self.name] = run.t
            if run.loads is not None:
                run.loads.forget(self.name)
        elif run.is_plain:
            run.t += 1
        else:
            try:
                run_uncompiled(Run.begin_update)(run, self)
            finally:
                self.write_next(groups)
            return
        self.write_next(groups)

    def write_next(self, groups: list[Group]) -> None:
        """Write the values of the next update of the run."""
        run, rows = self.run, self.rows
        self.t = t = run.t
        try:
            if rows.tensors is not None and rows.tensors.changed():
                run_uncompiled(_check_tensors)(self, groups)
            at = t - rows.first
            if at >= rows.size or (rows.amounts is not None and rows.amounts[at] != run.amount):
                run_uncompiled(_extend)(self)
                at = 1
            for write, entries in rows.loops:
                write(entries[at - 1], entries[at])
            first = groups[0]
            if first is not self.first:  # replaced during the step
                run_uncompiled(sync)(self, groups)
                t = self.t  # that of a state that other code has written
            first[COUNT] = t
            self.first_lr = first[self.lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(refuse_spoiled)(self, groups, error)
        if rows.overwritten:
            run_uncompiled(_note_overwritten)(self, groups)
        if rows.tensors is not None:
            rows.tensors.note_fills()
        if run.unreported:
            run_uncompiled(Run.warn)(run)

    def advance_without_step(self) -> None:
        """Move the optimizer to the next update, without a step of it."""
        if self.bound and self.t < self.run.t:
            try:
                self.advance(self.bound)
            except Exception:
                if self.bound:  # else its groups are invalid, and its own next step raises
                    raise
        self.t = self.run.t

    def bind_changed(self, optimizer: Any) -> None:
        """Bind added or replaced groups after an update by hand, which has used what other code wrote."""
        overwritten: Overwritten = []
        if self.bound:
            with suppress(LookupError, TypeError, ValueError, RuntimeError):  # an entry is missing
                overwritten = self.rows.external_writes(self.t)
        sync(self, optimizer.param_groups)
        self.rows.overwritten.extend(overwritten)


FUNCTIONS_OF_UPDATE = (
    Member.is_unchanged, Member.needs_check, Member.starts_update, Member.has_own_lr, Member.before_update,
    Member.after_step, Member.after_driving_step, Member.advance, Member.write_next,
)  # fmt: skip
"""The functions that run at every update, which `torch.compile` skips."""


def _ended_without(names: Sequence[str], t: int) -> str:
    """Return the words for optimizers that have not stepped in the update before `t`."""
    return f"update {t - 1} ended without a step of {shown_names(names)}"


def _extend(member: Member) -> None:
    """Compute the values of the updates from the next one on."""
    run = member.run
    run.end_writes()  # after the first update, because the rows of a start have only the values of that update
    run.extend(member.rows, run.times)
    if run.consumption is None:
        run.note_end(member.rows.lines)


def _check_update(member: Member) -> None:
    """Check the values and the consumption of an update before its step."""
    run = member.run
    run.refuse_not_finite(member.t)
    if run.consumption is None:
        run.needs_check = False
    elif member.starts_update():
        run.consumption.check()


def _advance_others(driver: Member) -> None:
    for member in driver.run.members.values():
        if member is not driver:
            member.advance_without_step()


def _check_tensors(member: Member, groups: list[Group]) -> None:
    """Note tensors that other code filled or replaced, and write the original tensors into the groups again."""
    from paramsched.core.run.values import note_tensors

    run, rows = member.run, member.rows
    assert rows.tensors is not None
    note_tensors(rows, rows.tensors, values_at(rows.lines, run.last_times, run.states))
    _note_overwritten(member, groups)
    rows.tensors.install_views()


def _note_overwritten(member: Member, groups: list[Group]) -> None:
    from paramsched.core.run.values import external_problems

    labels, written_fields = member.labels(groups), member.written_fields
    member.run.unreported += external_problems(member.rows, groups, labels, written_fields, member.t - 1)
    member.rows.overwritten.clear()


# ------------------------------------------------------------------ updates by hand


def counter(run: Run, optimizers: Sequence[tuple[Member, Any]]) -> Callable[[], None]:
    """Return the function that counts one update of all optimizers, before which no hook ran."""
    ((member, optimizer), *others) = optimizers
    if others:
        return lambda: _count_by_hand(optimizers)

    def count() -> None:
        """Count an update; the first branch is `is_unchanged` and `advance` for plain groups, in half of their time."""
        groups: list[Group] = optimizer.param_groups
        rows, t = member.rows, member.t
        following = t + 1
        at = following - rows.first
        try:
            first = groups[0]
            if (
                member.is_plain
                and at < rows.size
                and first[COUNT] is t
                and first[RECORD] is member.record
                and groups == member.bound
                and not (rows.tuples and rows.tuple_spoiled())
            ):
                run.t = member.t = following
                if rows.equal is None:
                    for write, entries in rows.loops:
                        write(entries[at - 1], entries[at])
                else:  # `FloatColumn._write_equal` without its call
                    field, key, bound, entries = rows.equal
                    last, value = entries[at - 1], entries[at]
                    for group in bound:
                        if group[key] is not last:
                            rows.overwritten.append((field, group, group[key], last))
                        group[key] = value
                first[COUNT] = following
                # Equal copies of groups passed the check above, but lack the values that were written just now.
                if not rows.overwritten and groups == member.bound:
                    return
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            if member.t is following:
                refuse_spoiled(member, groups, error)
        if member.t is following:
            _note_overwritten(member, groups)
            sync(member, groups)
            run.warn()
        else:
            _count_by_hand(optimizers)

    return count


def _count_by_hand(optimizers: Sequence[tuple[Member, Any]]) -> None:
    """Count one update of all optimizers, also if the groups of one are invalid."""
    first, run = optimizers[0][0], optimizers[0][0].run
    run.require_attached("step()")
    if run.needs_check:
        _check_update(first)
    errors: list[Exception] = []  # raised after all optimizers are counted
    for member, optimizer in optimizers:
        if not member.is_unchanged(optimizer):
            try:
                member.bind_changed(optimizer)
            except Exception as error:
                if not run.is_shared:
                    raise
                errors.append(error)
    try:
        run.begin_update(first)
    finally:
        for member, optimizer in optimizers:
            try:
                if member.bound:
                    member.write_next(optimizer.param_groups)
            except Exception as error:  # noqa: BLE001
                errors.append(error)
            member.t = run.t
    if errors:
        raise errors[0]
    for member, optimizer in optimizers:
        # A copied group lacks the values that were written just now, or contains another tensor.
        is_copied = any(map(is_not, optimizer.param_groups, member.bound))
        if is_copied or (member.rows.tensors is not None and not member.is_unchanged(optimizer)):
            sync(member, optimizer.param_groups)
    run.refuse_not_finite_by_hand()


# ------------------------------------------------------------------ values


def planned_values(member: Member, *, last: bool = False) -> dict[tuple[int, str], float]:
    """Return the values of the run's next update in the groups of an optimizer, or of the last one if `last`."""
    run = member.run
    times, states = (run.last_times, run.used) if last else (run.times, run.states)
    return values_at(member.rows.lines, times, states)


# ------------------------------------------------------------------ groups that other code has changed


def sync(member: Member, groups: list[Group]) -> bool:
    """Bind the groups again if groups were added, removed or replaced; return whether they were.

    This check is slower than `is_unchanged`, because it also detects groups that were replaced by equal copies. It
    does not detect external writes of values.
    """
    require_groups(member, groups, member.bound)
    if has_written(member, groups):  # the record of a checkpoint, of which no hook knows
        if groups_changed(member, groups):
            note_code_bases(member, groups)
        member.load_written(groups)
        return True
    changed = _entries_replaced(member, groups) or groups_changed(member, groups) or member.rows.tuple_spoiled()
    if changed:
        _rebind(member, groups)
    return changed


def sync_for_checkpoint(member: Member, groups: list[Group]) -> None:
    """Bind the groups again, without those that the next step refuses: the state of a run can be saved at any time.

    While another thread counts an update, the groups belong to that thread.
    """
    if not member.is_being_counted:
        with suppress(PlanError):  # a value would leave its range, for example
            sync(member, groups)


def _rebind(member: Member, groups: list[Group]) -> None:
    """Bind the current groups, and write only into new or changed ones."""
    run = member.run
    _note_fields(member, groups)
    note_code_bases(member, groups)
    lines = member.lines(groups)
    _log_late_groups(member, lines, groups)
    refuse_values_outside(run.in_force, lines, member.labels(groups), member.times)
    anew = not member.bound or _entries_replaced(member, groups)
    before = {} if anew else _schedules_by_group(member.rows.lines, member.bound)
    now = _schedules_by_group(lines, groups)
    unwritten = {
        index for index, group in enumerate(groups) if COUNT not in group or before.get(id(group)) != now[id(group)]
    }
    unwritten_lines = tuple(kept for line in lines if (kept := line.only(unwritten)).groups)
    new_values = member.new_rows(unwritten_lines, groups)
    member.write_entries(lines, groups)
    new_values.put()
    tensors = member.rows.tensors if member.bound else None
    were_filled = tensors is not None and tensors.changed()  # by other code
    rows = member.new_rows(lines, groups)
    if rows.tensors is not None:
        rows.tensors.install_views()
    member.take(rows, groups)
    if were_filled and rows.tensors is not None:
        rows.tensors.forget_fills()


def _note_fields(member: Member, groups: list[Group]) -> None:
    """Note the fields that an added group of one of several optimizers has: lines for all groups apply to it, too."""
    scope, run = member.scope, member.run
    bound = {name: one.bound for name, one in run.members.items()} | {member.name: groups}
    if scope.fields is not None and all(bound.values()):
        fields = fields_of(run.in_force.resolved, scope.derived, bound, needed=False)[member.name]
        member.scope = replace(scope, fields=scope.fields | fields)


def _log_late_groups(member: Member, lines: tuple[Line, ...], groups: Sequence[Group]) -> None:
    """Log the groups that were added since the last update: their present values are their bases."""
    late = {index for index, group in enumerate(groups) if COUNT not in group}
    late_lines = [kept for line in lines if (kept := line.only(late)).groups]
    now = values_at(late_lines, member.times, member.run.states)
    labels = member.labels(list(groups))
    for index, line, base in by_group(late_lines):
        value = now[index, line.field.slot]
        if value == base or initial_value(line.field, groups[index]) is not None:
            continue
        member.run.processes.log(
            "group %r was added at update %d: its %s %r is used as its base, and the update uses %r",
            labels[index], member.t, line.field, base, value,
        )  # fmt: skip


def note_code_bases(member: Member, groups: list[Group]) -> None:
    """Note the bases of groups that were added, and the present indices of the others."""
    before = {id(group): index for index, group in enumerate(member.bound)}
    noted: dict[int, dict[str, float]] = {}
    for (index, field), base in member.code_bases.items():
        noted.setdefault(index, {})[field] = base
    bases: dict[tuple[int, str], float] = {}
    added: set[int] = set()
    for index, group in enumerate(groups):
        known = before.get(id(group), index if COUNT in group else None)
        if known is None:
            added.add(index)
        else:
            bases |= {(index, field): base for field, base in noted.get(known, {}).items()}
    if added and member.knows_added_bases:
        bases |= {place: base for place, base in bases_of(member.lines(groups)).items() if place[0] in added}
    member.code_bases = bases


def note_bases_of_new_fields(member: Member, lines: tuple[Line, ...], plan: Plan, present: list[Group]) -> None:
    """Note the bases in the code of fields that only the plan of a checkpoint has, before its values are loaded.

    Args:
        member: the optimizer.
        lines: the lines of the checkpoint's plan.
        plan: the checkpoint's plan, with lengths that are counted.
        present: the groups, which still have the values of the code.
    """
    missing = bases_of(lines).keys() - member.code_bases.keys()
    if missing:
        bases = bases_of(starting_lines(plan, present, scope=member.scope))
        member.code_bases = {**member.code_bases, **{place: bases[place] for place in missing & bases.keys()}}


def groups_changed(member: Member, groups: list[Group]) -> bool:
    """Return whether the groups are not the bound dicts themselves; equal copies count as changed."""
    return len(groups) != len(member.bound) or not all(map(is_, groups, member.bound))


def _entries_replaced(member: Member, groups: list[Group]) -> bool:
    """Return whether other code changed the count or the record in the first group, such as a checkpoint."""
    first = groups[0]
    count, record = first.get(COUNT), first.get(RECORD)
    if count is member.t and record is member.record:
        return False
    is_bound = bool(member.bound) and first is member.bound[0]
    return is_bound and not (isinstance(count, int) and count == member.t and record == member.record)


def has_written(member: Member, groups: list[Group]) -> bool:
    """Return whether other code wrote the record of a checkpoint into the groups: a live one has no position (`t`)."""
    if groups[0].get(RECORD) is member.record:
        return False
    return any("t" in entry for group in groups if isinstance(entry := entry_of(group), dict))


def require_groups(member: Member, groups: list[Group], bound: list[Group]) -> None:
    """Raise if there are no groups, or if a tuple such as `betas` has another length than when it was bound."""
    if not groups:
        raise StateError("optimizer.param_groups is empty: the groups that the plan writes were removed")
    if member.rows.tuples:
        known = {id(group) for group in bound}
        member.rows.require_lengths([group if id(group) in known else {} for group in groups])


def _schedules_by_group(lines: tuple[Line, ...], groups: list[Group]) -> dict[int, set[tuple[Any, int]]]:
    """Return the pairs of a field and the identity of a schedule that each group follows, by the group's identity."""
    schedules: dict[int, set[tuple[Any, int]]] = {id(group): set() for group in groups}
    for line in lines:
        for index in line.groups:
            schedules[id(groups[index])].add((line.field, id(line.schedule)))
    return schedules


def refuse_spoiled(member: Member, groups: list[Group], error: Exception) -> None:
    """Raise the error that explains why values could not be written: an entry is missing or invalid.

    Raises:
        PlanError: an entry is not a number. The plan continues once it is a number again.
        StateError: the optimizer has no groups.
    """
    bound = member.bound
    member.unbind()  # bound again before the next update
    require_groups(member, groups, bound)
    member.lines(groups)
    raise error
