"""The pieces of a YAML document one after another; what a plan may not have is refused, in the writer's words."""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias, final

from paramsched.base.diagnostic import Diagnostic, TextLines
from paramsched.config.text_limits import MOST_DEPTH, MOST_VALUES, advice_of_line, advice_to_close
from paramsched.errors import ConfigError
from paramsched.schedules import meant_line

PieceKind: TypeAlias = Literal["scalar", "list", "mapping", "end"]
Piece: TypeAlias = tuple[PieceKind, Any, str, int]
"""What begins or ends, the parser's event, what a scalar says, and where the piece ends in the text."""

_MOST_EVENTS: Final = 3 * MOST_VALUES  # a mapping of one entry is four of them and three values
_NO_TAGS: Final = "A plan has no tags; write the value alone"


@final
class _Level:
    """What is open, and whether the name of an entry comes next in it."""

    __slots__ = ("awaits_key", "in_braces", "is_mapping")

    def __init__(self, is_mapping: bool, in_braces: bool) -> None:
        self.is_mapping, self.in_braces, self.awaits_key = is_mapping, in_braces, is_mapping

    def pass_one(self) -> None:
        """A key was read, or a value: in a mapping they alternate."""
        self.awaits_key = self.is_mapping and not self.awaits_key


def yaml_pieces(text: str, source: str) -> Iterator[Piece]:
    """Scalars, begins and ends in the order of the text.

    Raises:
        ConfigError: no YAML; an anchor, an alias, a tag or a second document; nested too deep.
    """
    return _pieces_of_events(parser_events(text), text, source)


def peer_pieces(text: str, source: str) -> Iterator[Piece]:
    """The same of another library's file, in which an alias is the pieces of its anchor and tags are allowed.

    Raises:
        ConfigError: no YAML, or a second document; nested too deep; an alias that is unknown, that is a part of its own
            anchor, or that makes the document too large.
    """
    return _pieces_of_events(_EventsWithoutAliases(text, source).events(), text, source, peer=True)


@final
class _EventsWithoutAliases:
    """The events of a document with the events of the anchor in the place of each alias.

    Every event is kept, so that an alias repeats a part of the list, and an alias of aliases does too.
    """

    def __init__(self, text: str, source: str) -> None:
        self.text, self.source = text, source
        self._kept: list[Any] = []
        self._anchors: dict[str, tuple[int, int | None]] = {}  # where each begins and ends; None: it is still open
        self._open: list[tuple[str | None, int]] = []

    def events(self) -> Iterator[Any]:
        import yaml

        has_anchors = "&" in self.text
        for event in parser_events(self.text):
            kind = type(event)
            if kind is yaml.AliasEvent:
                yield from self._repeated(event)
                continue
            if has_anchors:
                begin = len(self._kept)
                self._kept.append(event)
                if kind is yaml.ScalarEvent:
                    if event.anchor is not None:
                        self._anchors[event.anchor] = (begin, begin + 1)
                elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                    self._open.append((event.anchor, begin))
                    if event.anchor is not None:
                        self._anchors[event.anchor] = (begin, None)
                elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                    anchor, begin = self._open.pop()
                    if anchor is not None:
                        self._anchors[anchor] = (begin, len(self._kept))
            yield event

    def _repeated(self, alias: Any) -> list[Any]:
        begin, end = self._anchors.get(alias.anchor, (0, 0))
        if end == 0:
            found = f"the alias *{alias.anchor} has no anchor above it"
            raise _yaml_error(self.text, self.source, alias, found, f"Write &{alias.anchor} in front of its value")
        if end is None:
            found = f"the alias *{alias.anchor} is inside its own anchor"
            raise _yaml_error(self.text, self.source, alias, found, "Use the value itself")
        if len(self._kept) + end - begin > _MOST_EVENTS:
            found = f"with its aliases the document has more than {MOST_VALUES:,} values"
            raise _yaml_error(self.text, self.source, alias, found, "Use the value itself")
        repeated = self._kept[begin:end]
        self._kept += repeated
        return repeated


def _pieces_of_events(events: Iterator[Any], text: str, source: str, *, peer: bool = False) -> Iterator[Piece]:
    """The pieces that events make; a file of another library has tags, and no calls without quotes in braces."""
    import yaml

    levels = [_Level(is_mapping=False, in_braces=False)]
    documents = 0
    try:
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                _refuse_anchor_or_tag(event, text, source, peer=peer)
                level, said, end = levels[-1], event.value, event.end_mark.index
                if not peer and level.in_braces and not level.awaits_key and _has_open_call(event):
                    said, end = _join_open_call(event, events, level.is_mapping, text, source)
                level.pass_one()
                yield "scalar", event, said, end
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                _refuse_anchor_or_tag(event, text, source, peer=peer)
                if len(levels) > MOST_DEPTH:
                    found = f"nested more than {MOST_DEPTH} deep"
                    raise _yaml_error(text, source, event, found, "Parts of a schedule can stand in one line of text")
                is_mapping = kind is yaml.MappingStartEvent
                levels.append(_Level(is_mapping, bool(event.flow_style)))
                yield "mapping" if is_mapping else "list", event, "", -1
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                levels.pop()
                levels[-1].pass_one()
                yield "end", event, "", event.end_mark.index
            elif kind is yaml.AliasEvent:
                raise _yaml_error(text, source, event, f"the alias *{event.anchor}", "Use the value itself")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _yaml_error(text, source, event, "a second document begins", "A plan is one document")
    except yaml.YAMLError as error:
        raise ConfigError(source, [yaml_fault(text, error)]) from None


