"""The states of hooks in a checkpoint, by the hook's class and how many there are of it before."""

from collections.abc import Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from paramsched.errors import StateError
from paramsched.runner._runner_state import STATE
from paramsched.runner.hooks import CheckpointHook, EarlyStoppingHook, LoggerHook
from paramsched.runner.hooks.hook import LoadsState, RequiresState, SavesState
from paramsched.runner.view import RunnerView


def hook_states(hooks: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """What a checkpoint keeps of hooks."""
    return {key: hook.state_dict() for key, hook in _hooks_by_key(hooks) if isinstance(hook, SavesState)}


def load_hook_states(hooks: Iterable[Any], states: Mapping[str, Any]) -> None:
    """Let each hook go on from its state, if there is one."""
    for key, hook in _hooks_by_key(hooks):
        if key in states and isinstance(hook, LoadsState):
            hook.load_state_dict(states[key])


def require_hook_states(runner: RunnerView, states: Mapping[str, Any], source: Path) -> None:
    """Refuse states from which a hook cannot go on; nothing is loaded.

    Raises:
        StateError: of one of our hooks, or what a hook's own `require_resumable` raises.
    """
    for key, hook in _hooks_by_key(runner.hooks):
        if key in states:
            _require_state_of(key, hook, states[key], source)
            if isinstance(hook, RequiresState):
                hook.require_resumable(runner, states[key])


def _require_state_of(key: str, hook: Any, state: Any, source: Path) -> None:
    """Let a copy of one of our hooks take its state; checkpoints of the first version have no checksum."""
    if isinstance(hook, (CheckpointHook, EarlyStoppingHook, LoggerHook)) and not isinstance(state, dict):
        raise StateError(f"{source / STATE}: it cannot be read; nothing usable at hooks.{key}")
    if isinstance(hook, (CheckpointHook, EarlyStoppingHook)):
        try:
            copy(hook).load_state_dict(state)
        except (KeyError, TypeError, ValueError) as error:
            found = f"{type(error).__name__}: {error}"
            raise StateError(f"{source / STATE}: it cannot be read; nothing usable at hooks.{key} ({found})") from None


def _hooks_by_key(hooks: Iterable[Any]) -> list[tuple[str, Any]]:
    """Hooks by their class and how many there are of it."""
    counts: dict[str, int] = {}
    named = []
    for hook in hooks:
        kind = type(hook).__name__
        counts[kind] = counts.get(kind, 0) + 1
        named.append((f"{kind}.{counts[kind]}", hook))
    return named
