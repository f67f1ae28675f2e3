"""Check optimizers and what they follow: every argument by itself, on an optimizer that is only for this."""

import inspect
import os
import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.compat.mmengine import PARAM_SCHEDULERS, OptimWrapper, build_param_scheduler
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.config.data_paths import child_path
from paramsched.config.dialects.mmengine.config_run import run_of_config
from paramsched.config.dialects.mmengine.read_schedulers import SchedulerReader
from paramsched.config.faults import Faults
from paramsched.config.value_words import short_json
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.near_names import did_you_mean
from paramsched.plan import Plan, bind
from paramsched.runner import _schedulers
from paramsched.runner._build import WRAPPERS, is_several, optimizer_class
from paramsched.time import Calendar

Wrappers: TypeAlias = Mapping[str, OptimWrapper | None]
"""An optimizer of the same kind by each name, which nothing is trained with; None where its config is at fault."""

_WRAPPER_KEYS = ("type", "optimizer", "accumulative_counts", "clip_grad", "dtype", "loss_scale")
_LONG = 10**6  # batches in an epoch where that is not known yet


def check_optimizers(config: Any, model: Any, faults: Faults) -> Wrappers:
    """Check `optim_wrapper`."""
    path = "$.optim_wrapper"
    if config is None:
        return {}
    if isinstance(config, (OptimWrapper, Optimizer)):
        return {"": _like(config)}
    if not isinstance(config, Mapping) or not config:
        faults.add(
            path,
            f"{short_json(config)} is no optimizer",
            "Write optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1))",
        )
        return {}
    if not is_several(config):
        return {"": _wrapper(config, path, faults)}
    if isinstance(model, nn.Module):
        for name, one in config.items():
            needs = isinstance(one, Mapping) and isinstance(one.get("optimizer"), Mapping)
            if needs and not isinstance(getattr(model, name, None), nn.Module):
                found = f"{type(model).__name__} has no part {name!r} whose parameters it could have"
                faults.add(
                    child_path(path, name), found, "Name it after a part of the model, or give the optimizer itself"
                )
    return {name: _wrapper(one, child_path(path, name), faults) for name, one in config.items()}


def _like(given: OptimWrapper | Optimizer) -> OptimWrapper:
    """A wrapper of an optimizer with groups of the same entries."""
    wrapper = given if isinstance(given, OptimWrapper) else OptimWrapper(given)
    groups = [
        {**{key: _copied(value) for key, value in group.items() if key != "params"}, "params": [_parameter()]}
        for group in wrapper.optimizer.param_groups
    ]
    return OptimWrapper(Optimizer(groups, dict(wrapper.defaults)), wrapper._accumulative_counts)


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _parameter() -> nn.Parameter:
    return nn.Parameter(torch.zeros(1))


def _wrapper(config: Any, path: str, faults: Faults) -> OptimWrapper | None:
    if isinstance(config, (OptimWrapper, Optimizer)):
        return _like(config)
    if not isinstance(config, Mapping):
        faults.add(path, f"{short_json(config)} is no optimizer", "Write dict(optimizer=dict(type='SGD', lr=0.1))")
        return None
    before = faults.count
    kind = config.get("type", "OptimWrapper")
    wrapper = kind if isinstance(kind, type) else WRAPPERS.get(str(kind).removeprefix("mmengine."))
    if wrapper is None:
        faults.add(
            child_path(path, "type"),
            f"{short_json(kind)}; {did_you_mean(str(kind), WRAPPERS)}",
            "Write type='OptimWrapper'",
        )
        wrapper = WRAPPERS["AmpOptimWrapper"]
    taken = inspect.signature(wrapper).parameters
    for name in config:
        if name not in _WRAPPER_KEYS and name not in taken:
            faults.add(child_path(path, name), f"no such entry; {did_you_mean(str(name), _WRAPPER_KEYS)}")
        elif name != "type" and name not in taken:
            faults.add(child_path(path, name), f"{short_json(kind)} has no {name}", "Write type='AmpOptimWrapper'")
    optimizer = _optimizer(config.get("optimizer"), child_path(path, "optimizer"), faults)
    blank = optimizer or torch.optim.SGD([_parameter()], lr=0.1)
    good: dict[str, Any] = {}
    for name in config.keys() & (taken.keys() - {"optimizer"}):
        try:
            made = wrapper(blank, **{name: config[name]})
            if name == "clip_grad":
                _try_clipping(made, blank)
            good[name] = config[name]
        except (TypeError, ValueError, AttributeError, RuntimeError, OverflowError, ParamschedError) as error:
            faults.add(child_path(path, name), str(error))
    if faults.count > before or optimizer is None:
        return None
    return OptimWrapper(optimizer, good.get("accumulative_counts", 1))


