"""RunFacts: how long a run is, for what is scheduled in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known about the run when schedulers are built.

    Args:
        epoch_length: batches of a pass.
        max_epochs, max_iters: the length of the run, one of the two.
        accumulation: batches to an update, by optimizer.
        batch_size: samples in a batch of all processes, where that is known.
        in_updates: whether schedulers with `by_epoch=False` count updates.
    """

    epoch_length: int
    max_epochs: int | None
    max_iters: int | None
    accumulation: Mapping[str, int]
    batch_size: int | None = None
    in_updates: bool = False

    def calendar_for(self, name: str) -> Calendar:
        """For a plan: updates of the run and of an epoch, which ends a cycle of accumulation."""
        accumulation = self.accumulation[name]
        updates = -(-self.epoch_length // accumulation)
        total = updates * self.max_epochs if self.max_epochs is not None else -(-(self.max_iters or 0) // accumulation)
        return Calendar(
            total=total, batches_per_epoch=self.epoch_length, accumulation=accumulation, batch_size=self.batch_size
        )

    def lengths_for(self, name: str) -> dict[str, int | None]:
        """For MMEngine's schedulers: batches, or updates."""
        per = self.accumulation[name] if self.in_updates else 1
        return {
            "epoch_length": -(-self.epoch_length // per),
            "max_epochs": self.max_epochs,
            "max_iters": None if self.max_iters is None else -(-self.max_iters // per),
        }
