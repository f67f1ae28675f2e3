"""The mutable objects of one file, and which of them unknown code can change."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, final

from paramsched.config.python_config.values import (
    ATOMS,
    MOST_DEPTH,
    MUTABLE,
    OPAQUE,
    BaseDict,
    Budget,
    Iteration,
    NeedsRunning,
    Unknown,
)

# Names share lists and dicts, as in Python: a change through one name is seen through all. Once unknown code has access
# to one, it may change it at any later time, so from there on reading it gives a placeholder.

_MOST_COMPARED: Final = 50_000
_ITERABLE: Final = (list, tuple, dict, BaseDict, str, bytes, range, Iteration)


@final
class Memory:
    """Decides what is known of the objects of one file."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        # By identity, with the object, so that no other object takes its place.
        self._tainted: dict[int, tuple[object, NeedsRunning]] = {}

    def seen(self, value: Any) -> Any:
        """Return what reading a value gives: the value itself, or a placeholder if unknown code can change it."""
        if type(value) in MUTABLE and id(value) in self._tainted:
            return self._tainted[id(value)][1]
        return value

    def taint(self, values: Iterable[Any], mark: NeedsRunning) -> None:
        """Make every mutable object that these values lead to unknown, for all names that lead to it."""
        stack = list(values)
        while stack:
            value = stack.pop()
            if (type(value) in MUTABLE or type(value) is tuple) and id(value) not in self._tainted:
                self._tainted[id(value)] = (value, mark)
                inner = value.roots if isinstance(value, Iteration) else value
                self.budget.spend(1 + len(inner) // 8)
                stack.extend(inner.values() if isinstance(inner, dict) else inner)

    def items(self, value: Any) -> Iterator[Any]:
        """Iterate over a value as Python does.

        Raises:
            Unknown: the items or their order are not known, or unknown code has got access to the value meanwhile.
        """
        if type(value) not in _ITERABLE:
            raise Unknown
        iterable, roots = (value.iterable, value.roots) if type(value) is Iteration else (value, (value,))
        iterator = iter(iterable)
        while True:
            self.budget.spend(1)
            for root in roots:
                if self.seen(root) is not root:
                    raise Unknown
            try:
                item = next(iterator)
            except StopIteration:
                return
            yield self.seen(item)

    def require_plain(self, *values: Any, opaque: bool = False, sets: bool = True) -> None:
        """Require values that are known throughout, as trees of a bounded size.

        Args:
            opaque: allow placeholders.
            sets: allow sets, whose order is arbitrary, and dicts of a base.
        """
        stack = [(value, MOST_DEPTH) for value in values]
        compared = 0
        while stack:
            value, depth = stack.pop()
            kind = type(value)
            if kind in ATOMS or (opaque and kind in OPAQUE):
                compared += len(value) >> 4 if kind in (str, bytes) else len(value) if kind is range else 0
                if compared <= _MOST_COMPARED:
                    continue
            plain = kind in (list, tuple, dict) or (sets and kind in (BaseDict, set))
            compared += 1 + (len(value) if plain else 0)
            if not plain or depth == 0 or compared > _MOST_COMPARED or self.seen(value) is not value:
                raise Unknown
            self.budget.spend(1 + len(value) // 4)
            stack += [(one, depth - 1) for one in (value.values() if isinstance(value, dict) else value)]

    def require_key(self, value: Any) -> None:
        """Require a known value that can be a key."""
        if type(value) is tuple:
            self.require_plain(value)
            hash(value)
        elif type(value) not in ATOMS:
            raise Unknown
