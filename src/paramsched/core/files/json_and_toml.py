"""JSON and TOML within the limits of a plan: unique keys, no NaN, and error messages for authors of plans."""

import json
import math
import re
from typing import Any

from paramsched.core.base.printing import json_text
from paramsched.core.base.problem import TextLines
from paramsched.core.files.problem_collector import number_from_text, refuse_many_values
from paramsched.core.files.text_limits import MOST_DEPTH, MOST_VALUES, nested_too_deep, too_many_values
from paramsched.core.files.text_places import Bracket, Pairs, Place, nested_places
from paramsched.errors import ConfigError

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s"\[\]{}:,]+)', re.DOTALL)


def read_json(text: str, source: str) -> Any:
    """Return the content of a JSON text, with mappings as `Pairs`.

    Args:
        text: the text.
        source: its name in errors.
    """
    try:
        data = json.loads(
            text,
            object_pairs_hook=Pairs,
            parse_int=number_from_text,
            parse_constant=lambda word: math.nan if word == "NaN" else math.inf,
        )
    except json.JSONDecodeError as error:
        problem = TextLines(text).problem_at(error.pos, f"JSON: {error.msg}")
        raise ConfigError(source, [problem]) from None
    except RecursionError:
        raise nested_too_deep(text, source) from None
    refuse_many_values(data, source)
    return data


def json_places(text: str) -> Place:
    """Return the locations of the values in a text, which `read_json` must accept."""
    pieces: list[Place | Bracket] = []
    for found in _TOKEN.finditer(text):
        piece, begin, end = found[1], found.start(1), found.end(1)
        if piece in "[{":
            pieces.append(Bracket(piece, begin))
        elif piece in "]}":
            pieces.append(Bracket("]", end))
        elif piece not in ":,":
            said = json.loads(piece) if piece[0] == '"' else None
            pieces.append(Place(begin, end, text=said, value=said))
    return nested_places(pieces)


def write_json(data: Any) -> str:
    """Return a JSON text from which `data` can be read."""
    return json_text(data, indent=2, allow_nan=False) + "\n"


_LONG = re.compile(r"[0-9_]{4000,}")
_MANY_PARTS = re.compile(r"(?<![\w-])[\w\"'-]++(?:[ \t]*\.[ \t]*[\w\"'-]++){50}")


def read_toml(text: str, source: str) -> Any:
    """Return the content of a TOML text."""
    import tomllib

    # A name is in one line. This sees quoted parts of any text; the closer look reads the quotes.
    if text.count(".") > MOST_VALUES or any(line.count(".") >= MOST_DEPTH for line in text.split("\n")):
        _refuse_long_names(text, source)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        lines, said = TextLines(text), str(error)
        place = _WHERE.search(said)  # tomllib has no attributes for it before Python 3.14
        offset = lines.offset_of(int(place[1]), int(place[2])) if place else len(text)
        problem = lines.problem_at(offset, f"TOML: {said.partition(' (at ')[0]}")
        raise ConfigError(source, [problem]) from None
    except RecursionError:
        raise nested_too_deep(text, source) from None
    except ValueError as error:  # an integer of thousands of digits, or an invalid date
        long = _LONG.search(text)
        found = "a number of too many digits" if long else str(error)
        problem = TextLines(text).problem_at(long.start() if long else 0, f"TOML: {found}")
        raise ConfigError(source, [problem]) from None
    refuse_many_values(data, source)
    return data


_BLOCK = r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|\'\'\'(?:[^\']|\'{1,2}(?!\'))*\'{3,5}'
_IN_LINE = r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
STRING = re.compile(f"{_BLOCK}|{_IN_LINE}", re.DOTALL)
_STRING_OR_COMMENT = re.compile(rf"{STRING.pattern}|#[^\n]*", re.DOTALL)
_WHERE = re.compile(r"\(at line (\d+), column (\d+)\)")


def _refuse_long_names(text: str, source: str) -> None:
    """Raise ConfigError for names of many parts, because tomllib takes quadratic time for a name of a thousand."""
    plain = _STRING_OR_COMMENT.sub(lambda found: (" " if found[0][0] == "#" else "x") * len(found[0]), text)
    if long := _MANY_PARTS.search(plain):
        found = f"TOML: a name of more than {MOST_DEPTH} parts"
        raise ConfigError(source, [TextLines(text).problem_at(long.start(), found, "A plan is short")])
    if plain.count(".") > MOST_VALUES:
        raise too_many_values(source)
