"""Levels by position: two are from and to, and one alone could be either."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from paramsched.errors import InvalidCall, shown

_SHAPES: Final = frozenset({"linear", "cosine", "anneal"})
"""The shapes whose first arguments are `start, to, over`, all optional."""

_MOST_LEVEL: Final = 100
"""The largest second level by position. A larger number is probably a length, as in `linear(1, 500)`."""


def refuse_two_readings_of_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise for one level by position, or a large second one, in a call of `linear`, `cosine` or `anneal`."""
    if name not in _SHAPES or not (readings := _readings(args, kwargs)):
        return
    site = f"{name}({', '.join([*map(_text, args), *_written(kwargs)])})"
    calls = [f"{name}({', '.join(_written({**one, **kwargs}))})" for one in readings]
    found = "expected its name" if len(calls) == 1 else f"it could mean {len(calls)} things"
    raise InvalidCall(site, found, "Write " + " or ".join(calls))


def _readings(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the arguments by position could mean; nothing if they have one meaning."""
    match args:
        case [str() as length] if "over" not in kwargs:
            return [{"over": length}]
        case [level] if kwargs.keys().isdisjoint({"start", "to"}):
            return _readings_of_one(level, has_length="over" in kwargs)
        case [level, str() as length] if kwargs.keys().isdisjoint({"start", "to", "over"}):
            return [{"start": level, "over": length}, {"to": level, "over": length}]
        case [level, second] if may_be_length(second) and kwargs.keys().isdisjoint({"start", "to", "over"}):
            return [{"start": level, "over": second}, {"to": level, "over": second}, {"start": level, "to": second}]
    return []


def may_be_length(level: object) -> bool:
    """Return whether a second level is a large number, which is probably a length."""
    return isinstance(level, (int, float)) and level > _MOST_LEVEL


def _readings_of_one(level: object, *, has_length: bool) -> list[dict[str, Any]]:
    levels = [{"start": level}, {"to": level}]
    if has_length or not isinstance(level, int) or level <= 1:
        return levels
    return [{"over": level}] if level > _MOST_LEVEL else [*levels, {"over": level}]


def _written(arguments: Mapping[str, Any]) -> list[str]:
    return [f"{key}={_text(value)}" for key, value in arguments.items()]


def _text(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else shown(value)
