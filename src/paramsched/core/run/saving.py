"""What a checkpoint has of a run, when it is saved."""

import json
from collections.abc import Mapping
from typing import Any

from paramsched.core.groups.fields import RECORD, recorded_bases
from paramsched.core.plan.lines import GroupValues, bases_of, by_group
from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.group_entries import saved_states
from paramsched.core.run.record import Record, SavedOptimizer, record_of_plan, single_plan_history
from paramsched.core.run.run import Run


def record_of(run: Run) -> dict[str, Any]:
    """Return the record of a run: its plan and its position."""
    state = run.state
    position = state.position
    history = run.history.plans
    is_single = history == single_plan_history(run.in_force.text, position.amount)
    entries = {
        "t": position.t,
        "amount": position.amount,  # None on the clock of updates
        "last_amount": state.last_amount,
        "reported_amount": position.reported,  # and not counted yet
        "measured": position.is_measured,
        "rules": saved_states(state.states),
        "history": [] if is_single else history.as_data(),
        "counts": {name: count for name, count in run.counts.items() if count != position.t},
    }
    absent: tuple[Any, ...] = (None, [], {})
    present = {name: entry for name, entry in entries.items() if entry is not False and entry not in absent}
    return record_of_plan(run.in_force) | present


def state_of(run: Run, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return the state of a Scheduler: the record with the bases of all groups; equal ones are stored once.

    Args:
        run: the run.
        sizes: the number of groups of each optimizer, by name.
    """
    record = record_of(run)
    counts = list(sizes.values())
    record["groups"] = counts[0] if len(set(counts)) == 1 else counts
    record["bases"] = _by_field({name: _all_bases(attached) for name, attached in run.attached.items()}, sizes)
    return {RECORD: json.dumps(record)}


def _all_bases(attached: AttachedOptimizer) -> GroupValues:
    """Return the bases in the groups of an optimizer, also those of fields that its plan no longer has."""
    recorded = {
        (index, slot): base
        for index, group in enumerate(attached.bound.groups)
        for slot, base in recorded_bases(group).items()
    }
    return recorded | bases_of(attached.table.lines)


def _by_field(values: Mapping[str, GroupValues], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return a dict from field to its values in the groups of all optimizers, or one number if these are equal."""
    columns: dict[str, list[float | None]] = {}
    first = 0  # the index of the optimizer's first group among those of all optimizers
    for name, size in sizes.items():
        for (index, slot), value in values.get(name, {}).items():
            if index < size:  # the optimizer of a detached scheduler may have lost groups
                columns.setdefault(slot, [None] * sum(sizes.values()))[first + index] = value
        first += size
    return {slot: column[0] if len(set(column)) == 1 else column for slot, column in columns.items()}


def record_bases(run: Run, replaced: Mapping[tuple[str, str], float]) -> None:
    """Record in the history that the bases in force may have changed at the present update."""
    bases: dict[tuple[str, str], float] = {}
    for attached in run.attached.values():
        if attached.bound:
            labels = attached.scope.labels(attached.bound.groups)
            bases |= {(line.name, str(labels[index])): base for index, line, base in by_group(attached.table.lines)}
    run.history.plans = run.history.plans.with_bases(run.entry(), bases, replaced)


def saved_in_run(run: Run, attached: AttachedOptimizer) -> SavedOptimizer:
    """Return what the groups of an optimizer carry that an earlier Scheduler drives."""
    state = run.state
    record = Record(
        run.in_force.text, run.in_force, None, run.in_force.facts, {attached.name: len(attached.bound.groups)}, {},
        saved_states(state.states), state.position, run.history.plans,
        last_amount=state.last_amount, owner="that of the previous Scheduler", is_loaded=False,
    )  # fmt: skip
    return SavedOptimizer(attached.position.t, record, attached.position, bases_of(attached.table.lines))
