"""Jumps between the stages of a line that were probably not meant, and a warmup at the end of a run."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from math import ceil, isfinite, prod
from typing import Final, final

import numpy as np

from paramsched.core.base.codes import JUMP, RISES_TO_THE_END
from paramsched.core.base.problem import Problem
from paramsched.core.plan import Target
from paramsched.core.rules.line import Line
from paramsched.core.schedules import Anneal, Constant, Schedule
from paramsched.core.schedules.affine import previous
from paramsched.core.schedules.contents import parts_inside
from paramsched.core.schedules.cuts import Skip, Take
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.pointwise import Product
from paramsched.core.schedules.sequence import Sequence, in_order
from paramsched.errors import ParamschedError

_NEAR: Final = 1.25
"""Levels whose ratio is smaller are near: timm's cosine begins at 0.88 of its level after a warmup of a fifth."""

_OPEN: Final = 64  # updates that are looked at in a stage without an end
_INSIDE: Final = 8  # levels that are looked at inside of a stage


def jump_problems(line: Line) -> Iterator[Problem]:
    """Yield a diagnostic for the first jump between two stages that was probably not meant."""
    for written, resolved in _sequences(line.schedule, line.resolved):
        stages = _stages_of(line, written, resolved)
        found = _jump_in(line, written, stages) or _warmup_last(line, written, stages)
        if found is not None:
            yield found
            return


def _sequences(written: Schedule, resolved: Schedule | None) -> Iterator[tuple[Sequence, Sequence | None]]:
    """Yield the sequences in a schedule, as written and resolved."""
    if isinstance(written, Sequence):
        same = isinstance(resolved, Sequence) and len(resolved.stages) == len(written.stages)
        yield written, resolved if same and isinstance(resolved, Sequence) else None
    parts = [*written.parts()]
    others = [] if resolved is None or type(resolved) is not type(written) else [*resolved.parts()]
    for place, part in enumerate(parts):
        yield from _sequences(part, others[place] if len(others) == len(parts) else None)


