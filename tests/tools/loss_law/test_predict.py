"""Predictions, their limits, and laws in files."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.tools.loss_law import load
from support.loss_curves import AUTHORS, BASE, NAMES, PLANS, exact_losses, fitted_law, law_of
from support.tables import table

pytestmark = pytest.mark.heavy  # fits with SciPy

CONSTANT = np.full(24000, 3e-4)
COSINE = PLANS["cosine_24000"]


def test_a_prediction_has_200_points_from_the_end_of_the_warmup_to_the_last_update():
    found = law_of().predict(COSINE, base=BASE)

    assert (found.t.size, found.t[0], found.t[-1]) == (200, 2159, 23999)
    assert found.loss.shape == found.low.shape == found.high.shape == (200,)
    assert found.rates.size == 24000
    assert found.final == found.loss[-1]
    assert found.final_band == (found.low[-1], found.high[-1])
    assert found.low[-1] < found.final < found.high[-1]


def test_a_short_run_has_a_point_for_each_update():
    assert law_of().predict(np.full(5, 3e-4)).t.tolist() == [0, 1, 2, 3, 4]


def test_chosen_updates_are_predicted_in_their_order():
    found = law_of().predict(COSINE, base=BASE, at=[23999, 100, 5000])

    rates = ps.trace(COSINE, BASE)["lr", 0]
    assert found.t.tolist() == [23999, 100, 5000]
    assert found.loss == pytest.approx(exact_losses(rates, found.t, AUTHORS["100M"]), rel=3e-5)


def test_every_update_of_a_run_can_be_predicted():
    every = law_of().predict(CONSTANT[:1000], at=np.arange(1000))
    some = law_of().predict(CONSTANT[:1000], at=[0, 300, 999])

    assert every.loss[[0, 300, 999]] == pytest.approx(some.loss, rel=1e-12)


@table("at", [[24000], [-1], [0.5], [], [[1, 2]], "last"])
def test_updates_outside_of_the_run_are_refused(at):
    with pytest.raises(InvalidArgument, match="expected integers from 0 to 23999") as error:
        law_of().predict(CONSTANT, at=at)

    assert error.value.instead == "Write at=[23999]"


def test_a_plan_in_other_units_needs_the_calendar():
    plan = ps.Plan(lr='warmup("1 epoch") >> cosine(to=0.1)', horizon="10 epochs")

    found = law_of().predict(plan, base=BASE, calendar=ps.Calendar(steps_per_epoch=2400))

    assert found.t[-1] == 23999


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_a_peak_near_the_fitted_one_is_predicted(factor):
    law_of().predict(factor * CONSTANT)


@table("factor", [0.1, 0.89, 1.11, 2])
def test_another_peak_is_refused_unless_it_is_allowed(factor):
    with pytest.raises(InvalidArgument, match=r"law was fitted at 0\.0003") as error:
        law_of().predict(factor * CONSTANT)

    assert "other_peak=True" in error.value.instead
    law_of().predict(factor * CONSTANT, other_peak=True)


def test_a_run_longer_than_three_times_the_longest_one_is_warned_about():
    law = law_of(longest=8000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        law.predict(CONSTANT)

    with pytest.warns(UserWarning, match="24,001 updates, more than three times the longest fitted run"):
        law.predict(np.full(24_001, 3e-4))


def test_rates_below_the_smallest_fitted_one_are_warned_about():
    law = replace(law_of(), lowest=3e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        law.predict(COSINE, base=BASE)

    with pytest.warns(UserWarning, match="rates down to 1e-05; the smallest fitted rate is 3e-05"):
        law.predict(np.append(CONSTANT, 1e-5))


def test_the_band_grows_with_the_distance_from_the_fitted_runs():
    law = fitted_law()
    near = law.predict(COSINE, base=BASE)
    far = law.predict(np.full(72_000, 3e-4))

    widths = [(one.high[-1] - one.low[-1]) / 2 for one in (near, far)]
    assert 6 * 0.001 * near.final < widths[0] < widths[1] < 0.04


@pytest.mark.parametrize("name", NAMES)
def test_the_band_is_six_standard_deviations_of_the_logarithm(name):
    law, rates = law_of(), np.linspace(3e-4, 1e-4, 500)
    variance = np.diag([0.01 * (one == name) for one in NAMES])
    wide = replace(law, sigma=0.002, covariance=tuple(map(tuple, variance.tolist())))

    found = wide.predict(rates, at=[0, 499])

    up, down = (
        replace(law, constants=law.constants | {name: law.constants[name] * np.exp(step)}).losses(rates, found.t)[0]
        for step in (1e-5, -1e-5)
    )
    slope = (up - down) / 2e-5 / found.loss
    assert np.log(found.high / found.loss) == pytest.approx(6 * np.sqrt(0.002**2 + 0.01 * slope**2), rel=1e-5)
    assert np.log(found.loss / found.low) == pytest.approx(np.log(found.high / found.loss), rel=1e-9)


def test_a_prediction_is_data_and_a_run():
    found = law_of().predict(np.full(500, 3e-4), at=[3, 499])

    data, run = found.to_dict(), found.as_run("name")
    assert data == {
        "t": [3, 499],
        "final": found.final,
        "final_band": list(found.final_band),
        "loss": found.loss.tolist(),
        "low": found.low.tolist(),
        "high": found.high.tolist(),
    }
    assert (run.name, run.measured["loss"][1].tolist()) == ("name", found.loss.tolist())
    assert [one.tolist() for one in run.bands["loss"]] == [found.low.tolist(), found.high.tolist()]
    assert str(found) == f"{found.final:.4f} ({found.low[-1]:.4f} to {found.high[-1]:.4f}) at update 499"


def test_a_law_is_read_back_exactly(tmp_path):
    law = fitted_law()
    law.save(tmp_path / "law.json")

    again = load(tmp_path / "law.json")

    assert again == law
    assert again.to_json() == law.to_json() == (tmp_path / "law.json").read_text()
    data = json.loads(law.to_json())
    assert (data["law"], data["version"], data["source"]) == ("multi-power", 1, "arXiv 2503.12811")
    assert tuple(data["constants"]) == NAMES
    assert np.shape(data["covariance"]) == (7, 7)
    assert data["curves"][0].keys() == {"updates", "points", "mae"}


def test_a_law_is_shown_without_its_covariance():
    assert "covariance" not in repr(fitted_law())
    assert "'L0': 2.63" in repr(fitted_law())


def test_a_law_without_a_smallest_rate_is_read(tmp_path):
    data = json.loads(law_of().to_json())
    del data["lowest"]
    (tmp_path / "law.json").write_text(json.dumps(data))

    assert load(tmp_path / "law.json") == law_of()


KEYS = ("law", "version", "constants", "covariance", "sigma", "peaks", "longest", "curves")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(({key: ...}, f"{key} is missing") for key in KEYS),
        ({"version": 2}, "version 1, got 'multi-power', version 2"),
        ({"law": "power"}, "expected a multi-power law"),
        ({"constants": {"L0": 1}}, "A is missing"),
        ({"constants": dict.fromkeys(NAMES, 0.0)}, "finite and above 0"),
        ({"constants": dict.fromkeys(NAMES, -1.0)}, "finite and above 0"),
        ({"constants": dict.fromkeys(NAMES, float("nan"))}, "finite and above 0"),
        ({"constants": dict.fromkeys(NAMES, "high")}, "expected the JSON of a law"),
        ({"peaks": []}, "every peak"),
        ({"peaks": [0.0]}, "every peak"),
        ({"longest": 0}, "longest and sigma must be"),
        ({"covariance": [[1.0]]}, "7 × 7"),
        ({"covariance": [[float("inf")] * 7] * 7}, "7 × 7"),
        ({"covariance": 3}, "expected the JSON of a law"),
        ({"curves": [{"updates": 1}]}, "points is missing"),
        *(({"sigma": sigma}, "sigma must be finite and above 0") for sigma in (0.0, -1.0, float("nan"))),
        *(({"lowest": lowest}, "lowest must be at least 0") for lowest in (-1.0, 1.0, float("nan"))),
    ],
    ids=str,
)
def test_a_file_that_is_not_a_law_of_this_version_is_refused(tmp_path, change, message):
    data = json.loads(law_of().to_json()) | change
    (tmp_path / "law.json").write_text(json.dumps({key: value for key, value in data.items() if value is not ...}))

    with pytest.raises(InvalidArgument, match=message) as error:
        load(tmp_path / "law.json")

    assert "Fit the law again" in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "[" * 100_000, '{"law": 1e999}'])
def test_a_file_that_is_not_an_object_is_refused(tmp_path, text):
    (tmp_path / "law.json").write_text(text)

    with pytest.raises(InvalidArgument, match=r"expected the JSON of a law|is missing"):
        load(tmp_path / "law.json")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "law.json")


def test_a_prediction_draws_itself_in_a_notebook():
    found = law_of().predict(np.full(500, 3e-4))

    bundle = found._repr_mimebundle_()

    assert set(bundle) == {"image/svg+xml"}
    assert ">loss</text>" in bundle["image/svg+xml"]
    assert f"predicted: {found}" in bundle["image/svg+xml"]
    assert repr(found) == f"<Prediction {found}>"


def test_a_rate_that_rises_again_is_warned_about_and_a_loss_below_the_floor_is_refused():
    constants = {"L0": 2.65, "A": 0.6, "alpha": 0.46, "B": 440, "C": 2.1, "beta": 0.59, "gamma": 0.64}
    law = ps.loss_law.LossLaw(constants, ((0.0,) * 7,) * 7, 0.001, (3e-4,), 24000)

    def predicted(lr):
        return law.predict(ps.Plan(lr=lr, horizon=24000), base={"lr": 3e-4})

    with pytest.warns(UserWarning, match="rises again after it has fallen"):
        assert predicted("restarts(cosine(), times=10)").final > 2.65
    with pytest.raises(InvalidArgument, match=r"no loss below 2\.65"):
        predicted("restarts(cosine(), times=1000)")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted("warmup(100) >> cosine(to=0.1)")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        law.predict(np.repeat([2e-4, 3e-4], 500))  # it rises, but never after a fall
        law.predict(np.repeat([3e-4, 2e-4], 500))
        law.predict(np.repeat([3e-4, 2e-4, 2.2e-4], 500))  # a rise of less than a tenth of the peak
    with pytest.warns(UserWarning, match="rises again after it has fallen"):
        law.predict(np.array([*[3e-4] * 500, 1e-4, *[2e-4] * 500]))  # at once after the only fall
