"""Shapes and recipes of other libraries and of papers, next to their published formulas."""

import math

import numpy as np
import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import (
    absolute,
    cosine_wave,
    geometric,
    linear,
    noam,
    one_cycle,
    overlay,
    parse,
    tanh,
    warmup,
)
from support.tables import table

TIMES = range(120)


def assert_is(schedule, formula, base=1.0, total=100):
    resolved = resolve(schedule, total=total)
    expected = [formula(t) for t in TIMES]
    np.testing.assert_allclose(resolved(np.array(TIMES), base), expected, rtol=0, atol=1e-12)
    assert parse(str(schedule)) == schedule


@table("cycles", [0.25, 0.5, 1.0, 1.5, 3.0])
def test_a_cosine_wave_equals_the_transformers_cosine_until_its_end(cycles):
    def original(t):
        return 0.5 * (1 + math.cos(math.pi * 2 * cycles * min(t, 100) / 100))

    assert_is(cosine_wave(cycles), original)
    assert_is(cosine_wave(cycles, 2.0, absolute(0.5)), lambda t: 0.5 + 0.5 * original(t), base=0.5)


def test_geometric_connects_and_accepts_absolute_levels():
    falling = linear(to=0.5, over=5) >> geometric(to=0.05, over=10)
    absolutes = absolute(linear(0.5, 0.4, 5)) >> geometric(to=absolute(0.1), over=10)

    assert_is(falling, lambda t: 1 - t / 10 if t < 5 else 0.5 * 0.1 ** min((t - 5) / 10, 1))
    assert_is(
        resolve(absolutes),
        lambda t: 0.5 - t / 50 if t < 5 else 0.4 * 0.25 ** min((t - 5) / 10, 1),
        base=7.0,
    )


def test_tanh_equals_timm():
    def original(t):
        u = min(t / 100, 1)
        return 0.01 + 0.5 * (0.1 - 0.01) * (1 - math.tanh(-7.0 * (1 - u) + 3.0 * u))

    assert_is(tanh(to=absolute(0.01)), original, base=0.1)
    assert_is(tanh(-6, 4, to=0.1), lambda t: 0.1 + 0.45 * (1 - math.tanh(-6 + 10 * min(t / 100, 1))))


# Decays s(u) over 10 updates.


def test_one_cycle_equals_torch_with_phases_one_update_longer():
    schedule = resolve(one_cycle(10), total=50)

    assert schedule(0) == 0.04
    assert schedule(10) == 1.0
    assert schedule(50) == 4e-06
    assert schedule(30) == pytest.approx((1 + 4e-06) / 2)


def test_noam_equals_the_published_formula():
    schedule = noam(512, 4000, factor=2.0)

    for t in (0, 1, 17, 3998, 3999, 4000, 100_000):
        k = t + 1
        assert schedule(t) == pytest.approx(2 * 512**-0.5 * min(k**-0.5, k * 4000**-1.5), rel=1e-12)
        assert schedule(t, base=0.1) == schedule(t)


def test_an_overlay_equals_the_schedule_of_bert():
    """BERT uses a polynomial decay from update 0, replaced by base * t / warmup in the first updates."""
    run = 1000
    up = 100

    actual = resolve(overlay(warmup("10%", to=1), linear()), total=run)

    original = [1e-4 * t / up if t < up else 1e-4 * (1 - t / run) for t in range(run + 1)]
    np.testing.assert_allclose(actual(np.arange(run + 1), 1e-4), original, rtol=1e-14, atol=1e-18)
