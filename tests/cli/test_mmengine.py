"""Configs of MMEngine on the command line: no run facts are needed, and pictures show the run's values."""

import json
import re

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main

OPTIMIZER = "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4))\n"
EPOCHS = "train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12)\n"
WARMUP = "dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500)"
ONE_X = f"param_scheduler = [{WARMUP}, dict(type='MultiStepLR', milestones=[8, 11])]\n"
FLOOR = "param_scheduler = dict(type='CosineAnnealingLR', eta_min=0.002, by_epoch=True, end=12)\n"
CONVERTED = (
    f"param_scheduler = [{WARMUP}, dict(type='CosineAnnealingLR', eta_min=1e-4, begin=6, end=12, T_max=6,"
    " by_epoch=True, convert_to_iter_based=True)]\n"
)


@pytest.fixture
def config(tmp_path):
    def write(*parts, name="config.py"):
        file = tmp_path / name
        file.write_text("".join(parts))
        return str(file)

    return write


def call(*arguments):
    return CliRunner().invoke(main, [*arguments, "--run-config"], prog_name="paramsched")


def values(*arguments):
    result = call("show", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["values"]


# ---------------------------------------------------------------- pictures show the values of the run


def test_show_starts_at_the_learning_rate_of_the_optimizer(config):
    drawn = values(config(OPTIMIZER, EPOCHS, ONE_X), "--steps-per-epoch", "100")

    assert (drawn["lr"][0], max(drawn["lr"])) == (0.02 * 0.001, 0.02)


def test_an_absolute_floor_has_its_value_relative_to_the_rate_of_the_config(config):
    drawn = values(config(OPTIMIZER, EPOCHS, FLOOR), "--steps-per-epoch", "10")

    assert drawn["lr"][0] == 0.02
    assert 0.002 < drawn["lr"][-1] < 0.003


def test_a_given_base_takes_precedence_over_the_config(config):
    assert values(config(OPTIMIZER, EPOCHS, FLOOR), "--base", "0.4")["lr"][0] == 0.4


@pytest.mark.parametrize(
    ("optimizer", "field", "base"),
    [
        ("dict(type='SGD', lr=0.1, momentum=0.8)", "momentum", 0.8),
        ("dict(type='AdamW', lr=0.1, betas=(0.85, 0.99))", "momentum", 0.85),
        ("dict(type='AdamW', lr=0.1)", "momentum", 0.9),
        ("dict(type='AdamW', lr=0.1, weight_decay=0.05)", "weight_decay", 0.05),
        ("dict(type='mmcls.AdamW', lr=0.1)", "weight_decay", 0.01),
        ("dict(type='Lamb', lr=0.1, eps=1e-6)", "eps", 1e-6),
    ],
)
def test_every_scheduled_field_starts_at_the_value_of_the_optimizer(config, optimizer, field, base):
    scheduler = f"dict(type='StepParamScheduler', param_name='{field}', step_size=5)"
    kind = "dict(type='StepMomentum', step_size=5)" if field == "momentum" else scheduler

    drawn = values(config(f"optim_wrapper = dict(optimizer={optimizer})\n", EPOCHS, f"param_scheduler = {kind}\n"))

    assert drawn[field][0] == base


SEVERAL = (
    "optim_wrapper = dict(g=dict(optimizer=dict(type='Adam', lr=1e-4)), d=dict(optimizer=dict(type='Adam', lr=4e-4)))\n"
)


@pytest.mark.parametrize(
    "schedulers",
    [
        "param_scheduler = dict(g=[dict(type='StepLR', step_size=4)], d=[dict(type='StepLR', step_size=4)])\n",
        "param_scheduler = [dict(type='StepLR', step_size=4)]\n",
    ],
)
def test_each_of_several_optimizers_has_its_own_base(config, schedulers):
    drawn = values(config(SEVERAL, EPOCHS, schedulers))

    assert (drawn["lr[g]"][0], drawn["lr[d]"][0]) == (1e-4, 4e-4)


def test_a_single_named_optimizer_has_its_base(config):
    single = "optim_wrapper = dict(g=dict(optimizer=dict(type='Adam', lr=1e-4)))\n"

    drawn = values(config(single, EPOCHS, "param_scheduler = [dict(type='StepLR', step_size=4)]\n"))

    assert drawn["lr"][0] == 1e-4


def test_an_optimizer_without_a_schedule_is_not_drawn(config):
    schedulers = "param_scheduler = dict(g=[dict(type='StepLR', step_size=4)], d=[])\n"

    drawn = values(config(SEVERAL, EPOCHS, schedulers))

    assert list(drawn) == ["lr"]
    assert drawn["lr"][0] == 1e-4


@pytest.mark.parametrize("command", ["show", "show --table"])
def test_the_base_is_printed(config, command):
    result = call(*command.split(), config(OPTIMIZER, EPOCHS, ONE_X))

    assert re.search(r"base:? 0\.02\b", result.stdout)


def test_without_a_base_the_axis_is_in_multiples_of_it(config, tmp_path):
    file = config(EPOCHS, ONE_X)

    shown = call("show", file).stdout
    call("show", file, "-o", str(tmp_path / "plan.svg"))

    assert "× base" in shown
    assert "lr × base" in (tmp_path / "plan.svg").read_text()


def test_a_picture_of_absolute_values_notes_that_the_unknown_base_is_assumed(config):
    assert "base 1 is assumed" in call("show", config(EPOCHS, FLOOR)).stdout


def test_html_and_svg_show_the_base(config, tmp_path):
    file = config(OPTIMIZER, EPOCHS, ONE_X)

    for name in ("plan.svg", "plan.html"):
        assert call("show", file, "-o", str(tmp_path / name)).exit_code == 0
        assert "base 0.02" in (tmp_path / name).read_text()


def test_a_matplotlib_axis_states_that_the_base_is_unknown(monkeypatch):
    mpl = pytest.importorskip("matplotlib")
    mpl.use("Agg")
    from paramsched.show import axes

    trace = ps.trace(ps.Plan(lr=ps.cosine(), horizon=10), {"lr": 1.0})

    assert axes(trace)[0].get_ylabel() == "lr"
    assert axes(trace.with_assumed_bases([("lr", 0)]))[0].get_ylabel() == "lr × base"


def test_parameters_with_their_own_multiples_are_noted(config):
    optimizer = (
        "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.02),"
        " paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}))\n"
    )

    assert "paramwise_cfg (backbone)" in call("show", config(optimizer, EPOCHS, ONE_X)).stderr


@pytest.mark.parametrize(
    ("scaling", "options", "first"),
    [
        ("dict(enable=True, base_batch_size=16)", ("--batch-size", "32"), 0.04),
        ("dict(enable=True, base_batch_size=16)", (), 0.02),
        ("dict(enable=False, base_batch_size=16)", ("--batch-size", "32"), 0.02),
        ("dict(base_batch_size=16)", ("--batch-size", "32"), 0.02),
    ],
)
def test_auto_scale_lr_scales_by_the_batch_size_if_enabled(config, scaling, options, first):
    file = config(OPTIMIZER, EPOCHS, FLOOR, f"auto_scale_lr = {scaling}\n")

    result = call("show", file, "--json", *options)

    assert json.loads(result.stdout)["values"]["lr"][0] == first
    assert ("auto_scale_lr" in result.stderr) == ("enable=True" in scaling)


# ---------------------------------------------------------------- without run facts


@pytest.mark.parametrize("schedulers", [ONE_X, FLOOR, CONVERTED])
@pytest.mark.parametrize("command", ["show", "check", "show --table", "convert"])
def test_no_run_fact_is_needed(config, command, schedulers):
    more = ("--to", "yaml") if command == "convert" else ()

    result = call(*command.split(), config(OPTIMIZER, EPOCHS, schedulers), *more)

    assert result.exit_code == 0, result.stderr


def test_an_assumed_epoch_length_is_noted(config):
    assert "no --steps-per-epoch given; taken to be 1000" in call("show", config(EPOCHS, ONE_X)).stderr


def test_check_reports_the_epoch_length_from_which_two_windows_are_apart(config):
    assert "at least 84 iterations per epoch" in call("check", config(OPTIMIZER, EPOCHS, CONVERTED)).stderr


# ---------------------------------------------------------------- check


@pytest.mark.parametrize("options", [(), ("--steps-per-epoch", "1000"), ("--steps-per-epoch", "42")])
def test_a_warmup_in_iterations_is_not_read_as_epochs(config, options):
    result = call("check", config(OPTIMIZER, EPOCHS, ONE_X), *options)

    assert (result.exit_code, result.stderr) == (0, "")


def test_check_uses_the_given_run_facts(config):
    result = call("check", config(OPTIMIZER, EPOCHS, ONE_X), "--steps-per-epoch", "40")

    assert "takes 103.958% of the horizon" in result.stderr


# ---------------------------------------------------------------- configs without a schedule


@pytest.mark.parametrize("none", ["None", "[]", "dict(net=[], other=[])"])
def test_a_config_without_a_schedule_is_reported(config, none):
    result = call("show", config(OPTIMIZER, EPOCHS, f"param_scheduler = {none}\n"))

    assert result.exit_code == 1
    assert "param_scheduler: " in result.stderr
    assert "contains no scheduler" in result.stderr


def test_the_advice_for_a_config_without_a_schedule_works(config):
    message = call("show", config(OPTIMIZER, EPOCHS, "param_scheduler = None\n")).stderr
    line = re.search(r"For example: (dict\(.*?\)) for", message)[1]

    drawn = values(config(OPTIMIZER, EPOCHS, f"param_scheduler = {line}\n"))

    assert set(drawn["lr"]) == {0.02}
