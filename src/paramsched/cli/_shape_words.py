"""What each kind of schedule does, in words: a writer for each class, and one for every class that has none.

A writer gives lines without indentation; the parts of a combination are indented below it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import singledispatch

from paramsched import curves
from paramsched.cli._rule_words import rule_words
from paramsched.cli._stretch import NOTHING, Stretch, difference
from paramsched.curves import Curve
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.schedules import Absolute, Anneal, Constant, Level, Schedule
from paramsched.schedules.cyclic import CosineRestarts, Cyclic
from paramsched.schedules.exponential import Exponential
from paramsched.schedules.from_function import FromFunction
from paramsched.schedules.inverse import InverseTime, PowerLaw
from paramsched.schedules.pointwise import Clamp, Maximum, Minimum, Product, Sum
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.retimed import Chain, Every, Restarts, Shift
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.step import MultiStep, Step
from paramsched.schedules.window import Window
from paramsched.time import Duration

_STEP = "  "
_MOST_TEXT = 200  # characters of a schedule, or changes of one without a writer, that are shown
_MOST_LINES = 200
_IN_TURN = (Sequence, Shift, Window)
_FIRST_UPDATE = {
    "t/n": "",
    "(t+1)/n": ", its first update already a part on, its last at the end",
    "t/(n-1)": ", its last update at the end",
    "(t+1)/(n+1)": ", its first update already a part on, its last a part before the end",
}


@singledispatch
def schedule_words(schedule: Schedule, where: Stretch) -> Iterator[str]:
    """What a schedule does in its stretch of the run.

    A shape that has no writer is told by its own line, its first and last value, and where it changes.
    """
    yield f"follows {_cut(str(schedule))}{where.during()}{_seen(schedule, where)}"


@schedule_words.register
def _(schedule: Anneal, where: Stretch) -> Iterator[str]:
    start, to, over = schedule.start, schedule.to, schedule.over
    if over is not None and not over.terms:
        yield f"is at {where.level(to)}{where.during()}"
        return
    if start == to:
        yield f"stays at {where.level(to)}{where.during()}"
        return
    words = f"{_verb(start, to)} {_way(schedule.curve)} {where.levels(start, to)}"
    first = _FIRST_UPDATE[schedule.index]
    if over is not None and over.is_resolved and where.room is not None and over.updates > where.room > 0:
        yield f"{words} in {where.lasting(over)}, of which only {where.over(None)} are used{first}"
    else:
        yield f"{words} over {where.over(over)}{first}{_after(over, where, where.level(to))}"


@schedule_words.register
def _(schedule: Constant, where: Stretch) -> Iterator[str]:
    yield f"stays at {where.level(schedule.value)}{where.during()}"


@schedule_words.register
def _(schedule: Step, where: Stretch) -> Iterator[str]:
    yield f"× {schedule.gamma:.6g} every {where.each(schedule.every)}{_times(schedule.every, where)}"


@schedule_words.register
def _(schedule: MultiStep, where: Stretch) -> Iterator[str]:
    room = where.room
    times = sorted(schedule.milestones, key=lambda time: (time.exact or 0, str(time)))
    if all(time.is_resolved for time in times):
        never = [time for time in times if room is not None and time.updates >= room]
        times = times[: len(times) - len(never)]
        late = f"; {where.from_begin(never)} would come after the end" if never else ""
    else:
        times, late = list(schedule.milestones), ""
    if times:
        yield f"× {schedule.gamma:.6g} at {where.from_begin(times)}{late}"
    else:
        yield f"stays at {where.level(1.0)}{where.during()}{late}"


@schedule_words.register
def _(schedule: Exponential, where: Stretch) -> Iterator[str]:
    yield f"× {schedule.gamma:.6g} every {where.each(schedule.per)}{where.during()}, smoothly in between"


@schedule_words.register
def _(schedule: PowerLaw, where: Stretch) -> Iterator[str]:
    law = "one over the square root" if schedule.exponent == 0.5 else f"the power {-schedule.exponent:.6g}"
    yield f"{_verb(schedule.exponent, 0.0)} as {law} of 1 + t{where.during()}, {_unit(schedule.timescale, where)}"


@schedule_words.register
def _(schedule: InverseTime, where: Stretch) -> Iterator[str]:
    yield f"falls as 1 / (1 + {schedule.gamma:.6g} t){where.during()}, {_unit(schedule.per, where)}"


@schedule_words.register
def _(schedule: Cyclic, where: Stretch) -> Iterator[str]:
    up, down = where.lasting(schedule.up), where.lasting(schedule.down)
    scaled = {
        "triangular": "",
        "triangular2": "; the height is halved with each cycle",
        "exp_range": f"; the height is × {schedule.gamma:.6g} with each update",
    }[schedule.mode]
    yield (
        f"goes up in a straight line {where.levels(schedule.start, schedule.to)} in {up} and back down in {down}, "
        f"again and again{_times(schedule.up + schedule.down, where)}{scaled}"
    )


@schedule_words.register
def _(schedule: CosineRestarts, where: Stretch) -> Iterator[str]:
    begins = [time for time in _changes(schedule, where) if time.terms]
    anew = f" at {where.from_begin(begins)}" if begins and where.begin is not None else ""
    longer = "" if schedule.mult == 1 else f", each {schedule.mult:.6g} times as long as the one before"
    lower = "" if schedule.gamma == 1 else f", each from {schedule.gamma:.6g} × the height before"
    yield (
        f"falls along half a cosine wave {where.levels(1.0, schedule.to)} in {where.lasting(schedule.first)} "
        f"and begins anew{anew}{longer}{lower}{where.during()}"
    )


@schedule_words.register
def _(schedule: FromFunction, where: Stretch) -> Iterator[str]:
    name = schedule.name or getattr(schedule.function, "__qualname__", "without a name")
    yield f"follows the function {name} of the updates{where.during()}{_seen(schedule, where)}"


@schedule_words.register
def _(schedule: Guided, where: Stretch) -> Iterator[str]:
    yield from schedule_words(schedule.schedule, where)
    for rule in schedule.guides:
        yield _plateau(rule, where) if isinstance(rule, Plateau) else f"times what {rule} makes of its metric"


@schedule_words.register
def _(schedule: Sequence, where: Stretch) -> Iterator[str]:
    begin = where.begin
    for index, stage in enumerate(schedule.stages):
        last = index + 1 == len(schedule.stages)
        own = stage.length if stage.has_length else None
        end = where.end if last else None if begin is None or own is None else begin + own
        mine = where.part(begin, _earlier(end, where.end))
        if own is not None and not own.terms and not last:
            yield f"{_cut(str(stage))}: no update is left for it"
        elif mine.room == 0:
            yield f"{_cut(str(stage))}: never reached"
        else:
            yield from schedule_words(stage, mine)
        begin = end


@schedule_words.register
def _(schedule: Product, where: Stretch) -> Iterator[str]:
    main = next((one for one in schedule.operands if one.has_absolute), None)
    yield "the product of"
    for operand in schedule.operands:
        yield from _below(operand, where if operand is main else replace(where, of=""))


@schedule_words.register
def _(schedule: Sum, where: Stretch) -> Iterator[str]:
    yield from _several("the sum of", schedule.operands, where)


@schedule_words.register
def _(schedule: Minimum, where: Stretch) -> Iterator[str]:
    yield from _several("at each update the smallest of", schedule.operands, where)


@schedule_words.register
def _(schedule: Maximum, where: Stretch) -> Iterator[str]:
    yield from _several("at each update the largest of", schedule.operands, where)


@schedule_words.register
def _(schedule: Chain, where: Stretch) -> Iterator[str]:
    yield "one after another, each on the value the one before gives"
    for index, operand in enumerate(schedule.operands):
        yield from _below(operand, replace(where, of=" × the value before") if index else where)


@schedule_words.register
def _(schedule: Clamp, where: Stretch) -> Iterator[str]:
    limits = [
        f"never {side} {where.level(level)}"
        for side, level in (("below", schedule.low), ("above", schedule.high))
        if level is not None
    ]
    if limits:
        yield f"{' and '.join(limits)}, else what this says"
        yield from _below(schedule.schedule, where)
    else:
        yield from schedule_words(schedule.schedule, where)


@schedule_words.register
def _(schedule: Every, where: Stretch) -> Iterator[str]:
    yield f"changes only every {where.each(schedule.period)}, to what this says there"
    yield from _below(schedule.schedule, where)


@schedule_words.register
def _(schedule: Shift, where: Stretch) -> Iterator[str]:
    begin = where.after(schedule.by)
    if schedule.by.terms:
        before = where.part(where.begin, _earlier(begin, where.end))
        yield f"waits at its first value over {before.over(None if before.room is not None else schedule.by)}"
    if where.part(begin, where.end).room != 0:
        yield from schedule_words(schedule.schedule, where.part(begin, where.end))


@schedule_words.register
def _(schedule: Restarts, where: Stretch) -> Iterator[str]:
    if schedule.times == 1:
        end = _earlier(where.after(schedule.every), where.end)
        yield from schedule_words(schedule.schedule, where.part(where.begin, end))
        return
    times = "" if schedule.times is None else f" {schedule.times:,} times"
    held = "" if schedule.times is None else ", then stays at its last value"
    begins = _times(schedule.every, where, schedule.times)
    yield f"runs{times} anew every {where.each(schedule.every)}{begins}{held}"
    cycle = replace(where, begin=NOTHING, end=schedule.every, clock=" of each cycle")
    yield from _below(schedule.schedule, cycle)


@schedule_words.register
def _(schedule: Window, where: Stretch) -> Iterator[str]:
    begin = where.after(schedule.begin)
    end = where.end if schedule.end is None else where.after(schedule.end)
    if schedule.begin.terms:
        before = where.part(where.begin, _earlier(begin, where.end))
        yield f"stays at {where.level(1.0)} over {before.over(None if before.room is not None else schedule.begin)}"
    if where.part(begin, where.end).room == 0:
        return
    if schedule.end is not None and end is not None and (where.end is None or _before(end, where.end)):
        yield from schedule_words(schedule.schedule, where.part(begin, end))
        yield f"keeps from {where.at([end])} on the value it has there"
    else:
        yield from schedule_words(schedule.schedule, where.part(begin, where.end))


@schedule_words.register
def _(schedule: Recurrence, where: Stretch) -> Iterator[str]:
    yield "rules that act on the present value"
    for rule in schedule.rules[:_MOST_LINES]:
        yield _STEP + rule_words(rule, where)
    if len(schedule.rules) > _MOST_LINES:
        yield f"{_STEP}and {len(schedule.rules) - _MOST_LINES:,} more"


def _several(what: str, operands: Iterable[Schedule], where: Stretch) -> Iterator[str]:
    yield what
    for operand in operands:
        yield from _below(operand, where)


def _below(schedule: Schedule, where: Stretch) -> Iterator[str]:
    indent = _STEP
    if isinstance(schedule, _IN_TURN):  # several lines, which belong together
        yield f"{indent}in turn"
        indent += _STEP
    yield from (indent + line for line in schedule_words(schedule, where))


def _unit(length: Duration, where: Stretch) -> str:
    return f"t the time since its begin in units of {where.lasting(length)}"


def _plateau(rule: Plateau, where: Stretch) -> str:
    better = "fallen" if rule.mode == "min" else "risen"
    margin = f"by {rule.threshold:.6g}" if rule.threshold_mode == "abs" else f"by {100 * rule.threshold:.6g}%"
    floor = f", never below {where.level(rule.min)}" if rule.min else ""
    rest = f", then not again for {rule.cooldown:,} values" if rule.cooldown else ""
    return (
        f"× {rule.factor:.6g} each time {rule.metric} has not {better} {margin} "
        f"for more than {rule.patience:,} values{rest}{floor}"
    )


def _after(length: Duration | None, where: Stretch, level: str) -> str:
    """What follows the end of a schedule within its stretch."""
    end = where.after(length)
    if end is None:
        return ""
    if _before(end, where.end) or (where.end is None and not where.clock):
        return f", then stays at {level}" + (" to the end" if where.ends_run else "")
    return ""


def _earlier(time: Duration | None, end: Duration | None) -> Duration | None:
    """A time, or the end where both are counted alike and it comes first."""
    if time is None or end is None or not (time.is_resolved and end.is_resolved):
        return time
    return min(time, end, key=lambda one: one.updates)


def _before(time: Duration, end: Duration | None) -> bool:
    """Whether a time is known to come before the end."""
    return (
        end is not None
        and bool((rest := difference(end, time)) is not None and rest.terms)
        and (time.exact is not None) == (end.exact is not None)
    )


def _times(period: Duration, where: Stretch, count: int | None = None) -> str:
    """When something that comes once a period comes: the times where they are known and few."""
    room = where.room
    if room is None or not period.is_resolved or where.begin is None:
        return where.during() if where.end is None or where.begin is None else f" over {where.over(None)}"
    last = room if count is None else min(room, period.updates * (count - 1) + 1)
    updates = range(period.updates, last, period.updates)
    if not updates:
        return f"{where.during()}: not once before the end"
    times = [Duration.of(where.begin.updates + update) for update in updates[:10_000]]
    return f": at {where.at(times)}"


def _changes(schedule: Schedule, where: Stretch) -> list[Duration]:
    """Where the formula of a resolved schedule changes, in its own time."""
    room = where.room
    if room is None or not schedule.is_resolved:
        return []
    return [Duration.of(time) for time in schedule.breakpoints(until=room) if time < room]


def _seen(schedule: Schedule, where: Stretch) -> str:
    """First and last value of a shape of which nothing else is known, and where it changes."""
    room = where.room
    if not room or not schedule.is_resolved:
        return ""
    first, last = (value_words(schedule, time, where) for time in (0, room - 1))
    times = [time for time in _changes(schedule, where) if time.terms]
    changes = f"; it changes at {where.from_begin(times)}" if times else ""
    return f": {first} at first, {last} at last{changes}"


def value_words(schedule: Schedule, time: int, where: Stretch) -> str:
    """The value at an update, as a level: what of it scales with base, and what does not."""
    if not schedule.has_absolute:
        return where.level(schedule(time, 1.0))
    if not schedule.affine:
        return f"{schedule(time, 1.0):.6g} where base is 1"
    fixed = schedule(time, 0.0)
    share = schedule(time, 1.0) - fixed
    scaled = where.level(share) if abs(share) > 1e-12 * abs(fixed) else ""
    return " + ".join(part for part in (scaled, where.level(Absolute(fixed)) if fixed else "") if part) or "0"


def _verb(first: Level, last: Level) -> str:
    if isinstance(first, Absolute) and isinstance(last, Absolute):
        first, last = first.value, last.value
    if isinstance(first, Absolute) or isinstance(last, Absolute):
        return "goes"
    return "rises" if last > first else "falls"


def _way(curve: Curve) -> str:
    if curve == curves.linear:
        return "in a straight line"
    return "along half a cosine wave" if curve == curves.cosine else f"along {_cut(str(curve))}"


def _cut(text: str) -> str:
    """A table of thousands of numbers, shortly."""
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
