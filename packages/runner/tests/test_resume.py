# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""A killed run resumes to the values, the log and the weights of an uninterrupted one."""

from __future__ import annotations

import logging
import math
import os
import random
import signal
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

import paramsched as ps
from paramsched.errors import PlanChanged, StateError
from paramsched_runner.runner import CheckpointHook, Hook, Runner, _checkpoints
from paramsched_runner.runner._checkpoints import NEWEST
from support.runner_jobs import loader, network
from support.runner_kills import Killer, assert_same_run, killed
from support.spread import spread

BATCHES = 10
EPOCHS = 4
KILLS = int(os.environ.get("PARAMSCHED_KILLS", "1"))

SCHEDULES = {
    "warmup": [
        dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=25),
        dict(type="MultiStepLR", by_epoch=True, milestones=[3], gamma=0.1),
    ],
    "gap": [
        dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=10),
        dict(type="StepLR", step_size=1, begin=3, end=4, gamma=0.5),
        dict(type="ExponentialLR", gamma=0.9, by_epoch=False, begin=32, end=40),
    ],
    "overlap": [
        dict(type="CosineAnnealingLR", eta_min=0.01, by_epoch=False, begin=0, end=35),
        dict(type="LinearLR", start_factor=0.5, by_epoch=True, begin=0, end=4),
        dict(type="LinearMomentum", start_factor=0.3, by_epoch=False, begin=5, end=30),
    ],
    "cooldown": [
        dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=8),
        dict(type="ReduceOnPlateauLR", monitor="loss", patience=0, threshold=0.9, cooldown=1, factor=0.5),
    ],
    "plan": ps.Plan(
        ps.Binding("lr", ps.warmup("20%") >> ps.cosine(to=0.1)),
        ps.Binding("lr", ps.parse('constant() * plateau("loss", patience=0, threshold=0.9, cooldown=1)')),
        momentum=ps.linear(0.5, 1.0),
        total="4 epochs",
    ),
}  # fmt: skip


