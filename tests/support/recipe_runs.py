"""Compare plan files of published recipes with runs that are computed step by step, in integers and fractions."""

import functools
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import cos, pi, sin
from pathlib import Path

import numpy as np

import paramsched as ps

PLANS = Path(__file__).parents[2] / "examples" / "recipes"
RELATIVE = 1e-12  # tolerance relative to a value, because both sides round cosines and roots


def recipe(name: str) -> ps.Plan:
    """Load the plan file of an example."""
    return ps.load(PLANS / f"{name}.yaml")


def amounts_before_updates(size: Callable[[int, int], int], horizon: int) -> list[int]:
    """Return the amount before each update. Update t consumes `size(t, amount)`; the last may exceed the horizon."""
    amounts = []
    amount = 0
    while amount < horizon:
        consumed = size(len(amounts), amount)
        assert consumed >= 1
        amounts.append(amount)
        amount += consumed
    return amounts


def known_bounds(total: int, *marks: int) -> list[int]:
    """Return the updates to compare: all of a short run; a thousand of a long run, and those around the marks."""
    if total <= 20_000:
        return list(range(total))
    near = {mark + away for mark in (0, *marks, total) for away in range(-3, 4)}
    return sorted({*range(0, total, total // 1000), *near} & set(range(total)))


def first_at(amounts: list[int], amount: float) -> int:
    """Return the first update that starts at or after an amount."""
    return int(np.searchsorted(amounts, amount))


def assert_values(found: np.ndarray, formula: Callable[[int], float | Fraction], updates: Iterable[int]) -> None:
    """Check that each value equals the formula."""
    times = np.array(list(updates))
    expected = np.array([float(formula(t)) for t in times.tolist()])
    wrong = ~(np.abs(found[times] - expected) <= RELATIVE * np.abs(expected))
    first = int(wrong.argmax())
    assert not wrong.any(), f"update {times[first]}: {found[times[first]]!r} is not {expected[first]!r}"


def ramp(amount: int, begin: int, end: int, low: float, high: float) -> Fraction:
    """Interpolate linearly from one level to another; constant before and after."""
    return _line(min(max(amount, begin), end), begin, end, low, high)


@functools.lru_cache(maxsize=1 << 16)  # because most updates of a long run are after its end
def _line(amount: int, begin: int, end: int, low: float, high: float) -> Fraction:
    return Fraction(low) + (Fraction(high) - Fraction(low)) * Fraction(amount - begin, end - begin)


def half_wave(amount: int, begin: int, end: int, low: float, high: float) -> float:
    """Interpolate with a cosine from `high` to `low`; constant before and after."""
    left = 1 - min(max(Fraction(amount - begin, end - begin), Fraction(0)), Fraction(1))
    # The square of the sine is accurate near the end; 1 + cos would lose digits there.
    return low + (high - low) * (sin(pi * float(left) / 2) ** 2 if left < 0.5 else (1 + cos(pi * float(1 - left))) / 2)


@functools.lru_cache(maxsize=1 << 16)
def nearest_multiple(value: Fraction, of: int) -> int:
    """Return the multiple of an integer that is nearest to a value."""
    return round(value / of) * of
