"""The worked example of docs/contributing/extend.md: one file adds a picture format to the command line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.library_copies import ROOT, copy_library

(EXAMPLE,) = [
    block
    for block in re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "contributing" / "extend.md").read_text(), re.DOTALL
    )
    if "@picture_format" in block
]


@pytest.fixture(params=["the library", "a project"])
def drawing(request, tmp_path: Path):
    """Run `paramsched show -o FILE` with the file in a copy of the library or in a project that the command imports."""
    source, more = ROOT / "src", ["--import", "vega_lite"]
    if request.param == "the library":
        copy_library(tmp_path)
        source, more = tmp_path, []
    (tmp_path / "paramsched" / "show" / "vega_lite.py" if not more else tmp_path / "vega_lite.py").write_text(EXAMPLE)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "paramsched", "show", *arguments, *more]
        environment = {**os.environ, "PYTHONPATH": str(source)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, check=False)

    return run


def test_the_example_of_a_picture_is_under_thirty_lines():
    assert len(EXAMPLE.splitlines()) < 30


def test_the_new_format_is_selected_by_its_suffix_and_draws_a_second_plan(drawing, tmp_path):
    drawn = drawing("linear(1, 0.5)", "--horizon", "4", "--other", "constant(1)", "-o", "plan.vl.json")

    assert (drawn.returncode, drawn.stderr) == (0, "")
    (panel,) = json.loads((tmp_path / "plan.vl.json").read_text())["vconcat"]
    assert panel["encoding"]["y"]["title"] == "lr × base"
    assert [(one["update"], one["value"], one["curve"]) for one in panel["data"]["values"]] == [
        *((t, 1 - t / 8, "group 0") for t in range(4)),
        *((t, 1.0, "other plan group 0") for t in (0, 3)),  # of equal values the first and the last draw the line
    ]


def test_the_error_of_an_unknown_suffix_names_the_new_format(drawing):
    refused = drawing("linear(1, 0.5)", "--horizon", "3", "-o", "plan.gif")

    assert refused.returncode == 2
    assert "the suffix must be one of .svg, .html, .png, .pdf, .vl.json" in refused.stderr
