"""A plan as TOML: the top level, then a table for each group and each target."""

import json
import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TABLES = ("groups", "targets")


def write_toml(data: dict[str, Any]) -> str:
    """A TOML text that reads back as `data`."""
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in data.items() if key not in _TABLES]
    for table in _TABLES:
        for name, entries in data.get(table, {}).items():
            lines += ["", f"[{table}.{_toml_key(name)}]"]
            lines += [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in entries.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def toml_string(text: str) -> str:
    """A text in quotes: in single ones, which know no escapes, where it has double ones and nothing to escape."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    """A name, in quotes where it is no bare one, as `betas[0]`."""
    return key if _BARE.fullmatch(key) else toml_string(key)


def _toml_value(value: Any) -> str:
    """A value as TOML spells it; a long list has a line for each item."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return toml_string(value)
        case list():
            items = [_toml_value(item) for item in value]
            short = sum(map(len, items)) < 80
            return f"[{', '.join(items)}]" if short else "[\n  " + ",\n  ".join(items) + ",\n]"
        case dict():
            return "{ " + ", ".join(f"{_toml_key(key)} = {_toml_value(item)}" for key, item in value.items()) + " }"
    raise AssertionError(f"a {type(value).__name__} in a plan")
