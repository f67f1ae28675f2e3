"""A stand-in for a scheduler of jobs: it sends a job SIGTERM, later SIGKILL, and submits it again until it succeeds."""

import random
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from support.programs import Program

GRACE = 60.0  # seconds between SIGTERM and SIGKILL
_CUTS = 3  # jobs that are cut; the next one may train to the end


def handles_sigterm(pid: int) -> bool:
    """Return whether a process handles SIGTERM, as it does while it trains."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def run_in_jobs(
    script: str, folder: Path, seed: int | None, longest: float, environment: Mapping[str, str]
) -> list[int]:
    """Run a script in jobs until one exits with 0; return the exit code of each.

    Args:
        script: the file in the folder.
        folder: the working directory.
        seed: of the random lengths of jobs; None if no job is cut.
        longest: the longest of them, in seconds from the begin of the training.
        environment: the environment variables.
    """
    draw, codes = random.Random(seed), list[int]()
    while not codes or codes[-1]:
        assert len(codes) <= _CUTS, codes
        is_cut = seed is not None and len(codes) < _CUTS
        job = Program([script], env=environment, cwd=folder)
        while is_cut and job.poll() is None and not handles_sigterm(job.pid):
            time.sleep(0.005)
        if is_cut and job.poll() is None:
            time.sleep(draw.uniform(0, longest))
            if job.poll() is None:
                job.send_signal(signal.SIGTERM)
        try:
            job.wait(timeout=GRACE if is_cut else 600)
        except subprocess.TimeoutExpired:
            job.kill()
        _, problem = job.communicate()
        codes.append(job.wait())
        known = (0, 75, -signal.SIGTERM)  # the last one if the signal arrives after the end of the plan
        assert codes[-1] in known, problem[-2000:]
    return codes
