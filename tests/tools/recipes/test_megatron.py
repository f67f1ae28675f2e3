"""Megatron-LM in samples: warmup and decay, and `--rampup-batch-size`."""

import math
from fractions import Fraction

import pytest

import paramsched as ps
from support.recipe_runs import amounts_before_updates, assert_values, first_at, half_wave, known_bounds, ramp, recipe

PEAK, LEAST = 6e-5, 6e-6
WARM, DECAYED, TOTAL = 183_105, 126_953_125, 146_484_375
START, RISE, GROWING, BATCH = 16, 16, 5_859_375, 1536


def batch_size(amount):
    """One increment for each completed fraction of the samples; exact, while Megatron divides by a float."""
    if amount > GROWING:
        return BATCH
    return START + RISE * math.floor(amount / Fraction(GROWING, (BATCH - START) // RISE))


def rate(amount):
    return ramp(amount, 0, WARM, 0, PEAK) if amount <= WARM else half_wave(amount, WARM, DECAYED, LEAST, PEAK)


def test_lr_and_batch_size_equal_the_gpt3_script_at_every_iteration():
    amounts = amounts_before_updates(lambda t, amount: batch_size(amount), TOTAL)

    trace = ps.trace(recipe("megatron"), {"lr": PEAK})

    assert trace.amounts.tolist() == amounts
    assert trace["batch_size"].tolist() == [batch_size(amount) for amount in amounts]
    marks = [first_at(amounts, amount) for amount in (WARM, GROWING, DECAYED)]
    assert_values(trace["lr"], lambda t: rate(amounts[t]), known_bounds(len(amounts), *marks))


def test_a_ramp_with_increments_is_a_line_rounded_down():
    line = ps.loads(f"""
        clock: samples
        horizon: {TOTAL} samples
        lr: constant()
        targets:
          batch_size: {{initial: 1, schedule: 'rounded(linear(16, 1536, over="5859375 samples"), 16, "down")'}}
    """)

    expected = ps.trace(recipe("megatron"), {"lr": PEAK})
    found = ps.trace(line, {"lr": PEAK})

    assert found.amounts.tolist() == expected.amounts.tolist()


@pytest.mark.parametrize("batch", [1024, 1000, 768])
def test_the_slope_of_a_warmup_in_samples_does_not_depend_on_the_batch(batch):
    plan = ps.loads("""
        clock: samples
        horizon: 20M samples
        lr: warmup("1M samples") >> linear(1.0, 0.1)
        weight_decay: linear(absolute(0.01), absolute(0.1))
    """)

    trace = ps.trace(plan, {"lr": 1.5e-4, "weight_decay": 0.1}, ps.Calendar(batch_size=batch))

    updates = -(-20_000_000 // batch)
    assert len(trace) == updates
    assert trace.amounts.tolist() == [t * batch for t in range(updates)]

    def value(t):
        seen = t * batch
        return (
            Fraction(1.5e-4) * seen / 10**6
            if seen < 10**6
            else ramp(seen, 10**6, 20 * 10**6, Fraction(1.5e-4), Fraction(1.5e-4) / 10)
        )

    assert_values(trace["lr"], value, range(updates))
    assert_values(trace["weight_decay"], lambda t: ramp(t * batch, 0, 20 * 10**6, 0.01, 0.1), range(updates))