def _try_clipping(wrapper: Any, optimizer: Optimizer) -> None:
    """Clip a gradient of nothing, so that what torch's function does not take is found now."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    if isinstance(wrapper, OptimWrapper):
        wrapper._clip_grad()


def _optimizer(config: Any, path: str, faults: Faults) -> Optimizer | None:
    if isinstance(config, Optimizer):
        return _like(config).optimizer
    if not isinstance(config, Mapping) or "type" not in config:
        found = "it is missing" if config is None else f"{short_json(config)} is no optimizer"
        faults.add(path, found, "Write optimizer=dict(type='SGD', lr=0.1)")
        return None
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        made = optimizer_class(named)
        taken = inspect.signature(made).parameters
    except InvalidArgument as refusal:
        faults.add(child_path(path, "type"), refusal.found)
        return None
    except (TypeError, ValueError):
        faults.add(child_path(path, "type"), f"{short_json(named)} is no optimizer", "Write type='SGD'")
        return None
    before = faults.count
    for name, value in arguments.items():
        if name not in taken:
            faults.add(
                child_path(path, name), f"{named} has no such argument; {did_you_mean(name, set(taken) - {'params'})}"
            )
            continue
        try:
            made([_parameter()], **{"lr": 0.1, name: value})
        except (TypeError, ValueError, AttributeError, RuntimeError) as error:
            # Some arguments only go with others; then they are tried together.
            if not _goes(made, arguments):
                faults.add(child_path(path, name), str(error) or f"{short_json(value)} cannot be")
    if faults.count > before:
        return None
    try:
        return made([_parameter()], **arguments)
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        faults.add(path, str(error))
        return None


def _goes(made: Any, arguments: Mapping[str, Any]) -> bool:
    try:
        made([_parameter()], **arguments)
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return False
    return True


def check_schedulers(given: Mapping[str, Any], wrappers: Wrappers, faults: Faults) -> None:
    """Check `param_scheduler`."""
    config, path, names = given["param_scheduler"], "$.param_scheduler", list(wrappers)
    if config is None or not names:
        return
    try:
        plan = _schedulers.plan_in(config, names=names if names != [""] else ())
    except (ConfigError, InvalidArgument, OSError) as error:
        for line in _schedulers.problems_of(error, path):
            faults.add("", line)
        return
    if plan is not None:
        for name, wrapper in wrappers.items():
            _check_plan(plan, wrapper, child_path(path, name) if name else path, faults)
    elif names != [""] and isinstance(config, Mapping) and "type" not in config:
        for name in config.keys() - set(names):
            faults.add(child_path(path, name), f"no optimizer has this name; {did_you_mean(str(name), names)}")
        for name in names:
            if name not in config:
                faults.add(child_path(path, name), "it is missing", f"Write {name}=None for none")
                continue
            _check_one(config[name], wrappers[name], child_path(path, name), given, faults)
    else:
        built = [
            one
            for one in (config if isinstance(config, (list, tuple)) else [config])
            if isinstance(one, _ParamScheduler)
        ]
        if built and len(names) > 1:
            faults.add(
                path, "a built scheduler belongs to one optimizer", f"Write {{{names[0]!r}: [scheduler], …}}, or a dict"
            )
            return
        for wrapper in list(wrappers.values())[:1]:
            _check_one(config, wrapper, path, given, faults)


def _check_one(config: Any, wrapper: OptimWrapper | None, path: str, given: Mapping[str, Any], faults: Faults) -> None:
    """What one optimizer follows."""
    try:
        plan = _schedulers.plan_in(config, names=())
    except (ConfigError, InvalidArgument, OSError) as error:
        for line in _schedulers.problems_of(error, path):
            faults.add("", line)
        return
    if plan is not None:
        _check_plan(plan, wrapper, path, faults)
        return
    many = config if isinstance(config, (list, tuple)) else [config]
    kinds = {isinstance(one, _ParamScheduler) for one in many}
    if len(kinds) == 2:
        faults.add(path, "built schedulers and dicts are mixed", "Write dicts only, or build all of them")
        return
    facts = _lengths(given)
    for index, one in enumerate(many):
        where = child_path(path, index) if isinstance(config, (list, tuple)) else path
        if not isinstance(one, _ParamScheduler):
            _check_dict(one, where, wrapper, facts, faults)


def _check_dict(
    config: Any,
    path: str,
    wrapper: OptimWrapper | None,
    facts: Mapping[str, Any],
    faults: Faults,
) -> None:
    """One of MMEngine's schedulers as a dict."""
    if isinstance(config, Mapping) and "type" in config:
        named = config["type"]
        cls = PARAM_SCHEDULERS.get(named) if isinstance(named, str) else named
        if isinstance(cls, type) and not cls.__module__.startswith("paramsched."):
            if wrapper is not None:
                _check_own_class(config, path, wrapper, facts, faults)
            return
    before = faults.count
    lengths = {name: facts[name] for name in ("max_epochs", "max_iters") if facts[name] is not None}
    run = run_of_config({"train_cfg": lengths}, Calendar(steps_per_epoch=facts["epoch_length"]), faults)
    if isinstance(config, Mapping):
        config = {name: value for name, value in config.items() if name != "last_step"}
    SchedulerReader(faults, None, run).read_entry(config, path)
    if faults.count > before or wrapper is None:
        return
    try:
        with warnings.catch_warnings():  # they are said when it is built
            warnings.simplefilter("ignore")
            build_param_scheduler({**config, "verbose": False}, wrapper, **facts)
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        faults.add(path, str(text).removeprefix("param_scheduler[0] "))


