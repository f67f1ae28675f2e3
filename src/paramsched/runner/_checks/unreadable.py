"""What a config cannot hold: values that only running it would tell, and containers that contain themselves."""

from typing import Any

from paramsched.config.faults import Faults, child_path
from paramsched.config.python_config.reading import NeedsRunning

_DEEPEST = 50


def without_unreadable(value: Any, path: str, faults: Faults, around: tuple[int, ...] = ()) -> Any:
    """The value, with None for what cannot be read; each of these is a fault.

    Args:
        value: what is looked at.
        path: where it stands.
        faults: where a fault goes.
        around: the containers it stands in, by their `id`.
    """
    if isinstance(value, NeedsRunning):
        faults.add(path, str(value), "Write the value itself, or build the Runner in Python")
        return None
    if not isinstance(value, (dict, list)):
        return value
    if id(value) in around or len(around) >= _DEEPEST:
        found = "it contains itself" if id(value) in around else f"it is nested more than {_DEEPEST} deep"
        faults.add(path, found)
        return None
    around = (*around, id(value))
    if isinstance(value, dict):
        return {name: without_unreadable(one, child_path(path, name), faults, around) for name, one in value.items()}
    return [without_unreadable(one, child_path(path, index), faults, around) for index, one in enumerate(value)]
