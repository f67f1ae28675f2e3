"""Checks of `optim_wrapper` and `param_scheduler`, tried on optimizers that nothing is trained with."""

import inspect
import os
import warnings
from collections.abc import Mapping, Sized
from typing import Any, Final, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT
from paramsched.base.diagnostic import child_path, entry_path, path_from_root
from paramsched.base.near_names import did_you_mean
from paramsched.compat.group_fields import by_value
from paramsched.compat.mmengine import PARAM_SCHEDULERS, OptimWrapper, build_param_scheduler
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.config.faults import Faults, short_json
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.peers.mmengine.config_run import run_of_config
from paramsched.peers.mmengine.read_schedulers import SchedulerReader
from paramsched.plan import Plan, bind
from paramsched.runner._checks.entries import refuse_kind
from paramsched.runner._class_dicts import WRAPPERS, names_several, optimizer_class
from paramsched.runner._param_schedulers import plan_in
from paramsched.time import Calendar

# What torch does not take is found by building. So each optimizer of a config is built here over one parameter, first
# with each argument alone, then with all of them.

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
        refuse_kind(config, "optimizer", path, faults, instead)
        return {}
    if not names_several(config):
        return {"": _check_wrapper(config, path, faults)}
    if isinstance(model, nn.Module):
        for name, one in config.items():
            needs_part = isinstance(one, Mapping) and isinstance(one.get("optimizer"), Mapping)
            if needs_part and not isinstance(getattr(model, name, None), nn.Module):
                found = f"{type(model).__name__} has no part {name!r} whose parameters it could have"
                instead = "Name it after a part of the model, or give the optimizer itself"
                faults.add(child_path(path, name), found, instead, code=REFUSED_VALUE)
    return {name: _check_wrapper(one, child_path(path, name), faults) for name, one in config.items()}


def _model_of_built(given: OptimWrapper | Optimizer) -> OptimWrapper:
    """A wrapper of an optimizer with the same entries in its groups, and one small parameter in each."""
    wrapper = given if isinstance(given, OptimWrapper) else OptimWrapper(given)
    groups = [
        {key: by_value(value) for key, value in group.items() if key != "params"} | {"params": [_one_parameter()]}
        for group in wrapper.optimizer.param_groups
    ]
    return OptimWrapper(Optimizer(groups, dict(wrapper.defaults)), wrapper._accumulative_counts)


def _one_parameter() -> nn.Parameter:
    return nn.Parameter(torch.zeros(1))


def _check_wrapper(config: Any, path: str, faults: Faults) -> OptimWrapper | None:
    """Check one wrapper; returns it over one parameter, if it is right."""
    if isinstance(config, (OptimWrapper, Optimizer)):
        return _model_of_built(config)
    if not isinstance(config, Mapping):
        refuse_kind(config, "optimizer", path, faults, "Write dict(optimizer=dict(type='SGD', lr=0.1))")
        return None
    before = faults.count
    kind = config.get("type", "OptimWrapper")
    wrapper = kind if isinstance(kind, type) else WRAPPERS.get(str(kind).removeprefix("mmengine."))
    if wrapper is None:
        found = f"{short_json(kind)}; {did_you_mean(str(kind), WRAPPERS)}"
        faults.add(child_path(path, "type"), found, "Write type='OptimWrapper'", code=UNKNOWN_NAME)
        wrapper = WRAPPERS["AmpOptimWrapper"]  # it takes the most arguments
    taken = inspect.signature(wrapper).parameters
    for name in config:
        where = child_path(path, name)
        if name not in _WRAPPER_KEYS and name not in taken:
            faults.add(where, f"no such entry; {did_you_mean(str(name), _WRAPPER_KEYS)}", code=UNKNOWN_NAME)
        elif name != "type" and name not in taken:
            found = f"{short_json(kind)} has no {name}"
            faults.add(where, found, "Write type='AmpOptimWrapper'", code=REFUSED_VALUE)
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
            faults.add(child_path(path, name), str(error), code=REFUSED_VALUE)
    if faults.count > before or optimizer is None:
        return None
    return OptimWrapper(optimizer, good.get("accumulative_counts", 1))


