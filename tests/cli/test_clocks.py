"""The commands use the clock of a plan."""

import re

import pytest
from click.testing import CliRunner

from paramsched.cli import main

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
    found = CliRunner().invoke(main, list(arguments))
    assert found.exit_code == 0, found.output
    return found.output


def test_the_table_has_times_in_tokens(plan):
    output = output_of("show", plan, "--table", "--sequence-length", "1000")
    assert re.search(r"The run is 6,\d\d\d updates long.\nIts clock counts tokens.", output)
    assert re.search(r" 0 +2,999,999 .* tokens, × base", output)


def test_show_marks_the_update_at_which_a_stage_starts(plan):
    output = output_of("show", plan, "--sequence-length", "1000", "--ascii")
    # The ramp takes 2M tokens: at 1 sample an update and then at 2, 3, 4 and 5.
    assert "breakpoint 8" in output
    assert "taken to be" not in output


def test_the_axis_shows_tokens_below_updates(plan):
    output = output_of("show", plan, "--sequence-length", "1000", "--ascii", "--width", "100")
    updates, tokens = output.rstrip().splitlines()[-2:]
    assert updates.split()[:2] == ["updates", "0"]
    assert tokens.split()[:2] == ["tokens", "0"]
    assert tokens.split()[-1] == "30M"


@pytest.mark.heavy
@pytest.mark.parametrize("suffix", ["svg", "html", "png"])
def test_a_plan_in_tokens_can_be_drawn_in_every_format(plan, tmp_path, suffix):
    path = tmp_path / f"plan.{suffix}"
    output_of("show", plan, "-o", str(path), "--sequence-length", "1000")
    assert suffix == "png" or ">tokens</text>" in path.read_text()


def test_values_at_an_update_use_its_consumed_amount(plan):
    output = output_of("show", plan, "--sequence-length", "1000", "--at", "100", "--json")
    assert '"lr": [0.03' in output


def test_a_constant_consumption_is_assumed_if_none_is_specified(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("clock: frames\ntotal: 10M frames\nlr: linear(1, 0)\n")
    assert "--frames-per-step given; taken to be 10000" in output_of("show", str(path))
    assert output_of("check", str(path)) == f"{path}: no problems found\n"
