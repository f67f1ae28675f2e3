"""Build the objects of a run from its settings: model, metrics, hooks, loaders, optimizers and the Accelerator."""

import inspect
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any, Final, Literal

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from paramsched.core.base.codes import UNKNOWN_NAME
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.files.arguments import argument, argument_table, wrong_value
from paramsched.core.files.diagnostic_collector import short_json
from paramsched.engines.accelerate import replicas
from paramsched.errors import InvalidArgument
from paramsched.mmengine.runner._model_calls import inputs_and_target
from paramsched.mmengine.runner._param_schedulers import RunFacts
from paramsched.mmengine.runner.hooks import CheckpointHook, Hook, LoggerHook, ParamSchedulerHook, ProgressBarHook
from paramsched.mmengine.runner.hooks.hook import priority_of
from paramsched.mmengine.runner.loops import EpochBatches, TrainLoop
from paramsched.mmengine.runner.metrics import DATASETS, HOOKS, METRICS, MODELS, MeanOf, MetricLike
from paramsched.mmengine.runner.optim_wrapper import AcceleratedWrapper, AmpOptimWrapper
from paramsched.mmengine.schedulers import OptimWrapper
from paramsched.mmengine.schedulers.registry import Registry


def build_from_dict(config: Any, registry: Registry) -> Any:
    """Build the object that a dict with `type` describes; return anything else unchanged."""
    if not isinstance(config, Mapping) or "type" not in config:
        return config
    arguments = dict(config)
    kind = arguments.pop("type")
    try:
        return (kind if callable(kind) else registry.find(kind))(**arguments)
    except (TypeError, KeyError) as error:
        found = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise InvalidArgument(f"dict(type={kind!r}, …)", f"{type(error).__name__}: {found}") from error


def build_model(config: Any) -> nn.Module:
    """Build the model from a dict, or return it unchanged."""
    model: nn.Module = build_from_dict(config, MODELS)
    if not isinstance(model, nn.Module):
        found = f"expected a torch.nn.Module, got {type(model).__name__}"
        raise InvalidArgument("Runner(model=…)", found, "Pass a module")
    return model


def build_metrics(config: Any) -> list[MetricLike] | None:
    """Build the metrics from dicts, functions or objects; return None for None or an empty dict."""
    if config is None or (isinstance(config, Mapping) and not config):
        return None
    built = [build_from_dict(one, METRICS) for one in (config if isinstance(config, (list, tuple)) else [config])]
    return [one if isinstance(one, MetricLike) else _mean_of(one) for one in built]


def _mean_of(function: Callable[[Any, Any], Any]) -> MeanOf:
    """Return a metric: the mean over all samples of `function(output, target)`."""
    name = getattr(function, "__name__", type(function).__name__).lower()
    return MeanOf(lambda output, batch: function(output, inputs_and_target(batch)[1]), name)


DEFAULT_HOOKS: Final[Mapping[str, Callable[[], Hook]]] = {
    "logger": LoggerHook,
    "param_scheduler": ParamSchedulerHook,
    "checkpoint": lambda: CheckpointHook(interval=1),
    "progress": ProgressBarHook,
}
"""The default hooks of a Runner; None in `default_hooks` removes one."""


def all_hooks(default_hooks: Mapping[str, Any] | None, custom_hooks: Any) -> list[Any]:
    """Return all hooks of a Runner in the order of their priority."""
    site = default_hooks or {}
    names = dict.fromkeys([*DEFAULT_HOOKS, *site])
    default = [
        build_hook(site[name]) if name in site else DEFAULT_HOOKS[name]()
        for name in names
        if site.get(name, name) is not None
    ]
    return hooks_in_order([*default, *(build_hook(hook) for hook in custom_hooks or ())])


def build_hook(config: Any) -> Any:
    """Build a hook from a dict or a class, or return it unchanged."""
    if not isinstance(config, (Mapping, type)):
        return config
    arguments = dict(config) if isinstance(config, Mapping) else {"type": config}
    priority = arguments.pop("priority", None)
    hook = build_from_dict(arguments, HOOKS)
    if not is_hook(hook):
        raise InvalidArgument(
            f"{config!r}",
            f"expected a hook, got {type(hook).__name__}",
            "Derive it from paramsched.mmengine.runner.Hook",
        )
    if priority is not None:
        hook.priority = priority
    return hook


