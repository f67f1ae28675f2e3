"""EfficientNet: 0.97 every 2.4 epochs of 1251 updates, and five epochs of warmup."""

import paramsched as ps
from support.recipe_runs import assert_values, known_bounds, ramp

PEAK, EPOCH = 0.064, 1251
WARM = 5 * EPOCH


def rate(t):
    """A step decay: 5 t // 15012 steps are complete, because 2.4 * 1251 = 15012 / 5."""
    return ramp(t, 0, WARM, 0, PEAK) if t < WARM else PEAK * 0.97 ** (5 * t // (12 * EPOCH))


def test_lr_equals_the_published_code_at_every_decay():
    trace = ps.trace(ps.recipes["efficientnet-b0"].plan, {"lr": PEAK}, ps.Calendar(steps_per_epoch=EPOCH))

    total = 350 * EPOCH
    falls = [-(-k * 12 * EPOCH // 5) for k in range(1, 146)]
    assert len(trace) == total
    assert_values(trace["lr"], rate, known_bounds(total, WARM, *falls))
    assert [fall for fall in falls if fall > WARM] == [
        t for t in range(WARM + 1, total) if trace["lr"][t] != trace["lr"][t - 1]
    ]
