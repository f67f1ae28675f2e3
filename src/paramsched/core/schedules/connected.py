"""Open levels: a stage begins at the level at which the stage before ends, and a warmup ends where the next begins."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, Final

import numpy as np

from paramsched.core.schedules.anneal import geometric, is_anneal, last_level
from paramsched.core.schedules.constant import constant_level
from paramsched.core.schedules.evaluation import FACTOR, ONE, ROWS
from paramsched.core.schedules.level import Level, level_from_parts
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import plan
from paramsched.core.schedules.span import AS_THEY_ARE, Piece
from paramsched.core.schedules.writing import short_line
from paramsched.core.time.duration import count_of
from paramsched.errors import InvalidArgument

_BENDS_BUT_SCALES: Final = ("clamp", "maximum", "minimum")


def connect(stages: Sequence[Schedule], pieces: Sequence[Piece]) -> list[Piece]:
    """Write the open levels of the stages of a sequence.

    An open start is the level at which the stage before ends. The open end of a warmup is the level at which the next
    stage begins. If both sides of a boundary are open, the level is base. So is that of a first stage, but a first
    warmup begins at 0. A stage without updates is no neighbor. A level that is the same without a neighbor stays open.

    If no stage compares values (`clamp`, `minimum`, `maximum`), a stage has exactly the float at which the stage before
    ends. Otherwise the two values may differ by the rounding of a product.

    Args:
        stages: the stages with their lengths in updates.
        pieces: the stages as planned alone.

    Raises:
        InvalidArgument: a level is not the same multiple of base, plus a constant, for every base.
    """
    connected: list[Piece] = []
    before: Piece | None = None
    for place, (stage, alone) in enumerate(zip(stages, pieces, strict=True)):
        written, own = stage, open_start(stage)
        if own is not None:
            level = own if before is None else _end_before(stage, before)
            written = stage if level == own and stage.kind != "geometric" else started_at(stage, level)
        if stage.kind == "warmup" and stage.args["to"] is None:
            after = next((one for one in range(place + 1, len(stages)) if pieces[one].length != 0), None)
            if after is not None and open_start(stages[after]) is None:
                level = _start_after(stage, pieces[after])
                written = written if level == 1.0 else written.with_args(to=level)
        connected.append(alone if written is stage else plan(written, AS_THEY_ARE))
        if alone.length != 0:
            before = connected[-1]
    return connected


def takes_time(stage: Schedule) -> bool:
    """Return whether a stage has updates, or may have some."""
    length = stage.known_length
    return length is None or bool(length.terms)


def open_start(stage: Schedule) -> Level | None:
    """Return the level that an open start has without a stage before it; None if the start is not open."""
    own = stage.shape.open_start
    return None if own is None or stage.args.get("start", stage.args.get("value")) is not None else own


def started_at(stage: Schedule, level: Level) -> Schedule:
    """Write the open start of a stage."""
    if stage.kind == "geometric":
        return geometric(**{**stage.args, "start": level})
    return stage.with_args(**{"value" if stage.kind == "constant" else "start": level})


def _end_before(stage: Schedule, before: Piece) -> Level:
    """Return the level at which the stage before ends."""
    schedule: Schedule = before.schedule
    if is_anneal(schedule) or schedule.kind == "geometric":
        return last_level(schedule)
    if schedule.kind == "constant":
        return constant_level(schedule)
    return _level_at(before, 0 if before.length is None else count_of(before.length), stage, "ends")


def _start_after(stage: Schedule, after: Piece) -> Level:
    """Return the level at which the next stage begins: its start, whatever its `index`."""
    schedule: Schedule = after.schedule
    if is_anneal(schedule) or schedule.kind == "geometric":
        start: Level = schedule.args["start"]
        return start
    begun: Schedule = _from_start(schedule)
    return _level_at(after if begun is schedule else plan(begun, AS_THEY_ARE), 0, stage, "begins")


def _from_start(value: Any) -> Any:
    """Return a schedule whose anneals have their start at their first update; a later part has the value it has."""
    if not isinstance(value, Schedule) or value.kind == "skip":
        return value
    if is_anneal(value):
        return value if value.args["index"] == "t/n" else value.with_args(index="t/n")
    return value.changed(_from_start)


def _level_at(neighbor: Piece, time: float, stage: Schedule, verb: str) -> Level:
    """Return the level of a neighbor of a stage at a time.

    Args:
        neighbor: the other stage.
        time: the time since the neighbor begins, which may be between two updates.
        stage: the stage whose level is open, for the error.
        verb: what the neighbor does at the time: "ends" or "begins".
    """
    why = ""  # the level is not the same number for every base
    factor, value, at = 0.0, 0.0, np.array([time])
    schedule: Schedule = neighbor.schedule
    with np.errstate(all="ignore"):
        if schedule.affine and schedule.has_absolute:
            factor, value = np.broadcast_to(neighbor.values(at, ROWS), (2, 1))[:, 0].tolist()
        elif schedule.affine:
            factor = np.asarray(neighbor.values(at, FACTOR)).item()
        elif scales_with_base(schedule) and not schedule.has_absolute:
            factor = np.asarray(neighbor.values(at, ONE)).item()
        else:
            why = "is not a multiple of base plus a constant"
    if not (isfinite(factor) and isfinite(value)):
        why = "is not finite"
    if why:
        side = "before" if verb == "ends" else "after"
        found = f"the level at which the stage {side} it, {short_line(schedule)}, {verb} {why}"
        changed = started_at(stage, 0.1) if verb == "ends" else stage.with_args(to=1.0)
        raise InvalidArgument(short_line(stage), found, f"Write the level, for example {changed}")
    return level_from_parts(factor, value)


def scales_with_base(schedule: Schedule) -> bool:
    """Return whether twice the base gives twice the value, apart from absolute levels."""
    if schedule.kind in ("as_factor", "absolute"):
        return True
    if schedule.kind == "geometric" or (schedule.shape.affine is False and schedule.kind not in _BENDS_BUT_SCALES):
        return False
    return all(scales_with_base(part) for part in schedule.parts())
