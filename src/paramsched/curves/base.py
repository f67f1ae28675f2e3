"""Curve: a way from 0 to 1."""

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, ClassVar, overload

import numpy as np

from paramsched.base.arrays import Array, Arrays, Floats, arrays_of
from paramsched.base.frozen_values import frozen_value, shown_fields
from paramsched.base.user_warnings import renamed_property

NAME_OF_CLASS: dict[type, str] = {}
"""The name by which the curves of each class are written."""


@frozen_value
class Curve(ABC):
    """A monotone map of [0, 1] onto itself, unless `monotone` says otherwise.

    `_rise` is the curve itself. `_fall` is `1 - curve(u)`: where a formula for it keeps more digits near `u = 1` than
    the subtraction does, a curve gives its own. Both are told `rest`, which is `1 - u` without its rounding. In NumPy
    they may write their result into what they look at.
    """

    __slots__ = ()
    _needs: ClassVar[tuple[str, str]] = ("both", "both")
    """What `_rise` and `_fall` look at: `u`, `rest` or both. Where only one is, the other is None in NumPy."""
    _within: ClassVar[bool] = False
    """Whether not even rounding leads past 1: then the level at the end is kept without a look."""

    @overload
    def __call__(self, u: float) -> float: ...
    @overload
    def __call__(self, u: Floats) -> Floats: ...
    def __call__(self, u: Any) -> Any:
        """The curve at `u`, a number or an array in [0, 1]."""
        if isinstance(u, (int, float)):
            return float(self(np.array([float(u)]))[0])
        ops = arrays_of(u)
        u = np.array(u, dtype=np.float64) if ops.concrete else ops.floating(u)
        return self._rise(u, 1.0 - u, ops)

    @property
    def monotone(self) -> bool:
        """Whether the curve never turns back."""
        return True

    @abstractmethod
    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array: ...

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return 1.0 - self._rise(u, rest, ops)

    @property
    def serializable(self) -> bool:
        """Whether its text says everything: its class has a name there."""
        return type(self) in NAME_OF_CLASS

    serialisable = renamed_property("serialisable", "serializable")

    def __str__(self) -> str:
        name = NAME_OF_CLASS.get(type(self))
        if name is None:
            return f"<{shown_fields(self)}>"
        given = [repr(getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]  # all are dataclasses
        return f"curves.{name}({', '.join(given)})" if given else f"curves.{name}"
