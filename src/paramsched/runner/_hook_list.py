"""Hooks: those a Runner has by itself, those of a config, and the order in which they are called."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from paramsched.errors import InvalidArgument
from paramsched.runner._class_dicts import build_from_dict
from paramsched.runner.hooks import CheckpointHook, Hook, LoggerHook, ParamSchedulerHook, ProgressBarHook
from paramsched.runner.hooks.hook import priority_of
from paramsched.runner.registry import HOOKS

DEFAULT_HOOKS: Final[Mapping[str, Callable[[], Hook]]] = {
    "logger": LoggerHook,
    "param_scheduler": ParamSchedulerHook,
    "checkpoint": lambda: CheckpointHook(interval=1),
    "progress": ProgressBarHook,
}
"""What a Runner has unless `default_hooks` says otherwise; None there takes one away."""


def all_hooks(default_hooks: Mapping[str, Any] | None, custom_hooks: Any) -> list[Any]:
    """All hooks of a Runner, in order."""
    asked = default_hooks or {}
    names = dict.fromkeys([*DEFAULT_HOOKS, *asked])
    default = [
        build_hook(asked[name]) if name in asked else DEFAULT_HOOKS[name]()
        for name in names
        if asked.get(name, name) is not None
    ]
    return hooks_in_order([*default, *(build_hook(hook) for hook in custom_hooks or ())])


def build_hook(config: Any) -> Any:
    """A hook.

    Raises:
        InvalidArgument: what a dict or a class makes is none.
    """
    if not isinstance(config, (Mapping, type)):
        return config
    arguments = dict(config) if isinstance(config, Mapping) else {"type": config}
    priority = arguments.pop("priority", None)
    hook = build_from_dict(arguments, HOOKS)
    if not is_hook(hook):
        raise InvalidArgument(
            f"{config!r}", f"a {type(hook).__name__} is no hook", "Derive it from paramsched.runner.Hook"
        )
    if priority is not None:
        hook.priority = priority
    return hook


def is_hook(one: Any) -> bool:
    """Whether it has any of the points at which a Runner calls."""
    points = (name for name in vars(Hook) if name.startswith(("before_", "after_")))
    return any(callable(getattr(one, point, None)) for point in points)


def hooks_in_order(hooks: Iterable[Any]) -> list[Any]:
    """Hooks by priority; equal ones in the order they were given."""
    return sorted(hooks, key=lambda hook: priority_of(getattr(hook, "priority", "NORMAL")))
