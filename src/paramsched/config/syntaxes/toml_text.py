"""TOML: the top level, then a table for each group and each target. A field such as `betas[0]` is a quoted key."""

import json
import re
from typing import Any

from paramsched.config._plain_data import refuse_many_values
from paramsched.config.syntaxes.toml_places import STRING, toml_places
from paramsched.config.text_limits import MOST_VALUES, nested_too_deep
from paramsched.config.text_lines import TextLines
from paramsched.errors import ConfigError, Fault

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TABLES = ("groups", "targets")
_STRING_OR_COMMENT = re.compile(rf"{STRING.pattern}|#[^\n]*", re.DOTALL)
_LONG = re.compile(r"[0-9_]{4000,}")
_WHERE = re.compile(r"\(at line (\d+), column (\d+)\)")
_MANY_PARTS = re.compile(r"(?<![\w-])[\w\"'-]++(?:[ \t]*\.[ \t]*[\w\"'-]++){50}")


def read_toml(text: str, source: str) -> Any:
    """What a TOML text holds."""
    import tomllib

    if text.count(".") > MOST_VALUES or _MANY_PARTS.search(text):
        toml_places(text, source)  # a name of a thousand parts would cost tomllib a thousand names of each length
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, [_toml_fault(text, str(error))]) from None
    except RecursionError:
        raise nested_too_deep(text, source) from None
    except ValueError as error:  # an integer of thousands of digits, a date that is none
        long = _LONG.search(text)
        found = "a number of too many digits" if long else str(error)
        fault = TextLines(text).fault(long.start() if long else 0, f"no TOML: {found}", "Write 0.1, say")
        raise ConfigError(source, [fault]) from None
    refuse_many_values(data, source)
    return data


def write_toml(data: dict[str, Any]) -> str:
    """A TOML text that reads back as `data`."""
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in data.items() if key not in _TABLES]
    for table in _TABLES:
        for name, entries in data.get(table, {}).items():
            lines += ["", f"[{table}.{_toml_key(name)}]"]
            lines += [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in entries.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _toml_fault(text: str, said: str) -> Fault:
    """The fault a message of tomllib stands for; it says its place in words."""
    lines = TextLines(text)
    found = _WHERE.search(said)
    offset = len(text)
    if found:
        offset = min(lines.begins[min(int(found[1]), len(lines.begins)) - 1] + int(found[2]) - 1, len(text))
    offset, cause, instead = _toml_cause(text, offset, said.partition(" (at ")[0], lines)
    return lines.fault(offset, f"no TOML: {cause}", instead)


def _toml_cause(text: str, offset: int, said: str, lines: TextLines) -> tuple[int, str, str]:
    """Where, what was found, what to write."""
    number = lines.of(offset)[0]
    if offset == len(text) and number > 1 and not lines.line(number).strip():
        number -= 1
    line, begin = lines.line(number), lines.begins[number - 1]
    at = text[offset : offset + 1]
    if at in "“”„‘’" and at:
        return offset, "a curly quote", 'Write "'
    if ":" in line.partition("=")[0] and "=" not in line:
        name, _, rest = line.partition(":")
        return begin + len(name), "a colon, as in YAML", f"Write {name.strip()} = {_quoted_toml(rest.strip())}"[:120]
    if line.lstrip().startswith("[") and "]" not in line:
        return begin + line.index("["), "the bracket [ is never closed", "Write ] at its end"
    if "unterminated string" in said.lower() or "Illegal character '\\n'" in said:
        return begin + _open_quote(line), "the quote is never closed", "Write it again at the end of the text"
    if "Unclosed" in said and (opened := _open_bracket(text)) is not None:
        return (
            opened,
            f"the bracket {text[opened]} is never closed",
            f"Write {']' if text[opened] == '[' else '}'} at its end",
        )
    name, equals, rest = line.partition("=")
    if "Cannot overwrite" in said or "Cannot declare" in said or "Cannot mutate" in said or "Cannot redefine" in said:
        return begin + len(line) - len(line.lstrip()), f"{said}: it is there twice", "Keep one"
    if "after key" in said or "Expected ']'" in said or "initial character" in said or "key" in said.lower():
        if "[" in name and not name.lstrip().startswith(("[", '"', "'")):
            return begin, "brackets in a name without quotes", f'Write "{name.strip()}" ={rest}'[:120]
        if not equals and line.strip():
            return offset, "no equals sign behind the name", 'Write lr = "cosine()"'
    if equals and rest.strip() and rest.strip()[0] not in "\"'[{" and "(" in rest:
        place = begin + len(name) + 1 + len(rest) - len(rest.lstrip())
        return place, "a text without quotes", f"Write {name.strip()} = {_quoted_toml(rest.strip())}"[:120]
    return offset, said[:1].lower() + said[1:], 'Text, and names such as "betas[0]", stand in quotes'


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
    """Where the innermost bracket stands that is never closed."""
    outside = _STRING_OR_COMMENT.sub(lambda found: " " * len(found[0]), text)
    opened: list[int] = []
    for place, one in enumerate(outside):
        if one in "[{":
            opened.append(place)
        elif one in "]}" and opened:
            opened.pop()
    return opened[-1] if opened else None


def _quoted_toml(value: str) -> str:
    return value if re.fullmatch(r"-?\d+(\.\d+)?|\".*\"|'.*'", value) else _toml_text(value)


def _toml_key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _toml_text(key)


def _toml_text(text: str) -> str:
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_value(value: Any) -> str:
    """A value as TOML spells it; a long list has a line for each item."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _toml_text(value)
        case list():
            items = [_toml_value(item) for item in value]
            short = sum(map(len, items)) < 80
            return f"[{', '.join(items)}]" if short else "[\n  " + ",\n  ".join(items) + ",\n]"
        case dict():
            return "{ " + ", ".join(f"{_toml_key(key)} = {_toml_value(item)}" for key, item in value.items()) + " }"
    raise AssertionError(f"a {type(value).__name__} in a plan")
