"""The clock of a run: the completed updates, the amount, and the resolved plan in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal, NamedTuple, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.feedback.base import MetricRule
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import UPDATES
from paramsched.core.plan.extras import Note
from paramsched.core.plan.resolve import amounts_of_run, counted_plan, is_complete, plan_number, updates_of_horizon
from paramsched.core.plan.resolve_clocks import sizes_of_run
from paramsched.core.plan.run_amounts import SIZES_OF_BATCHES, Amount, RunAmounts, SizeTarget, lacking_amount
from paramsched.core.run.group_keys import Entry, History
from paramsched.core.run.messages import WORLD, Processes
from paramsched.core.time import Calendar
from paramsched.core.time.amounts import SECONDS, largest_on, rounded_on, times_on
from paramsched.errors import MissingFact, StateError


@final
class UpdateTimes(NamedTuple):
    """The times of successive updates; a tuple, because one is constructed at many updates.

    Args:
        first: the number of the first update.
        amounts: an array with the amount before each update; a number if it is the same for all; None if the
            plan is by updates.
        size: the number of updates.
    """

    first: int
    amounts: Array | Amount | None
    size: int = 1

    def listed(self) -> list[Amount]:
        """Return the amount before each update."""
        amounts: Any = self.amounts
        if self.size == 1 and not isinstance(amounts, np.ndarray):
            return [amounts]
        return amounts.tolist() if isinstance(amounts, np.ndarray) else [amounts] * self.size

    def on_clock(self, clock: str) -> Any:
        """Return an array of the times as the schedules on a clock count them; one number if all are the same."""
        if clock == UPDATES or self.amounts is None:
            return self.first if self.size == 1 else np.arange(self.first, self.first + self.size)
        return times_on(clock, self.amounts)


@final
@dataclass(frozen=True, slots=True)
class RunPosition:
    """The position of a run: the next update, the amount before it, and the reported consumption.

    `reported` is consumption that was reported and that no update has counted yet. Both amounts are None if the plan is
    by updates, or if they are unknown. `is_measured` is True if an engine measured all of `reported`. `samples` is the
    number of samples before `t`, for `ps.BatchSampler`; None if it is unknown. It is no part of the clock.
    """

    t: int
    amount: Amount | None = None
    reported: Amount | None = None
    is_measured: bool = False
    samples: int | None = field(default=None, compare=False)

    @property
    def times(self) -> UpdateTimes:
        return UpdateTimes(self.t, self.amount)


BEGIN_OF_DATA: Final = RunPosition(0, samples=0)


RuleStates: TypeAlias = Mapping[MetricRule[Any], Any]


class Clock:
    """The position of one optimizer: the completed updates, the amount, and the states of metric rules.

    The clock of a single optimizer is that of the run (`RunState`), the same object. Each of several optimizers has one
    of its own, whose `t` is the number of the update that its next step belongs to.

    A fact that is valid at one update only is stored with the number of that update and ignored at any other.
    Therefore the code that runs at every update never has to reset it.

    `amount` is the amount before the next update, `last_amount` the amount before the last one. Both
    are None if the plan is by updates. `reported` is the consumption that was reported and that no update has counted
    yet; `is_measured` is True if an engine measured it, and False after a report of the loop. `needs_check` is True
    if the consumption of the next update must be checked before that update.

    Args:
        states: the states of the metric rules.
        position: the position of the run.
        source: as in `set_position`.
    """

    __slots__ = (
        "_came_from", "_used", "acknowledged_at", "amount", "is_measured", "last_amount", "needs_check", "reported",
        "states", "t", "told_of_end",
    )  # fmt: skip

    amount: Amount | None
    last_amount: Amount | None
    reported: Amount | None
    needs_check: bool  # set by `Groups.bind`
    acknowledged_at: int  # the update at which an engine last called step()
    told_of_end: bool  # True after a warning that the run goes on after the end of its plan
    _came_from: tuple[int, str | None]  # an update, and the checkpoint with this count
    _used: tuple[int, RuleStates]  # the update, and the states before a metric changed them

    def __init__(self, states: RuleStates, position: RunPosition, source: str | None = None) -> None:
        self.states, self.told_of_end = states, False
        self.set_position(position, source)

    def set_position(self, position: RunPosition, source: str | None = None) -> None:
        """Jump to a position, for `seek` or a checkpoint; `source` names the checkpoint."""
        t = position.t
        self.t, self._came_from, self._used = t, (t, source), (-1, {})
        self.amount = self.last_amount = position.amount
        self.reported, self.is_measured = position.reported, position.is_measured
        self.acknowledged_at = t

    @property
    def position(self) -> RunPosition:
        return RunPosition(self.t, self.amount, self.reported, self.is_measured)

    def acknowledge(self) -> None:
        """Note that an engine has called step()."""
        self.acknowledged_at = self.t

    @property
    def acknowledged(self) -> bool:
        """True if an engine has called step() since the last update."""
        return self.acknowledged_at == self.t

    @property
    def restored_from(self) -> str | None:
        """The name of the checkpoint from which the count was read. It is None again after the next update."""
        at, source = self._came_from
        return source if at == self.t else None

    @property
    def times(self) -> UpdateTimes:
        return UpdateTimes(self.t, self.amount)

    @property
    def last_times(self) -> UpdateTimes:
        return UpdateTimes(self.t - 1, self.last_amount)

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


LateGroups: TypeAlias = Literal["base", "present"]
"""The role of the value in a group that is added during the run: `"base"` uses it as the base of the schedule;
`"present"` keeps it as the value at that update, and computes the base of the schedule from it."""


@final
@dataclass(frozen=True, slots=True)
class Choices:
    """What a run was told once, for all of its optimizers: the arguments of `ps.Scheduler` that it keeps.

    Args:
        drive: `"optimizer"`, `"manual"`, or the name of an optimizer.
        late_groups: the role of the value in a group that is added during the run.
        start: the number of completed updates of a run that had no plan so far; None if it was not passed.
        processes: the processes that train together.
        counted_by: the call that counts the batches of an engine, for messages.
    """

    drive: str = "optimizer"
    late_groups: LateGroups = "base"
    start: int | None = None
    processes: Processes = WORLD
    counted_by: str = ""


@final
class RunState(Clock):
    """The state of a run: its position, its history, and its end.

    `history` are its plans, and `released` is True after its end. `observed` are the metrics that this process has
    observed, `skipped` those of which NaN was logged. `warns_of_metrics` is False after missing metrics were logged,
    and if an engine warns about them. `counts_from` is the position of the last checkpoint, from which
    `ps.BatchSampler` adds the planned sizes.

    Args:
        states: the states of the metric rules.
        position: the position of the run.
        choices: what the run was told.
        source: as in `set_position`.
    """

    observed: set[str]
    skipped: set[str]
    warns_of_metrics: bool  # set by the Scheduler
    __slots__ = (
        "_before_seek", "choices", "counts_from", "history", "observed", "processes", "released", "skipped",
        "warns_of_metrics",
    )  # fmt: skip

    def __init__(self, states: RuleStates, position: RunPosition, choices: Choices, source: str | None) -> None:
        Clock.__init__(self, states, position, source)
        self.choices, self.processes = choices, choices.processes
        self.history = History(())
        self._before_seek = -1, self.history  # the update of the last `seek`, and the history before it
        self.released = False
        self.observed, self.skipped = set(), set()
        self.counts_from = BEGIN_OF_DATA

    def entry(self, in_force: "ResolvedPlan") -> Entry:
        """Return the history entry of a plan that is in force from the present position on."""
        return Entry(self.t, self.amount, in_force.text, in_force.note, facts=in_force.facts)

    def use(self, in_force: "ResolvedPlan") -> None:
        """Note in the history that a plan is in force from the present position on."""
        self.history = self.history.with_plan(self.entry(in_force))

    def history_before_seek(self) -> History:
        """Return the history that a `seek` resumes; one that no update followed is undone."""
        sought, before = self._before_seek
        return before if sought == self.t else self.history

    def note_seek(self, before: History) -> None:
        """Note a jump to the present position, whose history was `before`."""
        self._before_seek, self.told_of_end = (self.t, before), False
        self.history = before.resumed_at(self.t, self.amount)

    def count_samples_from(self, position: RunPosition) -> None:
        """Note the position of a checkpoint; one without the number of samples keeps that of another checkpoint."""
        before = self.counts_from
        if position.samples is not None or position.t != before.t:
            self.counts_from = position if position.t else BEGIN_OF_DATA

    def idle_rules(self, t: int) -> list[MetricRule[Any]]:
        """Return the metric rules that have observed nothing in the run, which has completed `t` updates.

        Empty if a resume follows more than half of these updates, because its checkpoint may lack the states of rules.
        """
        rules = self.states.items() if 2 * self._came_from[0] <= t else ()
        return [rule for rule, state in rules if rule.metric not in self.observed and state == rule.init()]


@final
@dataclass(frozen=True, slots=True)
class ResolvedPlan:
    """A plan as written, its resolved form, and the calendar that resolved it.

    `number` identifies the plan in messages between processes, `facts` are the run facts if they determine its lengths.
    `counted` is the resolved plan with plain numbers in place of lengths such as `4 tokens`, ready for evaluation.
    `amounts` are the planned amounts of the run; None if the plan is by updates. `optimizers` are the names of several
    optimizers, and `note` is that of the plan's file. `inside` has the lines whose values were found inside of their
    ranges, with the update from which on (`refuse_values_outside`).
    """

    plan: Plan
    resolved: Plan
    calendar: Calendar
    optimizers: tuple[str, ...] = ()
    note: Note | None = None
    facts: tuple[tuple[str, Any], ...] = field(init=False)
    counted: Plan = field(init=False)
    amounts: RunAmounts | None = field(init=False)
    inside: dict[tuple[Any, ...], int] = field(init=False, default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counted", counted_plan(self.resolved))
        object.__setattr__(self, "amounts", amounts_of_run(self.resolved, self.calendar))
        needs_facts = self.text is not None and not is_complete(self.plan, self.resolved)
        object.__setattr__(self, "facts", tuple(facts_of_calendar(self.calendar).items()) if needs_facts else ())

    @property
    def number(self) -> int:
        """The number that identifies the plan in messages between processes."""
        return plan_number(self.plan, self.resolved)

    @property
    def text(self) -> str | None:
        """The text of the plan; None if it cannot be written."""
        return self.plan.text

    @property
    def unit(self) -> str | None:
        """The unit of the plan's clock; None if it counts updates."""
        return None if self.amounts is None else self.amounts.clock

    @property
    def batch_sizes(self) -> dict[str, SizeTarget | None]:
        """The targets that determine the batches of an update, by name."""
        found = sizes_of_run(self.resolved.bindings, self.resolved.clock, self.calendar).targets
        return {name: found[name] for name in SIZES_OF_BATCHES if name in found}

    def amount_at(self, t: int) -> Amount | None:
        """Return the amount that a run consumes before update `t` if it follows the plan."""
        return None if self.amounts is None else self.amounts.amount_at(t)

    def is_over_at(self, t: int, amount: Amount | None) -> bool:
        """Return whether update `t`, before which the run has consumed `amount`, is at or after the end of the plan."""
        if amount is not None and amount >= largest_on(self.unit):
            return True
        horizon = self.resolved.horizon
        if horizon is None:
            return False
        ((unit, count),) = horizon.terms
        if unit == UPDATES or amount is None:
            return unit == UPDATES and t >= count
        return bool(times_on(unit, amount) >= (float(count) if unit == SECONDS else count))

    @property
    def total(self) -> int | None:
        """The horizon in updates; None if it is unknown.

        Raises:
            PlanError: an update is planned to consume nothing.
        """
        try:
            return updates_of_horizon(self.resolved, self.amounts)
        except MissingFact:
            return None


