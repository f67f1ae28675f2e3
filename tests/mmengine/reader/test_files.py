"""Configs in files and of runs, read by MMEngine's reader."""

import json
import sys
import warnings

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.core.files import convert, load, loads, open_plan
from paramsched.mmengine import reader
from paramsched.mmengine import reader as mmengine
from paramsched.mmengine.python_config.values import NeedsRunning
from support.python_configs import read_python
from support.tables import table

STEP = "param_scheduler = dict(type='StepLR', step_size=2)\n"


@table(
    ("text", "value"),
    [
        ("x = 1 + 2 * 3 - 4 / 8", 6.5),
        ("x = -2 ** 3 // 3 % 5", 2),
        ("x = dict(a=[1, (2, 3)], **dict(b=None))", {"a": [1, (2, 3)], "b": None}),
        ("n = 3\nx = [n] * 2 + [*[1, 2]]", [3, 3, 1, 2]),
        ("x = {'a': 1, **{'b': 2}}", {"a": 1, "b": 2}),
        ("a, (b, c) = 1, (2, 3)\nx = a + b + c", 6),
        ("x = 3\nx += 4", 7),
        ("x: int = 5", 5),
        ("x = dict(a=1)\nx['a'] = 2\nx['b'] = 3", {"a": 2, "b": 3}),
        ("from mmengine.optim import StepLR\nx = StepLR", "StepLR"),
        ("import mmengine.optim as optim\nx = optim.StepLR", "StepLR"),
        ("x = 'a' if 0 else 'b'", "b"),
        ("x = int(3.7) + len([1, 2]) + max(1, 5)", 10),
        ("c = dict(a=dict(b=4))\nx = c['a']['b']", 4),
        ("with read_base():\n    from .base import *\nx = True", True),
    ],
)
def test_plain_assignments_are_read(text, value):
    assert read_python(text)["x"] == value


@table(
    "text",
    [
        "x = open('file')",
        "import os\nx = os.system('true')",
        "x = (lambda: 1)()",
        "x = y",
        "x = 10 ** 10 ** 10",
        "x = [0] * 10 ** 9",
        "x = '%99999999d' % 1",
        "def x(): pass",
        "x = 1 / 0",
        "x = [1][5]",
        "y = f()\nx = y",
        "x = __import__('os')",
        "x = input()",
    ],
)
def test_expressions_that_need_execution_are_kept_as_unreadable(text):
    assert isinstance(read_python(text)["x"], NeedsRunning)


def test_reading_does_not_run_code(tmp_path):
    mark = tmp_path / "mark"

    read_python(f"from pathlib import Path\nPath({str(mark)!r}).write_text('run')\nx = Path({str(mark)!r}).touch()")

    assert not mark.exists()


def test_an_unreadable_value_is_an_error_only_if_it_is_needed():
    text = "model = build()\nparam_scheduler = dict(type='MultiStepLR', milestones=steps(9))"

    with pytest.raises(ps.errors.ConfigError) as refusal:
        loads(text, "mmengine")

    assert refusal.value.problems[0].startswith("$.param_scheduler.milestones: line 2")


DECIDED = (
    "param_scheduler = [dict(type='LinearLR', end=5), dict(type='CosineAnnealingLR', begin=5)]\n"
    "train_cfg = dict(by_epoch=True, max_epochs=10)\noptim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))\n"
)


@table(
    "change",
    [
        "f(param_scheduler)",
        "param_scheduler.append(f())",
        "param_scheduler[0]['type'] = f()",
        "param_scheduler[0]['end'] = f()",
        "mine = param_scheduler\nfor one in mine: f(one)",
        "for one in param_scheduler:\n    if f(): one['end'] = 3",
        "f(train_cfg)",
        "train_cfg = {f(): 1}",
        "train_cfg['max_epochs'] = f()",
        "if f(): train_cfg = dict(max_epochs=3)",
        "exec('train_cfg = 1')",
        "from somewhere import *",
    ],
)
def test_an_unreadable_value_that_the_plan_needs_is_an_error_with_its_line(change):
    with pytest.raises(ps.errors.ConfigError, match=r"line [4-6]: `") as refusal:
        loads(DECIDED + change, "mmengine")

    assert "is unreadable" not in str(refusal.value)


@pytest.mark.parametrize("change", ["f(optim_wrapper)", "optim_wrapper['optimizer'] = f()", "model = f()"])
def test_an_unreadable_value_that_the_plan_does_not_need_is_not_an_error(change):
    assert loads(DECIDED + change, "mmengine") == loads(DECIDED, "mmengine")


