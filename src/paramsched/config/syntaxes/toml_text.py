"""TOML as tomllib reads it, within the bounds of a plan."""

import re
from typing import Any

from paramsched.config._plain_data import refuse_many_values
from paramsched.config.syntaxes.toml_faults import toml_fault
from paramsched.config.syntaxes.toml_places import toml_places
from paramsched.config.text_limits import MOST_VALUES, nested_too_deep
from paramsched.config.text_lines import TextLines
from paramsched.errors import ConfigError

_LONG = re.compile(r"[0-9_]{4000,}")
_MANY_PARTS = re.compile(r"(?<![\w-])[\w\"'-]++(?:[ \t]*\.[ \t]*[\w\"'-]++){50}")


def read_toml(text: str, source: str) -> Any:
    """What a TOML text holds."""
    import tomllib

    if text.count(".") > MOST_VALUES or _MANY_PARTS.search(text):
        toml_places(text, source)  # a name of a thousand parts would cost tomllib a thousand names of each length
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, [toml_fault(text, str(error))]) from None
    except RecursionError:
        raise nested_too_deep(text, source) from None
    except ValueError as error:  # an integer of thousands of digits, a date that is none
        long = _LONG.search(text)
        found = "a number of too many digits" if long else str(error)
        fault = TextLines(text).fault(long.start() if long else 0, f"no TOML: {found}", "Write 0.1, say")
        raise ConfigError(source, [fault]) from None
    refuse_many_values(data, source)
    return data
