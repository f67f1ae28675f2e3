"""YAML, and JSON as a part of it: data with the place of each entry."""

import re
from collections.abc import Iterator
from textwrap import wrap
from typing import Any, Final

from paramsched.base.words import json_text
from paramsched.core.schedules.text import MOST_DEPTH
from paramsched.errors import ConfigError
from paramsched.files.messages import texts as messages
from paramsched.files.reading import (
    MOST_VALUES,
    Bracket,
    TextRange,
    nested_places,
    number_from_text,
)


def write_json(data: Any) -> str:
    """Return a JSON text from which `data` can be read."""
    return json_text(data, indent=2, allow_nan=False) + "\n"


# - `3e-4` and `10_000` are numbers; `yes`, `1:30`, `2024-01-01`, `.5` are text
# - no anchors, aliases, tags or merge keys, one document
# - an integer key is an integer

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*(_[0-9]+)*)(\.[0-9]+(_[0-9]+)*)?([eE][+-]?[0-9]+)?\Z")
"""A number as in JSON, with underscores between digits as in Python."""
_WORDS: Final = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_SPECIAL: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_yaml(text: str, source: str) -> Any:
    """Return the content of a YAML document, with `Pairs` for mappings."""
    return places_in(text, source).value


def places_in(text: str, source: str = "", format: str = "yaml") -> TextRange:
    """Return the places of the values of a document, and the values.

    Args:
        text: the text.
        source: its name in problems.
        format: `"yaml"` or `"json"`.

    Raises:
        ConfigError: the text is not valid YAML, has a second document or too many values, or is nested too deep.
    """
    import yaml

    try:
        return _document(_yaml_of_json(text) if format == "json" else text, source)
    except yaml.YAMLError as error:
        raise _invalid_text(error, text, source, format) from None


_JSON_TEXT_OR_TAB: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\t')
_SURROGATES: Final = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


def _yaml_of_json(text: str) -> str:
    """Return a JSON text as YAML of the same length, so that each place in it is that in the text.

    YAML lacks escaped pairs of surrogates, and tabs between values.
    """
    return _JSON_TEXT_OR_TAB.sub(_yaml_of_json_token, text)


def _yaml_of_json_token(token: re.Match[str]) -> str:
    if token[0] == "\t":
        return " "
    text = _SURROGATES.sub(_escaped_character, token[0])
    return text.ljust(len(token[0]))


