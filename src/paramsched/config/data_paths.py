"""Where an entry stands in a config: `$.groups.head.lr`, `$.lr[1]`."""

import json
import re
from typing import Final

_PLAIN_NAME: Final = re.compile(r"[\w.-]+(\[\d+\])?")
_MOST_SHOWN: Final = 60  # characters of a name that needs quotes


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


ROOT: Final = "$"
"""The config as a whole."""

HORIZON: Final = child_path(ROOT, "horizon")
GROUPS: Final = child_path(ROOT, "groups")
TARGETS: Final = child_path(ROOT, "targets")
"""The entries of a native plan that are no fields."""
