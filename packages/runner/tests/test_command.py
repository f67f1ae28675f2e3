"""`python -m paramsched.mmengine`: its arguments, its output and its exit codes, without a training."""

import re
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from paramsched.errors import MissingDependency, MissingFact, ParamschedError
from paramsched.mmengine.__main__ import main
from paramsched_runner.runner import runner as module
from paramsched_runner.runner import runner as settings
from support.tables import table

CONFIG = "config.py"


class Call:
    """A call of the command in which `train` replaces the training; `given` has the arguments of the Runner."""

    def __init__(self, train, checked, *arguments):
        def from_cfg(config, **chosen):
            self.given = config, chosen
            self.path = sys.path[0]
            return SimpleNamespace(train=train, work_dir=Path("runs", "mine"))

        def config_as_dict(config):
            self.read = config
            return checked

        before = list(sys.path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(settings, "config_as_dict", config_as_dict)
            patch.setattr(module, "Runner", SimpleNamespace(from_cfg=from_cfg))
            self.result = CliRunner().invoke(main, [CONFIG, *arguments])
        sys.path[:] = before


def nothing():
    pass


@table(
    ("arguments", "chosen"),
    [
        ([], {}),
        (["--resume"], {"resume": True}),
        (["--work-dir", "a", "--plan", "lr: linear()"], {"work_dir": "a", "param_scheduler": "lr: linear()"}),
        (["--load-from", "weights.pth"], {"load_from": "weights.pth"}),
    ],
)
def test_only_chosen_options_replace_the_config(arguments, chosen):
    call = Call(nothing, {"train_cfg": 1}, *arguments)

    assert call.read == CONFIG
    assert call.given == ({"train_cfg": 1}, chosen)
    assert (call.result.exit_code, call.result.output) == (0, f"{Path('runs', 'mine')}\n")


@table(("imports", "is_added"), [({"imports": ["parts"]}, True), (None, False)])
def test_modules_are_imported_from_the_folder_of_the_config_only_if_it_imports_some(imports, is_added):
    call = Call(nothing, {"train_cfg": 1, "custom_imports": imports})

    assert (call.path == str(Path.cwd())) is is_added


def raising(error):
    def train():
        raise error

    return train


@table(
    ("error", "code", "output"),
    [
        (MissingDependency("Runner", "accelerate"), 2, "pip install accelerate"),
        (ParamschedError("the folder is in use"), 1, "the folder is in use\n"),
        (
            MissingFact("total", "it is in tokens", "Write tokens_per_sample=1024", fact="x", example="1"),
            1,
            "Write tok",
        ),
        (FileNotFoundError(2, "No such file", "model.py"), 2, "model.py: No such file\n"),
        (OSError("the disk is full"), 2, f"{CONFIG}: the disk is full\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_each_error_has_its_exit_code_and_no_traceback(error, code, output):
    result = Call(raising(error), {"train_cfg": 1}).result

    assert result.exit_code == code
    assert output in result.stderr
    assert "runs" not in result.stdout
    assert "Traceback" not in result.output


def test_a_missing_fact_is_an_error_of_the_config_without_a_call():
    error = MissingFact("total", "it is in tokens", "Write tokens_per_sample=1024", fact="total", example="10_000")

    result = Call(raising(error), {"train_cfg": 1}).result

    assert result.stderr == "total: it is in tokens. Write tokens_per_sample=1024\n"


def test_a_warning_is_printed_once():
    def train():
        for text in ("one", "two", "one"):
            warnings.warn(text, UserWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as by PYTHONWARNINGS
        result = Call(train, {"train_cfg": 1}).result

    assert result.stderr == "warning: one\nwarning: two\n"
    assert result.exit_code == 0


def test_all_problems_of_a_config_are_printed(tmp_path):
    config = tmp_path / "config.py"
    config.write_text("model = dict(type='M')\ntrain_cfg = dict(max_epochs=-1)\nresume = 3\n")

    result = CliRunner().invoke(main, [str(config)])

    assert result.exit_code == 1
    for path in ("$.train_cfg.max_epochs: ", "$.resume: ", "$.model.type: ", "$.train_dataloader: "):
        assert path in result.stderr


def test_a_missing_config_is_named(tmp_path):
    result = CliRunner().invoke(main, [str(tmp_path / "none.py")])

    assert result.exit_code != 0
    assert "none.py" in result.stderr


def test_a_config_that_cannot_be_trained_is_refused_before_its_modules_are_imported(tmp_path):
    (tmp_path / "config.py").write_text("custom_imports = dict(imports=['imported'])\nmodel = dict(type='M')\n")
    (tmp_path / "imported.py").write_text("open('imported.txt', 'w')\n")

    result = CliRunner().invoke(main, [str(tmp_path / "config.py")])

    assert result.exit_code == 1
    assert re.findall(r"\$\.\w+", result.stderr) == ["$.train_dataloader", "$.train_cfg", "$.optim_wrapper"]
    assert not Path("imported.txt").exists()
