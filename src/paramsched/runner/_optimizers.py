"""Optimizers and their wrappers: as given, or built of dicts."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.compat.mmengine import OptimWrapper
from paramsched.errors import InvalidArgument, nearest
from paramsched.runner.optim_wrapper import AmpOptimWrapper

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
