"""Progress: the fraction of a run that is done, from 0 to 1, which schedules count in billionths."""

from typing import Final

import numpy as np

from paramsched.curves.arrays import Array

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


def amount_text(clock: str, amount: float) -> str:
    """Return the text of an amount on a clock, for messages.

    >>> amount_text("tokens", 4096), amount_text("progress", 0.57)
    ('4096 tokens', 'progress 0.57')
    """
    return f"{clock} {amount}" if clock == PROGRESS else f"{amount} {clock}"


def rounded_array(progress: Array) -> Array:
    """Round an array of progress, each as `rounded_progress` does."""
    return times_on(PROGRESS, progress) / WHOLE


def times_on(clock: str, amounts: Array) -> Array:
    """Return an array of amounts on a clock as the times at which its schedules are evaluated.

    >>> times_on("progress", np.array([0.0, 0.57])).tolist(), times_on("tokens", np.array([4096])).tolist()
    ([0, 570000000], [4096])
    """
    return np.rint(amounts * WHOLE).astype(np.int64) if clock == PROGRESS else amounts
