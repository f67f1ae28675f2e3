"""What each shape does, in words: a function for each class, and one for all classes that have none.

Each gives lines without indentation. `_plan_words` has the functions for schedules that combine or bend others.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import singledispatch
from math import ceil

from paramsched import curves
from paramsched.cli._active_time import MOST_TIMES, ActiveTime, comes_before
from paramsched.curves import Curve
from paramsched.schedules import Absolute, Anneal, Constant, Level, Schedule
from paramsched.schedules.cyclic import CosineRestarts, Cyclic
from paramsched.schedules.decays import Exponential, InverseTime, PowerLaw
from paramsched.schedules.leaves import FromFunction, Like
from paramsched.schedules.staircases import MultiStep, Stairs, Step
from paramsched.time import Duration

_MOST_CHANGES = 10_000  # that are counted
_FEW_CHANGES = 1_000  # that are looked for if there are more
# What the index of a shape means for its first and its last update.
_FIRST_UPDATE = {
    "t/n": "",
    "(t+1)/n": ", its first update already a part on, its last at the end",
    "t/(n-1)": ", its last update at the end",
    "(t+1)/(n+1)": ", its first update already a part on, its last a part before the end",
}


@singledispatch
def schedule_words(schedule: Schedule, when: ActiveTime) -> Iterator[str]:
    """What a schedule does while it acts.

    Of a shape without words of its own we know its line of text, its first and last value, and where it changes.
    """
    yield f"follows {cut_text(str(schedule))}{when.during_text()}{_values_seen(schedule, when)}"


@schedule_words.register
def _anneal_words(schedule: Anneal, when: ActiveTime) -> Iterator[str]:
    """The way from level to level, and what comes after."""
    start, to, over = schedule.start, schedule.to, schedule.over
    if over is not None and not over.terms:
        yield f"is at {when.level_text(to)}{when.during_text()}"
        return
    if start == to:
        yield f"stays at {when.level_text(to)}{when.during_text()}"
        return
    words = f"{_direction_word(start, to)} {_curve_words(schedule.curve)} {when.levels_text(start, to)}"
    first = _FIRST_UPDATE[schedule.index]
    if over is not None and over.is_resolved and when.update_count is not None and over.updates > when.update_count > 0:
        yield f"{words} in {when.length_text(over)}, of which only {when.range_text()} are used{first}"
    else:
        yield f"{words} over {when.range_text(over)}{first}{_afterwards(over, when, when.level_text(to))}"


@schedule_words.register
def _like_words(schedule: Like, when: ActiveTime) -> Iterator[str]:
    yield f"follows what {schedule.field} follows, from its own base{when.during_text()}"


@schedule_words.register
def _constant_words(schedule: Constant, when: ActiveTime) -> Iterator[str]:
    yield f"stays at {when.level_text(schedule.value)}{when.during_text()}"


@schedule_words.register
def _stairs_words(schedule: Stairs, when: ActiveTime) -> Iterator[str]:
    levels = when.levels_text(schedule.start, schedule.to)
    rises = f"{schedule.rises:,} equal rise{'' if schedule.rises == 1 else 's'}"
    last = when.level_text(schedule.to)
    yield f"goes {levels} in {rises} over {when.range_text(schedule.over)}{_afterwards(schedule.over, when, last)}"


@schedule_words.register
def _step_words(schedule: Step, when: ActiveTime) -> Iterator[str]:
    yield f"× {schedule.gamma:.6g} every {when.period_text(schedule.every)}{times_of_period(schedule.every, when)}"


@schedule_words.register
def _multi_step_words(schedule: MultiStep, when: ActiveTime) -> Iterator[str]:
    """When it multiplies; milestones that would come after the end are named as such."""
    room = when.update_count
    times = sorted(schedule.milestones, key=lambda time: (time.exact or 0, str(time)))
    # Milestones in updates can be compared with the end, others cannot.
    if all(time.is_resolved for time in times):
        never = [time for time in times if room is not None and time.updates >= room]
        times = times[: len(times) - len(never)]
        late = f"; {when.own_times_text(never)} would come after the end" if never else ""
    else:
        times, late = list(schedule.milestones), ""
    if times:
        yield f"× {schedule.gamma:.6g} at {when.own_times_text(times)}{late}"
    else:
        yield f"stays at {when.level_text(1.0)}{when.during_text()}{late}"


@schedule_words.register
def _exponential_words(schedule: Exponential, when: ActiveTime) -> Iterator[str]:
    yield f"× {schedule.gamma:.6g} every {when.period_text(schedule.per)}{when.during_text()}, smoothly in between"


@schedule_words.register
def _power_law_words(schedule: PowerLaw, when: ActiveTime) -> Iterator[str]:
    law = "one over the square root" if schedule.exponent == 0.5 else f"the power {-schedule.exponent:.6g}"
    unit = _time_unit_words(schedule.timescale, when)
    yield f"{_direction_word(schedule.exponent, 0.0)} as {law} of 1 + t{when.during_text()}, {unit}"


@schedule_words.register
def _inverse_time_words(schedule: InverseTime, when: ActiveTime) -> Iterator[str]:
    yield f"falls as 1 / (1 + {schedule.gamma:.6g} t){when.during_text()}, {_time_unit_words(schedule.per, when)}"


@schedule_words.register
def _cyclic_words(schedule: Cyclic, when: ActiveTime) -> Iterator[str]:
    """One cycle, when the next ones begin, and their heights."""
    up, down = when.length_text(schedule.up), when.length_text(schedule.down)
    scaled = {
        "triangular": "",
        "triangular2": "; the height is halved with each cycle",
        "exp_range": f"; the height is × {schedule.gamma:.6g} with each update",
    }[schedule.mode]
    yield (
        f"goes up in a straight line {when.levels_text(schedule.start, schedule.to)} in {up} and back down in {down}, "
        f"again and again{times_of_period(schedule.up + schedule.down, when)}{scaled}"
    )


@schedule_words.register
def _cosine_restarts_words(schedule: CosineRestarts, when: ActiveTime) -> Iterator[str]:
    """One period, and how the next ones differ."""
    begins, more = _inner_changes(schedule, when)
    anew = f" at {when.own_times_text(begins, more)}" if begins and when.begin is not None else ""
    longer = "" if schedule.mult == 1 else f", each {schedule.mult:.6g} times as long as the one before"
    lower = "" if schedule.gamma == 1 else f", each from {schedule.gamma:.6g} × the height before"
    floor = "" if schedule.to_gamma == 1 else f", each to {schedule.to_gamma:.6g} × the lowest level before"
    last = "" if schedule.times is None else f", {schedule.times:,} times in all"
    yield (
        f"falls along half a cosine wave {when.levels_text(1.0, schedule.to)} in {when.length_text(schedule.first)} "
        f"and begins anew{anew}{longer}{lower}{floor}{last}{when.during_text()}"
    )


@schedule_words.register
def _from_function_words(schedule: FromFunction, when: ActiveTime) -> Iterator[str]:
    name = schedule.name or getattr(schedule.function, "__qualname__", "without a name")
    yield f"follows the function {name} of the updates{when.during_text()}{_values_seen(schedule, when)}"


def times_of_period(period: Duration, when: ActiveTime, count: int | None = None) -> str:
    """Return at which times something happens that happens once in each period."""
    room = when.update_count
    if room is None or period.exact is None or when.begin is None:
        return when.during_text() if when.end is None or when.begin is None else f" over {when.range_text()}"
    over = int((room - 1) // period.number)
    if count is not None:
        over = min(over, count - 1)
    if over < 1:
        return f"{when.during_text()}: not once before the end"
    # Only the first times are printed, and the number of the rest; a period of one update may come a billion times.
    boundaries = (ceil(number * period.number) for number in range(1, min(over, MOST_TIMES) + 1))
    times = [Duration.of(when.begin.updates + update) for update in boundaries]
    return f": at {when.times_text(times, f'{over - len(times):,} more' if over > len(times) else '')}"


def _time_unit_words(length: Duration, when: ActiveTime) -> str:
    return f"t the time since its begin in units of {when.length_text(length)}"


def _afterwards(length: Duration | None, when: ActiveTime, level: str) -> str:
    """What a shape does that is shorter than the time it has."""
    end = when.end_after(length)
    if end is None:
        return ""
    if comes_before(end, when.end) or (when.end is None and not when.time_suffix):
        return f", then stays at {level}" + (" to the end" if when.lasts_to_end else "")
    return ""


def _inner_changes(schedule: Schedule, when: ActiveTime) -> tuple[list[Duration], str]:
    """Return where the formula of a resolved schedule changes, counted from its own begin, and how many more follow."""
    room = when.update_count
    if room is None or not schedule.is_resolved:
        return [], ""
    found, more = schedule._breakpoints_if_few(room, _MOST_CHANGES), ""
    if found is None:  # the first of them: up to the last update before which there are not too many
        first_beyond = bisect_left(
            range(room), True, key=lambda until: schedule._breakpoints_if_few(until, _FEW_CHANGES) is None
        )
        found = schedule._breakpoints_if_few(max(first_beyond - 1, 0), _FEW_CHANGES) or set()
        more = "many more"
    return [Duration.of(time) for time in sorted(found) if 0 < time < room], more


def _values_seen(schedule: Schedule, when: ActiveTime) -> str:
    """The first and the last value of a resolved schedule, and where it changes."""
    room = when.update_count
    if not room or not schedule.is_resolved:
        return ""
    first, last = (value_at_update(schedule, time, when) for time in (0, room - 1))
    times, more = _inner_changes(schedule, when)
    changes = f"; it changes at {when.own_times_text(times, more)}" if times else ""
    return f": {first} at first, {last} at last{changes}"


def value_at_update(schedule: Schedule, time: int, when: ActiveTime) -> str:
    """The value at an update: the part that scales with base, and the part that does not."""
    if not schedule.has_absolute:
        return when.level_text(schedule(time, 1.0))
    if not schedule.affine:
        return f"{schedule(time, 1.0):.6g} where base is 1"
    # An affine value is share * base + fixed: two evaluations give both numbers.
    fixed = schedule(time, 0.0)
    share = schedule(time, 1.0) - fixed
    scaled = when.level_text(share) if abs(share) > 1e-12 * abs(fixed) else ""
    return " + ".join(part for part in (scaled, when.level_text(Absolute(fixed)) if fixed else "") if part) or "0"


def _direction_word(first: Level, last: Level) -> str:
    """The verb: "rises" or "falls", and "goes" where the levels cannot be compared."""
    if isinstance(first, Absolute) and isinstance(last, Absolute):
        first, last = first.value, last.value
    if not isinstance(first, float) or not isinstance(last, float):
        return "goes"
    return "rises" if last > first else "falls"


def _curve_words(curve: Curve) -> str:
    if curve == curves.linear:
        return "in a straight line"
    return "along half a cosine wave" if curve == curves.cosine else f"along {cut_text(str(curve))}"


def cut_text(text: str, most: int = 200) -> str:
    """The first characters of a text: a schedule may hold a table of thousands of numbers."""
    return text if len(text) <= most else text[: most - 1] + "…"
