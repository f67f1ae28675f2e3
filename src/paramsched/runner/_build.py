"""From what a config says to models, loaders, optimizers, hooks and metrics."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from paramsched.compat.mmengine import OptimWrapper
from paramsched.compat.mmengine.registry import Registry
from paramsched.errors import InvalidArgument, nearest
from paramsched.runner._steps import parts
from paramsched.runner.hooks import CheckpointHook, Hook, LoggerHook, ParamSchedulerHook, ProgressBarHook
from paramsched.runner.metrics import Evaluator, MeanOf
from paramsched.runner.optim_wrapper import AmpOptimWrapper
from paramsched.runner.registry import DATASETS, HOOKS, METRICS, MODELS

DEFAULT_HOOKS: Mapping[str, Callable[[], Hook]] = {
    "logger": LoggerHook,
    "param_scheduler": ParamSchedulerHook,
    "checkpoint": lambda: CheckpointHook(interval=1),
    "progress": ProgressBarHook,
}
"""What a Runner has unless `default_hooks` says otherwise; None there takes one away."""

WRAPPERS: Mapping[str, type[OptimWrapper]] = {"OptimWrapper": OptimWrapper, "AmpOptimWrapper": AmpOptimWrapper}
LOADER_KEYS = (
    "dataset", "batch_size", "shuffle", "sampler", "num_workers", "collate_fn", "drop_last", "pin_memory",
    "persistent_workers", "prefetch_factor", "timeout",
)  # fmt: skip
SAMPLERS = {"DefaultSampler": True, "InfiniteSampler": True, "RandomSampler": True, "SequentialSampler": False}
"""MMEngine's and torch's samplers, and whether they shuffle unless told. Accelerate spreads them over processes."""


COLLATES = ("pseudo_collate", "default_collate")


def made(config: Any, registry: Registry) -> Any:
    """What a dict with `type` says; anything else is what it is."""
    if not isinstance(config, Mapping) or "type" not in config:
        return config
    arguments = dict(config)
    kind = arguments.pop("type")
    try:
        return (kind if callable(kind) else registry.find(kind))(**arguments)
    except (TypeError, KeyError) as error:
        found = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise InvalidArgument(f"dict(type={kind!r}, …)", f"{type(error).__name__}: {found}") from error


def model_of(config: Any) -> nn.Module:
    """The model."""
    model: nn.Module = made(config, MODELS)
    if not isinstance(model, nn.Module):
        raise InvalidArgument("Runner(model=…)", f"a {type(model).__name__} is no torch.nn.Module", "Give a module")
    return model


def loader_of(config: Any) -> Any:
    """The loader: as given, or of a dict like MMEngine's."""
    if not isinstance(config, Mapping):
        return config
    arguments = dict(config)
    dataset = made(arguments.pop("dataset"), DATASETS)
    shuffle = shuffles(arguments.pop("sampler", None), arguments.pop("shuffle", False))
    collate = arguments.pop("collate_fn", None)
    if isinstance(collate, Mapping):
        collate = collate.get("type")
    if collate == "pseudo_collate":
        collate = unstacked
    elif collate == "default_collate":
        collate = None
    return DataLoader(dataset, shuffle=shuffle, collate_fn=collate, **arguments)


def shuffles(sampler: Any, default: bool) -> bool:
    """Whether the order is random."""
    if not isinstance(sampler, Mapping):
        return default
    return bool(sampler.get("shuffle", SAMPLERS.get(str(sampler.get("type")), default)))


def unstacked(samples: list[Any]) -> Any:
    """The samples' parts as lists, not stacked to tensors: MMEngine's `pseudo_collate`."""
    first = samples[0]
    if isinstance(first, Mapping):
        return {name: unstacked([sample[name] for sample in samples]) for name in first}
    if isinstance(first, (list, tuple)):
        return type(first)(unstacked(list(column)) for column in zip(*samples, strict=True))
    return samples


def wrappers_of(config: Any, model: nn.Module) -> dict[str, OptimWrapper]:
    """The optimizers by name; the one has no name."""
    if not is_several(config):
        return {"": wrapper_of(config, model)}
    return {name: wrapper_of(one, getattr(model, name, None)) for name, one in config.items()}


