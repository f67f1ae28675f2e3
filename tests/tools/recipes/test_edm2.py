"""EDM2: an inverse square root decay after 70000 batches times a warmup over 10M images, and a weight average."""

from math import sqrt

import paramsched as ps
from support.recipe_runs import assert_values, known_bounds, recipe

PEAK, BATCH, TOTAL = 0.01, 2048, 8 << 30
EXPONENT = 16.97


def rate(seen):
    """The lr of a published run, as a function of the images before the update."""
    return PEAK / sqrt(max(seen / (70_000 * BATCH), 1)) * min(seen / 10_000_000, 1)


def test_lr_and_weight_average_equal_the_paper():
    trace = ps.trace(recipe("edm2"), {"lr": PEAK}, ps.Calendar(batch_size=BATCH))

    assert len(trace) == TOTAL // BATCH
    seen = known_bounds(len(trace), 10_000_000 // BATCH, 70_000)
    assert [int(trace.amounts[t]) for t in seen] == [t * BATCH for t in seen]
    assert_values(trace["lr"], lambda t: rate(t * BATCH), seen)
    # Equation 127: (1 - batch / images) ** (gamma + 1), with the images after the update.
    assert_values(trace["ema_beta"], lambda t: (t / (t + 1)) ** (EXPONENT + 1), seen)
