# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""Two runs never write to one folder; the owner of the lock is named, and a killed process releases it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest
from torch import nn

from paramsched.errors import FolderInUse, ParamschedError
from paramsched.mmengine.runner import CheckpointHook, Hook, Runner
from support.runner_jobs import loader, network


class At(Hook):
    """Calls a function after the second batch."""

    def __init__(self, function) -> None:
        self.function = function

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 1:
            self.function()


def job(folder: Path, then=None, *, resume: bool = False) -> Runner:
    runner = Runner(
        model=network(),
        work_dir=folder,
        train_dataloader=loader(4),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        loss=nn.functional.cross_entropy,
        default_hooks=dict(progress=None, checkpoint=CheckpointHook(interval=1, by_epoch=False)),
        custom_hooks=[At(then)] if then else [],
        resume=resume,
    )
    runner.train()
    return runner


@pytest.fixture
def other(tmp_path):
    """Yield a process with a child that trains in a folder and waits until it is killed."""
    reached, says = os.pipe()

    def wait() -> None:
        if not os.fork():  # as a worker of a DataLoader: it outlives its parent for a while
            signal.alarm(60)
            signal.pause()
        os.write(says, b".")
        signal.pause()

    process = os.fork()
    if not process:
        os.setsid()
        try:
            job(tmp_path / "run", wait)
        finally:
            os._exit(1)
    os.close(says)  # so that a child that failed does not block the test
    assert os.read(reached, 1)
    yield process
    os.killpg(process, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, 0)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_use_by_another_process_is_rejected_and_not_written(other, tmp_path, resume):
    before = files(tmp_path / "run")

    with pytest.raises(FolderInUse) as refusal:
        job(tmp_path / "run", resume=resume)

    assert isinstance(refusal.value, ParamschedError)
    assert f"process {other} on " in str(refusal.value)
    assert str(tmp_path / "run" / "run.lock") in str(refusal.value)
    assert files(tmp_path / "run") == before


def test_a_killed_process_releases_the_lock_even_if_its_children_survive(other, tmp_path):
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)

    resumed = job(tmp_path / "run", resume=True)

    assert resumed.iter == 4
    assert not (tmp_path / "run" / "run.lock").exists()


def test_a_second_run_in_the_same_process_is_rejected_during_the_first(tmp_path):
    refused = []

    def again() -> None:
        with pytest.raises(FolderInUse, match=f"process {os.getpid()} on "):
            job(tmp_path / "run")
        refused.append(True)

    job(tmp_path / "run", again)
    job(tmp_path / "run")  # consecutive runs are allowed

    assert refused


def test_a_failed_run_releases_the_folder(tmp_path):
    def fail() -> None:
        raise RuntimeError("a fault of the user's own")

    with pytest.raises(RuntimeError, match="own"):
        job(tmp_path / "run", fail)

    job(tmp_path / "run", resume=True)


def test_a_checkpoint_can_be_saved_after_the_run_but_not_during_another(tmp_path):
    runner = job(tmp_path / "run")

    def save() -> None:
        with pytest.raises(FolderInUse):
            runner.save_checkpoint("by_hand")

    job(tmp_path / "run", save)
    assert not (tmp_path / "run" / "by_hand").exists()
    runner.save_checkpoint("by_hand")

    assert (tmp_path / "run" / "by_hand" / "manifest.json").exists()
