"""Check and build the optimizers of a run and their wrappers."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.base.printing import child_path
from paramsched.core.dropins.group_fields import by_value
from paramsched.core.files.arguments import argument, argument_table
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.errors import InvalidArgument, ParamschedError
from paramsched.mmengine.runner._param_schedulers import RunFacts
from paramsched.mmengine.runner.optim_wrapper import AcceleratedWrapper, AmpOptimWrapper
from paramsched.mmengine.schedulers import OptimWrapper

WRAPPERS: Final[Mapping[str, type[OptimWrapper]]] = {"OptimWrapper": OptimWrapper, "AmpOptimWrapper": AmpOptimWrapper}


def names_several(config: Any) -> bool:
    """Return whether a config is a dict of several optimizers by name."""
    return isinstance(config, Mapping) and bool(config) and not set(config) & {"type", "optimizer"}


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
    return nn.Parameter(torch.zeros(1, 1))  # of two dimensions, because Muon takes no others


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
        if isinstance(error, InvalidArgument):
            found, instead = error.problem.found, error.problem.advice
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
            # Such an error names an operation of torch's code.
            if isinstance(error, (TypeError, LookupError)) and not isinstance(error, ParamschedError):
                found = f"expected {_kind_of_default(build, name)}, got {short_json(value)}"
            diagnostics.add(child_path(path, name), found, code=REFUSED_VALUE)
    if diagnostics.count == before:  # each argument by itself is valid, so they conflict
        diagnostics.add(path, str(together), code=REFUSED_VALUE)
    return None


def _kind_of_default(build: Callable[..., Any], name: str) -> str:
    """Return what an argument expects, by its default."""
    taken = inspect.signature(build).parameters
    default = taken[name].default if name in taken else None
    if isinstance(default, bool):
        return "True or False"
    if isinstance(default, (int, float)):
        return "a number"
    return f"a value such as {default!r}" if isinstance(default, tuple) else "another kind of value"


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
