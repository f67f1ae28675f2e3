"""The wheel is complete: installed into an empty folder, its command works. A commit is installed as on the page."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from paramsched.base import VERSION

ROOT = Path(__file__).parents[2]
RUNNER = ROOT / "packages" / "runner"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def build_wheel(folder: Path, project: Path = ROOT) -> Path:
    """Build a wheel into a folder, in this process and without a download."""
    return Path(next(WheelBuilder(str(project)).build(directory=str(folder))))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with only the installed wheels; their dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    projects = [project for project in (ROOT, RUNNER) if project.is_dir()]
    wheels = [build_wheel(tmp_path_factory.mktemp("dist"), project) for project in projects]
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", folder, *wheels], check=True)
    return folder


def output_of(command: list[str | Path], installed: Path) -> str:
    """Return the output of a command that uses the installed library."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.heavy
def test_the_command_of_the_wheel_runs_outside_the_repository(installed):
    command = installed / "bin" / "paramsched"
    (metadata,) = installed.glob("paramsched-*.dist-info")

    assert output_of([command, "--version"], installed).split()[-1] in metadata.name
    assert "cosine" in output_of([command, "show", "cosine()", "--total", "10"], installed)
    assert "Llama 3 405B" in output_of([command, "recipes", "llama3-405b"], installed)


@pytest.mark.heavy
def test_imports_come_from_the_installed_wheel(installed):
    code = "import paramsched; print(paramsched.__file__)"

    assert Path(output_of([sys.executable, "-c", code], installed).strip()).is_relative_to(installed)


@pytest.mark.heavy
@pytest.mark.skipif(not RUNNER.is_dir(), reason="without the second distribution")
def test_the_wheel_of_the_runner_adds_its_names_to_those_of_the_library(installed):
    code = "from paramsched.mmengine import Runner, simulate; print(__import__(simulate.__module__).__file__)"
    help_of_command = output_of([sys.executable, "-m", "paramsched.mmengine", "--help"], installed)

    assert Path(output_of([sys.executable, "-c", code], installed).strip()).is_relative_to(installed)
    assert "CONFIG" in help_of_command
    assert {file.name for file in (installed / "paramsched_runner").iterdir()} >= {"__init__.pyi", "py.typed"}


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_a_commit_is_installed_with_the_lines_of_the_page(tmp_path):
    page = (ROOT / "docs/tutorials/first-plan.md").read_text(encoding="utf-8").partition("### Pin a commit")[2]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    page = page.replace("URL@COMMIT", f"{ROOT.as_uri()}@{commit.strip()}")
    named = dict(re.findall(r":caption: (\S+)\n(.*?)```", page, re.DOTALL))
    (tmp_path / "requirements.txt").write_text(named["requirements.txt"])
    offline = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    file = ["--dry-run", "--report", "report.json", "--requirement", "requirements.txt"]

    subprocess.run([*PIP, "install", *offline, *file], cwd=tmp_path, check=True)
    (line,) = re.findall(r'^pip wheel (.*) "(.*)"$', page, re.MULTILINE)
    subprocess.run([*PIP, "wheel", *offline, *line[0].split(), line[1]], cwd=tmp_path, check=True)

    installed = json.loads((tmp_path / "report.json").read_text())["install"]
    assert [(distribution["metadata"]["version"], distribution["requested_extras"]) for distribution in installed] == [
        (VERSION, ["torch"])
    ]
    assert tomllib.loads(named["pyproject.toml"])["project"]["dependencies"] == [named["requirements.txt"].strip()]
    assert [file.name for file in tmp_path.glob("wheels/*")] == [f"paramsched-{VERSION}-py3-none-any.whl"]
