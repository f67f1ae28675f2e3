"""Targets that were probably meant in another sense: as a field of the optimizer, or in values."""

import re
from collections.abc import Iterator
from math import ceil
from typing import Final

from paramsched.core.base.codes import TARGET_LEVEL, TARGET_OF_FIELD
from paramsched.core.base.problem import Problem
from paramsched.core.plan import Target
from paramsched.core.rules.line import Line
from paramsched.core.rules.trial_run import times_to_look_at
from paramsched.core.schedules.anneal import first_level, is_anneal, last_level
from paramsched.core.schedules.constant import constant_level
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.schedule import is_kind

_FIELDS: Final = frozenset({"lr", "learning_rate", "weight_decay", "betas", "eps"})
"""Names of fields that optimizers have. A target `momentum` may be that of a teacher."""
_HIGHEST_START: Final = 0.5
"""The highest start of a usual warmup; averages of weights rise to 1 from 0.9 and more."""
_SHARES: Final = frozenset({"dropout", "prob", "probability", "smoothing", "ema"})
"""Words in the names of values between 0 and 1."""


def target_problems(line: Line) -> Iterator[Problem]:
    """Yield the diagnostic of a target whose name, levels or values were probably not meant."""
    target = line.binding.field
    if not isinstance(target, Target):
        return
    name, initial, schedule = target.name, target.initial, line.binding.schedule
    if name in _FIELDS and target.write is None:
        found = f"the target {name} is a value outside of the optimizer, whose own {name} does not follow it"
        advice = f"Write {name}: {schedule} outside of targets, or rename it"
        yield Problem(line.path, found, advice, code=TARGET_OF_FIELD)
        return
    factors = {id(factor) for part in line.inside if is_kind(part, "product") for factor in part.parts()}
    levels = [
        level
        for part in line.inside
        if not (is_kind(part, "constant") and id(part) in factors)  # 0.1 of `0.1 * cosine()` is no level
        for level in (() if _is_warmup(part) else _levels(part))
    ]
    if _are_values(levels, initial) and not schedule.has_absolute:
        found = f"{name} has the level {initial:g}, which is {initial * initial:.6g}: {initial:g} × initial {initial:g}"
        advice = f"For the value {initial:g} write the level 1, or for a line in values absolute({schedule})"
        yield Problem(line.path, found, advice, code=TARGET_LEVEL)
        return
    is_share = bool(_SHARES & set(re.split(r"[_\W]+", name.lower()))) or name.lower() == "teacher_momentum"
    outside = _outside_of_shares(line, initial) if is_share else None
    if outside is not None:
        found = f"{name} is a share, and reaches {outside:.4g}"
        advice = "Keep it between 0 and 1: levels are multiples of its initial value"
        yield Problem(line.path, found, advice, code=TARGET_LEVEL)


def _outside_of_shares(line: Line, initial: float) -> float | None:
    """Return a value of a target in the run that is not between 0 and 1; None if there is none, or none is known."""
    if line.resolved is None or line.trial is None:
        return None
    values = evaluate(line.resolved, times_to_look_at(line.resolved, max(1, ceil(line.trial.end))), initial)
    low, high = float(values.min()), float(values.max())
    return high if high > 1 + 1e-9 else low if low < -1e-9 else None


def _is_warmup(part: object) -> bool:
    """Return whether a part rises to 1 within a length of its own, from a start that is a multiple of base."""
    return (
        is_anneal(part)
        and part.args["over"] is not None
        and last_level(part) == 1.0
        and isinstance(start := first_level(part), float)
        and start <= _HIGHEST_START
    )


def _are_values(levels: list[float], initial: float) -> bool:
    """Return whether the levels of a target are probably values: one of them is its initial value.

    A line that reaches 1 before that level is one of multiples: `linear(1, 0.5)` of a dropout of 0.5, `stairs(1, 2, 2)`
    of a size of 2. So is a line with a peak of 1: `warmup(10, 0.1) >> cosine()` of a weight of 0.1.
    """
    if initial in (0.0, 1.0) or initial not in levels:
        return False
    reached = levels.index(1.0) if 1.0 in levels else len(levels)
    has_peak = max(levels) == 1.0 and levels[-1] < 1.0
    return levels.index(initial) < reached and not has_peak


def _levels(part: object) -> tuple[float, ...]:
    levels: tuple[object, ...] = ()
    if is_anneal(part):
        levels = first_level(part), last_level(part)
    elif is_kind(part, "stairs"):
        levels = part.args["start"], part.args["to"]
    elif is_kind(part, "constant"):
        levels = (constant_level(part),)
    elif is_kind(part, "table"):
        levels = part.args["values"]
    return tuple(one for one in levels if isinstance(one, float))
