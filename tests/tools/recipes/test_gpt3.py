"""GPT-3 175B: 375M tokens of warmup, a cosine to 260B of 300B tokens, and a batch that grows over 12B."""

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

PEAK, LENGTH = 6e-5, 2048
WARM, DECAYED, TOTAL, GROWN = 375_000_000, 260 * 10**9, 300 * 10**9, 12 * 10**9


def batch_size(amount):
    return nearest_multiple(ramp(amount, 0, GROWN, 16, 1600), 16)


def rate(amount):
    """Brown et al. 2020, appendix B: the clock is the tokens consumed before the update."""
    return ramp(amount, 0, WARM, 0, PEAK) if amount < WARM else half_wave(amount, WARM, DECAYED, PEAK / 10, PEAK)


def test_lr_and_batch_size_equal_the_paper_at_every_update():
    amounts = amounts_before_updates(lambda t, amount: batch_size(amount) * LENGTH, TOTAL)

    trace = ps.trace(ps.recipes["gpt3-175b"].plan, {"lr": PEAK}, ps.Calendar(sequence_length=LENGTH))

    assert trace.amounts.tolist() == amounts
    assert trace["batch_size"].tolist() == [batch_size(amount) for amount in amounts]
    marks = [first_at(amounts, amount) for amount in (WARM, GROWN, DECAYED)]
    assert_values(trace["lr"], lambda t: rate(amounts[t]), known_bounds(len(amounts), *marks))


def test_the_batch_size_may_be_written_in_tokens():
    def taken(amount):
        return nearest_multiple(ramp(amount, 0, GROWN, 32_000, 3_200_000), 32_000)

    amounts = amounts_before_updates(lambda t, amount: taken(amount), TOTAL)
    plan = ps.loads("""
        clock: tokens
        horizon: 300B tokens
        lr: warmup("375M tokens") >> cosine(to=0.1, over="until 260B tokens") >> constant(0.1)
        targets:
          tokens_per_step: {initial: 1, schedule: 'rounded(linear(32_000, 3.2e6, over="12B tokens"), 32_000)'}
    """)

    trace = ps.trace(plan, {"lr": PEAK})

    assert trace.amounts.tolist() == amounts
    assert trace["tokens_per_step"].tolist() == [taken(amount) for amount in amounts]
    marks = [first_at(amounts, amount) for amount in (WARM, GROWN, DECAYED)]
    assert_values(trace["lr"], lambda t: rate(amounts[t]), known_bounds(len(amounts), *marks))
