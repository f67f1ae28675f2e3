"""The scripts on the page on jobs that are cut short, run as printed, cut at random moments and continued."""

import re
from pathlib import Path

import pytest
import torch

from support.example_runs import environment
from support.job_scheduler import run_in_jobs
from support.spread import spread

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "jobs-cut-short.md"
SCRIPTS = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S))
SLOWED = {"plain.py": 0.004, "trainer.py": 0.02, "lightning_job.py": 0.008, "accelerate_job.py": 0.006}
"""Seconds that each update lasts at least, so that a job lasts longer than until its signal on any machine."""
LONGEST = 1.0  # seconds of a job
SLOWLY = """import time
from torch.optim.optimizer import register_optimizer_step_post_hook
register_optimizer_step_post_hook(lambda *_: time.sleep({}))
"""


def weights(folder):
    """Return the weights that a script has saved at the end of its plan."""
    if (folder / "run.pt").exists():
        return torch.load(folder / "run.pt")["model"]
    if (folder / "run.ckpt").exists():
        return torch.load(folder / "run.ckpt", weights_only=False)["state_dict"]
    from safetensors.torch import load_file

    newest = max(
        folder.glob("out/checkpoint-*"), key=lambda one: int(one.name.partition("-")[2]), default=folder / "run"
    )
    return load_file(newest / "model.safetensors")


def test_the_page_has_a_script_for_each_of_four_engines():
    assert SCRIPTS.keys() == SLOWED.keys()


@pytest.mark.parametrize("name", spread(SLOWED, "plain.py"))
def test_a_script_that_is_cut_and_submitted_again_ends_with_the_weights_of_one_run(name, tmp_path):
    pytest.importorskip({"trainer.py": "transformers", "lightning_job.py": "lightning"}.get(name, "accelerate"))
    found, jobs = [], []
    variables = environment() | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    variables.pop("SLURM_JOB_END_TIME", None)
    for seed in (None, 5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / name).write_text(SLOWLY.format(SLOWED[name]) + SCRIPTS[name], encoding="utf-8")
        jobs.append(run_in_jobs(name, folder, seed, LONGEST, variables))
        found.append(weights(folder))

    assert jobs[0] == [0]
    assert 75 in jobs[1]
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])
