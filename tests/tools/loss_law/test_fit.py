"""Fit on the public curves, and the runs that cannot be fitted."""

import builtins
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingDependency
from paramsched.tools.audit import read_log
from paramsched.tools.loss_law import fit, read
from paramsched.tools.loss_law.fitting import _Objective
from paramsched.tools.loss_law.inputs import losses_of
from paramsched.tools.loss_law.multi_power import terms_at
from support.loss_curves import AUTHORS, BASE, FOLDER, PLANS, TRAINED, curve, exact_losses, fitted_law, law_of
from support.tables import table

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore:the run has rates down to")]
RATES = {name: ps.trace(plan, BASE)["lr", 0] for name, plan in PLANS.items()}
TRUE = (2.6, 0.6, 0.45, 440.0, 1.5, 0.5, 0.5)


def made(rates, every=100, noise=0.0):
    """Return a curve that follows a known law."""
    at = np.arange(2200, rates.size, every)
    losses = terms_at(rates, at).losses(TRUE)[0] * np.exp(noise * np.random.default_rng(0).standard_normal(at.size))
    return at, losses


CURVES = [made(RATES["constant_24000"]), made(RATES["wsdcon_9"])]
BOTH = [RATES["constant_24000"], RATES["wsdcon_9"]]


@table("name", PLANS)
def test_the_plans_give_the_logged_rates(name):
    logged = read_log(curve(name), ["lr"]).columns[0]
    inside = logged.t < RATES[name].size

    assert RATES[name][logged.t[inside]] == pytest.approx(logged.values[inside], rel=2e-15)


@pytest.mark.heavy
def test_the_law_of_three_curves_predicts_the_fourth_one():
    at, losses = read(curve("wsd_20000_24000"))
    inside = (at >= 2159) & (at < 24000)
    at, losses = at[inside], losses[inside]

    found = fitted_law().predict(PLANS["wsd_20000_24000"], base=BASE, at=at)

    assert np.mean(np.abs(found.loss - losses)) == pytest.approx(0.0021, abs=5e-5)
    r_squared = 1 - np.sum((found.loss - losses) ** 2) / np.sum((losses - losses.mean()) ** 2)
    assert r_squared == pytest.approx(0.9994, abs=5e-5)
    assert np.mean((found.low <= losses) & (losses <= found.high)) > 0.9
    assert (found.high[-1] - found.low[-1]) / 2 == pytest.approx(0.02, abs=0.005)


def test_the_errors_on_the_fitted_curves():
    law = fitted_law()

    assert np.mean([one.mae for one in law.curves]) <= 0.0017
    assert [one.updates for one in law.curves] == [24000, 24000, 16000]
    assert law.longest == 24000
    assert law.peaks == pytest.approx([3e-4])
    assert law.lowest == pytest.approx(3e-5, rel=1e-6)


def test_a_known_law_is_recovered_up_to_its_prior():
    law = fit([*CURVES, made(RATES["cosine_24000"])], [*BOTH, RATES["cosine_24000"]])

    found = law.predict(RATES["wsd_20000_24000"])
    assert found.loss == pytest.approx(exact_losses(RATES["wsd_20000_24000"], found.t, TRUE), rel=3e-4)


def test_the_result_is_deterministic():
    assert fit(CURVES, BOTH).to_json() == fit(CURVES, BOTH).to_json()


def test_the_unit_of_the_rates_changes_no_prediction():
    ours, scaled = fit(CURVES, BOTH), fit(CURVES, [1e4 * one for one in BOTH])
    plan = RATES["wsd_20000_24000"]

    first, second = ours.predict(plan), scaled.predict(1e4 * plan)
    assert second.loss == pytest.approx(first.loss, rel=1e-7)
    assert second.low == pytest.approx(first.low, rel=1e-5)


@pytest.mark.heavy
def test_a_curve_counts_equally_however_often_it_was_logged():
    often = fit([made(RATES["constant_24000"], every=2), CURVES[1]], BOTH)
    seldom = fit(CURVES, BOTH)

    plan = RATES["wsd_20000_24000"]
    assert often.curves[0].points == 10_900
    assert often.predict(plan).final == pytest.approx(seldom.predict(plan).final, rel=2e-4)


@pytest.mark.heavy
def test_losses_of_every_update_with_noise_are_averaged():
    noisy = [made(one, every=1, noise=0.03) for one in BOTH]

    law = fit(noisy, BOTH)

    assert law.sigma < 0.01
    assert law.predict(RATES["wsd_20000_24000"]).final == pytest.approx(
        exact_losses(RATES["wsd_20000_24000"], [23999], TRUE)[0], rel=0.005
    )


