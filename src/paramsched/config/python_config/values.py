"""What a Python config can hold besides Python's own values, how much of it, and which of it is still known."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import EllipsisType, NoneType
from typing import Any, Final, final


@final
@dataclass(frozen=True, slots=True)
class NeedsRunning:
    """A value that only running the file would tell.

    Args:
        line: where it stands.
        text: how it is written.
        source: the file it stands in, where that is a base.
        why: what keeps it from being read.
    """

    line: int
    text: str
    source: str = ""
    why: str = "would have to be run"

    def __str__(self) -> str:
        place = f"{self.source}, line {self.line}" if self.source else f"line {self.line}"
        return f"{place}: `{self.text}` {self.why}"


@final
class ImportedName(str):
    """The name of a class or a function that a file imports; configs name it by text too.

    >>> ImportedName("StepLR", "mmengine.optim") == "StepLR"
    True
    """

    __slots__ = ("module",)
    module: str

    def __new__(cls, name: str, module: str = "") -> "ImportedName":
        text = super().__new__(cls, name)
        text.module = module
        return text

    def __reduce__(self) -> tuple[type["ImportedName"], tuple[str, str]]:
        return ImportedName, (str(self), self.module)


@final
@dataclass(frozen=True, slots=True)
class Imported:
    """A module, or something of one, while the file is read: nothing is known of it but its name."""

    module: str
    name: str
    line: int

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}" if self.module else self.name


@final
@dataclass(frozen=True, slots=True)
class Builtin:
    """A function or a class that Python itself has."""

    name: str
    line: int


@final
@dataclass(frozen=True, slots=True)
class BaseReference:
    """What `{{ _base_.a.b }}` stands for until the whole file is read."""

    path: str
    mark: NeedsRunning


@final
class BaseDict(dict[Any, Any]):
    """A dict of a base file: its keys are attributes too, and `update` goes into the dicts in it."""

    __slots__ = ()


@final
class Produced(list[Any]):
    """What an iterator gave, for a function that goes through it once."""


ATOMS: Final[frozenset[type]] = frozenset(
    {NoneType, bool, int, float, complex, str, bytes, range, EllipsisType, ImportedName}
)
"""Types whose values hold no others and never change."""

MUTABLE: Final[frozenset[type]] = frozenset({list, dict, BaseDict, set})
"""Types whose values can be changed by whoever has them."""

OPAQUE: Final[frozenset[type]] = frozenset({NeedsRunning, Imported, Builtin, BaseReference})
"""Types that stand for a value that is not known."""


MOST_BITS: Final = 1_400  # of an integer; no float has more
MOST_LENGTH: Final = 1_000_000  # of a text
MOST_WIDTH: Final = 1_000  # a formatted number may be padded to
MOST_DEPTH: Final = 90  # of an expression, and of a value
MOST_SIZE: Final = 200_000  # entries of a value, and of those in it
_STEPS: Final = 300_000
_STEPS_PER_BYTE: Final = 2


@final
class BudgetSpent(BaseException):
    """The budget is used up. No `Exception`, so that no handler of Python's errors takes it for one."""


