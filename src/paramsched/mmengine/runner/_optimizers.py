"""Check and build the optimizers of a run and their wrappers."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, final

import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.compat.group_values import by_value
from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.base.printing import child_path
from paramsched.core.files.arguments import argument, argument_table
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.errors import InvalidArgument
from paramsched.mmengine.runner._param_schedulers import RunnerFacts
from paramsched.mmengine.runner._torch_arguments import check_types
from paramsched.mmengine.runner.optim_wrapper import AcceleratedWrapper, AmpOptimWrapper
from paramsched.mmengine.schedulers import OptimWrapper

WRAPPERS: Final[Mapping[str, type[OptimWrapper]]] = {"OptimWrapper": OptimWrapper, "AmpOptimWrapper": AmpOptimWrapper}


_Built: TypeAlias = Optimizer | Callable[[Iterable[nn.Parameter]], Optimizer]


@final
@dataclass(frozen=True, slots=True)
class WrapperSettings:
    """The checked settings of one optimizer and its wrapper.

    Args:
        optimizer: the optimizer, or a function that builds it for parameters.
        wrap: a function that wraps the optimizer.
        dummy: a wrapper of the same kind with one small parameter, to check schedulers on.
    """

    optimizer: _Built
    wrap: Callable[[Optimizer], OptimWrapper]
    dummy: OptimWrapper

    def build(self, name: str, model: nn.Module) -> OptimWrapper:
        """Build the wrapper for the parameters of the model, or of its submodule `name` if that is not empty."""
        if isinstance(self.optimizer, Optimizer):
            return self.wrap(self.optimizer)
        part = _part(name, model)
        if part is None:
            raise InvalidArgument(f"optim_wrapper[{name!r}]", *_no_part(name, model))
        return self.wrap(self.optimizer(part.parameters()))


def _part(name: str, model: nn.Module) -> nn.Module | None:
    """Return the submodule that an optimizer belongs to, or None if there is none; "" is the model itself."""
    part = getattr(model, name, None) if name else model
    return part if isinstance(part, nn.Module) else None


def _no_part(name: str, model: nn.Module) -> tuple[str, str]:
    """Return the description of a missing submodule, and the advice."""
    found = f"{type(model).__name__} has no submodule {name!r} to optimize"
    return found, "Name it after a submodule of the model, or pass the optimizer itself"


def read_optimizers(
    config: Any, path: str, diagnostics: DiagnosticCollector, model: Any
) -> dict[str, WrapperSettings | None]:
    """Return the settings of each optimizer in `optim_wrapper` by name, or None in place of invalid settings.

    The name of a single optimizer is empty. Without an optimizer the dict is empty.
    """
    if config is None:
        return {}
    if not isinstance(config, Mapping) or not config or set(config) & {"type", "optimizer"}:
        return {"": _read_wrapper(config, path, diagnostics)}
    for name, one in config.items():
        is_built_here = isinstance(one, Mapping) and isinstance(one.get("optimizer"), Mapping)
        if is_built_here and isinstance(model, nn.Module) and _part(name, model) is None:
            diagnostics.add(child_path(path, name), *_no_part(name, model), code=REFUSED_VALUE)
    return {name: _read_wrapper(one, child_path(path, name), diagnostics) for name, one in config.items()}


def _dummy_of(given: OptimWrapper | Optimizer) -> OptimWrapper:
    """Return a dummy wrapper with the groups of `given`, in which one small parameter replaces the parameters."""
    wrapper = given if isinstance(given, OptimWrapper) else OptimWrapper(given)
    groups = [
        {key: by_value(value) for key, value in group.items() if key != "params"} | {"params": [_one_parameter()]}
        for group in wrapper.optimizer.param_groups
    ]
    dummy, counts = Optimizer(groups, dict(wrapper.defaults)), wrapper._accumulative_counts
    if isinstance(wrapper, AmpOptimWrapper):
        return AmpOptimWrapper(dummy, counts, None, wrapper.dtype, wrapper.scaling or "dynamic")
    return OptimWrapper(dummy, counts)


def _one_parameter() -> nn.Parameter:
    return nn.Parameter(torch.zeros(1, 1))  # of two dimensions, because Muon takes no others


def _read_wrapper(config: Any, path: str, diagnostics: DiagnosticCollector) -> WrapperSettings | None:
    """Read the settings of one wrapper; return None if they are invalid."""
    if isinstance(config, OptimWrapper):
        return WrapperSettings(config.optimizer, lambda _: config, _dummy_of(config))
    if isinstance(config, Optimizer):
        return WrapperSettings(config, OptimWrapper, _dummy_of(config))
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
    built, dummy = _read_optimizer(config.get("optimizer"), child_path(path, "optimizer"), diagnostics)
    arguments = {name: value for name, value in config.items() if name in taken and name != "optimizer"}
    wrong = _check_limits(arguments, path, diagnostics)

    def wrap_and_clip(**arguments: Any) -> Any:
        made: Any = wrapper(dummy, **arguments)
        if isinstance(made, OptimWrapper):
            for parameter in dummy.param_groups[0]["params"]:
                parameter.grad = torch.zeros_like(parameter)
            made._clip_grad()  # torch checks the other arguments here
        return made

    checked = {name: value for name, value in arguments.items() if name not in wrong}
    made = _try_arguments(wrap_and_clip, checked, path, diagnostics, wrapper.__name__, {})
    if diagnostics.count > before or built is None:
        return None
    if not isinstance(made, OptimWrapper):
        made = OptimWrapper(dummy, config.get("accumulative_counts", 1))
    return WrapperSettings(built, partial(wrapper, **arguments), made)


def _check_limits(arguments: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector) -> set[str]:
    """Check the arguments that wrappers pass to torch; return the names of the dicts with an invalid argument."""
    clip, scaling = arguments.get("clip_grad"), arguments.get("loss_scale")
    passed: dict[str, tuple[Callable[..., Any], Any]] = {}
    if isinstance(clip, Mapping):
        by_value_ = clip.get("type") == "value"
        function = torch.nn.utils.clip_grad_value_ if by_value_ else torch.nn.utils.clip_grad_norm_
        passed["clip_grad"] = function, {name: value for name, value in clip.items() if name != "type"}
    if isinstance(scaling, Mapping):
        passed["loss_scale"] = torch.amp.GradScaler, scaling
    wrong = set()
    for name, (function, given) in passed.items():
        before, where = diagnostics.count, child_path(path, name)
        taken = inspect.signature(function).parameters.keys() - {"parameters", "device"}
        diagnostics.refuse_unknown(given, taken, where, "unknown argument", code=UNKNOWN_NAME)
        check_types(function, given, where, diagnostics)
        wrong |= {name} if diagnostics.count > before else set()
    return wrong


def _read_optimizer(config: Any, path: str, diagnostics: DiagnosticCollector) -> tuple[_Built | None, Optimizer]:
    """Return an optimizer or a function that builds it, or None if its settings are invalid; and a dummy of it."""
    blank = torch.optim.SGD([_one_parameter()], lr=0.1)
    if isinstance(config, Optimizer):
        return config, _dummy_of(config).optimizer
    if not isinstance(config, Mapping) or "type" not in config:
        found = "it is missing" if config is None else f"expected an optimizer, got {short_json(config)}"
        diagnostics.add(path, found, "For example: optimizer=dict(type='SGD', lr=0.1)", code=WRONG_ARGUMENT)
        return None, blank
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        cls = _optimizer_class(named)
        taken = inspect.signature(cls).parameters.keys() - {"params"}
    except (InvalidArgument, TypeError, ValueError) as error:
        found, instead = f"expected an optimizer, got {short_json(named)}", "For example: type='SGD'"
        if isinstance(error, InvalidArgument):
            found, instead = error.problem.found, error.problem.advice
        diagnostics.add(child_path(path, "type"), found, instead, code=REFUSED_VALUE)
        return None, blank
    before, name = diagnostics.count, getattr(cls, "__name__", str(named))
    diagnostics.refuse_unknown(arguments, taken, path, f"{named} has no such argument", code=UNKNOWN_NAME)
    check_types(cls, arguments, path, diagnostics)
    if diagnostics.count > before:
        return None, blank
    needed = {"lr": 0.1} if "lr" in taken else {}
    dummy = _try_arguments(partial(cls, [_one_parameter()]), arguments, path, diagnostics, name, needed)
    return (None, blank) if dummy is None else (partial(cls, **arguments), dummy)


def _try_arguments(
    build: Callable[..., Any],
    arguments: Mapping[str, Any],
    path: str,
    diagnostics: DiagnosticCollector,
    of: str,
    needed: Mapping[str, Any],
) -> Any:
    """Return `build(**arguments)`, or report each argument that it rejects and return None.

    Args:
        of: the name of the class that is built.
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
            cause = f": {error}" if str(error) else ""
            found = f"expected a value that {of} accepts, got {short_json(value)}{cause}"
            diagnostics.add(child_path(path, name), found, code=REFUSED_VALUE)
    if diagnostics.count == before:  # each argument by itself is valid, so they conflict
        diagnostics.add(path, str(together), code=REFUSED_VALUE)
    return None


def _optimizer_class(kind: Any) -> Callable[..., Optimizer]:
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


def scale_lr(settings: ScalingSettings | None, steppers: Mapping[str, AcceleratedWrapper], facts: RunnerFacts) -> None:
    """Multiply every lr by the ratio of the samples per update to the config's batch size."""
    if settings is None or not settings.enable:
        return
    for name, stepper in steppers.items():
        ratio = (facts.batch_size or 1) * facts.accumulation[name] / settings.base_batch_size
        for group in stepper.param_groups:
            group["lr"] = group["lr"] * ratio
