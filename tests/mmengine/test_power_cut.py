# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""After a kill or a power cut at any call, a run resumes from its newest complete checkpoint."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from torch import nn

from paramsched.errors import ParamschedError
from paramsched.mmengine import disk
from paramsched.mmengine.runner import CheckpointHook, Hook, Runner
from paramsched.mmengine.runner._checkpoints import Checkpoints, read_runner_state
from paramsched.mmengine.runner.hooks.logger import require_kept_part
from support.figures import record
from support.power_cuts import Recorder, recorded, write_tree
from support.runner_jobs import loader, network

CUTS_AT_A_MOMENT = 3  # besides the cut that keeps only flushed files, and the kill that keeps all files


class Saved(Hook):
    """Count the checkpoints that the run reported as complete."""

    priority = "LOWEST"

    def __init__(self) -> None:
        self.iteration = 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if (runner.iter + 1) % 2 == 0:
            self.iteration = runner.iter + 1


def job(folder: Path, *, saved: Hook | None = None, resume: bool = False) -> Runner:
    runner = Runner(
        model=nn.Sequential(network(), nn.Dropout(0.1)),
        work_dir=folder,
        train_dataloader=loader(3, shuffle=True),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9)),
        param_scheduler=dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=6),
        loss=nn.functional.cross_entropy,
        randomness=dict(seed=3),
        default_hooks=dict(progress=None, checkpoint=CheckpointHook(interval=2, by_epoch=False, max_keep_ckpts=1)),
        custom_hooks=[saved] if saved else [],
        resume=resume,
    )
    runner.train()
    return runner


def losses_after_power_cuts(folder: Path) -> tuple[list[str], list[dict[str, bytes]]]:
    """Return the failures after a kill and power cuts at each moment of a run, and the remaining trees."""
    chance, saved, trees, lost = random.Random(0), Saved(), [], []
    seen: set[int] = set()
    home = folder.parent
    accelerator = Runner(network()).accelerator

    def each_moment(recorder: Recorder) -> None:
        cuts = [recorder.after_cut(draw) for draw in (None, *[chance] * CUTS_AT_A_MOMENT)]
        for tree in (recorder.after_kill(), *cuts):
            key = hash((saved.iteration, *sorted((name, hash(data)) for name, data in tree.items())))
            if key not in seen:
                seen.add(key)
                trees.append((saved.iteration, tree))

    folder.mkdir(parents=True)
    with recorded(folder, each_moment):
        job(folder, saved=saved)
    for number, (iteration, tree) in enumerate(trees):
        left = write_tree(tree, home / f"cut_{number}")
        try:
            found = Checkpoints(left, accelerator).newest()
            reached = 0
            if found is not None:
                state = read_runner_state(found)
                reached = state["meta"]["iter"]
                require_kept_part(left / "values.jsonl", state["hooks"]["LoggerHook.1"]["values"])
            if reached not in (iteration, iteration + 2):
                lost.append(f"cut {number}: resumes at {reached}, and {iteration} was saved")
        except ParamschedError as error:
            lost.append(f"cut {number}: {error}")
    return lost, [tree for _, tree in trees]


@pytest.fixture(scope="module")
def cuts(tmp_path_factory):
    return losses_after_power_cuts(tmp_path_factory.mktemp("cuts") / "run")


def test_a_power_cut_at_any_moment_keeps_a_complete_checkpoint(cuts):
    lost, trees = cuts

    record(
        "power cuts",
        tried=len(trees),
        failed=len(lost),
        what="states of the disk after a kill or a power cut at each call of a run",
    )
    assert not lost
    assert len(trees) > 100


def test_a_run_resumed_after_a_power_cut_ends_with_the_same_log_and_weights(cuts, tmp_path):
    _, trees = cuts
    whole = job(tmp_path / "whole")

    for number, tree in enumerate(random.Random(1).sample(trees, 8)):
        left = write_tree(tree, tmp_path / f"left_{number}")
        resumed = job(left, resume=True)

        assert (left / "values.jsonl").read_text() == (whole.work_dir / "values.jsonl").read_text()
        for name, expected in whole.model.state_dict().items():
            assert torch.equal(resumed.model.state_dict()[name], expected), name


@pytest.mark.parametrize("forgotten", ["flush_path", "flush_tree"])
def test_without_flushes_some_power_cut_loses_a_checkpoint(tmp_path, monkeypatch, forgotten):
    monkeypatch.setattr(disk, forgotten, lambda path: None)

    lost, _ = losses_after_power_cuts(tmp_path / "run")

    assert lost
