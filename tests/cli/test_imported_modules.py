"""`--import`: the modules that a command imports before it reads a plan."""

import importlib
import sys
import types

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from support.registered_shapes import shapes_as_before

PLAN = ("show", "linear()", "--total", "5")


@pytest.fixture
def imported(monkeypatch):
    """The names that a command imports; only its own module is really imported."""
    found = []

    def record(name):
        if name.startswith("paramsched.cli"):
            return importlib.import_module(name)
        return found.append(name)

    monkeypatch.setattr("paramsched.cli._options.import_module", record)
    return found


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

    done = CliRunner().invoke(main, [*PLAN, *options])

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