def _escaped_character(pair: re.Match[str]) -> str:
    high = int(pair[1], 16)
    low = int(pair[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def write_yaml(data: Any) -> str:
    """Return a YAML document that reads back as `data`."""
    import yaml

    # Text that any YAML reader takes for a number is quoted.
    class Writer(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text_of(writer: Any, text: str) -> Any:
        # Some Unicode line breaks are not printable; only double quotes preserve them.
        return writer.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')

    Writer.add_representer(str, text_of)
    Writer.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-0123456789"))
    text: str = yaml.dump(
        data, Dumper=Writer, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=False
    )
    return folded_yaml(text, _WIDTH, most=_MOST_IN_LINE)


_WIDTH: Final = 120
_MOST_IN_LINE: Final = 1500  # characters; a longer line, such as a table, is folded, because editors are slow with it


# Events of the parser, after checks for unsupported syntax.


def parser_events(text: str) -> Iterator[Any]:
    """Yield the events of PyYAML's parser. Its C version is used if it is installed, because it is 20 times as fast."""
    import yaml

    events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    return events


def _plan_events(text: str, source: str) -> Iterator[Any]:
    """Yield the events of a plan's document. Raise an error for anchors, aliases and tags."""
    import yaml

    for event in parser_events(text):
        if issubclass(type(event), yaml.NodeEvent) and (event.anchor is not None or event.tag is not None):
            raise _not_in_plan(event, text, source)
        yield event


def _not_in_plan(event: Any, text: str, source: str) -> ConfigError:
    import yaml

    index = event.start_mark.index
    if isinstance(event, yaml.AliasEvent):
        return messages.alias(source, text, index, event.anchor)
    if event.anchor is not None:
        return messages.anchor(source, text, index, event.anchor)
    return messages.tag(source, text, index, event.tag)


def _document(text: str, source: str) -> TextRange:
    """Return the places and the values of a document."""
    import yaml

    ranges: list[TextRange | Bracket] = []
    depth = 0
    values = 0
    documents = 0
    for event in _plan_events(text, source):
        event_class = type(event)
        if event_class is yaml.ScalarEvent:
            text_range = TextRange(
                event.start_mark.index, event.end_mark.index, text=event.value, value=_plan_scalar(event)
            )
            ranges.append(text_range)
            values += 1 + event.value.count(",")
        elif event_class is yaml.SequenceStartEvent or event_class is yaml.MappingStartEvent:
            if depth == MOST_DEPTH:
                raise messages.nested_too_deep(source, text, event.start_mark.index)
            sign = "[" if event_class is yaml.SequenceStartEvent else "{"
            ranges.append(Bracket(sign, event.start_mark.index))
            depth += 1
            values += 1
        elif event_class is yaml.SequenceEndEvent or event_class is yaml.MappingEndEvent:
            ranges.append(Bracket("]", event.end_mark.index))
            depth -= 1
        elif event_class is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise messages.second_document(source, text, event.start_mark.index)
        if values > MOST_VALUES:
            raise messages.too_many_values(source, MOST_VALUES)
    return nested_places(ranges)


def _plan_scalar(event: Any) -> Any:
    """Return the value of a scalar in a plan: text if it is quoted."""
    return event.value if event.style else _unquoted_value(event.value)


def _unquoted_value(text: str) -> Any:
    """Return a YAML constant, a number, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.match(text):
        return number_from_text(text.replace("_", ""))
    return float(text.replace(".", "", 1)) if _SPECIAL.fullmatch(text) else text


# Errors of the parser as problems.

# All characters that YAML allows, except the byte order mark, which belongs to the start of a file.
_ALLOWED = "\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_CONTROL = re.compile(f"[^{_ALLOWED}]")
_MOST_READ_TWICE: Final = 50_000
"""The most characters of a text that the parser in Python reads too, which takes it half a second."""
_MOST_BRACKETS: Final = 200
"""The most brackets of such a text: the time for each bracket grows with the number of those that are open."""


def _invalid_text(error: Any, text: str, source: str, format: str) -> ConfigError:
    """Return the error for a text that the parser refuses: its own sentence, and the place that it names."""
    import yaml

    if "nesting depth" in str(error):  # of a C library with a limit, which reads a line before its first bracket
        return messages.nested_too_deep(source, text, _first_too_deep(text))
    if len(text) <= _MOST_READ_TWICE and text.count("[") + text.count("{") <= _MOST_BRACKETS:
        try:
            list(yaml.parse(text, Loader=yaml.SafeLoader))
        except yaml.YAMLError as of_python:
            error = of_python  # it names the characters, and is the same without the C library
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML does not allow, whose place the C library counts in bytes
        control = _CONTROL.search(text)
        index = control.start() if control else 0
        sentence = str(error).partition("\n")[0]
    else:
        index = mark.index
        sentence = str(error.problem)
    return messages.invalid_syntax(source, text, min(index, len(text)), format, sentence)


def _first_too_deep(text: str) -> int:
    """Return the place of the first bracket that is nested too deep."""
    depth = 0
    index = 0
    while depth <= MOST_DEPTH and index < len(text):
        depth += (text[index] in "[{") - (text[index] in "]}")
        index += 1
    return index - 1


def folded_yaml(text: str, width: int, *, most: int | None = None) -> str:
    """Break lines of more than `most` characters, by default `width`, in front of `>>` and at spaces.

    The text is returned unchanged if its data would change: a name must be in one line, and keep its spaces.

    >>> print(folded_yaml('lr: warmup("5 epochs") >> cosine(to=0.1)', 30))
    lr: warmup("5 epochs")
      >> cosine(to=0.1)
    """
    lines = text.split("\n")
    most = width if most is None else most
    if max(map(len, lines)) <= most:
        return text
    folded = "\n".join(row for line in lines for row in (_folded_line(line, width) if len(line) > most else [line]))
    try:
        same = read_yaml(folded, "") == read_yaml(text, "")
    except ConfigError:
        same = False
    return folded if same else text


def _folded_line(line: str, width: int) -> list[str]:
    margin = len(line) - len(line.lstrip(" ")) + 2
    first, *stages = line.split(" >> ")
    lines = [first]
    depth = first.count("(") - first.count(")")
    for stage in stages:
        if len(lines[-1]) + len(stage) + 4 <= width:
            lines[-1] += f" >> {stage}"
        else:
            lines.append(f"{' ' * (margin + 2 * depth)}>> {stage}")
        depth += stage.count("(") - stage.count(")")
    indent = " " * (margin + 4)
    return [
        row
        for long in lines
        for row in wrap(long, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    ]
