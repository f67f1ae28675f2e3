"""Boundaries of stages that were probably not meant: a jump, a stage that changes nothing, a warmup at the end."""

from collections.abc import Iterator
from itertools import pairwise
from math import ceil
from typing import Final, NamedTuple, final

import numpy as np

from paramsched.core.base.codes import JUMP, NO_CHANGE, RISES_TO_THE_END
from paramsched.core.base.problem import Problem
from paramsched.core.plan import Target
from paramsched.core.rules.line import Line
from paramsched.core.rules.trial_run import resolved_in_any_run
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.anneal import first_level, is_anneal, last_level
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.schedule import is_kind, parts_inside
from paramsched.core.schedules.sequence import in_order_anew, stages_of
from paramsched.errors import ParamschedError

_NEAR: Final = 1.25
"""Levels whose ratio is smaller are near: timm's cosine begins at 0.88 of its level after a warmup of a fifth."""


def boundary_problems(line: Line) -> Iterator[Problem]:
    """Yield the first problem of the stages of a line: a jump, or a stage or a shape that changes nothing."""
    resolved = resolved_in_any_run(line.schedule) if line.resolved is None else line.resolved
    sequences = [] if resolved is None else [*_sequences(line.schedule, resolved)]
    for written, stages in sequences:
        found = (
            _jump(line, written, stages) or _warmup_last(line, written, stages) or _idle_stage(line, written, stages)
        )
        if found is not None:
            yield found
            return
    yield from _idle_shape(line)


@final
class _Stage(NamedTuple):
    """A stage as written and as resolved, with its levels in multiples of base: at its begin, its last update, its end.

    They are None if the stage has absolute levels, whose multiple of base is unknown.
    """

    written: Schedule
    resolved: Schedule
    levels: tuple[float, float, float] | None

    @property
    def is_empty(self) -> bool:
        """True if it has no updates in the run."""
        length = self.resolved.length
        return length is not None and length.number == 0


def _sequences(written: Schedule, resolved: Schedule) -> Iterator[tuple[Schedule, list[_Stage]]]:
    """Yield the sequences in a schedule as written, with their stages."""
    if written.kind != resolved.kind and not (is_anneal(written) and is_anneal(resolved)):
        return
    if written.kind == "sequence":
        pairs = [*zip(stages_of(written), stages_of(resolved), strict=False)]
        if len(pairs) == len(stages_of(written)) == len(stages_of(resolved)):
            yield written, [_Stage(one, other, _levels(other)) for one, other in pairs]
    for one, other in zip(written.parts(), resolved.parts(), strict=False):
        yield from _sequences(one, other)


def _levels(stage: Schedule) -> tuple[float, float, float] | None:
    if stage.has_absolute:
        return None
    length = stage.length
    end = max(1, ceil((stage.piece.held or 1) if length is None else length.number))
    try:
        first, last, final = evaluate(stage, np.array([0, end - 1, end]), 1.0).tolist()
    except (ParamschedError, ArithmeticError, ValueError):
        return None
    if is_anneal(stage):
        levels = [one for one in (first_level(stage), last_level(stage)) if isinstance(one, float)]
        return (levels[0], last, levels[1]) if len(levels) == 2 else None
    return first, last, final


def _is_far(one: float, other: float) -> bool:
    low, high = sorted((one, other))
    return high > low * _NEAR + 1e-9


def _jump(line: Line, written: Schedule, stages: list[_Stage]) -> Problem | None:
    """Return the problem of a stage that has no level to write, and begins at base after another level."""
    for at, (before, after) in enumerate(pairwise(stages), 1):
        if before.levels is None or after.levels is None or after.is_empty or _has_level(after.written):
            continue
        (begins, _, _), (_, last, end) = after.levels, before.levels
        if abs(begins - 1.0) > 1e-9 or not (_is_far(begins, end) and _is_far(begins, last)):
            continue
        if before.written.kind in ("constant", after.written.kind):
            continue  # a step, or a restart
        if _goes_on(before.written, after.written):
            continue
        found = f"stage {at + 1}, {after.written}, begins at 1 × base, but stage {at} ends at {end:.3g} × base"
        if line.base and isinstance(line.binding.field, str):
            found += f": {line.binding.name} jumps from {end * line.base:.4g} to {line.base:.4g}"
        advice = "Write the level at which the stage begins"
        if end:
            changed = float(f"{end:.3g}") * after.written
            stages_then = [*stages_of(written)[:at], changed, *stages_of(written)[at + 1 :]]
            advice = f"To begin at the level before write {in_order_anew(stages_then)}"
        return Problem(line.path, found, advice, code=JUMP)
    return None


