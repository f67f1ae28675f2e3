"""The commands on a plan whose clock is the progress of the run."""

import json

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.show import View, picture
from paramsched.show.plan_curves import curves_of_plan

PLAN = 'clock: progress\nlr: warmup("5%") >> constant(over="until 57%") >> linear(to=0)\n'
MIXED = "clock: {lr: progress}\ntotal: 100\nlr: linear(1, 0)\nweight_decay: linear(1, 0.5)\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "mixed.yaml").write_text(MIXED)
    (tmp_path / "bad.yaml").write_text(PLAN.replace('"5%"', "100"))

    def invoke(*arguments):
        done = CliRunner().invoke(main, arguments)
        return done.exit_code, done.output

    return invoke


def test_check_reports_a_length_that_is_not_in_percent_at_its_location(run):
    assert run("check", "plan.yaml", "mixed.yaml")[0] == 0
    code, output = run("check", "bad.yaml")

    assert code == 1
    assert 'bad.yaml:2:5: $.lr: the length "100" must be in percent' in output
    assert 'For example: "5%" [PS106]' in output


def test_the_table_shows_the_stages_in_percent(run):
    _, output = run("show", "plan.yaml", "--table")

    assert "Its clock is the progress that its loop reports." in output
    rows = [line.split() for line in output.splitlines() if line.startswith("  ") and "progress" in line]
    assert [row[1:4] for row in rows] == [["0%", "5%", "0"], ["5%", "57%", "1"], ["57%", "100%", "1"]]


@pytest.mark.parametrize("times", [["5%", "57%"], ["157", "200"]])
def test_show_spreads_the_updates_evenly(run, times):
    at = [argument for time in times for argument in ("--at", time)]
    _, output = run("show", "plan.yaml", "--total", "200", "--json", *at)

    found = json.loads(output)["values"]["lr"]
    shown = ps.trace(ps.loads(PLAN), {"lr": 1.0}, total=200)["lr", 0]
    expected = [shown[t] if t < 200 else 0.0 for t in json.loads(output)["at"]]
    assert found == expected


def test_diff_names_the_progress(run):
    ps.dump(ps.loads(PLAN).scale("57%", lr=0.5), "half.yaml")
    _, output = run("diff", "plan.yaml", "half.yaml", "--json", "--total", "50")

    (change,) = json.loads(output)
    assert (change["when"], change["unit"]) == (0.57, "progress")


def test_a_picture_has_an_axis_in_percent_and_breakpoints_at_updates():
    curves, assumed = curves_of_plan(ps.loads(PLAN))
    drawn = picture(curves, view=View(unit="progress"))

    assert assumed == "total assumed to be 1000 updates"
    assert drawn.panels[0].breakpoints.tolist() == [50, 570]
    assert [tick.label for tick in drawn.axis.ticks(5)] == ["0%", "20%", "40%", "60%", "80%", "100%"]
    assert drawn.length == "1,000 updates"
