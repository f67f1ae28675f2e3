"""Readers of checkpoints: the state of an optimizer, as plain data, and the history of a run's plans."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any, final

import numpy as np

from paramsched.base.terminal import Line, plain_text
from paramsched.base.words import printable
from paramsched.core.fields import RECORD, Field, finite_or_none, is_number, is_own, numeric, recorded_base
from paramsched.core.plan import Diff, Plan, amount_clock, diff
from paramsched.core.time import RunFacts, amount_text
from paramsched.errors import InvalidArgument, UnreadableLog
from paramsched.tools.records.checkpoint_files import first_line, load_checkpoint, own_updates, update_count
from paramsched.tools.records.log_values import LogColumn, LoggedValues, logged_amounts, path_text


def read_checkpoint(file: Path, optimizer: str | None, at: int | None, clock: str | None) -> LoggedValues:
    """Read the values in the state of an optimizer, without executing code from the checkpoint.

    Args:
        file: the checkpoint.
        optimizer: the name of the optimizer; None for the only one.
        at: the number of completed updates; None to read it from the checkpoint.
        clock: the unit of amounts; None if the plan counts updates.
    """
    name, state = load_checkpoint(file).optimizer(optimizer)
    groups: list[dict[str, Any]] = state["param_groups"]
    update, notes = _update_of(file, state, groups, at)
    columns = []
    for index, group in enumerate(groups):
        for field in numeric({key: one for key, one in group.items() if isinstance(key, str) and key.isidentifier()}):
            try:
                value = float(Field.of(field).read(group))
            except InvalidArgument:
                continue  # an entry that no plan can schedule
            except (TypeError, ValueError, OverflowError, RuntimeError) as error:
                where = f"{printable(field)} of group {index} of {name} in {path_text(file)}"
                reason = f"expected a number ({first_line(error)[:100]})"
                raise UnreadableLog(where, reason, "The checkpoint may be damaged") from None
            base = _recorded_base(group, field)
            columns.append(LogColumn(field, index, np.array([update]), np.array([value]), base=base))
    names = tuple(found if isinstance(found := group.get("name"), str) else None for group in groups)
    carried = None
    if clock is not None:
        from paramsched.core.run import read_groups  # imports torch, which has loaded the file

        found = read_groups(groups)
        position = None if found.state is None or found.state.unit != clock else found.position
        carried = None if position is None else position.amount
    amounts = logged_amounts([(update, carried)], file)
    return LoggedValues(path_text(file), tuple(columns), names, tuple(notes), amounts)


@final
@dataclass(frozen=True, slots=True)
class CheckpointGroups:
    """The param groups of an optimizer in a checkpoint.

    Args:
        groups: a dict for each group with its entries except `params`. Each number is replaced by its recorded base, or
            by NaN if no base was recorded.
        updates: the number of completed updates; None if unknown.
    """

    groups: tuple[Mapping[str, Any], ...]
    updates: int | None


def read_groups(file: Path) -> CheckpointGroups:
    """Read the param groups of the only optimizer in a checkpoint."""
    _, state = load_checkpoint(file).optimizer(None)
    try:
        updates, _ = _update_of(file, state, state["param_groups"], None)
    except UnreadableLog:
        updates = None
    groups = []
    for group in state["param_groups"]:
        own = {key: value for key, value in group.items() if key != "params" and not is_own(key)}
        for key, value in own.items():
            if isinstance(value, (list, tuple)):
                own[key] = tuple(_base_or_nan(group, f"{key}[{index}]") for index in range(len(value)))
            elif is_number(value) and not isinstance(value, bool):
                own[key] = _base_or_nan(group, key)
        groups.append(own)
    return CheckpointGroups(tuple(groups), updates)


def _base_or_nan(group: Mapping[str, Any], field: str) -> float:
    base = _recorded_base(group, field) if Field.of(field).key.isidentifier() else None
    return float("nan") if base is None else base


def _update_of(
    file: Path, state: dict[str, Any], groups: list[dict[str, Any]], at: int | None
) -> tuple[int, list[str]]:
    """Return a pair: the number of updates that were completed when a checkpoint was saved, and notes for the user."""
    counts = [one for group in groups if (one := update_count(group.get(f"{RECORD}_t"))) is not None]
    own = own_updates(state)
    update = at if at is not None else own if own is not None else max(counts, default=None)
    if update is None:
        message = "the checkpoint does not contain the number of completed updates"
        raise UnreadableLog(path_text(file), message, "For example: --at 1000", option="--at")
    notes = [f"the checkpoint was saved after {_updates(update)}; its values are those of the next update"]
    if counts and max(counts) != update:
        notes.append(f"its scheduler has counted {_updates(max(counts))}")
    return update, notes


def _updates(number: int) -> str:
    return f"{number} update{'' if number == 1 else 's'}"


def _recorded_base(group: Mapping[str, Any], field: str) -> float | None:
    return finite_or_none(recorded_base(group, Field.of(field).slot))


@final
@dataclass(frozen=True, slots=True)
class PlanSince:
    """A plan of a run and the update from which it applied.

    Args:
        update: the first update whose values are from this plan.
        amount: the amount before that update; None on the clock of updates.
        plan: the plan; None if its text is missing or cannot be read.
        changes: the difference from the previous plan; None for the first plan, and if either plan is unknown.
        bases: the bases from that update on, by field and group, if they changed in the run.
        left_out: the number of plans before this one that the history of the run has left out.
    """

    update: int
    amount: float | None
    plan: Plan | None
    changes: Diff | None
    bases: Mapping[str, Mapping[str, float]] = dataclass_field(default_factory=dict)
    left_out: int = 0

    def __str__(self) -> str:
        return plain_text(self.lines())

    def lines(self) -> list[Line]:
        """Return the lines of the plan, or of its changes, with their styles."""
        unit = None if self.plan is None else amount_clock(self.plan.clock)
        amount = "" if self.amount is None else f" ({amount_text(unit or 'consumed', self.amount)})"
        lines: list[Line] = []
        if self.changes is None:
            shown = "(a plan without a text)" if self.plan is None else str(self.plan)
            lines += [[(line, None)] for line in shown.splitlines()]
        else:
            lines += [change.parts() for change in self.changes]
        lines += [
            [(f"base of {name} in group {group}: {base!r}", None)]
            for name, by_group in self.bases.items()
            for group, base in by_group.items()
        ]
        # The text is from a checkpoint, so control characters are escaped.
        escaped = [[("  ", None), *((printable(text), style) for text, style in line)] for line in lines]
        plans = f"{self.left_out} plan{'s' * (self.left_out > 1)}"
        gap: list[Line] = [[(f"({plans} left out)", None)]] if self.left_out else []
        return [*gap, [(f"from update {self.update}{amount}:", "bold")], *escaped]


def read_plan_history(file: str | Path, *, scheduler: str | None = None) -> tuple[PlanSince, ...]:
    """Return the plans of a run in order, each with its changes from the previous plan.

    Args:
        file: a checkpoint of any format that contains a state of `ps.Scheduler` under any name.
        scheduler: the name of the state, required if there are several.

    Raises:
        UnreadableLog: torch cannot read the file, or it contains no state of a Scheduler, no state of this name, or
            several states and no name is specified.
        StateError: the state is invalid.
        MissingDependency: torch is not installed.
    """
    checkpoint = load_checkpoint(Path(file))
    # Imported here because the module imports torch; torch was required to load the file anyway.
    from paramsched.core.run import plan_or_why, read_scheduler_state
    from paramsched.tools.records.saved_run import record_of

    state, found_in = None, checkpoint.optimizers()
    if scheduler is None and not checkpoint.schedulers():
        state = record_of({name: group["param_groups"] for name, group in found_in.items()}, None)
    if state is None or (len(found_in) > 1 and not state.names):  # none, or those of several runs
        state = read_scheduler_state(checkpoint.scheduler(scheduler)[1])
    found: list[PlanSince] = []
    facts: tuple[tuple[str, Any], ...] = ()
    for entry in state.history.entries:
        read, previous = None if entry.text is None else plan_or_why(entry.text), found[-1].plan if found else None
        plan, changes = None if isinstance(read, str) else read, None
        if plan is not None and previous is not None:
            changes = changes_between(previous, plan, state.facts)
            if not changes and entry.facts != facts:  # the plans differ in their lengths, not in their texts
                changes = diff(_resolved(previous, facts, state.names), _resolved(plan, entry.facts, state.names))
        facts = entry.facts
        bases = entry.details.get("bases", {})
        found.append(PlanSince(entry.update, entry.amount, plan, changes, bases, entry.left_out))
    return tuple(found)


def _resolved(plan: Plan, facts: Iterable[tuple[str, Any]], names: tuple[str, ...]) -> Plan:
    """Resolve a plan with the run facts of its time; return it as written if they do not fit."""
    try:
        return plan.resolve(facts=RunFacts(**dict(facts)), optimizers=names)
    except (InvalidArgument, TypeError, ValueError):
        return plan


def changes_between(before: Plan, after: Plan, facts: RunFacts | None) -> Diff:
    """Return the changes from one plan to another, without times if the run facts do not fit the earlier plan."""
    try:
        return diff(before, after, facts=facts)
    except InvalidArgument:  # the earlier plan was for a run with other facts, e.g. another length
        return diff(before, after)
