"""Schedules that combine or bend others, in words. The words of the parts are indented below their own."""

from collections.abc import Iterator
from dataclasses import replace

from paramsched.cli._active_time import NOTHING, ActiveTime, comes_before, earlier_time
from paramsched.cli._rule_words import rule_words
from paramsched.cli._schedule_words import cut_text, schedule_words, times_of_period
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.schedules import Schedule
from paramsched.schedules.cuts import Skip, Take
from paramsched.schedules.one_operand import Raised, Rounded
from paramsched.schedules.pointwise import Clamp, Maximum, Minimum, Product, Sum
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.restarts import Restarts
from paramsched.schedules.retimed import Chain, Every, Shift, Window
from paramsched.schedules.sequence import Sequence, WithLengths
from paramsched.time import Duration

_STEP = "  "
_MOST_RULES = 200
_IN_TURN = (Sequence, Shift, Window)
_HEADS = {Sum: "the sum of", Minimum: "at each update the smallest of", Maximum: "at each update the largest of"}


@schedule_words.register
def _guided_words(schedule: Guided, when: ActiveTime) -> Iterator[str]:
    yield from schedule_words(schedule.schedule, when)
    for rule in schedule.guides:
        yield _plateau_words(rule, when) if isinstance(rule, Plateau) else f"times what {rule} makes of its metric"


@schedule_words.register
def _sequence_words(schedule: Sequence, when: ActiveTime) -> Iterator[str]:
    """The stages one after another; a stage for which no time is left is named too."""
    begin = when.begin
    for index, stage in enumerate(schedule.stages):
        last = index + 1 == len(schedule.stages)
        own = stage.length if stage.has_length else None
        # Only the last stage ends with the sequence. After a stage of unknown length no begin is known any more.
        end = when.end if last else None if begin is None or own is None else begin + own
        mine = when.part(begin, earlier_time(end, when.end))
        if own is not None and not own.terms and not last:
            yield f"{cut_text(str(stage))}: no update is left for it"
        elif mine.update_count == 0:
            yield f"{cut_text(str(stage))}: never reached"
        else:
            yield from schedule_words(stage, mine)
        begin = end


@schedule_words.register
def _product_words(schedule: Product, when: ActiveTime) -> Iterator[str]:
    # At most one factor has levels as they stand. It keeps its units; the others are plain numbers.
    main = next((one for one in schedule.operands if one.has_absolute), None)
    yield "the product of"
    for operand in schedule.operands:
        yield from _indented_words(operand, when if operand is main else replace(when, level_suffix=""))


@schedule_words.register
def _operand_words(schedule: Sum | Minimum | Maximum, when: ActiveTime) -> Iterator[str]:
    yield _HEADS[type(schedule)]
    for operand in schedule.operands:
        yield from _indented_words(operand, when)


@schedule_words.register
def _chain_words(schedule: Chain, when: ActiveTime) -> Iterator[str]:
    yield "one after another, each on the value the one before gives"
    for index, operand in enumerate(schedule.operands):
        # The first starts from base, each later one from what the one before it gives.
        yield from _indented_words(operand, replace(when, level_suffix=" × the value before") if index else when)


@schedule_words.register
def _clamp_words(schedule: Clamp, when: ActiveTime) -> Iterator[str]:
    """The limits, and below them the schedule that is limited."""
    limits = [
        f"never {side} {when.level_text(level)}"
        for side, level in (("below", schedule.low), ("above", schedule.high))
        if level is not None
    ]
    if limits:
        yield f"{' and '.join(limits)}, else what this says"
        yield from _indented_words(schedule.schedule, when)
    else:
        yield from schedule_words(schedule.schedule, when)


@schedule_words.register
def _every_words(schedule: Every, when: ActiveTime) -> Iterator[str]:
    yield f"changes only every {when.period_text(schedule.period)}, to what this says there"
    yield from _indented_words(schedule.schedule, when)


@schedule_words.register
def _power_words(schedule: Raised, when: ActiveTime) -> Iterator[str]:
    yield f"to the power of {schedule.exponent:.6g}, base outside, what this says"
    yield from _indented_words(schedule.schedule, replace(when, level_suffix=""))


@schedule_words.register
def _rounded_words(schedule: Rounded, when: ActiveTime) -> Iterator[str]:
    way = {"nearest": "to the nearest multiple", "down": "down to a multiple", "up": "up to a multiple"}[schedule.way]
    yield f"rounded {way} of {schedule.to:.6g}, what this says"
    yield from _indented_words(schedule.schedule, when)


@schedule_words.register
def _with_lengths_words(schedule: WithLengths, when: ActiveTime) -> Iterator[str]:
    how = {
        "exact": "with lengths that are not rounded to updates",
        "nearest": "with each time at the nearest update",
        "floor": "with each time at the update before it",
    }
    yield f"{how[schedule.lengths]}, what this says"
    yield from _indented_words(schedule.schedule, when)


@schedule_words.register
def _shift_words(schedule: Shift, when: ActiveTime) -> Iterator[str]:
    begin = when.end_after(schedule.by)
    if schedule.by.terms:
        yield f"waits at its first value over {_waiting_text(schedule.by, when)}"
    if when.part(begin, when.end).update_count != 0:
        yield from schedule_words(schedule.schedule, when.part(begin, when.end))


