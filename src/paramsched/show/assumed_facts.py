"""Facts of a run that a picture may assume, where they only stretch it."""

from math import ceil
from typing import Final

from paramsched.errors import InvalidArgument, MissingFact
from paramsched.plan import Plan, resolve
from paramsched.time import Calendar

ASSUMED_TOTAL: Final = 1_000
"""Updates of a run whose length nobody gave."""

_SHORT_EPOCH = 100  # updates of an epoch where nothing is counted in updates


def assumed_value(unit: str, amount: float) -> tuple[str, float]:
    """The fact that turns a unit into updates, with a value under which the run has about a thousand updates.

    >>> assumed_value("epochs", 20), assumed_value("tokens", 5e6)
    (('steps_per_epoch', 100), ('tokens_per_step', 5000.0))
    """
    match unit:
        case "epochs":
            return "steps_per_epoch", _SHORT_EPOCH
        case "samples":
            return "batch_size", max(1, round(amount / ASSUMED_TOTAL))
        case "tokens":
            return "tokens_per_step", amount / ASSUMED_TOTAL
        case "frames":
            return "frames_per_step", amount / ASSUMED_TOTAL
        case "batches":
            return "accumulation", max(1, round(amount / ASSUMED_TOTAL))
        case _:
            return "seconds_per_step", amount / ASSUMED_TOTAL


def length_of_plan(plan: Plan, calendar: Calendar) -> int | None:
    """The length in updates of a plan all of whose schedules have one; None of any other.

    >>> length_of_plan(Plan(lr="warmup(10) >> cosine(over=90)"), Calendar())
    100
    """
    try:
        lengths = [resolve(one.schedule, calendar).length for one in plan.bindings if one.schedule.has_length]
    except (MissingFact, InvalidArgument):
        return None
    complete = len(lengths) == len(plan.bindings)
    return max((ceil(one) for one in lengths if one is not None), default=0) or None if complete else None
