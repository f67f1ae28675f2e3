"""RunFacts: how long a run is, for what is scheduled in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

from paramsched.plan import Plan, Target
from paramsched.plan.run_sizes import PLANNED_SIZES
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
        samples_per_epoch: of all batches of a pass, where it is known and the last batch is smaller.
        tokens_per_sample: the length of a sequence.
        in_updates: whether schedulers with `by_epoch=False` count updates.
    """

    epoch_length: int
    max_epochs: int | None
    max_iters: int | None
    accumulation: Mapping[str, int]
    batch_size: int | None = None
    samples_per_epoch: int | None = None
    tokens_per_sample: int | None = None
    in_updates: bool = False

    def calendar_for(self, name: str) -> Calendar:
        """For a plan: updates of the run and of an epoch, which ends a cycle of accumulation."""
        accumulation = self.accumulation[name]
        updates = -(-self.epoch_length // accumulation)
        total = updates * self.max_epochs if self.max_epochs is not None else -(-(self.max_iters or 0) // accumulation)
        return Calendar(
            total=total, batches_per_epoch=self.epoch_length, accumulation=accumulation, batch_size=self.batch_size,
            sequence_length=self.tokens_per_sample,
        )  # fmt: skip

    def calendar_for_plan(self, name: str, plan: Plan) -> Calendar:
        """As `calendar_for`; a run whose last batches are smaller ends where its samples do, on a clock of these."""
        calendar, unit = self.calendar_for(name), plan.clock
        if self.samples_per_epoch is None or self.max_epochs is None:
            return calendar
        if any(isinstance(one.field, Target) and one.name in PLANNED_SIZES for one in plan.bindings):
            return calendar
        samples = self.samples_per_epoch * self.max_epochs
        if unit == "samples":
            return replace(calendar, total=f"{samples} samples")
        if unit == "tokens" and self.tokens_per_sample is not None:
            return replace(calendar, total=f"{samples * self.tokens_per_sample} tokens")
        return calendar

    def lengths_for(self, name: str) -> dict[str, int | None]:
        """For MMEngine's schedulers: batches, or updates."""
        per = self.accumulation[name] if self.in_updates else 1
        return {
            "epoch_length": -(-self.epoch_length // per),
            "max_epochs": self.max_epochs,
            "max_iters": None if self.max_iters is None else -(-self.max_iters // per),
        }