def facts_of_calendar(calendar: Calendar) -> dict[str, float | str]:
    """Return the run facts as plain data."""
    facts = ((field.name, getattr(calendar, field.name)) for field in fields(calendar))
    return {name: fact if isinstance(fact, (int, float)) else str(fact) for name, fact in facts if fact is not None}


VERSION: Final = 3
"""The version of a record."""


def record_of_plan(in_force: ResolvedPlan) -> dict[str, Any]:
    """Return the part of a record that is constant between two bindings."""
    record = {"version": VERSION, "plan": in_force.plan.text, "calendar": facts_of_calendar(in_force.calendar)}
    return record | ({"optimizers": list(in_force.optimizers)} if in_force.optimizers else {})


def resume_position(in_force: ResolvedPlan, found: RunPosition, whose: str, clock: Clock | None = None) -> RunPosition:
    """Return the position of a run that resumes with a plan.

    Args:
        in_force: the plan.
        found: the position in the checkpoint; its amounts are None if the checkpoint has none on the plan's clock.
        whose: the name of the checkpoint, for messages.
        clock: the current state, whose amount is used if it is at the same update.
    """
    unit, samples = in_force.unit, found.samples
    if unit is None:
        return RunPosition(found.t, samples=samples)
    if found.amount is not None:
        return replace(found, amount=rounded_on(unit, found.amount))
    if clock is not None and clock.t == found.t and clock.amount is not None:
        return RunPosition(found.t, clock.amount, samples=samples)
    try:
        return RunPosition(found.t, in_force.amount_at(found.t), samples=samples)
    except MissingFact:
        lacks, value = lacking_amount(unit)
        raise StateError(
            f"{whose} is at update {found.t} and carries no {lacks}. Use ps.Scheduler(optimizer, plan) on an "
            f"optimizer without a count, then scheduler.seek({found.t}, {unit}={value}), then load the checkpoint"
        ) from None
