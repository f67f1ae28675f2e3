"""Texts: formatting and methods, with the size of the result known before it is made."""

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

from paramsched.config.python_config.limits import MOST_LENGTH, MOST_WIDTH
from paramsched.config.python_config.memory import TOO_LARGE, Memory, NotKnown
from paramsched.config.python_config.values import Produced

_SPEC: Final = re.compile(r"(?:[^{}]?[<>=^])?[-+ ]?z?#?0?(\d{0,4})[,_]?(?:\.(\d{1,4}))?[bcdeEfFgGnosxX%]?")
_PERCENT: Final = re.compile(r"%(?:\((\w*)\))?[-+ #0]*(\d{0,4})(?:\.(\d{0,4}))?[diouxXeEfFgGcrsa%]")
_FIELD: Final = re.compile(r"\w*")
_CONVERSIONS: Final[Mapping[int, type | Any]] = {-1: None, ord("s"): str, ord("r"): repr, ord("a"): ascii}

PLAIN_METHODS: Final = frozenset(
    {
        *("strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "casefold", "swapcase"),
        *("startswith", "endswith", "find", "rfind", "index", "rindex", "count", "removeprefix", "removesuffix"),
        *("isdigit", "isnumeric", "isdecimal", "isalpha", "isalnum", "isupper", "islower", "isspace", "isidentifier"),
        *("split", "rsplit", "splitlines", "partition", "rpartition", "istitle", "isascii", "isprintable"),
    }
)
"""Methods of texts whose result is at most as long as the text, a few times."""

_PADDING: Final = ("zfill", "ljust", "rjust", "center")


def format_value(value: Any, conversion: int, spec: str, memory: Memory) -> str:
    """A value inside an f-string.

    Raises:
        NotKnown: the value is not known, or the text could be too long.
    """
    if not memory.is_printable(value) or conversion not in _CONVERSIONS:
        raise NotKnown
    _check_spec(spec)
    convert = _CONVERSIONS[conversion]
    return format(value if convert is None else convert(value), spec)


def _check_spec(spec: str) -> None:
    found = _SPEC.fullmatch(spec)
    if found is None or any(int(width or 0) > MOST_WIDTH for width in found.groups()):
        raise NotKnown


def percent_format(text: str, value: Any, memory: Memory) -> str:
    """`text % value`; as `format_value`."""
    if not memory.is_printable(value):
        raise NotKnown
    rest = _PERCENT.sub("", text)
    if "%" in rest or any(int(width or 0) > MOST_WIDTH for one in _PERCENT.findall(text) for width in one[1:]):
        raise NotKnown
    values = value if isinstance(value, tuple) else value.values() if isinstance(value, dict) else (value,)
    _text_room(sum(map(_width_of, values)) * max(1, text.count("%")) + len(text) + MOST_WIDTH * text.count("%"), memory)
    made: str = text % value
    return made


def _width_of(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(repr(value))


def _text_room(length: int, memory: Memory) -> None:
    if length > MOST_LENGTH:
        raise NotKnown(TOO_LARGE)
    memory.budget.spend(length >> 6)


def call_text_method(
    text: str, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory
) -> Any:
    """`text.name(…)`; an iterable is given as a list.

    Raises:
        NotKnown: the method is not known here, or its result could be too long.
        Exception: whatever Python raises.
    """
    arguments = [list(one) if type(one) is Produced else one for one in arguments]
    if not all(memory.is_known(one) for one in (*arguments, *keywords.values())):
        raise NotKnown
    memory.budget.spend(len(text) >> 4)
    if name == "format":
        return _format_text(text, arguments, keywords, memory)
    if name == "join":
        (pieces,) = arguments
        if isinstance(pieces, (set, frozenset, dict)) or keywords:
            raise NotKnown
        pieces = list(pieces)
        _text_room(sum(map(len, pieces)) + len(text) * len(pieces), memory)
        return text.join(pieces)
    if name == "replace":
        old, new = arguments[:2]
        times = text.count(old)
        _text_room(len(text) + times * len(new), memory)
    elif name in _PADDING:
        if not isinstance(arguments[0], int) or arguments[0] > MOST_WIDTH + len(text):
            raise NotKnown
    elif name not in PLAIN_METHODS:
        raise NotKnown
    return getattr(text, name)(*arguments, **keywords)


def _format_text(text: str, arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> str:
    """`text.format(…)`, with plain fields only."""
    values = (*arguments, *keywords.values())
    if not all(memory.is_printable(one) for one in values):
        raise NotKnown
    fields = 0
    for _, name, spec, _ in string.Formatter().parse(text):
        if name is None:
            continue
        fields += 1
        if not _FIELD.fullmatch(name):
            raise NotKnown
        _check_spec(spec or "")
    _text_room(len(text) + fields * (MOST_WIDTH + max(map(_width_of, values), default=0)), memory)
    return text.format(*arguments, **keywords)
