"""Lightning in a SLURM environment with `auto_requeue`: which signal ends the run, and which one requeues the job."""

import os
import random
from pathlib import Path

import pytest
import torch

from support import programs
from support.example_runs import KILLS, environment
from support.spread import spread

pytest.importorskip("lightning.pytorch")
pytestmark = pytest.mark.heavy

CUTS = min(KILLS, 2)  # of a run; a job takes seconds to import Lightning
SCRIPT = (Path(__file__).parents[2] / "examples" / "cut_jobs" / "lightning_job.py").read_text(encoding="utf-8")
SIGNALS = """import os, signal
from lightning.pytorch.plugins.environments import SLURMEnvironment
from torch.optim.optimizer import register_optimizer_step_post_hook

notices = {int(update): name for update, _, name in (one.partition(":") for one in os.environ["NOTICES"].split())}
steps = []

def notify(*_):
    steps.append(1)
    if len(steps) in notices:
        os.kill(os.getpid(), signal.Signals[notices[len(steps)]])

register_optimizer_step_post_hook(notify)
"""


def job(folder, notices, stop_on="SIGTERM", *, auto_requeue=True):
    """Run the script of the example as a SLURM job; return its exit code, and the calls of scontrol so far."""
    text = SCRIPT.replace('"stop_on": "SIGTERM"', f'"stop_on": "{stop_on}"')
    plugin = f"SLURMEnvironment(auto_requeue={auto_requeue}, requeue_signal=signal.SIGUSR1)"
    text = SIGNALS + text.replace(
        '    accelerator="cpu",\n', f'    accelerator="cpu",\n    devices=1, plugins=[{plugin}],\n'
    )
    assert plugin in text
    (folder / "job.py").write_text(text, encoding="utf-8")
    scontrol = folder / "bin" / "scontrol"
    scontrol.parent.mkdir(exist_ok=True)
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {folder}/requeued.txt\n')
    scontrol.chmod(0o755)
    slurm = {"JOB_ID": "17", "JOB_NAME": "train", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODELIST": "localhost"}
    variables = environment() | {f"SLURM_{name}": value for name, value in slurm.items()}
    variables |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "NOTICES": notices}
    variables["PATH"] = os.pathsep.join([str(scontrol.parent), os.environ.get("PATH", "")])
    variables.pop("SLURM_JOB_END_TIME", None)
    done = programs.run_in_fork(["job.py"], variables, folder)  # of this process, because it has imported Lightning
    assert done.returncode in (0, 75), done.stderr[-3000:]
    requeued = folder / "requeued.txt"
    return done.returncode, requeued.read_text().splitlines() if requeued.exists() else []


def weights(folder):
    return torch.load(folder / "run.ckpt", weights_only=False)["state_dict"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the weights of one job that is not cut."""
    folder = tmp_path_factory.mktemp("whole")
    assert job(folder, "") == (0, [])
    return weights(folder)


@pytest.mark.parametrize("stop_on", spread(["SIGUSR1", "SIGTERM"], "SIGUSR1"))
def test_a_signal_of_the_plan_ends_the_run_and_the_script_requeues(whole, stop_on, tmp_path):
    draw, codes = random.Random(stop_on), []
    for _ in range(CUTS):
        codes.append(job(tmp_path, f"{draw.randint(1, 150)}:{stop_on}", stop_on))
    codes.append(job(tmp_path, "", stop_on))

    assert codes == [(75, [])] * CUTS + [(0, [])]
    assert all(torch.equal(whole[name], value) for name, value in weights(tmp_path).items())
    assert not list(tmp_path.glob("hpc_ckpt*"))


def test_the_requeue_signal_of_lightning_requeues_the_job_and_the_run_goes_on(whole, tmp_path):
    assert job(tmp_path, "70:SIGUSR1 90:SIGTERM") == (75, ["requeue 17"])
    # The signal came after the hooks of update 90.
    assert torch.load(tmp_path / "run.ckpt", weights_only=False)["global_step"] == 91
    (saved,) = tmp_path.glob("hpc_ckpt*")  # from which Lightning resumes, whatever the script passes
    assert torch.load(saved, weights_only=False)["global_step"] in (69, 70)
    assert job(tmp_path, "") == (0, ["requeue 17"])

    assert all(torch.equal(whole[name], value) for name, value in weights(tmp_path).items())
