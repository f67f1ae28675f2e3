"""Values of a config: those that only running it would tell, and how a message shows them."""

from collections.abc import Mapping
from typing import Any

from paramsched.config.dialects.mmengine.rows.argument_checks import is_finite
from paramsched.config.faults import Faults, child_path, short_json, type_in_words
from paramsched.config.python_config.values import NeedsRunning


def refuse_unread(value: Any, path: str, faults: Faults) -> None:
    """Note a fault where a value, or one in a list, is not known."""
    if isinstance(value, NeedsRunning):
        faults.add(path, str(value), "Write the value itself, or give the config as a dict from Python")
    elif isinstance(value, (list, tuple)):
        for index, one in enumerate(value):
            refuse_unread(one, child_path(path, index), faults)


def count_above_zero(config: Any, path: str, name: str, faults: Faults) -> int | None:
    """A count from 1 on that stands in a part of the config; None where there is none."""
    value = config.get(name) if isinstance(config, Mapping) else None
    if isinstance(value, NeedsRunning):
        refuse_unread(value, child_path(path, name), faults)
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not is_finite(value) or value < 1 or value != int(value):
        faults.add(child_path(path, name), f"{value!r:.40} is no whole number above 0", f"Write {name}=12")
        return None
    return int(value)


def bare_class_name(kind: Any) -> str | None:
    """The name of a class as MMEngine's registries know it, without its scope; None where it is none."""
    name = kind.__name__ if isinstance(kind, type) else kind
    return name.rpartition(".")[2] if isinstance(name, str) else None


def config_value_in_words(value: Any) -> str:
    """A value for a message."""
    return str(value) if isinstance(value, NeedsRunning) else short_json(value)


def type_of_value(value: Any) -> str:
    """What a value is, for a message."""
    return "unreadable" if isinstance(value, NeedsRunning) else type_in_words(value)
