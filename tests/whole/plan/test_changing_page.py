"""The page on changing a plan: its example, its table and its commands.

These tests need further doors.
"""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from paramsched.cli import main

ROOT = Path(__file__).parents[3]


PAGE = ROOT / "docs" / "how-to" / "change-a-plan.md"


TEXT = PAGE.read_text(encoding="utf-8").split("## While it runs")[0]  # its plan is another one


PLAN = (
    'horizon: 10000\nlr: warmup("5%") >> cosine(to=0.1)\nweight_decay: linear(to=0.5)\ngroups:\n  head: {lr: step(9)}\n'
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path


def command(line):
    program, *arguments = shlex.split(line)
    ran = CliRunner().invoke(main, arguments, prog_name=program)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_the_commands_of_the_page_run(folder):
    lines = re.findall(r"^\$ (paramsched change plan.yaml .+)$", TEXT, re.MULTILINE)
    assert len(lines) == 4
    (folder / "trunk.yaml").write_text("horizon: 10000\nlr: constant()\n")
    for line in lines:
        command(line)