def _has_level(stage: Schedule) -> bool:
    """Return whether a stage has a level to write, or was written with a factor."""
    return is_anneal(stage) or stage.kind in ("constant", "geometric", "product") or stage.has_absolute


def _goes_on(first: Schedule, second: Schedule) -> bool:
    """Return whether a stage is a later part of a schedule: a decay that runs during the warmup, or a changed plan."""
    over = first.args["over"] if is_anneal(first) or first.kind == "take" else None
    return over is not None and any(is_kind(part, "skip") and part.args["by"] == over for part in parts_inside(second))


def _idle_stage(line: Line, written: Schedule, stages: list[_Stage]) -> Problem | None:
    """Return the problem of a stage whose open level makes it constant; `constant()` is meant to be."""
    for at, stage in enumerate(stages):
        own, resolved = stage.written, stage.resolved
        if stage.is_empty or not is_anneal(own) or not is_anneal(resolved):
            continue
        if None not in (own.args["start"], own.args["to"]) or first_level(resolved) != last_level(resolved):
            continue
        level = last_level(resolved)
        found = f"stage {at + 1}, {own}, begins and ends at {_text_of_level(level)}, so it changes nothing"
        open_end = own.args["to"] is None
        changed = None if level == 1.0 else own.with_args(**{"to" if open_end else "start": 1.0})
        if changed is None:
            return Problem(line.path, found, "Write another level, such as to=0.1, or constant()", code=NO_CHANGE)
        line_then = in_order_anew([*stages_of(written)[:at], changed, *stages_of(written)[at + 1 :]])
        verb = "end" if open_end else "begin"
        return Problem(line.path, found, f"To {verb} at base write {line_then}", code=NO_CHANGE)
    return None


def _text_of_level(level: object) -> str:
    return str(level) if isinstance(level, Absolute) else f"{level:.3g} × base"


def _idle_shape(line: Line) -> Iterator[Problem]:
    """Yield the problem of the first shape that begins at base, its default, and ends there.

    Reason: `to` is the level at the end, so `cosine(to=1.0)` holds base. Two other levels that are equal were written
    as a pair, such as `linear(0.1, 0.1)`.
    """
    later = {id(stage) for part in line.inside if is_kind(part, "sequence") for stage in stages_of(part)[1:]}
    for part in line.inside:
        if _holds_base(part) and not (is_anneal(part) and part.args["start"] is None and id(part) in later):
            found = f"{part} begins and ends at 1 × base, so it changes nothing"
            yield Problem(line.path, found, "Write another level, such as to=0.1, or constant()", code=NO_CHANGE)
            return


def _holds_base(part: object) -> bool:
    if not isinstance(part, Schedule):
        return False
    if is_anneal(part):
        over = part.args["over"]
        return (over is None or bool(over.terms)) and first_level(part) == last_level(part) == 1.0
    match part.kind, part.args:
        case "stairs" | "cosine_wave", {"start": 1.0, "to": 1.0}:
            return True
        case "cyclic", {"start": 1.0, "to": 1.0, "gamma": 1.0}:
            return True
        case "cosine_restarts", {"to": 1.0, "gamma": 1.0, "to_gamma": 1.0}:
            return True
    return False


def _warmup_last(line: Line, written: Schedule, stages: list[_Stage]) -> Problem | None:
    """Return the problem of an lr that falls, and then rises to base in the last stage."""
    last, before = stages[-1], stages[-2]
    is_rate = line.binding.name == "lr" and not isinstance(line.binding.field, Target)
    if not is_rate or written is not line.schedule or not is_anneal(last.written) or last.written.args["over"] is None:
        return None
    if last.levels is None or before.levels is None or last.levels[2] < 0.5 * before.levels[0]:
        return None
    rises, falls = last.levels[2] > last.levels[0] * _NEAR, before.levels[2] < before.levels[0] / _NEAR
    if not (rises and falls) or any(_same_change(one, last) for one in stages[:-1]):
        return None
    found = f"the last stage, {last.written}, rises to {last.levels[2]:.3g} × base at the end of the run"
    advice = f"A warmup comes first: {in_order_anew([last.written, *(one.written for one in stages[:-1])])}"
    return Problem(line.path, found, advice, code=RISES_TO_THE_END)


def _same_change(one: _Stage, other: _Stage) -> bool:
    """Return whether two stages are rises of a triangle of several periods."""
    return one.levels is not None and other.levels is not None and one.levels[::2] == other.levels[::2]
