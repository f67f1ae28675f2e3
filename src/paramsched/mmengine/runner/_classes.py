"""Check and build what a config names by `type`: the model, the metrics and the hooks."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from torch import nn

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.printing import child_path
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.errors import InvalidArgument
from paramsched.mmengine.registry import HOOKS, METRICS, MODELS, Registry
from paramsched.mmengine.runner._model_calls import inputs_and_target
from paramsched.mmengine.runner.hooks import CheckpointHook, Hook, LoggerHook, ParamSchedulerHook, ProgressBarHook
from paramsched.mmengine.runner.hooks.hook import priority_of
from paramsched.mmengine.runner.metrics import MeanOf, MetricLike

Later: TypeAlias = list[tuple[str, Callable[[DiagnosticCollector], None]]]
"""Pairs (path, check) for classes that are not registered yet, to make after the custom imports."""


def check_class_dict(
    config: Mapping[str, Any], registry: Registry, path: str, diagnostics: DiagnosticCollector, later: Later | None
) -> None:
    """Check a dict with `type`: the class and its arguments."""
    if "type" not in config:
        diagnostics.add(child_path(path, "type"), "it is missing", "For example: dict(type='…')", code=WRONG_ARGUMENT)
        return
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        cls = named if callable(named) else registry.find(named)
    except KeyError as error:
        if later is not None and isinstance(named, str):
            later.append((path, lambda after: check_class_dict(config, registry, path, after, None)))
        else:
            diagnostics.add(child_path(path, "type"), str(error.args[0]), code=REFUSED_VALUE)
        return
    try:
        parameters = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # some classes written in C have no signature
        return
    before = diagnostics.count
    if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        found = f"{short_json(named)} has no such argument"
        diagnostics.refuse_unknown(arguments, parameters, path, found, code=UNKNOWN_NAME)
    for name, one in parameters.items():
        is_named = one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        if is_named and one.default is one.empty and name not in arguments:
            diagnostics.add(child_path(path, name), f"{short_json(named)} requires this argument", code=REFUSED_VALUE)
    # Only our classes are built to check arguments, because a user's class may do anything in its constructor.
    is_checked = diagnostics.count > before or not str(getattr(cls, "__module__", "")).startswith("paramsched.")
    while not is_checked:
        try:
            cls(**arguments)
            is_checked = True
        except InvalidArgument as refusal:
            diagnostics.add(child_path(path, refusal.problem.argument), f"{refusal}", code=REFUSED_VALUE)
            del arguments[str(refusal.problem.argument)]


def report_kind(value: Any, kind: str, path: str, diagnostics: DiagnosticCollector, instead: str = "") -> None:
    """Report a value that is not of the expected kind."""
    diagnostics.add(path, f"expected a {kind}, got {short_json(value)}", instead, code=WRONG_TYPE)


def build_from_dict(config: Any, registry: Registry) -> Any:
    """Build the object that a dict with `type` describes; return anything else unchanged."""
    if not isinstance(config, Mapping) or "type" not in config:
        return config
    arguments = dict(config)
    kind = arguments.pop("type")
    try:
        return (kind if callable(kind) else registry.find(kind))(**arguments)
    except (TypeError, KeyError) as error:
        found = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise InvalidArgument(f"dict(type={kind!r}, …)", f"{type(error).__name__}: {found}") from error


def check_model(model: Any, path: str, diagnostics: DiagnosticCollector, later: Later | None) -> None:
    """Check a model, or the dict to build one."""
    if isinstance(model, Mapping):
        check_class_dict(model, MODELS, path, diagnostics, later)
    elif not isinstance(model, nn.Module):
        report_kind(model, "torch.nn.Module", path, diagnostics, "Pass a module, or dict(type='…')")


def build_model(config: Any) -> nn.Module:
    """Build the model from a dict, or return it unchanged."""
    model: nn.Module = build_from_dict(config, MODELS)
    if not isinstance(model, nn.Module):
        found = f"expected a torch.nn.Module, got {type(model).__name__}"
        raise InvalidArgument("Runner(model=…)", found, "Pass a module")
    return model


def check_evaluator(config: Any, path: str, diagnostics: DiagnosticCollector, later: Later | None) -> None:
    """Check a metric, or each metric in a list."""
    if isinstance(config, (list, tuple)):
        for index, one in enumerate(config):
            check_evaluator(one, child_path(path, index), diagnostics, later)
    elif isinstance(config, Mapping) and config:
        check_class_dict(config, METRICS, path, diagnostics, later)
    elif config and not (callable(config) or isinstance(config, MetricLike)):
        report_kind(config, "metric", path, diagnostics, "Pass a function of output and target, or a Metric")


def build_metrics(config: Any) -> list[MetricLike] | None:
    """Build the metrics from dicts, functions or objects; return None for None or an empty dict."""
    if config is None or (isinstance(config, Mapping) and not config):
        return None
    built = [build_from_dict(one, METRICS) for one in (config if isinstance(config, (list, tuple)) else [config])]
    return [one if isinstance(one, MetricLike) else _mean_of(one) for one in built]


def _mean_of(function: Callable[[Any, Any], Any]) -> MeanOf:
    """Return a metric: the mean over all samples of `function(output, target)`."""
    name = getattr(function, "__name__", type(function).__name__).lower()
    return MeanOf(lambda output, batch: function(output, inputs_and_target(batch)[1]), name)


DEFAULT_HOOKS: Final[Mapping[str, Callable[[], Hook]]] = {
    "logger": LoggerHook,
    "param_scheduler": ParamSchedulerHook,
    "checkpoint": lambda: CheckpointHook(interval=1),
    "progress": ProgressBarHook,
}
"""The default hooks of a Runner; None in `default_hooks` removes one."""


_NOT_HERE: Final = ("runtime_info", "timer", "sampler_seed", "visualization")
"""MMEngine's default hooks that do not exist here. A config may still remove them with None."""


