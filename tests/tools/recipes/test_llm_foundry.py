"""llm-foundry: an inverse square root decay, and a linear decay from its final value."""

from fractions import Fraction
from math import sqrt

import pytest

import paramsched as ps
from support.recipe_runs import amounts_before_updates, assert_values, first_at, known_bounds, recipe

BILLION = 10**9
WARM, SCALE, COOL, TOTAL = BILLION, 2 * BILLION, 20 * BILLION, 100 * BILLION
FLOOR, LAST, PEAK = 0.1, 0.02, 3e-4


def factor(amount):
    if amount < WARM:
        return Fraction(amount, WARM)
    falling = FLOOR + (1 - FLOOR) / sqrt((min(amount, TOTAL - COOL) - WARM + SCALE) / SCALE)
    share = max(0, amount - (TOTAL - COOL)) / COOL
    return falling + (LAST - falling) * share


@pytest.mark.parametrize("tokens", [2_097_152, 4_000_000, 3_333_333])
def test_lr_equals_the_scheduler_at_every_batch(tokens):
    amounts = amounts_before_updates(lambda t, amount: tokens, TOTAL)

    trace = ps.trace(recipe("llm_foundry"), {"lr": PEAK}, ps.Calendar(tokens_per_step=tokens))

    assert trace.amounts.tolist() == amounts
    marks = [first_at(amounts, amount) for amount in (WARM, TOTAL - COOL)]
    assert_values(trace["lr"], lambda t: PEAK * factor(amounts[t]), known_bounds(len(amounts), *marks))
