"""A DeepSpeed config beside the arguments of a Trainer, on the command line."""

import json

import pytest
from click.testing import CliRunner

from paramsched.cli import main

ARGUMENTS = """\
learning_rate: 0.5
max_steps: 6
warmup_steps: 2
lr_scheduler_type: cosine
"""
AUTO = {
    "warmup_min_lr": "auto",
    "warmup_max_lr": "auto",
    "warmup_num_steps": "auto",
    "total_num_steps": "auto",
    "warmup_type": "linear",
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder with `args.yaml` and `ds_config.json`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "args.yaml").write_text(ARGUMENTS)
    (tmp_path / "ds_config.json").write_text(deepspeed())

    def run_command(*words):
        return CliRunner().invoke(main, [str(word) for word in words])

    return run_command


def deepspeed(**params):
    return json.dumps({"scheduler": {"type": "WarmupDecayLR", "params": {**AUTO, **params}}}, indent=2)


@pytest.mark.parametrize("words", [["args.yaml", "ds_config.json"], ["ds_config.json", "args.yaml"]])
def test_check_reports_which_file_schedules(run, words):
    result = run("check", *words)

    assert result.exit_code == 1
    assert "ds_config.json:3:13: $.scheduler.type: WarmupDecayLR will be used; lr_scheduler_type: cosine of" in (
        result.output
    )
    assert "ds_config.json:2:16: $.scheduler: warning: the first value is used twice" in result.output


def test_check_reports_a_difference_at_the_value_in_its_file(run, tmp_path):
    (tmp_path / "ds_config.json").write_text(deepspeed(warmup_max_lr=0.4))

    result = run("check", "args.yaml", "ds_config.json")

    assert result.exit_code == 1
    assert (
        "ds_config.json:6:24: $.scheduler.params.warmup_max_lr: transformers refuses 0.4, because learning_rate is 0.5"
    )
    assert result.output.count("[PS625]") == 1


@pytest.mark.parametrize("folder", [".", "elsewhere"])
def test_a_config_that_the_arguments_name_is_read(run, tmp_path, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "run.yaml").write_text(f"{ARGUMENTS}deepspeed: ds_config.json\n")

    result = run("check", f"{folder}/run.yaml", "--format", "transformers")

    assert "ds_config.json:3:13: $.scheduler.type: WarmupDecayLR will be used" in result.output


def test_a_replaced_schedule_is_a_warning_on_request_or_if_it_is_the_default(run, tmp_path):
    asked = run("check", "args.yaml", "ds_config.json", "--warn-only")
    (tmp_path / "args.yaml").write_text(ARGUMENTS.replace("lr_scheduler_type: cosine\n", ""))
    default = run("check", "args.yaml", "ds_config.json", "--format", "transformers")

    for result in (asked, default):
        assert result.exit_code == 0
        assert "$.scheduler.type: warning: WarmupDecayLR will be used" in result.output
    assert run("check", "args.yaml", "ds_config.json", "--warn-only", "--strict").exit_code == 1


def test_a_config_that_is_missing_is_reported(run, tmp_path):
    (tmp_path / "run.yaml").write_text(f"{ARGUMENTS}deepspeed: ds.json\n")

    result = run("check", "run.yaml", "--format", "transformers")

    assert (
        "run.yaml:5:12: $.deepspeed: warning: if ds.json has a scheduler, lr_scheduler_type: cosine has no"
        in result.output
    )


def test_show_draws_the_values_that_are_used(run):
    result = run("show", "args.yaml", "ds_config.json")

    assert result.output.count("warmup(2) >> linear(over=4)") == 1
    assert "0 → 0.5 → 0.25" in result.output


def test_two_plans_that_are_no_pair_are_checked_each(run, tmp_path):
    (tmp_path / "plan.yaml").write_text("horizon: 9\nlr: cosine()\n")

    result = run("check", "plan.yaml", "plan.yaml")

    assert result.output.count("plan.yaml: no problems found") == 2


@pytest.mark.parametrize("other", [b"\xff\xfe", b"{", b"[]", b"- 1"])
def test_a_file_that_is_not_a_config_is_reported_as_a_plan(run, tmp_path, other):
    (tmp_path / "plan.yaml").write_text("horizon: 9\nlr: cosine()\n")
    (tmp_path / "other.json").write_bytes(other)

    result = run("check", "plan.yaml", "other.json")

    assert "plan.yaml: no problems found" in result.output
    assert "other.json" in result.output.replace("plan.yaml: no problems found", "")
    assert result.exit_code in (1, 2)


@pytest.mark.parametrize("option", [["--at", "2", "--at", "5"], ["--json"], ["--at", "50%", "--json"]])
def test_the_values_of_a_pair_are_those_of_one_plan(run, tmp_path, option):
    (tmp_path / "args.yaml").write_text("learning_rate: 0.5\nnum_train_epochs: 2\nwarmup_ratio: 0.1\n")
    (tmp_path / "numbers.yaml").write_text("learning_rate: 0.5\nmax_steps: 20\nwarmup_steps: 2\n")

    by_share = run("show", "args.yaml", "ds_config.json", "--steps-per-epoch", 10, *option)
    by_numbers = run("show", "numbers.yaml", "ds_config.json", "--steps-per-epoch", 10, *option)

    assert by_share.exit_code == 0
    assert by_share.stdout == by_numbers.stdout


def test_check_reports_the_scheduler_that_is_used_beside_an_error(run, tmp_path):
    (tmp_path / "ds_config.json").write_text(deepspeed(warmup_num_steps=3))

    result = run("check", "args.yaml", "ds_config.json")

    assert "[PS625]" in result.output
    assert "ds_config.json:3:13: $.scheduler.type: WarmupDecayLR will be used" in result.output


def test_arguments_alone_are_only_recognized(run):
    result = run("check", "args.yaml")

    assert result.output.startswith("args.yaml: it looks like a config of transformers")
