"""What a whole list of MMEngine schedulers says: the length of the run they share, and how they meet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import final

from paramsched.config.dialects.mmengine.table import CONVERTED, INF, Arguments, SchedulerRow


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


def windows_overlap(one: Arguments, other: Arguments, clock: RunLength) -> bool:
    """Whether two windows have a common tick, or may have."""
    if bool(one["by_epoch"]) == bool(other["by_epoch"]):
        bounds = [(each["begin"], each["end"]) for each in (one, other)]
    else:
        known = [
            tuple(clock.in_iterations(each[name], each["by_epoch"]) for name in ("begin", "end"))
            for each in (one, other)
        ]
        if any(bound is None for pair in known for bound in pair):
            return True
        bounds = [(pair[0] or 0, pair[1] or 0) for pair in known]
    (begin, end), (other_begin, other_end) = bounds
    return bool(begin < other_end and other_begin < end)


def list_cautions(schedulers: Iterable[tuple[SchedulerRow, Arguments]], clock: RunLength) -> Iterator[str]:
    """What a list does that is hardly meant, with cause and cure: rows 9 and 25."""
    together = list(schedulers)
    for index, (curve, arguments) in enumerate(together):
        if clock.max_epochs is None and clock.max_iters is not None and ticks_by_epoch(arguments):
            yield (
                f"[{index}]: by_epoch=True in a run by iterations ticks once in "
                f"{clock.epoch_length or 'an unknown number of'} iterations at most, in MMEngine never before the end; "
                "write by_epoch=False and counts of iterations"
            )
        if curve.name != "CosineAnnealing" or not arguments["T_max"] < arguments["end"] - arguments["begin"] - 1:
            continue
        others = [
            other
            for other, (_, theirs) in enumerate(together)
            if other != index
            and theirs.get("param_name") == arguments.get("param_name")
            and windows_overlap(arguments, theirs, clock)
        ]
        if others and arguments["end"] < INF:
            yield (
                f"[{index}]: the cosine turns round at T_max={arguments['T_max']}, before its window ends at "
                f"{arguments['end']}, and climbs back to the base value: what {_listed_places(others)} made of it "
                f"is forgotten; write end={arguments['begin'] + arguments['T_max'] + 1}"
            )


def _listed_places(indices: list[int]) -> str:
    return ", ".join(f"[{index}]" for index in indices)
