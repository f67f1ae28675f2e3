"""A checkpoint's file: read as plain data, and searched for states, whatever made it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from paramsched._fault import names_listed, printable
from paramsched.audit.log_values import UnreadableLog, nearest_in_file, path_text
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


def choose_state(
    file: Path, states: Mapping[str, Any], option: str, wanted: str | None, missing: tuple[str, str]
) -> str:
    """The name of the state that was asked for, or of the only one there is.

    Args:
        file: in which they are.
        states: by their names.
        option: of the command line, by which one is asked for.
        wanted: the name that was; None where nobody asked.
        missing: what is said where the file has no such state, and what to do then.

    Raises:
        UnreadableLog: there is none, there are several and nobody asked for one, or none has the name.
    """
    if not states:
        raise UnreadableLog(path_text(file), *missing)
    if wanted is None and len(states) > 1:
        found = f"it has {names_listed(states)}"
        raise UnreadableLog(path_text(file), found, f"Write {option} {printable(next(iter(states)))}")
    if wanted is not None and wanted not in states:
        raise UnreadableLog(f"{option} {printable(wanted)}", nearest_in_file(wanted, states))
    return next(iter(states)) if wanted is None else wanted