@final
class _Stage:
    """A stage, and its levels in multiples of base; they are evaluated only if they are not written.

    Args:
        written: the stage as written.
        resolved: the stage in the run; None if it is unknown.
        base: the base; None if it is unknown.
    """

    def __init__(self, written: Schedule, resolved: Schedule | None, base: float | None) -> None:
        self.written, self.base = written, base
        can_be_evaluated = resolved is not None and (bool(base) or not written.has_absolute)
        self.resolved = resolved if can_be_evaluated else None

    @cached_property
    def ends(self) -> tuple[float, float] | None:
        """The level at its begin, and the one at its end; None if they are unknown."""
        known = _written_ends(self.written)
        if known is None and self.count and (levels := self._levels(0, self.count)):
            known = levels[0], levels[-1]
        return known

    @cached_property
    def last(self) -> float:
        """The level at its last update. It requires `ends`."""
        levels = self._levels(max(0, self.count - 1)) if self.count else ()
        return levels[0] if levels else self.ends[1] if self.ends is not None else 0.0

    @cached_property
    def _range(self) -> tuple[float, float]:
        """The lowest and the highest of some of its levels. It requires `ends`."""
        levels = [*(self.ends or ()), self.last]
        if self.count:
            levels += self._levels(*range(0, self.count, max(1, self.count // _INSIDE)))
        return min(levels), max(levels)

    @property
    def rises(self) -> bool:
        return self.ends is not None and self._range[1] > self.ends[0] * _NEAR

    @property
    def falls(self) -> bool:
        return self.ends is not None and self._range[0] < self.ends[0] / _NEAR

    @property
    def is_empty(self) -> bool:
        """True if it has no updates in the run."""
        length = None if self.resolved is None else self.resolved.length
        return length is not None and length.number == 0

    @cached_property
    def count(self) -> int:
        """The number of its updates, some of them if it has no end; 0 if it is unknown."""
        if self.resolved is None:
            return 0
        length, held = self.resolved.length, None
        if length is None and (held := self.resolved._held_from()) is None:
            return _OPEN
        return ceil((held or 0) if length is None else length.number)

    def _levels(self, *times: int) -> tuple[float, ...]:
        """Return the levels at some times, in the order of the times; an empty tuple if they cannot be evaluated."""
        if self.resolved is None:
            return ()
        base = self.base or 1.0
        if self.base and not self.written.has_absolute and (factor_at := self.resolved._factor_of_number()) is not None:
            return tuple(map(factor_at, times))
        ordered = sorted({*times})
        try:
            values = evaluate(self.resolved, np.array(ordered), base) / base
        except (ParamschedError, ArithmeticError, ValueError):
            return ()
        at = dict(zip(ordered, values.tolist(), strict=True))
        return tuple(at[time] for time in times)


def _stages_of(line: Line, written: Sequence, resolved: Sequence | None) -> list[_Stage]:
    """Return the stages of a sequence that have updates in the run."""
    in_run = [None] * len(written.stages) if resolved is None else resolved.stages
    return [_Stage(one, other, line.base) for one, other in zip(written.stages, in_run, strict=True)]


def _written_ends(stage: Schedule) -> tuple[float, float] | None:
    """Return the first and the last level of a stage if its text has them."""
    match stage:
        case Constant(value=float(value)):
            return value, value
        case Anneal(start=float(start), to=float(to)):
            return start, to
        case Product(operands=operands):
            parts = [ends for one in operands if (ends := _written_ends(one)) is not None]
            if len(parts) == len(operands):
                return prod(one for one, _ in parts), prod(one for _, one in parts)
    return None


def _jump_in(line: Line, written: Sequence, stages: list[_Stage]) -> Problem | None:
    for at, (before, after) in enumerate(pairwise(stages), 1):
        if not _is_jump(before, after):
            continue
        first, second = before.written, after.written
        if _goes_on(first, second):
            continue
        if before.rises and not after.rises:  # a warmup to another level than that of the decay
            return _told(line, written, at, before, after)
        begin, _ = after.ends or (0.0, 0.0)
        if begin <= 0 or isinstance(second, Product) or abs(begin - 1.0) > 1e-9 or begin < before.last:
            continue  # a level that somebody wrote
        is_constant = isinstance(second, Constant)
        if isinstance(first, Constant) or not before.falls or after.rises:
            if not (isinstance(first, Constant) and at > 1 and stages[at - 2].rises and not is_constant):
                continue  # a step schedule, or a constant warmup
        elif is_constant and at + 1 < len(stages):
            continue  # the next cycle
        elif not is_constant and _same_kind(first, second):
            continue  # a restart
        return _told(line, written, at, before, after)
    return None


def _goes_on(first: Schedule, second: Schedule) -> bool:
    """Return whether a stage is a later part of a schedule: a decay that runs during the warmup, or a changed plan."""
    over = first.over if isinstance(first, (Anneal, Take)) else None
    return over is not None and any(isinstance(part, Skip) and part.by == over for part in parts_inside(second))


def _is_jump(before: _Stage, after: _Stage) -> bool:
    """Return whether a stage begins at another level than the one at which the stage before it ends."""
    if before.ends is None or after.ends is None or after.is_empty:
        return False
    begin, end = after.ends[0], before.ends[1]
    if not _is_far(begin, end):
        return False
    low, high = sorted((end, before.last))
    return begin > high * _NEAR + 1e-9 or begin < low / _NEAR - 1e-9


def _is_far(begin: float, end: float) -> bool:
    return begin > end * _NEAR + 1e-9 or begin < end / _NEAR - 1e-9


def _same_kind(first: Schedule, second: Schedule) -> bool:
    """Return whether two stages are two cycles of one shape: the same curve between the same levels."""
    if isinstance(first, Anneal) and isinstance(second, Anneal):
        return (first.curve, first.to, first.start) == (second.curve, second.to, second.start)
    return type(first) is type(second) and not isinstance(first, Anneal)


def _told(line: Line, written: Sequence, at: int, before: _Stage, after: _Stage) -> Problem:
    begin, end = (after.ends or (0.0, 0.0))[0], (before.ends or (0.0, 0.0))[1]
    if _written_ends(before.written) is None and abs(before.last - begin) < abs(end - begin):
        end = before.last
    found = f"stage {at + 1}, {after.written}, begins at {begin:.3g} × base, but stage {at} ends at {end:.3g} × base"
    if line.base and isinstance(line.binding.field, str):
        found += f": {line.binding.name} jumps from {end * line.base:.4g} to {begin * line.base:.4g}"
    return Problem(line.path, found, _advice(written, at, begin, end), code=JUMP)


def _advice(written: Sequence, at: int, begin: float, end: float) -> str:
    """Return the line to write: a factor around the sequence, or a stage that begins at the level before."""
    stages = written.stages
    for place, other in ((at - 1, at), (at, at - 1)):
        stage = stages[place]
        if isinstance(stage, Product) and not isinstance(stages[other], Product):
            numbers = [one for one in stage.operands if isinstance(one, Constant) and one.over is None]
            rest = [one for one in stage.operands if one not in numbers]
            if len(numbers) == 1 and rest:
                inner = rest[0] if len(rest) == 1 else Product(tuple(rest))
                whole = in_order([*stages[:place], inner, *stages[place + 1 :]])
                return f"For a factor of all stages write {numbers[0].value} * ({whole})"
    second = stages[at]
    if isinstance(second, Anneal) and second.start == 1.0:
        changed: Schedule = replace(second, start=previous)
    elif isinstance(second, Constant):
        changed = replace(second, value=previous)
    elif begin and isfinite(end / begin) and end:
        changed = float(f"{end / begin:.3g}") * second
    else:
        return "Write the level at which the stage begins"
    return f"To begin at the level before write {in_order([*stages[:at], changed, *stages[at + 1 :]])}"


def _warmup_last(line: Line, written: Sequence, stages: list[_Stage]) -> Problem | None:
    """Return a diagnostic if the lr falls and then rises to base in the last stage."""
    last, before = stages[-1], stages[-2]
    is_rate = line.binding.name == "lr" and not isinstance(line.binding.field, Target)
    if not is_rate or written is not line.schedule or not isinstance(last.written, Anneal) or last.written.over is None:
        return None
    if last.ends is None or before.ends is None or not last.rises or not before.falls:
        return None
    if last.ends[1] < 0.5 * before.ends[0]:
        return None
    if any(
        isinstance(one.written, Anneal) and one.written.over is not None and _same_kind(one.written, last.written)
        for one in stages[:-1]
    ):
        return None  # a triangle of several periods
    found = f"the last stage, {last.written}, rises to {last.ends[1]:.3g} × base at the end of the run"
    advice = f"A warmup comes first: {in_order([last.written, *(one.written for one in stages[:-1])])}"
    return Problem(line.path, found, advice, code=RISES_TO_THE_END)
