"""A function of time written down: a table of its values, which can be saved."""

from collections.abc import Callable
from typing import Any

from paramsched._number_checks import whole_number
from paramsched.curves import CurveLike
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.base import Schedule
from paramsched.schedules.table import Table, table
from paramsched.schedules.text.writing import short_line


def tabulate(function: Callable[[Any], Any], updates: int, *, every: int = 1, curve: CurveLike | None = None) -> Table:
    """The table of a function of time: values[k] = function(k * every), up to so many updates.

    What it gives is a schedule like any other, whose text says every value: a function by itself cannot be saved, since
    nothing in a file runs code.

    Args:
        function: takes the number of completed updates and gives a multiple of base; a schedule does so too.
        updates: how many are written down; from the last one on its value is held.
        every: how many updates each value stands for.
        curve: the way from each value to the next; then the value at `updates` is one of them.

    Raises:
        InvalidArgument: no function, one that gives no finite number, more than 10,000 values, or a schedule whose
            values are no multiples of base.

    >>> print(tabulate(lambda t: 1 / (1 + t), 4))
    table([1.0, 0.5, 0.3333333333333333, 0.25])
    >>> print(tabulate(lambda t: t**2, 6, every=3, curve=curves.linear))
    table([0.0, 9.0, 36.0], 3, curves.linear)
    """
    if not callable(function):
        raise InvalidArgument(f"tabulate({function!r})", "not callable", "Write tabulate(lambda t: 0.9 ** t, 1000)")
    if isinstance(function, Schedule) and function.has_absolute:
        found = "it has values as they stand, and a table of multiples of base has none"
        raise InvalidArgument(f"tabulate({short_line(function)})", found, "Write ps.trace(plan, {'lr': 0.1})")
    total = whole_number(Asked("tabulate", "updates"), updates)
    step = whole_number(Asked("tabulate", "every"), every)
    times = range(0, total + (step if curve is not None else 0), step)
    return table([function(t) for t in times], step, curve)
