"""The convex bound equals its definition, and ranks shapes without a base."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.tools.loss_law import bound
from support.tables import table

RATES = st.lists(st.sampled_from([0.0, 1.0]) | st.floats(0.01, 10), min_size=1, max_size=30).filter(any)


def direct(rates, distance, gradients):
    """Return the bound by its definition, with sums over the updates up to the last rate above 0."""
    last = max(index for index, rate in enumerate(rates) if rate > 0)
    eta, g = np.array(rates[: last + 1]), np.array(gradients[: last + 1])
    first = (distance**2 + np.sum(eta**2 * g**2)) / (2 * eta.sum())
    terms = [
        eta[k] / eta[k + 1 :].sum() * np.sum(eta[k:] ** 2 * g[k:] ** 2) / eta[k:].sum() for k in range(eta.size - 1)
    ]
    return first + sum(terms) / 2


@given(RATES, st.floats(0.1, 10), st.data())
def test_the_bound_of_the_rates_is_its_definition(rates, distance, data):
    gradients = data.draw(st.lists(st.floats(0.1, 5), min_size=len(rates), max_size=len(rates)))

    found = bound(np.array(rates), distance=distance, gradients=gradients)

    assert found.at_rates == pytest.approx(direct(rates, distance, gradients), rel=1e-9)
    at_best = np.array(rates) / max(rates) * found.best_peak
    assert bound(at_best, distance=distance, gradients=gradients).at_rates == pytest.approx(found.value, rel=1e-9)
    assert found.value <= found.at_rates * (1 + 1e-12)


@pytest.mark.parametrize("updates", [1, 2, 1000])
def test_a_constant_rate(updates):
    rate, distance, gradients = 0.3, 2.0, 1.5
    harmonic = sum(1 / k for k in range(1, updates))
    expected = distance**2 / (2 * rate * updates) + rate * gradients**2 / 2 * (1 + harmonic)

    found = bound(np.full(updates, rate), distance=distance, gradients=gradients)

    assert found.at_rates == pytest.approx(expected, rel=1e-12)


def test_zeros_at_both_ends_cost_nothing():
    inner = [0.5, 1.0, 0.2]

    assert bound(np.array([0, 0, *inner, 0])) == bound(np.array(inner))


def test_the_bound_of_a_plan_needs_no_base_and_does_not_depend_on_it():
    plan = ps.Plan(lr='warmup("5%") >> cosine(to=0.1)', weight_decay="cosine()", horizon=1000)

    assert bound(plan).value == pytest.approx(bound(plan, base={"lr": 3e-4}).value, rel=1e-12)
    assert bound(plan, base={"lr": 3e-4}).at_rates != bound(plan).at_rates


def test_absolute_levels_meet_an_assumed_base_of_1():
    plan = ps.Plan(lr=ps.linear(1.0, ps.absolute(0.1)), horizon=10)

    assert bound(plan).value == pytest.approx(bound(1 - 0.09 * np.arange(10)).value, rel=1e-12)


def test_a_cooldown_has_a_smaller_bound_than_a_constant_rate():
    shapes = ("constant()", "cosine()", 'constant() >> linear(over="40%")')
    values = [bound(ps.Plan(lr=line, horizon=2000)).value for line in shapes]

    assert values[0] > max(values[1:])


@table(
    ("options", "message"),
    [
        ({"distance": 0}, "greater than 0"),
        ({"gradients": 0}, "expected a number above 0, or 3 of them"),
        ({"gradients": "large"}, "expected a number above 0, or 3 of them, got 'large'"),
        ({"gradients": [1, 2]}, "expected a number above 0, or 3 of them"),
        ({"gradients": [1, 2, np.nan]}, "expected a number above 0"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidArgument, match=message) as error:
        bound(np.ones(3), **options)

    assert error.value.instead.startswith("For example: ")


@pytest.mark.parametrize(
    "options", [{"distance": 1e-200}, {"distance": 1e200}, {"gradients": 1e-200}, {"gradients": 1e200}]
)
def test_numbers_without_a_finite_bound_are_refused(options):
    with pytest.raises(InvalidArgument, match="too large or too small"):
        bound(np.ones(3), **options)


def test_metric_rules_are_refused():
    with pytest.raises(InvalidArgument, match="reacts to a metric"):
        bound(ps.Plan(lr=ps.cosine() * ps.plateau(), horizon=100))
