"""BERT: a linear decay over the entire run, whose start is replaced by a warmup."""

import paramsched as ps
from support.recipe_runs import assert_values, known_bounds, ramp

PEAK, WARM, TOTAL = 1e-4, 10_000, 1_000_000


def test_lr_equals_the_optimizer_of_bert():
    trace = ps.trace(ps.recipes["bert-base"].plan, {"lr": PEAK})

    assert len(trace) == TOTAL
    assert_values(
        trace["lr"],
        lambda t: ramp(t, 0, WARM, 0, PEAK) if t < WARM else ramp(t, 0, TOTAL, PEAK, 0),
        known_bounds(TOTAL, WARM),
    )
