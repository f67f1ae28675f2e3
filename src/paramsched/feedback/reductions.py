"""Reductions that stop at a floor: a multiple of base, or a value as it stands."""

from typing import Any

import numpy as np

from paramsched.errors import StateError
from paramsched.schedules.affine import Absolute


def reduced_factor(now: float, factor: float, floor: float | Absolute) -> float:
    """What a schedule is multiplied with after one more reduction.

    An absolute floor does not stop it: how many times base that is, only `reduced_value` knows.

    >>> reduced_factor(0.5, 0.1, 0.2), reduced_factor(0.1, 0.1, 0.2)
    (0.2, 0.1)
    """
    lowest = 0.0 if isinstance(floor, Absolute) else floor
    return max(now * factor, min(lowest, now))


def reduced_value(value: Any, factor: float, floor: float | Absolute, base: Any) -> Any:
    """A value of the schedule, reduced down to the floor. What the schedule itself takes below it is left alone.

    >>> reduced_value(0.5, 0.5, 2.0, base=0.2), reduced_value(0.5, 0.5, Absolute(1e-3), base=0.2)
    (0.4, 0.25)
    """
    if factor == 1.0:
        return value
    lowest = floor.value if isinstance(floor, Absolute) else floor * _number_or_array(base)
    if isinstance(value, (int, float)) and isinstance(lowest, (int, float)):
        return max(value * factor, min(value, lowest))
    return np.maximum(value * factor, np.minimum(value, lowest))


def require_reduction(rule: Any, factor: float) -> None:
    """Refuse a saved factor of a rule that only reduces, if it raises.

    Raises:
        StateError: it is above 1.
    """
    if factor > 1:
        raise StateError(f"state of {rule}: factor is {factor!r}, and a rule only reduces")


def _number_or_array(base: Any) -> Any:
    return base if isinstance(base, (int, float)) else np.asarray(base)
