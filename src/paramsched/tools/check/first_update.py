"""The note that the first update has the rate 0, with the line that begins above 0."""

from dataclasses import replace
from typing import Final

from paramsched.core.feedback.base import Guided
from paramsched.core.plan import Plan, Target
from paramsched.core.schedules import AbsoluteSchedule, Anneal, Schedule
from paramsched.core.schedules.affine import Absolute
from paramsched.core.schedules.connected import open_start
from paramsched.core.schedules.pointwise import Product
from paramsched.core.schedules.sequence import Sequence, in_order_anew


def note_of_first_update(plan: Plan) -> str:
    """Return the note for a plan whose short warmup begins at 0; empty if a line of the lr begins above 0.

    >>> note_of_first_update(Plan(lr="warmup(10)"))
    'the lr of the first update is 0. To begin at 1/10 of base write warmup(10, index="(t+1)/n")'
    """
    lines = [one for one in plan.bindings if one.name == "lr" and not isinstance(one.field, Target)]
    above = [_above_zero(one.schedule) for one in lines]
    if not lines or None in above:
        return ""
    place = next((at for at, one in enumerate(lines) if one.groups is None), 0)
    line, found = lines[place], above[place]
    assert found is not None
    schedule, ramp, ends_at_base = found
    updates = None if ramp.over is None else ramp.over.exact
    if updates is None or not 1 < updates <= _SHORT:
        return ""
    share = f"at 1/{updates} of base" if ends_at_base else "above 0"
    return f"the {line.name} of the first update is 0. To begin {share} write {schedule}"


_SHORT: Final = 10
"""Updates of a warmup. In a longer one the first update would have less than a tenth of base."""


_ZERO: Final = (0.0, Absolute(0.0))


def _above_zero(schedule: Schedule) -> tuple[Schedule, Anneal, bool] | None:
    """Return a schedule that begins at 0 with a first value above 0; None for any other schedule.

    Also its ramp, and whether that is known to end at base.
    """
    match schedule:
        case Anneal(index="t/n") if schedule.first_level in _ZERO and schedule.last_level not in _ZERO:
            ramp = replace(schedule, index="(t+1)/n")
            return ramp, ramp, schedule.last_level == 1.0
        case Sequence(stages=(first, *rest)):
            found = _above_zero(first)
            if found is None:
                return None
            line, ramp, at_base = found
            follows = ramp.to is None and bool(rest) and open_start(rest[0]) is None  # it ends where the next begins
            return in_order_anew([line, *rest]), ramp, at_base and not follows
        case Product(operands=operands):
            for place, one in enumerate(operands):
                if (found := _above_zero(one)) is not None:
                    line, ramp, _ = found
                    return Product((*operands[:place], line, *operands[place + 1 :])), ramp, False
        case AbsoluteSchedule(schedule=inner) | Guided(schedule=inner):
            found = _above_zero(inner)
            return (
                None
                if found is None
                else (replace(schedule, schedule=found[0]), found[1], found[2] and isinstance(schedule, Guided))
            )
    return None
