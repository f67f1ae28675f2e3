"""Text for messages and reports: escaped characters, JSON, lists of names, and config paths."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import partial
from math import isfinite
from typing import Final


def printable(text: str, *, ascii: bool = False) -> str:
    r"""Escape control characters, so that the name of a group cannot send commands to the terminal.

    >>> printable("head\x1b[31m"), printable("köpfe", ascii=True)
    ('head\\x1b[31m', 'k\\xf6pfe')
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return shown.encode("ascii", "backslashreplace").decode() if ascii else shown


def json_text(data: object, *, indent: int | None = None, allow_nan: bool = True) -> str:
    r"""Return JSON in which every character that is not printable is escaped, for a terminal.

    With `allow_nan`, a number that is not finite becomes null, because JSON has none. Without it, ValueError is raised.

    >>> print(json_text({"köpfe": "\x9b31m\u202e\n"}))
    {"köpfe": "\u009b31m\u202e\n"}
    """
    dumps = partial(json.dumps, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text = dumps(data)
    except ValueError:
        if not allow_nan:
            raise
        text = dumps(_with_nulls(data))
    return _NOT_ASCII.sub(lambda one: one[0] if one[0].isprintable() else json.dumps(one[0])[1:-1], text)


def _with_nulls(data: object) -> object:
    """Return data for JSON with None in place of each number that is not finite."""
    if isinstance(data, Mapping):
        return {key: _with_nulls(one) for key, one in data.items()}
    if isinstance(data, (list, tuple)):
        return list(map(_with_nulls, data))
    return None if isinstance(data, float) and not isfinite(data) else data


_NOT_ASCII: Final = re.compile(r"[^ -~\n]")


def printable_lines(text: str) -> str:
    """Escape control characters in each line of a text."""
    return "\n".join(map(printable, text.split("\n")))


def names_listed(names: Iterable[str], most: int = 20) -> str:
    r"""Return names separated by commas, for a message. Names after the first `most` are only counted.

    Control characters are escaped.

    >>> names_listed(["lr", "a\x1b"]), names_listed("abc", most=2)
    ('lr, a\\x1b', 'a, b and 1 more')
    """
    known = [printable(name) for name in names]
    rest = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + rest


_PLAIN_NAME: Final = re.compile(r"[\w.-]+(\[\d+\])?")
_MOST_INDEX: Final = 10**40  # Python converts no integer of more than 4,300 digits to text
_MOST_SHOWN: Final = 60  # characters of a name that needs quotes

ROOT: Final = "$"
"""The path of the entire config."""


def entry_path(*keys: object) -> str:
    """Return the path of an entry from the root of the config.

    >>> entry_path("lr"), entry_path("groups", "head", "lr")
    ('$.lr', '$.groups.head.lr')
    """
    return child_path(ROOT, *keys)


def child_path(path: str, *keys: object) -> str:
    """Return the path of an entry inside the entry at `path`. Keys are names in mappings or indices in lists.

    >>> child_path(ROOT, "lr", 1), child_path(ROOT, "betas[0]"), child_path(ROOT, "a key")
    ('$.lr[1]', '$.betas[0]', '$["a key"]')
    """
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]" if abs(key) < _MOST_INDEX else "[…]"
        elif _PLAIN_NAME.fullmatch(name := str(key)):
            path += f".{name}"
        else:
            path += f"[{json.dumps(name[:_MOST_SHOWN], ensure_ascii=False)}]"
    return path


def path_from_root(path: str) -> str:
    """Return a path without the leading "$", to append it to the path of an entry that contains the entire config.

    >>> entry_path("param_scheduler") + path_from_root("$.lr[1]")
    '$.param_scheduler.lr[1]'
    """
    return path.removeprefix(ROOT)


CLOCK: Final = entry_path("clock")
TOTAL: Final = entry_path("total")
GROUPS: Final = entry_path("groups")
LATER: Final = entry_path("later")
TARGETS: Final = entry_path("targets")
"""The path of the targets in a native plan."""
