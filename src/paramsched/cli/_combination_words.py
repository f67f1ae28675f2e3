"""What combines or bends schedules, in words; the parts of a combination are indented below it."""

from collections.abc import Iterator
from dataclasses import replace

from paramsched.cli._rule_words import rule_words
from paramsched.cli._schedule_words import cut_text, schedule_words, times_of_period
from paramsched.cli._stretch import NOTHING, Stretch, comes_before, earlier_time
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.schedules import Schedule
from paramsched.schedules.pointwise import Clamp, Maximum, Minimum, Product, Sum
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.retimed import Chain, Every, Restarts, Shift
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.window import Window

_STEP = "  "
_MOST_RULES = 200
_IN_TURN = (Sequence, Shift, Window)
_HEADS = {Sum: "the sum of", Minimum: "at each update the smallest of", Maximum: "at each update the largest of"}


@schedule_words.register
def _guided_words(schedule: Guided, where: Stretch) -> Iterator[str]:
    yield from schedule_words(schedule.schedule, where)
    for rule in schedule.guides:
        yield _plateau_words(rule, where) if isinstance(rule, Plateau) else f"times what {rule} makes of its metric"


@schedule_words.register
def _sequence_words(schedule: Sequence, where: Stretch) -> Iterator[str]:
    """Each stage over its part of the time; a stage for which no time is left is told too."""
    begin = where.begin
    for index, stage in enumerate(schedule.stages):
        last = index + 1 == len(schedule.stages)
        own = stage.length if stage.has_length else None
        end = where.end if last else None if begin is None or own is None else begin + own
        mine = where.part(begin, earlier_time(end, where.end))
        if own is not None and not own.terms and not last:
            yield f"{cut_text(str(stage))}: no update is left for it"
        elif mine.room == 0:
            yield f"{cut_text(str(stage))}: never reached"
        else:
            yield from schedule_words(stage, mine)
        begin = end


@schedule_words.register
def _product_words(schedule: Product, where: Stretch) -> Iterator[str]:
    main = next((one for one in schedule.operands if one.has_absolute), None)
    yield "the product of"
    for operand in schedule.operands:
        yield from _indented_words(operand, where if operand is main else replace(where, of=""))


@schedule_words.register
def _operand_words(schedule: Sum | Minimum | Maximum, where: Stretch) -> Iterator[str]:
    yield _HEADS[type(schedule)]
    for operand in schedule.operands:
        yield from _indented_words(operand, where)


@schedule_words.register
def _chain_words(schedule: Chain, where: Stretch) -> Iterator[str]:
    yield "one after another, each on the value the one before gives"
    for index, operand in enumerate(schedule.operands):
        yield from _indented_words(operand, replace(where, of=" × the value before") if index else where)


@schedule_words.register
def _clamp_words(schedule: Clamp, where: Stretch) -> Iterator[str]:
    """The limits, and below them what is limited."""
    limits = [
        f"never {side} {where.level(level)}"
        for side, level in (("below", schedule.low), ("above", schedule.high))
        if level is not None
    ]
    if limits:
        yield f"{' and '.join(limits)}, else what this says"
        yield from _indented_words(schedule.schedule, where)
    else:
        yield from schedule_words(schedule.schedule, where)


@schedule_words.register
def _every_words(schedule: Every, where: Stretch) -> Iterator[str]:
    yield f"changes only every {where.each(schedule.period)}, to what this says there"
    yield from _indented_words(schedule.schedule, where)


@schedule_words.register
def _shift_words(schedule: Shift, where: Stretch) -> Iterator[str]:
    begin = where.after(schedule.by)
    if schedule.by.terms:
        before = where.part(where.begin, earlier_time(begin, where.end))
        yield f"waits at its first value over {before.over(None if before.room is not None else schedule.by)}"
    if where.part(begin, where.end).room != 0:
        yield from schedule_words(schedule.schedule, where.part(begin, where.end))


@schedule_words.register
def _restarts_words(schedule: Restarts, where: Stretch) -> Iterator[str]:
    """How often it begins anew, and one cycle in times of its own."""
    if schedule.times == 1:
        end = earlier_time(where.after(schedule.every), where.end)
        yield from schedule_words(schedule.schedule, where.part(where.begin, end))
        return
    times = "" if schedule.times is None else f" {schedule.times:,} times"
    held = "" if schedule.times is None else ", then stays at its last value"
    begins = times_of_period(schedule.every, where, schedule.times)
    yield f"runs{times} anew every {where.each(schedule.every)}{begins}{held}"
    cycle = replace(where, begin=NOTHING, end=schedule.every, clock=" of each cycle")
    yield from _indented_words(schedule.schedule, cycle)


@schedule_words.register
def _window_words(schedule: Window, where: Stretch) -> Iterator[str]:
    """Base before it, what is in it, and the value that is kept behind it."""
    begin = where.after(schedule.begin)
    end = where.end if schedule.end is None else where.after(schedule.end)
    if schedule.begin.terms:
        before = where.part(where.begin, earlier_time(begin, where.end))
        yield f"stays at {where.level(1.0)} over {before.over(None if before.room is not None else schedule.begin)}"
    if where.part(begin, where.end).room == 0:
        return
    if schedule.end is not None and end is not None and (where.end is None or comes_before(end, where.end)):
        yield from schedule_words(schedule.schedule, where.part(begin, end))
        yield f"keeps from {where.at([end])} on the value it has there"
    else:
        yield from schedule_words(schedule.schedule, where.part(begin, where.end))


@schedule_words.register
def _recurrence_words(schedule: Recurrence, where: Stretch) -> Iterator[str]:
    yield "rules that act on the present value"
    for rule in schedule.rules[:_MOST_RULES]:
        yield _STEP + rule_words(rule, where)
    if len(schedule.rules) > _MOST_RULES:
        yield f"{_STEP}and {len(schedule.rules) - _MOST_RULES:,} more"


def _indented_words(schedule: Schedule, where: Stretch) -> Iterator[str]:
    indent = _STEP
    if isinstance(schedule, _IN_TURN):  # several lines, which belong together
        yield f"{indent}in turn"
        indent += _STEP
    yield from (indent + line for line in schedule_words(schedule, where))


def _plateau_words(rule: Plateau, where: Stretch) -> str:
    """When the rule multiplies, and what ends that."""
    better = "fallen" if rule.mode == "min" else "risen"
    margin = f"by {rule.threshold:.6g}" if rule.threshold_mode == "abs" else f"by {100 * rule.threshold:.6g}%"
    floor = f", never below {where.level(rule.min)}" if rule.min else ""
    rest = f", then not again for {rule.cooldown:,} values" if rule.cooldown else ""
    return (
        f"× {rule.factor:.6g} each time {rule.metric} has not {better} {margin} "
        f"for more than {rule.patience:,} values{rest}{floor}"
    )
