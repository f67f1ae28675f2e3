"""JSON and TOML, within the bounds of a plan: each key once, no NaN, and what is wrong in the writer's words."""

import json
import math
import re
from typing import Any

from paramsched.base.diagnostic import Diagnostic, TextLines
from paramsched.base.lookalikes import straighten_text
from paramsched.config._text_places import Place, PlaceTree
from paramsched.config.faults import Pairs, number_from_text, refuse_many_values
from paramsched.config.syntaxes.toml_places import STRING, toml_places
from paramsched.config.text_limits import MOST_VALUES, advice_of_line, advice_to_close, nested_too_deep
from paramsched.errors import ConfigError

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s"\[\]{}:,]+)', re.DOTALL)
_OF_CAUSE = (
    ("'", "JSON has double quotes only", 'Use " for each'),
    ("“„”‟", "a curly quote", 'Write "'),
    ("/#", "JSON has no comments", "Leave it out, or write YAML"),
)

_BY_MESSAGE = (
    ("Illegal trailing comma", "a comma with nothing behind it", "Leave it out"),
    ("',' delimiter", "no comma before this entry", "Use a comma between two entries"),
    ("delimiter", "no colon behind the name", "Use a colon between a name and its value"),
    ("property name", "a name without quotes", "Put the name in double quotes"),
    ("control character", "a line break or a tab inside a text", "Escape it, or end the text before it"),
    ("Extra data", "something stands behind the end", "Leave it out"),
    ("escape", "a backslash begins an escape that is none", "Use two backslashes"),
    ("", "a text without quotes", "Put the text in double quotes"),
)
"""What Python's reader says, as far as it tells one fault from others; what was found, what to write."""


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
        if (meant := _meant_json(text)) is not None:
            instead = f"Write {meant}"
        raise ConfigError(source, [TextLines(text).fault(offset, f"no JSON: {found}", instead)]) from None
    except RecursionError:
        raise nested_too_deep(text, source) from None
    refuse_many_values(data, source)
    return data


_MOST_MENDED = 300  # characters of a text that is repeated in a message


def _meant_json(text: str) -> str | None:
    """The JSON of a line that YAML reads: with other quotes or none, or a comma at the end; None for any other."""
    from paramsched.config.syntaxes.yaml_text import read_yaml

    line = straighten_text(text.strip())
    if len(line) > _MOST_MENDED or "\n" in line or line[:1] != "{":
        return None
    line = re.sub(r'"([\w.]+\()"([^"]*)"(\)[^"]*)"', r"""'\1"\2"\3'""", line)  # "warmup("5%")"
    line = re.sub(r'(?<=[\w"\]}]) +(?="[\w\[\]]+" *:)', ", ", line)  # no comma before a name
    line += "".join(_CLOSING[one] for one in reversed(_opened(line)))
    try:
        meant = json.dumps(_without_pairs(read_yaml(line, "text")), ensure_ascii=False, allow_nan=False)
    except (ConfigError, ValueError, TypeError):
        return None
    return meant if len(meant) <= _MOST_MENDED and '"None"' not in meant else None


def _without_pairs(data: Any) -> Any:
    """The same with dicts for mappings."""
    if isinstance(data, Pairs):
        return {str(key): _without_pairs(value) for key, value in data}
    return [_without_pairs(one) for one in data] if isinstance(data, list) else data


_CLOSING = {"[": "]", "{": "}"}


def _opened(line: str) -> list[str]:
    """The brackets that a line leaves open."""
    opened: list[str] = []
    for one in re.sub(r"\"[^\"]*\"|'[^']*'", "", line):
        if one in _CLOSING:
            opened.append(one)
        elif opened and one == _CLOSING[opened[-1]]:
            opened.pop()
    return opened


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
    """Where, why, and what to write."""
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
    found, instead = next((found, instead) for said, found, instead in _BY_MESSAGE if said in error.msg)
    return offset, found, instead


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


_STRING_OR_COMMENT = re.compile(rf"{STRING.pattern}|#[^\n]*", re.DOTALL)
_WHERE = re.compile(r"\(at line (\d+), column (\d+)\)")


