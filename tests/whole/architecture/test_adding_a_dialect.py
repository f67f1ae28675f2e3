"""The worked example of docs/contributing/extend.md: one file adds a dialect to the library."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.library_copies import ROOT, copy_library

TEXT = (ROOT / "docs" / "contributing" / "extend.md").read_text()
(EXAMPLE,) = [one for one in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "def to_plan" in one]
OPTIONS = {"lr_scheduler": "cosine", "warmup_updates": 10, "max_update": 100}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the import path of a copy of the library with the file."""
    folder = tmp_path_factory.mktemp("dialect")
    room = copy_library(folder) / "compat" / "fairseq"
    room.mkdir()
    (room / "__init__.py").write_text('"""The reader of fairseq."""\n')
    (room / "plans.py").write_text(EXAMPLE)
    return folder


@pytest.fixture
def paramsched(folder, tmp_path: Path):
    """Run `python -m paramsched` with the file in a copy of the library."""
    (tmp_path / "options.json").write_text(json.dumps(OPTIONS))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        command = [sys.executable, "-m", "paramsched", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, check=False)

    return run


def test_the_example_of_a_dialect_is_under_thirty_lines():
    assert len(EXAMPLE.splitlines()) < 30


def test_the_new_dialect_is_converted_by_its_name(paramsched):
    done = paramsched("convert", "options.json", "--from", "fairseq", "--to", "yaml")

    assert (done.stdout, done.stderr) == ("horizon: 100\nlr: warmup(10) >> cosine()\n", "")


def test_reading_the_new_dialect_as_a_plan_raises_an_error_that_names_the_dialect(paramsched):
    refused = paramsched("check", "options.json")

    assert refused.returncode == 1
    assert "it looks like a config of fairseq" in refused.stderr


def test_errors_of_the_new_dialect_have_their_location_in_the_file(paramsched, tmp_path):
    (tmp_path / "options.json").write_text(json.dumps({"warmup_updates": 1, "lr_scheduler": "fixed_steps"}))

    refused = paramsched("convert", "options.json", "--from", "fairseq", "--to", "yaml")

    assert refused.returncode == 1
    assert (
        "options.json:1:39: $.lr_scheduler: 'fixed_steps' has no plan yet. Use one of polynomial_decay"
        in refused.stderr
    )
