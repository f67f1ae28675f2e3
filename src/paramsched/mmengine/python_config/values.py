"""Special values of a Python config such as placeholders, the record of unknown values, and the limits of reading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import EllipsisType, NoneType
from typing import Any, Final, final


@final
@dataclass(frozen=True, slots=True)
class NeedsRunning:
    """Placeholder for a value that is known only when the config is executed.

    Args:
        line: the line of the value in the file.
        text: the source text of the value.
        source: the name of the file, if it is a base file.
        why: the reason why the value cannot be read.
    """

    line: int
    text: str
    source: str = ""
    why: str = "needs running"

    def __str__(self) -> str:
        place = f"{self.source}, line {self.line}" if self.source else f"line {self.line}"
        return f"{place}: `{self.text}` {self.why}"


@final
class ImportedName(str):
    """The name of an imported class, function or module, or of a builtin, which configs may also write as text.

    >>> ImportedName("StepLR", "mmengine.optim") == "StepLR"
    True
    """

    __slots__ = ("line", "module")
    line: int
    module: str

    def __new__(cls, name: str, module: str = "", line: int = 1) -> "ImportedName":
        text = super().__new__(cls, name)
        text.module, text.line = module, line
        return text

    def __reduce__(self) -> tuple[type["ImportedName"], tuple[str, str, int]]:
        return ImportedName, (str(self), self.module, self.line)

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self}" if self.module else str(self)


@final
@dataclass(frozen=True, slots=True)
class BaseReference:
    """Placeholder for `{{ _base_.a.b }}` until the entire file is read."""

    path: str
    mark: NeedsRunning


@final
class References:
    """The texts that replace `{{ _base_.x }}` while a file is read.

    Args:
        sign: a character that is in each of these texts, and nowhere else in the file.
        paths: a dict from each of these texts to the path after `_base_`.
    """

    def __init__(self, sign: str = "", paths: Mapping[str, str] | None = None) -> None:
        self._sign, self._paths = sign, dict(paths or {})

    def __bool__(self) -> bool:
        return bool(self._sign)

    def read(self, text: str, mark: Callable[[], NeedsRunning]) -> Any:
        """Return the value of a text: itself, a reference, or a placeholder if the text only contains a reference."""
        if not self._sign or self._sign not in text:
            return text
        path = self._paths.get(text)
        return mark() if path is None else BaseReference(path, mark())


@final
class BaseDict(dict[Any, Any]):
    """A dict of a base file, like MMEngine's `ConfigDict`: nested dicts are of this type, and `update` merges them."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, held_by_base(value))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
            return default
        return self[key]

    def pop(self, key: Any, default: Any = None) -> Any:
        return super().pop(key, default)

    def copy(self) -> "BaseDict":
        return BaseDict({key: held_by_base(value) for key, value in self.items()})

    def update(self, *others: Any, **named: Any) -> None:
        if len(others) > 1 or not all(isinstance(other, dict) for other in others):
            raise Unknown
        for key, value in {**(others[0] if others else {}), **named}.items():
            before = self.get(key)
            if isinstance(before, BaseDict) and isinstance(value, dict):
                before.update(value)
            elif isinstance(value, NeedsRunning) or (isinstance(before, NeedsRunning) and isinstance(value, dict)):
                raise Unknown  # an unknown dict would be merged
            else:
                self[key] = value


def held_by_base(value: Any, depth: int = 0) -> Any:
    """Return a value as a dict of a base stores it: nested dicts are converted, lists and tuples are copied."""
    kind = type(value)
    if depth > MOST_DEPTH:
        raise Unknown
    if kind is dict:
        held = BaseDict()
        for key, one in value.items():
            dict.__setitem__(held, key, held_by_base(one, depth + 1))
        return held
    if kind in (list, tuple):
        return kind([held_by_base(one, depth + 1) for one in value])
    return value


NUMBERS: Final = (bool, int, float, complex)
ATOMS: Final[frozenset[type]] = frozenset({NoneType, *NUMBERS, str, bytes, range, EllipsisType})
"""Types whose values are immutable and contain no other values."""

MUTABLE: Final[frozenset[type]] = frozenset({list, dict, BaseDict})
OPAQUE: Final[frozenset[type]] = frozenset({NeedsRunning, ImportedName, BaseReference})
"""Types of placeholders for unknown values."""

MOST_DEPTH: Final = 90  # of an expression, and of a value
_MOST_SIZE: Final = 200_000  # entries of a value, and of the values in it
_STEPS: Final = 300_000
_STEPS_PER_BYTE: Final = 2


class Unknown(Exception):
    """The result of an operation is unknown or could be too large.

    Args:
        why: the reason, for the placeholder.
    """

    def __init__(self, why: str = "needs running") -> None:
        super().__init__(why)
        self.why = why


@final
class AllUnknown(BaseException):
    """All names are unknown from here on. Not an `Exception`, so that no handler of Python errors catches it.

    Args:
        why: the reason, for the placeholder.
        node: the node of the code that is the cause; None for the current statement.
    """

    def __init__(self, why: str = "may change any name", node: Any = None) -> None:
        super().__init__(why)
        self.why, self.node = why, node


@final
class Budget:
    """The remaining steps of an evaluation.

    A step is a node of the syntax tree, or a few entries of a value that is created or searched.
    """

    def __init__(self) -> None:
        self.steps = _STEPS
        self.largest = _MOST_SIZE

    def add_text(self, length: int) -> None:
        """Raise the limits for a text of `length` characters: more steps, and larger values."""
        self.steps += _STEPS_PER_BYTE * length
        self.largest = max(self.largest, length)

    def spend(self, steps: int) -> None:
        """Subtract steps from the budget.

        Raises:
            AllUnknown: fewer steps are left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise AllUnknown("takes too long to follow")
