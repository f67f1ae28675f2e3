"""Curves of other libraries and of papers: the line that says one, and its formula as its library has it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import cos, pi
from typing import Any

import numpy as np
import pytest

import paramsched as ps
from paramsched.plan import resolve
from paramsched.schedules import parse

BASE, TOTAL, WARMUP = 0.2, 100, 10
PAST_THE_END = range(TOTAL + 31)
IN_THE_RUN = range(TOTAL)
TO_THE_END = range(TOTAL + 1)  # the end itself included


@dataclass(frozen=True)
class FieldCurve:
    """One curve.

    Args:
        name: its library, and what it is called there.
        line: the text that says it here.
        formula: the value at update t, written from the library's own code or from the paper.
        times: where they are compared; what a library does behind its end is its own affair unless it is a rule.
        total: updates of the run.
        facts: of the run, for lengths in other units.
    """

    name: str
    line: str
    formula: Callable[[int], float]
    times: Iterable[int] = PAST_THE_END
    total: int = TOTAL
    facts: dict[str, Any] = field(default_factory=dict)


def each_of(curves: list[FieldCurve]) -> Any:
    """A test for each of them."""
    return pytest.mark.parametrize("curve", [pytest.param(curve, id=curve.name) for curve in curves])


def assert_line_is_the_formula(curve: FieldCurve) -> None:
    """Equal at every update to 1e-12 of the value."""
    schedule = resolve(parse(curve.line), ps.Calendar(total=curve.total, **curve.facts))
    times = list(curve.times)
    expected = [curve.formula(t) for t in times]

    np.testing.assert_allclose(schedule(np.array(times), BASE), expected, rtol=1e-12, atol=1e-15)


def fall(u: float) -> float:
    """Half a cosine wave, from 1 to 0."""
    return (1 + cos(pi * u)) / 2


def rise(u: float) -> float:
    """Half a cosine wave, from 0 to 1."""
    return (1 - cos(pi * u)) / 2


def between(first: float, last: float, share: float) -> float:
    """So much of the way from one value to another."""
    return first + (last - first) * share


def clip(u: float) -> float:
    """A share of a stage: 0 before it, 1 behind it."""
    return min(max(u, 0.0), 1.0)


def after_warmup(t: float) -> float:
    """The share of the updates behind the warmup that is over."""
    return clip((t - WARMUP) / (TOTAL - WARMUP))


def warmed(descent: Callable[[float], float]) -> Callable[[int], float]:
    """A straight warmup from 0, and a descent of what is left: transformers' way, and most others'."""
    return lambda t: BASE * (t / WARMUP if t < WARMUP else descent(after_warmup(t)))


def counted_from_one(descent: Callable[[float], float]) -> Callable[[int], float]:
    """The same as OLMo-core reads it, which asks for the value behind the update."""
    return lambda t: BASE * ((t + 1) / WARMUP if t + 1 < WARMUP else descent(after_warmup(t + 1)))


def cycle_of(t: int, lengths: list[int]) -> tuple[int, int]:
    """The number of the cycle that holds update t, and how far it is in it; behind the last it is one more."""
    for number, length in enumerate(lengths):
        if t < length:
            return number, t
        t -= length
    return len(lengths), t
