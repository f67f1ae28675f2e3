"""The worked example of CONTRIBUTING.md, done: one file makes a shape appear everywhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = re.search(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library with the example's file in it, and nothing else changed."""
    copy = tmp_path_factory.mktemp("library")
    shutil.copytree(ROOT / "src" / "paramsched", copy / "paramsched", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "laws", copy / "tests" / "laws", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        ROOT / "tests" / "support", copy / "tests" / "support", ignore=shutil.ignore_patterns("__pycache__")
    )
    assert EXAMPLE is not None
    (copy / "paramsched" / "schedules" / "half_life.py").write_text(EXAMPLE[1])
    return copy


def run(library: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(library), str(library / "tests")])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, cwd=library, check=False
    )


def test_the_example_is_under_thirty_lines():
    assert EXAMPLE is not None
    assert len(EXAMPLE[1].splitlines()) < 30


def test_the_new_shape_is_said_in_text_and_resolved_with_units(library):
    code = """
import paramsched as ps
schedule = ps.parse('half_life("5 epochs")')
assert ps.parse(str(schedule)) == schedule
assert str(ps.resolve(schedule, ps.Calendar(steps_per_epoch=20))) == "half_life(100)"
assert ps.parse("half_life(100)")(200, base=0.4) == 0.1
"""
    assert run(library, "-c", code).stderr == ""


def test_the_new_shape_is_said_in_configs_also_as_a_mapping(library):
    code = """
import paramsched as ps
plan = ps.loads("lr: {half_life: {period: 5 epochs}}")
assert ps.loads(ps.dump(plan)) == plan
from paramsched import config
import json
assert "half_life" in json.dumps(config.schema())
"""
    assert run(library, "-c", code).stderr == ""


def test_the_command_line_draws_the_new_shape(library):
    shown = run(
        library, "-m", "paramsched", "show", 'half_life("5 epochs")', "--horizon", "50 epochs", "--steps-per-epoch", "4"
    )

    assert shown.returncode == 0
    assert "half_life(20)" in shown.stdout


def test_the_laws_generate_the_new_shape(library):
    code = """
from hypothesis import find, settings
from support import strategies
many = settings(max_examples=20_000)
found = find(strategies.schedules(), lambda schedule: "half_life" in str(schedule), settings=many)
assert "half_life" in str(found)
"""
    assert run(library, "-c", code).stderr == ""


def test_the_documentation_lists_the_new_shape(library):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "docs")!r})
import reference
assert "half_life" in reference.pages()["shapes"]
"""
    assert run(library, "-c", code).stderr == ""
