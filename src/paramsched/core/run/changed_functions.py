"""Find a shape of the user that returns other values than a checkpoint has, because its code has changed."""

from collections.abc import Mapping
from math import isclose
from typing import Any, Final

import torch

from paramsched.core.base.problem import Problem
from paramsched.core.fields import finite_or_none, recorded_bases
from paramsched.core.plan.lines import UpdateTimes, by_group, values_at
from paramsched.core.plan.optimizers import scopes_of
from paramsched.core.run.record import SavedOptimizer
from paramsched.core.run.resume import rule_states
from paramsched.core.run.state import Group
from paramsched.core.run.values import starting_lines
from paramsched.core.schedules.own import has_own_shape, is_own
from paramsched.core.schedules.schedule import Schedule, parts_inside
from paramsched.errors import ParamschedError

_TOLERANCE: Final = 1e-5
"""Relative; the values of another kind of processor differ by less, and formats may store numbers in float32."""


def changed_function(saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str) -> Problem | None:
    """Return a problem if the user's shapes return other values than the checkpoint has; None if they are equal.

    Args:
        saved: what the groups of one optimizer carry.
        groups: those of all optimizers, by name; those of this one with the values of the checkpoint.
        name: the optimizer.
    """
    state, position = saved.state, saved.position
    if state is None or state.in_force is None or position is None or position.t != state.position.t:
        return None
    in_force, mine = state.in_force, groups[name]
    if state.optimizers.keys() != groups.keys() or (in_force.unit is not None and position.amount is None):
        return None
    try:
        scope = scopes_of(in_force.plan, in_force.resolved, groups)[name]
        lines = [
            line
            for line in starting_lines(in_force.counted, mine, saved.bases, scope)
            # A copy without `state_dict()` has no states of metric rules.
            if has_own_shape(line.schedule) and (saved.is_complete or not line.schedule.metric_rules)
        ]
        values = values_at(lines, UpdateTimes(position.t, position.amount), rule_states(state, in_force))
    except ParamschedError:  # the plan of the record is one of other groups
        return None
    for index, line, base in by_group(lines):
        slot = line.field.slot
        entry, value = line.field.read(mine[index]), values[index, slot]
        now = finite_or_none(entry)
        is_added = slot not in recorded_bases(mine[index])  # since the save
        if now is None or is_added:
            continue
        if isclose(now, value, rel_tol=_tolerance_of(entry), abs_tol=_TOLERANCE**2 * abs(base)):
            continue
        own = next(part for part in parts_inside(line.schedule) if isinstance(part, Schedule) and is_own(part))
        found = (
            f"{line.field} of group {scope.labels(mine)[index]!r} is {now:g} in the checkpoint, and with "
            f"{own.kind} it is {value:g} for update {position.t}"
        )
        advice = f"To continue with the values of the save, define {own.kind} as it was then"
        return Problem(found=found, advice=advice)
    return None


def _tolerance_of(entry: Any) -> float:
    if isinstance(entry, torch.Tensor) and entry.dtype.is_floating_point:
        return max(_TOLERANCE, float(torch.finfo(entry.dtype).eps))
    return _TOLERANCE
