"""Functions that generated configs import. A reader that does not run them cannot know their effect."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["k", "m", "n", "xs"]

_kept: list[Any] = []

k = {"seven": 7}
m = [7, 7]
n = 77
xs = (7,)


def forget() -> None:
    """Reset the module before each program."""
    _kept.clear()
    globals().update(k={"seven": 7}, m=[7, 7], n=77, xs=(7,))


def truly(value: Any = True) -> bool:
    """Return True, which a reader cannot know."""
    return True


def falsely(value: Any = False) -> bool:
    """Return False, which a reader cannot know."""
    return False


def number(*_: Any, **__: Any) -> int:
    """Return 5, which a reader cannot know."""
    return 5


def same(value: Any = None, *_: Any) -> Any:
    """Return the argument."""
    return value


def change(*values: Any, **named: Any) -> int:
    """Change every list and dict, at any depth."""
    for value in (*values, *named.values()):
        _change(value, 4)
    return len(values)


def keep(*values: Any, **named: Any) -> None:
    """Keep the arguments, so that `poke` can change them later."""
    _kept.extend((*values, *named.values()))


def poke(*_: Any) -> int:
    """Change all kept values."""
    for value in list(_kept):
        _change(value, 4)
    return len(_kept)


def fail(*_: Any) -> Any:
    """Raise."""
    raise ValueError


def call(function: Any = None, *values: Any) -> Any:
    """Call the function if it is callable."""
    if callable(function):
        return function(*values)
    return None


def _change(value: Any, depth: int) -> None:
    if depth == 0:
        return
    if isinstance(value, list):
        for one in list(value):
            _change(one, depth - 1)
        value.append(91)
        value.reverse()
    elif isinstance(value, dict):
        for one in list(value.values()):
            _change(one, depth - 1)
        for key in list(value)[:1]:
            value[key] = 92
        value["changed"] = 93
    elif isinstance(value, set):
        value.add(94)
    elif isinstance(value, tuple):
        for one in value:
            _change(one, depth - 1)


class Thing:
    """An object whose operators have side effects."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __enter__(self) -> "Thing":
        return self

    def __exit__(self, *_: object) -> bool:
        return True

    def __radd__(self, other: Any) -> Any:
        _change(other, 3)
        return other

    def __add__(self, other: Any) -> Any:
        _change(other, 3)
        return other

    def __getitem__(self, key: Any) -> Any:
        _change(key, 3)
        return self.values[0] if self.values and isinstance(key, int) and key == 0 else self._end()

    def _end(self) -> Any:
        raise IndexError

    def __eq__(self, other: object) -> bool:
        _change(other, 2)
        return True

    def __hash__(self) -> int:
        return 1

    def __len__(self) -> int:
        return 0


@contextmanager
def swallowing() -> Iterator[int]:
    """Run a block that may end early, because its exceptions are suppressed."""
    with suppress(Exception):
        yield 3
