"""Check `optim_wrapper` and `param_scheduler` by building them on dummy optimizers."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.diagnostic import child_path, path_from_root
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.dropins.group_fields import by_value
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.core.plan import bind
from paramsched.core.plan.optimizers import ALONE, check_names, one_plan_advice, scopes_of
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.mmengine.reader.config_run import run_of_config
from paramsched.mmengine.reader.plans import SchedulerReader
from paramsched.mmengine.runner._building import WRAPPERS, missing_parts, names_several, no_part, optimizer_class
from paramsched.mmengine.runner._param_schedulers import plan_in, plans_by_name
from paramsched.mmengine.runner.optim_wrapper import AmpOptimWrapper
from paramsched.mmengine.schedulers import PARAM_SCHEDULERS, OptimWrapper, build_param_scheduler
from paramsched.mmengine.schedulers.base import _ParamScheduler

# Only building an optimizer shows which arguments torch rejects, so each is built with one dummy parameter.


def check_optimizers(
    config: Any, path: str, diagnostics: DiagnosticCollector, model: Any
) -> Mapping[str, OptimWrapper | None] | None:
    """Check `optim_wrapper`; return dummy wrappers to check `param_scheduler` on.

    Returns:
        A dict from the name of each optimizer to a wrapper of the configured class with one dummy parameter, or to
        None if its config is invalid. None if there is no optimizer.
    """
    if config is None:
        return None
    if not names_several(config):
        return {"": _check_wrapper(config, path, diagnostics)}
    if isinstance(model, nn.Module):
        for name in missing_parts(config, model):
            diagnostics.add(child_path(path, name), *no_part(model, name), code=REFUSED_VALUE)
    return {name: _check_wrapper(one, child_path(path, name), diagnostics) for name, one in config.items()}


def _model_of_built(given: OptimWrapper | Optimizer) -> OptimWrapper:
    """Return a dummy wrapper with the groups of `given`, in which one small parameter replaces the parameters."""
    wrapper = given if isinstance(given, OptimWrapper) else OptimWrapper(given)
    groups = [
        {key: by_value(value) for key, value in group.items() if key != "params"} | {"params": [_one_parameter()]}
        for group in wrapper.optimizer.param_groups
    ]
    return OptimWrapper(Optimizer(groups, dict(wrapper.defaults)), wrapper._accumulative_counts)


def _one_parameter() -> nn.Parameter:
    return nn.Parameter(torch.zeros(1))


def _check_wrapper(config: Any, path: str, diagnostics: DiagnosticCollector) -> OptimWrapper | None:
    """Check the config of one wrapper; return it with one dummy parameter, or None if the config is invalid."""
    if isinstance(config, (OptimWrapper, Optimizer)):
        return _model_of_built(config)
    if not isinstance(config, Mapping) or not config:
        found, instead = (
            f"expected an optimizer, got {short_json(config)}",
            "For example: dict(optimizer=dict(type='SGD', lr=0.1))",
        )
        diagnostics.add(path, found, instead, code=WRONG_TYPE)
        return None
    before = diagnostics.count
    kind = config.get("type", "OptimWrapper")
    wrapper = kind if isinstance(kind, type) else WRAPPERS.get(str(kind).removeprefix("mmengine."))
    if wrapper is None:
        found = f"{short_json(kind)}; {did_you_mean(str(kind), WRAPPERS)}"
        diagnostics.add(child_path(path, "type"), found, "Use type='OptimWrapper'", code=UNKNOWN_NAME)
        wrapper = AmpOptimWrapper  # it accepts the most arguments
    taken = inspect.signature(wrapper).parameters
    most = inspect.signature(AmpOptimWrapper).parameters
    diagnostics.refuse_unknown(config, {"type", *taken, *most}, path, "unknown argument")
    for name in config.keys() & (most.keys() - taken.keys()):
        found = f"{short_json(kind)} has no argument {name}"
        diagnostics.add(child_path(path, name), found, "Use type='AmpOptimWrapper'", code=REFUSED_VALUE)
    optimizer = _check_optimizer(config.get("optimizer"), child_path(path, "optimizer"), diagnostics)
    blank = optimizer or torch.optim.SGD([_one_parameter()], lr=0.1)

    def wrap_and_clip(**arguments: Any) -> Any:
        for group in blank.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)
        made = wrapper(blank, **arguments)
        if isinstance(made, OptimWrapper):
            made._clip_grad()  # torch checks the arguments here
        return made

    arguments = {name: value for name, value in config.items() if name in taken and name != "optimizer"}
    made = _try_arguments(wrap_and_clip, arguments, path, diagnostics, {})
    if diagnostics.count > before or optimizer is None:
        return None
    return made if isinstance(made, OptimWrapper) else OptimWrapper(optimizer, config.get("accumulative_counts", 1))


def _check_optimizer(config: Any, path: str, diagnostics: DiagnosticCollector) -> Optimizer | None:
    """Check the config of one optimizer; return it with one dummy parameter, or None if the config is invalid."""
    if isinstance(config, Optimizer):
        return _model_of_built(config).optimizer
    if not isinstance(config, Mapping) or "type" not in config:
        found = "it is missing" if config is None else f"expected an optimizer, got {short_json(config)}"
        diagnostics.add(path, found, "For example: optimizer=dict(type='SGD', lr=0.1)", code=WRONG_ARGUMENT)
        return None
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        cls = optimizer_class(named)
        taken = inspect.signature(cls).parameters.keys() - {"params"}
    except (InvalidArgument, TypeError, ValueError) as error:
        found, instead = f"expected an optimizer, got {short_json(named)}", "For example: type='SGD'"
        found, instead = (error.found, error.instead) if isinstance(error, InvalidArgument) else (found, instead)
        diagnostics.add(child_path(path, "type"), found, instead, code=REFUSED_VALUE)
        return None
    before = diagnostics.count
    diagnostics.refuse_unknown(arguments, taken, path, f"{named} has no such argument", code=UNKNOWN_NAME)
    arguments = {name: value for name, value in arguments.items() if name in taken}

    needed = {"lr": 0.1} if "lr" in taken else {}
    optimizer = _try_arguments(partial(cls, [_one_parameter()]), arguments, path, diagnostics, needed)
    return None if diagnostics.count > before else optimizer


def _try_arguments(
    build: Callable[..., Any],
    arguments: Mapping[str, Any],
    path: str,
    diagnostics: DiagnosticCollector,
    needed: Mapping[str, Any],
) -> Any:
    """Return `build(**arguments)`, or report each argument that it rejects and return None.

    Args:
        needed: arguments that are passed along when each argument is tried by itself.
    """
    try:
        return build(**arguments)
    except Exception as error:  # noqa: BLE001  # torch and users' classes may raise anything
        together = error
    before = diagnostics.count
    for name, value in arguments.items():
        try:
            build(**{**needed, name: value})
        except Exception as error:  # noqa: BLE001  # as above
            found = str(error) or f"invalid value {short_json(value)}"
            diagnostics.add(child_path(path, name), found, code=REFUSED_VALUE)
    if diagnostics.count == before:  # each argument by itself is valid, so they conflict
        diagnostics.add(path, str(together), code=REFUSED_VALUE)
    return None


def check_schedulers(
    config: Any,
    path: str,
    diagnostics: DiagnosticCollector,
    models: Mapping[str, OptimWrapper | None],
    lengths: Mapping[str, Any],
) -> None:
    """Check `param_scheduler`: a config for one optimizer or for all, or a dict of configs by optimizer."""
    if config is None or not models:
        return
    names = [] if list(models) == [""] else list(models)
    try:
        plan = plan_in(config, names=names)
    except ConfigError as error:  # raised for the text of a plan
        for fault in error.diagnostics:
            line = f"line {fault.line}: " if fault.line is not None and not fault.path else ""
            diagnostics.add(path + path_from_root(fault.path), line + fault.found, fault.instead, code=fault.code)
        return
    except (InvalidArgument, OSError) as error:
        diagnostics.add(path, str(error), code=REFUSED_VALUE)
        return
    if plan is not None:
        groups = {name or ALONE: model.optimizer.param_groups for name, model in models.items() if model is not None}
        if groups and len(groups) == len(models):
            try:
                if names:
                    check_names("Runner(optim_wrapper=…)", groups)
                for name, scope in scopes_of(plan, plan, groups).items():
                    bind(plan, groups[name], scope)  # its lengths are resolved once the loader is known
            except InvalidArgument as refusal:
                diagnostics.refuse(path, refusal)
    elif plans := plans_by_name(config, names):
        instead = one_plan_advice(plans, "param_scheduler={plan}")
        diagnostics.add(path, "one plan drives all optimizers, on one clock", instead, code=REFUSED_VALUE)
    elif names and isinstance(config, Mapping) and "type" not in config:
        diagnostics.refuse_unknown(config, names, path, "no optimizer has this name", code=UNKNOWN_NAME)
        for name in names:
            if name in config:
                check_schedulers(config[name], child_path(path, name), diagnostics, {"": models[name]}, lengths)
            else:
                diagnostics.add(
                    child_path(path, name), "it is missing", f"Use {name}=None for no scheduler", code=WRONG_ARGUMENT
                )
    else:
        many = list(config) if isinstance(config, (list, tuple)) else [config]
        built = [isinstance(one, _ParamScheduler) for one in many]
        if any(built) and names:
            instead = f"Use {{{names[0]!r}: [scheduler], …}}, or dict(type=…)"
            diagnostics.add(path, "a built scheduler belongs to one optimizer", instead, code=REFUSED_VALUE)
        elif any(built) and not all(built):
            found, instead = "built schedulers and dicts are mixed", "Use dicts only, or build all of them"
            diagnostics.add(path, found, instead, code=REFUSED_VALUE)
        elif not any(built):
            for index, one in enumerate(many):
                where = child_path(path, index) if isinstance(config, (list, tuple)) else path
                _check_scheduler(one, where, next(iter(models.values())), lengths, diagnostics)


def _check_scheduler(
    config: Any, path: str, model: OptimWrapper | None, lengths: Mapping[str, Any], diagnostics: DiagnosticCollector
) -> None:
    """Check one scheduler from a dict: first its arguments, then whether it can be built."""
    kind = config.get("type") if isinstance(config, Mapping) else None
    cls = PARAM_SCHEDULERS.get(kind) if isinstance(kind, str) else kind
    before = diagnostics.count
    if not isinstance(cls, type) or cls.__module__.startswith("paramsched."):
        counts = {name: lengths[name] for name in ("max_epochs", "max_iters") if lengths[name] is not None}
        run = run_of_config({"train_cfg": counts}, Calendar(steps_per_epoch=lengths["epoch_length"]), diagnostics)
        if isinstance(config, Mapping):
            config = {name: value for name, value in config.items() if name != "last_step"}
        SchedulerReader(diagnostics, None, run).read_entry(config, path)
        config = {**config, "verbose": False} if isinstance(config, Mapping) else config
    if diagnostics.count > before or model is None:
        return
    try:
        with warnings.catch_warnings():  # the warnings are shown when the scheduler is built for the run
            warnings.simplefilter("ignore")
            (built,) = build_param_scheduler(config, model, **lengths)
    except Exception as error:  # noqa: BLE001  # a user's class may raise anything
        refusal: BaseException = error
        name, cause = "", error.__cause__
        if type(cause) is type(error):  # omit the index that `build_param_scheduler` adds, because the path contains it
            name, refusal = f"({PARAM_SCHEDULERS.find(config['type']).__name__}): ", cause
        # The `str` of a KeyError would add quotes.
        found = str(refusal.args[0] if isinstance(refusal, KeyError) and refusal.args else refusal)
        diagnostics.add(path, name + (found or type(refusal).__name__), code=REFUSED_VALUE)
        return
    missing = [name for name in ("step", "state_dict", "load_state_dict") if not callable(getattr(built, name, None))]
    if missing:
        found = f"{type(built).__name__} has no {', '.join(missing)}()"
        diagnostics.add(
            path, found, "Derive it from paramsched.mmengine.schedulers._ParamScheduler", code=WRONG_ARGUMENT
        )
