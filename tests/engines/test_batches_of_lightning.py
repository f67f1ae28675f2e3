"""Lightning trains the planned batches: in epochs of any length, after a kill, and in two processes."""

import json
import logging

import pytest

import paramsched as ps
from engines.planned_batches import BATCHES, BY_SAMPLES, LENGTH, STAIRS
from paramsched.errors import InvalidArgument, MissingFact
from support.spread import spread
from support.torchrun import finished, torchrun

pytest.importorskip("lightning.pytorch")
from engines import lightning_batches as job

pytestmark = pytest.mark.filterwarnings("ignore")
BY_UPDATES = ps.Plan(STAIRS, lr="linear()", total=14)


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_module_sees_the_planned_batches_also_after_a_kill(workers, tmp_path):
    whole, first, again = (
        job.Model(BY_SAMPLES, workers),
        job.Model(BY_SAMPLES, workers, kill=8),
        job.Model(BY_SAMPLES, workers),
    )

    trainer = job.fit(tmp_path / "whole", whole)
    job.fit(tmp_path / "killed", first)
    resumed = job.fit(tmp_path / "killed", again)

    trace = ps.trace(BY_SAMPLES, {"lr": 0.1})
    assert whole.seen == BATCHES
    assert [len(batch) for batch in whole.seen] == [round(size) for size in trace["batch_size"]]
    assert trainer.global_step == resumed.global_step == trace.total
    assert (first.seen, again.seen) == (BATCHES[:8], BATCHES[6:])
    assert again.w.item() == whole.w.item()
    assert whole.validated == again.validated == 2  # at the end of the only epoch


@pytest.mark.parametrize(("limit", "epochs"), spread([(5, 4), (1, 18)], (5, 4)))
def test_the_run_may_be_divided_into_epochs(limit, epochs, tmp_path):
    options = {"max_epochs": 20, "limit_train_batches": limit}
    whole, first, again = job.Model(BY_SAMPLES), job.Model(BY_SAMPLES, kill=8), job.Model(BY_SAMPLES)

    trainer = job.fit(tmp_path / "whole", whole, **options)
    job.fit(tmp_path / "killed", first, **options)
    resumed = job.fit(tmp_path / "killed", again, **options)

    assert whole.seen == BATCHES
    assert again.seen == BATCHES[6:]
    assert trainer.current_epoch == resumed.current_epoch == epochs
    assert whole.validated == 2 * epochs


@pytest.mark.parametrize(("interval", "count"), [(0.5, 2), (0.3, 4), (4, 5), (1.0, 1)])
def test_validations_within_the_epoch_are_divided_by_the_planned_batches(interval, count, tmp_path):
    module = job.Model(BY_SAMPLES)
    assert len(BATCHES) == 18

    job.fit(tmp_path, module, val_check_interval=interval)

    assert module.validated == 2 * count  # of two batches each, one of them at the end


def test_batches_accumulate_and_a_plan_without_a_total_ends_at_max_steps(tmp_path, caplog):
    first, again = job.Model(BY_UPDATES, kill=11), job.Model(BY_UPDATES)
    job.fit(tmp_path / "killed", first, accumulate_grad_batches=2)
    trainer = job.fit(tmp_path / "killed", again, accumulate_grad_batches=2)
    open_ended = job.Model(ps.Plan(STAIRS, lr="linear()"))
    steps = job.fit(tmp_path / "open", open_ended, max_steps=9, max_epochs=-1).global_step

    expected = list(ps.BatchSampler(BY_UPDATES, LENGTH, seed=7, accumulation=2))
    assert (first.seen, again.seen) == (expected[:11], expected[6:])
    assert trainer.global_step == 14
    assert steps == 9
    assert [len(batch) for batch in open_ended.seen] == [4] * 4 + [8] * 4 + [12]
    assert "takes precedence" not in caplog.text


def test_the_length_of_an_epoch_is_unknown_because_the_plan_schedules_it(tmp_path):
    with pytest.raises(MissingFact, match=r"or the plan schedules its batches.*PlanCallback\(..., steps_per_epoch="):
        job.fit(tmp_path, job.Model(ps.Plan(STAIRS, lr="step('1 epochs')", total=14)))


def test_a_planned_accumulation_is_refused(tmp_path):
    accumulating = ps.Plan(STAIRS, ps.Binding(ps.Target("accumulation", 1), "constant(2)"), lr="linear()", total=4)

    with pytest.raises(InvalidArgument, match="accumulates the same number of batches"):
        job.fit(tmp_path, job.Model(accumulating))


@pytest.mark.long
def test_two_processes_share_each_batch_and_need_their_own_sampler(tmp_path):
    found = {}
    for kind in ("killed", "whole", "refused"):
        finished(torchrun(f"--standalone --nproc_per_node=2 {job.__file__} {tmp_path} {kind}", tmp_path))
        found[kind] = [json.loads((tmp_path / f"{kind}-{rank}.json").read_text()) for rank in (0, 1)]

    joined = {
        kind: [a + b for a, b in zip(*(one["seen"] for one in found[kind]), strict=True)]
        for kind in ("killed", "whole")
    }
    assert joined == {"killed": BATCHES[:8], "whole": BATCHES[6:]}
    alone = job.Model(BY_SAMPLES)
    job.fit(tmp_path / "alone", alone)
    assert found["whole"][0]["w"] == found["whole"][1]["w"] == pytest.approx(alone.w.item(), rel=1e-5)
    for refusal in found["refused"]:
        assert "use_distributed_sampler=False" in refusal
