"""How a config goes upon its bases."""

from collections.abc import Mapping
from typing import Any

from paramsched.config.data_paths import ROOT, child_path
from paramsched.config.python_config.values import NeedsRunning
from paramsched.config.value_words import type_in_words
from paramsched.errors import ConfigError, Fault


def merge_upon_base(
    base: Mapping[str, Any], over: Mapping[str, Any], source: str = "config", path: str = ROOT
) -> dict[str, Any]:
    """`over` upon `base`: dicts go into each other, everything else replaces; `_delete_=True` in a dict replaces too.

    Args:
        base: the names of the bases.
        over: the config's own.
        source, path: the file's name, and where in it these are, for messages.

    Raises:
        ConfigError: a dict would go into something else.

    >>> merge_upon_base({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    out = dict(base)
    for key, value in over.items():
        before = out.get(key)
        if not isinstance(value, dict) or key not in out:
            out[key] = value
            continue
        replaces = value.get("_delete_", False)
        value = {name: one for name, one in value.items() if name != "_delete_"}
        if isinstance(replaces, NeedsRunning):
            out[key] = replaces
        elif replaces:
            out[key] = value
        elif isinstance(before, NeedsRunning):
            out[key] = before
        elif isinstance(before, dict):
            out[key] = merge_upon_base(before, value, source, child_path(path, key))
        else:
            found = f"a dict here, and {type_in_words(before)} in the base"
            instead = "Write _delete_=True into the dict to replace what the base has"
            raise ConfigError(source, [Fault(child_path(path, key), found, instead)])
    return out
