"""Config files of MMEngine: run with their bases, as MMEngine's `Config.fromfile` does."""

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from paramsched.errors import ConfigError
from paramsched.mmengine.config_file import load_config

BASE = "lr = 0.1\nparam_scheduler = dict(type='StepLR', step_size=2, gamma=0.5)\ntrain_cfg = dict(max_epochs=4)\n"
OWN = (
    "_base_ = './base.py'\n"
    "import math\n"
    "optim_wrapper = dict(optimizer=dict(type='SGD', lr=_base_.lr * 2))\n"
    "param_scheduler = dict(gamma=0.1)\n"
    "train_cfg = dict(_delete_=True, max_iters=int(math.sqrt(16)))\n"
)


@pytest.fixture
def config(tmp_path):
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "config.py").write_text(OWN)
    return tmp_path / "config.py"


def test_a_config_with_a_base_has_the_values_of_mmengine(config):
    Config = pytest.importorskip("mmengine.config").Config

    assert load_config(config) == Config.fromfile(config, format_python_code=False).to_dict()


def test_yaml_with_a_base_is_merged_too(config, tmp_path):
    (tmp_path / "own.yaml").write_text("_base_: ./base.py\nparam_scheduler: {gamma: 0.1}\nx: '{{ _base_.lr }}'\n")

    found = load_config(tmp_path / "own.yaml")

    assert (found["param_scheduler"], found["x"]) == ({"type": "StepLR", "step_size": 2, "gamma": 0.1}, 0.1)


def test_a_config_that_raises_is_an_error_of_the_config(tmp_path):
    (tmp_path / "config.py").write_text("x = 1 / 0\n")

    with pytest.raises(ConfigError, match="ZeroDivisionError"):
        load_config(tmp_path / "config.py")


def test_without_the_option_a_command_answers_in_one_line(config):
    found = CliRunner().invoke(main, ["show", str(config)])

    assert found.exit_code == 2
    assert "--run-config" in found.output
    assert len([one for one in found.output.splitlines() if one.startswith("Error")]) == 1


def test_new_style_configs_are_run_by_mmengine(config, tmp_path):
    pytest.importorskip("mmengine.config")
    (tmp_path / "lazy.py").write_text(
        "from mmengine.config import read_base\nwith read_base():\n    from .base import *\nlr = 0.3\n"
    )

    assert load_config(tmp_path / "lazy.py")["lr"] == 0.3
