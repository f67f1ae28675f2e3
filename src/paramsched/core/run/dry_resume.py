"""A dry run of a resume: a real Scheduler, attached to param groups from a checkpoint instead of an optimizer."""

import logging
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from math import isclose, isnan
from typing import Any, Final, Literal, TypeAlias, final

from paramsched.core.fields import Field, Group
from paramsched.core.plan.binding import amount_clock
from paramsched.core.plan.optimizers import ALONE, unique_labels
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.run_amounts import Amount, ReportedProgress, UnknownAmounts
from paramsched.core.run.record import BasePolicy, OnChange, SavedOptimizer, read_groups, read_scheduler_state
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.run.start import PlanSource
from paramsched.core.time.run_facts import UPDATES, RunFacts
from paramsched.errors import InvalidArgument, MissingFact, ParamschedError, Unresolved

_ROUNDING: Final = 1e-9
Message: TypeAlias = tuple[Literal["error", "warning", "info"], str]


@final
@dataclass(frozen=True, slots=True)
class ResumedValue:
    """A value that an update after the resume uses.

    Args:
        update: the update.
        field: the name of the field or target in the plan.
        group: the name or index of the group, `optimizer/group` if there are several optimizers, "" for a target.
        stored: the value in the checkpoint, if this is the first update of the group; None if it has no such number.
        value: the value after the resume.
    """

    update: int
    field: str
    group: str | int
    stored: float | None
    value: float

    @property
    def differs(self) -> bool:
        """True if the checkpoint has another value, up to the rounding of a recursive scheduler."""
        return self.stored is not None and not isclose(self.stored, self.value, rel_tol=_ROUNDING)


@final
@dataclass(frozen=True, slots=True)
class DryRun:
    """The result of a dry run.

    Args:
        update: the number of completed updates.
        clock: the unit that the plan counts: updates, tokens, …
        amount: how far the run is on that clock; None on the clock of updates, and if the resume is refused.
        values: the values of the next updates; empty if the resume is refused.
        differs: True if the plan, its fingerprint in the groups or a value of the next update differs from the
            checkpoint, or if the resume is refused.
        messages: the log, the warnings and the error of the Scheduler, as pairs of severity and text.
    """

    update: int
    clock: str
    amount: Amount | None
    values: tuple[ResumedValue, ...]
    differs: bool
    messages: tuple[Message, ...]


