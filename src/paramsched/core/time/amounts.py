"""The amounts that a clock counts, progress among them: texts, limits and times."""

from math import inf
from typing import Final

import numpy as np

from paramsched.core.curves.arrays import Array

PROGRESS: Final = "progress"
"""The clock whose amount is the fraction of the run that is done."""

SECONDS: Final = "seconds"

WHOLE: Final = 10**9
"""The counts in a second, and in the progress of a run. Integers meet a boundary exactly; 0.57 is not a float."""

COUNTS_OF_A_PERCENT: Final = WHOLE // 100


def counts_in_unit(clock: str) -> int:
    """Return the number of counts in one unit of a clock: schedules on the clocks of seconds and progress count 1e-9.

    >>> counts_in_unit("tokens"), counts_in_unit("seconds")
    (1, 1000000000)
    """
    return WHOLE if clock in (PROGRESS, SECONDS) else 1


def unit_of_lengths(clock: str) -> tuple[str, int]:
    """Return the unit of the lengths on a clock, and the number of counts in it.

    >>> unit_of_lengths("tokens"), unit_of_lengths("seconds"), unit_of_lengths("progress")
    (('tokens', 1), ('seconds', 1000000000), ('percent', 10000000))
    """
    return ("percent", COUNTS_OF_A_PERCENT) if clock == PROGRESS else (clock, counts_in_unit(clock))


def rounded_progress(progress: float) -> float:
    """Round a progress to a whole number of counts.

    >>> rounded_progress(1 / 3)
    0.333333333
    """
    return round(progress * WHOLE) / WHOLE


def rounded_array(progress: Array) -> Array:
    """Round an array of progress, each as `rounded_progress` does."""
    return np.rint(progress * WHOLE) / WHOLE


def amount_text(clock: str, amount: float) -> str:
    """Return the text of an amount on a clock, for messages.

    >>> amount_text("tokens", 4096), amount_text("progress", 0.57)
    ('4096 tokens', 'progress 0.57')
    """
    return f"{clock} {amount}" if clock == PROGRESS else f"{amount} {clock}"


def times_on(clock: str, amounts: Array) -> Array:
    """Return an array of amounts on a clock, or one number, as the times at which its schedules are evaluated.

    >>> times_on("progress", np.array([0.0, 0.57])).tolist(), times_on("tokens", np.array([4096])).tolist()
    ([0, 570000000], [4096])
    """
    if counts_in_unit(clock) == 1:
        return amounts
    return np.rint(amounts * WHOLE).astype(np.int64) if isinstance(amounts, np.ndarray) else round(amounts * WHOLE)


def rounded_on(clock: str, amount: float) -> float:
    """Round an amount as a clock counts it: progress to billionths, others not at all."""
    return rounded_progress(amount) if clock == PROGRESS else amount


def counts_whole(clock: str) -> bool:
    """Return whether the amounts of a clock are integers.

    >>> counts_whole("tokens"), counts_whole("seconds")
    (True, False)
    """
    return clock not in (PROGRESS, SECONDS)


def largest_on(clock: str | None) -> float:
    """Return the largest amount on a clock: 1 for progress.

    >>> largest_on("progress"), largest_on("tokens")
    (1, inf)
    """
    return 1 if clock == PROGRESS else inf
