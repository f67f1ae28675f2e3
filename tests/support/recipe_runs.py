"""Runs of published recipes made step by step, in whole numbers and fractions, beside what their plan files give."""

import functools
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import cos, pi, sin
from pathlib import Path

import numpy as np

import paramsched as ps

PLANS = Path(__file__).parents[2] / "examples" / "recipes"
RELATIVE = 1e-12  # of a value: both sides take a cosine or a root of a fraction, and round a few times


def recipe(name: str) -> ps.Plan:
    """The plan file of an example, as users find it."""
    return ps.load(PLANS / f"{name}.yaml")


def amounts_before_updates(size: Callable[[int, int], int], horizon: int) -> list[int]:
    """The amount before each update; `size(t, amount)` says what update t takes. The last may pass the horizon."""
    amounts = []
    amount = 0
    while amount < horizon:
        taken = size(len(amounts), amount)
        assert taken >= 1
        amounts.append(amount)
        amount += taken
    return amounts


def known_bounds(total: int, *marks: int) -> list[int]:
    """Updates to look at: all of a short run, of a long one a thousand, and those around the marks."""
    if total <= 20_000:
        return list(range(total))
    near = {mark + away for mark in (0, *marks, total) for away in range(-3, 4)}
    return sorted({*range(0, total, total // 1000), *near} & set(range(total)))


def first_at(amounts: list[int], amount: float) -> int:
    """The first update that begins at or after an amount."""
    return int(np.searchsorted(amounts, amount))


def assert_values(found: np.ndarray, formula: Callable[[int], float | Fraction], updates: Iterable[int]) -> None:
    """Each value is the formula's."""
    times = np.array(list(updates))
    expected = np.array([float(formula(t)) for t in times.tolist()])
    wrong = ~(np.abs(found[times] - expected) <= RELATIVE * np.abs(expected))
    first = int(wrong.argmax())
    assert not wrong.any(), f"update {times[first]}: {found[times[first]]!r} is not {expected[first]!r}"


def ramp(amount: int, begin: int, end: int, low: float, high: float) -> Fraction:
    """A straight line from one level to another, held before and after."""
    return _line(min(max(amount, begin), end), begin, end, low, high)


@functools.lru_cache(maxsize=1 << 16)  # most updates of a long run lie behind its end
def _line(amount: int, begin: int, end: int, low: float, high: float) -> Fraction:
    return Fraction(low) + (Fraction(high) - Fraction(low)) * Fraction(amount - begin, end - begin)


def half_wave(amount: int, begin: int, end: int, low: float, high: float) -> float:
    """A cosine from `high` to `low`, held before and after."""
    left = 1 - min(max(Fraction(amount - begin, end - begin), Fraction(0)), Fraction(1))
    # The square keeps its digits near the end, where 1 + cos would lose them.
    return low + (high - low) * (sin(pi * float(left) / 2) ** 2 if left < 0.5 else (1 + cos(pi * float(1 - left))) / 2)


@functools.lru_cache(maxsize=1 << 16)
def nearest_multiple(value: Fraction, of: int) -> int:
    """The multiple of a whole number that is nearest to a value."""
    return round(value / of) * of
