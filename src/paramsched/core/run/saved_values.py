"""Compare the values in a checkpoint with those of the plan in its record: a value that differs was changed since.

It is the shape of the user that has other code now, or an entry of the groups that the user has edited.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, Final, final

import numpy as np
import torch

from paramsched.core.base.problem import Problem
from paramsched.core.fields import finite_or_none, recorded_bases
from paramsched.core.plan.lines import Line, Place, RuleStates, UpdateTimes, by_group, values_at
from paramsched.core.plan.optimizers import scopes_of
from paramsched.core.run.record import SavedOptimizer, rule_states
from paramsched.core.run.reports import OtherBase, listed, where_in
from paramsched.core.run.run import Member, groups_changed
from paramsched.core.run.state import INITIAL_LR, Group
from paramsched.core.run.values import LR, starting_lines
from paramsched.core.schedules.evaluation import depends_on_base
from paramsched.core.schedules.own import has_own_shape, is_own
from paramsched.core.schedules.schedule import Schedule, parts_inside
from paramsched.errors import ParamschedError

_TOLERANCE: Final = 1e-5
"""Relative; the values of another kind of processor differ by less, and formats may store numbers in float32."""
_LATER: Final = 4096  # updates after a save in which a tensor of the running optimizer may have moved on


@final
@dataclass(frozen=True, slots=True)
class _Saved:
    """The lines of the plan in a record, and the time, the rule states and the groups of its values."""

    lines: tuple[Line, ...]
    times: UpdateTimes
    states: RuleStates
    labels: Sequence[str | int] = ()


def _lines_of_save(saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str) -> _Saved | None:
    """Return the lines of the plan in a checkpoint; None if its values are unknown.

    Args:
        saved: what the groups of one optimizer carry.
        groups: those of all optimizers, by name; those of this one with the values of the checkpoint.
        name: the optimizer.
    """
    state, position = saved.state, saved.position
    if state is None or state.in_force is None or position is None:
        return None
    in_force = state.in_force
    if state.optimizers.keys() != groups.keys() or (in_force.unit is not None and position.amount is None):
        return None
    # A copy without `state_dict()` has no states of metric rules, and an optimizer that is behind had earlier ones.
    has_states = saved.is_complete and position.t == state.position.t
    try:
        scope = scopes_of(in_force.plan, in_force.resolved, groups)[name]
        lines = starting_lines(in_force.counted, groups[name], saved.bases, scope)
        states = rule_states(state, in_force)
    except ParamschedError:  # the plan of the record is one of other groups
        return None
    known = tuple(line for line in lines if has_states or not line.schedule.metric_rules)
    return _Saved(known, UpdateTimes(position.t, position.amount), states, scope.labels(groups[name]))


def _differing(saved: _Saved, mine: list[Group]) -> Iterator[tuple[int, Line, float, float, float]]:
    """Yield each group with a value that differs from the plan: its index, the line, the base and both numbers."""
    try:
        values = values_at(saved.lines, saved.times, saved.states)
    except ParamschedError:
        return
    for index, line, base in by_group(saved.lines):
        slot = line.field.slot
        entry, value = line.field.read(mine[index]), values[index, slot]
        now = _number(entry)
        is_added = slot not in recorded_bases(mine[index])  # since the save
        if now is not None and not is_added and not _is_close(now, value, base, entry):
            yield index, line, base, now, value


def changed_function(saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str) -> Problem | None:
    """Return a problem if the user's shapes return other values than the checkpoint has; None if they are equal.

    The arguments are those of `_lines_of_save`.
    """
    known = _lines_of_save(saved, groups, name)
    if known is None or saved.state is None or known.times.first != saved.state.position.t:
        return None
    own_lines = tuple(line for line in known.lines if has_own_shape(line.schedule))
    for index, line, _, now, value in _differing(_Saved(own_lines, known.times, known.states), groups[name]):
        own = next(part for part in parts_inside(line.schedule) if isinstance(part, Schedule) and is_own(part))
        found = (
            f"{line.field} of group {known.labels[index]!r} is {now:g} in the checkpoint, and with "
            f"{own.kind} it is {value:g} for update {known.times.first}"
        )
        advice = f"To continue with the values of the save, define {own.kind} as it was then"
        return Problem(found=found, advice=advice)
    return None


# ------------------------------------------------------------------ edited entries


@final
@dataclass(frozen=True, slots=True)
class Edit:
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

    place: Place
    line: Line
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
        held = float(schedule.piece.held or 0)
        times = np.unique(np.linspace(0, held + 1_000, 200).astype(np.int64))
        return depends_on_base(schedule, times, self.base, self.number)

    def as_base(self, label: str | int) -> OtherBase:
        """Return the edited number as a base that applies in place of the checkpoint's."""
        return OtherBase(str(self.line.field), label, self.number, self.base, code_applies=True, own="the group")