def test_an_unreadable_optimizer_is_reported_if_its_values_are_requested():
    data = mmengine.read(DECIDED + "f(optim_wrapper)")

    assert "line 4: `f(optim_wrapper)`" in mmengine.bases_of(data).notes[0]


def test_text_that_is_neither_python_nor_yaml_is_rejected_with_the_line():
    with pytest.raises(ps.errors.ConfigError, match="mmengine text:1:23: not Python"):
        loads("param_scheduler = dict(", "mmengine")


def test_a_base_is_read_relative_to_the_file_and_merged(tmp_path):
    (tmp_path / "base.py").write_text(STEP + "train_cfg = dict(by_epoch=True, max_epochs=9)\nL = 4\n")
    file = tmp_path / "config.py"
    file.write_text("_base_ = './base.py'\ntrain_cfg = dict(max_epochs=3 * _base_.L)\n")

    plan = mmengine.to_plan(mmengine.read(file.read_text(), str(file)))

    assert str(plan) == 'horizon: 12 epochs\nlr: step("2 epochs")'


def test_a_part_of_a_base_can_be_replaced(tmp_path):
    (tmp_path / "base.py").write_text("param_scheduler = dict(type='StepLR', step_size=2)")
    file = tmp_path / "config.py"
    file.write_text("_base_ = ['base.py']\nparam_scheduler = dict(_delete_=True, type='ExponentialLR', gamma=0.5)")

    data = mmengine.read(file.read_text(), str(file))

    assert data["param_scheduler"] == {"type": "ExponentialLR", "gamma": 0.5}


@pytest.mark.parametrize(("name", "found"), [("config.py", "its own base"), ("none.py", "cannot be read")])
def test_an_invalid_base_is_rejected(tmp_path, name, found):
    file = tmp_path / "config.py"
    file.write_text(f"_base_ = '{name}'\n")

    with pytest.raises(ps.errors.ConfigError, match=found):
        mmengine.read(file.read_text(), str(file))


@pytest.mark.parametrize("syntax", ["json", "yaml"])
def test_json_and_yaml_give_the_same_plan(syntax):
    data = {"param_scheduler": [{"type": "StepLR", "step_size": 2}], "train_cfg": {"max_epochs": 4}}
    text = json.dumps(data, indent=None if syntax == "json" else 2)

    assert loads(text, "mmengine") == mmengine.to_plan(data)


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
@pytest.mark.parametrize(
    "config",
    [
        {"_base_": "./base.SUFFIX", "train_cfg": {"val_interval": 2}},
        {"work_dir": "runs/{{ fileBasenameNoExtension }}"},
        {"a": [1, {"b": None}], "c": 0.5},
    ],
    ids=str,
)
def test_json_and_yaml_with_bases_and_variables_have_mmengines_values(config, suffix, tmp_path):
    peer = pytest.importorskip("mmengine.config")
    (tmp_path / f"base.{suffix}").write_text('{"train_cfg": {"max_epochs": 12}, "param_scheduler": []}')
    file = tmp_path / f"config.{suffix}"
    file.write_text(json.dumps(config).replace("SUFFIX", suffix))

    assert mmengine.read(file.read_text(), str(file)) == peer.Config.fromfile(file).to_dict()


def test_a_config_is_converted_to_a_native_plan():
    text = STEP + "train_cfg = dict(by_epoch=True, max_epochs=12)\n"

    native = convert(text, "mmengine", "yaml")

    assert native == 'horizon: 12 epochs\nlr: step("2 epochs")\n'


@pytest.mark.parametrize("text", ["", "x = 1", "[", "{}", "- 1", "\x00", "param_scheduler = None"])
def test_any_text_gives_a_plan_or_a_config_error(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ps.errors.ConfigError):
            loads(text, "mmengine")


def test_a_file_with_a_base_is_loaded(tmp_path):
    (tmp_path / "base.py").write_text("train_cfg = dict(by_epoch=True, max_epochs=12)")
    file = tmp_path / "config.py"
    file.write_text("_base_ = 'base.py'\n" + STEP)

    assert str(load(file)) == 'horizon: 12 epochs\nlr: step("2 epochs")'


@pytest.mark.parametrize("scheduler", ["torch.optim.lr_scheduler.StepLR(optimizer, 30)", "Trainer(model=model)"])
def test_a_training_script_is_not_taken_for_a_config(scheduler):
    script = f"import torch\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\nlast = {scheduler}\n"

    with pytest.raises(ps.errors.ConfigError, match="this is a script, not a config"):
        ps.loads(script, format="mmengine")


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
