"""YAML, the part of it that says one thing: numbers as in JSON, and nothing that refers, tags or repeats.

- `3e-4` is a number; `yes`, `1:30`, `2024-01-01`, `.5` are text
- no anchors, aliases, tags or merge keys, one document
- an integer key is an integer
- inside braces a call may stand without quotes, commas and all: `{schedule: linear(1.0, 0.1)}`
"""

import re
from collections.abc import Iterator
from typing import Any

from paramsched.config._plain_data import Pairs, number_from_text
from paramsched.config._text_places import Place, TextLines
from paramsched.config.syntaxes.yaml_faults import yaml_fault
from paramsched.config.text_limits import MOST_DEPTH, MOST_VALUES, too_many_values
from paramsched.errors import ConfigError

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_yaml(text: str, source: str) -> Any:
    """What a YAML document holds; mappings as `Pairs`.

    Events are read one by one, so nothing is ever constructed, and depth is known before it is reached.
    """
    import yaml

    stack: list[Any] = [[]]
    keys: list[list[Any]] = [[]]  # for each mapping on the stack the key whose value comes next
    flow = [False]  # whether each is written in braces or brackets
    documents = values = 0
    try:
        events = _yaml_events(text)
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                _refuse_anchor_or_tag(event, text, source)
                value = _scalar_value(event)
                if flow[-1] and not _awaits_key(stack, keys) and _has_open_call(event, value):
                    value, _ = _join_open_call(event, events, isinstance(stack[-1], Pairs), text, source)
                _put_value(stack, keys, value)
                values += 1 + event.value.count(",")
                if values > MOST_VALUES:
                    raise too_many_values(source)
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                _refuse_anchor_or_tag(event, text, source)
                if len(stack) > MOST_DEPTH:
                    where = f"nested more than {MOST_DEPTH} deep"
                    instead = "Parts of a schedule can stand in one line of text"
                    raise _yaml_error(text, source, event, where, instead)
                stack.append([] if kind is yaml.SequenceStartEvent else Pairs())
                keys.append([])
                flow.append(bool(event.flow_style))
                values += 1
                if values > MOST_VALUES:
                    raise too_many_values(source)
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                keys.pop()
                flow.pop()
                _put_value(stack, keys, stack.pop())
            elif kind is yaml.AliasEvent:
                raise _yaml_error(text, source, event, f"the alias *{event.anchor}", "Write the value itself")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _yaml_error(text, source, event, "a second document begins", "A plan is one document")
    except yaml.YAMLError as error:
        raise ConfigError(source, [yaml_fault(text, error)]) from None
    return stack[0][0] if stack[0] else None


def yaml_places(text: str) -> Place:
    """Where the values of a document stand; only of a text that `read` can read.

    Raises:
        ConfigError: it is no such text.
    """
    import yaml

    stack = [Place(0, 0, parts=[])]
    keys: list[list[tuple[Any, int]]] = [[]]
    events = _yaml_events(text)

    def put(place: Place) -> None:
        top = stack[-1].parts
        if isinstance(top, list):
            top.append(place)
        elif isinstance(top, dict) and keys[-1]:
            name, place.key = keys[-1].pop()
            top[name if isinstance(name, (str, int)) else str(name)] = place
        else:
            keys[-1].append((_key_value(text, place), place.begin))

    try:
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                said, end = event.value, event.end_mark.index
                mapping = isinstance(stack[-1].parts, dict)
                in_flow = stack[-1].end == -1
                if in_flow and not (mapping and not keys[-1]) and _has_open_call(event, said):
                    said, end = _join_open_call(event, events, mapping, text, "")
                put(Place(event.start_mark.index, end, text=said))
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                parts: Any = [] if kind is yaml.SequenceStartEvent else {}
                # Until its end is known it says whether it is written in braces.
                stack.append(Place(event.start_mark.index, -1 if event.flow_style else 0, parts=parts))
                keys.append([])
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                keys.pop()
                done = stack.pop()
                done.end = event.end_mark.index
                put(done)
    except yaml.YAMLError as error:
        raise ConfigError("", [yaml_fault(text, error)]) from None
    found = stack[0].parts
    return found[0] if isinstance(found, list) and found else Place(0, 0)


def scalar_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each key and each value that is no list and no mapping begins and ends, in a document that can be read."""
    import yaml

    for event in _yaml_events(text):
        if isinstance(event, yaml.ScalarEvent):
            yield event.start_mark.index, event.end_mark.index  # type: ignore[union-attr]


def write_yaml(data: Any) -> str:
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


def _yaml_events(text: str) -> Iterator[Any]:
    import yaml

    # The C parser is twenty times as fast; both give the same events.
    events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    return events


def _scalar_value(event: Any) -> Any:
    value: str = event.value
    if event.style:  # in quotes, or a block
        return value
    if value in _WORDS:
        return _WORDS[value]
    if _NUMBER.match(value):
        return number_from_text(value)
    if _SPECIAL.fullmatch(value):
        return float(value.replace(".", "", 1))
    return value


def _key_value(text: str, place: Place) -> Any:
    """A key as `read` takes it: a number without quotes is one."""
    said = place.text or ""
    if text[place.begin : place.begin + 1] in ("'", '"') or not _NUMBER.match(said):
        return said
    return number_from_text(said)


def _awaits_key(stack: list[Any], keys: list[list[Any]]) -> bool:
    return isinstance(stack[-1], Pairs) and not keys[-1]


def _has_open_call(event: Any, value: Any) -> bool:
    return not event.style and isinstance(value, str) and value.count("(") > value.count(")")


def _join_open_call(event: Any, events: Iterator[Any], in_mapping: bool, text: str, source: str) -> tuple[str, int]:
    """A line of text without quotes inside braces, `{schedule: linear(1.0, 0.1)}`, and where it ends.

    YAML ends it at the comma; nobody means a text that ends inside a call, so the pieces up to its last bracket are one
    text.
    """
    pieces = [event.value]
    last = event
    missing = event.value.count("(") - event.value.count(")")
    while missing > 0:
        pair = [next(events) for _ in range(2 if in_mapping else 1)]
        values: list[Any] = [getattr(one, "value", None) for one in pair if not getattr(one, "style", "x")]
        if len(values) != len(pair) or None in values or (in_mapping and values[1] != ""):
            found = f"{event.value} is cut at a comma"
            raise _yaml_error(text, source, event, found, "Put the whole line in quotes")
        pieces.append(values[0])
        last = pair[0]
        missing += values[0].count("(") - values[0].count(")")
    return ", ".join(pieces), last.end_mark.index


def _put_value(stack: list[Any], keys: list[list[Any]], value: Any) -> None:
    top = stack[-1]
    if not isinstance(top, Pairs):
        top.append(value)
    elif keys[-1]:
        top.append((keys[-1].pop(), value))
    else:
        keys[-1].append(value)


def _refuse_anchor_or_tag(event: Any, text: str, source: str) -> None:
    if event.anchor is not None:
        raise _yaml_error(text, source, event, f"the anchor &{event.anchor}", "Write the value where it belongs")
    if event.tag is not None:
        raise _yaml_error(text, source, event, f"the tag {event.tag}", "A plan has no tags; write the value alone")


def _yaml_error(text: str, source: str, event: Any, found: str, instead: str) -> ConfigError:
    return ConfigError(source, [TextLines(text).fault(event.start_mark.index, found, instead)])