@final
class Budget:
    """Steps that are left; a step is a node of the tree, or a few entries of a value that is made or looked through."""

    def __init__(self) -> None:
        self.steps = _STEPS
        self.largest = MOST_SIZE

    def add_text(self, length: int) -> None:
        """A longer text may take more steps, and say a larger value."""
        self.steps += _STEPS_PER_BYTE * length
        self.largest = max(self.largest, length)

    def spend(self, steps: int) -> None:
        """
        Raises:
            Spent: fewer are left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise BudgetSpent


# Names share lists and dicts, here as in Python: a change through one name is seen through all. Where code that is
# not understood gets hold of one it may change it at any time after, so from there on reading it gives a mark.


_MOST_LOOKED_AT: Final = 50_000


@final
class NotKnown(Exception):
    """The meaning of an operation on these values is not known here, or its result could be too large.

    What Python itself raises at an operation is no such case, and is raised as it is.

    Args:
        why: what keeps it from being known, as a mark says it.
    """

    def __init__(self, why: str = "would have to be run") -> None:
        super().__init__(why)
        self.why = why


TOO_LARGE: Final = "is larger than a config may hold"

REFUSALS: Final = (
    *(NotKnown, ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, NameError, RuntimeError),
    *(TypeError, ValueError),
)
"""What an operation on real values may raise."""


@final
class Memory:
    """The lists, dicts and sets of one file that unknown code has got hold of."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.doubts = 0
        """How often something was not understood so far; each could have raised an error."""
        # By identity; the objects are kept, so that no other takes their place.
        self._lost: dict[int, tuple[object, NeedsRunning]] = {}
        self._tuples: dict[int, object] = {}

    def seen(self, value: Any) -> Any:
        """What reading a value gives: itself, or the mark of what got hold of it."""
        if type(value) in MUTABLE:
            lost = self._lost.get(id(value))
            if lost is not None:
                return lost[1]
        return value

    def lose(self, values: Iterable[Any], mark: NeedsRunning) -> None:
        """Unknown code has these from now on, and whatever is in them."""
        stack = list(values)
        while stack:
            value = stack.pop()
            kind = type(value)
            if kind in MUTABLE:
                if id(value) in self._lost:
                    continue
                self._lost[id(value)] = (value, mark)
                self.budget.spend(1 + len(value) // 8)
                stack.extend(value.values() if isinstance(value, dict) else value)
            elif kind is tuple:
                if id(value) in self._tuples:
                    continue
                self._tuples[id(value)] = value
                self.budget.spend(1 + len(value) // 8)
                stack.extend(value)

    def all_reached_by(self, values: Iterable[Any]) -> list[Any]:
        """Every list, dict and set that these values lead to."""
        found: dict[int, Any] = {}
        stack = list(values)
        while stack:
            value = stack.pop()
            if (type(value) in MUTABLE or type(value) is tuple) and id(value) not in found:
                found[id(value)] = value
                self.budget.spend(1 + len(value) // 8)
                stack.extend(value.values() if isinstance(value, dict) else value)
        return list(found.values())

    def is_known(self, value: Any) -> bool:
        """Whether a value and everything in it is known, as a tree of a bounded size."""
        if type(value) in ATOMS:
            if type(value) is str:
                self.budget.spend(len(value) >> 6)
            return True
        return self._is_known(value, sets=True)

    def is_printable(self, value: Any) -> bool:
        """Whether a value is known and Python would print it as this process does: a set's order is by chance."""
        return type(value) in ATOMS or self._is_known(value, sets=False)

    def _is_known(self, value: Any, sets: bool) -> bool:
        """`sets`: whether a set and a base's dict count."""
        stack = [(value, MOST_DEPTH)]
        looked_at = 0
        while stack:
            value, depth = stack.pop()
            kind = type(value)
            if kind in ATOMS:
                continue
            known = kind in (list, tuple, dict) or (sets and kind in (BaseDict, set, frozenset))
            looked_at += 1 + (len(value) if known else 0)
            if not known or depth == 0 or looked_at > _MOST_LOOKED_AT or self.seen(value) is not value:
                return False
            self.budget.spend(1 + len(value) // 4)
            if kind in (list, tuple):
                stack += [(one, depth - 1) for one in value]
            elif kind in (dict, BaseDict):
                stack += [(one, depth - 1) for pair in value.items() for one in pair]
        return True

    def as_held_by_base(self, value: Any, depth: int = MOST_DEPTH, *, own_sets: bool = False) -> Any:
        """A value as a dict of a base takes it: dicts become dicts of a base, lists and tuples new ones.

        With `own_sets` sets become new ones too, so that nothing is shared.
        """
        value = self.seen(value)
        kind = type(value)
        if kind is set and own_sets:
            return set(value)
        if kind not in (list, tuple, dict):
            return value
        if depth == 0:
            raise NotKnown
        self.budget.spend(1 + len(value) // 4)
        if kind is dict:
            entries = value.items()
            return BaseDict({key: self.as_held_by_base(one, depth - 1, own_sets=own_sets) for key, one in entries})
        return kind([self.as_held_by_base(one, depth - 1, own_sets=own_sets) for one in value])

    def deep_copy(self, value: Any) -> Any:
        """As `copy.deepcopy`; what is not known stays a mark."""
        return self._deep_copy(value, {}, MOST_DEPTH)

    def _deep_copy(self, value: Any, done: dict[int, Any], depth: int) -> Any:
        """What stood twice stands twice; `done` has the copies by the originals' ids."""
        value = self.seen(value)
        kind = type(value)
        if kind not in (list, dict, BaseDict, set, tuple):
            return value
        if id(value) in done:
            return done[id(value)]
        if depth == 0:
            raise NotKnown
        self.budget.spend(1 + len(value) // 4)
        if kind is tuple:
            made = tuple([self._deep_copy(one, done, depth - 1) for one in value])
            done[id(value)] = value if all(new is old for new, old in zip(made, value, strict=True)) else made
            return done[id(value)]
        copied = done[id(value)] = kind()  # before what is in it, which may be in itself
        if kind is list:
            copied.extend(self._deep_copy(one, done, depth - 1) for one in value)
        elif kind is set:
            copied.update(value)
        else:
            for key, one in value.items():
                inner = self._deep_copy(one, done, depth - 1)
                copied[key] = inner if kind is dict else self.as_held_by_base(inner)
        return copied
