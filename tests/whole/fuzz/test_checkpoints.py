# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""A damaged Runner checkpoint raises an error with the name of the file, and changes nothing."""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from paramsched.errors import ParamschedError
from paramsched.mmengine.runner import CheckpointHook, Hook, Runner
from support.runner_jobs import loader, network
from support.spread import every

EPOCHS = 3
pytestmark = pytest.mark.filterwarnings("ignore:accumulative_counts")


class StopAfter(Hook):
    """Stop the training early, as a user does."""

    priority = "LOWEST"

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def after_train_epoch(self, runner):
        runner.train_loop.stop_training = runner.epoch + 1 == self.epochs


class Job:
    """A run of three epochs, and the state that must not change if its checkpoint is rejected."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = nn.Sequential(network(), nn.Dropout(0.1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)

    def train(self, *, resume: bool = True, **settings) -> Runner:
        runner = Runner(
            model=self.model,
            work_dir=self.folder,
            train_dataloader=loader(3, shuffle=True),
            val_dataloader=loader(1),
            train_cfg=dict(by_epoch=True, max_epochs=EPOCHS),
            optim_wrapper=dict(
                optimizer=self.optimizer, accumulative_counts=4
            ),  # so that gradients wait in a checkpoint
            param_scheduler=dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=9),
            loss=nn.functional.cross_entropy,
            randomness=dict(seed=3),
            default_hooks=dict(progress=None, checkpoint=CheckpointHook(interval=1)),
            resume=resume,
            **settings,
        )
        self.random = self.now_random()
        runner.train()
        return runner

    def memory(self) -> list[object]:
        states = (self.model.state_dict(), self.optimizer.state_dict()["state"])
        return [[value.tolist() for value in states[0].values()], states[1], self.optimizer.param_groups[0]["lr"]]

    def now_random(self) -> tuple[object, ...]:
        return torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002  # that one


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """Return a run that stopped after two of three epochs."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    Job(folder).train(resume=False, custom_hooks=[StopAfter(2)])
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory, stopped) -> list[object]:
    """Return the result of the run without damage."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(stopped, folder)
    job = Job(folder)
    job.train()
    return [job.memory()[0], (folder / "values.jsonl").read_text(), (folder / "metrics.jsonl").read_text()]


def spoil(file: Path, kind: str) -> None:
    """Damage a file."""
    data = file.read_bytes()
    if kind == "missing":
        file.unlink()
    else:
        file.write_bytes(b"" if kind == "empty" else data[: len(data) // 2])


def tree(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refusal_of(job: Job, **settings) -> str:
    """Return the error message; check that memory and disk are unchanged."""
    on_disk, in_memory = tree(job.folder), job.memory()

    with pytest.raises(ParamschedError) as refusal:
        job.train(**settings)

    assert tree(job.folder) == on_disk
    assert job.memory() == in_memory
    then, now = job.random, job.now_random()
    assert torch.equal(then[0], now[0])
    assert then[1:] == now[1:]
    return str(refusal.value)


FILES = ("model.safetensors", "optimizer.bin", "random_states_0.pkl", "runner.pt")
"""The files of a checkpoint without which no run resumes."""


@pytest.mark.parametrize(("kind", "name"), every(3, itertools.product(["missing", "empty", "truncated"], FILES)))
def test_a_damaged_file_is_named_and_nothing_changes(stopped, tmp_path, name, kind):
    folder = shutil.copytree(stopped, tmp_path / "run")
    spoil(folder / "epoch_2" / name, kind)

    assert name in refusal_of(Job(folder))


def test_an_older_checkpoint_resumes_to_the_same_result(stopped, whole, tmp_path):
    folder = shutil.copytree(stopped, tmp_path / "run")
    spoil(folder / "epoch_2" / "runner.pt", "empty")
    refusal_of(Job(folder))

    Job(folder).train(load_from=folder / "epoch_1")

    assert_ends_as(folder, whole)


def assert_ends_as(folder: Path, whole: list[object]) -> None:
    """Check that the resumed run has the same weights and logs as an undamaged run."""
    job = Job(folder)
    job.train()

    assert [job.memory()[0], (folder / "values.jsonl").read_text(), (folder / "metrics.jsonl").read_text()] == whole
