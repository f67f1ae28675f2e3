"""Sets of updates as sorted arrays, for there may be millions of updates."""

from collections.abc import Iterable

import numpy as np

from paramsched.show._curves import Times


def distinct_times(ordered: Times) -> Times:
    """Each time of a sorted array once.

    `np.unique` would hash the times, which takes seconds for millions of them.

    >>> distinct_times(np.array([1, 1, 4]))
    array([1, 4])
    """
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if ordered.size else ordered


def union_of_times(parts: Iterable[Times]) -> Times:
    """The times of some arrays in order, each once.

    >>> union_of_times([np.array([0, 5]), np.array([2, 5])])
    array([0, 2, 5])
    """
    filled = [part for part in parts if part.size]
    if not filled:
        return np.zeros(0, np.int64)
    every = filled[0] if len(filled) == 1 else np.concatenate(filled)
    return distinct_times(every if bool(np.all(every[1:] >= every[:-1])) else np.sort(every))


def runs_of_times(times: Times) -> list[tuple[int, int]]:
    """Join times that follow each other to (first, last); the times must be sorted.

    >>> runs_of_times(np.array([3, 7, 8, 9]))
    [(3, 3), (7, 9)]
    """
    if times.size == 0:
        return []
    cuts = np.flatnonzero(np.diff(times) > 1) + 1
    first = times[np.r_[0, cuts]]
    last = times[np.r_[cuts - 1, times.size - 1]]
    return [(int(a), int(b)) for a, b in zip(first, last, strict=True)]
