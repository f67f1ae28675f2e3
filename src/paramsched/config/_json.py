"""JSON: numbers as they are, no NaN, each key once."""

import json
import math
from typing import Any

from paramsched.config._raw import MOST_DEPTH, Pairs, number_of
from paramsched.errors import ConfigError


def read(text: str, source: str) -> Any:
    """What a JSON text holds; mappings as `Pairs`."""
    try:
        return json.loads(
            text,
            object_pairs_hook=Pairs,
            parse_int=number_of,
            parse_constant=lambda word: math.nan if word == "NaN" else math.inf,
        )
    except json.JSONDecodeError as error:
        raise ConfigError(source, [f"line {error.lineno}: no JSON: {error.msg} at column {error.colno}"]) from None
    except RecursionError:
        raise ConfigError(source, [f"nested more than {MOST_DEPTH} deep"]) from None


def write(data: Any) -> str:
    """A JSON text that reads back as `data`."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
