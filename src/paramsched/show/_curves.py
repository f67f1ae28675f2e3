"""What renderers draw: anything with `Curves`, and curves made from recorded values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, final, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paramsched.errors import InvalidArgument
from paramsched.plan.time_units import TimeUnit

Group: TypeAlias = str | int
"""A group's name, or its index where it has none; "" for a target outside the optimizer."""

Key: TypeAlias = tuple[str, Group]
"""A field and a group: the address of one curve."""

Log: TypeAlias = Mapping[Key, tuple[ArrayLike, ArrayLike]]
"""Values really used: for each curve the times (updates) and the values at these times."""

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]


class Curves(Protocol):
    """Curves over updates: a `Trace`, a log, or a scheduler that was simulated.

    Renderers use only these six members, so every object that has them can be drawn.
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
class CurvesOnClock(Protocol):
    """`Curves` whose breakpoints may be amounts, as those of a `Trace` on the clock of tokens."""

    @property
    def clock(self) -> str:
        """What the amounts count."""

    @property
    def amounts(self) -> Any:
        """What has been consumed before each update."""

    @property
    def horizon_amount(self) -> int | None:
        """The horizon in it; None where the clock counts updates."""

    def clock_of(self, field: str, group: Group, /) -> str:
        """What the clock of a curve counts."""


@runtime_checkable
class CurvesInUnits(Protocol):
    """`Curves` that can tell how far the run is in other units than updates, as a `Trace` can."""

    def time_units(self) -> tuple[TimeUnit, ...]:
        """Those units."""


@runtime_checkable
class CurvesWithBases(Protocol):
    """`Curves` that know from which bases they are drawn, as a `Trace` does."""

    def base(self, field: str, group: Group, /) -> Any:
        """An object with `value`, None where 1 was taken, and `share`: "all", "some" or "none" of the curve."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class RecordedCurves:
    """Curves that have values and nothing else; made by `curves_from_values` and `simulate`."""

    values: Mapping[Key, Floats]
    total: int
    steps_per_epoch: int | None
    lines: Mapping[Key, str]

    def keys(self) -> tuple[Key, ...]:
        return tuple(self.values)

    def __getitem__(self, key: Key) -> Floats:
        return self.values[key]

    def breakpoints(self, field: str, group: Group) -> tuple[int, ...]:
        del field, group  # numbers do not say which formula they came from
        return (0, self.total)

    def line(self, field: str, group: Group) -> str:
        return self.lines.get((field, group), "")


def curves_from_values(
    values: Mapping[Key, ArrayLike],
    *,
    steps_per_epoch: int | None = None,
    lines: Mapping[Key, str] | None = None,
) -> RecordedCurves:
    """Make curves from values that were recorded: a log, or numbers of your own.

    Args:
        values: for each (field, group) the value of every update, all equally many.
        steps_per_epoch: updates in an epoch, for the time axis.
        lines: what each panel says about a curve, usually how it was made.

    Raises:
        InvalidArgument: there is no value, or the curves are of different lengths.

    >>> curves = curves_from_values({("lr", 0): [0.1, 0.1, 0.01]}, lines={("lr", 0): "StepLR(2)"})
    >>> curves.total, curves.line("lr", 0)
    (3, 'StepLR(2)')
    """
    arrays = {key: np.array(value, dtype=np.float64).ravel() for key, value in values.items()}
    lengths = sorted({array.size for array in arrays.values()})
    if len(lengths) != 1 or lengths[0] == 0:
        raise InvalidArgument(
            f"curves_from_values({list(arrays)})",
            f"every curve needs one value for each update; their lengths are {lengths}",
            'Write curves_from_values({("lr", 0): [0.1, 0.05], ("momentum", 0): [0.9, 0.9]}).',
        )
    return RecordedCurves(arrays, lengths[0], steps_per_epoch, dict(lines or {}))
