"""How much each update consumes, counted in the batches themselves, for a plan whose clock is not that of updates."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, final

import torch

from paramsched.errors import MissingFact
from paramsched.plan import Plan
from paramsched.plan.amounts import amounts_of_run
from paramsched.plan.plan_clock import amount_clock
from paramsched.plan.planned_amounts import PlannedAmounts
from paramsched.plan.run_amounts import Amount, RunAmounts, UntoldAmounts
from paramsched.scheduler import Scheduler
from paramsched.scheduler.told_amounts import checked_amount

AmountOfBatch: TypeAlias = Callable[[Any], Any]
"""From a batch of one process to how much of it the plan's clock counts."""

_SIZES_SEEN = {"batch_size", "accumulation"}
"""The planned sizes that show in batches."""

log = logging.getLogger("paramsched.runner")


@final
class CountedAmounts:
    """Tells a plan's scheduler what each update consumes: the batches since the last one, of all processes together.

    A planned size is not told, but compared: the plan's counts. What the user said of an update by
    `scheduler.consumed` is left as it is.

    Args:
        scheduler: whose clock it is.
        accelerator: Accelerate's.
        tokens_per_sample: the length of a sequence.
        amount_of: counts a batch of one process; it beats all else.
    """

    def __init__(
        self, scheduler: Scheduler, accelerator: Any, tokens_per_sample: int | None, amount_of: AmountOfBatch | None
    ) -> None:
        self._scheduler, self._accelerator = scheduler, accelerator
        self._tokens_per_sample, self._amount_of = tokens_per_sample, amount_of
        self._here = self._everywhere = 0  # counted since the last update: in this process, and summed over all
        self._said: Amount | None = None  # by us, and not counted by an update yet
        self._uncounted: Any = None  # a batch of which nothing says how much it is
        self._differs = False  # whether a batch that is not as planned was noticed
        self._plan: Plan | None = None
        self._unit: str | None = None
        self._run: RunAmounts | None = None

    def note_batch(self, data: Any) -> None:
        """A batch is trained on; `data` is this process's."""
        self._look_at_plan()
        if not self._counts:
            return
        counted = self._count(data)
        if counted is None:
            self._uncounted = data
        else:
            self._here += counted

    def before_update(self) -> None:
        """Say what the coming update consumes.

        Raises:
            MissingFact: nothing says it. Nothing has changed; the update did not happen.
        """
        self._look_at_plan()
        if not self._counts:
            return
        if self._scheduler.said != self._said:  # the user has said it
            self._forget_batches()
        elif self._uncounted is not None:
            if isinstance(self._run, UntoldAmounts):
                raise self._nothing_counts()
            self._forget_batches()  # what is planned or constant counts
        elif isinstance(self._run, PlannedAmounts) and self._amount_of is None:
            self._compare_with_planned(self._run)
        else:
            self._scheduler.consumed(**{str(self._unit): self._take_sum()})
            self._said = self._scheduler.said

    def after_update(self) -> None:
        """The update has happened, and has counted what was said."""
        self._said = None

    def saved_state(self) -> dict[str, Amount]:
        """What a checkpoint keeps of an update that is not complete, if there is any; every process calls it."""
        self._look_at_plan()
        if not self._counts:
            return {}
        self._sum_over_processes()
        found = {"waiting": self._everywhere, "said": self._said}
        return {name: amount for name, amount in found.items() if amount}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on with an update that was not complete."""
        self._here, self._everywhere, self._said = 0, state.get("waiting", 0), state.get("said")

    def _look_at_plan(self) -> None:
        """A checkpoint may have brought another plan."""
        scheduler = self._scheduler
        if self._plan is not scheduler.plan:
            self._plan = scheduler.plan
            self._unit = amount_clock(self._plan.clock)
            self._run = amounts_of_run(self._plan.resolve(scheduler.calendar), scheduler.calendar)

    @property
    def _counts(self) -> bool:
        """Whether there is anything to count: seconds are the scheduler's own matter."""
        return self._unit is not None and self._unit != "seconds"

    def _count(self, data: Any) -> int | None:
        """How much this process's batch is; None where nothing says it."""
        if self._amount_of is not None:
            return int(checked_amount("scheduler.consumed(", self._unit, {str(self._unit): self._amount_of(data)}))
        if self._unit == "batches":
            # The batches of all processes are one, as in the Calendar: the first process counts it.
            return int(self._accelerator.process_index == 0)
        samples = samples_of_batch(data)
        if self._unit == "samples":
            return samples
        if self._unit == "tokens" and self._tokens_per_sample is not None and samples is not None:
            return samples * self._tokens_per_sample
        return None

    def _sum_over_processes(self) -> None:
        amount, self._here = self._here, 0
        if self._accelerator.num_processes > 1:
            number = torch.tensor(amount, device=self._accelerator.device)
            amount = int(self._accelerator.reduce(number, "sum"))
        self._everywhere += amount

    def _take_sum(self) -> int:
        """What was counted for the coming update, in all processes."""
        self._sum_over_processes()
        amount, self._everywhere = self._everywhere, 0
        return amount

    def _forget_batches(self) -> None:
        self._here, self._everywhere, self._uncounted = 0, 0, None

    def _compare_with_planned(self, run: PlannedAmounts) -> None:
        """Notice the first update whose batches are not as planned; the plan's amounts count."""
        if self._differs or not {target.name for target in run.sizes.targets} <= _SIZES_SEEN:
            self._forget_batches()
            return
        scheduler, found = self._scheduler, self._take_sum()
        planned = int(run.amounts_from(scheduler.t, scheduler.amount, 2)[1]) - int(scheduler.amount)
        if found != planned:
            self._differs = True
            log.warning(
                "update %d takes %d %s, and the plan says %d, which counts. Let the loader follow "
                'scheduler.value("batch_size")',
                scheduler.t, found, self._unit, planned,
            )  # fmt: skip

    def _nothing_counts(self) -> MissingFact:
        """The error of a batch that nothing counts."""
        unit, data = self._unit, self._uncounted
        found = f"the plan's clock counts {unit}, and nothing says how many a batch has"
        if unit == "tokens" and self._tokens_per_sample is None:
            instead = "Write Runner(..., tokens_per_sample=1024), or Runner(..., amount_of=lambda batch: …)"
            return MissingFact(f"update {self._scheduler.t}", found, instead, fact="sequence_length", example="1024")
        if unit in ("samples", "tokens"):
            found += f": it is a {type(data).__name__} without a tensor in front"
        instead = "Write Runner(..., amount_of=lambda batch: …)"
        return MissingFact(f"update {self._scheduler.t}", found, instead, fact="batch_size", example="64")


def samples_of_batch(data: Any) -> int | None:
    """How many samples a batch has: the length of the first part of it that has one; None where none has.

    >>> samples_of_batch((torch.zeros(4, 64), torch.zeros(4)))
    4
    >>> samples_of_batch({"inputs": ["an image", "another"], "scale": 2.0})
    2
    """
    parts = data.values() if isinstance(data, Mapping) else data if isinstance(data, (list, tuple)) else [data]
    return next((size for part in parts if (size := _samples_of_part(part)) is not None), None)


def _samples_of_part(part: Any) -> int | None:
    """The samples in a part of a batch, which is a tensor, a list with an entry for each, or made of such parts."""
    if isinstance(part, torch.Tensor):
        return int(part.shape[0]) if part.ndim else None
    if isinstance(part, list):
        return len(part)
    return samples_of_batch(part) if isinstance(part, (tuple, Mapping)) else None
