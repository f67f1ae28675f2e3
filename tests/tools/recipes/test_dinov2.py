"""DINOv2: lr, weight decay and teacher for each layer, and a last layer that is frozen for an epoch."""

import numpy as np
import pytest

import paramsched as ps
from support.recipe_runs import assert_values, half_wave, known_bounds, ramp, recipe

EPOCH = 1250
TOTAL, WARM = 100 * EPOCH, 10 * EPOCH
GROUPS = [
    {"name": "backbone", "lr": 0.004 * 0.9**3, "weight_decay": 0.04, "is_last_layer": False},
    {"name": "norms", "lr": 0.004, "weight_decay": 0.0, "is_last_layer": False},
    {"name": "last", "lr": 0.004, "weight_decay": 0.04, "is_last_layer": True},
]


def rate(t):
    """`linspace` includes its end, so the last update of the warmup and the first of the cosine have the peak."""
    return ramp(t, 0, WARM - 1, 0, 0.004) if t < WARM else half_wave(t, WARM, TOTAL, 1e-6, 0.004)


@pytest.fixture(scope="module")
def trace():
    return ps.trace(recipe("dinov2"), GROUPS, ps.Calendar(steps_per_epoch=EPOCH))


SEEN = known_bounds(TOTAL, EPOCH, WARM, 30 * EPOCH)


def test_lr_equals_the_published_code_in_every_group(trace):
    assert len(trace) == TOTAL
    assert_values(trace["lr", "backbone"], lambda t: float(rate(t)) * 0.9**3, SEEN)
    assert_values(trace["lr", "norms"], rate, SEEN)
    assert_values(trace["lr", "last"], lambda t: 0.0 if t < EPOCH else rate(t), SEEN)


def test_weight_decay_increases_in_groups_that_have_one(trace):
    assert_values(trace["weight_decay", "last"], lambda t: half_wave(t, 0, TOTAL, 0.4, 0.04), SEEN)
    assert not np.any(trace["weight_decay", "norms"])


def test_the_teacher_follows_its_two_schedules(trace):
    assert_values(trace["teacher_momentum"], lambda t: half_wave(t, 0, TOTAL, 1.0, 0.992), SEEN)
    assert_values(trace["teacher_temperature"], lambda t: ramp(t, 0, 30 * EPOCH - 1, 0.04, 0.07), SEEN)