@pytest.mark.heavy
def test_plans_traces_and_arrays_are_the_same_runs():
    arrays = fit(CURVES, BOTH)
    plans = [PLANS["constant_24000"], PLANS["wsdcon_9"]]

    assert fit(CURVES, plans, base=BASE) == arrays
    assert fit(CURVES, plans, base=[BASE, BASE], calendar=[ps.Calendar(), ps.Calendar()]) == arrays
    assert fit(CURVES, [ps.trace(one, BASE) for one in plans]) == arrays


def test_one_base_is_that_of_the_plans_beside_arrays():
    assert fit(CURVES, [BOTH[0], PLANS["wsdcon_9"]], base=BASE) == fit(CURVES, BOTH)


def test_the_unit_of_the_losses_changes_no_prediction():
    tiny = [(at, 1e-9 * losses) for at, losses in CURVES]

    ours, scaled = fit(CURVES, BOTH), fit(tiny, BOTH)

    plan = RATES["wsd_20000_24000"]
    assert 1e9 * scaled.predict(plan).loss == pytest.approx(ours.predict(plan).loss, rel=1e-7)
    assert 1e9 * scaled.predict(plan).low == pytest.approx(ours.predict(plan).low, rel=1e-5)
    assert 1e9 * scaled.curves[0].mae == pytest.approx(ours.curves[0].mae, rel=1e-3)


def test_runs_with_other_peaks_are_warned_about_and_no_peak_between_them_is_predicted():
    rates = [RATES["constant_24000"], 1.11 * RATES["wsdcon_9"]]
    with pytest.warns(UserWarning, match=r"peak rates from 0\.0003 to 0\.000333, but a law describes one peak"):
        fit([made(one) for one in rates], rates)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(CURVES, [BOTH[0], BOTH[1] * 1.09])

    law = replace(law_of(), peaks=(3e-4, 9e-4))
    for peak in (3e-4, 9e-4):
        law.predict(np.full(100, peak))
    with pytest.raises(InvalidArgument, match=r"fitted at 0\.0003, 0\.0009"):
        law.predict(np.full(100, 6e-4))


def test_only_lr_needs_a_base_and_absolute_levels_need_none():
    plans = [
        ps.Plan(lr=PLANS["constant_24000"].bindings[0].schedule, weight_decay="cosine()", horizon=24000),
        PLANS["wsdcon_9"],
    ]
    absolute = ps.Plan(lr="constant(absolute(0.0003))", horizon=24000)

    assert fit(CURVES, plans, base=BASE) == fit(CURVES, BOTH)
    assert law_of().predict(absolute).final == law_of().predict(np.full(24000, 3e-4)).final


@pytest.mark.heavy
def test_a_run_without_a_plan_is_fitted_by_its_log(tmp_path):
    log = tmp_path / "run.csv"
    at, losses = CURVES[1]
    rows = [f"{t},{rate!r}," for t, rate in enumerate(RATES["wsdcon_9"].tolist())]
    for t, loss in zip(at, losses.tolist(), strict=True):
        rows[t] += repr(loss)
    log.write_text("\n".join(["step,lr,loss", *rows]))

    found = fit([CURVES[0], log], [BOTH[0], ps.plan_from_log(log)])

    assert found == fit(CURVES, BOTH)


GROUPS = ps.Plan(
    ps.Binding("lr", "cosine()", groups="head"), ps.Binding("lr", "constant()", groups="body"), horizon=24000
)


def test_groups_with_proportional_rates_count_as_one():
    groups = [{"lr": 3e-4, "name": "body"}, {"lr": 3e-5, "name": "head"}]
    plan = ps.Plan(lr="cosine()", horizon=24000)

    assert law_of().predict(plan, base=groups).final == law_of().predict(plan, base=BASE).final


def test_the_rates_of_several_optimizers_may_be_proportional():
    optimizers = {"muon": [{"lr": 3e-4}], "adamw": [{"lr": 3e-5}]}
    plan = ps.Plan(lr="cosine()", horizon=24000)

    assert law_of().predict(plan, base=optimizers).final == law_of().predict(plan, base=BASE).final


def test_groups_with_other_shapes_need_a_name():
    with pytest.raises(InvalidArgument, match="not proportional") as error:
        law_of().predict(GROUPS, base=BASE)
    assert "group=" in str(error.value)
    assert (
        law_of().predict(GROUPS, base=BASE, group="head").final
        < law_of().predict(GROUPS, base=BASE, group="body").final
    )
    with pytest.raises(InvalidArgument, match="unknown group 'neck'"):
        law_of().predict(GROUPS, base=BASE, group="neck")


