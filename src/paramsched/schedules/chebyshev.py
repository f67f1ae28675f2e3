"""Chebyshev steps: the reciprocals of Chebyshev nodes, in an order in which large ones are followed by small ones."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import final

import numpy as np

from paramsched._arrays import Array, Arrays, Floats
from paramsched._number_checks import positive_number, whole_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import PERIOD, require_some_length
from paramsched.schedules.periods import boundaries, periods_over
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike

_MOST_STEPS = 2**20


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Chebyshev(Schedule):
    """value(t) = base / (c - r cos(pi (j + 1/2) / steps)), j the k-th of the fractal order, k = floor(t / every)."""

    steps: int
    least: float
    most: float
    every: Duration = field(metadata=PERIOD)

    def __post_init__(self) -> None:
        asked = Asked("chebyshev", "steps")
        object.__setattr__(self, "steps", whole_number(asked, self.steps))
        if self.steps > _MOST_STEPS:
            raise InvalidArgument(asked, f"{self.steps} steps are too many", "Write steps=1024").suggest(1024)
        for name in ("least", "most"):
            object.__setattr__(self, name, positive_number(Asked("chebyshev", name), getattr(self, name)))
        if self.least >= self.most:
            found = f"least={self.least!r} is not below most={self.most!r}"
            raise InvalidArgument(Asked("chebyshev", "least"), found, "Write chebyshev(16, 0.05, 1.0)")
        require_some_length(Asked("chebyshev", "every"), self.every)

    @property
    def length(self) -> None:
        return None

    def _held_from(self) -> int | Fraction:
        return self.every.number * (self.steps - 1)

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        step = xp.at_most(periods_over(t, self.every.number, xp), self.steps - 1)
        return base.scaled(xp.take(self._factors, xp.whole(step)))

    @cached_property
    def _factors(self) -> Floats:
        """The factor of each step."""
        order = np.zeros(1, dtype=np.int64)
        while len(order) < self.steps:
            order = np.stack([order, 2 * len(order) - 1 - order], axis=1).reshape(-1)
        center, radius = (self.most + self.least) / 2, (self.most - self.least) / 2
        return 1 / (center - radius * np.cos((order[order < self.steps] + 0.5) * math.pi / self.steps))

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        last = self._held_from()
        return (change for change in boundaries(self.every.number, min(until, math.ceil(last))) if change <= last)


@shape
def chebyshev(steps: int, least: float = 0.05, most: float = 1.0, every: DurationLike = 1) -> Chebyshev:
    """Steps of base over Chebyshev nodes, in fractal order: value(t) = base / (c - r cos(pi (j + 1/2) / steps)).

    c and r are half the sum and half the difference of `most` and `least`. j is the k-th, k = floor(t / every), of the
    order that begins as 0, and of which n become 2 n by a 2 n - 1 - x behind each x. Factors reach 1 / least, 20 times
    base. The last one is held; `restarts(chebyshev(16), 16)` begins again.

    Args:
        steps: how many there are, a power of two in the source.
        least, most: the bounds of the spectrum, above 0.
        every: how long each step is, any unit of time.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Agarwal et al. 2021 (2103.01338). pytorch_optimizer's `get_chebyshev_schedule(…, 16)` is two updates late:
    `shift(chebyshev(16), 2)`.

    >>> [round(chebyshev(4)(t), 4) for t in range(5)]
    [11.6067, 1.0375, 2.9135, 1.4149, 1.4149]
    """
    return Chebyshev(steps, least, most, Duration.of(every))
