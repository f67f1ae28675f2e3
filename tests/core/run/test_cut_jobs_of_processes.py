"""Two processes with FSDP2 and distributed checkpoints, cut at random moments and continued to the end of the plan."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from support.job_scheduler import GRACE, handles_sigterm
from support.ports import free_port
from support.programs import Program

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")]

TESTS = Path(__file__).parents[2]


def job(folder, clock, pace="0.01", *, length=None, moment=None):
    """Run one job of two processes: at most `length` seconds until a signal to one of them, and SIGKILL after GRACE."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    environment |= {"OMP_NUM_THREADS": "1", **({} if moment is None else {"CUT_BEFORE": moment})}
    port = free_port()
    processes = [
        Program(["-m", "core.run.cut_job", str(rank), str(port), str(folder), clock, pace], env=environment)
        for rank in range(2)
    ]
    if length is not None:
        while not all(one.poll() is not None or handles_sigterm(one.pid) for one in processes):
            time.sleep(0.005)
        time.sleep(length)
        if processes[1].poll() is None:
            processes[1].send_signal(signal.SIGTERM)
    for one in processes:
        try:
            one.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            one.kill()
    # Python gives up its handlers when it exits, so a signal after the end of the run ends the exit.
    ended = processes[0].returncode == 0 and processes[1].returncode == -signal.SIGTERM
    codes = {0} if ended else {one.returncode for one in processes}
    assert codes in ({0}, {75}), [one.communicate() for one in processes]
    return codes.pop()


def results(folder):
    """Return what the jobs of each rank found, in the order of their updates."""
    return [[json.loads(one.read_text()) for one in sorted(folder.glob(f"job-*-{rank}.json"))] for rank in range(2)]


@pytest.mark.long  # `make test` cuts the jobs of a script of one process (tests/whole/test_cut_jobs_page.py)
@pytest.mark.parametrize("clock", ["updates", "tokens", "seconds"])
@pytest.mark.parametrize("cut", ["signal", "moment"])
def test_jobs_that_are_cut_and_continued_end_with_the_weights_of_one_run(tmp_path, clock, cut):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    assert job(whole, clock, "0") == 0  # a run that is not cut need not last
    draw, codes = random.Random(f"{clock} {cut}"), []
    while not codes or codes[-1]:
        length = draw.uniform(0.05, 0.4)
        assert len(codes) < 30, codes
        options = {"length": length} if cut == "signal" else {"moment": f"in {0.2 + length:.3f} s"}
        codes.append(job(parts, clock, **({} if len(codes) > 2 else options)))

    assert codes.count(75) >= 1
    expected, (mine, other) = results(whole)[0][0], results(parts)
    assert mine == other
    assert [one["reason"] for one in mine] == [
        *["SIGTERM" if cut == "signal" else "stop_before"] * (len(mine) - 1),
        "plan",
    ]
    assert [value for one in mine for value in one["used"]] == expected["used"]
    for rank in range(2):
        weights = [torch.load(folder / f"weights-{rank}.pt") for folder in (whole, parts)]
        assert all(torch.equal(one, two) for one, two in zip(*weights, strict=True))
