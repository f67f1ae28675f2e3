"""The script with a budget of wall-clock time, on one and on two processes, killed twice and continued."""

import re
import shutil
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from support.example_runs import ROOT
from support.torchrun import finished, kill_one_worker, torchrun

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")]

BUDGET = 4.0  # seconds
KILLED_AFTER = 0.3, 0.35  # the parts of the budget that the first two jobs train
OWN = 2  # collectives of an update: the broadcast of the script, and the all-reduce of the gradient
RECORDED = """import os, time
import torch.distributed
from torch.optim.optimizer import register_optimizer_step_pre_hook

def record(optimizer, *_):
    group, world = optimizer.param_groups[0], torch.distributed.distributed_c10d._get_default_group()
    with open(f"rank-{os.environ['RANK']}.txt", "a") as file:
        print(START, group["paramsched_t"], group["lr"], world._get_sequence_number_for_group(), file=file)
    time.sleep(0.002)

register_optimizer_step_pre_hook(record)
"""
"""Records the value of each update, and the number of collectives so far."""


def read(file):
    """Return the start, update, value and number of collectives of each update that a rank has recorded."""
    if not file.exists():
        return []
    rows = [line.split() for line in file.read_text().splitlines() if line.count(" ") == 3]  # a kill cuts the last line
    return [(int(start), int(t), float(value), int(collectives)) for start, t, value, collectives in rows]


@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_budget_holds_over_two_kills_and_no_rate_rises_again(processes, tmp_path):
    script = (ROOT / "examples/several_machines/in_time.py").read_text()
    command = f"--standalone --nproc-per-node {processes} train.py {BUDGET}"
    for start, lasts in enumerate(KILLED_AFTER):
        (tmp_path / "train.py").write_text(RECORDED.replace("START", str(start)) + script)
        agent = torchrun(command, tmp_path)
        while not any(row[0] == start for row in read(tmp_path / "rank-0.txt")):
            assert agent.poll() is None, agent.communicate()[1]
            time.sleep(0.01)
        time.sleep(lasts * BUDGET)
        kill_one_worker(agent)
        agent.wait(timeout=300)
    (tmp_path / "train.py").write_text(RECORDED.replace("START", "2") + script)
    said = finished(torchrun(command, tmp_path))

    ranks = [read(tmp_path / f"rank-{rank}.txt") for rank in range(processes)]
    assert re.fullmatch(rf"lr 0\.000 after {BUDGET} s\n", said)
    assert {start for start, *_ in ranks[0]} == {0, 1, 2}
    by_update = [{row[:2]: row[2] for row in rows} for rows in ranks]
    common = by_update[0].keys() & by_update[-1].keys()  # a killed rank has not recorded its last updates
    assert len(common) > 0.9 * len(by_update[0])
    assert all(by_update[0][key] == by_update[-1][key] for key in common)

    kept = {t: value for _, t, value, _ in ranks[0]}  # an update after the last checkpoint is made again
    values = [kept[t] for t in sorted(kept)]
    assert sorted(kept) == list(range(len(kept)))
    falling = values[values.index(max(values)) :]
    assert len(falling) > 0.8 * len(values)
    assert falling == sorted(falling, reverse=True)
    assert falling[0] == 0.1
    assert falling[-1] < 0.005

    collectives = defaultdict(list)
    for start, _, _, number in ranks[0]:
        collectives[start].append(number)
    for numbers in collectives.values():  # DDP sends the order of its buckets in the first two updates
        assert {later - number for number, later in pairwise(numbers[2:])} == {OWN}


@pytest.mark.long
def test_a_finished_budget_makes_no_further_update(tmp_path):
    shutil.copy(ROOT / "examples/several_machines/in_time.py", tmp_path / "train.py")
    said = [finished(torchrun("--standalone --nproc-per-node 1 train.py 0.5", tmp_path)) for _ in range(2)]

    assert said == ["lr 0.000 after 0.5 s\n"] * 2
