"""Open levels: a stage begins at the level at which the stage before ends, and a warmup ends where the next begins."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Final

import numpy as np

from paramsched.core.schedules.affine import Level, level_from_parts
from paramsched.core.schedules.anneal import Anneal
from paramsched.core.schedules.base import Schedule, with_changed_fields
from paramsched.core.schedules.cuts import Skip
from paramsched.core.schedules.decays import OpenGeometric
from paramsched.core.schedules.evaluation import columns, evaluate
from paramsched.core.schedules.leaves import Constant
from paramsched.core.schedules.one_operand import AbsoluteSchedule, AsFactor
from paramsched.core.schedules.pointwise import Clamp, Maximum, Minimum
from paramsched.core.schedules.writing import short_line
from paramsched.errors import InvalidArgument, Unresolved

_NOT_AFFINE_BUT_SCALING: Final = (Clamp, Maximum, Minimum)


def connect(stages: Sequence[Schedule]) -> list[Schedule]:
    """Write the open levels of the stages of a sequence, whose lengths are in updates.

    An open start is the level at which the stage before ends. The open end of a warmup is the level at which the next
    stage begins. If both sides of a boundary are open, the level is base. So is that of a first stage, but a first
    warmup begins at 0. A stage without updates is no neighbor. A level that is the same without a neighbor stays open.

    If no stage compares values (`clamp`, `minimum`, `maximum`), a stage has exactly the float at which the stage before
    ends. Otherwise the two values may differ by the rounding of a product.

    Raises:
        InvalidArgument: a level is not the same multiple of base, plus a constant, for every base.
    """
    connected: list[Schedule] = []
    before: Schedule | None = None
    for stage, after in zip(stages, _next_with_time(stages), strict=True):
        own = open_start(stage)
        if own is not None and before is not None and (level := _end_before(stage, before)) != own:
            stage = started_at(stage, level)
        if after is not None and isinstance(stage, Anneal) and stage.to is None and open_start(after) is None:
            level = _start_after(stage, after)
            stage = stage if level == 1.0 else replace(stage, to=level)
        connected.append(stage.connected)
        if takes_time(stage):
            before = connected[-1]
    return connected


def _next_with_time(stages: Sequence[Schedule]) -> list[Schedule | None]:
    """Return for each stage the next one that has updates; None if there is none."""
    following: list[Schedule | None] = []
    after: Schedule | None = None
    for stage in reversed(stages):
        following.append(after)
        after = stage if takes_time(stage) else after
    return following[::-1]


def takes_time(stage: Schedule) -> bool:
    """Return whether a stage has updates, or may have some."""
    try:
        length = stage.length
    except Unresolved:  # its operands' lengths are in different units
        return True
    return length is None or bool(length.terms)


def open_start(stage: Schedule) -> Level | None:
    """Return the level that an open start has without a stage before it; None if the start is not open."""
    match stage:
        case Anneal(start=None):
            return stage.first_level
        case Constant(value=None) | OpenGeometric():
            return 1.0
    return None


def started_at(stage: Schedule, level: Level) -> Schedule:
    """Write the open start of a stage."""
    match stage:
        case Anneal():
            return replace(stage, start=level)
        case Constant():
            return replace(stage, value=level)
        case OpenGeometric():
            return stage.started_at(level)
    raise AssertionError(f"{stage} has no start to write")


def _end_before(stage: Schedule, before: Schedule) -> Level:
    """Return the level at which the stage before ends."""
    if isinstance(before, Anneal):
        return before.last_level
    if isinstance(before, Constant):
        return before.level
    return _level_at(before, 0 if before.length is None else before.length.count, stage, "ends")


def _start_after(stage: Schedule, after: Schedule) -> Level:
    """Return the level at which the next stage begins: its start, whatever its `index`."""
    if isinstance(after, Anneal):
        return after.first_level
    return _level_at(_from_start(after.connected), 0, stage, "begins")


def _from_start(value: Any) -> Any:
    """Return a schedule whose anneals have their start at their first update; a later part has the value it has."""
    match value:
        case Anneal():
            return value if value.index == "t/n" else replace(value, index="t/n")
        case Schedule() | tuple() if not isinstance(value, Skip):
            return with_changed_fields(value, _from_start)
    return value


def _level_at(neighbor: Schedule, time: float, stage: Schedule, verb: str) -> Level:
    """Return the level of a neighbor of a stage at a time.

    Args:
        neighbor: the other stage.
        time: the time since the neighbor begins, which may be between two updates.
        stage: the stage whose level is open, for the error.
        verb: what the neighbor does at the time: "ends" or "begins".
    """
    why = ""  # the level is not the same number for every base
    factor, offset = 0.0, 0.0
    if neighbor.affine:
        value = columns(neighbor, np.array([time]))
        factor, offset = (0.0 if one is None else np.asarray(one).item() for one in (value.factor, value.offset))
    elif scales_with_base(neighbor) and not neighbor.has_absolute:
        factor = evaluate(neighbor, np.array([time]), 1.0).item()
    else:
        why = "is not a multiple of base plus a constant"
    if not (isfinite(factor) and isfinite(offset)):
        why = "is not finite"
    if why:
        side = "before" if verb == "ends" else "after"
        found = f"the level at which the stage {side} it, {short_line(neighbor)}, {verb} {why}"
        changed = started_at(stage, 0.1) if verb == "ends" else replace(stage, to=1.0)  # type: ignore[type-var]
        raise InvalidArgument(short_line(stage), found, f"Write the level, for example {changed}")
    return level_from_parts(factor, offset)


def scales_with_base(schedule: Schedule) -> bool:
    """Return whether twice the base gives twice the value, apart from absolute levels."""
    if isinstance(schedule, (AsFactor, AbsoluteSchedule)):
        return True
    bends_base = type(schedule).affine is not Schedule.affine and not schedule.affine
    if bends_base and not isinstance(schedule, _NOT_AFFINE_BUT_SCALING):
        return False
    return all(scales_with_base(part) for part in schedule.parts())
