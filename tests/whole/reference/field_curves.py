"""Curves of other libraries and of papers: the schedule as text, and the formula of the library."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import cos, pi
from typing import Any

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.plan import resolve
from paramsched.core.schedules import parse

BASE, TOTAL, WARMUP = 0.2, 100, 10
PAST_THE_END = range(TOTAL + 31)
IN_THE_RUN = range(TOTAL)
TO_THE_END = range(TOTAL + 1)  # the end itself included


@dataclass(frozen=True)
class FieldCurve:
    """A curve of another library or a paper.

    Args:
        name: The library and its name of the curve.
        line: The schedule as text.
        formula: The value at update t, from the library's code or from the paper.
        times: The updates at which both are compared. Most curves are not compared after their end.
        total: The updates of the run.
        facts: The run facts for lengths in other units.
    """

    name: str
    line: str
    formula: Callable[[int], float]
    times: Iterable[int] = PAST_THE_END
    total: int = TOTAL
    facts: dict[str, Any] = field(default_factory=dict)


def each_of(curves: list[FieldCurve]) -> Any:
    """Return a decorator that runs a test for each curve."""
    return pytest.mark.parametrize("curve", [pytest.param(curve, id=curve.name) for curve in curves])


def assert_line_is_the_formula(curve: FieldCurve) -> None:
    """Check that both values are equal at every update, to a relative 1e-12."""
    schedule = resolve(parse(curve.line), ps.Calendar(total=curve.total, **curve.facts))
    times = list(curve.times)
    expected = [curve.formula(t) for t in times]

    np.testing.assert_allclose(schedule(np.array(times), BASE), expected, rtol=1e-12, atol=1e-15)


def fall(u: float) -> float:
    """Return the cosine decay from 1 to 0."""
    return (1 + cos(pi * u)) / 2


def rise(u: float) -> float:
    """Return the cosine ramp from 0 to 1."""
    return (1 - cos(pi * u)) / 2


def between(first: float, last: float, share: float) -> float:
    """Interpolate linearly between two values."""
    return first + (last - first) * share


def clip(u: float) -> float:
    """Limit a fraction of a stage to the range from 0 to 1."""
    return min(max(u, 0.0), 1.0)


def after_warmup(t: float) -> float:
    """Return the elapsed fraction of the updates after the warmup."""
    return clip((t - WARMUP) / (TOTAL - WARMUP))


def warmed(decay: Callable[[float], float]) -> Callable[[int], float]:
    """Return a linear warmup from 0 and a decay over the remaining updates, as in transformers."""
    return lambda t: BASE * (t / WARMUP if t < WARMUP else decay(after_warmup(t)))


def counted_from_one(decay: Callable[[float], float]) -> Callable[[int], float]:
    """Return the curve of `warmed` as OLMo-core evaluates it, which counts updates from 1."""
    return lambda t: BASE * ((t + 1) / WARMUP if t + 1 < WARMUP else decay(after_warmup(t + 1)))


def cycle_of(t: int, lengths: list[int]) -> tuple[int, int]:
    """Return the index of the cycle that contains update t, and the position in it; len(lengths) after the last."""
    for number, length in enumerate(lengths):
        if t < length:
            return number, t
        t -= length
    return len(lengths), t