def toml_fault(text: str, said: str) -> Diagnostic:
    """The fault a message of tomllib stands for; it says its place in words."""
    lines = TextLines(text)
    found = _WHERE.search(said)
    # tomllib says where only in its sentence, up to Python 3.13.
    offset = lines.offset_of(int(found[1]), int(found[2])) if found else len(text)
    said = said.partition(" (at ")[0]
    number = lines.of(offset)[0]
    if offset == len(text) and number > 1 and not lines.line(number).strip():
        number -= 1
    line, begin = lines.line(number), lines.begins[number - 1]
    offset, cause, instead = (
        _cause_in_line(text, offset, line, begin)
        or _cause_of_brackets(text, said, line, begin)
        or _cause_of_name(offset, said, line, begin)
        or _missing_quotes(line, begin)
        or (offset, said[:1].lower() + said[1:], 'Text, and names such as "betas[0]", stand in quotes')
    )
    return lines.fault(offset, f"no TOML: {cause}", instead)


def _cause_in_line(text: str, offset: int, line: str, begin: int) -> tuple[int, str, str] | None:
    """What the line itself shows, whatever tomllib says of it."""
    at = text[offset : offset + 1]
    if at in "“”„‘’" and at:
        return offset, "a curly quote", 'Write "'
    if ":" in line.partition("=")[0] and "=" not in line:
        name, _, rest = line.partition(":")
        return (
            begin + len(name),
            "a colon, as in YAML",
            advice_of_line(f"{name.strip()} = {_quoted_toml(rest.strip())}"),
        )
    if line.lstrip().startswith("[") and "]" not in line:
        place = begin + line.index("[")
        return place, "the bracket [ is never closed", advice_to_close(text, place, "]")
    return None


def _cause_of_brackets(text: str, said: str, line: str, begin: int) -> tuple[int, str, str] | None:
    """A quote or a bracket that is never closed."""
    if "unterminated string" in said.lower() or "Illegal character '\\n'" in said:
        place = _open_quote(line)
        return begin + place, "the quote is never closed", advice_of_line(f"{line.strip()}{line[place]}")
    if "Unclosed" in said and (opened := _open_bracket(text)) is not None:
        closing = "]" if text[opened] == "[" else "}"
        return opened, f"the bracket {text[opened]} is never closed", advice_to_close(text, opened, closing)
    return None


def _cause_of_name(offset: int, said: str, line: str, begin: int) -> tuple[int, str, str] | None:
    """Twice, with brackets of its own, or without an equals sign."""
    name, equals, rest = line.partition("=")
    if any(words in said for words in ("Cannot overwrite", "Cannot declare", "Cannot mutate", "Cannot redefine")):
        return begin + len(line) - len(line.lstrip()), f"{said}: it is there twice", "Keep one"
    if "Expected ']'" in said or "initial character" in said or "key" in said.lower():
        if "[" in name and not name.lstrip().startswith(("[", '"', "'")):
            return begin, "brackets in a name without quotes", advice_of_line(f'"{name.strip()}" ={rest}')
        if not equals and line.strip():
            return offset, "no equals sign behind the name", 'Write lr = "cosine()"'
    return None


def _missing_quotes(line: str, begin: int) -> tuple[int, str, str] | None:
    name, equals, rest = line.partition("=")
    value = rest.strip()
    if re.fullmatch(r'".*".*".*"', value):
        place = begin + len(name) + 1 + len(rest) - len(rest.lstrip())
        quote = "'" if "'" not in value else '"""'
        return (
            place,
            "double quotes inside double quotes",
            advice_of_line(f"{name.strip()} = {quote}{value[1:-1]}{quote}"),
        )
    if equals and value and value[0] not in "\"'[{" and ("(" in rest or re.match(r"[\d.]+\s*[A-Za-z%]", value)):
        place = begin + len(name) + 1 + len(rest) - len(rest.lstrip())
        return place, "a text without quotes", advice_of_line(f"{name.strip()} = {_quoted_toml(rest.strip())}")
    return None


def _open_quote(line: str) -> int:
    """Where the quote stands that a line does not close."""
    quote, begin = "", 0
    for place, one in enumerate(line):
        if one == quote:
            quote = ""
        elif not quote and one in "\"'":
            quote, begin = one, place
    return begin


def _open_bracket(text: str) -> int | None:
    """The innermost one that is never closed."""
    outside = _STRING_OR_COMMENT.sub(lambda found: " " * len(found[0]), text)
    opened: list[int] = []
    for place, one in enumerate(outside):
        if one in "[{":
            opened.append(place)
        elif one in "]}" and opened:
            opened.pop()
    return opened[-1] if opened else None


def _quoted_toml(value: str) -> str:
    return value if re.fullmatch(r"-?\d+(\.\d+)?|\".*\"|'.*'", value) else toml_string(value)


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
    return key if _BARE.fullmatch(key) else toml_string(key)


def _toml_value(value: Any) -> str:
    """A long list has a line for each item."""
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
