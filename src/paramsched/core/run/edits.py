"""What differs between the values of a save and those in the groups, and what that means."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isclose
from typing import Any, Final, final

import numpy as np
import torch

from paramsched.base.problem import Problem
from paramsched.core.groups.fields import finite_or_none, recorded_bases
from paramsched.core.plan.lines import BoundLine, GroupField, RuleStates, UpdateRange, by_group, values_at
from paramsched.core.plan.optimizers import OptimizerScope, scopes_of
from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.group_entries import INITIAL_LR, GroupDict
from paramsched.core.run.messages import values as messages
from paramsched.core.run.record import OtherBase, SavedOptimizer, rule_states
from paramsched.core.run.value_table import LR, starting_lines
from paramsched.core.schedules.schedule import Schedule, parts_inside
from paramsched.core.schedules.span import depends_on_base
from paramsched.core.schedules.user_shapes import has_own_shape, is_own
from paramsched.errors import ParamschedError

_TOLERANCE: Final = 1e-5
"""Relative; the values of another kind of processor differ by less, and formats may store numbers in float32."""


_NEAR: Final = 4096  # updates before and after a save, of which a tensor of the running optimizer may have the value


@final
@dataclass(frozen=True, slots=True)
class SavedLines:
    """The lines of the plan in a record, the time and the rule states of its values, and the scope of its optimizer."""

    lines: tuple[BoundLine, ...]
    times: UpdateRange
    states: RuleStates
    scope: OptimizerScope | None = None


def _lines_of_save(saved: SavedOptimizer, groups: Mapping[str, list[GroupDict]], name: str) -> SavedLines | None:
    """Return the lines of the plan in a checkpoint; None if its values are unknown.

    Args:
        saved: what the groups of one optimizer carry.
        groups: those of all optimizers, by name; those of this one with the values of the checkpoint.
        name: the optimizer.
    """
    record = saved.record
    position = saved.position
    if record is None or record.in_force is None or position is None:
        return None
    in_force = record.in_force
    if record.optimizers.keys() != groups.keys() or (in_force.unit is not None and position.amount is None):
        return None
    has_states = position.t == record.position.t  # an optimizer that is behind had earlier ones
    try:
        scope = scopes_of(in_force.plan, in_force.counted, groups)[name]
        lines = starting_lines(in_force.counted, groups[name], saved.bases, scope)
        states = rule_states(record, in_force)
    except ParamschedError:  # the plan of the record is one of other groups
        return None
    lines = tuple(line for line in lines if has_states or not line.schedule.metric_rules)
    return SavedLines(lines, UpdateRange(position.t, position.amount), states, scope)


def _differing(saved: SavedLines, groups: list[GroupDict]) -> Iterator[tuple[int, BoundLine, float, float, float]]:
    """Yield each group with a value that differs from the plan: its index, the line, the base and both numbers."""
    try:
        values = values_at(saved.lines, saved.times, saved.states)
    except ParamschedError:
        return
    for index, line, base in by_group(saved.lines):
        slot = line.field.slot
        entry = line.field.read(groups[index])
        value = values[index, slot]
        now = _number(entry)
        if now is None or _is_close(now, value, base, entry):
            continue
        if slot in recorded_bases(groups[index]):  # else the group was added since the save
            yield index, line, base, now, value


def changed_function(saved: SavedOptimizer, groups: Mapping[str, list[GroupDict]], name: str) -> Problem | None:
    """Return a problem if the user's shapes return other values than the checkpoint has; None if they are equal.

    The arguments are those of `_lines_of_save`.
    """
    of_save = _lines_of_save(saved, groups, name)
    if of_save is None or of_save.scope is None or saved.record is None:
        return None
    t = of_save.times.first
    if t != saved.record.position.t:
        return None
    lines = tuple(line for line in of_save.lines if has_own_shape(line.schedule))
    for index, line, _, number, value in _differing(replace(of_save, lines=lines), groups[name]):
        shape = next(inner for inner in parts_inside(line.schedule) if isinstance(inner, Schedule) and is_own(inner))
        place = messages.group_place(line.field, of_save.scope.labels(groups[name])[index])
        return messages.shape_has_changed(place, number, shape.kind, value, t)
    return None


def values_of_save(
    saved: SavedOptimizer, groups: Mapping[str, list[GroupDict]], name: str, lines: Iterable[BoundLine]
) -> dict[GroupField, float]:
    """Return the values of the update at which a run was saved, by group and field.

    Those of a Scheduler's state are computed from its plan. Those of an optimizer's checkpoint are in its groups. An
    entry that its plan does not explain is left out: it was edited, or its tensor has moved on.

    Args:
        saved: what the checkpoint has of the optimizer.
        groups: as in `_lines_of_save`.
        name: the optimizer.
        lines: the lines with which it continues.
    """
    of_save = _lines_of_save(saved, groups, name)
    if not saved.is_in_groups:
        try:
            return {} if of_save is None else values_at(of_save.lines, of_save.times, of_save.states)
        except ParamschedError:
            return {}
    values: dict[GroupField, float] = {}
    for index, line, _ in by_group(lines):
        value = _number(line.field.read(groups[name][index]))
        if value is not None:
            values[index, line.field.slot] = value
    if of_save is not None:
        for index, line, *_ in _differing(of_save, groups[name]):
            if not has_own_shape(line.schedule):
                values.pop((index, line.field.slot), None)
    return values


@final
@dataclass(frozen=True, slots=True)
class EditedValue:
    """An entry of a group that was changed since the save, and that the plan overwrites.

    Args:
        place: the group and the field.
        line: the line of the plan in force that overwrites it.
        entry: the name of the entry: that of the field, or `initial_lr`.
        number: its number.
        expected: the number that it had at the save.
        base: the base in the checkpoint.
        update: the update of the save.
    """

    place: GroupField
    line: BoundLine
    entry: str
    number: float
    expected: float
    base: float
    update: int

    @property
    def changes_base(self) -> bool:
        """True if the edited number, as base, changes the values of the plan."""
        schedule = self.line.schedule
        if not schedule.has_absolute:
            return True
        held = float(schedule.planned.held or 0)
        times = np.unique(np.linspace(0, held + 1_000, 200).astype(np.int64))
        return depends_on_base(schedule, times, self.base, self.number)

    def as_base(self, label: str | int) -> OtherBase:
        """Return the edited number as a base that applies in place of the checkpoint's."""
        return OtherBase(str(self.line.field), label, self.number, self.base, code_applies=True, own="the group")


