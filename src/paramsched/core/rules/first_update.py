"""The note that the first update has the rate 0, with the line that begins above 0."""

from typing import Final

from paramsched.core.plan import Plan, Target
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.anneal import first_level, is_anneal, last_level
from paramsched.core.schedules.connected import open_start
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.sequence import in_order_anew, stages_of


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
    updates = None if ramp.args["over"] is None else ramp.args["over"].exact
    if updates is None or not 1 < updates <= _SHORT:
        return ""
    share = f"at 1/{updates} of base" if ends_at_base else "above 0"
    return f"the {line.name} of the first update is 0. To begin {share} write {schedule}"


_SHORT: Final = 10
"""Updates of a warmup. In a longer one the first update would have less than a tenth of base."""


_ZERO: Final = (0.0, Absolute(0.0))


def _above_zero(schedule: Schedule) -> tuple[Schedule, Schedule, bool] | None:
    """Return a schedule that begins at 0 with a first value above 0; None for any other schedule.

    Also its ramp, and whether that is known to end at base.
    """
    if is_anneal(schedule):
        if schedule.args["index"] != "t/n" or first_level(schedule) not in _ZERO or last_level(schedule) in _ZERO:
            return None
        ramp = schedule.with_args(index="(t+1)/n")
        return ramp, ramp, last_level(schedule) == 1.0
    for place, part in enumerate(schedule.parts()[:1] if schedule.kind == "sequence" else schedule.parts()):
        found = _above_zero(part) if schedule.kind in ("sequence", "product", "absolute", "guided") else None
        if found is None:
            continue
        line, ramp, at_base = found
        if schedule.kind == "sequence":
            rest = stages_of(schedule)[1:]
            ends_later = ramp.args["to"] is None and bool(rest) and open_start(rest[0]) is None  # where the next begins
            return in_order_anew([line, *rest]), ramp, at_base and not ends_later
        if schedule.kind == "product":
            operands = schedule.args["operands"]
            return schedule.with_args(operands=(*operands[:place], line, *operands[place + 1 :])), ramp, False
        return schedule.with_args(schedule=line), ramp, at_base and schedule.kind == "guided"
    return None
