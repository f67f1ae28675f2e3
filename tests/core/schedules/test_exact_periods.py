"""Integer times are split into periods without rounding and without overflow, for a ratio of any size."""

from fractions import Fraction

import numpy as np

from paramsched.core.schedules.lengths import _split_integers
from support.tables import table


@table(
    "period",
    [
        Fraction(7),
        Fraction(10, 3),
        Fraction(1000, 999),
        Fraction(2**31 + 1, 2**31 - 1),  # the products need two digits
        Fraction(10**12 + 1, 10**12 - 1),
        Fraction(2**50 + 1, 2**50 - 1),  # four digits and more
        Fraction(2**50 + 1, 3),
        Fraction(5 * 10**12 + 1, 2 * 10**12),
    ],
)
def test_the_complete_periods_and_the_rest_are_those_of_fractions(period):
    times = [0, 1, 2, 3, 10, 998, 999, 1000, 2**31, 2**31 + 1, 2**31 + 2, 10**12, 10**12 + 1, 2**50 - 1, 2**50 + 1]

    cycle, parts, cycles = _split_integers(np.array(times), period)

    assert cycle.tolist() == [int(t // period) for t in times]
    assert [Fraction(one, cycles) for one in parts.tolist()] == [t % period for t in times]
