# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""A damaged Runner checkpoint raises an error with the file name and changes nothing, or the damage is harmless."""

from __future__ import annotations

import hashlib
import itertools
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from paramsched.errors import ParamschedError
from paramsched.mmengine.runner import CheckpointHook, Hook, Runner
from support.figures import record
from support.runner_jobs import loader, network
from support.spread import every

EPOCHS = 3
pytestmark = pytest.mark.filterwarnings("ignore:accumulative_counts")
KINDS = ("missing", "empty", "truncated", "bit flip", "longer", "another file's content", "an older file's content")


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


def spoil(file: Path, kind: str, place: float = 0.5) -> None:
    """Damage a file, where `place` is a fraction of its length."""
    data = file.read_bytes()
    at = min(int(place * len(data)), len(data) - 1)
    if kind == "missing":
        file.unlink()
    elif kind == "another file's content":
        others = sorted(path for path in file.parents[1].rglob("epoch_2/*") if path.name != file.name)
        file.write_bytes(others[int(place * len(others)) % len(others)].read_bytes())
    elif kind == "an older file's content":
        older = file.parents[1] / "epoch_1" / file.name
        file.write_bytes(older.read_bytes() if older.exists() else b"epoch_1\n")
    else:
        flipped = data[:at] + bytes([data[at] ^ 1 << int(place * 1000) % 8]) + data[at + 1 :]
        file.write_bytes({"empty": b"", "truncated": data[:at], "bit flip": flipped, "longer": data + b"\0"}[kind])


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


FILES = ("model.safetensors", "optimizer.bin", "random_states_0.pkl", "runner.pt", "manifest.json", "gradients_0.pt")


@pytest.mark.parametrize(
    ("kind", "name"), every(3, itertools.product(KINDS, [*(f"epoch_2/{file}" for file in FILES), "last_checkpoint"]))
)
def test_the_error_of_a_damaged_file_names_it_and_suggests_an_older_checkpoint(stopped, tmp_path, name, kind):
    folder = shutil.copytree(stopped, tmp_path / "run")
    spoil(folder / name, kind)

    said = refusal_of(Job(folder))

    assert str(folder / name) in said
    assert re.search(r"load_from='(.*)';", said)[1] in (str(folder / "epoch_1"), str(folder / "epoch_2"))


@pytest.mark.parametrize("name", ["epoch_2/model.safetensors", "epoch_2/manifest.json", "last_checkpoint"])
def test_the_suggested_checkpoint_resumes_to_the_same_result(stopped, whole, tmp_path, name):
    folder = shutil.copytree(stopped, tmp_path / "run")
    spoil(folder / name, "bit flip")
    offered = re.search(r"load_from='(.*)';", refusal_of(Job(folder)))[1]

    Job(folder).train(load_from=offered)

    assert_ends_as(folder, whole)


def assert_ends_as(folder: Path, whole: list[object]) -> None:
    """Check that the resumed run has the same weights and logs as an undamaged run."""
    job = Job(folder)
    job.train()

    assert [job.memory()[0], (folder / "values.jsonl").read_text(), (folder / "metrics.jsonl").read_text()] == whole


@pytest.fixture(scope="module")
def tally():
    """Record the number of tried damages at the end."""
    names: list[str] = []
    yield names
    record("checkpoints", tried=len(names), what="generated damages of a Runner's checkpoint, pointer or log")


@given(
    st.sampled_from(
        [*(f"epoch_{n}/{file}" for n in (1, 2) for file in FILES), "last_checkpoint", "values.jsonl", "metrics.jsonl"]
    ),
    st.sampled_from(KINDS),
    st.floats(0, 1, exclude_max=True),
)
def test_generated_damage_raises_an_error_with_the_file_name_or_is_harmless(
    stopped, whole, tally, tmp_path_factory, name, kind, place
):
    folder = shutil.copytree(stopped, tmp_path_factory.mktemp("damaged") / "run")
    file = folder / name
    if not file.exists():
        return
    before = file.read_bytes()
    spoil(file, kind, place)
    tally.append(name)
    size = None
    if name.endswith(".jsonl"):  # data after the checkpoint is truncated anyway
        state = torch.load(stopped / "epoch_2" / "runner.pt", weights_only=True)
        size = state["hooks"]["LoggerHook.1"][name.removesuffix(".jsonl")]["bytes"]
    is_needed = not name.startswith("epoch_1/")

    if is_needed and (not file.exists() or file.read_bytes()[:size] != before[:size]):
        assert str(file) in refusal_of(Job(folder))
    else:
        Job(folder).train()
        assert_ends_as(folder, whole)
