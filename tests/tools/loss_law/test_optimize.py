"""The best cooldown, under the constants that the authors of the law published."""

import warnings

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.tools.loss_law import optimize
from support.loss_curves import AUTHORS, BASE, fitted_law, law_of

pytestmark = pytest.mark.heavy  # fits with SciPy


@pytest.mark.heavy
@pytest.mark.parametrize(("size", "loss"), [("25M", 3.2591), ("100M", 2.9260), ("400M", 2.6906)])
def test_the_best_cooldown_of_the_published_laws(size, loss):
    law = law_of(AUTHORS[size])

    found = optimize(law, 24000, base=BASE, warmup="2160 steps")

    assert found.loss == pytest.approx(loss, abs=1e-4)
    assert 0.12 < found.length / 24000 < 0.3
    assert law.predict(found.plan, base=BASE).final == found.loss
    assert str(found.plan.bindings[0].schedule) == f"warmup(2160) >> constant() >> linear(over={found.length})"


@pytest.mark.heavy
def test_near_are_the_lengths_within_the_precision_of_the_law():
    law = law_of()
    found = optimize(law, 24000, base=BASE, warmup=2160)

    def loss_of(length):
        plan = ps.Plan(lr=f"warmup(2160) >> constant() >> linear(over={length})", horizon=24000)
        return law.predict(plan, base=BASE).final

    shortest, longest = found.near
    assert shortest < found.length < longest
    assert max(loss_of(shortest), loss_of(longest)) <= 1.0035 * found.loss
    assert min(loss_of(shortest - 250), loss_of(longest + 250)) > 1.0035 * found.loss


@pytest.mark.heavy
def test_no_other_length_is_better():
    law = law_of()
    found = optimize(law, 3000, base=BASE)
    lengths = range(1, 3001, 100)
    losses = [
        law.predict(ps.Plan(lr=f"constant() >> linear(over={length})", horizon=3000), base=BASE).final
        for length in lengths
    ]

    assert found.loss <= min(losses) + 1e-4


def test_lengths_may_have_units():
    found = optimize(law_of(), "10 epochs", base=BASE, warmup="10%", calendar=ps.Calendar(steps_per_epoch=300))

    assert found.plan.horizon == ps.Duration.of("10 epochs")
    assert found.length <= 2700


@pytest.mark.heavy
def test_rates_below_the_fitted_ones_are_warned_about_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        optimize(fitted_law(), 24000, base=BASE, warmup=2160)

    assert ["smallest fitted rate" in str(one.message) for one in caught] == [True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmup": 3000}, "leaves no update for a cooldown"),
        ({"base": {"lr": 1e-3}}, "the law was fitted at 0.0003"),
        ({"base": None}, "the plan has no base"),
    ],
)
def test_runs_without_an_optimum_are_refused(options, message):
    with pytest.raises(InvalidArgument, match=message):
        optimize(law_of(), 3000, **{"base": BASE} | options)


def test_the_path_of_a_law_is_refused():
    with pytest.raises(InvalidArgument, match=r"expected a LossLaw, got 'law\.json'") as error:
        optimize("law.json", 3000, base=BASE)

    assert error.value.instead == 'For example: ps.loss_law.load("law.json")'


def test_another_peak_can_be_allowed():
    found = optimize(law_of(), 3000, base={"lr": 1e-3}, other_peak=True)

    assert np.isfinite(found.loss)
