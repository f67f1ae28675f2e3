"""DeepSeek-V3: a warmup in updates, all other schedules in tokens, and a growing batch."""

from fractions import Fraction

import paramsched as ps
from support.recipe_runs import (
    amounts_before_updates,
    assert_values,
    first_at,
    half_wave,
    known_bounds,
    nearest_multiple,
    ramp,
)

PEAK, LENGTH = 2.2e-4, 4096
BILLION = 10**9
STABLE, DECAYED, HELD, TOTAL = 10_000 * BILLION, 14_300 * BILLION, 14_633 * BILLION, 14_800 * BILLION
GROWN = 469 * BILLION


def batch_size(amount):
    return nearest_multiple(ramp(amount, 0, GROWN, 3072, 15_360), 64)


def test_every_field_equals_the_report_at_every_update():
    amounts = amounts_before_updates(lambda t, amount: batch_size(amount) * LENGTH, TOTAL)
    warm = amounts[2000]

    trace = ps.trace(ps.recipes["deepseek-v3"].plan, {"lr": PEAK}, ps.Calendar(sequence_length=LENGTH))

    def rate(t):
        amount = amounts[t]
        if t < 2000:  # in tokens, because the plan counts tokens
            return Fraction(PEAK) * amount / warm
        if amount < DECAYED:
            return half_wave(amount, STABLE, DECAYED, PEAK / 10, PEAK)
        return PEAK / 10 if amount < HELD else 7.3e-6

    assert trace.amounts.tolist() == amounts
    assert trace["batch_size"].tolist() == [batch_size(amount) for amount in amounts]
    marks = [2000, *(first_at(amounts, amount) for amount in (GROWN, STABLE, DECAYED, HELD))]
    seen = known_bounds(len(amounts), *marks)
    assert_values(trace["lr"], rate, seen)
    assert_values(trace["mtp_loss_weight"], lambda t: 0.3 if amounts[t] < STABLE else 0.1, seen)
    assert_values(trace["bias_update_speed"], lambda t: 0.001 if amounts[t] < DECAYED else 0.0, seen)


def test_on_the_update_clock_the_warmup_is_linear_in_updates():
    line = """
        clock: {{batch_size: tokens, mix: tokens}}
        horizon: 14.8T tokens
        lr: warmup("2000 steps")
        targets:
          batch_size: {{initial: 1, schedule: '{}'}}
          mix: {{initial: 1, schedule: 'constant(0.3, over="10T tokens") >> constant(0.1)'}}
    """.format('rounded(linear(3072, 15360, over="469B tokens"), 64)')

    trace = ps.trace(ps.loads(line), {"lr": PEAK}, ps.Calendar(sequence_length=LENGTH))

    amounts = amounts_before_updates(lambda t, amount: batch_size(amount) * LENGTH, TOTAL)
    assert trace.amounts.tolist() == amounts
    assert_values(trace["lr"], lambda t: Fraction(PEAK) * min(t, 2000) / 2000, known_bounds(len(amounts), 2000))
    assert_values(trace["mix"], lambda t: 0.3 if amounts[t] < STABLE else 0.1, known_bounds(len(amounts)))
