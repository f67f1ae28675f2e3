"""A checkpoint's file: read as plain data, and searched for states, whatever made it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from paramsched._printable import printable
from paramsched.audit.log_values import UnreadableLog, path_text
from paramsched.errors import MissingDependency


def load_checkpoint(file: Path) -> Any:
    """What a file of `torch.save` holds; no code of it is run.

    Raises:
        MissingDependency: torch is not installed.
        UnreadableLog: torch cannot read it.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingDependency("a checkpoint", "torch", "torch") from None
    try:
        # weights_only: a pickle may run code, and a checkpoint may come from anywhere.
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises whatever the bytes lead to
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableLog(
            path_text(file),
            f"torch cannot read it ({printable(said)[:200]})",
            "Give a checkpoint that torch.save made",
        ) from None


def find_states(data: Any, is_state: Callable[[dict[Any, Any]], bool], alone: str) -> dict[str, dict[str, Any]]:
    """Every state of a kind in a checkpoint, by the way to it; an object that stands in two places is looked at once.

    Args:
        data: of the checkpoint.
        is_state: whether a dict is one.
        alone: the name of one that is the whole checkpoint.

    >>> find_states({"epoch": 3, "parts": [{"lr": 0.1}]}, lambda one: "lr" in one, "optimizer")
    {'parts[0]': {'lr': 0.1}}
    """
    found: dict[str, dict[str, Any]] = {}
    seen: set[int] = set()
    waiting = [("", data)]
    while waiting:
        name, one = waiting.pop()
        if not isinstance(one, (dict, list)) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            if is_state(one):
                found[name or alone] = one
                continue
            inner = [(f"{name}.{key}" if name else str(key), value) for key, value in one.items()]
        else:
            inner = [(f"{name}[{index}]", value) for index, value in enumerate(one)]
        # Reversed, so that the first entry is taken next. Names are cut, for deep nesting would make them quadratic.
        waiting += [(inner_name[-200:], value) for inner_name, value in reversed(inner)]
    return found
