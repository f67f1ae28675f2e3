"""Commands and the packages they need, the modules that `--import` names, and warnings of the library."""

import importlib
import json
import shutil
import sys
import types
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.library_copies import ROOT, LibraryCopy, copy_library
from paramsched.cli import main
from paramsched.cli._options import _PACKAGES
from paramsched.cli._output import run_guarded
from support.registered_shapes import shapes_as_before
from support.spread import spread

FILES = ROOT / "src" / "paramsched" / "cli" / "commands"
PLANS = {"old.yaml": "total: 90\nlr: cosine()\n", "new.yaml": "total: 90\nlr: cosine(to=0.1)\n"}
USES = {
    "--help": [],
    "audit": ["log.csv"],
    "check": ["old.yaml"],
    "diff": ["old.yaml", "old.yaml"],
    "recipes": ["gpt3-175b"],
    "show": ["old.yaml", "--base", "lr=0.1"],
}

ALL = """
import json, sys
from click.testing import CliRunner
from paramsched.cli import main
found = {name: CliRunner().invoke(main, [name, *words]) for name, words in json.loads(sys.argv[1]).items()}
print(json.dumps({name: [one.exit_code, one.output] for name, one in found.items()}))
"""


def test_each_command_has_a_file_whose_first_line_names_its_package():
    named = {path.stem: path.read_text().split("\n", 1)[0] for path in FILES.glob("[!_]*.py")}
    assert {name: f"Package: `{_PACKAGES[name]}`" in line for name, line in named.items()} == dict.fromkeys(named, True)


@pytest.mark.parametrize(
    "missing", spread(["tools", "mmengine", "show", "compat", "engines"], "tools", "show", "compat")
)
def test_without_the_folder_of_a_package_its_commands_do_not_exist_and_the_others_work(missing, tmp_path: Path):
    shutil.rmtree(copy_library(tmp_path) / missing)
    copy = LibraryCopy(tmp_path)
    for name, text in PLANS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "log.csv").write_text("step,lr\n" + "".join(f"{t},{1 - t / 20}\n" for t in range(20)))
    data = json.loads(copy.run("-c", ALL, json.dumps(USES)).stdout)
    help_lines = data.pop("--help")[1].partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert {line.split()[0] for line in help_lines} == {
        name for name, package in _PACKAGES.items() if package != missing
    }
    for name, (code, printed) in data.items():
        if _PACKAGES[name] == missing:
            assert (code, f'"{name}"' in printed) == (2, True)
        elif missing != "show" or _PACKAGES[name] == "core" or name == "check":  # the others draw, or assume a length
            assert code == 0, printed


SHOWN = ("show", "linear()", "--total", "5")


@pytest.fixture
def imported(monkeypatch):
    """The names that a command imports; only its own module is really imported."""
    actual = []

    def record(name):
        if name.startswith("paramsched.cli"):
            return importlib.import_module(name)
        return actual.append(name)

    monkeypatch.setattr("paramsched.cli._options.import_module", record)
    return actual


@pytest.mark.parametrize(
    ("loaded", "options", "names"),
    [
        (False, ("--import", "first", "--import", "second"), ["first", "second"]),
        (True, ("--import", "first"), ["first", "paramsched.mmengine.schedulers"]),
        (True, (), []),
    ],
)
def test_the_schedulers_of_mmengine_are_imported_if_a_module_has_imported_it(
    monkeypatch, imported, loaded, options, names
):
    monkeypatch.delitem(sys.modules, "mmengine.registry", raising=False)
    if loaded:
        monkeypatch.setitem(sys.modules, "mmengine.registry", types.ModuleType("mmengine.registry"))

    done = CliRunner().invoke(main, [*SHOWN, *options])

    assert done.exit_code == 0
    assert imported == names


SHAPE = """
import warnings
import paramsched as ps
from paramsched.extend import Schedule

@ps.shape
def shape_of_a_test() -> Schedule:
    warnings.warn("it will be removed", UserWarning)
    return ps.cosine()
"""


def test_check_prints_the_warnings_of_a_shape_of_an_imported_module(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shape_of_a_test.py").write_text(SHAPE)
    (tmp_path / "plan.yaml").write_text("lr: shape_of_a_test()\n")

    with shapes_as_before():
        done = CliRunner().invoke(main, ["check", "plan.yaml", "--import", "shape_of_a_test"])

    assert (done.exit_code, done.stdout) == (0, "plan.yaml: no problems found\n")
    assert done.stderr == "warning: it will be removed\n"


def test_each_warning_is_printed_once(capsys):
    def run():
        for text in ("first", "second", "first"):
            warnings.warn(text, UserWarning, stacklevel=1)

    run_guarded(run)

    assert capsys.readouterr().err == "warning: first\nwarning: second\n"
