"""Groups added in mid-course: a late group goes on from what it holds by the factors of the others.

    v(t) = lr * f(t) / f(t added)

So its base is the one for which the curve, now, is what it holds; where nothing of a base is in the curve now, what it
holds is its base.
"""

import math
from collections.abc import Sequence
from typing import Any


def base_on_curve(value: float, share: float, fixed: float = 0.0) -> float:
    """The base b with share * b + fixed = value; the value itself where share is 0.

    >>> base_on_curve(0.02, 0.25), base_on_curve(0.02, 0.0), base_on_curve(0.55, 0.5, fixed=0.05)
    (0.08, 0.02, 1.0)
    """
    if share == 0 or (share == 1 and fixed == 0):
        return value
    base = (value - fixed) / share
    return base if math.isfinite(base) else value


def base_by_example(value: float, bases: Sequence[Any], written: Sequence[Any]) -> float:
    """The base as the last group has it: its own base to what was written for it is this base to `value`.

    >>> base_by_example(0.02, bases=[1.0, 0.4], written=[0.5, 0.1])
    0.08
    """
    if not bases or len(bases) != len(written) or float(bases[-1]) == 0:
        return value
    return base_on_curve(value, float(written[-1]) / float(bases[-1]))
