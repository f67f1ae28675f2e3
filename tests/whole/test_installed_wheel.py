"""The wheel is complete: installed into an empty folder, its command works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Build the wheel into a folder, in this process and without a download."""
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder))))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with only the installed wheel; its dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = build_wheel(tmp_path_factory.mktemp("dist"))
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", folder, wheel], check=True)
    return folder


def output_of(command: list[str | Path], installed: Path) -> str:
    """Return the output of a command that uses the installed library."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.heavy
def test_the_command_of_the_wheel_runs_outside_the_repository(installed):
    command = installed / "bin" / "paramsched"

    assert output_of([command, "--version"], installed).split()[-1] in next(installed.glob("*.dist-info")).name
    assert "cosine" in output_of([command, "show", "cosine()", "--total", "10"], installed)
    assert "Llama 3 405B" in output_of([command, "recipes", "llama3-405b"], installed)


@pytest.mark.heavy
def test_imports_come_from_the_installed_wheel(installed):
    code = "import paramsched; print(paramsched.__file__)"

    assert Path(output_of([sys.executable, "-c", code], installed).strip()).is_relative_to(installed)
