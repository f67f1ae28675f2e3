"""The run of a plan: its plan in force, position, metric rules and history, and the optimizers that follow it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from time import sleep
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final
from weakref import ref

from paramsched.core.base.problem import Problem
from paramsched.core.feedback.base import MetricRule
from paramsched.core.plan import Target
from paramsched.core.plan.lines import Line, RuleStates, UpdateTimes
from paramsched.core.plan.optimizers import shown_names
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.metric_states import restored_states
from paramsched.core.run.reports import OtherBase, log_idle_rules, note_end
from paramsched.core.run.state import BEGIN_OF_DATA, Entry, History, RunPosition, SavedRun
from paramsched.core.run.values import ValueRows
from paramsched.errors import ParamschedError

if TYPE_CHECKING:
    from paramsched.core.run.amounts import Consumption
    from paramsched.core.run.arguments import Settings
    from paramsched.core.run.member import Member
    from paramsched.core.run.several import Loads


@final
class Reading(NamedTuple):
    """The position of a run at one moment, between two updates.

    Args:
        position: the position.
        last_amount: the amount before the last update; None on the clock of updates.
        states: the states of the metric rules.
        counts: the update that the next step of each optimizer belongs to, by name.
    """

    position: RunPosition
    last_amount: Amount | None
    states: RuleStates
    counts: dict[str, int]


_WAITS: Final = (*[0.0] * 10, *[1e-4] * 50)
"""Seconds between the readings. A wait without an end would hang if an interrupt has stopped an update half-way."""


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
        unreported: the warnings of an update, which come after its count: a program that turns warnings into errors
            loses no update.
        after_load: functions that are called after a load.

    Args:
        in_force: the plan in force.
        position: the position.
        states: the states of the metric rules.
        settings: what the arguments of the Scheduler mean.
        source: the name of the checkpoint with this position; None if there is none.
    """

    consumption: "Consumption | None" = None
    targets: ValueRows | None = None
    loads: "Loads | None" = None
    is_plain = False  # True if an update only increments `t`
    needs_check = False  # True if the consumption of the next update must be checked before that update
    released = False  # True after the end of the run
    replaced = False  # True after another Scheduler has ended it
    was_moved = False  # True after `seek`, or after a checkpoint of an earlier update
    end_is_known = False  # True if an engine has reported that the run is shorter than its plan, or has ended
    warned_of_end = False  # True after a warning that the run goes on after the end of its plan
    warns_of_metrics = False  # set by the Scheduler; False after missing metrics were logged
    warned_of_missing_count = False
    warned_of_missed_step = False
    saved_at = -1  # the update of the last checkpoint

    def __init__(
        self,
        in_force: ResolvedPlan,
        position: RunPosition,
        states: RuleStates,
        settings: "Settings",
        source: str | None = None,
    ) -> None:
        self.in_force, self.states, self.settings = in_force, states, settings
        self.processes, self.drive = settings.source.processes, settings.drive
        self.is_shared = bool(settings.names)  # True for several optimizers
        self._members: dict[str, ref[Member]] = {}
        self._set_position(position, source)
        # The history of a start is made when it is needed, because the text of a plan and its facts take time.
        self._history: History | None = None
        self._begin = in_force, self.position
        self._before_seek = -1, History(())  # the update of the last `seek`, and the history before it
        self.counts_from = BEGIN_OF_DATA  # the last checkpoint, from which `ps.BatchSampler` adds the planned sizes
        self.unreported: list[Problem] = []
        self.after_load: list[Callable[[], object]] = []
        self.scheduler: Callable[[], object] = lambda: None  # the Scheduler, unless it was deleted
        self.observed = set[str]()  # the metrics that this process has observed
        self.skipped = set[str]()  # the metrics of which NaN was logged
        self.changed_bases: list[OtherBase] = []  # of the states that several optimizers load, not reported yet
        # Each with its update, or -1 if the checkpoint's applies.
        self._reported_bases: set[tuple[OtherBase, int]] = set()

    @property
    def members(self) -> dict[str, "Member"]:
        """The optimizers by name, without deleted ones."""
        members = ((name, member()) for name, member in self._members.items())
        return {name: member for name, member in members if member is not None}

    def add(self, member: "Member") -> None:
        """Add an optimizer, which the caller owns."""
        self._members[member.name] = ref(member)

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
    def has_moved(self) -> bool:
        """True if there was an update since the start, or since the last jump."""
        return self.t > self._came_from[0]

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

    def reading(self) -> Reading:
        """Read the position between two updates; a saver may run in a thread, while another one counts updates.

        A record whose parts are of two updates would be discarded as one of earlier values. There is no lock, because
        it would cost time at each update: the position is read until no update was under way or ended meanwhile.
        """
        reading = self._read()
        for seconds in _WAITS:
            # The first group gets the count at the end of an update.
            is_between = not any(member.is_being_counted for member in self.members.values())
            again = self._read()
            if is_between and again == reading and self.t == reading.position.t:
                break
            reading = again
            sleep(seconds)  # lets the other thread go on
        return reading

    def _read(self) -> Reading:
        counts = self.counts
        position = RunPosition(max(counts.values()), self.amount, self.reported, self.is_measured)
        return Reading(position, self.last_amount, self.states, counts)

    def samples(self, position: RunPosition | None = None) -> int | None:
        """Return the number of samples before the next update, for `ps.BatchSampler`; None if it is unknown.

        Args:
            position: the position of the run. Default: the present one.
        """
        in_force = self.in_force
        if in_force.facts.batch_size is None and not any(one.name == "batch_size" for one in in_force.plan.bindings):
            return None
        from paramsched.core.run.batch_sizes import samples_at

        try:
            return samples_at(in_force, self.history, self.counts_from, position or self.position)
        except ParamschedError:  # the sizes follow a metric, for example
            return None

    def count_samples_from(self, position: RunPosition) -> None:
        """Note the position of a checkpoint; one without the number of samples keeps that of another checkpoint."""
        if position.samples is not None or position.t != self.counts_from.t:
            self.counts_from = position if position.t else BEGIN_OF_DATA

    # ------------------------------------------------------------------ the history

    @property
    def history(self) -> History:
        """The plans of the run."""
        if self._history is None:
            in_force, position = self._begin
            self._history = History((Entry(position.t, position.amount, in_force.text, facts=in_force.needed_facts),))
        return self._history

    @history.setter
    def history(self, history: History) -> None:
        self._history = history

    def entry(self) -> Entry:
        """Return the history entry of the plan that is in force from the present position on."""
        return Entry(self.t, self.amount, self.in_force.text, facts=self.in_force.needed_facts)

    # ------------------------------------------------------------------ an update

    def begin_update(self, starter: "Member") -> None:
        """Count an update of the run, which the step of an optimizer starts: what is not of one optimizer."""
        try:
            if self.is_shared:
                self._end_last_update()
        finally:
            self.t += 1
        if self.consumption is not None:
            self.consumption.count()
            if self.amount is not None and self.amount >= self.consumption.no_end_below:
                self.note_end(() if self.is_shared else starter.rows.lines)
        if self.targets is not None:
            self._write_targets(self.targets)

    def _end_last_update(self) -> None:
        """Move the optimizers that have not stepped in the last update to the next one."""
        if self.loads is not None:
            self.loads.end(self)
        members = self.members.values()
        missed = [member for member in members if member.t < self.t]
        if not missed:
            return
        *_, last = (member.name for member in members if member.t == self.t)
        for member in missed:
            member.advance_without_step()
        if not self.warned_of_missed_step:
            self.warned_of_missed_step = True
            self.processes.log(
                "update %d ended without a step of %s. On the shared clock, an optimizer that misses an "
                "update may use values that are one update old. To count the updates of one optimizer, write "
                'drive="%s"', self.t - 1, shown_names([member.name for member in missed]), last,
            )  # fmt: skip

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

    def note_end(self, lines: Sequence[Line]) -> None:
        """Log metric rules that observed no metric up to the end of the plan; note that the run goes on after it."""
        in_force = self.in_force
        if self.states and self.warns_of_metrics and in_force.is_over_at(self.t, self.amount):
            log_idle_rules(self, self.t, f"the plan is over after {self.t} updates")
        if self.warned_of_end or (self.last_amount is not None and self.last_amount < in_force.no_end_below):
            return
        note_end(self, lines)

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
        """Continue from what optimizers have loaded, without writing values; return whether the run moved.

        Args:
            loaded: the run in the state of each optimizer that loads one.
            source: the name of the checkpoint; None if it has no count.
        """
        if self.is_shared:
            from paramsched.core.run.several import load_counts

            return load_counts(self, loaded, source)
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
            self.counts_from = BEGIN_OF_DATA
            self.history = History((now,))
            return
        self.count_samples_from(saved.position)
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
        if any(isinstance(one.field, Target) for one in plan.bindings):
            self.targets = ValueRows(plan, (), (), self.times, self.states, end=self.in_force.total, targets=True)
            self.targets.put()
        self.reset_consumption()

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
        self.amount = progress
        self.rewrite(size=2)  # the update after the next one has the same progress

    def seek(self, position: RunPosition) -> None:
        """Jump to a position, with all optimizers."""
        if self.counts_from.samples is None:  # from now on the position in the data is that of the plan
            self.counts_from = BEGIN_OF_DATA
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
        self._before_seek, self.warned_of_end = (self.t, before), False
        self.history = before.resumed_at(self.t, self.amount)

    def rewrite(self, size: int = 1) -> None:
        """Recompute and write the values, after the states of metric rules or the progress changed.

        Args:
            size: the number of updates with the present amount.
        """
        for member in self.members.values():
            member.rows.seek(member.times._replace(size=size), self.states)
            member.write_values()
        if self.targets is not None:
            self.targets.seek(self.times._replace(size=size), self.states)
            self.targets.put()

    def release(self, kept: Collection[str] = ()) -> None:
        """Remove the hooks from all optimizers; warn of those that no other Scheduler takes over.

        Args:
            kept: the names of the optimizers that another Scheduler takes over.
        """
        members = self.members  # the hooks may own the last references
        for member in members.values():
            member.release()
        self.released, self.replaced = True, bool(kept)
        left = [name for name in members if name not in kept]
        if kept and left:
            self.processes.log(
                "a new Scheduler takes over %s from a Scheduler that also drove %s. The earlier Scheduler is detached "
                "from all its optimizers, so no plan drives %s now",
                shown_names(kept), shown_names(left), shown_names(left),
            )  # fmt: skip

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