def parser_events(text: str) -> Iterator[Any]:
    """What the parser finds, one by one. The C parser is twenty times as fast; both find the same."""
    import yaml

    events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    return events


def _has_open_call(event: Any) -> bool:
    return not event.style and event.value.count("(") > event.value.count(")")


def _join_open_call(event: Any, events: Iterator[Any], in_mapping: bool, text: str, source: str) -> tuple[str, int]:
    """A line of text without quotes inside braces, `{schedule: linear(1.0, 0.1)}`, and where it ends.

    YAML ends it at the comma; nobody means a text that ends inside a call, so the pieces up to its last bracket are one
    text. In a mapping YAML takes each of them for a name without a value.
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


def _refuse_anchor_or_tag(event: Any, text: str, source: str, *, peer: bool) -> None:
    if peer:
        return
    if event.anchor is not None:
        raise _yaml_error(text, source, event, f"the anchor &{event.anchor}", "Put the value where it belongs")
    if event.tag is not None:
        raise _yaml_error(text, source, event, f"the tag {event.tag}", _NO_TAGS)


def _yaml_error(text: str, source: str, event: Any, found: str, instead: str) -> ConfigError:
    return ConfigError(source, [TextLines(text).fault(event.start_mark.index, found, instead)])


# All that YAML allows, but the mark of byte order, which belongs to the begin of a file.
_ALLOWED = "\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_CONTROL = re.compile(f"[^{_ALLOWED}]")
_CLOSING = {"[": "]", "{": "}"}
_QUOTE_IT = "Put the whole text behind the colon in single quotes"
_MEANINGS = {
    "@": "no text begins with @",
    "`": "no text begins with a backtick",
    "%": "no text begins with %",
    "*": "a text that begins with * is an alias",
    "&": "a text that begins with & is an anchor",
    "!": "a text that begins with ! is a tag",
    ">": "a text that begins with > is a block of lines",
    "|": "a text that begins with | is a block of lines",
}


def yaml_fault(text: str, error: Any) -> Diagnostic:
    """The fault that a parser's error stands for."""
    lines = TextLines(text)
    control = _CONTROL.search(text)
    if control:
        found = f"the character {control[0].encode('unicode_escape').decode()} is no text"
        return lines.fault(control.start(), f"no YAML: {found}", "Leave it out")
    offset, found, instead = _yaml_cause(text, error, lines)
    return lines.fault(min(offset, len(text)), f"no YAML: {found}", instead)


def _yaml_cause(text: str, error: Any, lines: TextLines) -> tuple[int, str, str]:
    """Where, what was found, what to write."""
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
        return _quote_fault(text, offset, context.index, said)
    if "flow" in doing and context is not None:
        return _bracket_fault(text, offset, context.index, lines)
    at = text[offset : offset + 1]
    if at in ("]", "}"):
        return offset, f"nothing is open that {at} closes", f"Leave {at} out, or put the text in quotes"
    start = context.index if "scalar" in doing and context is not None else offset
    start = context.index if ("alias" in doing or "anchor" in doing) and context is not None else start
    sign = text[start : start + 1]
    before = text[first:start].rstrip()
    if sign in _MEANINGS and before.endswith(("'", '"')):
        return start, "something stands behind a closed quote", _QUOTE_IT
    if sign in _MEANINGS:
        return start, _MEANINGS[sign], _QUOTE_IT
    if before.endswith(("'", '"')) and at not in ("", ":"):
        return offset, "something stands behind a closed quote", _QUOTE_IT
    return _line_fault(offset, said, lines)


def _advice_to_indent(line: str, depth: int) -> str:
    """The advice for a line that begins at another depth; a message shows no blanks in front of a line."""
    return f"Indent it by {depth}" if depth else advice_of_line(line.strip())


def _quote_fault(text: str, offset: int, begin: int, said: str) -> tuple[int, str, str]:
    quote = text[begin : begin + 1]
    if "end of stream" in said or "document indicator" in said:
        line = text[text.rfind("\n", 0, begin) + 1 :].partition("\n")[0].strip()
        return begin, f"the quote {quote} is never closed", advice_of_line(f"{line}{quote}")
    return offset, "a backslash in double quotes begins an escape", "Put the text in single quotes"


def _bracket_fault(text: str, offset: int, begin: int, lines: TextLines) -> tuple[int, str, str]:
    """Never closed, closed by another, or something between two entries."""
    opening = text[begin : begin + 1]
    closing = _CLOSING.get(opening, "]")
    end = _end_of_brackets(text, begin)
    if end is None:
        return begin, f"the bracket {opening} is never closed", advice_to_close(text, begin, closing)
    if text[end] != closing:
        return end, f"{text[end]} closes the bracket {opening} of line {lines.of(begin)[0]}", f"Close it with {closing}"
    if text[offset : offset + 1] == ":":
        return offset, "a second colon in an entry", "Put the text behind the first colon in quotes"
    return offset, "no comma before this entry", "Use a comma between two entries, and quotes around a text with some"


def _end_of_brackets(text: str, begin: int) -> int | None:
    """Be it by another kind; None where it is not closed."""
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
    """What is wrong with the line, or with how deep it begins."""
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
    if before is not None and deeper and "mapping values" in said and _has_value(lines.line(before)):
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
    """How deep the open mappings begin, and the number of the line above that says something."""
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


def _has_value(line: str) -> bool:
    return bool(re.search(r":\s+\S", _without_comment(line)))
