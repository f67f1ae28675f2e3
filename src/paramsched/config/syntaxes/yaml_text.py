"""Reading and writing the unambiguous part of YAML, and the locations of values.

- `3e-4` is a number; `yes`, `1:30`, `2024-01-01`, `.5` are text
- no anchors, aliases, tags or merge keys, one document
- an integer key is an integer

A file of another library is read as PyYAML reads it, with aliases, merge keys and tags. As in OmegaConf, `1e-3` is a
number.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from paramsched.base.diagnostic import TextEdit, TextLines
from paramsched.config._text_places import Pairs, Place, PlaceTree
from paramsched.config.diagnostic_collector import number_from_text, short_json
from paramsched.config.text_limits import MOST_DEPTH, MOST_VALUES, advice_of_line, advice_to_close, too_many_values
from paramsched.errors import ConfigError
from paramsched.fields import PAIRS
from paramsched.schedules import meant_line

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_WORDS: Final = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_SPECIAL: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_PEER_NUMBER: Final = re.compile(r"[-+]?((0|[1-9][0-9_]*)(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][+-]?[0-9]+)?")
_PEER_BOOLEANS: Final = {"yes": True, "no": False, "on": True, "off": False}
_MERGE: Final = "<<"
"""The merge key of YAML mappings."""
_CORE: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = frozenset(f"{_CORE}{kind}" for kind in ("bool", "float", "int", "null"))
_TEXT_TAGS: Final = frozenset(("!", f"{_CORE}str", f"{_CORE}python/str", f"{_CORE}python/unicode"))
_COLLECTION_TAGS: Final = frozenset(
    (None, "!", *(f"{_CORE}{kind}" for kind in ("map", "seq", "python/tuple", "python/list", "python/dict")))
)


def read_yaml(text: str, source: str) -> Any:
    """Return the content of a YAML document, with `Pairs` for mappings."""
    return _document(text, source, is_peer=False).value


def read_peer_yaml(text: str, source: str) -> Any:
    r"""Return the content of another library's YAML document, with `Pairs` for mappings. All keys are text.

    A value with a tag that only the other library knows becomes a text: the tag and the value.

    >>> read_peer_yaml("a: &a {x: 1}\nb: {<<: *a, y: .5}\nc: !!python/tuple [no]", "")
    [('a', [('x', 1)]), ('b', [('x', 1), ('y', 0.5)]), ('c', [False])]
    """
    return _document(text, source, is_peer=True).value


def yaml_places(text: str) -> Place:
    """Return the places of the values of a YAML document."""
    return _document(text, "", is_peer=False)


def peer_yaml_places(text: str) -> Place:
    """Return the places of the values of a peer's document. The place of an alias is that of its anchor."""
    return _document(text, "", is_peer=True)


