"""Whether a schedule is another one in a longer run."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from paramsched.schedules.base import Schedule
from paramsched.schedules.constant import Constant
from paramsched.schedules.cuts import Skip, Take
from paramsched.schedules.like import Like
from paramsched.schedules.rules import ScheduleRule
from paramsched.time import Duration


def depends_on_horizon(schedule: Schedule) -> bool:
    """Whether the values of a schedule change with the length of the run: it fills, or has a per cent.

    What follows another field, `like("lr")`, is no longer or shorter than that field.

    >>> from paramsched.schedules import constant, cosine, take, warmup
    >>> depends_on_horizon(cosine()), depends_on_horizon(warmup(100) >> constant())
    (True, False)
    >>> depends_on_horizon(take(cosine(), 80)), depends_on_horizon(take(cosine(), 80, of=100))
    (True, False)
    """
    own = _without_likes(schedule)
    return own.fills or _asks_for_horizon(own)


def _without_likes(value: Any) -> Any:
    """A schedule, or a value in it, with a level that stays for each `like(…)`."""
    if isinstance(value, tuple):
        return tuple(map(_without_likes, value))
    if isinstance(value, Like):
        return Constant(1.0, None)
    if not isinstance(value, Schedule) or not any(True for _ in value.parts()):
        return value
    parts = {field.name: _without_likes(getattr(value, field.name)) for field in fields(value)}  # type: ignore[arg-type]  # every schedule is a dataclass
    return replace(value, **parts)  # type: ignore[type-var]  # as above


def _asks_for_horizon(schedule: Schedule) -> bool:
    """Whether something inside needs the length of the run, be the schedule as long as it may."""
    own = [leaf for field in fields(schedule) for leaf in _opened(getattr(schedule, field.name))]  # type: ignore[arg-type]  # every schedule is a dataclass
    if any(unit == "percent" for leaf in own if isinstance(leaf, Duration) for unit, _ in leaf.terms):
        return True
    if any(depends_on_horizon(leaf.schedule) for leaf in own if isinstance(leaf, ScheduleRule)):
        return True
    if isinstance(schedule, (Take, Skip)):  # what is cut was planned for more than its part
        return schedule.of is None and depends_on_horizon(schedule.schedule)
    return any(_asks_for_horizon(part) for part in schedule.parts())


def _opened(value: Any) -> Iterator[Any]:
    """The value of a field, tuples opened."""
    if isinstance(value, tuple):
        for item in value:
            yield from _opened(item)
    else:
        yield value
