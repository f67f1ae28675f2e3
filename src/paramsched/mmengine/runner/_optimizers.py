"""Build the optimizers of a run and their wrappers."""

import inspect
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.base.printing import child_path
from paramsched.core.files.problem_collector import ProblemCollector, short_json
from paramsched.mmengine.building import build_call, report_error
from paramsched.mmengine.registry import registered_in_mmengine
from paramsched.mmengine.runner.optim_wrapper import AmpOptimWrapper
from paramsched.mmengine.schedulers import OptimWrapper
from paramsched.mmengine.schedulers.optimizers import ValuesOnly

_WRAPPERS: Final[Mapping[str, type[OptimWrapper]]] = {"OptimWrapper": OptimWrapper, "AmpOptimWrapper": AmpOptimWrapper}


def build_wrappers(
    config: Any, model: nn.Module | None, path: str, problems: ProblemCollector
) -> dict[str, OptimWrapper | None]:
    """Return the wrappers in `optim_wrapper` by name; None in place of one with a problem.

    The name of a single optimizer is empty. Each of several optimizers trains the submodule with its name.

    Args:
        config: an optimizer, a wrapper, a dict to build one, or a dict of these by name.
        model: the model; None if it has a problem.
        path: the path of the config.
        problems: receives the problems.
    """
    mmengine = sys.modules.get("mmengine.optim")
    if mmengine is not None and isinstance(config, mmengine.OptimWrapperDict):
        config = dict(config.items())
    if not isinstance(config, Mapping) or not config or set(config) & {"type", "optimizer"}:
        return {"": _build_wrapper(config, model, path, problems)}
    built: dict[str, OptimWrapper | None] = {}
    for name, one in config.items():
        part = model if model is None else getattr(model, str(name), None)
        is_for_part = isinstance(one, Mapping) and isinstance(one.get("optimizer"), Mapping)
        if is_for_part and model is not None and not isinstance(part, nn.Module):
            found = f"{type(model).__name__} has no submodule {name!r} to optimize"
            advice = "Name it after a submodule of the model, or pass the optimizer itself"
            problems.add(child_path(path, name), found, advice, code=REFUSED_VALUE)
            built[name] = None
        else:
            built[name] = _build_wrapper(one, part, child_path(path, name), problems)
    return built


def _build_wrapper(config: Any, part: Any, path: str, problems: ProblemCollector) -> OptimWrapper | None:
    """Build the wrapper of one optimizer, which trains the parameters of a module."""
    if isinstance(config, OptimWrapper):
        return config
    if isinstance(config, Optimizer):
        return OptimWrapper(config)
    mmengine = sys.modules.get("mmengine.optim")
    if mmengine is not None and isinstance(config, mmengine.OptimWrapper):
        return _wrapper_of(config, mmengine, path, problems)
    if not isinstance(config, Mapping) or not config:
        found = f"expected an optimizer, got {short_json(config)}"
        problems.add(path, found, "For example: dict(optimizer=dict(type='SGD', lr=0.1))", code=WRONG_TYPE)
        return None
    before, kind = problems.count, config.get("type", "OptimWrapper")
    if mmengine is not None and isinstance(kind, type) and kind in (mmengine.OptimWrapper, mmengine.AmpOptimWrapper):
        kind = kind.__name__  # MMEngine's steps without Accelerate
    cls = kind if isinstance(kind, type) else _WRAPPERS.get(str(kind).removeprefix("mmengine."))
    if cls is None:
        found = f"{short_json(kind)}; {did_you_mean(str(kind), _WRAPPERS)}"
        problems.add(child_path(path, "type"), found, "Use type='OptimWrapper'", code=UNKNOWN_NAME)
        cls = AmpOptimWrapper  # it accepts the most arguments
    optimizer = _build_optimizer(config.get("optimizer"), part, child_path(path, "optimizer"), problems)
    if optimizer is not None and any(config.get(name) is not None for name in _GROUPING):
        optimizer = _grouped_optimizer(config, part, path, problems)
    arguments = {name: value for name, value in config.items() if name not in ("type", "optimizer", *_GROUPING)}
    # With an optimizer in place of one with a problem, the arguments of the wrapper are checked too.
    build = partial(cls, ValuesOnly([{"lr": 0.1}]) if optimizer is None else optimizer)
    wrapper = build_call(build, arguments, path, problems)
    if problems.count > before:
        return None
    if not isinstance(wrapper, OptimWrapper):
        found = f"expected a subclass of OptimWrapper, got {short_json(kind)}"
        problems.add(child_path(path, "type"), found, "Use type='OptimWrapper'", code=WRONG_TYPE)
        return None
    return wrapper


