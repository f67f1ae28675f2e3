"""JSON: numbers as they are, no NaN, each key once."""

import json
import math
import re
from typing import Any

from paramsched.config._plain_data import Pairs, number_from_text, refuse_many_values
from paramsched.config._text_places import Place, PlaceTree
from paramsched.config.text_limits import nested_too_deep
from paramsched.config.text_lines import TextLines
from paramsched.errors import ConfigError

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s"\[\]{}:,]+)', re.DOTALL)
_OF_CAUSE = (
    ("'", "JSON has double quotes only", 'Write " for each'),
    ("“„”‟", "a curly quote", 'Write "'),
    ("/#", "JSON has no comments", "Leave it out, or write YAML"),
)


def read_json(text: str, source: str) -> Any:
    """What a JSON text holds; mappings as `Pairs`."""
    try:
        data = json.loads(
            text,
            object_pairs_hook=Pairs,
            parse_int=number_from_text,
            parse_constant=lambda word: math.nan if word == "NaN" else math.inf,
        )
    except json.JSONDecodeError as error:
        offset, found, instead = _json_cause(text, error)
        raise ConfigError(source, [TextLines(text).fault(offset, f"no JSON: {found}", instead)]) from None
    except RecursionError:
        raise nested_too_deep(text, source) from None
    refuse_many_values(data, source)
    return data


def json_places(text: str) -> Place:
    """Where the values of a JSON text stand; only of a text that `read_json` can read."""
    tree = PlaceTree()
    for found in _TOKEN.finditer(text):
        piece, begin, end = found[1], found.start(1), found.end(1)
        if piece in "[{":
            tree.open(Place(begin, end, parts=[] if piece == "[" else {}))
        elif piece in "]}":
            tree.close(end)
        elif piece not in ":,":
            said = json.loads(piece) if piece[0] == '"' else None
            if tree.awaits_key:
                tree.put_key(str(said), begin)
            else:
                tree.put(Place(begin, end, text=said))
    return tree.root


def write_json(data: Any) -> str:
    """A JSON text that reads back as `data`."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _json_cause(text: str, error: json.JSONDecodeError) -> tuple[int, str, str]:
    """Where a text stops to be JSON, why, and what to write."""
    offset = min(error.pos, len(text))
    at = text[offset : offset + 1]
    behind = text[:offset].rstrip()
    for signs, found, instead in _OF_CAUSE:
        if at and at in signs:
            return offset, found, instead
    if not text.strip():
        return 0, "an empty text", 'Write {"lr": "cosine(to=0.1)"}'
    if not at:
        return offset, "the text ends too early", "Close what is open: a quote, a bracket or a brace"
    if behind.endswith(",") and (at in "]}" or "trailing comma" in error.msg):
        return len(behind) - 1, "a comma with nothing behind it", "Leave it out"
    if "Illegal trailing comma" in error.msg:
        return offset, "a comma with nothing behind it", "Leave it out"
    if "delimiter" in error.msg and "," in error.msg:
        return offset, "no comma before this entry", "Write a comma between two entries"
    if "delimiter" in error.msg:
        return offset, "no colon behind the name", "Write a colon between a name and its value"
    if "property name" in error.msg:
        return offset, "a name without quotes", 'Write "lr"'
    if "control character" in error.msg:
        return offset, "a line break or a tab inside a text", "Write it as an escape, or end the text before it"
    if "Extra data" in error.msg:
        return offset, "something stands behind the end", "Leave it out"
    if "escape" in error.msg:
        return offset, "a backslash begins an escape that is none", "Write two backslashes for one"
    return offset, "a text without quotes", "Put the text in double quotes"
