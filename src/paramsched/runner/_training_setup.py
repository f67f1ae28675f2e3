"""From checked settings to loops and the facts of the run."""

from collections.abc import Mapping, Sized
from functools import partial
from typing import Any, Literal

from paramsched.engines.accelerate import sum_over_processes
from paramsched.engines.batch_amounts import BatchAmounts
from paramsched.engines.batch_samples import samples_in_lists
from paramsched.engines.engine_facts import PlanOptions
from paramsched.runner._class_dicts import build_evaluator
from paramsched.runner._epoch_batches import EpochBatches
from paramsched.runner._loaders import build_loader
from paramsched.runner._run_facts import RunFacts
from paramsched.runner._train_cfg import counts_epochs
from paramsched.runner.loops import EpochBasedTrainLoop, EvalLoop, IterBasedTrainLoop, TrainLoop
from paramsched.runner.optim_wrapper import AcceleratedWrapper
from paramsched.runner.view import RunnerParts
from paramsched.scheduler import Scheduler


def train_loop_for(runner: RunnerParts, train_cfg: Mapping[str, Any], loader: Any) -> TrainLoop:
    """The loop over a prepared loader."""
    by_epoch = counts_epochs(train_cfg)
    settings = {name: value for name, value in train_cfg.items() if name not in ("type", "by_epoch")}
    passes = EpochBatches(loader, runner.accelerator)
    return (
        EpochBasedTrainLoop(runner, passes, **settings) if by_epoch else IterBasedTrainLoop(runner, passes, **settings)
    )


def eval_loop_for(runner: RunnerParts, loader: Any, evaluator: Any, mode: Literal["val", "test"]) -> EvalLoop:
    """The loop of a validation or test; no sample is seen twice, whatever the number of processes."""
    accelerator = runner.accelerator
    # Else Accelerate repeats samples until all processes have as many batches.
    evened = accelerator.even_batches
    accelerator.even_batches = False
    try:
        prepared = accelerator.prepare(build_loader(loader))
    finally:
        accelerator.even_batches = evened
    return EvalLoop(runner, EpochBatches(prepared, accelerator), build_evaluator(evaluator), mode)


def facts_for(runner: RunnerParts, loader: Any) -> RunFacts:
    """What is known about the run, for schedulers."""
    loop, size = runner.training, getattr(loader, "batch_size", None)
    return RunFacts(
        epoch_length=loop.epoch_length,
        max_epochs=None if loop.by_iterations else loop.max_epochs,
        max_iters=loop.max_iters if loop.by_iterations else None,
        accumulation={name: stepper._accumulative_counts for name, stepper in runner.steppers.items()},
        batch_size=size * runner.accelerator.num_processes if isinstance(size, int) else None,
        samples_per_epoch=_uneven_samples(loader) if runner.accelerator.num_processes == 1 else None,
        tokens_per_sample=runner.given["tokens_per_sample"],
        in_updates=any(getattr(hook, "count", None) == "updates" for hook in runner.hooks),
    )


def _uneven_samples(loader: Any) -> int | None:
    """The samples of a pass over a loader whose last batch is smaller; None for any other, or where nobody knows."""
    size, sampler = getattr(loader, "batch_size", None), getattr(loader, "sampler", None)
    if not isinstance(size, int) or not isinstance(sampler, Sized) or getattr(loader, "drop_last", False):
        return None
    return len(sampler) if len(sampler) % size else None


def batch_amounts_for(runner: RunnerParts, scheduler: Scheduler) -> BatchAmounts:
    """What counts the batches of the run for a scheduler, if its plan counts samples, tokens or the like."""
    accelerator = runner.accelerator
    length, amount_of = runner.given["tokens_per_sample"], runner.given["amount_of"]
    options = PlanOptions(calendar=scheduler.calendar, tokens_per_sample=length, amount_of=amount_of)
    summed = partial(sum_over_processes, accelerator)
    return BatchAmounts(scheduler, options, accelerator.num_processes, summed, samples_in_lists)


def scale_lr(settings: Mapping[str, Any] | None, steppers: Mapping[str, AcceleratedWrapper], facts: RunFacts) -> None:
    """Multiply every lr by the samples of an update over those that the config was made for."""
    if not settings or not settings.get("enable", False):
        return
    for name, stepper in steppers.items():
        ratio = (facts.batch_size or 1) * facts.accumulation[name] / settings["base_batch_size"]
        for group in stepper.param_groups:
            group["lr"] = group["lr"] * ratio
