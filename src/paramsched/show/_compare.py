"""Where two curves differ: exactly, update by update."""

from typing import NamedTuple

import numpy as np

from paramsched.show._drawable import Floats, Times


class Difference(NamedTuple):
    """The times at which two curves differ, of how many that were compared."""

    at: Times
    compared: int


def difference(planned: Floats, times: Times, values: Floats, *, whole: bool) -> Difference:
    """Compare values at `times` with the plan's, bit for bit but for nan, which equals nan.

    A time after the plan's end differs, for nothing was planned there. With `whole` so does a planned update that
    has no value in `times`; without, it is not compared: a log may hold every tenth update only.

    >>> difference(np.array([1.0, 2.0, 3.0]), np.array([0, 2]), np.array([1.0, 4.0]), whole=False)
    Difference(at=array([2]), compared=2)
    """
    inside = times < planned.size
    expected, found = planned[times[inside]], values[inside]
    unequal = (expected != found) & ~(np.isnan(expected) & np.isnan(found))
    at = np.concatenate([times[inside][unequal], times[~inside]])
    if not whole:
        return Difference(at, times.size)
    missing = np.ones(planned.size, dtype=bool)
    missing[times[inside]] = False
    return Difference(np.union1d(at, np.flatnonzero(missing)), max(planned.size, int(times[-1]) + 1))
