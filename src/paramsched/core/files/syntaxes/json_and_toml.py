"""JSON and TOML within the limits of a plan: unique keys, no NaN, and error messages for authors of plans."""

import json
import math
import re
from typing import Any, final

from paramsched.core.base.diagnostic import TextLines, json_text
from paramsched.core.files.diagnostic_collector import number_from_text, refuse_many_values
from paramsched.core.files.text_limits import (
    MOST_DEPTH,
    MOST_VALUES,
    nested_too_deep,
    too_many_values,
)
from paramsched.core.files.text_places import Bracket, Pairs, Place, nested_places
from paramsched.errors import ConfigError

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s"\[\]{}:,]+)', re.DOTALL)


def read_json(text: str, source: str, *, plain: str | None = None) -> Any:
    """Return the content of a JSON text, with mappings as `Pairs`.

    Args:
        text: the text.
        source: its name in errors.
        plain: a text of the same length that is read instead.
    """
    plain = text if plain is None else plain
    try:
        data = json.loads(
            plain,
            object_pairs_hook=Pairs,
            parse_int=number_from_text,
            parse_constant=lambda word: math.nan if word == "NaN" else math.inf,
        )
    except json.JSONDecodeError as error:
        instead = _meant_json(text, error.pos, may_have_comments=plain is not text)
        fault = TextLines(text).fault(error.pos, f"JSON: {error.msg}", instead)
        raise ConfigError(source, [fault]) from None
    except RecursionError:
        raise nested_too_deep(text, source) from None
    refuse_many_values(data, source)
    return data


def read_hjson(text: str, source: str) -> Any:
    """Return the content of a JSON text that may have comments and trailing commas, as in Hjson."""
    return read_json(text, source, plain=_without_comments(text))


