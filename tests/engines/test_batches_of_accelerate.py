"""A loop with Accelerate trains the planned batches, after a kill and in two processes."""

import json

import pytest

import paramsched as ps
from engines.planned_batches import BATCHES, BY_SAMPLES, LENGTH, STAIRS
from support.torchrun import finished, torchrun

pytest.importorskip("accelerate")
from engines import accelerate_batches as job


@pytest.mark.parametrize("workers", [0, 2])
def test_the_model_sees_the_planned_batches_also_after_a_kill(workers, tmp_path):
    (tmp_path / "killed").mkdir()

    whole = job.train(tmp_path, BY_SAMPLES, workers=workers)
    first = job.train(tmp_path / "killed", BY_SAMPLES, 8, workers=workers)
    again = job.train(tmp_path / "killed", BY_SAMPLES, workers=workers)

    trace = ps.trace(BY_SAMPLES, {"lr": 0.1})
    assert whole["seen"] == BATCHES
    assert [len(batch) for batch in BATCHES] == [round(size) for size in trace["batch_size"]]
    assert (first["seen"], again["seen"]) == (BATCHES[:8], BATCHES[6:])
    assert (again["t"], again["w"]) == (whole["t"], whole["w"])
    assert whole["t"] == trace.total


def test_a_constant_accumulation_and_epochs_of_a_plan_without_a_total(tmp_path):
    plan = ps.Plan(STAIRS, lr="linear()")

    done = job.train(tmp_path, plan, accumulation=2, epochs=3)

    facts = ps.RunFacts(accumulation=2, total=f"{3 * LENGTH} samples")
    assert done["seen"] == list(ps.BatchSampler(plan, LENGTH, seed=7, facts=facts))
    assert done["t"] == done["total"] == len(done["seen"]) / 2


def test_the_total_of_a_plan_takes_precedence_over_epochs(tmp_path):
    done = job.train(tmp_path, BY_SAMPLES, epochs=30)

    assert done["seen"] == BATCHES


@pytest.mark.long
def test_two_processes_share_each_batch(tmp_path):
    found = {}
    for kind, kill in (("killed", 8), ("whole", 0)):
        finished(torchrun(f"--standalone --nproc_per_node=2 {job.__file__} {tmp_path} {kill}", tmp_path))
        found[kind] = [json.loads((tmp_path / f"{kind}-{rank}.json").read_text()) for rank in (0, 1)]
    (tmp_path / "alone").mkdir()
    alone = job.train(tmp_path / "alone", BY_SAMPLES)

    joined = {
        kind: [a + b for a, b in zip(*(one["seen"] for one in both), strict=True)] for kind, both in found.items()
    }
    assert joined == {"killed": BATCHES[:8], "whole": BATCHES[6:]}
    assert found["whole"][0]["w"] == found["whole"][1]["w"] == pytest.approx(alone["w"], rel=1e-5)
    for one in found["whole"]:
        assert "Do not pass the loader to accelerator.prepare" in one["refused"]
