"""Hugging Face Accelerate. Nothing is needed: attach before or after `prepare`, to the raw or the prepared optimizer.

`scheduler` adds the facts that only the Accelerator has, and puts the scheduler where `save_state` finds it. Nothing
has to call `scheduler.step()`; nothing breaks if something does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from paramsched.engines.engine_facts import AmountOf, EngineFacts, PlanOptions, batch_size_of, length_of
from paramsched.engines.reporting import BatchAmounts
from paramsched.errors import InvalidArgument
from paramsched.plan import Plan
from paramsched.scheduler.saved_state import OnChange
from paramsched.scheduler.scheduler import Scheduler
from paramsched.time import Calendar


def scheduler(
    accelerator: Any,
    optimizer: Any,
    plan: Plan,
    loader: Any,
    *,
    epochs: int | None = None,
    calendar: Calendar | None = None,
    tokens_per_sample: float | None = None,
    on_change: OnChange = "new",
) -> Scheduler:
    """Attach a plan with the facts of an Accelerator; `save_state` and `load_state` carry it.

    Args:
        accelerator: whose `prepare` has made `loader`.
        optimizer: raw or prepared.
        plan: what is applied.
        loader: the prepared training loader: a process sees its share of the batches only there.
        epochs: how often the loader is gone through; with it per cent and stages without a length are of the whole run.
        calendar: facts that win over the engine's, or that it does not have.
        tokens_per_sample: the length of a sequence, for plans in tokens.
        on_change: as in `ps.Scheduler`.

    Raises:
        InvalidArgument: the loader is not prepared and several processes share it.
        MissingFact: a unit of the plan needs a fact that is nowhere; the message names it and the argument.
    """
    options = PlanOptions(calendar=calendar, tokens_per_sample=tokens_per_sample, on_change=on_change)
    made = facts(accelerator, loader, epochs=epochs).attach(optimizer, plan, options)
    accelerator.prepare_scheduler(made)  # into its list
    return made


def facts(accelerator: Any, loader: Any, *, epochs: int | None = None) -> EngineFacts:
    """What an Accelerator and a prepared loader say of a run.

    Raises:
        InvalidArgument: the loader is not prepared and several processes share it.
    """
    from accelerate.data_loader import DataLoaderStateMixin

    if accelerator.num_processes > 1 and not isinstance(loader, DataLoaderStateMixin):
        raise InvalidArgument(
            "accelerate.scheduler(…, loader)",
            f"the loader is not prepared: its length is that of all {accelerator.num_processes} processes together",
            "Write loader = accelerator.prepare(loader) before",
        )
    batches = length_of(loader)
    accumulation = accelerator.gradient_accumulation_steps
    whole = accelerator.gradient_state.sync_with_dataloader
    size = batch_size_of(loader)
    # With split_batches a batch of the loader is already shared by the processes.
    total_size = None if size is None else getattr(loader, "total_batch_size", None)  # of unlike batches it fails
    if isinstance(total_size, int) and total_size % replicas(accelerator) == 0:
        size = total_size // replicas(accelerator)
    total = None
    if batches is not None and epochs is not None:
        total = epochs * -(-batches // accumulation) if whole else epochs * batches // accumulation
    return EngineFacts(
        call="accelerate.scheduler",
        batches=batches,
        accumulation=accumulation,
        batch_size=size,
        processes=replicas(accelerator),
        total=total,
        whole=whole,
        why={
            "steps_per_epoch": "the loader has no length"
            if batches is None
            else f"{batches} batches are no whole number of updates of {accumulation}, and sync_with_dataloader is off",
            "total": "nobody said epochs=" if epochs is None else "the loader has no length",
            "batch_size": "the loader does not say its batch size",
        },
    )


def batch_counter(
    accelerator: Any,
    scheduler: Scheduler,
    *,
    amount_of: AmountOf | None = None,
    tokens_per_sample: float | None = None,
) -> Callable[[Any], None]:
    """A function that counts a batch, for a plan whose clock counts samples or tokens.

    Inside `with accelerator.accumulate(model):` it is called with each batch. It adds up those of an update, and those
    of all processes, once an update, and tells the scheduler before its step.

    Args:
        accelerator: whose `accumulate` is used.
        scheduler: of the optimizer that uses the batches.
        amount_of: how many samples, tokens or frames a batch of one process holds. Without it samples are counted, and
            tokens by `tokens_per_sample`.
        tokens_per_sample: the length of a sequence; without it the calendar's `sequence_length`.
    """
    options = PlanOptions(calendar=scheduler.calendar, tokens_per_sample=tokens_per_sample, amount_of=amount_of)
    summed = partial(sum_over_replicas, accelerator)
    amounts = BatchAmounts(scheduler, options, replicas(accelerator), summed)
    return lambda batch: amounts.count_batch(batch, ends_update=accelerator.sync_gradients)


def replicas(accelerator: Any) -> int:
    """Return how many shares the data has: those of tensor, context and sequence parallelism have the same batches."""
    parallelism = getattr(accelerator, "parallelism_config", None)  # Accelerate before 1.10 has none
    count: int = accelerator.num_processes
    return count if parallelism is None else count // parallelism.non_data_parallel_size


def sum_over_replicas(accelerator: Any, amount: torch.Tensor) -> torch.Tensor:
    """Return the sum over all shares of the data, each of which may be at several processes."""
    summed = accelerator.reduce(amount.to(accelerator.device), reduction="sum")
    total: torch.Tensor = summed // (accelerator.num_processes // replicas(accelerator))
    return total


def log(accelerator: Any, scheduler: Scheduler) -> None:
    """Give the values of the coming update to the Accelerator's trackers, with its number for the step.

    Their names are those of `scheduler.scalars()`.
    """
    accelerator.log(scheduler.scalars("coming"), step=scheduler.last_epoch)