def _try_clipping(wrapper: Any, optimizer: Optimizer) -> None:
    """Clip gradients of zeros, to see whether torch takes the arguments."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    if isinstance(wrapper, OptimWrapper):
        wrapper._clip_grad()


def _check_optimizer(config: Any, path: str, faults: Faults) -> Optimizer | None:
    """Check one optimizer; returns it over one parameter, if it is right."""
    if isinstance(config, Optimizer):
        return _model_of_built(config).optimizer
    if not isinstance(config, Mapping) or "type" not in config:
        found = "it is missing" if config is None else f"{short_json(config)} is no optimizer"
        faults.add(path, found, "Write optimizer=dict(type='SGD', lr=0.1)", code=WRONG_ARGUMENT)
        return None
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        cls = optimizer_class(named)
        taken = inspect.signature(cls).parameters
    except InvalidArgument as refusal:
        faults.add(child_path(path, "type"), refusal.found, code=REFUSED_VALUE)
        return None
    except (TypeError, ValueError):
        refuse_kind(named, "optimizer", child_path(path, "type"), faults, "Write type='SGD'")
        return None
    before = faults.count
    for name, value in arguments.items():
        if name not in taken:
            found = f"{named} has no such argument; {did_you_mean(name, set(taken) - {'params'})}"
            faults.add(child_path(path, name), found, code=UNKNOWN_NAME)
            continue
        refusal_alone = _refusal_of(cls, {"lr": 0.1, name: value})
        # Some arguments only go with others; then they are tried together.
        if refusal_alone is not None and _refusal_of(cls, arguments) is not None:
            found = str(refusal_alone) or f"{short_json(value)} cannot be"
            faults.add(child_path(path, name), found, code=REFUSED_VALUE)
    if faults.count > before:
        return None
    refusal_of_all = _refusal_of(cls, arguments)
    if refusal_of_all is not None:
        faults.add(path, str(refusal_of_all), code=REFUSED_VALUE)
        return None
    return cls([_one_parameter()], **arguments)


def _refusal_of(cls: Any, arguments: Mapping[str, Any]) -> Exception | None:
    try:
        cls([_one_parameter()], **arguments)
    except _REFUSALS as error:
        return error
    return None


_LONG_EPOCH: Final = 10**6  # batches in an epoch where that is not known yet


def check_schedulers(given: Mapping[str, Any], models: OptimizerModels, faults: Faults) -> None:
    """Check `param_scheduler`, for one optimizer or for several."""
    config, path, names = given["param_scheduler"], entry_path("param_scheduler"), list(models)
    if config is None or not names:
        return
    several = names != [""]
    try:
        plan = plan_in(config, names=names if several else ())
    except (ConfigError, InvalidArgument, OSError) as error:
        _add_faults_of(error, path, faults)
        return
    if plan is not None:
        for name, model in models.items():
            _check_plan(plan, model, child_path(path, name) if name else path, faults)
    elif several and isinstance(config, Mapping) and "type" not in config:
        _check_by_name(config, models, given, faults)
    elif several and any(isinstance(one, _ParamScheduler) for one in _as_list(config)):
        instead = f"Write {{{names[0]!r}: [scheduler], …}}, or a dict"
        faults.add(path, "a built scheduler belongs to one optimizer", instead, code=REFUSED_VALUE)
    else:  # the same for each optimizer: looked at once
        _check_for_one(config, models[names[0]], path, given, faults)


def _check_by_name(
    config: Mapping[str, Any], models: OptimizerModels, given: Mapping[str, Any], faults: Faults
) -> None:
    """Check a dict that has for each optimizer what it follows."""
    path = entry_path("param_scheduler")
    for name in config.keys() - set(models):
        found = f"no optimizer has this name; {did_you_mean(str(name), models)}"
        faults.add(child_path(path, name), found, code=UNKNOWN_NAME)
    for name, model in models.items():
        if name not in config:
            faults.add(child_path(path, name), "it is missing", f"Write {name}=None for none", code=WRONG_ARGUMENT)
            continue
        _check_for_one(config[name], model, child_path(path, name), given, faults)


def _check_for_one(
    config: Any, model: OptimWrapper | None, path: str, given: Mapping[str, Any], faults: Faults
) -> None:
    """Check what one optimizer follows."""
    try:
        plan = plan_in(config, names=())
    except (ConfigError, InvalidArgument, OSError) as error:
        _add_faults_of(error, path, faults)
        return
    if plan is not None:
        _check_plan(plan, model, path, faults)
        return
    many = _as_list(config)
    if len({isinstance(one, _ParamScheduler) for one in many}) == 2:
        found, instead = "built schedulers and dicts are mixed", "Write dicts only, or build all of them"
        faults.add(path, found, instead, code=REFUSED_VALUE)
        return
    lengths = _known_lengths(given)
    for index, one in enumerate(many):
        where = child_path(path, index) if isinstance(config, (list, tuple)) else path
        if not isinstance(one, _ParamScheduler):
            _check_scheduler_dict(one, where, model, lengths, faults)


def _check_scheduler_dict(
    config: Any, path: str, model: OptimWrapper | None, lengths: Mapping[str, Any], faults: Faults
) -> None:
    """Check one of MMEngine's schedulers as a dict, then that it can be built."""
    if isinstance(config, Mapping) and "type" in config:
        named = config["type"]
        cls = PARAM_SCHEDULERS.get(named) if isinstance(named, str) else named
        if isinstance(cls, type) and not cls.__module__.startswith("paramsched."):
            if model is not None:
                _check_users_class(config, path, model, lengths, faults)
            return
    before = faults.count
    counts = {name: lengths[name] for name in ("max_epochs", "max_iters") if lengths[name] is not None}
    run = run_of_config({"train_cfg": counts}, Calendar(steps_per_epoch=lengths["epoch_length"]), faults)
    if isinstance(config, Mapping):
        config = {name: value for name, value in config.items() if name != "last_step"}
    SchedulerReader(faults, None, run).read_entry(config, path)
    if faults.count > before or model is None:
        return
    try:
        with warnings.catch_warnings():  # they are said when it is built
            warnings.simplefilter("ignore")
            build_param_scheduler({**config, "verbose": False}, model, **lengths)
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        faults.add(path, _refusal_text(error, config), code=REFUSED_VALUE)


