# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""Two runs never write into one folder; what holds it is named, and a killed process holds nothing."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest
from torch import nn

from paramsched.errors import FolderInUse, ParamschedError
from paramsched.runner import CheckpointHook, Hook, Runner
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
    """A process that trains in a folder, and waits in the middle until it is killed; with a child of its own."""
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
    os.read(reached, 1)
    yield process
    os.killpg(process, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, 0)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_which_another_process_runs_is_refused_and_nothing_is_written(other, tmp_path, resume):
    before = files(tmp_path / "run")

    with pytest.raises(FolderInUse) as refusal:
        job(tmp_path / "run", resume=resume)

    assert isinstance(refusal.value, ParamschedError)
    assert f"process {other} on " in str(refusal.value)
    assert str(tmp_path / "run" / "run.lock") in str(refusal.value)
    assert files(tmp_path / "run") == before


def test_a_killed_process_holds_nothing_though_its_children_live_on(other, tmp_path):
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)

    resumed = job(tmp_path / "run", resume=True)

    assert resumed.iter == 4
    assert not (tmp_path / "run" / "run.lock").exists()


def test_a_second_run_of_the_same_process_is_refused_while_the_first_lasts(tmp_path):
    refused = []

    def again() -> None:
        with pytest.raises(FolderInUse, match=f"process {os.getpid()} on "):
            job(tmp_path / "run")
        refused.append(True)

    job(tmp_path / "run", again)
    job(tmp_path / "run")  # one after another they may

    assert refused


def test_a_run_that_failed_leaves_the_folder_to_the_next(tmp_path):
    def fail() -> None:
        raise RuntimeError("a fault of the user's own")

    with pytest.raises(RuntimeError, match="own"):
        job(tmp_path / "run", fail)

    job(tmp_path / "run", resume=True)


def test_a_checkpoint_is_saved_by_hand_after_the_run_and_not_while_another_runs(tmp_path):
    runner = job(tmp_path / "run")

    def save() -> None:
        with pytest.raises(FolderInUse):
            runner.save_checkpoint("by_hand")

    job(tmp_path / "run", save)
    assert not (tmp_path / "run" / "by_hand").exists()
    runner.save_checkpoint("by_hand")

    assert (tmp_path / "run" / "by_hand" / "manifest.json").exists()
