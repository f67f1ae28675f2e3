"""The time axis: which updates get a tick, and what is written there."""

import math
from typing import NamedTuple

from paramsched.show._numbers import count, number


class Tick(NamedTuple):
    """A time on the axis, written in updates and, where the epoch is known, in epochs."""

    at: int
    updates: str
    epochs: str


def time_ticks(total: int, steps_per_epoch: int | None, most: int) -> tuple[Tick, ...]:
    """Choose at most about `most` round times in [0, total], both ends among them.

    With two epochs or more the ticks stand at whole epochs.

    >>> [tick.updates for tick in time_ticks(1000, None, most=5)]
    ['0', '200', '400', '600', '800', '1,000']
    >>> [(tick.updates, tick.epochs) for tick in time_ticks(1173, 391, most=5)]
    [('0', '0'), ('391', '1'), ('782', '2'), ('1,173', '3')]
    """
    unit = steps_per_epoch if steps_per_epoch and total >= 2 * steps_per_epoch else 1
    step = unit * _round_integer(total / unit / max(most, 1))
    times = list(range(0, total + 1, step))
    if times[-1] != total:
        if len(times) > 1 and total - times[-1] < 0.6 * step:
            times.pop()  # the end says more than a round number beside it
        times.append(total)
    return tuple(Tick(t, count(t), number(t / steps_per_epoch, 4) if steps_per_epoch else "") for t in times)


def _round_integer(least: float) -> int:
    """The smallest of 1, 2, 5 times a power of ten that is not below `least`."""
    power: int = 10 ** max(math.floor(math.log10(max(least, 1.0))), 0)
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least * (1 - 1e-9))
