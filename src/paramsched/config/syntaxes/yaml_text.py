"""YAML, the part of it that says one thing, and where its values and comments stand.

- `3e-4` is a number; `yes`, `1:30`, `2024-01-01`, `.5` are text
- no anchors, aliases, tags or merge keys, one document
- an integer key is an integer
- inside braces a call may stand without quotes, commas and all: `{schedule: linear(1.0, 0.1)}`
"""

import re
from typing import Any, Final

from paramsched.config._text_places import Place, PlaceTree
from paramsched.config.faults import Pairs, number_from_text
from paramsched.config.syntaxes.toml_places import STRING
from paramsched.config.syntaxes.yaml_pieces import yaml_pieces
from paramsched.config.text_limits import MOST_VALUES, too_many_values

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


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
    tree = PlaceTree()
    for kind, event, said, end in yaml_pieces(text, ""):
        begin = event.start_mark.index
        if kind == "scalar" and tree.awaits_key:
            number = None if event.style else plain_number(said)  # as `read_yaml` takes it
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
    # A number sign outside every value; in a value it is a part of the text.
    outside, end = [], 0
    for kind, event, _, behind in yaml_pieces(text, ""):
        if kind == "scalar":
            outside.append(text[end : event.start_mark.index])
            end = behind
    return any(_YAML_COMMENT.search(piece) for piece in [*outside, text[end:]])