@final
class _GroupsOnly:
    """Has the param groups of an optimizer, and no step.

    An optimizer of torch is not used, because its constructor imports torch's compiler, which takes half as long as the
    import of torch.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        entries = ({key: entry for key, entry in group.items() if key != "params"} for group in groups)
        self.param_groups = [{**deepcopy(group), "params": []} for group in entries]


def dry_run(
    optimizers: Mapping[str, Sequence[Group]],
    state: Mapping[str, Any] | None,
    plan: Plan,
    facts: RunFacts,
    *,
    start: int | None = None,
    on_change: OnChange = "new",
    bases: Mapping[tuple[str, str | None], float] | None = None,
    updates: int = 3,
) -> DryRun:
    """Resume a run from its checkpoint, and take some updates without an optimizer.

    Args:
        optimizers: the param groups of each optimizer in the checkpoint, by name; a single one has the name
            `"optimizer"`.
        state: the state of the Scheduler in the checkpoint; None if there is none.
        plan: the plan to resume with.
        facts: the run facts.
        start: the number of completed updates, if the checkpoint carries no count.
        on_change: as in `ps.Scheduler`.
        bases: the bases in the code that apply, by field and group; None means all groups.
        updates: the number of updates to take; only one if the consumption of an update is unknown in advance.

    Raises:
        StateError: the state, or an entry of paramsched in a group, is invalid.
        MissingFact: a unit of the plan needs another run fact.
        Unresolved: the plan needs the length of the run.
    """
    saved = None if state is None else read_scheduler_state(state)
    given = {name: [dict(group) for group in groups] for name, groups in optimizers.items()}
    saved_groups = {name: read_groups(groups, name) for name, groups in given.items()}
    counts = {name: group.count for name, group in saved_groups.items() if group.count is not None}
    if saved is None:
        records = (group.state for group in saved_groups.values() if group.state is not None)
        saved = max(records, key=lambda record: record.position.t, default=None)
    names = () if set(given) == {ALONE} else tuple(given)
    made: dict[str, Any] = {name: _GroupsOnly(groups) for name, groups in given.items()}
    places = {
        f"{name}/{label}" if names else label: _Place(name, groups[index], made[name].param_groups[index])
        for name, groups in given.items()
        for index, label in enumerate(unique_labels(groups))
    }
    update = max([*counts.values(), start or 0]) if saved is None else saved.position.t
    amount: Amount | None = None
    values: list[ResumedValue] = []
    differs, source = False, PlanSource(plan, is_of_user=False)
    with _recorded_messages() as messages:
        try:
            earlier = None if saved is None else saved.in_force
            # Driven by hand, because only optimizers of torch have hooks. The values are the same.
            scheduler = Scheduler(
                made if names else made[ALONE], source, facts=facts, drive="manual", on_change=on_change, t=start
            )
            if bases:
                _load_with_bases(scheduler, made, bases, saved_groups)
            run = scheduler._run
            run.warns_of_metrics, run.warns_of_groups, run.warned_of_end = False, False, True
            code = plan.resolve(facts=source.facts_for(plan, facts), optimizers=names)
            differs = saved is not None and (earlier is None or earlier.resolved != code)
            if state is not None:
                scheduler.load_state_dict(dict(state))
            update, plan = scheduler.t, scheduler.plan
            names_of_values = tuple(scheduler._values())
            unit = amount_clock(plan.clock)
            amount = None if unit is None else scheduler.amount
            behind = {name for name, count in counts.items() if count < update}
            if state is not None and saved is not None:
                behind = set(saved.counts)
            if behind:  # these have not stepped in the last update, so their next step belongs to it
                position = saved_groups[min(behind)].position_on(unit)
                before = None if position is None else position.amount
                scheduler.seek(update - 1, **({} if unit is None or before is None else {unit: before}))
                values += _coming_values(scheduler, names_of_values, places, behind)
                scheduler.seek(update, **({} if unit is None else {unit: amount}))
            amounts = scheduler._run.in_force.amounts
            if isinstance(amounts, (UnknownAmounts, ReportedProgress)):
                unknown = f"{unit} that the updates consume"
                if isinstance(amounts, ReportedProgress):
                    unknown = "progress that the loop reports"
                messages.append(("info", f"the values after update {update} depend on the {unknown}"))
                updates = 1
            if metrics := sorted({rule.metric for rule in scheduler.states}):
                messages.append(("info", f"the values assume that no further metric is reported: {', '.join(metrics)}"))
            for taken in range(updates):
                if taken:
                    scheduler.step()
                values += _coming_values(scheduler, names_of_values, places, {*given, ""})
        except (MissingFact, Unresolved):
            raise
        except ParamschedError as error:
            messages.append(("error", str(error)))
            differs = True
    differs = differs or any(value.differs for value in values)
    found = tuple(dict.fromkeys(messages))  # with bases, the groups are loaded twice
    return DryRun(update, amount_clock(plan.clock) or UPDATES, amount, tuple(values), differs, found)


def _load_with_bases(
    scheduler: Scheduler,
    made: Mapping[str, _GroupsOnly],
    bases: Mapping[tuple[str, str | None], float],
    saved_groups: Mapping[str, SavedOptimizer],
) -> None:
    """Load the groups again, as if the code had these bases and `on_base="code"`."""
    scheduler._resume.bases = BasePolicy("code")
    for name, planned in scheduler._run.members.items():
        labels = planned.labels(made[name].param_groups)
        given = {
            (index, line.field.slot): bases.get((line.name, str(labels[index])), bases.get((line.name, None)))
            for line in planned.rows.lines
            for index in line.groups
        }
        planned.code_bases = {place: base for place, base in given.items() if base is not None}
    run, resume = scheduler._run, scheduler._resume
    groups = {name: made[name].param_groups for name in run.members}
    loaded = {name: resume.loading(run.members[name], group, saved_groups[name]) for name, group in groups.items()}
    resume.report(run, loaded, groups)
    resume.after_load(run, loaded, groups)


@final
@dataclass(slots=True)
class _Place:
    """A group in the checkpoint, and the same group after the resume; `seen` are the fields that were read."""

    optimizer: str
    saved: Group
    resumed: Group
    seen: set[str] = field(default_factory=set)


def _coming_values(
    scheduler: Scheduler,
    names: Collection[tuple[str, str | int]],
    places: Mapping[str | int, _Place],
    optimizers: Collection[str],
) -> Iterator[ResumedValue]:
    """Yield the values of the coming update in the groups of some optimizers; those of targets with the name ""."""
    planned: Mapping[tuple[str, str | int], float] = {}
    for name, label in names:
        place = places.get(label)
        if ("" if place is None else place.optimizer) not in optimizers:
            continue
        value = None if place is None else _number(place.resumed, name)  # a tensor has rounded the planned value
        if value is None:
            planned = planned or scheduler._values()  # slow, because it evaluates the plan
            value = planned[name, label]
        stored = None if place is None or name in place.seen else _number(place.saved, name)
        if place is not None:
            place.seen.add(name)
        yield ResumedValue(scheduler.t, name, label, stored, value)


def _number(group: Group, name: str) -> float | None:
    """Return the value of a field in a group; None if it is missing or not a number."""
    try:
        number = float(Field.of(name).within(group, "the group").read(group))
    except (InvalidArgument, RuntimeError, OverflowError):
        return None
    return None if isnan(number) else number


@contextmanager
def _recorded_messages() -> Iterator[list[Message]]:
    """Record the warnings and the log of the library, in their order, instead of printing them."""
    found: list[Message] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            severity: Literal["error", "warning", "info"] = "info"
            if record.levelno >= logging.WARNING:
                severity = "warning" if record.levelno < logging.ERROR else "error"
            found.append((severity, record.getMessage()))

    log, recorder = logging.getLogger("paramsched"), Recorder()
    level, propagates = log.level, log.propagate
    log.addHandler(recorder)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda message, *_, **__: found.append(("warning", str(message)))
            yield found
    finally:
        log.removeHandler(recorder)
        log.setLevel(level)
        log.propagate = propagates
