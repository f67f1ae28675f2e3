"""Stages of lists that other libraries join: each is cut where the next one begins."""

from paramsched.schedules import Schedule, constant, take
from paramsched.schedules.leaves import Constant
from paramsched.time import Duration, DurationLike


def cut_to_length(schedule: Schedule, length: DurationLike) -> Schedule:
    """A stage that takes just so long: cut, or held from its own end on.

    >>> from paramsched.schedules import cosine
    >>> print(cut_to_length(constant(0.5), 10), cut_to_length(cosine(over=10), 10), cut_to_length(cosine(over=10), 5))
    constant(0.5, 10) cosine(over=10) take(cosine(over=10), 5)
    """
    if isinstance(schedule, Constant):
        return constant(schedule.value, length)
    return schedule if schedule.length == Duration.of(length) else take(schedule, length)