def job(folder: Path, param_scheduler, *, resume=False, hooks=(), counts=1, interval=7, lr=0.1, **settings) -> Runner:
    model = nn.Sequential(network(), nn.Dropout(0.1))
    body = list(model.parameters())
    groups = [{"params": body[:2], "lr": lr}, {"params": body[2:], "lr": 0.02, "name": "head"}]
    runner = Runner(
        model=model,
        work_dir=folder,
        train_dataloader=loader(BATCHES, shuffle=True),
        val_dataloader=loader(2),
        optim_wrapper=dict(optimizer=torch.optim.SGD(groups, lr=0.1, momentum=0.9), accumulative_counts=counts),
        param_scheduler=param_scheduler,
        loss=nn.functional.cross_entropy,
        randomness=dict(seed=3),
        default_hooks=dict(checkpoint=CheckpointHook(interval=interval, by_epoch=False), progress=None),
        custom_hooks=list(hooks),
        resume=resume,
        **{"train_cfg": dict(by_epoch=True, max_epochs=EPOCHS), **settings},
    )
    runner.train()
    return runner


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Return a function that returns an uninterrupted run of a schedule; the same arguments share one run."""
    return cache(lambda schedule, **settings: job(tmp_path_factory.mktemp("whole"), SCHEDULES[schedule], **settings))


@pytest.mark.parametrize(
    ("schedule", "iteration", "counts"),
    [
        pytest.param("warmup", 16, 1, marks=pytest.mark.long),  # as in the kills during a checkpoint write
        ("gap", 23, 1),
        ("overlap", 19, 1),
        ("warmup", 16, 4),  # in the middle of a cycle, the checkpoint of iteration 14 too
        ("cooldown", 25, 1),
        ("plan", 25, 4),  # whose epochs of ten batches end with a cycle of two
        pytest.param("plan", 33, 1, marks=pytest.mark.long),
    ],
)
@pytest.mark.filterwarnings("ignore:accumulative_counts")
def test_a_killed_run_resumes_to_the_values_of_an_uninterrupted_one(
    uninterrupted, tmp_path, schedule, iteration, counts
):
    whole = uninterrupted(schedule, counts=counts)
    killer = Killer("after_train_iter", iteration, "LOWEST")

    killed(lambda: job(tmp_path / "killed", SCHEDULES[schedule], counts=counts, hooks=[killer]))
    resumed = job(tmp_path / "killed", SCHEDULES[schedule], counts=counts, resume=True)

    assert_same_run(resumed, whole)


@pytest.mark.parametrize(
    ("point", "iteration", "priority"),
    [
        ("before_train_iter", 0, "NORMAL"),
        ("before_save_checkpoint", 20, "NORMAL"),
        ("after_train_epoch", 30, "LOWEST"),
        ("after_train_iter", 29, "LOWEST"),  # the last batch of an epoch: the schedulers by epoch have not stepped yet
        ("after_val_iter", 20, "NORMAL"),
        ("after_val_epoch", 20, "LOWEST"),
        ("after_run", 40, "LOWEST"),
    ],
)
@pytest.mark.parametrize("interval", spread([5, 10], 5))
def test_a_run_may_be_killed_at_any_point(uninterrupted, tmp_path, point, iteration, priority, interval):
    whole = uninterrupted("cooldown", interval=interval)
    killer = Killer(point, iteration - 1 if point == "before_save_checkpoint" else iteration, priority)

    killed(lambda: job(tmp_path / "killed", SCHEDULES["cooldown"], hooks=[killer], interval=interval))
    resumed = job(tmp_path / "killed", SCHEDULES["cooldown"], resume=True, interval=interval)

    assert_same_run(resumed, whole)


@pytest.mark.parametrize("before", ["target", "part", "pointer", "cleared"])
def test_a_kill_during_a_checkpoint_write_keeps_a_complete_checkpoint(uninterrupted, tmp_path, before):
    whole = uninterrupted("warmup", counts=1)

    def run():
        rename = Path.rename
        write = _checkpoints.write_whole_file
        die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731

        def renaming(self, target):
            if "iter_28" in str(self) and before == ("part" if self.name.endswith(".part") else "target"):
                die()
            return rename(self, target)

        def writing(file, data):
            if b"iter_28" in data and before == "pointer":
                die()
            write(file, data)
            if b"iter_28" in data and before == "cleared":
                die()

        Path.rename = renaming
        _checkpoints.write_whole_file = writing
        (tmp_path / "killed" / "iter_28").mkdir(parents=True)  # left by an earlier run
        job(tmp_path / "killed", SCHEDULES["warmup"])

    killed(run)
    resumed = job(tmp_path / "killed", SCHEDULES["warmup"], resume=True)

    assert_same_run(resumed, whole)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_at_any_file_operation_keeps_a_complete_checkpoint(tmp_path, number):
    whole = job(tmp_path / "whole", SCHEDULES["warmup"], interval=3)

    def run():
        left = random.Random(number).randrange(80)

        def counted(call):
            def counting(*args, **kwargs):
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **kwargs)

            return counting

        for name in ("rename", "replace", "unlink", "mkdir", "rmdir", "truncate", "open"):
            setattr(os, name, counted(getattr(os, name)))
        job(tmp_path / "killed", SCHEDULES["warmup"], interval=3)

    killed(run)
    resumed = job(tmp_path / "killed", SCHEDULES["warmup"], resume=True, interval=3)

    assert_same_run(resumed, whole)


def test_a_run_by_iterations_resumes_in_the_middle_of_a_pass(tmp_path):
    settings = {"train_cfg": dict(by_epoch=False, max_iters=34, val_interval=7)}
    whole = job(tmp_path / "whole", SCHEDULES["overlap"][:1], **settings)
    killer = Killer("after_train_iter", 26, "LOWEST")

    killed(lambda: job(tmp_path / "killed", SCHEDULES["overlap"][:1], hooks=[killer], **settings))
    resumed = job(tmp_path / "killed", SCHEDULES["overlap"][:1], resume=True, **settings)

    assert_same_run(resumed, whole)


@pytest.fixture
def stopped(tmp_path):
    """Return a function that creates a folder with a checkpoint after two epochs."""
    folder = tmp_path / "run"

    def run(param_scheduler=None, epochs=2):
        job(
            folder,
            param_scheduler or SCHEDULES["overlap"][:2],
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            interval=20,
        )
        return folder

    return run


def test_a_changed_argument_is_logged_and_on_change_decides(stopped, caplog):
    folder = stopped(dict(type="StepLR", step_size=1, gamma=0.1))
    changed = dict(type="StepLR", step_size=1, gamma=0.5)

    with pytest.raises(PlanChanged, match=r"gamma: 0\.1 in the checkpoint, 0.5 now"):
        job(folder, changed, resume=True, on_change="error")
    with caplog.at_level(logging.WARNING, "paramsched"):
        new = job(folder, changed, resume=True)

    assert "gamma" in caplog.text
    assert new.values()["lr", 0] == pytest.approx(0.1 * 0.5**3)  # the last step is after the end


def test_the_argument_in_the_checkpoint_can_be_kept(stopped):
    folder = stopped(dict(type="StepLR", step_size=1, gamma=0.1))

    kept = job(folder, dict(type="StepLR", step_size=1, gamma=0.5), resume=True, on_change="checkpoint")

    assert kept.values()["lr", 0] == pytest.approx(0.1 * 0.1**3)


def test_a_new_length_alone_is_not_a_change(stopped):
    cosine = dict(type="CosineAnnealingLR", by_epoch=False)

    resumed = job(stopped(cosine), cosine, resume=True, on_change="error")

    assert resumed.schedulers[""][0].end == 40


@pytest.mark.parametrize(
    "schedulers",
    [
        [dict(type="StepLR", step_size=1), dict(type="LinearLR", end=4)],
        SCHEDULES["overlap"][:1],
        [*SCHEDULES["overlap"]],
        [dict(type="CosineAnnealingMomentum", by_epoch=False, end=35), SCHEDULES["overlap"][1]],
        "lr: cosine()",
    ],
)
def test_schedulers_that_differ_from_the_checkpoint_are_rejected(stopped, schedulers):
    folder = stopped()
    before = (folder / "values.jsonl").read_text()

    with pytest.raises(StateError):
        job(folder, schedulers, resume=True)

    assert (folder / "values.jsonl").read_text() == before


@pytest.mark.parametrize("exists", [False, True])
def test_resuming_without_a_checkpoint_starts_a_new_run(exists, tmp_path, caplog):
    settings = dict(param_scheduler=SCHEDULES["warmup"], train_cfg=dict(max_epochs=2))
    whole = job(tmp_path / "whole", **settings)
    if exists:
        (tmp_path / "asked").mkdir()

    with caplog.at_level(logging.INFO, "paramsched"):
        site = job(tmp_path / "asked", resume=True, **settings)

    assert_same_run(site, whole)
    assert caplog.text.count("no checkpoint in") == 1


class Reads(Hook):
    """Reads when the training begins which checkpoint a resumed run would load."""

    def before_train(self, runner):
        file = runner.work_dir / NEWEST
        self.text = file.read_text() if file.exists() else ""


def test_a_run_that_loads_only_weights_is_not_resumed_from_them(stopped, tmp_path):
    reads = Reads()
    settings = dict(param_scheduler=SCHEDULES["overlap"][:2], train_cfg=dict(max_epochs=1))

    job(tmp_path / "new", load_from=stopped() / "iter_20", hooks=[reads], **settings)

    assert reads.text == ""


def test_a_plan_takes_on_base_and_other_schedulers_refuse_it(tmp_path, caplog):
    job(tmp_path, SCHEDULES["plan"])

    resumed = job(tmp_path, SCHEDULES["plan"], resume=True, lr=0.05, on_base="code")

    assert resumed.schedulers[""][0].base_lrs == [0.05, 0.02]
    assert "resume: base of" not in caplog.text  # the plan has logged it
    with pytest.raises(ps.errors.InvalidArgument, match="it requires a Plan"):
        job(tmp_path / "other", SCHEDULES["warmup"], on_base="code")


def test_a_longer_run_resumes_with_the_new_end(stopped):
    cosine = dict(type="CosineAnnealingLR", by_epoch=False)
    folder = stopped(cosine)

    resumed = job(folder, cosine, resume=True, train_cfg=dict(by_epoch=True, max_epochs=4))

    assert len((folder / "values.jsonl").read_text().splitlines()) == 40
    assert resumed.schedulers[""][0].end == 40
    assert resumed.values()["lr", 0] == pytest.approx(0.1 * (1 + math.cos(math.pi * 39 / 40)) / 2)


def test_loading_only_weights_starts_a_new_run(stopped):
    folder = stopped()
    runner = Runner(model=nn.Sequential(network(1), nn.Dropout(0.1)), load_from=folder / "iter_20",
                    val_dataloader=loader(2), loss=nn.functional.cross_entropy)  # fmt: skip

    metrics = runner.val()

    last = (folder / "metrics.jsonl").read_text().splitlines()[-1]
    assert f'"loss": {metrics["loss"]}' in last


def test_an_unrelated_folder_is_not_a_checkpoint(tmp_path):
    (tmp_path / "strange").mkdir()

    with pytest.raises(StateError, match=r"runner\.pt"):
        job(tmp_path / "run", SCHEDULES["warmup"], resume=True, load_from=tmp_path / "strange")
