"""What a file's names hold in the end: plain values, and marks where something is not known."""

from collections.abc import Callable
from typing import Any, final

from paramsched.config.python_config.functions import is_standard
from paramsched.config.python_config.limits import MOST_DEPTH
from paramsched.config.python_config.memory import Memory
from paramsched.config.python_config.values import (
    ATOMS,
    BaseDict,
    BaseReference,
    Builtin,
    Imported,
    ImportedName,
    NeedsRunning,
)


@final
class PlainValues:
    """Makes plain values of those of a file.

    What is shared stays shared, so that `[a, a]` forty times over costs no more than it did in the file; a value that
    would be too large for who goes through it is a mark.

    Args:
        memory: the file's.
        name: a name in the file, for marks.
        referred: what `{{ _base_.x }}` refers to.
    """

    def __init__(self, memory: Memory, referred: Callable[[BaseReference], Any] | None = None) -> None:
        self._memory, self._referred = memory, referred
        self._done: dict[int, tuple[Any, int, object]] = {}
        self._doing: set[int] = set()

    def of(self, value: Any, mark: Callable[[], NeedsRunning]) -> Any:
        """The plain value; `mark` gives what stands for it where it is too large, or in itself."""
        return value if type(value) in ATOMS else self._plain_and_size(value, MOST_DEPTH, mark)[0]

    def _plain_and_size(self, value: Any, depth: int, mark: Callable[[], NeedsRunning]) -> tuple[Any, int]:
        """A value as plain data, and how many values it holds."""
        value = self._memory.seen(value)
        kind = type(value)
        if kind in ATOMS or kind is NeedsRunning or kind is Imported:
            return value, 1
        if kind is Builtin:
            return NeedsRunning(value.line, value.name), 1
        if kind is BaseReference:
            return (value.mark if self._referred is None else self._referred(value)), 1
        if kind in (set, frozenset):
            return kind(value), 1 + len(value)
        if kind not in (list, tuple, dict, BaseDict):
            return mark(), 1
        if id(value) in self._done:
            return self._done[id(value)][:2]
        if depth == 0 or id(value) in self._doing:
            return _mark_with_reason(mark(), "is nested too deep, or in itself"), 1
        self._doing.add(id(value))
        size = 1
        if kind in (dict, BaseDict):
            plain: Any = {}
            for key, one in value.items():
                plain[key], inner = (one, 1) if type(one) in ATOMS else self._plain_and_size(one, depth - 1, mark)
                size += inner
        else:
            items = []
            for one in value:
                item, inner = (one, 1) if type(one) in ATOMS else self._plain_and_size(one, depth - 1, mark)
                items.append(item)
                size += inner
            plain = items if kind is list else tuple(items)
        self._doing.discard(id(value))
        if size > self._memory.budget.largest:
            plain, size = _mark_with_reason(mark(), "holds too much"), 1
        self._done[id(value)] = plain, size, value
        return plain, size


def _mark_with_reason(mark: NeedsRunning, why: str) -> NeedsRunning:
    return NeedsRunning(mark.line, mark.text, mark.source, why)


@final
class PublicValues:
    """Makes of plain values what users get: what is imported becomes its name, or a mark where it is Python's own."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, object]] = {}

    def of(self, value: Any) -> Any:
        """The value for users."""
        kind = type(value)
        if kind is Imported:
            if is_standard(value.dotted):
                return NeedsRunning(value.line, value.dotted)
            return ImportedName(value.name, value.module)
        if kind not in (list, tuple, dict):
            return value
        if id(value) not in self._done:
            made: Any
            if kind is dict:
                made = {key: self.of(one) if type(one) not in ATOMS else one for key, one in value.items()}
            else:
                made = kind([self.of(one) if type(one) not in ATOMS else one for one in value])
            self._done[id(value)] = made, value
        return self._done[id(value)][0]
