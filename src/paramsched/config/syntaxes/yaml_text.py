"""YAML, the part of it that says one thing, and where its values and comments stand.

- `3e-4` is a number; `yes`, `1:30`, `2024-01-01`, `.5` are text
- no anchors, aliases, tags or merge keys, one document
- an integer key is an integer
- inside braces a call may stand without quotes, commas and all: `{schedule: linear(1.0, 0.1)}`

A file of another library is read as PyYAML reads it, with aliases, merge keys and tags, and as OmegaConf reads `1e-3`.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from paramsched.base.diagnostic import TextLines
from paramsched.config._text_places import MERGE, Place, PlaceTree
from paramsched.config.faults import Pairs, number_from_text, short_json
from paramsched.config.syntaxes.toml_places import STRING
from paramsched.config.syntaxes.yaml_pieces import Piece, parser_events, peer_pieces, yaml_pieces
from paramsched.config.text_limits import MOST_VALUES, too_many_values
from paramsched.errors import ConfigError

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


_PEER_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9_]*)(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][+-]?[0-9]+)?")
_PEER_BOOLEANS = {"yes": True, "no": False, "on": True, "off": False}
_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(f"{_CORE}{kind}" for kind in ("bool", "float", "int", "null"))
_TEXT_TAGS = frozenset(("!", f"{_CORE}str", f"{_CORE}python/str", f"{_CORE}python/unicode"))
_COLLECTION_TAGS = frozenset(
    (None, "!", *(f"{_CORE}{kind}" for kind in ("map", "seq", "python/tuple", "python/list", "python/dict")))
)


def read_yaml(text: str, source: str) -> Any:
    """What a YAML document holds; mappings as `Pairs`."""
    document: list[Any] = []
    stack: list[Any] = [document]
    keys: list[list[Any]] = [[]]  # for each mapping on the stack the key whose value comes next
    values = 0
    for kind, event, said, _ in yaml_pieces(text, source):
        if kind == "scalar":
            _put_value(stack, keys, said if event.style else _unquoted_value(said))
            values += 1 + said.count(",")
        elif kind == "end":
            keys.pop()
            _put_value(stack, keys, stack.pop())
        else:
            stack.append([] if kind == "list" else Pairs())
            keys.append([])
            values += 1
        if values > MOST_VALUES:
            raise too_many_values(source)
    return document[0] if document else None


def read_peer_yaml(text: str, source: str) -> Any:
    r"""The content of another library's YAML document: mappings as `Pairs`, whose keys are text.

    A value with a tag that only its own program knows is the text of both, which is neither a number nor a list.

    >>> read_peer_yaml("a: &a {x: 1}\nb: {<<: *a, y: .5}\nc: !!python/tuple [no]", "")
    [('a', [('x', 1)]), ('b', [('x', 1), ('y', 0.5)]), ('c', [False])]
    """
    document: list[Any] = []
    stack: list[Any] = [document]
    keys: list[list[Any]] = [[]]
    opened: list[Any] = []  # the events that began what is on the stack
    values = 0
    for kind, event, said, _ in peer_pieces(text, source):
        awaits_key = isinstance(stack[-1], Pairs) and not keys[-1]
        if kind == "scalar":
            _put_value(stack, keys, said if awaits_key else _peer_scalar(event))
            values += 1 + said.count(",")
        elif kind == "end":
            keys.pop()
            done, begin = stack.pop(), opened.pop()
            if isinstance(done, Pairs) and any(key == MERGE for key, _ in done):
                done = _merged(done, text, begin.start_mark.index, source)
                values += len(done)
            known = begin.tag in _COLLECTION_TAGS
            awaits_key = isinstance(stack[-1], Pairs) and not keys[-1]
            _put_value(stack, keys, short_json(done) if awaits_key else done if known else f"{begin.tag} …")
        else:
            stack.append([] if kind == "list" else Pairs())
            keys.append([])
            opened.append(event)
            values += 1
        if values > MOST_VALUES:
            raise too_many_values(source)
    return document[0] if document else None


def _merged(pairs: Pairs, text: str, begin: int, source: str) -> Pairs:
    """The entries of a mapping after those of the mappings that it merges; its own and the earlier ones count."""
    own = {key for key, _ in pairs}
    found: dict[str, Any] = {}
    for merged in reversed([value for key, value in pairs if key == MERGE]):
        for one in merged if isinstance(merged, list) and not isinstance(merged, Pairs) else [merged]:
            if not isinstance(one, Pairs):
                fault = TextLines(text).fault(begin, "<< takes a mapping, or a list of them", "Write <<: *name")
                raise ConfigError(source, [fault])
            found = {**dict(one), **found}
    rest = [(key, value) for key, value in pairs if key != MERGE]
    return Pairs([*((key, value) for key, value in found.items() if key not in own), *rest])


def _peer_scalar(event: Any) -> Any:
    """The value of a scalar by its tag, else by its text."""
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


def plain_number(text: str) -> int | float | None:
    """The number that a scalar without quotes is, by JSON's rule; None where it is none."""
    return number_from_text(text) if _NUMBER.match(text) else None


