"""The commands on plans whose clock is tokens or progress, and whose lines follow a target."""

import json

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.show import View, picture
from paramsched.show.plan_curves import curves_of_plan

PLAN = """\
clock: tokens
total: 30M tokens
lr: warmup("3M tokens") >> cosine(to=0.1)
targets:
  batch_size: {initial: 1, schedule: 'linear(1, 5, over="2M tokens")'}
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return str(path)


def output_of(*arguments):
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.heavy
@pytest.mark.parametrize("suffix", ["svg", "html", "png"])
def test_a_plan_in_tokens_can_be_plotted_in_every_format(plan, tmp_path, suffix):
    path = tmp_path / f"plan.{suffix}"
    output_of("show", plan, "-o", str(path), "--sequence-length", "1000")
    assert suffix == "png" or ">tokens</text>" in path.read_text()


def test_a_constant_consumption_is_assumed_if_none_is_specified(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("clock: frames\ntotal: 10M frames\nlr: linear(1, 0)\n")
    assert "--frames-per-step given; taken to be 10000" in output_of("show", str(path))
    assert output_of("check", str(path)) == f"{path}: no problems found\n"


BY_PROGRESS = 'clock: progress\nlr: warmup("5%") >> constant(over="until 57%") >> linear(to=0)\n'


@pytest.fixture
def run_of_progress(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(BY_PROGRESS)
    (tmp_path / "bad.yaml").write_text(BY_PROGRESS.replace('"5%"', "100"))

    def invoke(*arguments):
        done = CliRunner().invoke(main, arguments)
        return done.exit_code, done.output

    return invoke


def test_check_reports_a_length_that_is_not_in_percent_at_its_location(run_of_progress):
    assert run_of_progress("check", "plan.yaml")[0] == 0
    code, output = run_of_progress("check", "bad.yaml")

    assert code == 1
    assert 'bad.yaml:2:5: $.lr: the length "100" must be in percent' in output
    assert 'For example: "5%" [PS106]' in output


@pytest.mark.parametrize("times", [["5%", "57%"], ["157", "200"]])
def test_show_spreads_the_updates_evenly(run_of_progress, times):
    options = [argument for time in times for argument in ("--at", time)]
    _, output = run_of_progress("show", "plan.yaml", "--total", "200", "--json", *options)

    actual = json.loads(output)["values"]["lr"]
    shown = ps.trace(ps.loads(BY_PROGRESS), {"lr": 1.0}, total=200)["lr", 0]
    expected = [shown[t] if t < 200 else 0.0 for t in json.loads(output)["at"]]
    assert actual == expected


def test_diff_names_the_progress(run_of_progress):
    ps.dump(ps.loads(BY_PROGRESS).scale("57%", lr=0.5), "half.yaml")
    _, output = run_of_progress("diff", "plan.yaml", "half.yaml", "--json", "--total", "50")

    (change,) = json.loads(output)
    assert (change["when"], change["unit"]) == (0.57, "progress")


def test_a_picture_has_an_axis_in_percent_and_breakpoints_at_updates():
    curves, assumed = curves_of_plan(ps.loads(BY_PROGRESS))
    plotted = picture(curves, view=View(unit="progress"))

    assert assumed == "total assumed to be 1000 updates"
    assert plotted.panels[0].breakpoints.tolist() == [50, 570]
    assert [tick.label for tick in plotted.axis.ticks(5)] == ["0%", "20%", "40%", "60%", "80%", "100%"]
    assert plotted.length == "1,000 updates"


FOLLOWING = """\
clock: tokens
total: 30M tokens
lr: (warmup("3M tokens") >> cosine(to=0.1)) * (like("batch_size") / 4) ** 0.5
targets:
  batch_size: {initial: 1, schedule: 'rounded(linear(4, 64, over="20M tokens"), 4)'}
"""
FACTS = ("--sequence-length", "100")


@pytest.fixture
def following(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(FOLLOWING)
    return path


def printed_by(*arguments, code=0):
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output


def test_diff_has_the_target_and_the_line(following, tmp_path):
    changed = tmp_path / "other.yaml"
    changed.write_text(FOLLOWING.replace("64", "128"))

    size, line = printed_by("diff", following, changed, *FACTS, code=1).splitlines()

    assert size.startswith("batch_size: 1.0 * rounded(linear(4.0, 64.0")
    assert line.startswith("lr: (warmup(")
    assert "(follows a changed target)  [from update" in line


def test_a_changed_plan_keeps_the_name_of_the_target(following, tmp_path):
    changed = tmp_path / "changed.yaml"
    new = 'linear(to=0) * like("batch_size") / 64'
    ps.dump(ps.load(following).change("20M tokens", lr=new), changed)

    assert 'skip(like("batch_size"), "20M tokens")' in changed.read_text()
    printed_by("show", changed, *FACTS)


def test_check_marks_a_target_that_is_followed_in_a_later_stage(following):
    following.write_text(FOLLOWING.replace("(warmup", "warmup").replace("0.1)) *", "0.1) *"))

    printed = printed_by("check", following, code=1)

    assert "plan.yaml:3:5: $.lr: " in printed
    assert '(warmup("3M tokens") >> cosine(to=0.1)) * (like("batch_size") * 0.25) ** 0.5 [PS206]' in printed
