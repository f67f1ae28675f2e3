"""YAML, the part of it that says one thing: numbers as in JSON, and nothing that refers, tags or repeats.

- `3e-4` is a number; `yes`, `1:30`, `2024-01-01`, `.5` are text
- no anchors, aliases, tags or merge keys, one document
- an integer key is an integer
- inside braces a call may stand without quotes, commas and all: `{schedule: linear(1.0, 0.1)}`
"""

import re
from collections.abc import Iterator
from typing import Any

from paramsched.config._raw import MOST_DEPTH, Pairs, number_of
from paramsched.errors import ConfigError

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read(text: str, source: str) -> Any:
    """What a YAML document holds; mappings as `Pairs`.

    Events are read one by one, so nothing is ever constructed, and depth is known before it is reached.
    """
    import yaml

    # The C parser is twenty times as fast; both give the same events.
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    stack: list[Any] = [[]]
    keys: list[list[Any]] = [[]]  # for each mapping on the stack the key whose value comes next
    flow = [False]  # whether each is written in braces or brackets
    documents = 0
    try:
        events = yaml.parse(text, Loader=loader)
        for event in events:
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise _refused(source, event, "a second document begins", "A plan is one document")
                case yaml.AliasEvent():
                    raise _refused(source, event, f"the alias *{event.anchor}", "Write the value itself")
                case yaml.NodeEvent():
                    _plain(event, source)
            match event:
                case yaml.ScalarEvent():
                    value = _scalar(event)
                    if flow[-1] and not _awaits_key(stack, keys) and _is_open(event, value):
                        value = _closed(event, events, isinstance(stack[-1], Pairs), source)
                    _put(stack, keys, value)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    if len(stack) > MOST_DEPTH:
                        where = f"nested more than {MOST_DEPTH} deep"
                        raise _refused(source, event, where, "Parts of a schedule can stand in one line of text")
                    stack.append([] if isinstance(event, yaml.SequenceStartEvent) else Pairs())
                    keys.append([])
                    flow.append(bool(event.flow_style))
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    keys.pop()
                    flow.pop()
                    _put(stack, keys, stack.pop())
    except yaml.YAMLError as error:
        raise ConfigError(source, [_said(error)]) from None
    return stack[0][0] if stack[0] else None


def write(data: Any) -> str:
    """A YAML document that reads back as `data`."""
    import yaml

    # What either rule takes for a number is quoted, so that other readers agree.
    class Writer(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text_of(writer: Any, text: str) -> Any:
        # Some line breaks of Unicode are not printable; only double quotes keep them.
        return writer.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')

    Writer.add_representer(str, text_of)
    Writer.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-0123456789"))
    text: str = yaml.dump(
        data, Dumper=Writer, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=False
    )
    return text


def _scalar(event: Any) -> Any:
    value: str = event.value
    if event.style:  # quoted, or a block of text
        return value
    if value in _WORDS:
        return _WORDS[value]
    if _NUMBER.match(value):
        return number_of(value)
    if _SPECIAL.fullmatch(value):
        return float(value.replace(".", "", 1))
    return value


def _awaits_key(stack: list[Any], keys: list[list[Any]]) -> bool:
    return isinstance(stack[-1], Pairs) and not keys[-1]


def _is_open(event: Any, value: Any) -> bool:
    return not event.style and isinstance(value, str) and value.count("(") > value.count(")")


def _closed(event: Any, events: Iterator[Any], in_mapping: bool, source: str) -> str:
    """A line of text without quotes inside braces, `{schedule: linear(1.0, 0.1)}`: YAML ends it at the comma.

    Nobody means a text that ends inside a call, so the pieces up to its last bracket are one text.
    """
    pieces = [event.value]
    while sum(piece.count("(") - piece.count(")") for piece in pieces) > 0:
        pair = [next(events) for _ in range(2 if in_mapping else 1)]
        values = [getattr(one, "value", None) for one in pair if not getattr(one, "style", "x")]
        if len(values) != len(pair) or None in values or (in_mapping and values[1] != ""):
            raise _refused(source, event, f"{event.value} is cut at a comma", "Put the whole line in quotes")
        pieces.append(values[0])
    return ", ".join(pieces)


def _put(stack: list[Any], keys: list[list[Any]], value: Any) -> None:
    top = stack[-1]
    if not isinstance(top, Pairs):
        top.append(value)
    elif keys[-1]:
        top.append((keys[-1].pop(), value))
    else:
        keys[-1].append(value)


def _plain(event: Any, source: str) -> None:
    if event.anchor is not None:
        raise _refused(source, event, f"the anchor &{event.anchor}", "Write the value where it belongs")
    if getattr(event, "tag", None) is not None:
        raise _refused(source, event, f"the tag {event.tag}", "A plan has no tags; write the value alone")


def _refused(source: str, event: Any, found: str, instead: str) -> ConfigError:
    return ConfigError(source, [f"line {event.start_mark.line + 1}: {found}. {instead}"])


def _said(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)  # not every error of the parser has a place
    said = " ".join(str(getattr(error, "problem", None) or error).split())
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return f"{where}no YAML: {said}. Put a text with colons, commas or quotes in quotes"
