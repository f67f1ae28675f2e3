"""Names in a config of MMEngine, and the length of the run that it describes."""

from dataclasses import dataclass
from math import ceil
from typing import Any, Final, final

from paramsched.mmengine.reader.row import CONVERTED, INF, Arguments

CONFIG_KEYS: Final = ("param_scheduler", "optim_wrapper", "_base_")
"""Keys of which a config of MMEngine has at least one, and a plan none."""


def bare_class_name(kind: Any) -> str | None:
    """Return the name of a class in MMEngine's registries, without its scope; None if `kind` is not a class or name.

    >>> bare_class_name("mmdet.StepLR"), bare_class_name(dict), bare_class_name(5)
    ('StepLR', 'dict', None)
    """
    name = kind.__name__ if isinstance(kind, type) else kind
    return name.rpartition(".")[2] if isinstance(name, str) else None


@final
@dataclass(frozen=True, slots=True)
class RunLength:
    """The length of a run.

    Args:
        epoch_length: iterations per epoch; None if unknown.
        max_epochs: its length in epochs, if the loop runs by epochs.
        max_iters: its length in iterations, if the loop runs by iterations.
    """

    epoch_length: int | None = None
    max_epochs: int | None = None
    max_iters: int | None = None

    def end(self, by_epoch: bool) -> int | None:
        """Return the end of the run, the default of a scheduler's `end`, in epochs or iterations; None if unknown."""
        if by_epoch:
            if self.max_epochs is not None:
                return self.max_epochs
            if self.max_iters is not None and self.epoch_length:
                # MMEngine takes 1 instead: row 25 of docs/reference/divergences.md.
                return ceil(self.max_iters / self.epoch_length)
            return None
        if self.max_iters is not None:
            return self.max_iters
        if self.max_epochs is not None and self.epoch_length:
            return self.max_epochs * self.epoch_length
        return None

    def in_iterations(self, tick: float, by_epoch: bool) -> float | None:
        """Convert the number of a scheduler's step to iterations; return None if it needs the unknown epoch length."""
        if not by_epoch or tick >= INF or tick == 0:
            return tick
        return None if self.epoch_length is None else tick * self.epoch_length


def ticks_by_epoch(arguments: Arguments) -> bool:
    """Return whether a scheduler steps once per epoch."""
    return bool(arguments["by_epoch"]) and not arguments.get(CONVERTED, False)


def windows_overlap(one: Arguments, other: Arguments, length: RunLength) -> bool:
    """Return whether two windows have a common step; True if that is unknown."""
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
