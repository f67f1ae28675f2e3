"""The predicted difference of two runs, and its band on curves that a law has not seen."""

import csv
import runpy
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.loss_curves import BASE, FOLDER, PLANS, curve, fitted_law

pytestmark = pytest.mark.heavy  # fits with SciPy

COSINE, CONSTANT, WSD = (PLANS[name] for name in ("cosine_24000", "constant_24000", "wsd_20000_24000"))


def half(band):
    return (band[1] - band[0]) / 2


@pytest.mark.heavy
def test_the_difference_is_that_of_the_predictions_with_a_narrower_band():
    a, b = (fitted_law().predict(plan, base=BASE) for plan in (COSINE, WSD))

    found = fitted_law().difference(COSINE, WSD, base=BASE)

    assert found.final == a.final - b.final
    assert found.final_band == (found.low, found.high)
    assert found.low < found.final < found.high
    assert half(found.final_band) <= (half(a.final_band) + half(b.final_band)) / 3 * (1 + 1e-9)


def test_plans_traces_rates_and_predictions_have_one_difference():
    rates = ps.trace(WSD, BASE)["lr", 0]
    forms = (WSD, rates, ps.trace(WSD, BASE), fitted_law().predict(rates))

    found = {fitted_law().difference(COSINE, form, base=BASE) for form in forms}

    assert len(found) == 1


def test_the_reverse_difference_is_the_negative():
    one, other = (fitted_law().difference(*pair, base=BASE) for pair in ((COSINE, WSD), (WSD, COSINE)))

    assert (other.final, other.low, other.high) == pytest.approx((-one.final, -one.high, -one.low))


def test_equal_runs_are_about_equal_within_a_fraction_of_their_loss():
    found = fitted_law().difference(WSD, WSD, base=BASE)

    loss = fitted_law().predict(WSD, base=BASE).final
    assert (found.final, found.about_equal) == (0.0, True)
    assert found.high == pytest.approx(0.004 * loss)
    assert not fitted_law().difference(WSD, CONSTANT, base=BASE).about_equal


@pytest.mark.parametrize("at", [[5000], [23_999, 5000], [0, 12_000]])
def test_a_prediction_of_some_updates_is_compared_at_the_end_of_its_run(at):
    a, b = (fitted_law().predict(plan, base=BASE, at=at) for plan in (COSINE, CONSTANT))

    found = fitted_law().difference(a, b)

    whole = fitted_law().difference(COSINE, CONSTANT, base=BASE)
    assert (found.final, *found.final_band) == pytest.approx((whole.final, *whole.final_band), rel=1e-9)


@pytest.mark.parametrize("change", [{"constants": {"L0": 1.0}}, {"sigma": 0.02}])
def test_a_prediction_of_another_law_is_an_error(change):
    law = fitted_law()
    changed = {**change, "constants": {**law.constants, **change.get("constants", {})}}
    other = replace(law, **changed).predict(COSINE, base=BASE)

    with pytest.raises(InvalidArgument, match=r"but this law predicts .* at update 23,999"):
        law.difference(other, CONSTANT, base=BASE)


def test_the_limits_of_a_prediction_are_those_of_a_difference():
    with pytest.raises(InvalidArgument, match=r"the peak rate is 0\.001"):
        fitted_law().difference(COSINE, WSD, base={"lr": 1e-3})
    with pytest.raises(InvalidArgument, match="the plan has no base"):
        fitted_law().difference(COSINE, WSD)


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:the run has rates")
def test_the_band_holds_five_of_six_differences_of_unseen_public_curves():
    held = []
    for fitted in combinations(PLANS, 2):
        a, b = (name for name in PLANS if name not in fitted)
        law = ps.loss_law.fit([curve(name) for name in fitted], [PLANS[name] for name in fitted], base=BASE)
        true = np.subtract(*(ps.loss_law.read(curve(name))[1][-1] for name in (a, b)))
        found = law.difference(PLANS[a], PLANS[b], base=BASE)
        bands = [half(law.predict(PLANS[name], base=BASE).final_band) for name in (a, b)]
        held.append(found.low <= true <= found.high)
        assert half(found.final_band) <= sum(bands) / 3 * (1 + 1e-9)

    assert sum(held) >= 5


def small_runs():
    """Return the losses and the plans of `examples/small_runs/small_runs.py`."""
    script = runpy.run_path(str(FOLDER.parent / "small_runs" / "small_runs.py"))
    with (FOLDER.parent / "small_runs" / "small_runs.csv").open() as stream:
        rows = list(csv.reader(stream))
    at, *losses = np.array(rows[1:], dtype=float).T
    curves = dict(zip(rows[0][1:], losses, strict=True))
    return script["PLANS"], {"lr": script["PEAK"]}, at, curves


@pytest.mark.heavy
@pytest.mark.parametrize(("seeds", "held", "width"), [(1, 12, 0.16), pytest.param(5, 58, 0.13, marks=pytest.mark.long)])
def test_the_band_of_small_runs_holds_every_difference_of_a_seed(seeds, held, width):
    plans, base, at, curves = small_runs()
    fitted, unseen = ("constant", "cosine", "drop"), ("linear", "wsd", "sqrt")
    same, other, widths = [], [], []
    for seed in range(seeds):
        law = ps.loss_law.fit(
            [(at, curves[f"{name}_{seed}"]) for name in fitted], [plans[name] for name in fitted], base=base
        )
        for a, b in combinations(unseen, 2):
            found = law.difference(plans[a], plans[b], base=base)
            bands = [half(law.predict(plans[name], base=base).final_band) for name in (a, b)]
            widths.append(half(found.final_band) / sum(bands))
            end = curves[f"{a}_{seed}"][-5:].mean()
            for second in range(5):
                true = end - curves[f"{b}_{second}"][-5:].mean()
                (same if second == seed else other).append(found.low <= true <= found.high)

    assert (sum(same), len(same)) == (3 * seeds, 3 * seeds)
    assert (sum(other), len(other)) == (held, 12 * seeds)
    assert round(float(np.mean(widths)), 2) == width
