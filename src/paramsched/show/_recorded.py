"""Curves that were recorded, not planned: a log, or a peer's scheduler read forward."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from paramsched.errors import InvalidArgument
from paramsched.show._drawable import Floats, Group, Key


@final
@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Arrays of values, one for each update, as something the renderers draw."""

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


def recorded(
    values: Mapping[Key, ArrayLike],
    *,
    steps_per_epoch: int | None = None,
    lines: Mapping[Key, str] | None = None,
) -> Recorded:
    """Make curves drawable that have values and nothing else.

    Args:
        values: for each (field, group) the value of every update, all equally many.
        steps_per_epoch: updates in an epoch, for the time axis.
        lines: what each panel says about a curve, usually how it was made.

    Raises:
        InvalidArgument: there is no value, or the curves are of different lengths.

    >>> curves = recorded({("lr", 0): [0.1, 0.1, 0.01]}, lines={("lr", 0): "StepLR(2)"})
    >>> curves.total, curves.line("lr", 0)
    (3, 'StepLR(2)')
    """
    arrays = {key: np.array(value, dtype=np.float64).ravel() for key, value in values.items()}
    lengths = sorted({array.size for array in arrays.values()})
    if len(lengths) != 1 or lengths[0] == 0:
        raise InvalidArgument(
            f"recorded({list(arrays)})",
            f"every curve needs one value for each update; their lengths are {lengths}",
            'Write recorded({("lr", 0): [0.1, 0.05], ("momentum", 0): [0.9, 0.9]}).',
        )
    return Recorded(arrays, lengths[0], steps_per_epoch, dict(lines or {}))
