"""Cosine waves."""

from typing import Any

import numpy as np

from paramsched.core import curves
from paramsched.core.base.params import Positive
from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.anneal import along, stage_fraction
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.shape import Over, formula


@formula()
def cosine_wave(t: Array, cycles: Positive = 1.0, start: Level = 1.0, to: Level = 0.0, over: Over = None) -> Array:
    """Oscillate between `start` and `to` along a cosine wave.

    value(t) = to + (start - to) * (1 + cos(2 * pi * cycles * t / n)) / 2; constant from t = n on

    Args:
        cycles: the number of waves in n, above 0; it may be fractional. The final value depends on it: `to` for 0.5,
            `start` for 1, half-way for 0.25.
        start: the level of the first update, a multiple of base, or `absolute(x)` for an absolute value.
        to: the level half a wave later, likewise.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: an argument is out of range.

    torch's `CosineAnnealingLR` rises again after n updates: `restarts(cosine_wave(over="2n steps"), "2n steps")`, with
    the number 2n written out.

    Source: Hugging Face `get_cosine_schedule_with_warmup(num_cycles)`.

    >>> [round(cosine_wave(1, over=8)(t), 9) for t in (0, 2, 4, 6, 8, 100)]
    [1.0, 0.5, 0.0, 0.5, 1.0, 1.0]
    """
    n: Any = over
    k, whole = stage_fraction("t/n", np.minimum(t, n), n)
    turns = k * cycles / whole
    progress = 1.0 - abs(1.0 - 2.0 * (turns - np.floor(turns)))  # half a wave forward, and then backward
    return along(curves.cosine, start, to, progress, 1)