def edits_since_save(
    saved: SavedOptimizer, groups: Mapping[str, list[GroupDict]], name: str, lines: Iterable[BoundLine]
) -> list[EditedValue]:
    """Return the entries of one optimizer that differ from its checkpoint's record, and that the plan overwrites.

    Values that other code owned at the save, and those of shapes of the user, are left out.

    Args:
        saved: what its groups carry.
        groups: those of all optimizers, by name; those of this one with the values of the checkpoint.
        name: the optimizer.
        lines: its lines of the plan in force, which may be another one than the saved plan.
    """
    # Torch's distributed checkpoint may load the values of a run without a plan beside the record of update 0.
    of_save = _lines_of_save(saved, groups, name) if saved.count else None
    if of_save is None or saved.record is None:
        return []
    return _edits(of_save, groups[name], lines, saved.record.external)


def edits_since_update(
    attached: AttachedOptimizer, groups: list[GroupDict], lines: Iterable[BoundLine]
) -> list[EditedValue]:
    """Return the entries of a running optimizer that differ from its plan, and that other lines overwrite now."""
    if not attached.bound or attached.bound.differ_from(groups):  # the lines are those of other groups
        return []
    planned = SavedLines(attached.table.lines, attached.times, attached.run.states)
    external = {line.field.slot for line in planned.lines if str(line.field) in attached.written_fields}
    return _edits(planned, groups, lines, external)


def _edits(
    of_save: SavedLines, groups: list[GroupDict], lines: Iterable[BoundLine], external: Iterable[str]
) -> list[EditedValue]:
    update = of_save.times.first
    fields_of_others = set(external)
    written = {(index, line.field): line for line in lines for index in line.groups}
    lines_of_plan = tuple(line for line in of_save.lines if line.field.slot not in fields_of_others)
    compared = tuple(line for line in lines_of_plan if not has_own_shape(line.schedule))
    edits: dict[GroupField, EditedValue] = {}
    for index, line, base, now, value in _differing(SavedLines(compared, of_save.times, of_save.states), groups):
        place = index, line.field.slot
        if (index, line.field) in written and not _has_moved_on(
            line.field.read(groups[index]), line, base, of_save.times
        ):
            edits[place] = EditedValue(place, written[index, line.field], str(line.field), now, value, base, update)
    for index, line, base in by_group(lines_of_plan):
        initial = _number(groups[index].get(INITIAL_LR)) if line.field == LR else None
        if initial is None or (index, line.field) not in written:
            continue
        if _is_close(initial, base, base, groups[index][INITIAL_LR]):
            continue
        # It is the base, so it takes precedence over an edited lr. A group without a base was added since the save.
        if line.field.slot in recorded_bases(groups[index]):
            place = index, line.field.slot
            edits[place] = EditedValue(place, written[index, line.field], INITIAL_LR, initial, base, base, update)
    return [edits[place] for place in sorted(edits)]


def _has_moved_on(entry: Any, line: BoundLine, base: float, times: UpdateRange) -> bool:
    """Return whether a tensor may have the value of another update than that of the save.

    A state that was not copied has the tensors of the optimizer itself, which other updates and loads fill.
    """
    if not isinstance(entry, torch.Tensor):
        return False
    if line.schedule.metric_rules or line.by_amount:
        return True
    try:
        first = max(0, times.first - _NEAR)
        near = line.values_of_one(UpdateRange(first, None, times.first + _NEAR + 1 - first), base, {})
    except ParamschedError:
        return True
    now = float(entry.detach())
    return any(_is_close(now, value, base, entry) for value in near)


def _is_close(now: float, value: float, base: float, entry: Any) -> bool:
    return isclose(now, value, rel_tol=_tolerance_of(entry), abs_tol=_TOLERANCE**2 * abs(base))


def _number(entry: Any) -> float | None:
    return finite_or_none(entry.detach() if isinstance(entry, torch.Tensor) else entry)


def _tolerance_of(entry: Any) -> float:
    if isinstance(entry, torch.Tensor) and entry.dtype.is_floating_point:
        return max(_TOLERANCE, float(torch.finfo(entry.dtype).eps))
    return _TOLERANCE