def by_epoch_of(train_cfg: Mapping[str, Any]) -> Any:
    """Whether a `train_cfg` counts epochs: it says so, or its `type` does, or the length it gives."""
    kind = train_cfg.get("type")
    by_type = {"EpochBasedTrainLoop": True, "IterBasedTrainLoop": False}
    default = by_type[kind] if isinstance(kind, str) and kind in by_type else "max_iters" not in train_cfg
    return train_cfg.get("by_epoch", default)


def is_several(config: Any) -> bool:
    """Whether a dict names several optimizers."""
    return isinstance(config, Mapping) and bool(config) and not set(config) & {"type", "optimizer"}


def wrapper_of(config: Any, model: Any) -> OptimWrapper:
    """An optimizer's wrapper."""
    if isinstance(config, OptimWrapper):
        return config
    if isinstance(config, Optimizer):
        return OptimWrapper(config)
    arguments = dict(config)
    kind = arguments.pop("type", "OptimWrapper")
    optimizer = optimizer_of(arguments.pop("optimizer"), model)
    wrapper = kind if isinstance(kind, type) else WRAPPERS[str(kind).removeprefix("mmengine.")]
    return wrapper(optimizer, **arguments)  # type: ignore[no-any-return]  # a class the user may give


def optimizer_of(config: Any, model: Any) -> Optimizer:
    """An optimizer: as given, or of a dict, over all parameters of the model."""
    if isinstance(config, Optimizer):
        return config
    arguments = dict(config)
    return optimizer_class(arguments.pop("type"))(model.parameters(), **arguments)


def optimizer_class(kind: Any) -> Callable[..., Optimizer]:
    """The class a config names, one of torch's, or is.

    Raises:
        InvalidArgument: no optimizer of torch has the name.
    """
    if not isinstance(kind, str):
        return kind  # type: ignore[no-any-return]  # a class or a function
    known = {
        name: cls
        for name, cls in vars(torch.optim).items()
        if inspect.isclass(cls) and issubclass(cls, Optimizer) and cls is not Optimizer
    }
    if kind not in known:
        raise InvalidArgument(
            f"type={kind!r}", f"torch has no such optimizer; {nearest(kind, known)}", "Write type='SGD'"
        )
    return known[kind]


def hook_of(config: Any) -> Any:
    """A hook.

    Raises:
        InvalidArgument: what a dict or a class makes is none.
    """
    if not isinstance(config, (Mapping, type)):
        return config
    arguments = dict(config) if isinstance(config, Mapping) else {"type": config}
    priority = arguments.pop("priority", None)
    hook = made(arguments, HOOKS)
    if not is_hook(hook):
        raise InvalidArgument(
            f"{config!r}", f"a {type(hook).__name__} is no hook", "Derive it from paramsched.runner.Hook"
        )
    if priority is not None:
        hook.priority = priority
    return hook


def is_hook(one: Any) -> bool:
    """Whether it has any of the points at which a Runner calls."""
    points = (name for name in vars(Hook) if name.startswith(("before_", "after_")))
    return any(callable(getattr(one, point, None)) for point in points)


def evaluator_of(config: Any) -> Evaluator | None:
    """What computes the metrics; None for None."""
    if config is None:
        return None
    if isinstance(config, Mapping) and not config:
        return None
    many = config if isinstance(config, (list, tuple)) else [config]
    return Evaluator([_metric(made(one, METRICS)) for one in many])


def _metric(one: Any) -> Any:
    if hasattr(one, "process") and hasattr(one, "evaluate"):
        return one
    name = getattr(one, "__name__", type(one).__name__).lower()
    return MeanOf(lambda output, batch: one(output, parts(batch)[1]), name)


def in_order(hooks: Iterable[Any], priority_of: Callable[[Any], int]) -> list[Any]:
    """Hooks by priority; equal ones in the order they were given."""
    return sorted(hooks, key=lambda hook: priority_of(getattr(hook, "priority", "NORMAL")))
