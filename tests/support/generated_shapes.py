"""Shapes of one's own that the properties draw; the functions themselves are here too, to compare with."""

import math

from paramsched.core.schedules import Length, shape


def falling(u, power=2.0, bend=False):
    """Fall from 1 to a tenth, by a branch that arrays do not take."""
    fallen = 0.9 * abs(u) ** (abs(power) + 0.1)
    return 1.0 - fallen if u < 0.5 or not bend else 0.1 + 0.9 * math.exp(-u) * (1.0 - u)


def fading(t, period=8):
    """Fall with the number of updates."""
    return 1.0 / (1.0 + t / (period + 64))


@shape
def generated_progress(u, power: float = 2.0, bend=False):
    return falling(u, power, bend)


@shape
def generated_updates(t, period: Length = 8):
    return fading(t, period)
