"""The warning of values that the last plan did not write, in groups that a Scheduler takes over or that it loads."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isclose
from typing import Any, Final, NamedTuple, final

import torch

from paramsched.core.base.problem import Problem
from paramsched.core.fields import Field, is_number, recorded_bases
from paramsched.core.plan.lines import Line, RuleStates, UpdateTimes, Values, by_group, values_at
from paramsched.core.plan.optimizers import scopes_of
from paramsched.core.run.block import LR, starting_lines
from paramsched.core.run.groups import Groups
from paramsched.core.run.record import Carried
from paramsched.core.run.resume import rule_states
from paramsched.core.run.state import INITIAL_LR, Group
from paramsched.core.schedules.contents import parts_inside
from paramsched.core.schedules.own import OwnShape
from paramsched.core.schedules.registry import builder_name
from paramsched.errors import ParamschedError

_TOLERANCE: Final = 1e-5
"""Relative; the values of another kind of processor differ by less, and formats may store numbers in float32."""


@final
class LastWritten(NamedTuple):
    """What the last plan has written into the groups of an optimizer.

    Args:
        lines: the lines of the plan in the groups.
        times: the update whose values these are.
        states: the states of the metric rules.
        is_record: True if a record in the groups has the plan, False if an earlier Scheduler has it.
    """

    lines: Sequence[Line]
    times: UpdateTimes
    states: RuleStates
    is_record: bool


def of_scheduler(planned: Groups) -> LastWritten | None:
    """Return what an earlier Scheduler of this process has written; None if its groups are between two plans."""
    if planned.held or planned.clock.t != planned.run.t:
        return None
    return LastWritten(planned.block.lines, planned.run.times, planned.clock.states, is_record=False)


def of_record(
    carried: Carried, groups: Mapping[str, list[Group]], name: str, planned: Groups | None = None
) -> LastWritten | None:
    """Return what the plan of a loaded or copied record has written; None if the record does not determine it.

    Args:
        carried: what the groups of one optimizer carry.
        groups: those of all optimizers, by name.
        name: the optimizer.
        planned: its groups in the run that starts, whose lines are those of the record if the plan is the same.
    """
    state, position = carried.state, carried.position
    if state is None or state.in_force is None or position is None or state.held or state.behind:
        return None
    in_force, is_complete = state.in_force, carried.is_complete
    if state.optimizers.keys() != groups.keys() or (in_force.unit is not None and position.amount is None):
        return None
    try:
        if planned is not None and in_force is planned.in_force:
            lines = planned.block.lines
        else:
            scope = scopes_of(in_force.plan, in_force.resolved, groups)[name]
            lines = starting_lines(in_force.counted, groups[name], carried.bases, scope)
        states = rule_states(state, in_force)
    except ParamschedError:  # the plan of the record is one of other groups
        return None
    # A copied record has no states of metric rules.
    known = [one for one in lines if is_complete or not one.schedule.metric_rules]
    return LastWritten(known, UpdateTimes(position.t, position.amount), states, is_record=True)


def edited_problem(last: LastWritten, labels: Sequence[str | int], groups: list[Group]) -> Problem | None:
    """Return the warning of the values that differ from what the last plan has written; None if none does."""
    lines = [one.only(range(len(groups))) for one in last.lines]
    try:
        values = values_at(lines, last.times, last.states)
    except ParamschedError:
        return None
    found = [*_different(lines, values, groups)]
    if not found:
        return None
    (index, line, base), now, value = found[0]
    own = next((part for part in parts_inside(line.schedule) if _is_of_user(part)), None)
    changed = "" if own is None else f", or {_name_of(own)} returns other values than it did"
    more = "" if len(found) == 1 else f", as do {len(found) - 1} more values"
    text = (
        f"{line.field} of group {labels[index]!r} is {now:g}, but {_whose(last)} wrote {value:g} for update "
        f"{last.times.first}{more}: other code has written it since{changed}. The plan replaces it; its base is "
        f"{base:g}"
    )
    return Problem(found=text, advice=_advice(last, line.field, now))


def _whose(last: LastWritten) -> str:
    return "the plan of its record" if last.is_record else "the earlier Scheduler"


def _advice(last: LastWritten, field: Field, now: float) -> str:
    if last.is_record:
        line = 'ps.Scheduler(optimizer, plan, on_base="code")'
        return f"To use the base in the code, construct {line} before the checkpoint is loaded"
    initial = f' = group["{INITIAL_LR}"]' if field == LR else ""
    write = f'group["{field.key}"]{initial} = {now:g}; ' if field.index is None else ""
    return f"For another base: scheduler.detach(); {write}ps.Scheduler(optimizer, plan, t={last.times.first})"


def _different(
    lines: Sequence[Line], values: Values, groups: list[Group]
) -> Iterator[tuple[tuple[int, Line, float], float, float]]:
    """Yield the groups whose present value is not the one that was written, with both."""
    for index, line, base in by_group(lines):
        group, value = groups[index], values[index, line.field.slot]
        entry = line.field.read(group)
        if type(entry) is float and entry == value:  # usual, so it comes first
            continue
        # A group that was added since has no recorded base.
        if is_number(entry) and not _is_close(entry, value, base) and line.field.slot in recorded_bases(group):
            yield (index, line, base), _as_float(entry), value


def _is_close(entry: Any, value: float, base: float) -> bool:
    tolerance = _TOLERANCE
    if isinstance(entry, torch.Tensor):
        if entry.is_meta:
            return True  # it has no value
        if entry.dtype.is_floating_point:
            tolerance = max(tolerance, float(torch.finfo(entry.dtype).eps))
    return isclose(_as_float(entry), value, rel_tol=tolerance, abs_tol=_TOLERANCE**2 * abs(base))


def _as_float(entry: Any) -> float:
    try:
        return float(entry)
    except OverflowError:  # an integer of more than 308 digits
        return inf


def _is_of_user(part: object) -> bool:
    return isinstance(part, OwnShape) or type(part).__module__.partition(".")[0] != "paramsched"


def _name_of(part: object) -> str:
    return part.function.name if isinstance(part, OwnShape) else builder_name(part)
