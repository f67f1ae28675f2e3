"""What a Python config can hold besides Python's own values."""

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
