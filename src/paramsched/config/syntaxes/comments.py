"""Whether a text has comments: what is written anew from a plan has none of them."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from paramsched.config.syntaxes.toml_places import STRING
from paramsched.config.syntaxes.yaml_places import scalar_spans

_TOML_COMMENT: Final = re.compile(rf"{STRING.pattern}|(?P<comment>#)", re.DOTALL)
_YAML_COMMENT: Final = re.compile(r"(?:^|[ \t])#", re.MULTILINE)


def has_comments(text: str, syntax: str | None) -> bool:
    """Whether a text that can be read has comments.

    Args:
        text: the whole text.
        syntax: `"yaml"` or `"toml"`; others are not looked at, and JSON has none.

    >>> has_comments("lr: 0.5  # as before", "yaml"), has_comments('lr: "a # b"', "yaml"), has_comments("a = 1", "toml")
    (True, False, False)
    """
    look = _LOOKS.get(syntax or "")
    return look is not None and "#" in text and look(text)


def _in_toml(text: str) -> bool:
    return any(found["comment"] for found in _TOML_COMMENT.finditer(text))


def _in_yaml(text: str) -> bool:
    """A number sign outside every value; in a value it is a part of the text."""
    outside, end = [], 0
    for begin, behind in scalar_spans(text):
        outside.append(text[end:begin])
        end = behind
    return any(_YAML_COMMENT.search(piece) for piece in [*outside, text[end:]])


_LOOKS: Final[Mapping[str, Callable[[str], bool]]] = {"yaml": _in_yaml, "toml": _in_toml}
