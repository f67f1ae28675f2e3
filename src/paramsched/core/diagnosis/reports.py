"""What a run reports: its checks, its warnings and its end."""

from collections.abc import Iterable, Mapping, Sequence
from math import isclose
from typing import Any, Final

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.messages import starts as messages
from paramsched.core.groups.fields import Field, finite_or_none, recorded_base
from paramsched.core.plan.binding import binding_key
from paramsched.core.plan.lines import (
    BoundLine,
    GroupField,
    RuleStates,
    UpdateRange,
    by_group,
    has_field,
    values_at,
)
from paramsched.core.plan.optimizers import OptimizerScope
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.processes import Processes, log

VALUES_SHOWN: Final = 4  # values of a field that a message has


def report_optional_fields(
    in_force: ResolvedPlan, optimizers: Sequence[tuple[OptimizerScope, Sequence[GroupDict]]], processes: Processes
) -> None:
    """Log the optional lines whose field no group has: they apply to a group that is added with this entry.

    Args:
        in_force: the plan.
        optimizers: the scope and the groups of each optimizer.
        processes: the processes that train together.

    Raises:
        UnknownField: an optional line selects a group that lacks its field.
    """
    for line in in_force.plan.bindings:
        if not line.optional:
            continue
        field = Field.of(line.name)
        is_known = False
        for scope, groups in optimizers:
            for index, (group, label) in enumerate(zip(groups, scope.labels(groups), strict=True)):
                is_known = is_known or has_field(field, group)
                if scope.applies(line.name, binding_key(line)) and scope.selects(line.groups, group, label, index):
                    field.within(group, f"group {label!r}")
        if not is_known:
            processes.log(*messages.no_group_has_field(line.name, line.groups, field))


def report_position(
    lines: Iterable[BoundLine], taken: int | None, count: int | None, processes: Processes, *, whose: str
) -> None:
    """Report that the plan starts at 0, which may not be the position of the run.

    Args:
        lines: the lines whose bases the message names.
        taken: the number of updates in the optimizer's own state.
        count: the count that the groups carry, or None.
        processes: the processes that train together.
        whose: the values that are the bases: the initial ones, the present ones or those recorded.
    """
    text = messages.starts_at_zero(lines, taken, count, whose)
    if taken is not None and taken > HIDDEN and whose != "initial":  # then the bases are wrong too
        processes.warn(Problem(found=text))
    elif count is None:
        processes.log(text)


_NEAR: Final = 0.01
"""The relative difference of two values that may come from another index, such as t/(n-1) in place of t/n."""
_SAME: Final = 1e-6
"""The relative difference of two values that print alike, and of one that was rounded to float32."""


def log_jumps(
    lines: Sequence[BoundLine],
    times: UpdateRange,
    states: RuleStates,
    before: Mapping[GroupField, Any],
    processes: Processes,
) -> None:
    """Log the values at which a plan continues the run of another scheduler, if they are not those of that scheduler.

    Args:
        lines: the lines.
        times: the time of the next update.
        states: the states of the metric rules.
        before: the values of that scheduler for the next update. One that is the base is of a new optimizer.
        processes: the processes that train together.
    """
    now = values_at(lines, times, states)
    jumps: dict[str, None] = {}
    for index, line, base in by_group(lines):
        place = index, line.field.slot
        value = finite_or_none(before.get(place))
        if value is not None and value != base and not isclose(value, now[place], rel_tol=_NEAR):
            jumps[messages.value_jumps(line.name, now[place], base, value)] = None
    if jumps:
        processes.log(*messages.continues_with_jumps(times.first, [*jumps][:VALUES_SHOWN]))


def texts_of_values(
    lines: Sequence[BoundLine], position: UpdateRange, states: RuleStates, before: Mapping[GroupField, float]
) -> list[str]:
    """Return a sentence for each value of the next update that differs from that of a checkpoint.

    Args:
        lines: the lines.
        position: the time of the next update.
        states: the states of the metric rules.
        before: the values in the checkpoint, by group and field; those that it lacks are not compared.
    """
    values = values_at(lines, position, states)
    texts: dict[str, None] = {}
    for index, line, base in by_group(lines):
        place = index, line.field.slot
        if place in before and not isclose(before[place], values[place], rel_tol=_SAME, abs_tol=_SAME**2 * abs(base)):
            texts[messages.value_differs(line.name, position.first, before[place], values[place])] = None
    return [*texts]


def without_initial(lines: Iterable[BoundLine], groups: Sequence[GroupDict]) -> list[BoundLine]:
    """Return the lines in groups to which neither an earlier scheduler nor a plan has given a base."""
    kept = {index for index, group in enumerate(groups) if not any(str(key).startswith("initial_") for key in group)}
    without: list[BoundLine] = []
    for line in lines:
        places = {
            index for index in line.groups if index in kept and recorded_base(groups[index], line.field.slot) is None
        }
        if places:
            without.append(line.only(places))
    return without


def warn_of_present_bases(present: Sequence[BoundLine], t: int, processes: Processes) -> None:
    """Warn that an earlier scheduler may have changed these bases, because their groups had no initial value."""
    if present:
        processes.warn(messages.present_bases(present, t))


HIDDEN = 1  # updates in an optimizer's own state after the hidden step of torch's distributed checkpoint


def log_takeover(t: int) -> None:
    """Log that a second Scheduler with the same plan replaces one that is still referenced.

    It is information, because that is usual: a cell of a notebook is run again.
    """
    log.info(*messages.replaces_same_plan(t))