def write_yaml(data: Any) -> str:
    """Return a YAML document that reads back as `data`."""
    import yaml

    # Text that any YAML reader takes for a number is quoted.
    class Writer(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text_of(writer: Any, text: str) -> Any:
        # Some Unicode line breaks are not printable; only double quotes preserve them.
        return writer.represent_scalar(f"{_CORE}str", text, style=None if text.isprintable() else '"')

    Writer.add_representer(str, text_of)
    Writer.add_implicit_resolver(f"{_CORE}float", _NUMBER, list("-0123456789"))
    text: str = yaml.dump(
        data, Dumper=Writer, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=False
    )
    return text


# Events of the parser, after checks for unsupported syntax.

_MOST_EVENTS: Final = 3 * MOST_VALUES  # a mapping of one entry has four events and three values


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
        unquoted = isinstance(event, yaml.ScalarEvent) and not event.style
        if unquoted and event.value.count("(") > event.value.count(")"):
            _refuse_cut_call(event, text, source)
        yield event


def _not_in_plan(event: Any, text: str, source: str) -> ConfigError:
    import yaml

    if isinstance(event, yaml.AliasEvent):
        return _yaml_error(text, source, event, f"the alias *{event.anchor}", "Use the value itself")
    if event.anchor is not None:
        return _yaml_error(text, source, event, f"the anchor &{event.anchor}", "Put the value where it belongs")
    return _yaml_error(text, source, event, f"the tag {event.tag}", "A plan has no tags; write the value alone")


_COMMA: Final = re.compile(r"\s*,")
_PAIR: Final = re.compile(rf"[ \t]*({'|'.join(PAIRS)}):\s*\[")


def _refuse_cut_call(event: Any, text: str, source: str) -> None:
    """Raise an error for an unquoted call inside `{}` or `[]`, because YAML ends text at a comma there."""
    begin, end = event.start_mark.index, event.end_mark.index
    if not _COMMA.match(text, end):
        return
    depth = 0
    for end in range(begin, len(text)):
        if text[end] == "\n" or (depth == 0 and text[end] in ",]}#"):
            break
        depth += (text[end] == "(") - (text[end] == ")")
    call = text[begin:end].strip()
    found = "inside {} and [] a comma ends a text, and this call has one"
    fault = TextLines(text).fault(begin, found, "Put the whole call in quotes")
    field = _PAIR.match(text, text.rfind("\n", 0, begin) + 1)
    if field is not None and field.end() <= begin:
        found = "each element of this field is a field of its own"
        raise ConfigError(source, [TextLines(text).fault(begin, found, f"Write the entry {field[1]}[0]: {call}")])
    if depth == 0:
        quoted = f"'{call}'" if '"' in call and "'" not in call else json.dumps(call, ensure_ascii=False)
        fault = replace(fault, instead=advice_of_line(quoted), edit=TextEdit(begin, begin + len(call), quoted))
    raise ConfigError(source, [fault])


def _peer_events(text: str, source: str) -> Iterator[Any]:
    """Yield the events of another library's document, with the events of the anchor in place of each alias.

    All events are kept in a list. An alias repeats a part of the list, in which earlier aliases are already replaced.
    """
    import yaml

    has_anchors = "&" in text
    kept: list[Any] = []
    # For each anchor, the range of its events in `kept`. The end is None until it is reached.
    anchors: dict[str, tuple[int, int | None]] = {}
    opened: list[tuple[str | None, int]] = []
    for event in parser_events(text):
        kind = type(event)
        if kind is yaml.AliasEvent:
            begin, end = anchors.get(event.anchor, (0, 0))
            if end == 0:
                found = f"the alias *{event.anchor} has no anchor above it"
                raise _yaml_error(text, source, event, found, f"Write &{event.anchor} in front of its value")
            if end is None:
                found = f"the alias *{event.anchor} is inside its own anchor"
                raise _yaml_error(text, source, event, found, "Use the value itself")
            if len(kept) + end - begin > _MOST_EVENTS:
                found = f"with its aliases the document has more than {MOST_VALUES:,} values"
                raise _yaml_error(text, source, event, found, "Use the value itself")
            repeated = kept[begin:end]
            kept += repeated
            yield from repeated
            continue
        if has_anchors:
            begin = len(kept)
            kept.append(event)
            if kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                opened.append((event.anchor, begin))
                if event.anchor is not None:
                    anchors[event.anchor] = (begin, None)
            elif kind is yaml.ScalarEvent and event.anchor is not None:
                anchors[event.anchor] = (begin, begin + 1)
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                anchor, begin = opened.pop()
                if anchor is not None:
                    anchors[anchor] = (begin, len(kept))
        yield event


def _yaml_error(text: str, source: str, event: Any, found: str, instead: str) -> ConfigError:
    return ConfigError(source, [TextLines(text).fault(event.start_mark.index, found, instead)])


def _document(text: str, source: str, *, is_peer: bool) -> Place:
    """Return the places and the values of a plan's or a peer's document.

    Raises:
        ConfigError: the text is not valid YAML, has a second document or too many values, or is nested too deep.
    """
    import yaml

    tree, tags, values, documents = PlaceTree(), list[str | None](), 0, 0
    read = _peer_scalar if is_peer else _plan_scalar
    try:
        for event in (_peer_events if is_peer else _plan_events)(text, source):
            kind, begin, end = type(event), event.start_mark.index, event.end_mark.index
            if kind is yaml.ScalarEvent:
                value = event.value if is_peer and tree.awaits_key else read(event)
                tree.put(Place(begin, end, text=event.value, value=value))
                values += 1 + event.value.count(",")
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                if tree.depth == MOST_DEPTH:
                    found = f"nested more than {MOST_DEPTH} deep"
                    raise _yaml_error(text, source, event, found, "Write the schedule as one line of text")
                tree.open(begin, is_list=kind is yaml.SequenceStartEvent)
                tags.append(event.tag)
                values += 1
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                done, tag = tree.close(end), tags.pop()
                if is_peer:
                    values += _merge(done, text, source)
                    if tree.awaits_key:
                        done.value = short_json(done.value)
                    elif tag not in _COLLECTION_TAGS:
                        done.value = f"{tag} …"
                tree.put(done)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _yaml_error(text, source, event, "a second document begins", "A plan is one document")
            if values > MOST_VALUES:
                raise too_many_values(source)
    except yaml.YAMLError as error:
        raise _invalid_yaml(error, text, source) from None
    return tree.root


def _merge(place: Place, text: str, source: str) -> int:
    """Add the entries of merged mappings to a peer's mapping, and return how many entries it then has; 0 without any.

    Its own entries and earlier merges take precedence.
    """
    if not isinstance(place.parts, dict) or _MERGE not in place.parts:
        return 0
    own = {key for key, _ in place.value}
    found: dict[str, Any] = {}
    for merged in reversed([value for key, value in place.value if key == _MERGE]):
        for one in merged if isinstance(merged, list) and not isinstance(merged, Pairs) else [merged]:
            if not isinstance(one, Pairs):
                fault = TextLines(text).fault(place.begin, "<< takes a mapping, or a list of them", "Write <<: *name")
                raise ConfigError(source, [fault])
            found = {**dict(one), **found}
    rest = [(key, value) for key, value in place.value if key != _MERGE]
    place.value = Pairs([*((key, value) for key, value in found.items() if key not in own), *rest])
    around = place.parts[_MERGE]
    for one in around.parts if isinstance(around.parts, list) else [around]:
        place.parts = {**(one.parts if isinstance(one.parts, dict) else {}), **place.parts}
    return len(place.value)


def _plan_scalar(event: Any) -> Any:
    """Return the value of a scalar in a plan: text if it is quoted."""
    return event.value if event.style else _unquoted_value(event.value)


def _peer_scalar(event: Any) -> Any:
    """Return the value of a scalar in a peer's document, by its tag or its text."""
    text = event.value
    if event.tag in _TEXT_TAGS or (event.tag is None and event.style):
        return text
    if event.tag is not None and event.tag not in _PLAIN_TAGS:
        return f"{event.tag} {text}".strip()
    if text.lower() in _PEER_BOOLEANS and text in (text.lower(), text.upper(), text.title()):
        return _PEER_BOOLEANS[text.lower()]
    if _PEER_NUMBER.fullmatch(text):
        return number_from_text(text.replace("_", "").lstrip("+"))
    return _unquoted_value(text)


def _unquoted_value(text: str) -> Any:
    """Return a YAML constant, a number, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.match(text):
        return number_from_text(text)
    return float(text.replace(".", "", 1)) if _SPECIAL.fullmatch(text) else text


# Errors of the parser as diagnostics.

# All characters that YAML allows, except the byte order mark, which belongs to the start of a file.
_ALLOWED = "\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_CONTROL = re.compile(f"[^{_ALLOWED}]")
_CLOSING = {"[": "]", "{": "}"}
_QUOTE_IT = "Put the text after the colon in single quotes"
_MEANINGS = {
    "@": "text must not begin with @",
    "`": "text must not begin with a backtick",
    "%": "text must not begin with %",
    "*": "a text that begins with * is an alias",
    "&": "a text that begins with & is an anchor",
    "!": "a text that begins with ! is a tag",
    ">": "a text that begins with > is a block of lines",
    "|": "a text that begins with | is a block of lines",
}


def _invalid_yaml(error: Any, text: str, source: str) -> ConfigError:
    """Return the error for a text that the parser refuses."""
    lines = TextLines(text)
    if control := _CONTROL.search(text):
        found = f"the character {control[0].encode('unicode_escape').decode()} is not allowed in text"
        offset, instead = control.start(), "Leave it out"
    else:
        offset, found, instead = _yaml_cause(text, error, lines)
    return ConfigError(source, [lines.fault(min(offset, len(text)), f"invalid YAML: {found}", instead)])


def _yaml_cause(text: str, error: Any, lines: TextLines) -> tuple[int, str, str]:
    """Return the offset, the problem and the advice for invalid YAML."""
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    said = " ".join(str(getattr(error, "problem", None) or error).split())
    if mark is None:
        return 0, said, _QUOTE_IT
    offset = min(mark.index, len(text))
    doing = str(getattr(error, "context", None) or "")
    first = lines.begins[lines.of(offset)[0] - 1]
    indent = re.match(r"[ \t]*", text[first:])
    if indent and "\t" in indent[0]:
        number = lines.of(first)[0]
        row = _open_levels(lines, number)[1]
        above = "" if row is None else lines.line(row)
        depth = len(above) - len(above.lstrip()) + 2 * above.rstrip().endswith(":")
        place = first + indent[0].index("\t")
        return place, "the line begins with a tab; YAML counts spaces", _advice_to_indent(lines.line(number), depth)
    if "quoted scalar" in doing and context is not None:
        if "end of stream" not in said and "document indicator" not in said:
            return offset, "a backslash in double quotes begins an escape", "Put the text in single quotes"
        begin = context.index
        quote = text[begin : begin + 1]
        line = text[text.rfind("\n", 0, begin) + 1 :].partition("\n")[0].strip()
        return begin, f"the quote {quote} is never closed", advice_of_line(f"{line}{quote}")
    if "flow" in doing and context is not None:
        return _bracket_fault(text, offset, context.index, lines)
    at = text[offset : offset + 1]
    if at in ("]", "}"):
        return offset, f"unmatched {at}", f"Leave {at} out, or put the text in quotes"
    start = context.index if "scalar" in doing and context is not None else offset
    start = context.index if ("alias" in doing or "anchor" in doing) and context is not None else start
    sign = text[start : start + 1]
    before = text[first:start].rstrip()
    if sign in _MEANINGS and before.endswith(("'", '"')):
        return start, "unexpected text after a closing quote", _QUOTE_IT
    if sign in _MEANINGS:
        return start, _MEANINGS[sign], _QUOTE_IT
    if before.endswith(("'", '"')) and at not in ("", ":"):
        return offset, "unexpected text after a closing quote", _QUOTE_IT
    return _line_fault(offset, said, lines)


def _advice_to_indent(line: str, depth: int) -> str:
    """Return the advice for a line with the wrong indentation, because a message cannot show leading spaces."""
    return f"Indent it by {depth}" if depth else advice_of_line(line.strip())


def _bracket_fault(text: str, offset: int, begin: int, lines: TextLines) -> tuple[int, str, str]:
    """Return the offset, the problem and the advice for a bracket that is not closed properly, or a missing comma."""
    opening = text[begin : begin + 1]
    if opening not in _CLOSING:
        return begin, f"unexpected {opening}", f"Leave {opening} out, or put the text in quotes"
    closing = _CLOSING[opening]
    end = _end_of_brackets(text, begin)
    if end is None:
        return begin, f"the bracket {opening} is never closed", advice_to_close(text, begin, closing)
    if text[end] != closing:
        return end, f"{text[end]} closes the bracket {opening} of line {lines.of(begin)[0]}", f"Close it with {closing}"
    if text[offset : offset + 1] == ":":
        return offset, "a second colon in an entry", "Put the text after the first colon in quotes"
    return (
        offset,
        "a comma is missing before this entry",
        "Use a comma between two entries, and quotes around a text with commas",
    )


def _end_of_brackets(text: str, begin: int) -> int | None:
    """Return the offset of the closing bracket, of any kind; None if the bracket is never closed."""
    depth, quote = 0, ""
    for place in range(begin, len(text)):
        one = text[place]
        if quote:
            quote = "" if one == quote else quote
        elif one in "'\"" and text[place - 1 : place] in (" ", "[", "{", ",", "\n", ":"):
            quote = one
        elif one in "[{":
            depth += 1
        elif one in "]}":
            depth -= 1
            if depth == 0:
                return place
    return None


def _line_fault(offset: int, said: str, lines: TextLines) -> tuple[int, str, str]:
    """Return the offset, the problem and the advice for a line, such as wrong indentation."""
    number = lines.of(offset)[0]
    line = lines.line(number)
    indent = len(line) - len(line.lstrip(" "))
    first = lines.begins[number - 1]
    levels, before = _open_levels(lines, number)
    above = "" if before is None else _without_comment(lines.line(before)).strip()
    if before is not None and not re.search(r":( |\Z)", above) and not above.startswith(("-", ".", "%")):
        name = above
        place = lines.begins[before - 1] + len(lines.line(before).rstrip())
        entry = re.match(r"([\w.@/\[\]-]+)\s*[:=]?\s*(.*)", name)
        instead = "" if entry is None else advice_of_line(f"{entry[1]}: {entry[2]}".rstrip())
        return place, f"no colon in {name[:60]}", instead
    deeper = before is not None and levels and indent > levels[-1]
    if deeper and re.search(r":\s+\S", above):
        found = f"this line is indented by {indent} spaces, and the line above has a value already"
        return first + indent, found, _advice_to_indent(line, levels[-1])
    if before is not None and indent not in levels and not deeper:
        known = " or ".join(filter(None, [", ".join(map(str, levels[:-1])), str(levels[-1])])) if levels else "0"
        found = f"this line is indented by {indent} {'space' if indent == 1 else 'spaces'}, the lines above by {known}"
        instead = _advice_to_indent(line, levels[0]) if len(levels) == 1 else f"Indent it by {known}"
        return first + indent, found, instead
    if line.lstrip().startswith("%"):
        return first + indent, _MEANINGS["%"], "Leave the line out, or put its text in quotes"
    if "mapping values" in said:
        entry = re.match(r"([\w.\[\]]+): +(.*\(.*)", line.strip())
        meant = None if entry is None else meant_line(entry[2])
        instead = _QUOTE_IT if entry is None or meant is None or ": " in meant else f"Write {entry[1]}: {meant}"
        return offset, "a second colon in one line", instead
    return offset, said, "Put a text with colons, commas or quotes in quotes"


def _open_levels(lines: TextLines, number: int) -> tuple[list[int], int | None]:
    """Return the indentation of the open mappings, and the number of the previous line with content."""
    levels: list[int] = []
    before = None
    for above in range(1, number):
        line = _without_comment(lines.line(above))
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip(" "))
        while levels and levels[-1] > indent:
            levels.pop()
        if not levels or levels[-1] < indent:
            levels.append(indent)
        before = above
    return levels, before


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*", "", line).rstrip()