def _unquoted_value(text: str) -> Any:
    """One of YAML's words, a number, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    number = plain_number(text)
    if number is not None:
        return number
    return float(text.replace(".", "", 1)) if _SPECIAL.fullmatch(text) else text


def _put_value(stack: list[Any], keys: list[list[Any]], value: Any) -> None:
    """Into a list, or a mapping as a key or as the value of the last key."""
    top = stack[-1]
    if not isinstance(top, Pairs):
        top.append(value)
    elif keys[-1]:
        top.append((keys[-1].pop(), value))
    else:
        keys[-1].append(value)


def yaml_places(text: str) -> Place:
    """Where the values of a document stand; only of a text that `read_yaml` can read."""
    return _places_of_pieces(yaml_pieces(text, ""), number_keys=True)


def peer_yaml_places(text: str) -> Place:
    """The same of a text that `read_peer_yaml` can read; what an alias stands for is where its anchor is."""
    return _places_of_pieces(peer_pieces(text, ""), number_keys=False)


def _places_of_pieces(pieces: Iterator[Piece], *, number_keys: bool) -> Place:
    tree = PlaceTree()
    for kind, event, said, end in pieces:
        begin = event.start_mark.index
        if kind == "scalar" and tree.awaits_key:
            number = plain_number(said) if number_keys and not event.style else None  # as the reader takes it
            tree.put_key(said if number is None else number, begin)
        elif kind == "scalar":
            tree.put(Place(begin, end, text=said))
        elif kind == "end":
            tree.close(end)
        else:
            tree.open(Place(begin, 0, parts=[] if kind == "list" else {}))
    return tree.root


_TOML_COMMENT: Final = re.compile(rf"{STRING.pattern}|(?P<comment>#)", re.DOTALL)
_YAML_COMMENT: Final = re.compile(r"(?:^|[ \t])#", re.MULTILINE)


def has_comments(text: str, syntax: str | None) -> bool:
    """Whether a text that can be read has comments.

    Args:
        syntax: `"yaml"` or `"toml"`; others are not looked at, and JSON has none.

    >>> has_comments("lr: 0.5  # as before", "yaml"), has_comments('lr: "a # b"', "yaml"), has_comments("a = 1", "toml")
    (True, False, False)
    """
    if syntax == "toml":
        return any(found["comment"] for found in _TOML_COMMENT.finditer(text))
    if syntax != "yaml" or "#" not in text:
        return False
    from yaml import ScalarEvent, YAMLError

    # A number sign outside every value; in a value it is a part of the text. The file may be another library's, with
    # aliases, tags, and templates that only its own reader fills in.
    outside, end = [], 0
    try:
        for event in parser_events(text):
            kind = type(event)
            if kind is ScalarEvent:
                outside.append(text[end : event.start_mark.index])
                end = event.end_mark.index
    except YAMLError:
        return _YAML_COMMENT.search(text) is not None
    return any(_YAML_COMMENT.search(piece) for piece in [*outside, text[end:]])
