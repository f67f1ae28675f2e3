"""How numbers, times and lists of times are written."""

import math
from collections.abc import Iterable

import numpy as np

from paramsched.show._drawable import Times


def number(value: float, digits: int = 6) -> str:
    """Write a value shortly, without the zeros that say nothing.

    >>> number(0.00003), number(0.1), number(1e-10), number(float("inf"))
    ('3e-5', '0.1', '1e-10', 'inf')
    """
    text = f"{value:.{digits}g}"
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else text


def plain(value: float, step: float) -> str:
    """Write a tick with the decimals that tell it from the next one, `step` away.

    >>> plain(0.9, 0.025), plain(0.0, 0.025), plain(2e-5, 1e-5), plain(30.0, 10.0)
    ('0.900', '0', '2e-5', '30')
    """
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        spare = max(math.floor(math.log10(abs(value))) - math.floor(math.log10(step)), 0)
        return number(value, min(spare + 2, 17))
    scaled, decimals = step, 0
    while decimals < 15 and abs(scaled - round(scaled)) > 1e-6 * scaled:
        scaled, decimals = scaled * 10, decimals + 1
    return f"{value:.{decimals}f}"


def count(value: int) -> str:
    """Write a number of updates with its thousands apart: `1,000,000`."""
    return f"{value:,}"


def distinct(ordered: Times) -> Times:
    """Each number of a sorted array once. `np.unique` would hash them, which takes seconds for millions.

    >>> distinct(np.array([1, 1, 4]))
    array([1, 4])
    """
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if ordered.size else ordered


def joined(parts: Iterable[Times]) -> Times:
    """The numbers of some arrays, sorted, each once.

    >>> joined([np.array([0, 5]), np.array([2, 5])])
    array([0, 2, 5])
    """
    filled = [part for part in parts if part.size]
    if not filled:
        return np.zeros(0, np.int64)
    every = filled[0] if len(filled) == 1 else np.concatenate(filled)
    return distinct(every if bool(np.all(every[1:] >= every[:-1])) else np.sort(every))


def spans(times: Times) -> list[tuple[int, int]]:
    """Join neighbouring times, which must be sorted, to (first, last).

    >>> spans(np.array([3, 7, 8, 9]))
    [(3, 3), (7, 9)]
    """
    if times.size == 0:
        return []
    cuts = np.flatnonzero(np.diff(times) > 1) + 1
    first = times[np.r_[0, cuts]]
    last = times[np.r_[cuts - 1, times.size - 1]]
    return [(int(a), int(b)) for a, b in zip(first, last, strict=True)]


def listed(times: Times, most: int = 4) -> str:
    """Name times in words, the first few of them.

    >>> listed(np.array([3, 7, 8, 9]))
    '3, 7–9'
    """
    joined = spans(times)
    words = [count(a) if a == b else f"{count(a)}–{count(b)}" for a, b in joined[:most]]
    return ", ".join([*words, "…"] if len(joined) > most else words)
