"""The length of the run that schedulers share, and when their windows meet."""

from dataclasses import dataclass
from math import ceil
from typing import final

from paramsched.config.dialects.mmengine.rows.arguments import CONVERTED, INF, Arguments


@final
@dataclass(frozen=True, slots=True)
class RunLength:
    """How long a run is.

    Args:
        epoch_length: iterations in an epoch.
        max_epochs: length of a run by epochs.
        max_iters: length of a run by iterations.
    """

    epoch_length: int | None = None
    max_epochs: int | None = None
    max_iters: int | None = None

    def end(self, by_epoch: bool) -> int | None:
        """What a missing `end` is filled with; None where nothing says how long the run is."""
        if by_epoch:
            if self.max_epochs is not None:
                return self.max_epochs
            if self.max_iters is not None and self.epoch_length:
                return ceil(self.max_iters / self.epoch_length)  # row 25: MMEngine takes 1
            return None
        if self.max_iters is not None:
            return self.max_iters
        if self.max_epochs is not None and self.epoch_length:
            return self.max_epochs * self.epoch_length
        return None

    def in_iterations(self, tick: float, by_epoch: bool) -> float | None:
        """A tick of one unit in iterations; None where that is unknown."""
        if not by_epoch or tick >= INF or tick == 0:
            return tick
        return None if self.epoch_length is None else tick * self.epoch_length


def ticks_by_epoch(arguments: Arguments) -> bool:
    """Whether a scheduler makes a tick once an epoch."""
    return bool(arguments["by_epoch"]) and not arguments.get(CONVERTED, False)


def apart_from(one: Arguments, other: Arguments) -> int | None:
    """The least iterations an epoch with which a window in iterations is over before one in epochs begins.

    None where there is no such number.
    """
    first, second = (other, one) if one["by_epoch"] else (one, other)
    if first["by_epoch"] or not second["by_epoch"] or not second["begin"] > 0 or first["end"] >= INF:
        return None
    least: int = ceil(first["end"] / second["begin"])
    return least


def windows_overlap(one: Arguments, other: Arguments, length: RunLength) -> bool:
    """Whether two windows have a common tick, or may have."""
    if bool(one["by_epoch"]) == bool(other["by_epoch"]):
        bounds = [(each["begin"], each["end"]) for each in (one, other)]
    else:
        known = [
            tuple(length.in_iterations(each[name], each["by_epoch"]) for name in ("begin", "end"))
            for each in (one, other)
        ]
        if any(bound is None for pair in known for bound in pair):
            return True
        bounds = [(pair[0] or 0, pair[1] or 0) for pair in known]
    (begin, end), (other_begin, other_end) = bounds
    return bool(begin < other_end and other_begin < end)
