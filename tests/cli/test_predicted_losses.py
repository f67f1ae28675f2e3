"""`paramsched show --loss` and `paramsched compare`: plans with the loss that a law predicts."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.tools.loss_law.law import BIAS
from support.loss_curves import BASE, law_of

pytestmark = pytest.mark.heavy  # fits with SciPy

PLANS = {
    "cosine.yaml": ps.Plan(lr="warmup(100) >> cosine(to=0.1)", horizon=2000),
    "wsd.yaml": ps.Plan(lr='warmup(100) >> constant() >> linear(over="20%")', horizon=2000),
    "longer.yaml": ps.Plan(lr='warmup(100) >> constant() >> linear(over="22%")', horizon=2000),
    "constant.yaml": ps.Plan(lr="warmup(100) >> constant()", horizon=2000),
}
LAW = ("--loss", "law.json", "--base", "lr=3e-4")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, plan in PLANS.items():
        ps.dump(plan, name)
    law_of().save("law.json")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def final(name):
    return law_of().predict(PLANS[name], base=BASE).final


def test_show_draws_the_loss_of_each_plan_with_its_band_and_final_value():
    result = run("show", "cosine.yaml", "wsd.yaml", *LAW, "--ascii")

    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.output.splitlines()]
    assert "loss" in lines
    for name in ("cosine.yaml", "wsd.yaml"):
        low, high = law_of().predict(PLANS[name], base=BASE).final_band
        assert f"{name}: {final(name):.4f} ({low:.4f} to {high:.4f}) at update 1,999" in lines
    assert ":" in result.output[result.output.index("\nloss") :]  # the band is dotted


def test_show_draws_one_plan_below_its_rates():
    result = run("show", "cosine.yaml", *LAW)

    assert f"predicted: {final('cosine.yaml'):.4f} (" in result.output
    assert result.output.index("\nloss") > result.output.index("breakpoint")


@pytest.mark.heavy
@pytest.mark.parametrize("suffix", ["svg", "html", "png"])
def test_show_and_plot_write_the_loss_into_files(folder, suffix):
    assert run("show", "cosine.yaml", "wsd.yaml", *LAW, "-o", f"a.{suffix}").exit_code == 0
    assert run("show", "cosine.yaml", "wsd.yaml", *LAW, "-o", f"b.{suffix}").exit_code == 0

    if suffix != "png":
        picture = (folder / f"a.{suffix}").read_text()
        assert f"wsd.yaml: {final('wsd.yaml'):.4f} (" in picture
        assert picture.count('ps-band" data-curve=') == 4  # two edges for each plan


def test_a_plan_its_prediction_and_its_curve_have_one_color():
    traces = {name: ps.trace(PLANS[name], BASE) for name in ("cosine.yaml", "wsd.yaml", "constant.yaml")}
    runs = [law_of().predict(one).as_run(name) for name, one in traces.items()]

    lr, loss = ps.show.picture(ps.show.together(traces), log=runs).panels

    assert {one.owner: one.color for one in lr.curves} == {one.owner: one.color for one in loss.curves}
    assert {one.owner: one.color for one in loss.overlays} == {one.owner: one.color for one in loss.curves}
    assert {one.kind for one in loss.overlays} == {"band"}


def test_the_steep_beginning_of_predicted_and_measured_losses_is_not_drawn():
    found = law_of().predict(PLANS["wsd.yaml"], base=BASE)
    at = np.arange(0, 2000, 50)
    measured = np.append(4 + 6 * np.exp(-at[:20] / 50), np.full(20, 4.0))
    runs = [found.as_run(), ps.show.LoggedRun("measured", measured={"loss": (at, measured)})]
    rates = ps.show.curves_from_values({("lr", ""): found.rates})

    panel = ps.show.picture(rates, log=runs).panels[1]

    top = max(found.high[found.t >= 500].max(), measured[10:].max())
    assert max(one.values.max() for one in panel.every_curve) == top
    assert {float(one.values[-1]) for one in panel.every_curve} == {found.final, *found.final_band, 4.0}
    assert panel.notes[-1].text == "higher values before update 500 are not drawn"


def test_a_prediction_without_a_steep_beginning_is_drawn_completely():
    found = law_of().predict(PLANS["wsd.yaml"], base=BASE, at=[1500, 1999])

    panel = ps.show.picture(ps.show.curves_from_values({("lr", ""): found.rates}), log=found.as_run()).panels[1]

    assert panel.curves[0].times.tolist() == [1500, 1999]
    assert [note.text for note in panel.notes] == [f"predicted: {found}"]


def test_show_prints_the_prediction_as_json():
    data = json.loads(run("show", "cosine.yaml", *LAW, "--json").output)

    assert data["loss"] == law_of().predict(PLANS["cosine.yaml"], base=BASE).to_dict()
    assert "loss" not in json.loads(run("show", "cosine.yaml", "--json").output)


def test_show_prints_the_predictions_of_several_plans_as_json():
    data = json.loads(run("show", "cosine.yaml", "wsd.yaml", *LAW, "--json").output)["plans"]

    assert [one["plan"] for one in data] == ["cosine.yaml", "wsd.yaml"]
    assert [one["loss"]["final"] for one in data] == [final("cosine.yaml"), final("wsd.yaml")]
    assert [len(one["values"]["lr"]) for one in data] == [2000, 2000]
    assert "one plan" in run("show", "cosine.yaml", "wsd.yaml", "--json").output
    assert "one plan" in run("show", "cosine.yaml", "wsd.yaml", *LAW, "--json", "--at", "5").output


def test_compare_prints_a_row_per_plan_with_the_best_first():
    result = run("compare", *PLANS, *LAW)

    assert result.exit_code == 0, result.output
    assert f"note: {BIAS}" in result.stderr
    rows = [row.split("  ") for row in result.stdout.splitlines()]
    assert rows[0][0] == "plan"
    assert [row[0].strip() for row in rows[1:]] == sorted(PLANS, key=final)
    gaps = {row[0].strip(): " ".join(row[1:]) for row in rows[2:]}
    best = min(PLANS, key=final)
    gap = law_of().difference(PLANS["constant.yaml"], PLANS[best], base=BASE)
    assert f"{gap.final:.4f} {gap.low:.4f} to {gap.high:.4f}" in " ".join(gaps["constant.yaml"].split())
    assert gaps["wsd.yaml" if best == "longer.yaml" else "longer.yaml"].endswith(" about equal")


def test_compare_prints_json():
    found = json.loads(run("compare", "cosine.yaml", "wsd.yaml", *LAW, "--json").output)

    assert found["bias"] == BIAS
    rows = found["plans"]
    assert rows[0].keys() == {"plan", "final", "final_band", "gap", "gap_band", "about_equal"}
    assert {row["plan"]: row["final"] for row in rows} == {name: final(name) for name in ("cosine.yaml", "wsd.yaml")}
    assert (rows[0]["gap"], rows[0]["about_equal"]) == (0, True)


def test_compare_without_a_law_ranks_by_the_bound():
    rows = json.loads(run("compare", "cosine.yaml", "constant.yaml", "--json").output)["plans"]

    bounds = {name: ps.loss_law.bound(PLANS[name]).value for name in ("cosine.yaml", "constant.yaml")}
    assert {row["plan"]: row["bound"] for row in rows} == pytest.approx(bounds)
    assert [row["plan"] for row in rows] == ["cosine.yaml", "constant.yaml"]
    printed = run("compare", "cosine.yaml")
    first, header, row = printed.stdout.splitlines()
    assert first == "Ranked by a convex bound, not by a predicted loss, which needs --loss law.json"
    assert "convex loss; it ranks runs of one length, each at its best peak rate" in printed.stderr
    assert header == "plan         bound    gap"
    assert row.split() == ["cosine.yaml", f"{bounds['cosine.yaml']:.4g}", "0"]


def test_bounds_of_other_lengths_have_no_gap():
    ps.dump(ps.Plan(lr="cosine()", horizon=500), "short.yaml")

    rows = json.loads(run("compare", "short.yaml", "cosine.yaml", "--json").output)["plans"]

    assert [row["gap"] for row in rows] == [None, None]
    printed = run("compare", "short.yaml", "cosine.yaml").stdout
    assert printed.startswith("Not ranked: a convex bound compares runs of one length only\n")
    assert printed.count("other length") == 2


@pytest.mark.parametrize("command", ["show", "compare"])
@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (("--loss", "law.json"), "cosine.yaml: the plan has no base", 1),
        (("--loss", "law.json", "--base", "lr=1e-3"), "cosine.yaml: the peak rate is 0.001", 1),
        (("--loss", "cosine.yaml", "--base", "lr=3e-4"), "expected the JSON of a law", 1),
        (("--loss", "missing.json"), "no such file", 2),
    ],
)
def test_what_cannot_be_predicted_is_reported_with_options(command, options, message, code):
    result = run(command, "cosine.yaml", "wsd.yaml", *options)

    assert (message in result.output, result.exit_code) == (True, code)
    assert "base=" not in result.output
    assert "other_peak" not in result.output


def test_warnings_and_errors_name_the_plan():
    replace(law_of(), lowest=1e-4).save("high.json")
    options = ("--loss", "high.json", "--base", "lr=3e-4")
    for command in ("show", "compare"):
        printed = run(command, "cosine.yaml", "constant.yaml", "wsd.yaml", *options).stderr.splitlines()
        assert [line.split(" down to ")[0] for line in printed if not line.startswith("note: ")] == [
            "warning: cosine.yaml: the run has rates",
            "warning: wsd.yaml: the run has rates",
        ]
    ps.dump(ps.Plan(weight_decay="cosine()", horizon=100), "decay.yaml")
    assert run("compare", "decay.yaml").output.startswith("decay.yaml: the plan has no schedule for lr")
    assert run("show", "cosine.yaml", "--loss", "law.json").output.startswith("cosine.yaml: the plan has no base")


def test_groups_with_other_shapes_are_refused_with_what_a_command_can_do():
    lines = (ps.Binding("lr", "cosine()", groups="a"), ps.Binding("lr", "linear()", groups="b"))
    ps.dump(ps.Plan(*lines, horizon=100), "groups.yaml")

    output = run("compare", "groups.yaml").output

    assert output == (
        "groups.yaml: the rates of group 'b' are not proportional to those of another group."
        " Pass a plan for one of the groups\n"
    )


def test_single_values_have_no_loss():
    result = run("show", "cosine.yaml", *LAW, "--at", "5")

    assert (result.exit_code, "Leave one of the two out" in result.output) == (2, True)


def test_a_plan_with_a_metric_rule_is_refused():
    ps.dump(ps.Plan(lr=ps.cosine() * ps.spike(), horizon=100), "spike.yaml")

    assert "reacts to a metric" in run("compare", "spike.yaml", *LAW).output