def edits_since_save(
    saved: SavedOptimizer, groups: Mapping[str, list[Group]], name: str, lines: Iterable[Line]
) -> list[Edit]:
    """Return the entries of one optimizer that differ from its checkpoint's record, and that the plan overwrites.

    Values that other code owned at the save, and those of shapes of the user, are left out.

    Args:
        saved: what its groups carry.
        groups: those of all optimizers, by name; those of this one with the values of the checkpoint.
        name: the optimizer.
        lines: its lines of the plan in force, which may be another one than the saved plan.
    """
    # Torch's distributed checkpoint may load the values of a run without a plan beside the record of update 0.
    known = _lines_of_save(saved, groups, name) if saved.is_complete and saved.count else None
    if known is None or saved.state is None:
        return []
    return _edits(known, groups[name], lines, saved.state.external)


def edits_since_update(member: Member, mine: list[Group], lines: Iterable[Line]) -> list[Edit]:
    """Return the entries of a running optimizer that differ from its plan, and that other lines overwrite now."""
    if not member.bound or groups_changed(member, mine):  # the lines are those of other groups
        return []
    known = _Saved(member.rows.lines, member.times, member.run.states)
    external = {line.field.slot for line in known.lines if str(line.field) in member.written_fields}
    return _edits(known, mine, lines, external)


def _edits(known: _Saved, mine: list[Group], lines: Iterable[Line], external: Iterable[str]) -> list[Edit]:
    update, owned = known.times.first, set(external)
    written = {(index, line.field): line for line in lines for index in line.groups}
    lines_of_plan = tuple(line for line in known.lines if line.field.slot not in owned)
    compared = tuple(line for line in lines_of_plan if not has_own_shape(line.schedule))
    found: dict[Place, Edit] = {}
    for index, line, base, now, value in _differing(_Saved(compared, known.times, known.states), mine):
        place = index, line.field.slot
        if (index, line.field) in written and not _has_moved_on(line.field.read(mine[index]), line, base, known.times):
            found[place] = Edit(place, written[index, line.field], str(line.field), now, value, base, update)
    for index, line, base in by_group(lines_of_plan):
        initial = _number(mine[index].get(INITIAL_LR)) if line.field == LR else None
        is_added = line.field.slot not in recorded_bases(mine[index])
        if initial is None or is_added or (index, line.field) not in written:
            continue
        # It is the base, so it takes precedence over an edited lr.
        if not _is_close(initial, base, base, mine[index][INITIAL_LR]):
            place = index, line.field.slot
            found[place] = Edit(place, written[index, line.field], INITIAL_LR, initial, base, base, update)
    return [found[place] for place in sorted(found)]


def _has_moved_on(entry: Any, line: Line, base: float, times: UpdateTimes) -> bool:
    """Return whether a tensor may have the value of a later update than the save.

    A state that was not copied has the tensors of the optimizer itself, which later updates fill.
    """
    if not isinstance(entry, torch.Tensor):
        return False
    if line.schedule.metric_rules or line.by_amount:
        return True
    try:
        later = line.values_of_one(UpdateTimes(times.first + 1, None, _LATER), base, {})
    except ParamschedError:
        return True
    now = float(entry.detach())
    return any(_is_close(now, value, base, entry) for value in later)


def problems_of_edits(edits: Iterable[Edit], labels: Sequence[str | int]) -> Iterator[Problem]:
    """Yield a problem for each field and entry that was edited, with both numbers and the line that uses the edit.

    Args:
        edits: the entries.
        labels: the label of each group.
    """
    alike: dict[tuple[str, bool], list[Edit]] = {}
    for one in edits:
        alike.setdefault((one.entry, one.changes_base), []).append(one)
    for (entry, changes_base), mine in alike.items():
        numbers = listed(dict.fromkeys(f"{one.number:g} instead of {one.expected:g}" for one in mine), "; ")
        where = where_in([str(labels[one.place[0]]) for one in mine])
        found = (
            f"{entry} in {where} is {numbers} at update {mine[0].update}: it was changed after the save or the last "
            "update, and the plan overwrites it"
        )
        first = mine[0]
        advice = (
            f"To train from {first.number:g} as base, construct the Scheduler after the load and the change, with "
            'ps.Scheduler(optimizer, plan, on_base="code")'
        )
        if not changes_base:
            line = f'{first.line.name}="absolute({first.number!r})"'
            advice = f"The values of its line are absolute. To train with {first.number:g}, write it there: {line}"
        yield Problem(found=found, advice=advice)


def _is_close(now: float, value: float, base: float, entry: Any) -> bool:
    return isclose(now, value, rel_tol=_tolerance_of(entry), abs_tol=_TOLERANCE**2 * abs(base))


def _number(entry: Any) -> float | None:
    return finite_or_none(entry.detach() if isinstance(entry, torch.Tensor) else entry)


def _tolerance_of(entry: Any) -> float:
    if isinstance(entry, torch.Tensor) and entry.dtype.is_floating_point:
        return max(_TOLERANCE, float(torch.finfo(entry.dtype).eps))
    return _TOLERANCE