_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|(#[^\n]*|//[^\n]*|/\*.*?\*/)|/\*.*', re.DOTALL)
_LAST_COMMA = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|(?<=[^\s\[{,:])(\s*,(?=\s*[}\]]))', re.DOTALL)


def _without_comments(text: str) -> str:
    """Return a text of the same length, with blanks in place of comments and trailing commas outside of strings."""
    for pattern in (_COMMENT, _LAST_COMMA):
        text = pattern.sub(lambda found: re.sub(r"\S", " ", found[0]) if found[1] else found[0], text)
    return text


def json_places(text: str) -> Place:
    """Return the locations of the values in a text, which `read_json` or `read_hjson` must accept."""
    pieces: list[Place | Bracket] = []
    for found in _TOKEN.finditer(_without_comments(text)):
        piece, begin, end = found[1], found.start(1), found.end(1)
        if piece in "[{":
            pieces.append(Bracket(piece, begin))
        elif piece in "]}":
            pieces.append(Bracket("]", end))
        elif piece not in ":,":
            said = json.loads(piece) if piece[0] == '"' else None
            pieces.append(Place(begin, end, text=said, value=said))
    return nested_places(pieces, None)


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
        fault = lines.fault(offset, f"TOML: {said.partition(' (at ')[0]}", _meant_toml(text, offset))
        raise ConfigError(source, [fault]) from None
    except RecursionError:
        raise nested_too_deep(text, source) from None
    except ValueError as error:  # an integer of thousands of digits, or an invalid date
        long = _LONG.search(text)
        found = "a number of too many digits" if long else str(error)
        fault = TextLines(text).fault(long.start() if long else 0, f"TOML: {found}")
        raise ConfigError(source, [fault]) from None
    refuse_many_values(data, source)
    return data


def _meant_toml(text: str, offset: int) -> str:
    """Return the advice for an entry with a colon, or with a text without quotes.

    >>> _meant_toml("lr = cosine()", 5), _meant_toml("lr: 'cosine()'", 2)
    ("Write lr = 'cosine()'", "Write lr = 'cosine()'")
    """
    line = text[text.rfind("\n", 0, offset) + 1 :].partition("\n")[0]
    entry = _WRONG_ENTRY.fullmatch(line)
    if entry is None:
        return ""
    value = entry[2][1:].removesuffix(entry[2][0]) if entry[2][0] in "\"'" else entry[2]
    return f"Write {entry[1]} = '{value}'" if "'" not in value else ""


_WRONG_ENTRY = re.compile(r" *([A-Za-z_]\w*) *[=:] *((?:[\"'A-Za-z]|\d+ *[A-Za-z%])[^#]*?) *")


def _meant_json(text: str, offset: int, *, may_have_comments: bool = False) -> str:
    """Return the advice for a call without quotes, single quotes, a comment, and a comma after the last entry.

    >>> _meant_json('{"lr": cosine()}', 7), _meant_json('{"lr": "cosine()",}', 18)
    ('Write "cosine()"', 'Remove the comma in front of it')
    """
    rest = text[offset:]
    if call := _CALL_IN_JSON.match(rest):
        return f"Write {json.dumps(call[0])}"
    if rest.startswith(("//", "/*", "#")) and not may_have_comments:
        return "JSON has no comments; YAML and TOML have. Remove it"
    if rest.startswith("'"):
        return "Use \" in place of each '"
    if re.match(r",\s*[}\]]", rest):  # the place that Python 3.13 names
        return "Remove it"
    return "Remove the comma in front of it" if rest[:1] in ("}", "]") and text[:offset].rstrip()[-1:] == "," else ""


_CALL_IN_JSON = re.compile(r"[A-Za-z_]\w*\([^\"{}\n]*\)(?=\s*[,}\n])")

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
        raise ConfigError(source, [TextLines(text).fault(long.start(), found, "A plan is short")])
    if plain.count(".") > MOST_VALUES:
        raise too_many_values(source)


_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TABLES = ("groups", "targets")


def write_toml(data: dict[str, Any]) -> str:
    """Return a TOML text from which `data` can be read."""
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in data.items() if key not in _TABLES]
    for table in _TABLES:
        for name, entries in data.get(table, {}).items():
            lines += ["", f"[{table}.{_toml_key(name)}]"]
            lines += [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in entries.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def toml_string(text: str) -> str:
    """Return a text in quotes. Single quotes are used if the text contains double quotes and needs no escapes."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in json.dumps(text, ensure_ascii=False))


def _toml_key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml_string(key)


def _toml_value(value: Any) -> str:
    """Return a value as TOML. A long list has one line per item."""
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


_BLANK = re.compile(r"[ \t]*")
_NOTHING = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


def toml_places(text: str) -> Place:
    """Return the locations of the values in a TOML text, which `read_toml` must accept."""
    read_toml(text, "")
    return _TomlPlaces(text).read_document()


@final
class _TomlPlaces:
    """A parser that locates the values of a valid TOML text; `at` is the offset of the next character."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def read_document(self) -> Place:
        """Read the entries and the tables."""
        root = table = Place(0, len(self.text), parts={})
        self.skip(_NOTHING)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.read_header(root)
            else:
                self.read_assignment(table, 1)
            self.skip(_NOTHING)
        return root

    def read_header(self, root: Place) -> Place:
        """Read `[name]`, or `[[name]]` of a list of tables, and return the table."""
        begin = self.at
        table = Place(begin, begin, parts={})
        if not self.text.startswith("[[", begin):
            self.at += 1
            table = self.put_entry(root, self.read_name(), table)
            self.at += 1
            return table
        self.at += 2
        tables = self.put_entry(root, self.read_name(), Place(begin, begin, parts=[]))
        self.at += 2
        if isinstance(tables.parts, list):
            tables.parts.append(table)
        return table

    def read_assignment(self, table: Place, depth: int) -> None:
        name = self.read_name()
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        self.put_entry(table, name, self.read_value(depth))

    def read_name(self) -> list[tuple[str, int]]:
        """Read the parts of a dotted name, each with its offset."""
        parts: list[tuple[str, int]] = []
        while not parts or self.text.startswith(".", self.at):
            self.at += bool(parts)
            self.skip(_BLANK)
            found = STRING.match(self.text, self.at) or _BARE.match(self.text, self.at)
            assert found is not None
            parts.append((_toml_string_value(found[0]) if found[0][0] in "\"'" else found[0], self.at))
            self.at = found.end()
            self.skip(_BLANK)
        return parts

    def put_entry(self, table: Place, name: list[tuple[str, int]], value: Place) -> Place:
        """Add a value to a table under a dotted name, and return it; or return the one that exists under this name."""
        for key, begin in name[:-1]:
            parts = table.parts if isinstance(table.parts, dict) else {}
            found = parts.setdefault(key, Place(begin, begin, key=begin, parts={}))
            table = found.parts[-1] if isinstance(found.parts, list) and found.parts else found
        key, value.key = name[-1]
        return table.parts.setdefault(key, value) if isinstance(table.parts, dict) else value

    def read_value(self, depth: int) -> Place:
        """Read a text, a list, an inline table, or a plain value."""
        begin = self.at
        if depth > MOST_DEPTH:
            raise nested_too_deep(self.text, "")
        if self.text[begin] in "[{":
            return self.read_items(depth)
        string = STRING.match(self.text, begin)
        self.skip(_SCALAR if string is None else STRING)
        return Place(begin, self.at, text=None if string is None else _toml_string_value(string[0]))

    def read_items(self, depth: int) -> Place:
        """Read `[1, 2]`, which may span lines, or `{ name = value }`."""
        place = Place(self.at, self.at, parts=[] if self.text[self.at] == "[" else {})
        self.at += 1
        self.skip(_NOTHING)
        while self.text[self.at] not in "]}":
            if isinstance(place.parts, list):
                place.parts.append(self.read_value(depth + 1))
            else:
                self.read_assignment(place, depth + 1)
            self.skip(_NOTHING)
            if self.text[self.at] == ",":
                self.at += 1
                self.skip(_NOTHING)
        self.at += 1
        place.end = self.at
        return place

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Continue after a match of the pattern."""
        found = pattern.match(self.text, self.at)
        self.at = self.at if found is None else found.end()


def _toml_string_value(raw: str) -> str:
    """Return a text without its quotes; a text with an invalid escape is unchanged."""
    import tomllib

    try:
        return str(tomllib.loads(f"x = {raw}")["x"])
    except ValueError:
        return raw
