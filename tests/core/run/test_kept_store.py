"""A store that outlives an attempt, and a Scheduler that only one rank has: all ranks use equal values."""

import json
import os
from pathlib import Path

import pytest
import torch.distributed as dist

from core.run.kept_store_job import CLOCKS, DRY_RUNS, UPDATES
from support.ports import free_port
from support.programs import Program
from support.spread import spread

pytestmark = pytest.mark.heavy

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=spread([2, 4], 2))
def seen(request, tmp_path_factory):
    """Return the results of each rank in the attempt after one in which only rank 0 had Schedulers."""
    folder, port, size = tmp_path_factory.mktemp("kept"), free_port(), request.param
    store = dist.TCPStore("127.0.0.1", port, None, is_master=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    (folder / "plan.yaml").write_text("lr: linear()\nhorizon: 100\n")

    def started(rank, attempt):
        arguments = [str(port), str(rank), str(size), str(attempt), str(folder)]
        return Program(["-m", "core.run.kept_store_job", *arguments], env=environment | {"OMP_NUM_THREADS": "1"})

    killed = started(0, 0)
    said = killed.communicate(timeout=100)[1]
    assert (killed.returncode, said) == (1, "")
    ranks = [started(rank, 1) for rank in range(size)]
    said = [one.communicate(timeout=300)[1] for one in ranks]
    assert [one.returncode for one in ranks] == [0] * size, said
    del store
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(size)]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(("rank", "updates"), DRY_RUNS)
def test_all_ranks_use_equal_values(seen, clock, rank, updates):
    first, *other = [one[f"{clock} {rank} {updates}"] for one in seen]

    assert len(first["used"]) == UPDATES
    assert len(set(first["used"])) > 1
    assert all(one == first for one in other)
