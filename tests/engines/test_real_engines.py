"""Engines that `make engines` installs: their own trainers on a tiny language model, cut and submitted again."""

import os
import random
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch

import paramsched as ps
from engines.language_model import UPDATES
from support.example_runs import environment

pytestmark = [pytest.mark.heavy, pytest.mark.long]

TESTS = Path(__file__).parents[1]
TABLE = TESTS / "engines" / "table.md"


def job(module, arguments, folder, cut=""):
    """Run a job that is cut after an update of its own; return its exit code."""
    variables = environment() | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    variables["PYTHONPATH"] = os.pathsep.join([str(TESTS), variables["PYTHONPATH"]])
    if cut:
        variables["CUT"] = cut
    command = [sys.executable, "-m", f"engines.{module}", *arguments, str(folder)]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 75, -9), done.stderr[-3000:]
    return done.returncode


def whole_and_cut(folder, module, *arguments):
    """Return what one job has found, and what jobs that end with a save, a kill, a save and the end have."""
    whole = folder / "whole"
    parts = folder / "parts"
    draw = random.Random(f"{module} {arguments}")
    whole.mkdir()
    parts.mkdir()
    assert job(module, arguments, whole) == 0
    cuts = [f"save:{draw.randint(2, 6)}", f"kill:{draw.randint(2, 8)}", f"save:{draw.randint(1, 5)}", ""]
    assert [job(module, arguments, parts, cut) for cut in cuts] == [75, -9, 75, 0]
    expected, actual = (torch.load(run_folder / "end.pt", weights_only=False) for run_folder in (whole, parts))
    assert all(torch.equal(value, actual["weights"][key]) for key, value in expected["weights"].items())
    return expected, actual


@pytest.mark.parametrize("name", ["SFT", "GRPO", "DPO"])
def test_a_trainer_of_trl_that_is_cut_and_killed_ends_with_the_weights_of_one_run(name, tmp_path):
    pytest.importorskip("trl")
    expected, actual = whole_and_cut(tmp_path, "trl_job", name)

    assert actual["logged"] == expected["logged"]
    assert len(actual["logged"]) == UPDATES
    assert actual["held"] == expected["held"]
    assert actual["held"] != {"SFT": "no coefficient", "GRPO": 0.04, "DPO": 0.5}[name]


def test_a_coefficient_that_is_held_is_that_of_ziegler_on_the_kl_that_trl_logs(tmp_path):
    pytest.importorskip("trl")
    assert job("trl_job", ["GRPO"], tmp_path) == 0
    plan = torch.load(tmp_path / "end.pt", weights_only=False)

    coefficient = 0.04
    for _, _, kl in plan["logged"][:-1]:  # the last one is logged after the last update
        coefficient *= 1 + 0.1 * min(max(kl / 0.02 - 1, -0.2), 0.2)
    assert plan["held"] == pytest.approx(coefficient, rel=1e-12)


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_trainer_with_deepspeed_that_is_cut_and_killed_ends_with_the_weights_of_one_run(stage, tmp_path):
    pytest.importorskip("deepspeed")
    expected, actual = whole_and_cut(tmp_path, "deepspeed_job", str(stage))

    planned = ps.trace(ps.Plan(lr="warmup(4) >> cosine()"), {"lr": 1e-2}, total=UPDATES)["lr"].tolist()
    assert actual["logged"] == expected["logged"]
    assert [rate for rate, _, _ in actual["logged"]] == planned


def test_the_page_names_the_versions_that_run():
    section = TABLE.read_text(encoding="utf-8").partition("## The engines themselves")[2]
    rows = dict(re.findall(r"^\| (\w+) \| ([\d.]+) \|", section, re.MULTILINE))
    try:
        assert {name: version(name.lower()) for name in rows} == rows
    except PackageNotFoundError as absent:
        pytest.skip(f"{absent}: `make engines` installs it")
    assert len(rows) == 3
