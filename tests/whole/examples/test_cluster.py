"""The example on several processes: killed under torchrun, it continues on another number of them as planned."""

import json
import re

import pytest

import paramsched as ps
from support.example_runs import ROOT
from support.spread import spread
from support.torchrun import finished, kill_one_worker, torchrun, wait_for

TRAIN = ROOT / "examples" / "cluster" / "train.py"
BATCH, SAMPLES = 32, 3000  # of the script
PLAN = ps.Plan(
    lr='warmup("300 samples") >> cosine(to=0.01)',
    weight_decay='constant(over="1500 samples") >> linear(1.0, 0.2)',
    clock="samples",
    horizon=f"{SAMPLES} samples",
)

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize(("before", "after"), spread([(4, 2), (2, 4), (2, 1)], (2, 1)))
def test_a_killed_run_continues_on_another_number_of_processes_as_planned(before, after, tmp_path):
    killed = torchrun(f"--standalone --nproc-per-node {before} {TRAIN} run", tmp_path)
    wait_for(killed, tmp_path, "run/*/.metadata")
    kill_one_worker(killed)
    killed.wait(timeout=300)

    said = finished(torchrun(f"--standalone --nproc-per-node {after} {TRAIN} run", tmp_path))

    assert killed.returncode != 0
    resumed = int(re.search(rf"^{after} processes, from sample (\d+) on$", said, re.MULTILINE)[1])
    assert (tmp_path / "run" / f"samples-{resumed:06}" / ".metadata").exists()
    samples = {before: range(0, SAMPLES, BATCH * before), after: range(resumed, SAMPLES, BATCH * after)}
    counts = []
    for rank in range(max(before, after)):
        lines = [json.loads(line) for line in (tmp_path / "run" / f"values-{rank}.jsonl").read_text().splitlines()]
        counts.append(len(lines))
        for processes in samples:
            mine = [line for line in lines if line["processes"] == processes]
            seen = list(samples[processes])[: len(mine)]
            assert [line["sample"] for line in mine] == seen
            assert [line["used"] for line in mine] == planned(seen)
        assert len(mine) == (len(samples[after]) if rank < after else 0)
    assert re.findall(r"^rank .*$", said, re.MULTILINE) == [
        f"rank {rank}: planned = used at {count} of {count} updates" for rank, count in enumerate(counts)
    ]
    assert float(re.search(r"accuracy ([\d.]+)%", said)[1]) > 90


def planned(samples: list[int]) -> list[dict]:
    """Return the values of the plan at these samples, as the script logs them."""
    trace = ps.trace(PLAN, {"lr": 3e-3, "weight_decay": 0.05}, amounts=samples)
    rows = zip(trace["lr"].tolist(), trace["weight_decay"].tolist(), strict=True)
    return [{"decay": [lr, decay], "no_decay": [lr, 0.0]} for lr, decay in rows]
