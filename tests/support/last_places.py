"""Equality of values on other kinds of CPU, or with another NumPy."""

from typing import Any, Final

import numpy as np

LAST_PLACES: Final = 4
"""The units in the last place by which a value may differ on another kind of CPU, or with another NumPy."""


def equal_to_last_places(values: Any, planned: Any) -> bool:
    """Return whether all values are equal up to 4 units in the last place of the largest planned one. NaN equals NaN.

    >>> equal_to_last_places([0.1 + 0.2, 1e-18], [0.3, 0.0]), equal_to_last_places([0.3 + 1e-15], [0.3])
    (True, False)
    """
    values, planned = (np.asarray(numbers, dtype=np.float64) for numbers in (values, planned))
    if values.shape != planned.shape:
        return False
    finite = np.isfinite(planned)
    unit = np.spacing(np.abs(planned).max(initial=0.0, where=finite))
    with np.errstate(invalid="ignore"):
        near = finite & (np.abs(values - planned) <= LAST_PLACES * unit)
    return bool((near | (values == planned) | (np.isnan(values) & np.isnan(planned))).all())
