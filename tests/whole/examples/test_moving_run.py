"""The example of a run that may move: killed at random on 4, 2, 3 and 4 processes, it is one run over its tokens."""

import json
import random
import re
import shutil
import time

import pytest
import torch
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

import paramsched as ps
from support.example_runs import ROOT
from support.spread import spread
from support.torchrun import finished, kill_one_worker, torchrun, wait_for

TRAIN = ROOT / "examples" / "moving_run" / "train.py"
PLAN = ps.loads(re.search(r'^PLAN = """\n(.*?)"""', TRAIN.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1])
FACTS = ps.Calendar(sequence_length=16)
SEQUENCES = 4000


def killed(processes, folder, updates):
    """Run a job, and kill one of its processes after a number of updates of its own."""
    log = folder / "run" / "updates-0.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    agent = torchrun(f"--standalone --nproc-per-node {processes} {TRAIN} run", folder)
    wait_for(agent, folder, "run/updates-0.jsonl")
    while len(log.read_text().splitlines()) < before + updates:
        assert agent.poll() is None, agent.communicate()[1]
        time.sleep(0.002)
    kill_one_worker(agent)
    agent.wait(timeout=300)
    assert agent.returncode != 0


def ended(processes, folder):
    """Run a job to the end of the plan; return the token from which it continued."""
    said = finished(torchrun(f"--standalone --nproc-per-node {processes} {TRAIN} run", folder))
    return int(re.search(rf"^{processes} processes, from token (\d+) on$", said, re.MULTILINE)[1])


def lines_of(folder):
    """Return the updates that each rank has made, also those that a kill has undone."""
    return [
        [json.loads(line) for line in (folder / "run" / f"updates-{rank}.jsonl").read_text().splitlines()]
        for rank in range(4)
    ]


def last_state(folder):
    """Return the states of the last checkpoint, which are those of the whole model."""
    newest = max((folder / "run").glob("tokens-*/.metadata")).parent
    dcp_to_torch_save(newest, folder / "whole.pt")
    return newest.name, torch.load(folder / "whole.pt", weights_only=False)


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.parametrize("seed", spread([1, 2, 3], 1))
def test_a_run_that_is_killed_and_moved_is_one_run_over_its_tokens(seed, tmp_path):
    draw, moved, copied = random.Random(seed), tmp_path / "moved", tmp_path / "copied"
    moved.mkdir()
    for processes in (4, 2, 3):
        killed(processes, moved, draw.randint(10, 30))
    shutil.copytree(moved, copied)
    killed(4, moved, draw.randint(8, 25))
    resumed = ended(4, moved)

    ranks = lines_of(moved)
    final = {line["token"]: line["processes"] for line in ranks[0]}
    sizes = [len(one) for one in ps.BatchSampler(PLAN, SEQUENCES, calendar=FACTS)]
    tokens = [16 * sum(sizes[:t]) for t in range(len(sizes))]
    assert sorted(final) == tokens
    assert set(final.values()) == {2, 3, 4}
    assert set(sizes) == {12, 24, 36, 48}

    trace = ps.trace(PLAN, {"lr": 0.02, "weight_decay": 0.01}, FACTS)
    planned = dict(zip(tokens, zip(trace["lr"].tolist(), trace["weight_decay"].tolist(), strict=True), strict=True))
    assert all((one["lr"], one["weight_decay"]) == planned[one["token"]] for lines in ranks for one in lines)

    last = [{line["token"]: line["sequences"] for line in lines} for lines in ranks]
    seen = [one for token in tokens for rank in range(final[token]) for one in last[rank][token]]
    assert seen == [one for batch in ps.BatchSampler(PLAN, SEQUENCES, calendar=FACTS) for one in batch]
    assert len(set(seen)) == len(seen)

    assert ended(4, copied) < resumed  # the same processes, without the last kill
    (name, states), (same, others) = last_state(moved), last_state(copied)
    assert name == same
    torch.testing.assert_close(states["model"], others["model"], rtol=0, atol=0)
    torch.testing.assert_close(states["optimizer"]["state"], others["optimizer"]["state"], rtol=0, atol=0)


def test_every_batch_can_be_shared_by_the_numbers_of_processes_that_the_script_names():
    for count in (1, 2, 3, 4, 6, 12):
        ps.BatchSampler(PLAN, SEQUENCES, calendar=FACTS, num_replicas=count, rank=count - 1)
    with pytest.raises(ps.errors.InvalidArgument, match="12 samples, which cannot be divided among 5 processes"):
        ps.BatchSampler(PLAN, SEQUENCES, calendar=FACTS, num_replicas=5, rank=0)
