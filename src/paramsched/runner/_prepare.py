"""From checked settings to Accelerate, a seed, loops and the facts of the run."""

import os
import random
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn

from paramsched.errors import InvalidArgument
from paramsched.runner import _build
from paramsched.runner._passes import Passes
from paramsched.runner._schedulers import Facts
from paramsched.runner.hooks.hook import priority_of
from paramsched.runner.loops import EpochBasedTrainLoop, EvalLoop, IterBasedTrainLoop, TrainLoop
from paramsched.runner.optim_wrapper import AmpOptimWrapper, Stepper


def accelerator_for(optim_wrapper: Any) -> Any:
    """Accelerate, with the precision that an `AmpOptimWrapper` asks for, else that of its own settings.

    Raises:
        InvalidArgument: this process has used another precision; Accelerate keeps it.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, is_initialized
    from accelerate.utils import DataLoaderConfiguration, GradScalerKwargs

    asked, scaling = _precision(optim_wrapper)
    wanted = asked or os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    in_use = AcceleratorState().mixed_precision if is_initialized() else wanted
    if in_use != wanted:
        raise InvalidArgument(
            "Runner(optim_wrapper=…)",
            f"an earlier one of this process made Accelerate use {in_use!r}, this one needs {wanted!r}",
            "Train it in a process of its own, or give both the same precision",
        )
    return Accelerator(
        mixed_precision=asked,
        kwargs_handlers=[GradScalerKwargs(**scaling)] if scaling else [],
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
    )


def _precision(config: Any) -> tuple[str | None, dict[str, Any]]:
    """What an `AmpOptimWrapper`, built or not, asks of Accelerate; None is nothing."""
    for one in config.values() if _build.is_several(config) else [config]:
        if isinstance(one, AmpOptimWrapper):
            return one.precision, one.scaling
        if isinstance(one, Mapping) and str(one.get("type", "")).endswith("AmpOptimWrapper"):
            blank = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
            made = AmpOptimWrapper(blank, dtype=one.get("dtype"), loss_scale=one.get("loss_scale", "dynamic"))
            return made.precision, made.scaling
    return None, {}


def seed_for(randomness: Mapping[str, Any], accelerator: Any) -> int:
    """The seed, the same in every process, and set where the user asked for one."""
    from accelerate.utils import broadcast_object_list, set_seed

    asked = randomness.get("seed")
    shared = [random.SystemRandom().randrange(2**31) if asked is None else int(asked)]
    if accelerator.num_processes > 1:
        broadcast_object_list(shared)
    if asked is not None:
        set_seed(
            shared[0],
            device_specific=bool(randomness.get("diff_rank_seed", False)),
            deterministic=bool(randomness.get("deterministic", False)),
        )
    return shared[0]


def hooks_for(default_hooks: Mapping[str, Any] | None, custom_hooks: Any) -> list[Any]:
    """All hooks, in order."""
    asked = default_hooks or {}
    names = dict.fromkeys([*_build.DEFAULT_HOOKS, *asked])
    default = [
        _build.hook_of(asked[name]) if name in asked else _build.DEFAULT_HOOKS[name]()
        for name in names
        if asked.get(name, name) is not None
    ]
    return _build.in_order([*default, *(_build.hook_of(hook) for hook in custom_hooks or ())], priority_of)


def train_loop_for(runner: Any, train_cfg: Mapping[str, Any], loader: Any) -> TrainLoop:
    """The loop over a prepared loader."""
    by_epoch = _build.by_epoch_of(train_cfg)
    settings = {name: value for name, value in train_cfg.items() if name not in ("type", "by_epoch")}
    passes = Passes(loader, runner.accelerator)
    return (
        EpochBasedTrainLoop(runner, passes, **settings) if by_epoch else IterBasedTrainLoop(runner, passes, **settings)
    )


def eval_loop_for(runner: Any, loader: Any, evaluator: Any, mode: Literal["val", "test"]) -> EvalLoop:
    """The loop of a validation or test; no sample is seen twice, whatever the number of processes."""
    accelerator = runner.accelerator
    evened = accelerator.even_batches
    accelerator.even_batches = False
    try:
        prepared = accelerator.prepare(_build.loader_of(loader))
    finally:
        accelerator.even_batches = evened
    return EvalLoop(runner, Passes(prepared, accelerator), _build.evaluator_of(evaluator), mode)


def facts_for(runner: Any, loader: Any) -> Facts:
    """What is known about the run, for schedulers."""
    loop, size = runner.train_loop, getattr(loader, "batch_size", None)
    return Facts(
        epoch_length=loop.epoch_length,
        max_epochs=None if loop.by_iterations else loop.max_epochs,
        max_iters=loop.max_iters if loop.by_iterations else None,
        accumulation={name: stepper._accumulative_counts for name, stepper in runner.steppers.items()},
        batch_size=size * runner.accelerator.num_processes if isinstance(size, int) else None,
        in_updates=any(getattr(hook, "count", None) == "updates" for hook in runner.hooks),
    )


def scale_lr(settings: Mapping[str, Any] | None, steppers: Mapping[str, Stepper], facts: Facts) -> None:
    """Multiply every lr by the samples of an update over those that the config was made for."""
    if not settings or not settings.get("enable", False):
        return
    for name, stepper in steppers.items():
        ratio = (facts.batch_size or 1) * facts.accumulation[name] / settings["base_batch_size"]
        for group in stepper.param_groups:
            group["lr"] = group["lr"] * ratio
