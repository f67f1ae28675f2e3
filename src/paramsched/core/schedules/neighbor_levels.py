"""What a line takes from others: the levels of its neighbors, and the value of a target."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any, final

import numpy as np

from paramsched.core.base.frozen_values import field_names
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import Affine, Level, NeighborLevel, level_from_parts, previous, split_level
from paramsched.core.schedules.base import Schedule, leaves_of_fields
from paramsched.core.schedules.evaluation import columns, evaluate
from paramsched.core.schedules.lengths import Span
from paramsched.core.schedules.one_operand import AbsoluteSchedule, AsFactor
from paramsched.core.schedules.pointwise import Clamp, Maximum, Minimum
from paramsched.core.schedules.sequence import Sequence
from paramsched.core.schedules.writing import short_line
from paramsched.errors import InvalidArgument, PlanError, Unresolved

_NOT_AFFINE_BUT_SCALING = (Clamp, Maximum, Minimum)


def resolve_in_span(schedule: Schedule, span: Span) -> Schedule:
    """Return the schedule with every length in updates and every level a number.

    A level from a neighbor is `factor * base + offset`: the value of the previous stage at its end, or of the next
    stage at its first update.

    If no stage compares values (`clamp`, `minimum`, `maximum`), a stage that starts at `previous` has exactly the float
    at which the previous stage ends. Otherwise the two values may differ by the rounding of a product.
    """
    if not schedule.has_neighbor_levels:
        return schedule._resolve(span)
    _require_neighbors(_open_levels(schedule, measured=False))
    resolved = schedule._resolve(span)
    _require_neighbors(_open_levels(resolved, measured=True))  # some stages resolve to no updates
    return _with_levels(resolved, {})


def _with_levels(schedule: Schedule, levels: Mapping[NeighborLevel, Level]) -> Schedule:
    """Replace `previous` and `following` in a resolved schedule by numbers; `levels` are the levels around it."""
    if not schedule.has_neighbor_levels:
        return schedule
    if isinstance(schedule, Sequence):
        return Sequence(_stages_with_levels(schedule, levels))
    if isinstance(schedule, AbsoluteSchedule):
        levels = {word: _level_as_value(schedule, word, level) for word, level in levels.items()}
    names = (name for name, _ in field_names(type(schedule)))
    return schedule._with_fields({name: _filled_value(getattr(schedule, name), levels) for name in names})


def _filled_value(value: Any, levels: Mapping[NeighborLevel, Level]) -> Any:
    """Replace `previous` and `following` in the value of a field by numbers."""
    match value:
        case NeighborLevel():
            return levels[value]
        case Schedule():
            return _with_levels(value, levels)
        case tuple():
            return tuple(_filled_value(item, levels) for item in value)
    return value


def _level_as_value(schedule: AbsoluteSchedule, word: NeighborLevel, level: Level) -> float:
    """Return the level of a neighbor as a number in `absolute(…)`."""
    multiple, value = split_level(level)
    if multiple:
        found = f"{word} is a multiple of base, and every number in absolute(…) is a value"
        raise InvalidArgument(short_line(schedule), found, "Use a number instead")
    return value or 0.0


def _stages_with_levels(sequence: Sequence, around: Mapping[NeighborLevel, Level]) -> tuple[Schedule, ...]:
    """Return the stages with `previous` and `following` replaced by numbers; `around` are the levels around `sequence`.

    A stage waits until its neighbors contain numbers only. `previous` waits for stages on the left, so one pass from
    left to right replaces it, and a pass from right to left replaces `following`. The last pass is for stages without
    updates.
    """
    stages, taking = list(sequence.stages), _taking_time(sequence, measured=True)
    waiting = {
        index: {word: _index_of_neighbor(taking, index, word) for word in _open_levels(stage, measured=True)}
        for index, stage in enumerate(stages)
        if stage.has_neighbor_levels
    }
    for order in (sorted(waiting), sorted(waiting, reverse=True), sorted(waiting)):
        for index in order:
            if index not in waiting or any(place in waiting for place in waiting[index].values()):
                continue
            site = waiting.pop(index)
            levels = {
                word: around[word] if place is None else _level_of_neighbor(stages[index], stages[place], word)
                for word, place in site.items()
            }
            stages[index] = _with_levels(stages[index], levels)
    if waiting:
        raise _circular_levels(stages, waiting)
    return tuple(stages)


def _open_levels(schedule: Schedule, *, measured: bool) -> dict[NeighborLevel, Schedule]:
    """Return the levels (`previous`, `following`) that refer to stages outside of a schedule.

    The result is a dict from each such level to the shape that contains it.

    Args:
        measured: True if lengths are known, so that stages without updates are skipped.
    """
    if not schedule.has_neighbor_levels:
        return {}
    if isinstance(schedule, Sequence):
        taking = _taking_time(schedule, measured=measured)
        found_levels: dict[NeighborLevel, Schedule] = {}
        for index, stage in enumerate(schedule.stages):
            for word, shape in _open_levels(stage, measured=measured).items():
                if _index_of_neighbor(taking, index, word) is None:
                    found_levels.setdefault(word, shape)
        return found_levels
    own = {leaf: schedule for leaf in leaves_of_fields(schedule) if isinstance(leaf, NeighborLevel)}
    for part in schedule.parts():
        own = _open_levels(part, measured=measured) | own
    return own


def _taking_time(sequence: Sequence, *, measured: bool) -> list[int]:
    stages = enumerate(sequence.stages)
    return [place for place, stage in stages if not measured or stage.length is None or stage.length.terms]


def _index_of_neighbor(taking: list[int], index: int, word: NeighborLevel) -> int | None:
    """Return the index of the stage before or after stage `index`; None if there is none.

    `taking` contains the indices of the stages that can be neighbors, in order.
    """
    if word == previous:
        before = bisect_left(taking, index)
        return taking[before - 1] if before else None
    after = bisect_right(taking, index)
    return taking[after] if after < len(taking) else None


def _level_of_neighbor(stage: Schedule, neighbor: Schedule, word: NeighborLevel) -> Level:
    """Return the level at which a resolved neighbor ends, for `previous`, or starts, for `following`."""
    reason = None  # why the level is not the same number for every base
    if not (neighbor.affine or (scales_with_base(neighbor) and not neighbor.has_absolute)):
        reason = "its value is not a multiple of base plus a constant"
    if reason is not None:
        found = f"{word} cannot be taken from {short_line(neighbor)}: {reason}"
        raise InvalidArgument(short_line(stage), found, "Use the level as a number")
    end = neighbor.length if word == previous else None
    # After its end a schedule holds its final value, so the next integer update has that value too.
    times = np.array([0 if end is None else ceil(end.exact or 0)])
    if neighbor.affine:
        value = columns(neighbor, times)
        factor, offset = (0.0 if one is None else np.asarray(one).item() for one in (value.factor, value.offset))
    else:
        factor, offset = evaluate(neighbor, times, 1.0).item(), 0.0
    if not (isfinite(factor) and isfinite(offset)):
        found = f"{word} is not finite: it is taken from {short_line(neighbor)}"
        raise InvalidArgument(short_line(stage), found, "Use the level as a number")
    return level_from_parts(factor, offset)


def scales_with_base(schedule: Schedule) -> bool:
    """Return whether twice the base gives twice the value, apart from absolute levels."""
    if isinstance(schedule, (AsFactor, AbsoluteSchedule)):
        return True
    bends_base = type(schedule).affine is not Schedule.affine and not schedule.affine
    if bends_base and not isinstance(schedule, _NOT_AFFINE_BUT_SCALING):
        return False
    return all(scales_with_base(part) for part in schedule.parts())


def _require_neighbors(levels: Mapping[NeighborLevel, Schedule]) -> None:
    for word, shape in levels.items():
        side = "previous" if word == previous else "next"
        found = f"{word} is the level of the {side} stage, but there is no {side} stage"
        raise InvalidArgument(short_line(shape), found, "Use a number, 1.0 for base")


def _circular_levels(
    stages: list[Schedule], waiting: Mapping[int, Mapping[NeighborLevel, int | None]]
) -> InvalidArgument:
    """Return the error of two stages whose levels depend on each other."""
    first, second = next(
        (index, place)
        for index, places in waiting.items()
        for place in places.values()
        if place is not None and place > index and index in waiting.get(place, {}).values()
    )
    return InvalidArgument(
        f"{short_line(stages[first])} >> {short_line(stages[second])}",
        "their levels depend on each other: the first stage needs the level at which the second starts, "
        "and the second stage needs the level at which the first ends",
        "Use a number for one of the two",
    )


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FollowedTarget(Schedule):
    """Replaces `like(name)` of a target: contains the target's schedule and its initial value.

    Args:
        name: the target.
        schedule: the schedule of the target as written.
        initial: the base of the target.
        line: the line that follows the target, for errors.
        instead: the advice of the error for a `like` whose time does not count from the start of the run.
    """

    name: str
    schedule: Schedule
    initial: float
    line: str
    instead: str

    affine = True

    has_absolute = False

    has_neighbor_levels = False  # they are levels of the target, which is resolved separately

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        raise Unresolved(str(self), f"it follows {self.name} of a plan that is not resolved", "Use plan.resolve(…)")

    def _resolve(self, span: Span) -> Schedule:
        """Resolve the schedule of the target for the whole run, as in the line of the target."""
        if span.restarted or span.begin:
            clock = "restarts" if span.restarted else "does not start with the run"
            found = f"the clock of this part {clock}, but a target has its value at a time of the run"
            raise PlanError(f"{self} in {self.line}", found, self.instead)
        return AsFactor(resolve_in_span(self.schedule, span.of_whole_run), self.initial)

    def __str__(self) -> str:
        return f'like("{self.name}")'