def is_hook(one: Any) -> bool:
    """Return whether an object has any of the methods that a Runner calls."""
    points = (name for name in vars(Hook) if name.startswith(("before_", "after_")))
    return any(callable(getattr(one, point, None)) for point in points)


def hooks_in_order(hooks: Iterable[Any]) -> list[Any]:
    """Sort hooks by priority; hooks of the same priority keep their order."""
    return sorted(hooks, key=lambda hook: priority_of(getattr(hook, "priority", "NORMAL")))


def _read_collate(value: Any) -> Any:
    """Return the function that combines samples into a batch; None for torch's default."""
    named = value.get("type") if isinstance(value, Mapping) else value
    if named is None or callable(named):
        return named
    if not isinstance(named, str) or named not in _COLLATES:
        found = f"expected a function, got {short_json(named)}"
        raise wrong_value(found, code=UNKNOWN_NAME)
    return _COLLATES[named]


@argument_table
class LoaderSettings:
    """The settings of a loader, from a dict."""

    dataset: Any = argument(example={"type": "MyDataset"})
    batch_size: int = argument(1, low=1, example=32)
    shuffle: bool = argument(False)
    sampler: Any = argument(None)
    num_workers: int = argument(0, low=0)
    collate_fn: Any = argument(None, parse=_read_collate)
    drop_last: bool = argument(False)
    pin_memory: bool = argument(False)
    persistent_workers: bool = argument(False)
    prefetch_factor: Any = argument(None)
    timeout: Any = argument(0)


@argument_table
class SamplerSettings:
    """The settings of one of MMEngine's or torch's samplers."""

    type: Literal["DefaultSampler", "InfiniteSampler", "RandomSampler", "SequentialSampler"] = argument(
        example="DefaultSampler"
    )
    shuffle: bool | None = argument(None)

    @property
    def shuffles(self) -> bool:
        """True if the samples are shuffled, which is the default of all samplers except `SequentialSampler`."""
        return self.type != "SequentialSampler" if self.shuffle is None else self.shuffle


def build_loader(given: Any) -> Any:
    """Build a loader from its settings, or return it unchanged."""
    if not isinstance(given, LoaderSettings):
        return given
    arguments = {**vars(given), "dataset": build_from_dict(given.dataset, DATASETS)}
    sampler = arguments.pop("sampler")
    if isinstance(sampler, SamplerSettings):
        arguments["shuffle"] = sampler.shuffles
    return DataLoader(**arguments)


def lists_of_parts(samples: Sequence[Any]) -> Any:
    """Combine samples into a batch of lists instead of tensors, as MMEngine's `pseudo_collate` does."""
    first = samples[0]
    kind: Any = type(first)
    if isinstance(first, Mapping):
        return kind({name: lists_of_parts([sample[name] for sample in samples]) for name in first})
    if not isinstance(first, (list, tuple)):
        return samples
    parts = [lists_of_parts(column) for column in zip(*samples, strict=True)]
    if hasattr(first, "_fields"):  # a named tuple, which has no base class of its own
        return kind(*parts)
    return parts if isinstance(first, tuple) else kind(parts)


_COLLATES: Final[Mapping[str, Any]] = {"pseudo_collate": lists_of_parts, "default_collate": None}

WRAPPERS: Final[Mapping[str, type[OptimWrapper]]] = {"OptimWrapper": OptimWrapper, "AmpOptimWrapper": AmpOptimWrapper}


def build_wrappers(config: Any, model: nn.Module) -> dict[str, OptimWrapper]:
    """Return a dict from the name of each optimizer to its wrapper; the name of a single optimizer is empty."""
    if not names_several(config):
        return {"": _build_wrapper(config, model)}
    for name in missing_parts(config, model):
        raise InvalidArgument(f"optim_wrapper[{name!r}]", *no_part(model, name))
    return {name: _build_wrapper(one, getattr(model, name, None)) for name, one in config.items()}


def missing_parts(config: Mapping[str, Any], model: nn.Module) -> list[str]:
    """Return the names of the optimizers that need a submodule of this name, which the model does not have."""
    needed = (
        name for name, one in config.items() if isinstance(one, Mapping) and isinstance(one.get("optimizer"), Mapping)
    )
    return [name for name in needed if not isinstance(getattr(model, name, None), nn.Module)]


