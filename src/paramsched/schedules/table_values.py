"""The numbers of a table: kept as bytes, so that a million of them compare, hash and copy as one value."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np

from paramsched._arrays import Floats
from paramsched._number_checks import finite_number
from paramsched.errors import Asked, InvalidArgument, asked_with_value

TableLike: TypeAlias = Sequence[float] | Floats
"""What people give for the numbers of a table."""

MOST_WRITTEN = 10_000
"""Numbers that a plan holds itself: they stand in its text, and with that in each checkpoint."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class TableValues:
    """Finite float64 numbers, at least one; written as a list."""

    data: bytes

    @property
    def array(self) -> Floats:
        """The numbers, not to be written to."""
        return np.frombuffer(self.data, dtype="<f8")

    @property
    def sha256(self) -> str:
        """The checksum of the numbers, in hexadecimal digits."""
        import hashlib  # OpenSSL comes with it, which only a checksum needs

        return hashlib.sha256(self.data).hexdigest()

    def __len__(self) -> int:
        return len(self.data) // 8

    def __str__(self) -> str:
        return f"[{', '.join(map(repr, self.array.tolist()))}]"

    __repr__ = __str__


def table_values(asked: Asked, values: Any) -> TableValues:
    """The numbers of a table, checked.

    Raises:
        InvalidArgument: no list of finite numbers, or an empty one.
    """
    if isinstance(values, TableValues):
        return values
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, os.PathLike, Mapping)):
        raise InvalidArgument(asked_with_value(asked, values), "no list of numbers", "Write [1.0, 0.5, 0.1]")
    try:
        array = np.asarray(list(values) if isinstance(values, Iterator) else values)
    except ValueError:  # lists of different lengths
        raise InvalidArgument(asked, "lists in a list", "Write [1.0, 0.5, 0.1]") from None
    if array.ndim != 1 or array.size == 0:
        found = f"an array of {array.ndim} dimensions" if array.size else "no number"
        raise InvalidArgument(asked, found, "Write [1.0, 0.5, 0.1]").suggest([1.0, 0.5, 0.1])
    if array.dtype.kind not in "fiu":
        for number in values if isinstance(values, (list, tuple)) else array.tolist():  # one of them may be no number
            finite_number(Asked(asked.call, asked.argument, entry=True), number)
    floats = array.astype("<f8") + 0.0  # -0.0 would equal 0.0 and yet be written differently
    bad = np.flatnonzero(~np.isfinite(floats))
    if bad.size:
        found = f"number {bad[0]}, counted from 0, is {floats[bad[0]]}, not finite"
        raise InvalidArgument(asked, found, "Write finite numbers")
    return TableValues(floats.tobytes())
