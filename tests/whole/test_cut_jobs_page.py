"""The scripts on the page on jobs that are cut short, run as printed, cut at random moments and continued."""

import re
from pathlib import Path

import pytest
import torch

from core.run.job_scheduler import run_in_jobs
from support.example_runs import environment
from support.spread import spread

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "stop-in-time.md"
TEXT = PAGE.read_text(encoding="utf-8")
SCRIPTS = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", TEXT, re.M | re.S)) | {
    one.name: one.read_text(encoding="utf-8") for one in (PAGE.parents[2] / "examples" / "cut_jobs").glob("*.py")
}
SLOWED = {"plain.py": 0.0012, "trainer.py": 0.02, "lightning_job.py": 0.008, "accelerate_job.py": 0.006}
"""Seconds that each update lasts at least, so that a job lasts longer than until its signal on any machine."""
LONGEST = 0.6  # seconds of a job
SLOWLY = """import time
from torch.optim.optimizer import register_optimizer_step_post_hook
register_optimizer_step_post_hook(lambda *_: time.sleep({}))
"""


OTHER_CLOCKS = {
    ("plain.py", "tokens"): {
        "horizon=1000": 'clock="tokens", horizon="128000 tokens"',
        "batch_size=16": "batch_size=16, sequence_length=8",
    },
    ("plain.py", "seconds"): {
        "horizon=1000": 'clock="seconds", horizon="1000 s"',
        "data = torch.randn(512, 8)\n": "data = torch.randn(512, 8)\nBEGINS = [*range(0, 512, 16)] * 99\n",
        "ps.BatchSampler(scheduler, len(data))": "[range(n, n + 16) for n in BEGINS[scheduler.t :]]",
        "    optimizer.step()\n": "    scheduler.consumed(seconds=0.5 + scheduler.t % 3 / 2)\n    optimizer.step()\n",
    },
    ("trainer.py", "tokens"): {
        "cosine(to=0.1)'": "cosine(to=0.1)', clock='tokens', horizon='8192 tokens'",
        "**job)": "tokens_per_sample=8, **job)",
    },
    ("accelerate_job.py", "tokens"): {
        "horizon=600": 'clock="tokens", horizon="76800 tokens"',
        "len(data))": "len(data), calendar=ps.Calendar(sequence_length=8))",
        "**job)": "calendar=ps.Calendar(sequence_length=8), **job)",
    },
}
"""What changes in a script whose plan counts something else. Reported seconds are those of any run."""


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


def script_on(name, clock):
    """Return a script whose plan counts on a clock."""
    text = SCRIPTS[name]
    for printed, used in OTHER_CLOCKS.get((name, clock), {}).items():
        assert text.count(printed) == 1, printed
        text = text.replace(printed, used)
    return text


@pytest.mark.parametrize(
    ("name", "clock"),
    [
        *spread([(name, "updates") for name in SLOWED], ("plain.py", "updates")),
        *(pytest.param(*one, marks=pytest.mark.long) for one in OTHER_CLOCKS),
    ],
)
def test_a_script_that_is_cut_and_submitted_again_ends_with_the_weights_of_one_run(name, clock, tmp_path):
    pytest.importorskip({"trainer.py": "transformers", "lightning_job.py": "lightning"}.get(name, "accelerate"))
    found, jobs = [], []
    variables = environment() | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    variables.pop("SLURM_JOB_END_TIME", None)
    for seed in (None, 5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        slowly = SLOWLY.format(SLOWED[name]) if seed else ""  # a run that is not cut need not last
        (folder / name).write_text(slowly + script_on(name, clock), encoding="utf-8")
        jobs.append(run_in_jobs(name, folder, seed, LONGEST, variables))
        found.append(weights(folder))

    assert jobs[0] == [0]
    assert 75 in jobs[1]
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])
