"""YOLOv5 and v8: during the warmup the lr of biases decreases, and other lr, momentum and accumulation increase."""

from fractions import Fraction

import numpy as np
import pytest

import paramsched as ps
from support.recipe_runs import amounts_before_updates, assert_values, known_bounds, ramp, recipe

PEAK, MOMENTUM, EPOCH = 0.01, 0.937, 1849
TOTAL, WARM = 300 * EPOCH, 3 * EPOCH
GROUPS = [
    {"name": "weights", "lr": PEAK, "momentum": MOMENTUM},
    {"name": "bias", "lr": PEAK, "momentum": MOMENTUM},
]


def line(batch):
    """The lr of an epoch, which changes once per epoch."""
    return ramp(batch // EPOCH, 0, 300, PEAK, PEAK * 0.01)


def warming(batch, start, end):
    """The value of `interp` during the warmup, and its end value afterwards."""
    return Fraction(start) + (Fraction(end) - Fraction(start)) * min(Fraction(batch, WARM), 1)


def accumulation(batch, most):
    return max(1, round(ramp(batch, 0, WARM, 1, most)))


@pytest.mark.parametrize("most", [4])
def test_the_run_equals_the_published_one_at_the_first_batch_of_every_update(most):
    amounts = amounts_before_updates(lambda t, batch: accumulation(batch, most), TOTAL)

    trace = ps.trace(recipe("yolo"), GROUPS, ps.Calendar(batches_per_epoch=EPOCH))

    assert trace.amounts.tolist() == amounts
    seen = known_bounds(
        len(amounts), *(int(np.searchsorted(amounts, mark)) for mark in (WARM, EPOCH, 2 * EPOCH, 9 * EPOCH))
    )
    assert_values(trace["lr", "weights"], lambda t: warming(amounts[t], 0, line(amounts[t])), seen)
    assert_values(trace["lr", "bias"], lambda t: warming(amounts[t], 0.1, line(amounts[t])), seen)
    assert_values(trace["momentum", "weights"], lambda t: warming(amounts[t], 0.8, MOMENTUM), seen)


def test_with_one_batch_per_update_the_run_equals_the_published_one():
    plan = ps.loads("""
        horizon: 300 epochs
        lr: warmup("3 epochs") * every(linear(1.0, 0.01), "epoch")
        momentum: warmup("3 epochs", absolute(0.8))
        groups:
          bias:
            lr: linear(absolute(0.1), 0.0, over="3 epochs") + like("lr")
    """)

    trace = ps.trace(plan, GROUPS, ps.Calendar(batches_per_epoch=EPOCH))

    seen = known_bounds(TOTAL, WARM, EPOCH, 2 * EPOCH, 9 * EPOCH)
    assert len(trace) == TOTAL
    assert_values(trace["lr", "weights"], lambda t: warming(t, 0, line(t)), seen)
    assert_values(trace["lr", "bias"], lambda t: warming(t, 0.1, line(t)), seen)
    assert_values(trace["momentum", "bias"], lambda t: warming(t, 0.8, MOMENTUM), seen)
