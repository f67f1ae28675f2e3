"""TOML: the top level, then a table for each group and each target. A field such as `betas[0]` is a quoted key."""

import json
import re
from typing import Any

from paramsched.config._raw import MOST_DEPTH
from paramsched.errors import ConfigError

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TABLES = ("groups", "targets")


def read(text: str, source: str) -> Any:
    """What a TOML text holds."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, [f'no TOML: {error}. Text and keys such as "betas[0]" stand in quotes']) from None
    except RecursionError:
        raise ConfigError(source, [f"nested more than {MOST_DEPTH} deep"]) from None
    except ValueError as error:  # an integer of thousands of digits, a date that is none
        raise ConfigError(source, [f"no TOML: {error}"]) from None


def write(data: dict[str, Any]) -> str:
    """A TOML text that reads back as `data`."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in data.items() if key not in _TABLES]
    for table in _TABLES:
        for name, entries in data.get(table, {}).items():
            lines += ["", f"[{table}.{_key(name)}]"]
            lines += [f"{_key(key)} = {_value(value)}" for key, value in entries.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case list():
            items = [_value(item) for item in value]
            short = sum(map(len, items)) < 80
            return f"[{', '.join(items)}]" if short else "[\n  " + ",\n  ".join(items) + ",\n]"
        case dict():
            return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    raise AssertionError(f"a {type(value).__name__} in a plan")
