"""Configs of MMEngine on the command line: `show` draws the values of every list, and `audit` compares with them."""

import json

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from paramsched.mmengine import simulate

CONFIG = {
    "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.02, "momentum": 0.9}},
    "train_cfg": {"type": "EpochBasedTrainLoop", "max_epochs": 4},
    "param_scheduler": [
        {"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "end": 7},
        {"type": "MultiStepLR", "milestones": [2]},
        {"type": "LinearMomentum", "start_factor": 0.5, "begin": 1, "end": 3},
    ],
}
SEVERAL = {
    "optim_wrapper": {name: {"optimizer": {"type": "Adam", "lr": lr}} for name, lr in [("g", 1e-4), ("d", 4e-4)]},
    "train_cfg": {"max_epochs": 2},
    "param_scheduler": [{"type": "StepLR", "step_size": 1}],
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "config.py").write_text("".join(f"{name} = {value!r}\n" for name, value in CONFIG.items()))
    return tmp_path


def call(*arguments, code=0):
    result = CliRunner().invoke(main, arguments, prog_name="paramsched")
    assert result.exit_code == code, result.output
    return result


def expected(config=CONFIG, length=5, **more):
    curves = simulate(config, steps_per_epoch=length, **more)
    return {field: curves[field, group].tolist() for field, group in curves.keys()}


@pytest.mark.parametrize("file", [["config.yaml"], ["config.json"], ["config.py", "--run-config"]])
def test_show_has_the_values_of_the_simulation(place, file):
    shown = json.loads(call("show", *file, "--steps-per-epoch", "5", "--json").stdout)

    assert shown == {"total": 20, "steps_per_epoch": 5, "values": expected()}


def test_values_at_single_times(place):
    options = ["--at", "0", "--at", "2 epochs", "--at", "50%"]
    shown = json.loads(call("show", "config.yaml", "--steps-per-epoch", "5", *options, "--json").stdout)

    values = expected()
    assert shown["at"] == [0, 10, 10]
    assert shown["values"] == {field: [column[0], column[10], column[10]] for field, column in values.items()}
    assert call("show", "config.yaml", "--steps-per-epoch", "5", "--at", "20", code=2)


def test_each_of_several_optimizers_has_its_values(place):
    (place / "several.yaml").write_text(json.dumps(SEVERAL))
    shown = json.loads(call("show", "several.yaml", "--steps-per-epoch", "1", "--json").stdout)

    assert {name: column[0] for name, column in shown["values"].items()} == {"lr[g]": 1e-4, "lr[d]": 4e-4}


def test_a_base_takes_precedence(place):
    shown = json.loads(call("show", "config.yaml", "--steps-per-epoch", "5", "--base", "lr=1", "--json").stdout)

    assert shown["values"] == expected(bases={"lr": 1.0})


def test_a_picture_assumes_the_length_of_an_epoch_with_a_note(place):
    result = call("show", "config.yaml", "--json")

    assert json.loads(result.stdout)["total"] == 400
    assert "--steps-per-epoch" in result.stderr


def test_a_config_is_plotted_beside_a_plan_and_a_log_over_it(place):
    curves = simulate(CONFIG, steps_per_epoch=5)
    (place / "log.csv").write_text("step,lr\n" + "".join(f"{t},{v}\n" for t, v in enumerate(curves["lr", 0].tolist())))

    both = call("show", "config.yaml", "b=linear(1, 0, over=20)", "--total", "20", "--steps-per-epoch", "5")
    call("show", "config.yaml", "--steps-per-epoch", "5", "-o", "picture.svg", "--used", "log.csv")

    assert "a config.yaml" in both.stdout
    assert "b b" in both.stdout
    assert (place / "picture.svg").exists()


@pytest.mark.parametrize("shift", [0, 1])
def test_audit_compares_a_log_with_the_values_of_a_config(place, shift):
    values = expected()
    rows = [f"{t},{values['lr'][t + shift]!r},{values['momentum'][t + shift]!r}" for t in range(19)]
    (place / "log.csv").write_text("\n".join(["step,lr,momentum", *rows, ""]))

    result = call(
        "audit", "log.csv", "--plan", "config.yaml", "--steps-per-epoch", "5", "--json", "--html", "page.html",
        code=shift,
    )  # fmt: skip

    report = json.loads(result.stdout)
    assert report["equal"] is (shift == 0)
    assert report["values"] == 38
    assert (place / "page.html").exists()


def test_audit_compares_the_log_of_mmengine(place):
    """MMEngine logs the value that an iteration used, and counts iterations from 1."""
    rows = [{"lr": value, "data_time": 0.1, "iter": t + 1, "step": t + 1} for t, value in enumerate(expected()["lr"])]
    (place / "scalars.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows[4::5]))

    report = json.loads(
        call("audit", "scalars.json", "--plan", "config.yaml", "--steps-per-epoch", "5", "--json").stdout
    )

    assert (report["equal"], report["values"]) == (True, 4)


def test_audit_compares_each_of_several_optimizers(place):
    (place / "several.yaml").write_text(json.dumps(SEVERAL))
    (place / "log.csv").write_text("step,lr/g,lr/d\n0,1e-4,4e-4\n1,1e-5,5e-5\n")
    columns = ["--column", "lr@g=lr/g", "--column", "lr@d=lr/d"]

    result = call("audit", "log.csv", "--plan", "several.yaml", "--steps-per-epoch", "1", "--json", *columns, code=1)

    assert [json.loads(result.stdout)["first"][name] for name in ("t", "group")] == [1, "d"]


def test_check_reports_each_wrong_argument_at_its_line(place):
    lines = ["train_cfg: {max_epochs: 4}", "param_scheduler:", "- type: StepLR", "  step: 3", "- {type: StepsLR}", ""]
    (place / "wrong.yaml").write_text("\n".join(lines))

    data = json.loads(call("check", "wrong.yaml", "--json", code=1).stdout)

    assert [(element["path"], element["line"]) for element in data] == [
        ("$.param_scheduler[0].step", 4),
        ("$.param_scheduler[0].step_size", 3),
        ("$.param_scheduler[1].type", 5),
    ]


def test_check_needs_no_facts_and_notes_that_the_values_are_not_checked(place):
    result = call("check", "config.yaml")

    assert "config.yaml: no problems found" in result.output
    assert "note: config.yaml" in result.output


def test_a_config_with_a_late_window_is_valid_if_the_length_of_an_epoch_is_unknown(place):
    late = {**CONFIG, "param_scheduler": {"type": "LinearLR", "by_epoch": False, "begin": 5_000}}
    (place / "late.json").write_text(json.dumps(late))

    call("check", "late.json")
    call("check", "late.json", "--steps-per-epoch", "5", code=1)


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (["show", "--groups"], "Leave --groups out"),
        (["diff", "config.yaml"], "paramsched show config.yaml"),
        (["check", "--log", "log.csv"], "paramsched audit log.csv --plan config.yaml"),
    ],
)
def test_commands_and_options_that_need_a_plan_refuse_a_config(place, command, advice):
    (place / "log.csv").write_text("step,lr\n0,0.002\n")

    assert advice in call(*command, "config.yaml", code=2).stderr


@pytest.mark.parametrize("command", [["show"], ["check"], ["audit", "log.csv", "--plan"]])
def test_code_is_not_run_without_the_option(place, command):
    (place / "log.csv").write_text("step,lr\n0,0.002\n")
    (place / "config.py").write_text("open('ran', 'w').close()\n")

    assert "--run-config" in call(*command, "config.py", code=2).stderr
    assert not (place / "ran").exists()
