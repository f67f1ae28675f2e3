"""What each shape does, in words: a writer for each class, and one for every class that has none.

A writer gives lines without indentation. `_combination_words` has those of what combines or bends schedules.
"""

from collections.abc import Iterator
from functools import singledispatch

from paramsched import curves
from paramsched.cli._stretch import Stretch, comes_before
from paramsched.curves import Curve
from paramsched.schedules import Absolute, Anneal, Constant, Level, Schedule
from paramsched.schedules.cyclic import CosineRestarts, Cyclic
from paramsched.schedules.exponential import Exponential
from paramsched.schedules.from_function import FromFunction
from paramsched.schedules.inverse import InverseTime, PowerLaw
from paramsched.schedules.step import MultiStep, Step
from paramsched.time import Duration

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
    yield f"follows {cut_text(str(schedule))}{where.during()}{_values_seen(schedule, where)}"


@schedule_words.register
def _anneal_words(schedule: Anneal, where: Stretch) -> Iterator[str]:
    """From which level to which, along which curve, in which time, and what it does afterwards."""
    start, to, over = schedule.start, schedule.to, schedule.over
    if over is not None and not over.terms:
        yield f"is at {where.level(to)}{where.during()}"
        return
    if start == to:
        yield f"stays at {where.level(to)}{where.during()}"
        return
    words = f"{_direction_word(start, to)} {_curve_words(schedule.curve)} {where.levels(start, to)}"
    first = _FIRST_UPDATE[schedule.index]
    if over is not None and over.is_resolved and where.room is not None and over.updates > where.room > 0:
        yield f"{words} in {where.lasting(over)}, of which only {where.over(None)} are used{first}"
    else:
        yield f"{words} over {where.over(over)}{first}{_afterwards(over, where, where.level(to))}"


@schedule_words.register
def _constant_words(schedule: Constant, where: Stretch) -> Iterator[str]:
    yield f"stays at {where.level(schedule.value)}{where.during()}"


@schedule_words.register
def _step_words(schedule: Step, where: Stretch) -> Iterator[str]:
    yield f"× {schedule.gamma:.6g} every {where.each(schedule.every)}{times_of_period(schedule.every, where)}"


@schedule_words.register
def _multi_step_words(schedule: MultiStep, where: Stretch) -> Iterator[str]:
    """When it multiplies; milestones that come after the end are told apart."""
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
def _exponential_words(schedule: Exponential, where: Stretch) -> Iterator[str]:
    yield f"× {schedule.gamma:.6g} every {where.each(schedule.per)}{where.during()}, smoothly in between"


@schedule_words.register
def _power_law_words(schedule: PowerLaw, where: Stretch) -> Iterator[str]:
    law = "one over the square root" if schedule.exponent == 0.5 else f"the power {-schedule.exponent:.6g}"
    unit = _time_unit_words(schedule.timescale, where)
    yield f"{_direction_word(schedule.exponent, 0.0)} as {law} of 1 + t{where.during()}, {unit}"


@schedule_words.register
def _inverse_time_words(schedule: InverseTime, where: Stretch) -> Iterator[str]:
    yield f"falls as 1 / (1 + {schedule.gamma:.6g} t){where.during()}, {_time_unit_words(schedule.per, where)}"


@schedule_words.register
def _cyclic_words(schedule: Cyclic, where: Stretch) -> Iterator[str]:
    """One cycle, how often it comes, and what becomes of its height."""
    up, down = where.lasting(schedule.up), where.lasting(schedule.down)
    scaled = {
        "triangular": "",
        "triangular2": "; the height is halved with each cycle",
        "exp_range": f"; the height is × {schedule.gamma:.6g} with each update",
    }[schedule.mode]
    yield (
        f"goes up in a straight line {where.levels(schedule.start, schedule.to)} in {up} and back down in {down}, "
        f"again and again{times_of_period(schedule.up + schedule.down, where)}{scaled}"
    )


@schedule_words.register
def _cosine_restarts_words(schedule: CosineRestarts, where: Stretch) -> Iterator[str]:
    """One period, when it begins anew, and how the next ones differ."""
    begins = [time for time in _inner_changes(schedule, where) if time.terms]
    anew = f" at {where.from_begin(begins)}" if begins and where.begin is not None else ""
    longer = "" if schedule.mult == 1 else f", each {schedule.mult:.6g} times as long as the one before"
    lower = "" if schedule.gamma == 1 else f", each from {schedule.gamma:.6g} × the height before"
    yield (
        f"falls along half a cosine wave {where.levels(1.0, schedule.to)} in {where.lasting(schedule.first)} "
        f"and begins anew{anew}{longer}{lower}{where.during()}"
    )


@schedule_words.register
def _from_function_words(schedule: FromFunction, where: Stretch) -> Iterator[str]:
    name = schedule.name or getattr(schedule.function, "__qualname__", "without a name")
    yield f"follows the function {name} of the updates{where.during()}{_values_seen(schedule, where)}"


def times_of_period(period: Duration, where: Stretch, count: int | None = None) -> str:
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


def _time_unit_words(length: Duration, where: Stretch) -> str:
    return f"t the time since its begin in units of {where.lasting(length)}"


def _afterwards(length: Duration | None, where: Stretch, level: str) -> str:
    """What follows the end of a schedule within its stretch."""
    end = where.after(length)
    if end is None:
        return ""
    if comes_before(end, where.end) or (where.end is None and not where.clock):
        return f", then stays at {level}" + (" to the end" if where.ends_run else "")
    return ""


def _inner_changes(schedule: Schedule, where: Stretch) -> list[Duration]:
    """Where the formula of a resolved schedule changes, in its own time."""
    room = where.room
    if room is None or not schedule.is_resolved:
        return []
    return [Duration.of(time) for time in schedule.breakpoints(until=room) if time < room]


def _values_seen(schedule: Schedule, where: Stretch) -> str:
    """First and last value of a shape of which nothing else is known, and where it changes."""
    room = where.room
    if not room or not schedule.is_resolved:
        return ""
    first, last = (value_in_words(schedule, time, where) for time in (0, room - 1))
    times = [time for time in _inner_changes(schedule, where) if time.terms]
    changes = f"; it changes at {where.from_begin(times)}" if times else ""
    return f": {first} at first, {last} at last{changes}"


def value_in_words(schedule: Schedule, time: int, where: Stretch) -> str:
    """The value at an update, as a level: what of it scales with base, and what does not."""
    if not schedule.has_absolute:
        return where.level(schedule(time, 1.0))
    if not schedule.affine:
        return f"{schedule(time, 1.0):.6g} where base is 1"
    fixed = schedule(time, 0.0)
    share = schedule(time, 1.0) - fixed
    scaled = where.level(share) if abs(share) > 1e-12 * abs(fixed) else ""
    return " + ".join(part for part in (scaled, where.level(Absolute(fixed)) if fixed else "") if part) or "0"


def _direction_word(first: Level, last: Level) -> str:
    """Whether it rises or falls; a level as it stands and a multiple of base cannot be compared."""
    if isinstance(first, Absolute) and isinstance(last, Absolute):
        first, last = first.value, last.value
    if isinstance(first, Absolute) or isinstance(last, Absolute):
        return "goes"
    return "rises" if last > first else "falls"


def _curve_words(curve: Curve) -> str:
    if curve == curves.linear:
        return "in a straight line"
    return "along half a cosine wave" if curve == curves.cosine else f"along {cut_text(str(curve))}"


def cut_text(text: str, most: int = 200) -> str:
    """A text of at most so many characters: there may be a table of thousands of numbers in it."""
    return text if len(text) <= most else text[: most - 1] + "…"