def _check_users_class(
    config: Mapping[str, Any], path: str, model: OptimWrapper, lengths: Mapping[str, Any], faults: Faults
) -> None:
    """Check a class of the user's own, which says what it takes when it is built."""
    try:
        (built,) = build_param_scheduler(config, model, **lengths)
    except Exception as error:  # noqa: BLE001  # it may raise anything
        faults.add(path, _refusal_text(error, config) or type(error).__name__, code=REFUSED_VALUE)
        return
    missing = [name for name in ("step", "state_dict", "load_state_dict") if not callable(getattr(built, name, None))]
    if missing:
        found = f"{type(built).__name__} has no {', '.join(missing)}()"
        faults.add(path, found, "Derive it from paramsched.compat.mmengine._ParamScheduler", code=WRONG_ARGUMENT)


def _refusal_text(error: Exception, config: Mapping[str, Any]) -> str:
    """What a scheduler's class refused, without the place in the list."""
    cause = error.__cause__
    if type(cause) is not type(error):  # the class was not found, or raised something that is passed on as it is
        return _class_text(error)
    return f"({PARAM_SCHEDULERS.find(config['type']).__name__}): {_class_text(cause)}"


def _class_text(error: BaseException) -> str:
    """The message; `str` of a KeyError would put it in quotes."""
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)


def _check_plan(plan: Plan, model: OptimWrapper | None, path: str, faults: Faults) -> None:
    """Check that a plan fits an optimizer's groups; its lengths are resolved when the loader is there."""
    if model is None:
        return
    try:
        bind(plan, model.optimizer.param_groups)
    except InvalidArgument as refusal:
        faults.refuse(path, refusal)


def _add_faults_of(error: Exception, path: str, faults: Faults) -> None:
    """Note each fault of a plan's text under `path`, or the one that was raised."""
    if isinstance(error, ConfigError):
        for fault in error.faults:
            line = f"line {fault.line}: " if fault.line is not None and not fault.path else ""
            faults.add(path + path_from_root(fault.path), line + fault.found, fault.instead, code=fault.code)
    else:
        faults.add(path, str(error), code=REFUSED_VALUE)


def _known_lengths(given: Mapping[str, Any]) -> dict[str, Any]:
    """The length of the run as far as it is known before anything is built."""
    loader, train = given["train_dataloader"], given["train_cfg"] if isinstance(given["train_cfg"], Mapping) else {}
    one_process = int(os.environ.get("WORLD_SIZE", "1")) == 1
    length = len(loader) if one_process and isinstance(loader, Sized) and not isinstance(loader, Mapping) else 0
    counts = {
        name: value if isinstance(value := train.get(name), int) and value > 0 else None
        for name in ("max_epochs", "max_iters")
    }
    return {"epoch_length": length or _LONG_EPOCH, **counts}


def _as_list(config: Any) -> list[Any]:
    return list(config) if isinstance(config, (list, tuple)) else [config]
