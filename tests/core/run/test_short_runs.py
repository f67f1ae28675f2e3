"""A run that ends before its plan: one line at the normal end of its process, and none if it was meant."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import paramsched as ps
from paramsched.core.run.short import ShortRun
from support.tables import table

SOURCE = Path(__file__).parents[3] / "src"


def trained(updates, plan="linear()", total=100, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, plan, total=total, **options)
    for _ in range(updates):
        optimizer.step()
    return optimizer, scheduler


def found_at_the_end(scheduler):
    return ShortRun(scheduler._run, scheduler._job_end).problem()


@table(
    ("updates", "options", "parts"),
    [
        (30, {}, ["update 30 of 100", "lr 0.071", "ends at 0"]),
        (30, {"plan": "cosine(to=0.5)"}, ["update 30 of 100", "ends at 0.05"]),
        # 10 batches, of which 4 are an update: the loop makes 2 of 3 updates in each of 3 epochs.
        (6, {"total": "3 epochs", "batches_per_epoch": 10, "accumulation": 4}, ["6 of 9", "steps_per_epoch=2"]),
    ],
)
def test_a_run_that_ends_before_its_plan_is_found(updates, options, parts):
    _, scheduler = trained(updates, **options)

    found = found_at_the_end(scheduler)

    assert [part for part in parts if part not in found] == []


def test_a_run_that_goes_on_after_its_checkpoint_is_found():
    optimizer, scheduler = trained(50)
    optimizer.state_dict()
    optimizer.step()

    assert "update 51 of 100" in found_at_the_end(scheduler)


def saved_by_the_optimizer():
    optimizer, scheduler = trained(30)
    optimizer.state_dict()
    return scheduler


def saved_by_the_scheduler():
    _, scheduler = trained(30)
    scheduler.state_dict()
    return scheduler


def detached():
    _, scheduler = trained(30)
    scheduler.detach()
    return scheduler


def replaced():
    optimizer, scheduler = trained(30)
    ps.Scheduler(optimizer, "linear()", total=30)
    return scheduler


def sought():
    optimizer, scheduler = trained(30)
    scheduler.seek(10)
    optimizer.step()
    return scheduler


def stopped_in_time():
    optimizer, scheduler = trained(30, stop_before="in 1 s")
    time.sleep(1.1)
    optimizer.step()
    assert scheduler.should_stop
    return scheduler


def finished_by_another_process():
    optimizer, _ = trained(100)
    _, scheduler = trained(0, total=30)
    scheduler.load_state_dict(ps.Scheduler(optimizer, "linear()", total=100).state_dict())
    return scheduler


MEANT = {
    "the end": lambda: trained(100)[1],
    "a skipped update": lambda: trained(99)[1],
    "no update": lambda: trained(0)[1],
    "a constant": lambda: trained(30, "constant()")[1],
    "a constant tail": lambda: trained(30, "cosine(over=20)")[1],
    "no end": lambda: trained(30, ps.constant(), None)[1],
    **{one.__name__: one for one in (
        saved_by_the_optimizer, saved_by_the_scheduler, detached, replaced, sought, stopped_in_time,
        finished_by_another_process,
    )},
}  # fmt: skip


@pytest.mark.parametrize("name", MEANT)
def test_a_run_that_was_meant_to_end_is_silent(name):
    assert found_at_the_end(MEANT[name]()) == ""


def test_a_forked_process_is_silent():
    _, scheduler = trained(30)
    noted = ShortRun(scheduler._run, None)
    noted.process = os.getpid() + 1

    assert noted.problem() == ""


SCRIPT = """
import logging, torch
import paramsched as ps

logging.basicConfig(format="%(levelname)s %(message)s")

def train(updates):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, "linear()", total=100)
    for _ in range(updates):
        optimizer.step()
"""


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("[train(updates) for updates in (10, 20, 100, 30)]", ["WARNING", "update 30 of 100", "2 more"]),
        ("train(30); raise ValueError", []),
        pytest.param("train(30); raise KeyboardInterrupt", [], marks=pytest.mark.long),
        pytest.param("import pytest; train(30)", [], marks=pytest.mark.long),
    ],
)
def test_the_normal_end_of_a_process_logs_one_line(code, parts):
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT + code],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in ran.stderr.splitlines() if "the run ended" in line]

    assert len(told) == bool(parts)
    assert [part for part in parts if part not in told[0]] == []
