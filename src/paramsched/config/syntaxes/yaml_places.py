"""Where the values of a YAML document stand."""

from collections.abc import Iterator
from typing import Any

from paramsched.config._text_places import Place, PlaceTree
from paramsched.config.syntaxes.yaml_pieces import yaml_pieces
from paramsched.config.syntaxes.yaml_text import plain_number


def yaml_places(text: str) -> Place:
    """Where the values of a document stand; only of a text that `read_yaml` can read.

    Raises:
        ConfigError: it is no such text.
    """
    tree = PlaceTree()
    for kind, event, said, end in yaml_pieces(text, ""):
        begin = event.start_mark.index
        if kind == "scalar" and tree.awaits_key:
            tree.put_key(_key_in_text(text, begin, said), begin)
        elif kind == "scalar":
            tree.put(Place(begin, end, text=said))
        elif kind == "end":
            tree.close(end)
        else:
            tree.open(Place(begin, 0, parts=[] if kind == "list" else {}))
    return tree.root


def scalar_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each key and each value that is no list and no mapping begins and ends, in a document that can be read."""
    for kind, event, _, end in yaml_pieces(text, ""):
        if kind == "scalar":
            yield event.start_mark.index, end


def _key_in_text(text: str, begin: int, said: str) -> Any:
    """A key as `read_yaml` takes it: a number without quotes is one."""
    number = None if text[begin : begin + 1] in ("'", '"') else plain_number(said)
    return said if number is None else number