AT, LOSSES = CURVES[1]
METRIC = ps.Plan(lr=ps.cosine() * ps.spike(), horizon=24000)
NO_LR = ps.Plan(weight_decay="cosine()", horizon=24000)
PLAN = ps.Plan(lr="cosine()", horizon=24000)
TWICE = ["the rates", "the losses"]


@table(
    ("curves", "plans", "options", "message", "fix"),
    [
        (CURVES, BOTH[:1], {}, "one plan for each curve, got 2 curves and 1 plans", "plans=[a, b]"),
        ("run.csv", BOTH, {}, "got 1 curves and 2 plans", "plans=[a, b]"),
        ("run.csv", PLAN, {}, "expected lists", "plans=[a, b]"),
        ([], [], {}, "at least two runs with different rates", "another schedule"),
        (CURVES, [PLAN, PLAN], {"base": [BASE]}, "expected 2 bases", 'base={"lr": 3e-4}'),
        (CURVES[:1] * 2, BOTH[:1] * 2, {}, "at least two runs with different rates", "another schedule"),
        (CURVES[1:], BOTH[1:], {}, "at least two runs with different rates", "another schedule"),
        (
            [CURVES[0], made(BOTH[0] / 2)],
            [BOTH[0], BOTH[0] / 2],
            {},
            "no rate falls",
            "a run with a decay",
        ),
        (
            [(AT[:9], LOSSES[:9]), CURVES[1]],
            BOTH,
            {},
            "at least 10 losses after the warmup, from update 2,159",
            "Log",
        ),
        ([CURVES[0], (AT, np.where(AT > 5000, np.nan, LOSSES))], BOTH, {}, "got nan at update 5100", "Remove"),
        ([CURVES[0], (AT, np.where(AT > 5000, np.inf, LOSSES))], BOTH, {}, "got inf at update 5100", "Remove"),
        ([CURVES[0], (AT, LOSSES - LOSSES)], BOTH, {}, "and 1e100, got 0.0", "Remove"),
        ([CURVES[0], (AT, -LOSSES)], BOTH, {}, "and 1e100, got -", "Remove"),
        ([CURVES[0], (AT, LOSSES[1:])], BOTH, {}, "as many losses as updates", "one loss for each"),
        ([CURVES[0], (AT[::-1], LOSSES)], BOTH, {}, "in order", "Sort"),
        ([CURVES[0], (np.append(AT[:1], AT[:-1]), LOSSES)], BOTH, {}, "different integers", "Sort"),
        ([CURVES[0], (AT + 0.5, LOSSES)], BOTH, {}, "different integers", "count updates from 0"),
        ([CURVES[0], (AT - 5000, LOSSES)], BOTH, {}, "at least 0", "count updates from 0"),
        ([CURVES[0], (AT + 10_000, LOSSES)], BOTH, {}, "after the end of the plan, which has 16,000", "of this run"),
        ([CURVES[0], LOSSES], BOTH, {}, "a pair of updates and losses", '"run.csv"'),
        ([CURVES[0], TWICE], BOTH, {}, "a pair of updates and losses", "[3.7, 3.5]"),
        (CURVES, [BOTH[0], PLAN], {}, "the plan has no base", 'base={"lr": 3e-4}'),
        (CURVES, [BOTH[0], ps.trace(PLAN, BASE).with_assumed_bases([("lr", 0)])], {}, "no base", "base="),
        (CURVES, [METRIC, METRIC], {"base": BASE}, "reacts to a metric", "Remove the rule"),
        (CURVES, [BOTH[0], ps.trace(METRIC, BASE)], {}, "reacts to a metric", "Remove the rule"),
        (CURVES, [NO_LR, NO_LR], {"base": BASE}, "no schedule for lr", "ps.Plan(lr="),
        (CURVES, BOTH, {"base": BASE}, "base and calendar belong to a Plan", "Omit"),
        (CURVES, [BOTH[0], None], {}, "expected a Plan, a Trace or an array", 'ps.load("plan.yaml")'),
        (CURVES, [ps.cosine()] * 2, {"base": BASE}, "the length of the run is unknown", "horizon="),
        (CURVES, [BOTH[0], -BOTH[1]], {}, "every rate must be finite and at least 0", "the optimizer uses"),
        (CURVES, [BOTH[0], 0 * BOTH[1]], {}, "one must be above 0", "the optimizer uses"),
        (CURVES, [BOTH[0], BOTH[1] * np.nan], {}, "every rate must be finite", "the optimizer uses"),
    ],
)
def test_runs_that_determine_no_law_are_refused(curves, plans, options, message, fix):
    with pytest.raises(InvalidArgument, match=message) as error:
        fit(curves, plans, **options)

    assert fix in error.value.instead


