"""Hugging Face Accelerate. No adapter is required: attach a plan to the raw or the prepared optimizer.

`scheduler` adds the run facts of the Accelerator, and registers the scheduler for `save_state`. Calls of
`scheduler.step()` are not needed, and have no effect.
"""

from collections.abc import Callable
from typing import Any, Unpack

from paramsched.engines.torch_required import torch
from paramsched.core.calls.checked_calls import with_short_errors
from paramsched.core.calls.number_checks import whole_number
from paramsched.core.plan import PlanLike
from paramsched.core.run import EngineHandle, Scheduler
from paramsched.engines.engine_facts import (
    AmountOf,
    EngineFacts,
    EngineOptions,
    PlanOptions,
    batch_size_of,
    check_kinds,
    length_of,
    options_of,
    with_named_options,
)
from paramsched.engines.messages import adapters as messages
from paramsched.engines.reporting import BatchAmounts
from paramsched.engines.writes import warn_of_other_schedulers
from paramsched.errors import CallSite

__all__ = ["batch_counter", "facts", "log", "scheduler"]


@with_named_options
@with_short_errors
def scheduler(
    accelerator: Any,
    optimizer: Any,
    plan: PlanLike,
    loader: Any,
    *,
    epochs: int | None = None,
    drive: str = "optimizer",
    **options: Unpack[EngineOptions],
) -> Scheduler:
    """Attach a plan with the run facts of an Accelerator. `save_state` and `load_state` include the plan's state.

    Args:
        accelerator: the Accelerator that prepared `loader`.
        optimizer: the raw or the prepared optimizer, or a mapping from names to several, such as
            `{"muon": muon, "adamw": adamw}`.
        plan: the plan to apply, or as in `ps.Scheduler` its file, text or mapping.
        loader: the prepared training loader, whose length counts only the batches of one process.
        epochs: the number of epochs. Needed for percent and for stages without a length, if the plan has no total.
        drive: as in `ps.Scheduler`, for several optimizers.
        options: those that adapters share, `paramsched.engines.engine_facts.EngineOptions`.

    Raises:
        InvalidArgument: the loader is not prepared and several processes share it.
        MissingFact: a unit of the plan needs an unknown run fact; the message names the fact and the argument.
    """
    check_kinds("accelerate.scheduler", accelerator=accelerator, optimizer=optimizer, plan=plan, loader=loader)
    chosen = options_of("accelerate.scheduler", scheduler, options)
    attached = facts(accelerator, loader, epochs=epochs).attach(optimizer, plan, chosen, drive=drive)
    prepared = getattr(accelerator, "_schedulers", [])  # private: a version without it warns of the first write
    # A Scheduler that this one has replaced, as after a second run of a notebook's cell, has no state to save.
    prepared[:] = [wrapper for wrapper in prepared if not _is_replaced(wrapper.scheduler)]
    warn_of_other_schedulers(attached, (wrapper.scheduler for wrapper in prepared), "accelerator.prepare")
    accelerator.prepare_scheduler(attached)  # registers it for checkpoints
    return attached


def _is_replaced(scheduler: Any) -> bool:
    """Return whether a scheduler is a detached Scheduler."""
    return isinstance(scheduler, Scheduler) and not EngineHandle(scheduler).is_attached


def facts(accelerator: Any, loader: Any, *, epochs: int | None = None) -> EngineFacts:
    """Return the run facts of an Accelerator and a prepared loader.

    Raises:
        InvalidArgument: the loader is not prepared and several processes share it, or `epochs` is not a count.
    """
    check_kinds("accelerate.facts", accelerator=accelerator, loader=loader)
    from accelerate.data_loader import DataLoaderStateMixin

    epochs = None if epochs is None else whole_number(CallSite("accelerate.scheduler", "epochs"), epochs)
    if accelerator.num_processes > 1 and not isinstance(loader, DataLoaderStateMixin):
        raise messages.loader_not_prepared(accelerator.num_processes)
    batches = length_of(loader)
    accumulation = accelerator.gradient_accumulation_steps
    whole = accelerator.gradient_state.sync_with_dataloader
    size = batch_size_of(loader)
    # With split_batches, each batch of the loader is split between the processes.
    total_size = None if size is None else getattr(loader, "total_batch_size", None)  # raises if batch sizes differ
    if isinstance(total_size, int) and total_size % replicas(accelerator) == 0:
        size = total_size // replicas(accelerator)
    total = None
    if batches is not None and epochs is not None:
        total = epochs * -(-batches // accumulation) if whole else epochs * batches // accumulation
    has_no_length = "the loader has no length"
    return EngineFacts(
        call="accelerate.scheduler",
        batches=batches,
        accumulation=accumulation,
        batch_size=size,
        processes=replicas(accelerator),
        total=total,
        whole=whole,
        counter=messages.BATCH_COUNTER,
        why={
            "steps_per_epoch": has_no_length if batches is None else messages.no_whole_updates(batches, accumulation),
            "total": "epochs= was not passed" if epochs is None else has_no_length,
            "batch_size": "the loader has no batch size",
        },
    )


def batch_counter(
    accelerator: Any,
    scheduler: Scheduler,
    *,
    amount_of: AmountOf | None = None,
    tokens_per_sample: float | None = None,
) -> Callable[[Any], None]:
    """Return a function that counts the samples or tokens of a batch, for a plan whose clock counts these.

    Call it with each batch inside `with accelerator.accumulate(model):`. Once per update it sums the counts of all
    processes, and reports the sum to the scheduler before the step.

    Args:
        accelerator: the Accelerator whose `accumulate` is used.
        scheduler: the scheduler of the optimizer that uses the batches.
        amount_of: returns the number of samples, tokens or frames in a batch of one process. Default: the
            number of samples, times `tokens_per_sample` if the clock counts tokens.
        tokens_per_sample: the length of a sequence. Default: `sequence_length` of the run facts.
    """
    check_kinds("accelerate.batch_counter", accelerator=accelerator, scheduler=scheduler)
    options = PlanOptions(facts=scheduler.facts, tokens_per_sample=tokens_per_sample, amount_of=amount_of)
    amounts = batch_amounts(accelerator, scheduler, options)
    return lambda batch: amounts.count_batch(batch, ends_update=accelerator.sync_gradients)


def replicas(accelerator: Any) -> int:
    """Return the number of data shards. Processes that share batches, as in tensor parallelism, are one shard."""
    parallelism = getattr(accelerator, "parallelism_config", None)  # Accelerate before 1.10 has none
    count: int = accelerator.num_processes
    return count if parallelism is None else count // parallelism.non_data_parallel_size


def batch_amounts(
    accelerator: Any,
    scheduler: Scheduler,
    options: PlanOptions,
    samples: Callable[[Any], int] | None = None,
    shards: int | None = None,
) -> BatchAmounts:
    """Return a counter of batches that sums over the data shards of an Accelerator; by default its `replicas`."""
    shards = replicas(accelerator) if shards is None else shards
    copies = accelerator.num_processes // shards  # a shard on several processes counts once

    def summed(amount: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor = accelerator.reduce(amount.to(accelerator.device), reduction="sum") // copies
        return total

    return BatchAmounts(scheduler, options, shards, summed, samples)


def log(accelerator: Any, scheduler: Scheduler) -> None:
    """Log the values of the next update to the Accelerator's trackers, with the index of this update as the step.

    The names are those of `scheduler.scalars()`.
    """
    check_kinds("accelerate.log", accelerator=accelerator, scheduler=scheduler)
    accelerator.log(scheduler.scalars("coming"), step=scheduler.last_epoch)


def __dir__() -> list[str]:
    return __all__
