"""Accelerate and the seed, from checked settings."""

import os
import random
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from paramsched.errors import InvalidArgument
from paramsched.runner._optimizers import names_several
from paramsched.runner.optim_wrapper import AmpOptimWrapper


def accelerator_for(optim_wrapper: Any) -> Any:
    """Accelerate, with the precision that an `AmpOptimWrapper` asks for, else that of its own settings.

    Raises:
        InvalidArgument: this process has used another precision; Accelerate keeps it.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, is_initialized
    from accelerate.utils import DataLoaderConfiguration, GradScalerKwargs

    asked, scaling = _asked_precision(optim_wrapper)
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
        # The order of an epoch is then a function of seed and number, so a resume needs no state of the loader.
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
    )


def _asked_precision(config: Any) -> tuple[str | None, dict[str, Any]]:
    """The precision and the scaler's arguments of an `AmpOptimWrapper`, built or a dict; None where there is none."""
    for one in config.values() if names_several(config) else [config]:
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
    # Drawn from the system: the seed of an unseeded run must not depend on what was drawn before.
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