def check_hooks(
    hooks: Any, path: str, diagnostics: DiagnosticCollector, later: Later | None, kind: str, instead: str
) -> None:
    """Check the hooks in a mapping, whose value None removes a default hook, or in a list."""
    if hooks is None:
        return
    if not isinstance(hooks, Mapping if kind == "mapping" else (list, tuple)):
        report_kind(hooks, kind, path, diagnostics, instead)
        return
    for key, hook in hooks.items() if isinstance(hooks, Mapping) else enumerate(hooks):
        where = child_path(path, key)
        if hook is None and isinstance(hooks, Mapping):
            if key not in DEFAULT_HOOKS and key not in _NOT_HERE:
                found = f"unknown hook; {did_you_mean(str(key), DEFAULT_HOOKS)}"
                diagnostics.add(where, found, code=UNKNOWN_NAME)
            continue
        if isinstance(hook, Mapping):
            arguments = {name: value for name, value in hook.items() if name != "priority"}
            check_class_dict(arguments, HOOKS, where, diagnostics, later)
            priority = hook.get("priority", "NORMAL")
        else:
            if not is_hook(hook):
                report_kind(hook, "hook", where, diagnostics, "Pass a Hook, or dict(type='…')")
            priority = getattr(hook, "priority", "NORMAL")
        try:
            priority_of(priority)
        except InvalidArgument as refusal:
            diagnostics.refuse(child_path(where, "priority"), refusal)


def all_hooks(default_hooks: Mapping[str, Any] | None, custom_hooks: Any) -> list[Any]:
    """Return all hooks of a Runner in the order of their priority."""
    site = default_hooks or {}
    names = dict.fromkeys([*DEFAULT_HOOKS, *site])
    default = [
        build_hook(site[name]) if name in site else DEFAULT_HOOKS[name]()
        for name in names
        if site.get(name, name) is not None
    ]
    return hooks_in_order([*default, *(build_hook(hook) for hook in custom_hooks or ())])


def build_hook(config: Any) -> Any:
    """Build a hook from a dict or a class, or return it unchanged."""
    if not isinstance(config, (Mapping, type)):
        return config
    arguments = dict(config) if isinstance(config, Mapping) else {"type": config}
    priority = arguments.pop("priority", None)
    hook = build_from_dict(arguments, HOOKS)
    if not is_hook(hook):
        raise InvalidArgument(
            f"{config!r}",
            f"expected a hook, got {type(hook).__name__}",
            "Derive it from paramsched.mmengine.runner.Hook",
        )
    if priority is not None:
        hook.priority = priority
    return hook


def is_hook(one: Any) -> bool:
    """Return whether an object has any of the methods that a Runner calls."""
    points = (name for name in vars(Hook) if name.startswith(("before_", "after_")))
    return any(callable(getattr(one, point, None)) for point in points)


def hooks_in_order(hooks: Iterable[Any]) -> list[Any]:
    """Sort hooks by priority; hooks of the same priority keep their order."""
    return sorted(hooks, key=lambda hook: priority_of(getattr(hook, "priority", "NORMAL")))
