"""Where the values of a TOML text stand: a small reader of its own, since tomllib keeps no places."""

import json
import re
from typing import final

from paramsched.base.diagnostic import TextLines
from paramsched.config._text_places import Place
from paramsched.config.text_limits import MOST_DEPTH, MOST_VALUES, too_many_values
from paramsched.errors import ConfigError

_BLANK = re.compile(r"[ \t]*")
_NOTHING = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|\'\'\'(?:[^\']|\'{1,2}(?!\'))*\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


def toml_places(text: str, source: str = "") -> Place:
    """Where the values of a TOML text stand."""
    return _TomlPlaces(text, source).read_document()


@final
class _TomlPlaces:
    """Goes through a text once; `at` is the character that comes next."""

    def __init__(self, text: str, source: str) -> None:
        self.text, self.source, self.at = text, source, 0
        self.parts = 0  # of all names

    def read_document(self) -> Place:
        """Entries, and tables with a headline of their own."""
        root = table = Place(0, len(self.text), parts={})
        self.pass_nothing()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                begin = self.at
                twice = self.text.startswith("[[", begin)
                self.at += 2 if twice else 1
                table = self.put_entry(root, self.read_name(), Place(begin, begin, parts={}), again=not twice)
                self.pass_sign("]]" if twice else "]")
            else:
                self.read_assignment(table, 1)
            self.pass_nothing()
        return root

    def read_assignment(self, table: Place, depth: int) -> None:
        name = self.read_name()
        self.pass_sign("=")
        self.pass_blanks()
        self.put_entry(table, name, self.read_value(depth), again=False)

    def read_name(self) -> list[tuple[str, int]]:
        """The parts of a dotted name, each with its place."""
        parts: list[tuple[str, int]] = []
        while True:
            self.pass_blanks()
            begin = self.at
            found = STRING.match(self.text, begin) or _BARE.match(self.text, begin)
            if found is None:
                raise self.error_here("no name of an entry")
            parts.append((_toml_string_value(found[0]) if found[0][0] in "\"'" else found[0], begin))
            if len(parts) > MOST_DEPTH:
                raise self.error_here(f"a name of more than {MOST_DEPTH} parts")
            self.parts += 1
            if self.parts > MOST_VALUES:
                raise too_many_values(self.source)
            self.at = found.end()
            self.pass_blanks()
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def put_entry(self, table: Place, name: list[tuple[str, int]], value: Place, *, again: bool) -> Place:
        """A table that is there already is gone on with."""
        for key, begin in name[:-1]:
            parts = table.parts if isinstance(table.parts, dict) else {}
            found = parts.setdefault(key, Place(begin, begin, key=begin, parts={}))
            table = found.parts[-1] if isinstance(found.parts, list) and found.parts else found
        key, begin = name[-1]
        value.key = begin
        parts = table.parts if isinstance(table.parts, dict) else {}
        before = parts.get(key)
        if again and before is not None and isinstance(before.parts, dict):
            return before
        if before is not None and isinstance(before.parts, list) and isinstance(value.parts, dict):
            before.parts.append(value)
            return value
        parts[key] = value
        return value

    def read_value(self, depth: int) -> Place:
        """A text, a list, a table in braces, or what stands up to the next comma, bracket or line."""
        begin = self.at
        if depth > MOST_DEPTH:
            raise self.error_here(f"nested more than {MOST_DEPTH} deep")
        if (string := STRING.match(self.text, begin)) is not None:
            self.at = string.end()
            return Place(begin, self.at, text=_toml_string_value(string[0]))
        if self.text[begin : begin + 1] == "[":
            return self.read_array(depth)
        if self.text[begin : begin + 1] == "{":
            return self.read_table(depth)
        found = _SCALAR.match(self.text, begin)
        self.at = found.end() if found else begin
        return Place(begin, self.at)

    def read_array(self, depth: int) -> Place:
        """`[1, 2]`, over lines too."""
        place = Place(self.at, self.at, parts=[])
        self.at += 1
        self.pass_nothing()
        while not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                raise self.error_here("the text ends inside a bracket")
            assert isinstance(place.parts, list)
            place.parts.append(self.read_value(depth + 1))
            self.pass_comma()
        self.at += 1
        place.end = self.at
        return place

    def read_table(self, depth: int) -> Place:
        """`{ name = value }`."""
        place = Place(self.at, self.at, parts={})
        self.at += 1
        self.pass_nothing()
        while not self.text.startswith("}", self.at):
            self.read_assignment(place, depth + 1)
            self.pass_comma()
        self.at += 1
        place.end = self.at
        return place

    def pass_comma(self) -> None:
        """What else is there ends the list."""
        self.pass_nothing()
        if self.text.startswith(",", self.at):
            self.at += 1
            self.pass_nothing()
        elif self.text[self.at : self.at + 1] not in ("]", "}"):
            raise self.error_here("no comma between two entries")

    def pass_blanks(self) -> None:
        self.at = _end_of_match(_BLANK, self.text, self.at)

    def pass_nothing(self) -> None:
        self.at = _end_of_match(_NOTHING, self.text, self.at)

    def pass_sign(self, sign: str) -> None:
        self.pass_blanks()
        if not self.text.startswith(sign, self.at):
            raise self.error_here(f"no {sign}")
        self.at += len(sign)

    def error_here(self, found: str) -> ConfigError:
        return ConfigError(self.source, [TextLines(self.text).fault(self.at, f"no TOML: {found}", "A plan is short")])


def _end_of_match(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _toml_string_value(raw: str) -> str:
    """Escapes that JSON has not are left as they stand."""
    if raw.startswith("'"):
        return raw[3:-3].removeprefix("\n") if raw.startswith("'''") else raw[1:-1]
    bare = raw[3:-3].removeprefix("\n") if raw.startswith('"""') else raw[1:-1]
    try:
        return str(json.loads(f'"{bare}"'))
    except ValueError:
        return bare
