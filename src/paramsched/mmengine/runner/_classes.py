"""Build what a config names by `type`: the model, the metrics and the hooks."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from torch import nn

from paramsched.core.base.codes import UNKNOWN_NAME
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.printing import child_path
from paramsched.core.files.problem_collector import ProblemCollector
from paramsched.errors import InvalidArgument
from paramsched.mmengine.building import build_object, report_error, report_kind
from paramsched.mmengine.registry import HOOKS, METRICS, MODELS
from paramsched.mmengine.runner._model_calls import inputs_and_target
from paramsched.mmengine.runner.hooks import CheckpointHook, Hook, LoggerHook, ParamSchedulerHook, ProgressBarHook
from paramsched.mmengine.runner.hooks.hook import priority_of
from paramsched.mmengine.runner.metrics import MeanOf, MetricLike


def build_model(config: Any, path: str, problems: ProblemCollector) -> nn.Module | None:
    """Build the model from a dict, or return it unchanged; None if there is a problem."""
    before = problems.count
    model = build_object(config, MODELS, path, problems)
    if isinstance(model, nn.Module):
        return model
    if problems.count == before:
        report_kind(model, "torch.nn.Module", path, problems, "Pass a module, or dict(type='…')")
    return None


def build_metrics(config: Any, path: str, problems: ProblemCollector) -> list[MetricLike] | None:
    """Build the metrics from dicts, functions or objects; return None for None or an empty dict."""
    if config is None or (isinstance(config, Mapping) and not config):
        return None
    is_list = isinstance(config, (list, tuple))
    metrics = []
    for index, one in enumerate(config if is_list else [config]):
        before, place = problems.count, child_path(path, index) if is_list else path
        metric = build_object(one, METRICS, place, problems)
        if isinstance(metric, MetricLike):
            metrics.append(metric)
        elif callable(metric):
            metrics.append(_mean_of(metric))
        elif problems.count == before:
            report_kind(metric, "metric", place, problems, "Pass a function of output and target, or a Metric")
    return metrics


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


def build_default_hooks(config: Any, path: str, problems: ProblemCollector) -> list[Any]:
    """Build the default hooks, with those of a config in their place."""
    if not isinstance(config, (Mapping, type(None))):
        report_kind(config, "mapping", path, problems, "For example: dict(checkpoint=dict(type='CheckpointHook'))")
        return []
    changes, hooks = config or {}, list[Any]()
    for name in dict.fromkeys([*DEFAULT_HOOKS, *changes]):
        if name not in changes:
            hooks.append(DEFAULT_HOOKS[name]())
        elif changes[name] is not None:
            hooks.append(build_hook(changes[name], child_path(path, name), problems))
        elif name not in (*DEFAULT_HOOKS, *_NOT_HERE):
            found = f"unknown hook; {did_you_mean(str(name), DEFAULT_HOOKS)}"
            problems.add(child_path(path, name), found, code=UNKNOWN_NAME)
    return hooks


def build_custom_hooks(config: Any, path: str, problems: ProblemCollector) -> list[Any]:
    """Build the hooks of a list."""
    if not isinstance(config, (list, tuple, type(None))):
        report_kind(config, "list", path, problems, "For example: custom_hooks=[MyHook()]")
        return []
    return [build_hook(hook, child_path(path, index), problems) for index, hook in enumerate(config or ())]


def build_hook(config: Any, path: str, problems: ProblemCollector) -> Any:
    """Build a hook from a dict or a class, or return it unchanged; None if there is a problem."""
    before, hook, priority = problems.count, config, None
    if isinstance(config, (Mapping, type)):
        entries = dict(config) if isinstance(config, Mapping) else {"type": config}
        priority = entries.pop("priority", None)
        hook = build_object(entries, HOOKS, path, problems)
        if priority is not None and hook is not None:
            hook.priority = priority
    if problems.count == before and not _is_hook(hook):
        report_kind(hook, "hook", path, problems, "Derive it from paramsched.mmengine.runner.Hook")
        return hook
    try:
        priority_of(getattr(hook, "priority", "NORMAL") if priority is None else priority)
    except InvalidArgument as error:
        report_error(error, child_path(path, "priority"), problems)
    return hook


def _is_hook(value: Any) -> bool:
    """Return whether an object has any of the methods that a Runner calls."""
    points = (name for name in vars(Hook) if name.startswith(("before_", "after_")))
    return any(callable(getattr(value, point, None)) for point in points)


def hooks_in_order(hooks: Iterable[Any]) -> list[Any]:
    """Sort hooks by priority; hooks of the same priority keep their order."""
    return sorted(hooks, key=lambda hook: priority_of(getattr(hook, "priority", "NORMAL")))
