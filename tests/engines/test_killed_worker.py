"""A run of two workers, one of which is killed: both start again from the engine's own checkpoint."""

import json
import os
import signal
from pathlib import Path

import pytest

from engines.killed_worker_job import KILLED_AT, SAVED_AT
from support.engine_runs.harness import planned_by_tokens
from support.ports import free_port
from support.programs import Program

pytestmark = [pytest.mark.heavy, pytest.mark.long]

TESTS = Path(__file__).parents[1]


def start(engine, folder, run):
    shared = os.environ | {
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()),
        "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true",
        "PYTHONPATH": f"{TESTS.parent / 'src'}{os.pathsep}{TESTS}",
    }  # fmt: skip
    command = ["-m", "engines.killed_worker_job", engine, str(folder), run]
    return [
        Program(command, env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, cwd=folder) for rank in range(2)
    ]


def read(folder, run):
    """Return the values of each update, which are equal on both ranks, and its tokens on both ranks."""
    ranks = [[json.loads(line) for line in (folder / f"{run}_{r}.jsonl").read_text().splitlines()] for r in range(2)]
    pairs = list(zip(*ranks, strict=False))
    assert all(one[0] == other[0] for one, other in pairs)
    return [one[0] for one, _ in pairs], [one[1] + other[1] for one, other in pairs]


@pytest.mark.parametrize("engine", ["accelerate", "transformers", "lightning"])
def test_both_workers_resume_the_plan_after_one_was_killed(engine, tmp_path):
    pytest.importorskip(engine)
    survivor, killed = start(engine, tmp_path, "first")
    killed.wait(timeout=300)
    survivor.kill()  # as a launcher does
    survivor.wait(timeout=60)
    again = start(engine, tmp_path, "again")
    said = ["".join(one.communicate(timeout=300)) for one in again]

    assert killed.returncode == -signal.SIGKILL
    assert [one.returncode for one in again] == [0, 0], "\n".join(text[-3000:] for text in said)
    first, tokens = read(tmp_path, "first")
    resumed, later = read(tmp_path, "again")
    assert first == planned_by_tokens(tokens)
    assert len(first) == KILLED_AT
    assert first[:SAVED_AT] + resumed == planned_by_tokens(tokens[:SAVED_AT] + later)
    assert len(resumed) == 27 - SAVED_AT
