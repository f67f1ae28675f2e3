"""Cyclical annealing: in each cycle a straight way up, and then a stand."""

from paramsched._number_checks import finite_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.anneal import linear
from paramsched.schedules.base import Schedule
from paramsched.schedules.pointwise import clamp
from paramsched.schedules.registry import shape
from paramsched.schedules.restarts import restarts
from paramsched.time import DurationLike


@shape
def cyclical_anneal(times: int | None = 4, rise: float = 0.5, every: DurationLike | None = None) -> Schedule:
    """From 0 to base in the first share of each cycle, and base in the rest of it.

    value(t) = min(c / rise, 1), c the share of the cycle that is over

    Args:
        times: how many cycles there are; None goes on, where `every` says how long they are.
        rise: which share of a cycle the way up is, above 0 and at most 1.
        every: length of a cycle, any unit of time; None shares the time there is among the `times`.

    Raises:
        InvalidArgument: an argument out of its range, or neither `every` nor `times`.

    Source: the weight of the KL term in Fu et al. 2019 (1903.10145), with 4 cycles and 0.5.

    >>> print(cyclical_anneal())
    clamp(restarts(linear(0.0, 2.0), times=4), high=1.0)
    """
    share = finite_number(Asked("cyclical_anneal", "rise"), rise)
    if not 0 < share <= 1:
        raise InvalidArgument(Asked("cyclical_anneal", "rise", repr(rise)), "no share", "Write rise=0.5").suggest(0.5)
    return clamp(restarts(linear(0.0, 1 / share), every, times), high=1.0)
