"""What people give for a schedule or a curve, as one."""

from collections.abc import Callable
from numbers import Real

from paramsched import curves
from paramsched.curves import Curve, CurveLike, curve_of
from paramsched.errors import Asked, InvalidArgument, shown
from paramsched.schedules.base import Schedule
from paramsched.schedules.registry import SHAPES
from paramsched.schedules.text.writing import short_line

MOST_DEPTH = 100
"""Of schedules in each other: whatever is built is evaluated, printed, copied and saved, and no stack runs out."""


def curve_argument(name: str, curve: CurveLike) -> Curve:
    """A curve; a schedule can be called too, but with a time, not with a progress."""
    if isinstance(curve, Schedule):
        refusal = InvalidArgument(
            Asked(name, "curve", str(curve)), "a schedule is no curve", "Write curve=curves.cosine"
        )
        raise refusal.suggest(curves.cosine)
    return curve_of(curve)


def schedule_of(value: object, asked: str | Callable[[], str]) -> Schedule:
    """A schedule, or a finite number as a constant.

    Args:
        value: what was given.
        asked: the call for a message; a function where writing it costs as much as the schedule is long.
    """
    if isinstance(value, Schedule):
        if value.metric_rules:
            raise InvalidArgument(
                asked() if callable(asked) else asked,
                f"{value} is guided by a metric",
                "A metric rule multiplies into a whole schedule: cosine() * plateau()",
            )
        if value.depth >= MOST_DEPTH:
            found = f"schedules nested more than {MOST_DEPTH} deep"
            raise InvalidArgument(short_line(value), found, "Add up what is nested: shift(s, 2) for two shifts by 1")
        return value
    if isinstance(value, Real) and not isinstance(value, bool):
        level: Schedule = SHAPES["constant"](value)
        return level
    raise InvalidArgument(
        asked() if callable(asked) else asked,
        f"{shown(value)} is no schedule and no number",
        "Write warmup(100) >> cosine(to=0.1)",
    )
