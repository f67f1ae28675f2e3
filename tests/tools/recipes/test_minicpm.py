"""MiniCPM: warmup, constant, and an exponential decay after 90% of the run."""

import paramsched as ps
from support.recipe_runs import assert_values, known_bounds, ramp

PEAK, TOTAL = 0.01, 260_000


def test_lr_equals_the_paper():
    trace = ps.trace(ps.recipes["minicpm-2.4b"].plan, {"lr": PEAK})

    def rate(t):
        return ramp(t, 0, 2600, 0, PEAK) if t < 234_000 else PEAK * 0.5 ** ((t - 234_000) / 5000)

    assert len(trace) == TOTAL
    assert_values(trace["lr"], rate, known_bounds(TOTAL, 2600, 234_000))
