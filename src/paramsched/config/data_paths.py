"""Where an entry stands in a config: `$.groups.head.lr`, `$.lr[1]`."""

import json
import re

ROOT = "$"
"""The config as a whole."""

_PLAIN = re.compile(r"[\w.-]+(\[\d+\])?")
_MOST_SHOWN = 60  # characters of a name that needs quotes


def child_path(path: str, key: object) -> str:
    """The path of an entry: `$.groups.head`, `$.lr[1]`.

    >>> child_path(child_path(ROOT, "lr"), 1), child_path(ROOT, "betas[0]"), child_path(ROOT, "a key")
    ('$.lr[1]', '$.betas[0]', '$["a key"]')
    """
    if isinstance(key, int):
        return f"{path}[{key}]"
    text = str(key)
    if _PLAIN.fullmatch(text):
        return f"{path}.{text}"
    return f"{path}[{json.dumps(text[:_MOST_SHOWN], ensure_ascii=False)}]"
