"""What a rule of a recurrence is: its window, its clock, its coefficients."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias, final

import numpy as np

from paramsched._arrays import Floats
from paramsched._data import equal, hashed
from paramsched.curves import Curve
from paramsched.errors import Asked, InvalidArgument, asked_with_value
from paramsched.schedules import _text
from paramsched.schedules._level import Absolute, Level, count, parts, positive
from paramsched.schedules.base import Schedule

Clock: TypeAlias = Literal["update", "epoch"] | int
"""What a rule ticks by: each update, each epoch, or every n updates."""


@final
@dataclass(frozen=True, slots=True)
class Coefficients:
    """Columns a, b, c, e of a rule over a range of its ticks."""

    a: Floats
    b: Floats
    c: Floats
    e: Floats

    @staticmethod
    def identity(size: int) -> "Coefficients":
        return Coefficients(np.ones(size), np.zeros(size), np.zeros(size), np.zeros(size))


class Rule(ABC):
    """One rule of a recurrence: its window, its clock, its coefficients."""

    __slots__ = ()
    begin: int
    end: int | None
    by: Clock
    _precedence = _text.CALL

    @abstractmethod
    def _coefficients(self, k: Floats) -> Coefficients:
        """The columns at ticks `k` of the rule's own clock: whole numbers, 0 or more, in floats."""

    @property
    def has_absolute(self) -> bool:
        """Whether it adds what does not scale with base."""
        return any(isinstance(value, Absolute) for value in self._values())

    @property
    def serialisable(self) -> bool:
        """Whether its line of text says everything."""
        return all(value.serialisable for value in self._values() if isinstance(value, Curve | Schedule))

    def _values(self) -> list[object]:
        return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]  # all are dataclasses

    def _check(self, **checks: Callable[[Asked, Any], object]) -> None:
        """Refuse what cannot be, in the words of the call: own fields by `checks`, window and clock alike in all."""
        call = _text.name_of(self)
        for name, check in checks.items():
            object.__setattr__(self, name, check(Asked(call, name), getattr(self, name)))
        object.__setattr__(self, "begin", count(Asked(call, "begin"), self.begin, least=0))
        if self.end is not None:
            object.__setattr__(self, "end", count(Asked(call, "end"), self.end, least=0))
            if self.end <= self.begin:
                raise InvalidArgument(
                    f"{self}",
                    f"end {self.end} is not after begin {self.begin}",
                    f"Write {replace(self, end=self.begin + 1)}",  # type: ignore[type-var]  # every rule is a dataclass
                )
        if self.by not in ("update", "epoch"):
            object.__setattr__(self, "by", count(Asked(call, "by"), self.by))

    @property
    def last(self) -> int | None:
        """The last tick of the window on the rule's own clock; None without an end."""
        return None if self.end is None else self.end - self.begin - 1

    def __str__(self) -> str:
        return _text.call(self)

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __hash__(self) -> int:
        return hashed(self)

    def __repr__(self) -> str:
        return str(self)


def check_over(rule: Rule, over: int | None, least: int = 0) -> None:
    """Refuse a length that is no whole number of ticks."""
    if over is not None:
        object.__setattr__(rule, "over", count(Asked(_text.name_of(rule), "over"), over, least=least))


def listed(asked: Asked, values: object, sample: list[float]) -> tuple[Any, ...]:
    """The entries of a list; what is none is refused."""
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
        return tuple(values)
    raise InvalidArgument(asked_with_value(asked, values), "no list", f"Write {sample}").suggest(sample)


def ticks(asked: Asked, number: float) -> float:
    """A length in ticks above 0; whole ones as integers. Peers accept half a tick, and their curves then pass it by."""
    value = positive(asked, number)
    return int(value) if value == int(value) else value


def rebased(out: Coefficients, base: Level) -> Coefficients:
    """The columns with another value in place of base."""
    if base != 1.0:
        share, fixed = parts(base)
        out.c[:] += out.b * (fixed or 0.0)
        out.b[:] *= share or 0.0
    return out
