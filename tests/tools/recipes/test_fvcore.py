"""fvcore's composites of rescaled and fixed parts, and detectron2's warmup that ends at its curve."""

import paramsched as ps
from support.recipe_runs import assert_values, half_wave, ramp, recipe

TOTAL = 90_000


def test_rescaled_and_fixed_parts_equal_fvcore():
    """A rescaled part runs from its start to its end, a fixed one from the start to the end of the run."""
    trace = ps.trace(recipe("fvcore_composite"), {"lr": 1.0})

    def value(t):
        if t < 27_000:
            return 0.42
        if t < 45_000:
            return ramp(t, 27_000, 45_000, 0.42, 0.21)
        return half_wave(t, 0, TOTAL, 0.0001, 0.42)

    assert len(trace) == TOTAL
    assert_values(trace["lr"], value, range(TOTAL))


def test_the_warmup_of_detectron2_ends_at_the_value_of_the_cosine():
    trace = ps.trace(recipe("detectron2"), {"lr": 0.02})

    met = half_wave(1000, 0, TOTAL, 0.0, 0.02)
    assert len(trace) == TOTAL
    assert_values(
        trace["lr"],
        lambda t: ramp(t, 0, 1000, 0.02 * 0.001, met) if t < 1000 else half_wave(t, 0, TOTAL, 0.0, 0.02),
        range(TOTAL),
    )


def test_the_steps_of_detectron2_keep_their_milestones_under_the_warmup():
    plan = ps.loads('lr: overlay(warmup("1k steps", 0.001), multistep([60_000, 80_000]))\nhorizon: 90k steps')

    trace = ps.trace(plan, {"lr": 0.02})

    def value(t):
        return (
            ramp(t, 0, 1000, 0.02 * 0.001, 0.02) if t < 1000 else 0.02 * (1.0, 0.1, 0.01)[(t >= 60_000) + (t >= 80_000)]
        )

    assert_values(trace["lr"], value, range(TOTAL))