_GROUPING: Final = ("paramwise_cfg", "constructor")
"""The entries of a wrapper's dict by which MMEngine divides the parameters into groups."""


def _grouped_optimizer(config: Mapping[str, Any], part: Any, path: str, problems: ProblemCollector) -> Optimizer | None:
    """Return the optimizer as MMEngine's constructor builds it, with its groups; None if there is a problem."""
    path = child_path(path, next(name for name in _GROUPING if config.get(name) is not None))
    entries = {name: value for name, value in config.items() if name in ("optimizer", *_GROUPING)}
    try:
        from mmengine.optim import build_optim_wrapper

        built: Optimizer = build_optim_wrapper(part, {"type": "OptimWrapper", **entries}).optimizer
    except ModuleNotFoundError:
        problems.add(path, "it needs MMEngine, which is not installed", "Pass a built optimizer", code=REFUSED_VALUE)
    except Exception as error:  # noqa: BLE001  # the constructor of a package may raise anything
        report_error(error, path, problems)
    else:
        return built
    return None


def _wrapper_of(wrapper: Any, mmengine: Any, path: str, problems: ProblemCollector) -> OptimWrapper | None:
    """Return our wrapper in place of one of MMEngine's, which steps without Accelerate."""
    if type(wrapper) is not mmengine.OptimWrapper:
        found = f"{type(wrapper).__name__} scales the loss or steps itself, but here Accelerate does both"
        advice = "Use optim_wrapper=dict(type='AmpOptimWrapper', optimizer=wrapper.optimizer)"
        problems.add(path, found, advice, code=REFUSED_VALUE)
        return None
    limits = None if wrapper.clip_grad_kwargs is None else {**wrapper.clip_grad_kwargs, "type": wrapper.grad_name[5:]}
    return OptimWrapper(wrapper.optimizer, wrapper._accumulative_counts, limits)


def _build_optimizer(config: Any, part: Any, path: str, problems: ProblemCollector) -> Optimizer | None:
    """Build an optimizer for the parameters of a module; return None if there is a problem."""
    if isinstance(config, Optimizer):
        return config
    if not isinstance(config, Mapping) or "type" not in config:
        found = "it is missing" if config is None else f"expected an optimizer, got {short_json(config)}"
        problems.add(path, found, "For example: optimizer=dict(type='SGD', lr=0.1)", code=WRONG_ARGUMENT)
        return None
    cls: Any = config["type"]
    if isinstance(cls, str):
        known = {
            name: one
            for name, one in vars(torch.optim).items()
            if inspect.isclass(one) and issubclass(one, Optimizer) and one is not Optimizer
        }
        if cls not in known and (registered := registered_in_mmengine("OPTIMIZERS", cls)) is not None:
            known[cls] = registered
        if cls not in known:
            found = f"unknown optimizer of torch; {did_you_mean(cls, known)}"
            advice = f"Write type={closest(cls, known) or 'SGD'!r}"
            problems.add(child_path(path, "type"), found, advice, code=REFUSED_VALUE)
            return None
        cls = known[cls]
    arguments = {name: value for name, value in config.items() if name != "type"}
    parameters = list(part.parameters()) if isinstance(part, nn.Module) else [nn.Parameter(torch.zeros(1, 1))]
    before = problems.count
    built = build_call(partial(cls, parameters), arguments, path, problems)
    if problems.count == before and not isinstance(built, Optimizer):
        found = f"expected an optimizer, got {short_json(config['type'])}"
        problems.add(child_path(path, "type"), found, "For example: type='SGD'", code=REFUSED_VALUE)
        return None
    return built if isinstance(built, Optimizer) else None
