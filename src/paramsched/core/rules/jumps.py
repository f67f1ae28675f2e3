"""Jumps between the stages of a line that were probably not meant, and a warmup at the end of a run."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ceil
from typing import Final, NamedTuple, final

import numpy as np

from paramsched.core.base.codes import JUMP, RISES_TO_THE_END
from paramsched.core.base.diagnostic import Diagnostic
from paramsched.core.plan import Target
from paramsched.core.rules.line import Line
from paramsched.core.schedules import Anneal, Constant, Schedule
from paramsched.core.schedules.affine import Absolute, previous
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.pointwise import Product
from paramsched.core.schedules.sequence import Sequence, in_order
from paramsched.errors import ParamschedError

_NEAR: Final = 1.25
"""Levels whose ratio is smaller are near: timm's cosine begins at 0.88 of its level after a warmup of a fifth."""


@final
class _Ends(NamedTuple):
    """The level at the begin of a stage, those of its last update and at its end, in multiples of base."""

    first: float
    last: float
    end: float

    @property
    def rises(self) -> bool:
        return max(self.last, self.end) > self.first * _NEAR

    @property
    def falls(self) -> bool:
        return min(self.last, self.end) < self.first / _NEAR


def jump_problems(line: Line) -> Iterator[Diagnostic]:
    """Yield a diagnostic for the first jump between two stages that was probably not meant."""
    if not line.native:
        return
    for written, resolved in _sequences(line.schedule, line.resolved):
        found = _jump_in(line, written, resolved) or _warmup_last(line, written, resolved)
        if found is not None:
            yield found
            return


def _sequences(written: Schedule, resolved: Schedule | None) -> Iterator[tuple[Sequence, Sequence | None]]:
    """Yield the sequences in a schedule, as written and resolved."""
    if isinstance(written, Sequence):
        same = isinstance(resolved, Sequence) and len(resolved.stages) == len(written.stages)
        yield written, resolved if same else None  # type: ignore[misc]  # `same` shows that it is one
    parts = [*written.parts()]
    others: list[Schedule | None] = [] if resolved is None or type(resolved) is not type(written) else [*resolved.parts()]
    for place, part in enumerate(parts):
        yield from _sequences(part, others[place] if len(others) == len(parts) else None)


def _jump_in(line: Line, written: Sequence, resolved: Sequence | None) -> Diagnostic | None:
    stages = written.stages
    levels = [_ends_of(stage, line, None if resolved is None else resolved.stages[at]) for at, stage in enumerate(stages)]
    for at, (before, after) in enumerate(zip(levels, levels[1:], strict=False), 1):
        if before is None or after is None or not _is_jump(before, after):
            continue
        first, second = stages[at - 1], stages[at]
        if before.rises and not after.rises:
            return _told(line, written, at, before, after)
        if after.first <= 0 or isinstance(second, Product) or abs(after.first - 1.0) > 1e-9 or after.first < before.end:
            continue  # a level that somebody wrote
        is_constant = isinstance(second, Constant)
        if isinstance(first, Constant) or not before.falls or after.rises:
            if not (isinstance(first, Constant) and at > 1 and (levels[at - 2] or before).rises and not is_constant):
                continue  # a step schedule, or a constant warmup
        elif is_constant and at + 1 < len(stages):
            continue  # the next cycle
        elif not is_constant and _same_kind(first, second):
            continue  # a restart
        return _told(line, written, at, before, after)
    return None


def _is_jump(before: _Ends, after: _Ends) -> bool:
    low, high = sorted((before.last, before.end))
    return after.first > high * _NEAR + 1e-9 or after.first < low / _NEAR - 1e-9


def _same_kind(first: Schedule, second: Schedule) -> bool:
    """Return whether two stages are two cycles of one shape: the same curve to the same level."""
    if isinstance(first, Anneal) and isinstance(second, Anneal):
        return (first.curve, first.to, first.start) == (second.curve, second.to, second.start)
    return type(first) is type(second) and not isinstance(first, Anneal)


