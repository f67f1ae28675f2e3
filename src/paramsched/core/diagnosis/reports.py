"""What a run reports: its checks, its warnings and its end."""

from collections.abc import Iterable, Mapping, Sequence
from math import isclose
from typing import Any, Final

from paramsched.base.problem import Problem
from paramsched.core.fields import Field, finite_or_none, recorded_base
from paramsched.core.plan.binding import binding_key, selector_text
from paramsched.core.plan.lines import (
    Line,
    Place,
    RuleStates,
    UpdateTimes,
    by_group,
    has_field,
    values_at,
)
from paramsched.core.plan.optimizers import Scope
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.processes import Processes, log
from paramsched.core.run.state import Group

VALUES_SHOWN: Final = 4  # values of a field that a message has


def report_optional_fields(
    in_force: ResolvedPlan, optimizers: Sequence[tuple[Scope, Sequence[Group]]], processes: Processes
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
        field, is_known = Field.of(line.name), False
        for scope, groups in optimizers:
            for index, (group, label) in enumerate(zip(groups, scope.labels(groups), strict=True)):
                is_known = is_known or has_field(field, group)
                if scope.applies(line.name, binding_key(line)) and scope.selects(line.groups, group, label, index):
                    field.within(group, f"group {label!r}")
        if not is_known:
            processes.log(
                "the optional line %s @ %s: no group of the optimizer has the field %r. It applies to a group that is "
                "added with this entry, and to no other", line.name, selector_text(line.groups), str(field),
            )  # fmt: skip


def report_position(
    lines: Iterable[Line], taken: int | None, count: int | None, processes: Processes, *, whose: str
) -> None:
    """Report that the plan starts at 0, which may not be the position of the run.

    Args:
        lines: the lines whose bases the message names.
        taken: the number of updates in the optimizer's own state.
        count: the count that the groups carry, or None.
        processes: the processes that train together.
        whose: the values that are the bases: the initial ones, the present ones or those recorded.
    """
    text = (
        f"{found_count('the optimizer', count)}; starting the plan at update 0, with "
        f"{_bases(lines, whose)}. "
        f"If the run has completed n updates, write ps.Scheduler(optimizer, plan, t=n){optimizer_count(taken)}; if it "
        "had a plan, attach the plan before the checkpoint is loaded. t=0 turns this message off"
    )
    if taken is not None and taken > HIDDEN and whose != "initial":  # then the bases are wrong too
        processes.warn(Problem(found=text))
    elif count is None:
        processes.log(text)


_NEAR: Final = 0.01
"""The relative difference of two values that may come from another index, such as t/(n-1) in place of t/n."""
_SAME: Final = 1e-6
"""The relative difference of two values that print alike, and of one that was rounded to float32."""


def log_jumps(
    lines: Sequence[Line], times: UpdateTimes, states: RuleStates, before: Mapping[Place, Any], processes: Processes
) -> None:
    """Log the values at which a plan continues the run of another scheduler, if they are not those of that scheduler.

    Args:
        lines: the lines.
        times: the time of the next update.
        states: the states of the metric rules.
        before: the values of that scheduler for the next update. One that is the base is of a new optimizer.
        processes: the processes that train together.
    """
    now, found = values_at(lines, times, states), dict[str, None]()
    for index, line, base in by_group(lines):
        place = index, line.field.slot
        value = finite_or_none(before.get(place))
        if value is not None and value != base and not isclose(value, now[place], rel_tol=_NEAR):
            found[f"{line.name} {now[place]:g} (base {base:g}) in place of {value:g}"] = None
    if found:
        shown = ", ".join([*found][:VALUES_SHOWN])
        processes.log(
            "the plan continues at update %d with %s. If that is not meant, correct the number of updates, the line or "
            "the base, such as group['initial_lr'] = 0.1", times.first, shown,
        )  # fmt: skip


def texts_of_values(
    lines: Sequence[Line], position: UpdateTimes, states: RuleStates, before: Mapping[Place, float]
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
            texts[
                f"{line.name} at update {position.first}: {before[place]:g} in the checkpoint, {values[place]:g} now"
            ] = None
    return [*texts]


def without_initial(lines: Iterable[Line], groups: Sequence[Group]) -> list[Line]:
    """Return the lines in groups to which neither an earlier scheduler nor a plan has given a base."""
    kept = {index for index, group in enumerate(groups) if not any(str(key).startswith("initial_") for key in group)}
    found = []
    for line in lines:
        mine = line.only(
            {at for at in line.groups if at in kept and recorded_base(groups[at], line.field.slot) is None}
        )
        found += [mine] if mine.groups else []
    return found


def warn_of_present_bases(present: Sequence[Line], t: int, processes: Processes) -> None:
    """Warn that an earlier scheduler may have changed these bases, because their groups had no initial value."""
    if present:
        instead = (
            "If a scheduler has changed them since update 0, write those of update 0 first: "
            'group["initial_lr"] = 0.1 for the lr of each group. '
            'If they are right, group["initial_lr"] = group["lr"] turns this warning off'
        )
        message = f"the plan starts at update {t} with {_bases(present, 'present')}"
        processes.warn(Problem(found=message, advice=instead))


HIDDEN = 1  # updates in an optimizer's own state after the hidden step of torch's distributed checkpoint


def found_count(where: str, count: int | None) -> str:
    """Return what was found in place of a count of the run: none, or a count of 0."""
    if count is None:
        return f"no update count found in {where}"
    return f"{where} carries a count of 0 updates"


_BASES_SHOWN = 4  # bases that a message names


def _bases(lines: Iterable[Line], whose: str) -> str:
    """Return a text with the source of the bases and their distinct values."""
    bases = list(dict.fromkeys(f"{line.field} {base!r}" for _, line, base in by_group(lines)))
    listed = ", ".join(bases[:_BASES_SHOWN]) + (", …" if len(bases) > _BASES_SHOWN else "")
    return f"the {whose} values as bases ({listed})"


def log_takeover(t: int) -> None:
    """Log that a second Scheduler with the same plan replaces one that is still referenced.

    It is information, because that is usual: a cell of a notebook is run again.
    """
    log.info(
        "this Scheduler replaces an earlier one with the same plan at update %d. The earlier one is detached and "
        "raises when it is used", t,
    )  # fmt: skip


def optimizer_count(taken: int | None) -> str:
    """Return the count in the optimizer's own state, in brackets; "" if it has none."""
    return "" if taken is None else f" (its own state counts {taken})"
