"""Runs under torchrun that are killed, and resumed by another number of processes on clocks of samples and tokens."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import paramsched as ps
from core.run.elastic_job import BATCH, CASES, PLANS, SAVED_AT
from paramsched.core.plan.resolve import counted_plan
from support.ports import free_port

pytestmark = [pytest.mark.heavy, pytest.mark.long]

TESTS = Path(__file__).parents[2]


def torchrun(run, count, folder):
    paths = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])
    command = ["-m", "torch.distributed.run", f"--nproc-per-node={count}", "--master-addr=127.0.0.1"]
    command += [f"--master-port={free_port()}", "-m", "core.run.elastic_job", run, str(folder)]
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert "SIGKILL" in done.stderr if run == "first" else done.returncode == 0, done.stderr[-5000:]
    return [json.loads((folder / f"{run} {rank}.json").read_text()) for rank in range(count)]


@pytest.fixture(scope="module", params=[(4, 2), (2, 4)], ids=["4 to 2", "2 to 4"])
def ranks(request, tmp_path_factory):
    """Return the results of each rank before and after the kill, and the numbers of processes."""
    folder, (before, after) = tmp_path_factory.mktemp("elastic"), request.param
    return torchrun("first", before, folder), torchrun("again", after, folder), (before, after)


@pytest.mark.parametrize(("kind", "unit"), CASES)
def test_every_update_uses_the_value_of_its_amount(kind, unit, ranks):
    first, again, worlds = ranks
    name = f"{kind} {unit}"
    seen = np.array(first[0][name] + again[0][name])
    amounts = seen[:, 0]
    schedules = {one.name: one.schedule for one in counted_plan(PLANS[unit].resolve(ps.Calendar())).bindings}
    lr, decay = schedules["lr"](amounts, 0.1), schedules["weight_decay"](amounts, 0.01)

    assert all(one[name] == first[0][name] for one in first)
    assert all(one[name] == again[0][name] for one in again)
    assert (seen[:, 1].tolist(), seen[:, 2].tolist()) == (lr.tolist(), decay.tolist())
    if unit == "samples":
        steps = [range(0, SAVED_AT, BATCH * worlds[0]), range(SAVED_AT, 640, BATCH * worlds[1])]
        assert amounts.tolist() == [amount for one in steps for amount in one]


def test_equal_ranks_log_nothing(ranks):
    first, again, _ = ranks
    assert [one["messages"] for one in (*first, *again)] == [[]] * 6


def test_a_metric_that_is_not_reduced_is_logged_once_by_each_rank_but_the_first(ranks):
    for one in ranks[:2]:
        assert [rank["reduced"] for rank in one] == [0] * len(one)
        assert sorted(rank["unreduced"] for rank in one) == [0] + [1] * (len(one) - 1)
