"""The wheel is enough by itself: installed into an empty folder, its command works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.wheels import build_wheel

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library as its wheel brings it, and nothing else; what it needs is this environment's."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = build_wheel(tmp_path_factory.mktemp("dist"))
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", folder, wheel], check=True)
    return folder


def output_of(command: list[str | Path], installed: Path) -> str:
    """What a command prints where the library is the installed one."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=True).stdout


def test_its_command_runs_where_nothing_else_of_the_tree_is(installed):
    command = installed / "bin" / "paramsched"

    assert output_of([command, "--version"], installed).split()[-1] in next(installed.glob("*.dist-info")).name
    assert "cosine" in output_of([command, "show", "cosine()", "--total", "10"], installed)
    assert "Llama 3 405B" in output_of([command, "recipes", "llama3-405b"], installed)


def test_what_is_imported_from_it_is_what_was_installed(installed):
    code = "import paramsched; print(paramsched.__file__)"

    assert Path(output_of([sys.executable, "-c", code], installed).strip()).is_relative_to(installed)