def _ends_of(stage: Schedule, line: Line, resolved: Schedule | None) -> _Ends | None:
    """Return the levels of a stage, in multiples of base; None if they are unknown."""
    base = line.base
    match stage:
        case Constant(value=float(value)):
            return _Ends(value, value, value)
        case Anneal(start=float(start), to=float(to)):
            return _Ends(start, to, to)
        case Product(operands=operands):
            parts = [_ends_of(one, line, None) for one in operands]
            if None not in parts:
                return _Ends(*(float(np.prod(levels)) for levels in zip(*(one for one in parts if one is not None), strict=True)))
    if resolved is None or (stage.has_absolute and not base):
        return None
    length = resolved.length
    end = 0 if length is None else ceil(length.exact or 0)
    if length is None and resolved._held_from() is not None:
        end = ceil(resolved._held_from() or 0)
    number = base or 1.0
    try:
        first, last, final = (evaluate(resolved, np.array([0, max(0, end - 1), end]), number) / number).tolist()
    except (ParamschedError, ArithmeticError, ValueError):
        return None
    return _Ends(first, last, final)


def _told(line: Line, written: Sequence, at: int, before: _Ends, after: _Ends) -> Diagnostic:
    first, second = written.stages[at - 1], written.stages[at]
    base, name = line.base, line.binding.name
    end = before.end if abs(before.end - after.first) < abs(before.last - after.first) else before.last
    found = f"stage {at + 1}, {second}, begins at {after.first:.3g} × base, but stage {at} ends at {end:.3g} × base"
    if base and isinstance(line.binding.field, str):
        found += f": {name} jumps from {end * base:.4g} to {after.first * base:.4g}"
    return Diagnostic(line.path, found, _advice(written, at, end), code=JUMP)


def _advice(written: Sequence, at: int, end: float) -> str:
    """Return the line to write: a factor around the sequence, or a stage that begins at the level before."""
    stages = written.stages
    first, second = stages[at - 1], stages[at]
    for place, other in ((at - 1, at), (at, at - 1)):
        stage = stages[place]
        if isinstance(stage, Product) and not isinstance(stages[other], Product):
            numbers = [one for one in stage.operands if isinstance(one, Constant) and one.over is None]
            rest = [one for one in stage.operands if one not in numbers]
            if len(numbers) == 1 and rest:
                inner = rest[0] if len(rest) == 1 else Product(tuple(rest))
                whole = in_order([*stages[:place], inner, *stages[place + 1 :]])
                return f"For a factor of all stages write {numbers[0].value} * ({whole})"
    if isinstance(second, Anneal) and second.start == 1.0:
        changed: Schedule = replace(second, start=previous)
    elif isinstance(second, Constant):
        changed = replace(second, value=previous)
    else:
        return f"To begin at the level before, multiply it: {end:.3g} * {second}"
    return f"To begin at the level before write {in_order([*stages[:at], changed, *stages[at + 1 :]])}"


def _warmup_last(line: Line, written: Sequence, resolved: Sequence | None) -> Diagnostic | None:
    """Return a diagnostic if the lr falls and then rises to base in the last stage."""
    if line.binding.name != "lr" or isinstance(line.binding.field, Target) or written is not line.schedule:
        return None
    stages = written.stages
    last = stages[-1]
    if not isinstance(last, Anneal) or last.over is None:
        return None
    rise = _ends_of(last, line, None if resolved is None else resolved.stages[-1])
    before = _ends_of(stages[-2], line, None if resolved is None else resolved.stages[-2])
    if rise is None or before is None or not rise.rises or not before.falls or rise.end < 0.5 * before.first:
        return None
    if any(isinstance(one, Anneal) and one.over is not None and _same_kind(one, last) for one in stages[:-1]):
        return None  # a triangle of several periods
    found = f"the last stage, {last}, rises to {rise.end:.3g} × base at the end of the run"
    advice = f"A warmup comes first: {in_order([last, *stages[:-1]])}"
    return Diagnostic(line.path, found, advice, code=RISES_TO_THE_END)
