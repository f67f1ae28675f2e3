"""The examples with several optimizers: a killed run of Muon and AdamW resumes exactly; a GAN follows its driver."""

import json

import pytest
import torch

import paramsched as ps
from paramsched.tools.audit import compare_with_plan, read_log
from support import example_runs, programs
from support.example_runs import KILLS, ROOT, kill_at_random

MUON = ROOT / "examples" / "muon" / "train.py"

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_of_muon_and_adamw_goes_on_exactly(number, tmp_path):
    whole = example_runs.run(MUON, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    kill_at_random(example_runs.start(MUON, tmp_path / "killed"), tmp_path / "killed", number, 2.0)
    resumed = example_runs.run(MUON, tmp_path / "killed")

    assert resumed.stdout.splitlines()[-1] == whole.stdout.splitlines()[-1]
    logs = [(tmp_path / name / "values.jsonl").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]
    states = [torch.load(tmp_path / name / "checkpoint.pt")["model"] for name in ("whole", "killed")]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    plan, steps = ps.load(MUON.with_name("plan.yaml")), len(logs[0].splitlines()) // 4
    log = read_log(tmp_path / "whole" / "values.jsonl", ["lr", "weight_decay", "momentum"])
    assert compare_with_plan(log, plan, ps.Calendar(steps_per_epoch=steps)).first is None
    assert set(json.loads(logs[0].splitlines()[0])) >= {"lr/muon", "momentum/muon", "lr/adamw/head"}


def test_the_gan_uses_the_values_of_its_round_in_every_step():
    environment = example_runs.environment() | {"OMP_NUM_THREADS": "1"}  # networks too small for several threads
    finished = programs.run([str(ROOT / "examples" / "gan" / "train.py")], env=environment)

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.endswith("planned = used in 200 of 200 rounds\n")
