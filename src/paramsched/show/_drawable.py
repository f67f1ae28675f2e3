"""What a renderer needs to know of the thing it draws."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Group: TypeAlias = str | int
"""A group's name, or its index where it has none; "" for a target outside the optimizer."""

Key: TypeAlias = tuple[str, Group]
"""A field and a group: the address of one curve."""

Log: TypeAlias = Mapping[Key, tuple[ArrayLike, ArrayLike]]
"""Values really used: for each curve the times (updates) and the values at these times."""

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]


class Drawable(Protocol):
    """Curves over updates: a `Trace`, a log, or a peer's scheduler read forward.

    Renderers use nothing else, so whatever has these five can be drawn.
    """

    @property
    def total(self) -> int:
        """The horizon in updates; curves have a value for each t = 0 … total - 1."""

    @property
    def steps_per_epoch(self) -> int | None:
        """Updates in an epoch, for the second row of the time axis; None: no such row."""

    def keys(self) -> tuple[Key, ...]:
        """Every curve's field and group, in the order in which they are drawn."""

    def __getitem__(self, key: Key, /) -> Floats:
        """The values of one curve, one for each update."""

    def breakpoints(self, field: str, group: Group, /) -> tuple[int, ...]:
        """The times at which the curve's formula changes."""

    def line(self, field: str, group: Group, /) -> str:
        """The curve's schedule as one line of text; "" where there is none."""


@runtime_checkable
class Based(Protocol):
    """A `Drawable` that says from which bases its curves are drawn, as a `Trace` does."""

    def base(self, field: str, group: Group, /) -> Any:
        """An object with `value`, None where 1 was taken, and `share`: "all", "some" or "none" of the curve."""
