"""What is built of dicts that name a class by `type`: models, metrics, hooks, loaders, optimizers, Accelerate."""

import inspect
import os
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from paramsched.compat.mmengine import OptimWrapper
from paramsched.compat.mmengine.registry import Registry
from paramsched.errors import InvalidArgument, nearest
from paramsched.runner._model_calls import inputs_and_target
from paramsched.runner.hooks import CheckpointHook, Hook, LoggerHook, ParamSchedulerHook, ProgressBarHook
from paramsched.runner.hooks.hook import priority_of
from paramsched.runner.metrics import DATASETS, HOOKS, METRICS, MODELS, Evaluator, MeanOf, MetricLike
from paramsched.runner.optim_wrapper import AmpOptimWrapper


def build_from_dict(config: Any, registry: Registry) -> Any:
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


def build_model(config: Any) -> nn.Module:
    """The model."""
    model: nn.Module = build_from_dict(config, MODELS)
    if not isinstance(model, nn.Module):
        raise InvalidArgument("Runner(model=…)", f"a {type(model).__name__} is no torch.nn.Module", "Give a module")
    return model


def build_evaluator(config: Any) -> Evaluator | None:
    """What computes the metrics; None for None."""
    if config is None or (isinstance(config, Mapping) and not config):
        return None
    many = config if isinstance(config, (list, tuple)) else [config]
    return Evaluator([_as_metric(build_from_dict(one, METRICS)) for one in many])


def _as_metric(one: MetricLike | Callable[[Any, Any], Any]) -> MetricLike:
    """A metric, or the mean of what a function says of each batch."""
    if isinstance(one, MetricLike):
        return one
    name = getattr(one, "__name__", type(one).__name__).lower()
    return MeanOf(lambda output, batch: one(output, inputs_and_target(batch)[1]), name)


DEFAULT_HOOKS: Final[Mapping[str, Callable[[], Hook]]] = {
    "logger": LoggerHook,
    "param_scheduler": ParamSchedulerHook,
    "checkpoint": lambda: CheckpointHook(interval=1),
    "progress": ProgressBarHook,
}
"""What a Runner has unless `default_hooks` says otherwise; None there takes one away."""


def all_hooks(default_hooks: Mapping[str, Any] | None, custom_hooks: Any) -> list[Any]:
    """All hooks of a Runner, in order."""
    asked = default_hooks or {}
    names = dict.fromkeys([*DEFAULT_HOOKS, *asked])
    default = [
        build_hook(asked[name]) if name in asked else DEFAULT_HOOKS[name]()
        for name in names
        if asked.get(name, name) is not None
    ]
    return hooks_in_order([*default, *(build_hook(hook) for hook in custom_hooks or ())])


def build_hook(config: Any) -> Any:
    """A hook, as given or made by a dict or a class."""
    if not isinstance(config, (Mapping, type)):
        return config
    arguments = dict(config) if isinstance(config, Mapping) else {"type": config}
    priority = arguments.pop("priority", None)
    hook = build_from_dict(arguments, HOOKS)
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


def hooks_in_order(hooks: Iterable[Any]) -> list[Any]:
    """Hooks by priority; equal ones in the order they were given."""
    return sorted(hooks, key=lambda hook: priority_of(getattr(hook, "priority", "NORMAL")))


LOADER_KEYS: Final = (
    "dataset", "batch_size", "shuffle", "sampler", "num_workers", "collate_fn", "drop_last", "pin_memory",
    "persistent_workers", "prefetch_factor", "timeout",
)  # fmt: skip
COLLATES: Final = ("pseudo_collate", "default_collate")
SAMPLERS: Final[Mapping[str, bool]] = {
    "DefaultSampler": True,
    "InfiniteSampler": True,
    "RandomSampler": True,
    "SequentialSampler": False,
}
"""MMEngine's and torch's samplers, and whether they shuffle unless told."""


def build_loader(config: Any) -> Any:
    """The loader: as given, or of a dict like MMEngine's."""
    if not isinstance(config, Mapping):
        return config
    arguments = dict(config)
    dataset = build_from_dict(arguments.pop("dataset"), DATASETS)
    shuffle = _is_shuffled(arguments.pop("sampler", None), arguments.pop("shuffle", False))
    collate = arguments.pop("collate_fn", None)
    if isinstance(collate, Mapping):
        collate = collate.get("type")
    if collate == "pseudo_collate":
        collate = lists_of_parts
    elif collate == "default_collate":
        collate = None
    return DataLoader(dataset, shuffle=shuffle, collate_fn=collate, **arguments)


def _is_shuffled(sampler: Any, default: bool) -> bool:
    if not isinstance(sampler, Mapping):
        return default
    return bool(sampler.get("shuffle", SAMPLERS.get(str(sampler.get("type")), default)))


def lists_of_parts(samples: list[Any]) -> Any:
    """The samples' parts as lists: MMEngine's `pseudo_collate`."""
    first = samples[0]
    if isinstance(first, Mapping):
        return {name: lists_of_parts([sample[name] for sample in samples]) for name in first}
    if isinstance(first, (list, tuple)):
        return type(first)(lists_of_parts(list(column)) for column in zip(*samples, strict=True))
    return samples


WRAPPERS: Final[Mapping[str, type[OptimWrapper]]] = {"OptimWrapper": OptimWrapper, "AmpOptimWrapper": AmpOptimWrapper}


def build_wrappers(config: Any, model: nn.Module) -> dict[str, OptimWrapper]:
    """The optimizers by name; the one has no name."""
    if not names_several(config):
        return {"": _build_wrapper(config, model)}
    return {name: _build_wrapper(one, getattr(model, name, None)) for name, one in config.items()}


def names_several(config: Any) -> bool:
    """Whether a dict names several optimizers."""
    return isinstance(config, Mapping) and bool(config) and not set(config) & {"type", "optimizer"}


def _build_wrapper(config: Any, model: Any) -> OptimWrapper:
    """An optimizer's wrapper."""
    if isinstance(config, OptimWrapper):
        return config
    if isinstance(config, Optimizer):
        return OptimWrapper(config)
    arguments = dict(config)
    kind = arguments.pop("type", "OptimWrapper")
    optimizer = _build_optimizer(arguments.pop("optimizer"), model)
    wrapper = kind if isinstance(kind, type) else WRAPPERS[str(kind).removeprefix("mmengine.")]
    return wrapper(optimizer, **arguments)  # type: ignore[no-any-return]  # a class the user may give


def _build_optimizer(config: Any, model: Any) -> Optimizer:
    if isinstance(config, Optimizer):
        return config
    arguments = dict(config)
    return optimizer_class(arguments.pop("type"))(model.parameters(), **arguments)


def optimizer_class(kind: Any) -> Callable[..., Optimizer]:
    """The class a config is, or names: one of torch's."""
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


def accelerator_for(optim_wrapper: Any) -> Any:
    """Accelerate, with the precision that an `AmpOptimWrapper` asks for, else that of its own settings.

    A process that has used another precision is refused: Accelerate keeps it.
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
        # The order of an epoch is then a function of seed and number: no state of the loader is needed.
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
    )


def _asked_precision(config: Any) -> tuple[str | None, dict[str, Any]]:
    """The precision and the scaler's arguments of an `AmpOptimWrapper`, built or a dict."""
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
    # Drawn from the system, whatever was drawn before.
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
