"""Resumed runs of each engine: the bases that apply, and two workers of which one is killed."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import paramsched as ps
from engines.killed_worker_job import KILLED_AT, SAVED_AT
from support.engine_runs.harness import Tiny, optimizer_of, planned_by_tokens
from support.engine_runs.in_parts import ENGINES, Run
from support.ports import free_port
from support.programs import Program

pytestmark = pytest.mark.filterwarnings("ignore")

PLAN = ps.Plan(lr=ps.warmup(5) >> ps.cosine(to=0.1), total=100)


BEFORE = 1e-3
AFTER = 5e-4


def plain(run: Run) -> None:
    optimizer = run.recorded(optimizer_of(Tiny()))
    run.scheduler = ps.Scheduler(optimizer, run.plan, **run.options)
    saved = {"optimizer": optimizer, "plan": run.scheduler}
    if run.resumes:
        for name, state in torch.load(run.folder / "run.pt").items():
            saved[name].load_state_dict(state)
    for _ in range(18):
        optimizer.step()
    torch.save({name: value.state_dict() for name, value in saved.items()}, run.folder / "run.pt")


@pytest.mark.parametrize("engine", [plain, *ENGINES.values()], ids=lambda engine: engine.__name__)
def test_a_resumed_run_uses_the_base_that_on_base_chooses_from_its_first_update_on(
    engine: Callable[[Run], None], tmp_path: Path
) -> None:
    first = Run(tmp_path / "first", PLAN, lr=BEFORE, epochs=1)
    first.folder.mkdir()
    engine(first)
    saved_after = len(first.used)
    assert saved_after in (18, 36)

    for options, base in (({}, BEFORE), ({"on_base": "code"}, AFTER)):
        folder = shutil.copytree(first.folder, tmp_path / str(base))
        again = Run(folder, PLAN, options, resumes=True, lr=AFTER)
        engine(again)

        expected = ps.trace(PLAN, [{"lr": base}])["lr", 0].tolist()
        assert len(again.used) >= 18
        assert again.used == expected[saved_after : saved_after + len(again.used)]


JOB = ps.Plan(lr="warmup(4) >> cosine()", total=120)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.__name__)
def test_a_run_that_is_resumed_twice_uses_the_values_of_one_run(engine: Callable[[Run], None], tmp_path: Path) -> None:
    used: list[float] = []
    for epochs in (1, 2, 3):
        run = Run(tmp_path, JOB, resumes=bool(used), epochs=epochs)
        engine(run)
        assert run.used
        used += run.used

    assert used == ps.trace(JOB, {"lr": 0.1})["lr"].tolist()[: len(used)]


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
    assert all(first[0] == second[0] for first, second in pairs)
    return [first[0] for first, _ in pairs], [first[1] + second[1] for first, second in pairs]


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.parametrize("engine", ["accelerate", "transformers", "lightning"])
def test_both_workers_resume_the_plan_after_one_was_killed(engine, tmp_path):
    pytest.importorskip(engine)
    survivor, killed = start(engine, tmp_path, "first")
    killed.wait(timeout=300)
    survivor.kill()  # as a launcher does
    survivor.wait(timeout=60)
    again = start(engine, tmp_path, "again")
    said = ["".join(process.communicate(timeout=300)) for process in again]

    assert killed.returncode == -signal.SIGKILL
    assert [process.returncode for process in again] == [0, 0], "\n".join(text[-3000:] for text in said)
    first, tokens = read(tmp_path, "first")
    resumed, later = read(tmp_path, "again")
    assert first == planned_by_tokens(tokens)
    assert len(first) == KILLED_AT
    assert first[:SAVED_AT] + resumed == planned_by_tokens(tokens[:SAVED_AT] + later)
    assert len(resumed) == 27 - SAVED_AT
