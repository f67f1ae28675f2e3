"""Growing and scaled cycles: the values of timm, of ignite and of keras' formula at every update."""

from math import cos, floor, log, pi

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute, cosine, cosine_restarts, linear, polynomial, restarts
from whole.reference import timm_original

UPDATES = 90
MULTS = st.sampled_from([1.0, 1.1, 1.5, 2.0, 2.5, 4.0])  # at 3 timm's logarithm lands a cycle early
DECAYS = st.sampled_from([1.0, 0.5, 0.9, 0.1])


def optimizer(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)


@given(st.integers(2, 30), MULTS, DECAYS, st.integers(1, 6), st.sampled_from([0.0, 1e-3]), st.sampled_from([0.1, 3.0]))
def test_cycles_equal_timm(first, mult, decay, limit, lowest, lr):
    scheduler = timm_original.timm_schedulers()
    options = {"cycle_mul": mult, "cycle_decay": decay, "cycle_limit": limit, "t_in_epochs": False}
    originals = {
        "cosine": scheduler.CosineLRScheduler(optimizer(lr), t_initial=first, lr_min=lowest, **options),
        "poly": scheduler.PolyLRScheduler(optimizer(lr), t_initial=first, lr_min=lowest, power=0.9, **options),
    }
    floor_level = absolute(lowest)
    schedules = {
        "cosine": restarts(cosine(to=floor_level), first, limit, mult, decay),
        "poly": restarts(polynomial(0.9, to=floor_level), first, limit, mult, decay),
    }
    for name, original in originals.items():
        expected = [original._get_lr(t)[0] for t in range(UPDATES)]
        values = resolve(schedules[name], total=UPDATES)(np.arange(UPDATES), base=lr)
        assert values == pytest.approx(expected, rel=1e-12, abs=1e-15)
    shape = cosine_restarts(first, mult, floor_level, decay, times=limit, lengths="exact")
    expected = [originals["cosine"]._get_lr(t)[0] for t in range(UPDATES)]
    assert shape(np.arange(UPDATES), base=lr) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(
    st.integers(2, 30),
    st.sampled_from([1.0, 1.5, 1.3, 2.0, 3.0]),
    st.sampled_from([1.0, 0.5, 1.25]),
    st.sampled_from([1.0, 0.5, 1.25]),
)
def test_cycles_equal_ignite(first, mult, start_mult, end_mult):
    handlers = pytest.importorskip("ignite.handlers.param_scheduler")
    if int(first * mult) == first and mult != 1:
        return  # its cycles do not grow, which is refused
    options = {"cycle_mult": mult, "start_value_mult": start_mult, "end_value_mult": end_mult}

    def values(name):
        return handlers.__dict__[name].simulate_values(
            UPDATES, param_name="lr", start_value=0.8, end_value=0.2, cycle_size=first, **options
        )

    shape = cosine_restarts(first, mult, 0.25, start_mult, end_mult, lengths="floor")
    expected = [value for _, value in values("CosineAnnealingScheduler")]
    assert shape(np.arange(UPDATES), base=0.8) == pytest.approx(expected, rel=1e-12)
    if first % 2 == 0:  # LinearCyclical goes there and back; each of its levels has a ratio of its own
        half = first // 2
        there = linear(1.0, 0.0, half) >> linear(0.0, 1.0, half)
        back = linear(0.0, 1.0, half) >> linear(1.0, 0.0, half)
        both = restarts(there, first, mult=mult, gamma=start_mult, lengths="floor") + 0.25 * restarts(
            back, first, mult=mult, gamma=end_mult, lengths="floor"
        )
        expected = [value for _, value in values("LinearCyclicalScheduler")]
        assert both(np.arange(UPDATES), base=0.8) == pytest.approx(expected, rel=1e-12)


@given(st.integers(2, 30), st.sampled_from([1.0, 1.5, 2.0]), DECAYS, st.sampled_from([0.0, 0.1, 0.5]))
def test_the_minimum_of_keras_does_not_shrink_with_the_peak(first, t_mul, m_mul, alpha):
    def keras(t):
        done = t / first
        if t_mul == 1:
            cycle = floor(done)
            done -= cycle
        else:
            cycle = floor(log(1 - done * (1 - t_mul)) / log(t_mul) + 1e-9)
            done = (done - (1 - t_mul**cycle) / (1 - t_mul)) / t_mul**cycle
        return (1 - alpha) * 0.5 * m_mul**cycle * (1 + cos(pi * done)) + alpha

    shape = (1 - alpha) * cosine_restarts(first, t_mul, gamma=m_mul, lengths="exact") + alpha
    assert shape(np.arange(UPDATES)) == pytest.approx([keras(t) for t in range(UPDATES)], rel=1e-12, abs=1e-15)
