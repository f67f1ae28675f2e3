"""The pieces of a YAML document one after another; nothing is constructed, and what a plan may not have is refused.

A call without quotes inside braces, `{schedule: linear(1.0, 0.1)}`, is one piece, though YAML ends it at its comma.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias, final

from paramsched.config.syntaxes.yaml_faults import yaml_fault
from paramsched.config.text_limits import MOST_DEPTH
from paramsched.config.text_lines import TextLines
from paramsched.errors import ConfigError

PieceKind: TypeAlias = Literal["scalar", "list", "mapping", "end"]
Piece: TypeAlias = tuple[PieceKind, Any, str, int]
"""What begins or ends, the parser's event, what a scalar says, and where the piece ends in the text."""

_NO_TAGS: Final = "A plan has no tags; write the value alone"


@final
class _Level:
    """A list or a mapping that is open, and whether the name of an entry comes next in it."""

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
    import yaml

    events = parser_events(text)
    levels = [_Level(is_mapping=False, in_braces=False)]
    documents = 0
    try:
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                _refuse_anchor_or_tag(event, text, source)
                level, said, end = levels[-1], event.value, event.end_mark.index
                if level.in_braces and not level.awaits_key and _has_open_call(event):
                    said, end = _join_open_call(event, events, level.is_mapping, text, source)
                level.pass_one()
                yield "scalar", event, said, end
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                _refuse_anchor_or_tag(event, text, source)
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
                raise _yaml_error(text, source, event, f"the alias *{event.anchor}", "Write the value itself")
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
    """Whether a scalar without quotes has a bracket that it does not close."""
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


def _refuse_anchor_or_tag(event: Any, text: str, source: str) -> None:
    if event.anchor is not None:
        raise _yaml_error(text, source, event, f"the anchor &{event.anchor}", "Write the value where it belongs")
    if event.tag is not None:
        raise _yaml_error(text, source, event, f"the tag {event.tag}", _NO_TAGS)


def _yaml_error(text: str, source: str, event: Any, found: str, instead: str) -> ConfigError:
    return ConfigError(source, [TextLines(text).fault(event.start_mark.index, found, instead)])
