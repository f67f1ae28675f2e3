"""Constant: one level."""

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import OpenLength, formula


def _always(**_: object) -> int:
    return 0


@formula(open_levels={"value": 1.0}, held=_always)
def constant(t: Array, value: Level | None = None, over: OpenLength = None) -> Array:
    """Hold one level.

    value(t) = value

    Args:
        value: the level, a multiple of base, `absolute(x)` for an absolute value, or `0.5 + absolute(x)` for a sum of
            both. None is the level at which the stage before ends; in a first stage it is 1.
        over: the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`. None holds to the end of the run;
            in a sequence it takes the rest of the run.

    Raises:
        InvalidArgument: the level is not a finite number, or the length is invalid.

    Source: optax `constant_schedule`. torch's `ConstantLR` returns to base at its end: write
    `constant(0.5, over=10) >> constant(1)`.

    >>> constant(0.1)(1000, base=0.5), constant(absolute(0.9))(0, base=0.5)
    (0.05, 0.9)
    """
    del t, over
    return value


def constant_level(stage: Schedule) -> Level:
    """Return the level of a constant; if it is open, the one without a stage before it."""
    value: Level | None = stage.args["value"]
    return 1.0 if value is None else value
