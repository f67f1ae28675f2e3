"""Build the Accelerator of a run, seed it, and collect the run facts."""

import os
import random
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, final

from paramsched.core.number_checks import check_fields, checked, whole_number
from paramsched.engines.accelerate import replicas
from paramsched.errors import InvalidArgument
from paramsched.mmengine.building import true_or_false
from paramsched.mmengine.runner._param_schedulers import RunnerFacts
from paramsched.mmengine.runner.loops import TrainLoop
from paramsched.mmengine.runner.optim_wrapper import AmpOptimWrapper


def accelerator_for(wrappers: Iterable[Any]) -> Any:
    """Return an Accelerator with the precision of the first `AmpOptimWrapper`, or Accelerate's default.

    Raises an error if this process has used another precision before, because Accelerate does not change it.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, is_initialized
    from accelerate.utils import DataLoaderConfiguration, GradScalerKwargs

    amp = next((one for one in wrappers if isinstance(one, AmpOptimWrapper)), None)
    site, scaling = (None, {}) if amp is None else (amp.precision, amp.scaling)
    wanted = site or os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    in_use = AcceleratorState().mixed_precision if is_initialized() else wanted
    if in_use != wanted:
        raise InvalidArgument(
            "Runner(optim_wrapper=…)",
            f"an earlier Accelerator of this process uses {in_use!r}, but this one needs {wanted!r}",
            "Train it in a separate process, or use the same precision for both",
        )
    return Accelerator(
        mixed_precision=site,
        kwargs_handlers=[GradScalerKwargs(**scaling)] if scaling else [],
        # The order of the samples then depends only on the seed and the epoch, so no state of the loader is saved.
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RandomnessSettings:
    """The settings in `randomness`: the seed, in NumPy's range."""

    seed: int | None = field(default=None, metadata=checked(whole_number, least=0, most=2**32 - 1))
    diff_rank_seed: bool = field(default=False, metadata=checked(true_or_false))
    deterministic: bool = field(default=False, metadata=checked(true_or_false))

    def __post_init__(self) -> None:
        check_fields(self, "randomness")


def seed_for(settings: RandomnessSettings) -> int:
    """Return the seed of the run, equal in every process, and seed all random generators if the user passed one."""
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list, parse_flag_from_env, set_seed

    # Drawn from the system, so that the seed does not depend on earlier random draws.
    shared = [random.SystemRandom().randrange(2**31) if settings.seed is None else settings.seed]
    processes = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))  # as the Accelerator that is built later
    if processes.num_processes > 1:
        broadcast_object_list(shared)
    if settings.seed is not None:
        set_seed(shared[0] + processes.process_index * settings.diff_rank_seed, deterministic=settings.deterministic)
    return shared[0]


def facts_for(
    loop: TrainLoop, loader: Any, accelerator: Any, accumulation: Mapping[str, int], **known: Any
) -> RunnerFacts:
    """Return the run facts that schedulers need.

    Args:
        loop: the training loop, for the length of the run.
        loader: the loader before Accelerate prepares it.
        accumulation: a dict from the name of each optimizer to its batches per update.
        known: other facts by name.
    """
    size, sampler = getattr(loader, "batch_size", None), getattr(loader, "sampler", None)
    uneven = None  # samples per epoch, if the last batch of an epoch is smaller
    if isinstance(size, int) and isinstance(sampler, Sized) and not getattr(loader, "drop_last", False):
        uneven = len(sampler) if len(sampler) % size and accelerator.num_processes == 1 else None
    return RunnerFacts(
        epoch_length=loop.epoch_length,
        max_epochs=None if loop.by_iterations else loop.max_epochs,
        max_iters=loop.max_iters if loop.by_iterations else None,
        accumulation=accumulation,
        batch_size=size * replicas(accelerator) if isinstance(size, int) else None,
        samples_per_epoch=uneven,
        **known,
    )
