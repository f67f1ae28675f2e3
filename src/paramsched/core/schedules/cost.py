"""The costs of a value and of an edge of a schedule, by which the number of evaluated updates is limited."""

from typing import Final

from paramsched.core.schedules.schedule import Schedule, schedules_inside
from paramsched.core.time.duration import Duration

_BEYOND_64_BITS: Final = 30  # the cost of a division of Python's integers
_GROWING: Final = 8  # the cost of a search among growing cycles
_FRACTION: Final = 8  # the cost of an addition of fractions
_INT64: Final = 2**63


def cost_of_value(schedule: Schedule, end: int) -> int:
    """Return how many simple formulas, of about 25 ns each, a value of a resolved schedule takes.

    Args:
        schedule: the schedule.
        end: the latest time that is evaluated.
    """
    return sum(_own_cost(part, end) for part in schedules_inside(schedule))


def cost_of_edge(schedule: Schedule) -> int:
    """Return how many additions of integers an edge of a resolved schedule takes: some for each level of nesting."""
    lengths = (leaf.exact for part in schedules_inside(schedule) for leaf in part.leaves if isinstance(leaf, Duration))
    is_fractional = any(number is not None and number.denominator != 1 for number in lengths)
    return schedule.depth * (_FRACTION if is_fractional else 1)


def _own_cost(schedule: Schedule, end: int) -> int:
    exact = (leaf.exact for leaf in schedule.leaves if isinstance(leaf, Duration))
    size = schedule.args["rises"] if schedule.kind == "stairs" else 1
    cost = 1
    for number in exact:
        parts = 1 if number is None else number.denominator * size
        if parts > 1 and (parts * end >= _INT64 or (number is not None and number.numerator >= _INT64)):
            return _BEYOND_64_BITS
        cost = 2 if parts > 1 else cost
    return _GROWING if schedule.args.get("mult", 1) != 1 else cost
