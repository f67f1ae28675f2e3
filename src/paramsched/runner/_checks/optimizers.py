"""Checks of `optim_wrapper`: every argument by itself, on an optimizer that nothing is trained with.

What torch does not take is found by building. So each optimizer of a config is built here over one parameter, first
with each argument alone, then with all of them.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.compat.mmengine import OptimWrapper
from paramsched.config.faults import Faults, child_path, entry_path, short_json
from paramsched.errors import InvalidArgument, ParamschedError
from paramsched.near_names import did_you_mean
from paramsched.runner._optimizers import WRAPPERS, names_several, optimizer_class

OptimizerModels: TypeAlias = Mapping[str, OptimWrapper | None]
"""By each name an optimizer of the same kind that nothing is trained with; None where its config is at fault."""

_WRAPPER_KEYS: Final = ("type", "optimizer", "accumulative_counts", "clip_grad", "dtype", "loss_scale")
_REFUSALS: Final = (TypeError, ValueError, AttributeError, RuntimeError)
"""What torch's optimizers raise at an argument that they do not take."""


def check_optimizers(config: Any, model: Any, faults: Faults) -> OptimizerModels:
    """Check `optim_wrapper`; returns what `param_scheduler` can be tried on."""
    path = entry_path("optim_wrapper")
    if config is None:
        return {}
    if isinstance(config, (OptimWrapper, Optimizer)):
        return {"": _model_of_built(config)}
    if not isinstance(config, Mapping) or not config:
        instead = "Write optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1))"
        faults.add(path, f"{short_json(config)} is no optimizer", instead)
        return {}
    if not names_several(config):
        return {"": _check_wrapper(config, path, faults)}
    if isinstance(model, nn.Module):
        for name, one in config.items():
            needs_part = isinstance(one, Mapping) and isinstance(one.get("optimizer"), Mapping)
            if needs_part and not isinstance(getattr(model, name, None), nn.Module):
                found = f"{type(model).__name__} has no part {name!r} whose parameters it could have"
                instead = "Name it after a part of the model, or give the optimizer itself"
                faults.add(child_path(path, name), found, instead)
    return {name: _check_wrapper(one, child_path(path, name), faults) for name, one in config.items()}


def _model_of_built(given: OptimWrapper | Optimizer) -> OptimWrapper:
    """A wrapper of an optimizer with the same entries in its groups, and one small parameter in each."""
    wrapper = given if isinstance(given, OptimWrapper) else OptimWrapper(given)
    groups = [
        {**{key: _own_copy(value) for key, value in group.items() if key != "params"}, "params": [_one_parameter()]}
        for group in wrapper.optimizer.param_groups
    ]
    return OptimWrapper(Optimizer(groups, dict(wrapper.defaults)), wrapper._accumulative_counts)


def _own_copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _one_parameter() -> nn.Parameter:
    return nn.Parameter(torch.zeros(1))


def _check_wrapper(config: Any, path: str, faults: Faults) -> OptimWrapper | None:
    """Check one wrapper; returns it over one parameter, or None where it is at fault."""
    if isinstance(config, (OptimWrapper, Optimizer)):
        return _model_of_built(config)
    if not isinstance(config, Mapping):
        faults.add(path, f"{short_json(config)} is no optimizer", "Write dict(optimizer=dict(type='SGD', lr=0.1))")
        return None
    before = faults.count
    kind = config.get("type", "OptimWrapper")
    wrapper = kind if isinstance(kind, type) else WRAPPERS.get(str(kind).removeprefix("mmengine."))
    if wrapper is None:
        found = f"{short_json(kind)}; {did_you_mean(str(kind), WRAPPERS)}"
        faults.add(child_path(path, "type"), found, "Write type='OptimWrapper'")
        wrapper = WRAPPERS["AmpOptimWrapper"]  # it takes the most arguments, so only those nobody takes are faults
    taken = inspect.signature(wrapper).parameters
    for name in config:
        if name not in _WRAPPER_KEYS and name not in taken:
            faults.add(child_path(path, name), f"no such entry; {did_you_mean(str(name), _WRAPPER_KEYS)}")
        elif name != "type" and name not in taken:
            faults.add(child_path(path, name), f"{short_json(kind)} has no {name}", "Write type='AmpOptimWrapper'")
    optimizer = _check_optimizer(config.get("optimizer"), child_path(path, "optimizer"), faults)
    blank = optimizer or torch.optim.SGD([_one_parameter()], lr=0.1)
    good: dict[str, Any] = {}
    for name in config.keys() & (taken.keys() - {"optimizer"}):
        try:
            made = wrapper(blank, **{name: config[name]})
            if name == "clip_grad":
                _try_clipping(made, blank)
            good[name] = config[name]
        except (*_REFUSALS, OverflowError, ParamschedError) as error:
            faults.add(child_path(path, name), str(error))
    if faults.count > before or optimizer is None:
        return None
    return OptimWrapper(optimizer, good.get("accumulative_counts", 1))


def _try_clipping(wrapper: Any, optimizer: Optimizer) -> None:
    """Clip gradients of zeros, so that an argument which torch's function does not take is found now."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    if isinstance(wrapper, OptimWrapper):
        wrapper._clip_grad()


def _check_optimizer(config: Any, path: str, faults: Faults) -> Optimizer | None:
    """Check one optimizer; returns it over one parameter, or None where it is at fault."""
    if isinstance(config, Optimizer):
        return _model_of_built(config).optimizer
    if not isinstance(config, Mapping) or "type" not in config:
        found = "it is missing" if config is None else f"{short_json(config)} is no optimizer"
        faults.add(path, found, "Write optimizer=dict(type='SGD', lr=0.1)")
        return None
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        cls = optimizer_class(named)
        taken = inspect.signature(cls).parameters
    except InvalidArgument as refusal:
        faults.add(child_path(path, "type"), refusal.found)
        return None
    except (TypeError, ValueError):
        faults.add(child_path(path, "type"), f"{short_json(named)} is no optimizer", "Write type='SGD'")
        return None
    before = faults.count
    for name, value in arguments.items():
        if name not in taken:
            found = f"{named} has no such argument; {did_you_mean(name, set(taken) - {'params'})}"
            faults.add(child_path(path, name), found)
            continue
        refusal_alone = _refusal_of(cls, {"lr": 0.1, name: value})
        # Some arguments only go with others; then they are tried together.
        if refusal_alone is not None and _refusal_of(cls, arguments) is not None:
            faults.add(child_path(path, name), str(refusal_alone) or f"{short_json(value)} cannot be")
    if faults.count > before:
        return None
    refusal_of_all = _refusal_of(cls, arguments)
    if refusal_of_all is not None:
        faults.add(path, str(refusal_of_all))
        return None
    return cls([_one_parameter()], **arguments)


def _refusal_of(cls: Any, arguments: Mapping[str, Any]) -> Exception | None:
    """What an optimizer's class raises at these arguments; None where it takes them."""
    try:
        cls([_one_parameter()], **arguments)
    except _REFUSALS as error:
        return error
    return None