def _check_own_class(
    config: Mapping[str, Any], path: str, wrapper: OptimWrapper, facts: Mapping[str, Any], faults: Faults
) -> None:
    """A class of the user's own says what it takes when it is built, here on an optimizer that is only for this."""
    try:
        (built,) = build_param_scheduler(config, wrapper, **facts)
    except Exception as error:  # noqa: BLE001  # it may raise anything
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        faults.add(path, str(text).removeprefix("param_scheduler[0] ") or type(error).__name__)
        return
    missing = [name for name in ("step", "state_dict", "load_state_dict") if not callable(getattr(built, name, None))]
    if missing:
        found = f"{type(built).__name__} has no {', '.join(missing)}()"
        faults.add(path, found, "Derive it from paramsched.compat.mmengine._ParamScheduler")


def _check_plan(plan: Plan, wrapper: OptimWrapper | None, path: str, faults: Faults) -> None:
    """Whether a plan fits an optimizer's groups; its lengths are resolved when the loader is there."""
    if wrapper is None:
        return
    try:
        bind(plan, wrapper.optimizer.param_groups)
    except InvalidArgument as refusal:
        faults.refuse(path, refusal)


def _lengths(given: Mapping[str, Any]) -> dict[str, Any]:
    """The length of the run as far as it is known before anything is built."""
    loader, train = given["train_dataloader"], given["train_cfg"] if isinstance(given["train_cfg"], Mapping) else {}
    one_process = int(os.environ.get("WORLD_SIZE", "1")) == 1
    length = len(loader) if one_process and hasattr(loader, "__len__") and not isinstance(loader, Mapping) else 0
    counts = {
        name: value if isinstance(value := train.get(name), int) and value > 0 else None
        for name in ("max_epochs", "max_iters")
    }
    return {"epoch_length": length or _LONG, **counts}
