"""OLMo's BoltOnWarmupScheduler around its CosWithWarmup, compared with the formulas of olmo/optim.py."""

from math import cos, pi

import paramsched as ps
from support.recipe_runs import assert_values, recipe

PEAK, TOTAL, BEGIN, END = 3e-4, 20_000, 1000, 1500


def inner(step):
    if step < 200:
        return PEAK * 0.10 + (PEAK - PEAK * 0.10) * step / 200
    floor = PEAK * 0.1
    return floor + (PEAK - floor) * (1 + cos(pi * (step - 200) / (TOTAL - 200))) / 2


def bolted_on(step):
    if step < BEGIN:
        return 0.0
    return inner(END) * (step - BEGIN) / (END - BEGIN) if step < END else inner(step)


def test_a_bolt_on_warmup_ends_at_the_value_of_the_inner_schedule():
    trace = ps.trace(recipe("olmo_bolt_on_warmup"), {"lr": PEAK})

    assert_values(trace["lr"], lambda t: bolted_on(t + 1), range(TOTAL))
