"""Entries of files as text: in YAML, JSON, TOML and as a keyword of a call in Python."""

import json
import re
from typing import Any


def entry_text(key: str, value: str, syntax: str = "yaml") -> str:
    """Return the text of an entry in the syntax of a file.

    Args:
        key: the key of the entry.
        value: the value of the entry as JSON.
        syntax: `"yaml"`, `"json"`, `"toml"`, or `"python"`: a keyword of a call.

    >>> for syntax in ("yaml", "json", "toml", "python"):
    ...     print(entry_text("groups", '{"head": {"lr": "cosine()"}}', syntax))
    groups: {head: {lr: cosine()}}
    "groups": {"head": {"lr": "cosine()"}}
    groups = {"head" = {"lr" = "cosine()"}}
    groups={'head': {'lr': 'cosine()'}}
    """
    if syntax == "json":
        return f"{json.dumps(key, ensure_ascii=False)}: {value}"
    data = json.loads(value)
    if syntax == "python":
        return f"{key}={data!r}"
    if syntax == "toml":
        name = key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key, ensure_ascii=False)
        return f"{name} = {_toml_value(data)}"
    return f"{flow_text(key)}: {flow_text(data, top=True)}"


_NO_TEXT = ("y", "n", "on", "off", "yes", "no", "true", "false", "null")
_BARE_IN_BLOCK = re.compile(r"[\d.]+[kKMBT]? ?[a-z%]+|[A-Za-z][^#:]*\)")
_BARE = re.compile(r"[A-Za-z_][\w.*()/=<>+ -]*[\w)]|[A-Za-z_]")


def flow_text(data: Any, *, top: bool = False) -> str:
    """Return a value as one line of YAML. Text is quoted only if necessary."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{flow_text(key)}: {flow_text(one)}" for key, one in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(flow_text, data)) + "]"
    plain = isinstance(data, str) and data.lower() not in _NO_TEXT
    if plain and (_BARE.fullmatch(data) or (top and _BARE_IN_BLOCK.fullmatch(data))):
        return str(data)
    return json.dumps(data, ensure_ascii=False)


def _toml_value(data: Any) -> str:
    if isinstance(data, dict):
        items = (f"{json.dumps(key, ensure_ascii=False)} = {_toml_value(one)}" for key, one in data.items())
        return "{" + ", ".join(items) + "}"
    return json.dumps(data, ensure_ascii=False)
