"""When WSD decays: its checkpoints, the periods between them, and the schedule they make."""

from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import pairwise
from operator import rshift
from typing import TypedDict

from paramsched import curves
from paramsched.errors import InvalidArgument
from paramsched.schedules.affine import Absolute
from paramsched.schedules.anneal import cooldown, warmup
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import constant


class Period(TypedDict):
    """One stretch between checkpoints, in updates of the run; at `pre_decay_step` its decay begins."""

    period_start: int
    period_end: int
    decay_steps: int
    pre_decay_step: int


def estimate_checkpoint_steps(total_steps: int, num_checkpoints: int = 3) -> list[int]:
    """Checkpoints that double, up to the end of the run: checkpoint i of m is `total_steps // 2 ** (m - i)`.

    Args:
        total_steps: updates of the run, above 0.
        num_checkpoints: m, at least 1.

    Raises:
        InvalidArgument: the run is too short for so many.

    Differs from pytorch-accelerated, whose two checkpoints of 100 are 25 and 50 (row 23 of
    `docs/compat/divergences.md`).

    >>> estimate_checkpoint_steps(100_000, 2), estimate_checkpoint_steps(200_000, 4)
    ([50000, 100000], [25000, 50000, 100000, 200000])
    """
    steps = [total_steps // 2**halvings for halvings in reversed(range(num_checkpoints))]
    if steps[:1] == [0]:
        raise InvalidArgument(
            f"estimate_checkpoint_steps({total_steps!r}, {num_checkpoints!r})",
            f"{total_steps} updates cannot be halved {num_checkpoints - 1} times",
            f"Write num_checkpoints={total_steps.bit_length()} at most",
        )
    return steps


def checkpoint_periods(checkpoints: Sequence[int], ratio: float) -> list[Period]:
    """The period that each checkpoint ends; `int(length * ratio)` updates of it decay."""
    found: list[Period] = []
    for begin, end in pairwise((0, *checkpoints)):
        decay = int((end - begin) * ratio)
        found.append(Period(period_start=begin, period_end=end, decay_steps=decay, pre_decay_step=end - decay))
    return found


@lru_cache(maxsize=256)
def warmup_ramp(over: int, start: float) -> Schedule:
    """The warm-up: from `start`, a value as it stands, up to base."""
    return warmup(over, Absolute(start))


@lru_cache(maxsize=256)
def stable_then_decay(checkpoints: tuple[int, ...], ratio: float, to: float, *, sqrt: bool) -> Schedule:
    """Base, then down to `to`, in every period; after the last one `to`. A stage of no updates is skipped."""
    stages: list[Schedule] = []
    for period in checkpoint_periods(checkpoints, ratio):
        stages.append(constant(1.0, period["pre_decay_step"] - period["period_start"]))
        if ratio > 0:
            stages.append(_decay_stage(period["decay_steps"], to, sqrt=sqrt))
    return reduce(rshift, stages) >> constant(to if ratio > 0 else 1.0)


def _decay_stage(over: int, to: float, *, sqrt: bool) -> Schedule:
    if sqrt:
        return cooldown(over, to, curves.one_minus_sqrt)
    if to > 0:
        return cooldown(over, to, curves.inverse_proportional(to))
    # The limit of 1 / (p / to + 1 - p) for a minimum of nothing: base at p = 0, and 0 as soon as p is above it.
    return constant(1.0, min(over, 1)) >> constant(0.0, max(over - 1, 0))
