"""Where an entry stands in a config: `$.groups.head.lr`, `$.lr[1]`."""

import json
import re
from typing import Final

_PLAIN_NAME: Final = re.compile(r"[\w.-]+(\[\d+\])?")
_MOST_SHOWN: Final = 60  # characters of a name that needs quotes


ROOT: Final = "$"
"""The config as a whole."""


def entry_path(*keys: object) -> str:
    """The path of an entry of the config, or of one further inside.

    >>> entry_path("lr"), entry_path("groups", "head", "lr")
    ('$.lr', '$.groups.head.lr')
    """
    return child_path(ROOT, *keys)


def child_path(path: str, *keys: object) -> str:
    """The path of an entry, or of one further inside: a name in a mapping, an index in a list.

    >>> child_path(ROOT, "lr", 1), child_path(ROOT, "betas[0]"), child_path(ROOT, "a key")
    ('$.lr[1]', '$.betas[0]', '$["a key"]')
    """
    for key in keys:
        path += f"[{key}]" if isinstance(key, int) else _piece_of_name(str(key))
    return path


def _piece_of_name(name: str) -> str:
    """What a name adds to a path: in quotes where it has signs of its own."""
    if _PLAIN_NAME.fullmatch(name):
        return f".{name}"
    return f"[{json.dumps(name[:_MOST_SHOWN], ensure_ascii=False)}]"


def path_from_root(path: str) -> str:
    """What a path says after the root: the config may itself stand inside another one.

    >>> entry_path("param_scheduler") + path_from_root("$.lr[1]")
    '$.param_scheduler.lr[1]'
    """
    return path.removeprefix(ROOT)


CLOCK: Final = entry_path("clock")
HORIZON: Final = entry_path("horizon")
GROUPS: Final = entry_path("groups")
TARGETS: Final = entry_path("targets")
"""The entries of a native plan that are no fields."""