def test_a_short_run_may_be_the_beginning_of_two_different_runs():
    short = made(RATES["constant_24000"][:6000])

    assert len(fit([short, *CURVES], [RATES["constant_24000"][:6000], *BOTH]).curves) == 3


def test_losses_of_the_warmup_and_after_the_last_update_are_dropped():
    at, losses = np.concatenate([[0, 2158], AT, [16000]]), np.concatenate([[99.0, 98.0], LOSSES, [99.0]])

    assert fit([CURVES[0], (at, losses)], BOTH) == fit(CURVES, BOTH)


def test_a_log_with_several_losses_needs_the_name_of_one(tmp_path):
    log = tmp_path / "run.jsonl"
    rows = [{"step": t, "train/loss": 3.0, "val/loss": 3.5, "lr": 0.1} for t in range(3)]
    log.write_text("\n".join(map(json.dumps, rows)))

    with pytest.raises(InvalidArgument, match="expected one column of losses, got train/loss, val/loss") as error:
        read(log)
    assert error.value.instead == f"Write ps.loss_law.read({str(log)!r}, 'train/loss')"
    assert [one.tolist() for one in read(log, "val/loss")] == [[0, 1, 2], [3.5] * 3]


def test_the_losses_begin_with_the_first_rate_that_the_next_does_not_exceed():
    rates, at = np.array([0.1, 0.2, *[0.3] * 12]), np.arange(15)

    kept, losses = losses_of("fit", (at, 10.0 - at / 10), rates)

    assert kept.tolist() == list(range(2, 14))  # without the warmup, and without the loss after the last update
    assert losses.tolist() == (10.0 - at[2:14] / 10).tolist()


@pytest.mark.parametrize("weights", [np.ones(3), np.array([0.5, 2.0, 1.0])])
def test_the_derivatives_of_the_huber_loss_are_those_of_its_values(weights):
    objective = _Objective([], np.zeros(0), weights)
    squares = np.array([0.25, 4.0, 9.0, 16.0, 0.04])  # the last two are the prior

    value, first, second = objective.huber(squares)

    step = 1e-5
    up, down = (objective.huber(squares + sign * step) for sign in (1, -1))
    assert first == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-6)
    assert second == pytest.approx((up[1] - down[1]) / (2 * step), rel=1e-5, abs=1e-9)
    assert value == pytest.approx([0.25 * weights[0], 3 * weights[1], 5 * weights[2], 16.0, 0.04])


def test_the_slopes_of_the_residuals_are_those_of_their_values():
    rates, at = np.array([3e-4] * 80 + [1e-4] * 80), np.array([40, 100, 159])
    objective = _Objective([terms_at(rates, at)], np.log([3.5, 3.2, 3.0]), np.ones(3))
    logs = np.log(AUTHORS["100M"])

    slopes = objective.slopes(logs)

    for index in range(7):
        step = 1e-6 * np.eye(7)[index]
        change = (objective.residuals(logs + step) - objective.residuals(logs - step)) / 2e-6
        assert slopes[:, index] == pytest.approx(change, rel=1e-4, abs=1e-3)


def test_a_log_without_a_loss_has_an_example_of_a_column(tmp_path):
    (tmp_path / "log.csv").write_text("step\n1\n2\n")

    with pytest.raises(InvalidArgument, match=r"got none\. Write .*'loss'"):
        ps.loss_law.read(tmp_path / "log.csv")


def test_a_log_without_a_loss_names_its_metrics(tmp_path):
    log = tmp_path / "run.csv"
    log.write_text("step,accuracy\n0,0.5\n")

    with pytest.raises(InvalidArgument, match="expected one column of losses, got accuracy"):
        read(log)


def test_the_column_of_the_updates_can_be_named(tmp_path):
    log = tmp_path / "run.csv"
    log.write_text("batch,loss\n10,3.5\n20,3.4\n")

    assert read(log, time="batch")[0].tolist() == [10, 20]


def test_without_scipy_fit_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without_scipy(name, *rest, **more):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_scipy)

    with pytest.raises(MissingDependency, match=r"paramsched\[laws\]"):
        fit(CURVES, BOTH)


def test_the_curves_have_their_license_beside_them():
    assert "MIT License" in (FOLDER / "LICENSE").read_text()
    assert {f"{name}.csv" for name in PLANS} == {one.name for one in FOLDER.glob("*.csv")}
    assert set(TRAINED) < set(PLANS)