@schedule_words.register
def _take_words(schedule: Take, when: ActiveTime) -> Iterator[str]:
    """What is cut, which may be planned for a longer time, and the value that stays behind the cut."""
    end = earlier_time(when.end_after(schedule.over), when.end)
    cut = when.part(when.begin, end)
    if cut.update_count == 0:
        yield f"stays at the first value of {cut_text(str(schedule.schedule))}"
        return
    yield f"follows over {cut.range_text()} what this says, then stays at the value it has there"
    yield from _indented_words(schedule.schedule, cut if schedule.schedule.is_resolved else replace(cut, end=None))


@schedule_words.register
def _skip_words(schedule: Skip, when: ActiveTime) -> Iterator[str]:
    """What goes on; its times count from the begin of its own clock."""
    yield f"what this says without its first {when.length_text(schedule.by)}{when.during_text()}"
    yield from _indented_words(
        schedule.schedule, replace(when, begin=NOTHING, end=None, time_suffix=" of its own clock")
    )


@schedule_words.register
def _restarts_words(schedule: Restarts, when: ActiveTime) -> Iterator[str]:
    """How often it begins anew, and below that one cycle; its times count from the begin of each cycle."""
    if schedule.every is None:  # a line is told before it is resolved
        yield f"runs {schedule.times:,} times anew, in shares of its time{when.during_text()}"
        yield from _indented_words(
            schedule.schedule, replace(when, begin=NOTHING, end=None, time_suffix=" of each cycle")
        )
        return
    if schedule.times == 1:
        end = earlier_time(when.end_after(schedule.every), when.end)
        yield from schedule_words(schedule.schedule, when.part(when.begin, end))
        return
    times = "" if schedule.times is None else f" {schedule.times:,} times"
    held = "" if schedule.times is None else ", then stays at its last value"
    lower = "" if schedule.gamma == 1 else f", each from {schedule.gamma:.6g} × the base of the one before"
    if schedule.mult == 1:
        begins = times_of_period(schedule.every, when, schedule.times)
        yield f"runs{times} anew every {when.period_text(schedule.every)}{begins}{lower}{held}"
    else:
        longer = f", each {schedule.mult:.6g} times as long as the one before"
        yield f"runs{times} anew, at first over {when.length_text(schedule.every)}{longer}{lower}{held}"
    cycle = replace(when, begin=NOTHING, end=schedule.every, time_suffix=" of each cycle")
    yield from _indented_words(schedule.schedule, cycle)


@schedule_words.register
def _window_words(schedule: Window, when: ActiveTime) -> Iterator[str]:
    """What comes before the window, the schedule in it, and the value that stays after it."""
    begin = when.end_after(schedule.begin)
    end = when.end if schedule.end is None else when.end_after(schedule.end)
    if schedule.begin.terms:
        yield f"stays at {when.level_text(1.0)} over {_waiting_text(schedule.begin, when)}"
    if when.part(begin, when.end).update_count == 0:
        return
    if schedule.end is not None and end is not None and (when.end is None or comes_before(end, when.end)):
        yield from schedule_words(schedule.schedule, when.part(begin, end))
        yield f"keeps from {when.times_text([end])} on the value it has there"
    else:
        yield from schedule_words(schedule.schedule, when.part(begin, when.end))


@schedule_words.register
def _recurrence_words(schedule: Recurrence, when: ActiveTime) -> Iterator[str]:
    yield "rules that act on the present value"
    for rule in schedule.rules[:_MOST_RULES]:
        yield _STEP + rule_words(rule, when)
    if len(schedule.rules) > _MOST_RULES:
        yield f"{_STEP}and {len(schedule.rules) - _MOST_RULES:,} more"


def _waiting_text(length: Duration, when: ActiveTime) -> str:
    """The time before something that begins after `length`, as far as the schedule lasts."""
    before = when.part(when.begin, earlier_time(when.end_after(length), when.end))
    return before.range_text(length if before.update_count is None else None)


def _indented_words(schedule: Schedule, when: ActiveTime) -> Iterator[str]:
    indent = _STEP
    if isinstance(schedule, _IN_TURN):  # it has several lines, so they get a heading
        yield f"{indent}in turn"
        indent += _STEP
    yield from (indent + line for line in schedule_words(schedule, when))


def _plateau_words(rule: Plateau, when: ActiveTime) -> str:
    """When a plateau rule multiplies, how long it then waits, and where it stops."""
    better = "fallen" if rule.mode == "min" else "risen"
    margin = f"by {rule.threshold:.6g}" if rule.threshold_mode == "abs" else f"by {100 * rule.threshold:.6g}%"
    floor = f", never below {when.level_text(rule.min)}" if rule.min else ""
    rest = f", then not again for {rule.cooldown:,} values" if rule.cooldown else ""
    return (
        f"× {rule.factor:.6g} each time {rule.metric} has not {better} {margin} "
        f"for more than {rule.patience:,} values{rest}{floor}"
    )