def no_part(model: nn.Module, name: str) -> tuple[str, str]:
    """Return the description of a missing submodule, and the advice."""
    found = f"{type(model).__name__} has no submodule {name!r} to optimize"
    return found, "Name it after a submodule of the model, or pass the optimizer itself"


def names_several(config: Any) -> bool:
    """Return whether a config is a dict of several optimizers by name."""
    return isinstance(config, Mapping) and bool(config) and not set(config) & {"type", "optimizer"}


def _build_wrapper(config: Any, model: Any) -> OptimWrapper:
    """Build the wrapper of one optimizer."""
    if isinstance(config, OptimWrapper):
        return config
    if isinstance(config, Optimizer):
        return OptimWrapper(config)
    arguments = dict(config)
    kind = arguments.pop("type", "OptimWrapper")
    optimizer = arguments.pop("optimizer")
    if not isinstance(optimizer, Optimizer):
        settings = dict(optimizer)
        optimizer = optimizer_class(settings.pop("type"))(model.parameters(), **settings)
    wrapper = kind if isinstance(kind, type) else WRAPPERS[str(kind).removeprefix("mmengine.")]
    return wrapper(optimizer, **arguments)  # type: ignore[no-any-return]  # may be a user's class


def optimizer_class(kind: Any) -> Callable[..., Optimizer]:
    """Return torch's optimizer class with the name in a config; a class is returned unchanged."""
    if not isinstance(kind, str):
        return kind  # type: ignore[no-any-return]  # a class or a function
    known = {
        name: cls
        for name, cls in vars(torch.optim).items()
        if inspect.isclass(cls) and issubclass(cls, Optimizer) and cls is not Optimizer
    }
    if kind not in known:
        found, nearest = f"unknown optimizer of torch; {did_you_mean(kind, known)}", closest(kind, known) or "SGD"
        raise InvalidArgument(f"type={kind!r}", found, f"Write type={nearest!r}")
    return known[kind]


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


@argument_table
class RandomnessSettings:
    """The settings in `randomness`: the seed, in NumPy's range."""

    seed: int | None = argument(None, low=0, high=2**32 - 1, example=0)
    diff_rank_seed: bool = argument(False)
    deterministic: bool = argument(False)


def seed_for(settings: RandomnessSettings, accelerator: Any) -> int:
    """Return the seed of the run, equal in every process, and seed all random generators if the user passed one."""
    from accelerate.utils import broadcast_object_list, set_seed

    # Drawn from the system, so that the seed does not depend on earlier random draws.
    shared = [random.SystemRandom().randrange(2**31) if settings.seed is None else settings.seed]
    if accelerator.num_processes > 1:
        broadcast_object_list(shared)
    if settings.seed is not None:
        set_seed(shared[0], device_specific=settings.diff_rank_seed, deterministic=settings.deterministic)
    return shared[0]


def each_sample_once(loader: Any, accelerator: Any) -> EpochBatches:
    """Prepare a loader for a validation or test, which processes each sample once."""
    # Because of `even_batches`, Accelerate would repeat samples until all processes have as many batches.
    previous = accelerator.even_batches
    accelerator.even_batches = False
    try:
        return EpochBatches(accelerator.prepare(loader), accelerator)
    finally:
        accelerator.even_batches = previous


def facts_for(
    loop: TrainLoop, loader: Any, accelerator: Any, accumulation: Mapping[str, int], **known: Any
) -> RunFacts:
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
    return RunFacts(
        epoch_length=loop.epoch_length,
        max_epochs=None if loop.by_iterations else loop.max_epochs,
        max_iters=loop.max_iters if loop.by_iterations else None,
        accumulation=accumulation,
        batch_size=size * replicas(accelerator) if isinstance(size, int) else None,
        samples_per_epoch=uneven,
        **known,
    )


@argument_table
class ScalingSettings:
    """The settings in `auto_scale_lr`: the batch size for which the config's lr was chosen."""

    base_batch_size: int = argument(low=1, example=256)
    enable: bool = argument(False)


def scale_lr(settings: ScalingSettings | None, steppers: Mapping[str, AcceleratedWrapper], facts: RunFacts) -> None:
    """Multiply every lr by the ratio of the samples per update to the config's batch size."""
    if settings is None or not settings.enable:
        return
    for name, stepper in steppers.items():
        ratio = (facts.batch_size or 1) * facts.accumulation[name] / settings.base_batch_size
        for group in stepper.param_groups:
            group["lr"] = group["lr"] * ratio
