"""Configs that MMEngine executes on request, because reading them does not give every value."""

import sys

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.core.files import open_plan
from paramsched.mmengine import reader

NEEDS_RUNNING = """
param_scheduler = dict(type='StepLR', step_size=(lambda: 3)())
train_cfg = dict(by_epoch=True, max_epochs=9)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
"""
LAZY_BASE = "from mmengine.optim import StepLR\nparam_scheduler = [dict(type=StepLR, step_size=2)]\n"
LAZY = """
from mmengine.config import read_base
with read_base():
    from .base import *
epochs = 4
while epochs < 7:
    epochs += 1
train_cfg = dict(by_epoch=True, max_epochs=epochs)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(NEEDS_RUNNING)
    return path


def test_a_value_that_needs_running_names_the_option(file):
    with pytest.raises(ps.errors.ConfigError, match=r"needs running.*--run-config.*run_config=True"):
        ps.load(file)


def test_a_config_is_executed_on_request_with_a_note(file):
    with pytest.warns(UserWarning, match=r"config\.py was executed in MMEngine"):
        loaded = open_plan(file, run_config=True).loaded()

    assert str(loaded.plan) == 'horizon: 9 epochs\nlr: step("3 epochs")'
    assert loaded.bases.groups[0]["lr"] == 0.1


def test_a_config_with_lazy_imports_is_executed(tmp_path):
    (tmp_path / "base.py").write_text(LAZY_BASE)
    (tmp_path / "config.py").write_text(LAZY)

    with pytest.warns(UserWarning, match="executed"):
        plan = ps.load(tmp_path / "config.py", run_config=True)

    assert str(plan) == 'horizon: 7 epochs\nlr: step("2 epochs")'


def test_executed_types_of_mmengine_have_their_short_names_at_each_depth(tmp_path):
    (tmp_path / "config.py").write_text(
        "from collections import Counter\nfrom mmengine.optim import StepLR\n"
        "param_scheduler = [dict(type=StepLR, step_size=2)]\n"
        "deep = dict(pair=(dict(type=StepLR), 3), own=dict(type=Counter, inner=[dict(type=StepLR)]), name=int)\n"
    )

    with pytest.warns(UserWarning, match="executed"):
        data = reader.execute(str(tmp_path / "config.py"))

    step = {"type": "StepLR"}
    assert data["param_scheduler"] == [{**step, "step_size": 2}]
    assert data["deep"] == {
        "pair": (step, 3), "own": {"type": "collections.Counter", "inner": [step]}, "name": "builtins.int"
    }  # fmt: skip


def test_an_error_of_an_executed_config_is_a_config_error(file):
    file.write_text("x = 1 / 0\n")

    with pytest.raises(ps.errors.ConfigError, match="ZeroDivisionError"):
        ps.load(file, run_config=True)


def test_only_configs_of_mmengine_are_executed(tmp_path):
    (tmp_path / "plan.yaml").write_text("lr: cosine()\n")

    with pytest.raises(ps.errors.InvalidArgument, match="expected a config of MMEngine"):
        ps.load(tmp_path / "plan.yaml", run_config=True)


def test_without_mmengine_the_error_names_the_library_to_install(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "mmengine.config", None)

    with pytest.raises(ps.errors.MissingDependency, match=r"paramsched\[mmengine\]"):
        ps.load(file, run_config=True)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["show", "CONFIG"], marks=pytest.mark.door("show")),
        pytest.param(["show", "CONFIG", "-o", "PICTURE"], marks=pytest.mark.door("show")),
        pytest.param(["check", "CONFIG"], marks=pytest.mark.door("tools")),
        ["convert", "CONFIG", "--to", "yaml"],
        pytest.param(["show", "--table", "CONFIG"], marks=pytest.mark.door("show")),
        ["diff", "CONFIG", "CONFIG"],
    ],
    ids=lambda command: command[0],
)
def test_each_command_that_takes_a_config_executes_it_on_request(command, file, tmp_path):
    paths = {"CONFIG": str(file), "PICTURE": str(tmp_path / "picture.svg")}
    command = [paths.get(word, word) for word in command]

    refused = CliRunner().invoke(main, command)
    executed = CliRunner().invoke(main, [*command, "--run-config"])

    assert "--run-config" in refused.output
    assert executed.exit_code == 0, executed.output
    assert "was executed in MMEngine" in executed.output
