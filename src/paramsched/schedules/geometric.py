"""Geometric ways: the same ratio in every update, from a level to another, or at a rate."""

import math
from fractions import Fraction

from paramsched import curves
from paramsched._number_checks import positive_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.anneal import Index, anneal
from paramsched.schedules.base import Schedule
from paramsched.schedules.exponential import exponential
from paramsched.schedules.levels import Absolute, Level, level_of
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike


@shape
def geometric(start: Level = 1.0, to: Level = 0.01, over: DurationLike | None = None, index: Index = "t/n") -> Schedule:
    """From `start` to `to` by the same ratio in every update: value(t) = start * (to / start) ** (t / n).

    Args:
        start, to: two multiples of base, or two absolute values; neither is 0, and both have one sign.
        over: n, any unit of time; None takes the time it is given.
        index: which fraction update t stands for.

    Raises:
        InvalidArgument: levels that have no ratio.

    Source: fvcore `ExponentialParamScheduler`; fastai `SchedExp`; the last stage of fairseq's `tri_stage`; range tests
    of the learning rate, Smith 2017 (1506.01186).

    >>> round(geometric(1.0, 0.01, over=100)(50), 12), round(geometric(0.001, 1.0, over=3)(1), 12)
    (0.1, 0.01)
    """
    ratio = _ratio_of_levels(level_of(Asked("geometric", "start"), start), level_of(Asked("geometric", "to"), to))
    return anneal(start, to, over, curves.linear if ratio == 1 else curves.exponential(ratio), index)


@shape
def natural_exponential(rate: float, per: DurationLike = 1) -> Schedule:
    """Decay at a rate: value(t) = base * exp(-rate * t / per).

    Args:
        rate: above 0, for each `per`.
        per: any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: paddle `NaturalExpDecay`; TensorFlow 1 `natural_exp_decay`; temperatures of Gumbel softmax, Jang et al. 2017
    (1611.01144): `maximum(every(natural_exponential(1e-05), 1000), 0.5)`.

    >>> round(natural_exponential(0.1)(10), 9)
    0.367879441
    """
    whole = Fraction(repr(positive_number(Asked("natural_exponential", "rate"), rate)))
    # Of a time constant, not of the ratio of one update: the power of that would have its rounding so many times.
    period = Duration(tuple((unit, amount / whole) for unit, amount in Duration.of(per).terms))
    return exponential(math.exp(-1), period)


def _ratio_of_levels(start: Level, to: Level) -> float:
    """The last level over the first one, of two levels of one kind."""
    match start, to:
        case (Absolute(first), Absolute(last)):
            pass
        case (float(first), float(last)):
            pass
        case _:
            found = "a ratio needs two multiples of base, or two absolute values, both as numbers"
            raise InvalidArgument(f"geometric({start}, {to})", found, "Write geometric(1.0, 0.01)")
    if not first * last > 0:
        found = "no ratio leads there: neither level is 0, and both have one sign"
        raise InvalidArgument(f"geometric({start}, {to})", found, "Write geometric(1.0, 0.01)")
    return last / first
