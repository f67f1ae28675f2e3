"""Progress: the fraction of a run that is done, from 0 to 1, which schedules count in billionths."""

from typing import Final

import numpy as np

from paramsched.core.curves.arrays import Array

PROGRESS: Final = "progress"
"""The clock whose amount is the fraction of the run that is done."""

WHOLE: Final = 10**9
"""The number of counts in a run. Integer counts meet a boundary at 57 % exactly; 0.57 is not a float."""

COUNTS_OF_A_PERCENT: Final = WHOLE // 100


def rounded_progress(progress: float) -> float:
    """Round a progress to a whole number of counts.

    >>> rounded_progress(1 / 3)
    0.333333333
    """
    return round(progress * WHOLE) / WHOLE


def rounded_array(progress: Array) -> Array:
    """Round an array of progress, each as `rounded_progress` does."""
    return np.rint(progress * WHOLE) / WHOLE
