"""Checks of the hooks."""

from collections.abc import Mapping
from typing import Any, Final

from paramsched.config.faults import Faults, child_path, entry_path, short_json
from paramsched.errors import InvalidArgument
from paramsched.near_names import did_you_mean
from paramsched.runner._checks.entries import check_class_dict
from paramsched.runner._hook_list import DEFAULT_HOOKS, is_hook
from paramsched.runner.hooks.hook import priority_of
from paramsched.runner.registry import HOOKS

_NOT_HERE: Final = ("runtime_info", "timer", "sampler_seed", "visualization")
"""MMEngine's other default hooks; a config may take away what is not there."""


def check_hooks(given: Mapping[str, Any], faults: Faults) -> None:
    """Check `default_hooks` and `custom_hooks`."""
    default, custom = given["default_hooks"], given["custom_hooks"]
    if default is not None and not isinstance(default, Mapping):
        instead = "Write dict(checkpoint=dict(type='CheckpointHook'))"
        faults.add(entry_path("default_hooks"), f"{short_json(default)} is no mapping", instead)
        default = None
    if custom is not None and not isinstance(custom, (list, tuple)):
        faults.add(entry_path("custom_hooks"), f"{short_json(custom)} is no list", "Write custom_hooks=[MyHook()]")
        custom = None
    for name, hook in (default or {}).items():
        path = child_path(entry_path("default_hooks"), name)
        if hook is not None:
            _check_hook(hook, path, faults)
        elif name not in DEFAULT_HOOKS and name not in _NOT_HERE:
            faults.add(path, f"there is none to take away; {did_you_mean(name, DEFAULT_HOOKS)}")
    for index, hook in enumerate(custom or ()):
        _check_hook(hook, entry_path("custom_hooks", index), faults)


def _check_hook(hook: Any, path: str, faults: Faults) -> None:
    """Check a hook, or a dict that names its class, and its priority."""
    if isinstance(hook, Mapping):
        arguments = {name: value for name, value in hook.items() if name != "priority"}
        check_class_dict(arguments, HOOKS, path, faults)
        priority = hook.get("priority", "NORMAL")
    else:
        if not is_hook(hook):
            faults.add(path, f"{short_json(hook)} is no hook", "Give a Hook, or dict(type='…')")
        priority = getattr(hook, "priority", "NORMAL")
    try:
        priority_of(priority)
    except InvalidArgument as refusal:
        faults.refuse(child_path(path, "priority"), refusal)
