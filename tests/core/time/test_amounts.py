"""The amounts that clocks count."""

from math import inf

import numpy as np

from paramsched.core.time.amounts import amount_text, largest_on, rounded_on, times_on
from support.tables import table


@table(
    ("clock", "amount", "text", "time", "rounded", "largest"),
    [
        ("progress", 0.123456789012, "progress 0.123456789012", 123456789, 0.123456789, 1),
        ("seconds", 0.1 + 0.1 + 0.1, "0.30000000000000004 seconds", 0.3, 0.1 + 0.1 + 0.1, inf),
        ("tokens", 4096, "4096 tokens", 4096, 4096, inf),
        ("samples", 0.3, "0.3 samples", 0.3, 0.3, inf),
    ],
)
def test_each_clock_counts_amounts_as_exactly_as_its_schedules(clock, amount, text, time, rounded, largest):
    array = times_on(clock, np.array([amount, 0.0]))

    assert (amount_text(clock, amount), rounded_on(clock, amount), largest_on(clock)) == (text, rounded, largest)
    assert (times_on(clock, amount), array.tolist()) == (time, [time, 0])
    assert array.dtype == (np.int64 if clock == "progress" else float)
    assert largest_on(None) == inf
