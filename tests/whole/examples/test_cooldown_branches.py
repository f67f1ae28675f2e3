"""The example of a run with branches: each resumes from its checkpoint, decays, and beats the run at its end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import paramsched as ps

FOLDER = Path(__file__).parents[3] / "examples" / "cooldown_branches"
LINE = re.compile(r"update (\d+): loss [\d.]+; cooled down at (\d+): ([\d.]+), while the run has ([\d.]+)")

pytestmark = [pytest.mark.heavy, pytest.mark.long]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return the example's output and folder; the example fails if a value differs from the plan."""
    folder = tmp_path_factory.mktemp("branches")
    command = [sys.executable, str(FOLDER / "train.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout, folder


def test_each_branch_beats_the_run_at_the_update_of_its_end(ran):
    branches = [(int(at), int(end), float(cooled), float(run)) for at, end, cooled, run in LINE.findall(ran[0])]

    assert [(at, end) for at, end, *_ in branches] == [(400, 500), (600, 700), (800, 900)]
    assert all(cooled < run for *_, cooled, run in branches)


def test_the_plan_files_equal_the_run_before_their_branch(ran):
    trunk = ps.load(ran[1] / "trunk.yaml")
    groups = {"lr": 0.02, "weight_decay": 0.01}

    assert trunk == ps.load(FOLDER / "trunk.yaml")
    for at in (400, 600, 800):
        branch = ps.load(ran[1] / f"at-{at}.yaml")
        assert branch == trunk.cooldown(at, 100)
        values, planned = ps.trace(branch, groups), ps.trace(trunk, groups)
        assert values["lr"][:at].tobytes() == planned["lr"][:at].tobytes()
        assert values["weight_decay"].tobytes() == planned["weight_decay"][: at + 100].tobytes()
        assert values["lr"][-1] == pytest.approx(0.02 / 100)


def test_the_picture_shows_the_start_of_each_branch(ran):
    drawn = (ran[1] / "tree.svg").read_text(encoding="utf-8")

    assert re.findall(r"(at-\d+) diverges from trunk at update (\d+)", drawn) == [
        ("at-400", "401"), ("at-600", "601"), ("at-800", "801"),
    ]  # fmt: skip
