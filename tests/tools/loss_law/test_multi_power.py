"""The fast evaluation of the multi-power law equals the direct sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.tools.loss_law.inputs import first_fitted
from paramsched.tools.loss_law.multi_power import terms_at
from support.loss_curves import AUTHORS, exact_losses, law_of
from support.strategies import schedules
from support.tables import table

LINES = [
    "warmup(200) >> cosine(to=0.1)",
    'warmup(200) >> constant() >> linear(over="20%")',
    'warmup(50) >> constant(over="20%") >> constant(0.1, over="20%") >> constant(0.01, over="20%") >> constant(0.001)',
    "warmup(100) >> cosine_restarts(300)",
    "cosine()",
    "cyclic(250, 250, 0.1)",
    "geometric(1, 0.0001)",
    "constant()",
    "exponential(0.9, 100)",
    'warmup(100) >> constant(over="40%") >> constant(0, over="5%") >> constant(0.4) >> constant(0, over="5%")',
    "warmup(5000)",
]


def rates_of(line, updates=4000):
    return ps.trace(ps.Plan(lr=line, horizon=updates), {"lr": 3e-4})["lr", 0]


@table("line", LINES)
def test_the_fast_sum_is_within_3e_5_of_the_direct_one(line):
    rates = rates_of(line)
    at = np.unique(np.linspace(1, 3999, 60).astype(int))

    found, _ = terms_at(rates, at).losses(AUTHORS["100M"])

    assert found == pytest.approx(exact_losses(rates, at, AUTHORS["100M"]), rel=3e-5)


@given(schedules(), st.sampled_from(sorted(AUTHORS)))
def test_the_fast_sum_equals_the_direct_one_for_every_shape(schedule, size):
    plan = ps.Plan(lr=schedule, horizon=600)
    try:
        rates = np.abs(ps.trace(plan, {"lr": 3e-4}, ps.Calendar(steps_per_epoch=7, batch_size=2))["lr", 0])
    except ps.ParamschedError:
        return
    rates = np.minimum(np.nan_to_num(rates), 1e3)
    if not rates.max() > 0:
        return
    rates = rates / rates.max() * 3e-4
    at = np.arange(int(np.argmax(rates > 0)), 600, 13)

    found, _ = terms_at(rates, at).losses(AUTHORS[size])

    assert found == pytest.approx(exact_losses(rates, at, AUTHORS[size]), rel=3e-5)


@pytest.mark.parametrize("place", [1, 2, 3, 60, 64, 65, 130, 298, 299])
@pytest.mark.parametrize("factor", [0.997, 1.003])
def test_one_small_change_has_its_effect_at_every_later_update(place, factor):
    rates = np.full(300, 3e-4)
    rates[place:] *= factor
    at = np.arange(300)
    only_the_changes = (0.0, 0.0, *AUTHORS["100M"][2:])

    found, _ = terms_at(rates, at).losses(only_the_changes)

    assert found == pytest.approx(exact_losses(rates, at, only_the_changes), rel=1e-6, abs=0)
    assert (found[:place] == 0).all()
    assert (found[place:] != 0).all()


def test_stairs_over_three_decades_in_a_long_run():
    rates = np.repeat([3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7], 10_000)
    at = np.linspace(1, 69_999, 40).astype(int)

    found, _ = terms_at(rates, at).losses(AUTHORS["100M"])

    assert found == pytest.approx(exact_losses(rates, at, AUTHORS["100M"]), rel=1e-5)


@table("line", LINES[:4])
def test_the_derivatives_are_those_of_the_loss(line):
    terms = terms_at(rates_of(line), np.array([300, 1500, 3999]))
    _, slopes = terms.losses(AUTHORS["100M"])

    for index in range(7):
        up, down = (
            terms.losses([one * np.exp(step * (place == index)) for place, one in enumerate(AUTHORS["100M"])])[0]
            for step in (1e-5, -1e-5)
        )
        assert slopes[index] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-8)


@given(st.floats(1e-3, 1e3))
def test_the_unit_of_the_rates_does_not_matter(scale):
    level, height, alpha, drop, speed, beta, gamma = AUTHORS["100M"]
    rates, at = rates_of(LINES[0]), np.array([300, 2000, 3999])
    scaled = (level, height * scale**alpha, alpha, drop / scale, speed * scale ** (gamma - 1), beta, gamma)

    assert terms_at(scale * rates, at).losses(scaled)[0] == pytest.approx(
        terms_at(rates, at).losses(AUTHORS["100M"])[0],
        rel=1e-6,  # rounding moves changes between bins
    )


def test_the_loss_is_infinite_until_the_first_rate_above_zero():
    found = law_of().predict(np.array([0.0, 0.0, 3e-4, 3e-4]), at=[0, 1, 2])

    assert np.isinf(found.loss).tolist() == [True, True, False]
    assert found.to_dict()["loss"][:2] == [None, None]


@table(
    ("rates", "first"),
    [([1, 1], 0), ([0, 1, 2, 2, 1], 2), ([0, 1, 2], 2), ([2, 1, 3, 2], 0), ([1], 0)],
)
def test_the_law_holds_from_the_first_update_whose_rate_the_next_does_not_exceed(rates, first):
    assert first_fitted(np.array(rates, dtype=float)) == first
