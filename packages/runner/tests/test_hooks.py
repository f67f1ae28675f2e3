# configs are spelled as MMEngine spells them
"""The order of hook calls equals that of MMEngine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from paramsched.mmengine.runner import CheckpointHook, Hook, Runner
from support.runner_jobs import WithTrainStep, loader, network

mmengine = pytest.importorskip("mmengine")

POINTS = [
    f"{when}_{what}"
    for what in [
        "run", "train", "val", "test", "train_epoch", "val_epoch", "test_epoch", "train_iter", "val_iter", "test_iter",
        "save_checkpoint", "load_checkpoint",
    ]
    for when in ["before", "after"]
]  # fmt: skip


def recorder(base: type) -> object:
    """Return a hook of that class that records each hook point and the position of the run."""
    seen: list[tuple] = []

    def point(name):
        def note(self, runner, batch_idx=None, **_):
            seen.append((name, runner.epoch, runner.iter, batch_idx))

        return note

    points = {name: point(name) for name in POINTS if hasattr(base, name)}
    hook = type("Recorder", (base,), {"priority": "VERY_HIGH", **points})()
    hook.seen = seen
    return hook


class Worse:
    """A metric that only gets worse."""

    def __init__(self) -> None:
        self.calls = 0

    def process(self, data_batch, data_samples) -> None:
        pass

    def evaluate(self, size):
        self.calls += 1
        return {"loss": float(self.calls)}


def stopper(base):
    """Return a hook that stops the run after its third validation."""

    class Stopper(base):
        priority = "LOWEST"
        validations = 0

        def after_val_epoch(self, runner, metrics=None):
            self.validations += 1
            runner.train_loop.stop_training = self.validations >= 3

    return Stopper()


@pytest.fixture
def original(monkeypatch):
    """Run MMEngine's Runner; return the calls of its hooks."""
    from mmengine.evaluator import Evaluator
    from mmengine.hooks import CheckpointHook as PeersCheckpointHook
    from mmengine.hooks import Hook as PeersHook
    from mmengine.optim import OptimWrapper
    from mmengine.runner import Runner as PeersRunner

    monkeypatch.setattr("mmengine.runner.loops.time.sleep", lambda _: None)

    class Metric(Worse, Evaluator):
        def __init__(self):
            Worse.__init__(self)

    def run(tmp_path, *, counts, stopping, checkpoint, with_val, **settings):
        hook = recorder(PeersHook)
        model = WithTrainStep()
        evaluated = {"val_dataloader": loader(2), "val_cfg": {}, "val_evaluator": Metric()} if with_val else {}
        PeersRunner(
            model=model,
            work_dir=str(tmp_path / "original"),
            # By default, the second in which it begins: MMEngine warns of two runs in one second.
            experiment_name=str(tmp_path),
            optim_wrapper=OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=counts),
            custom_hooks=[hook, *([stopper(PeersHook)] if stopping else [])],
            default_hooks={"checkpoint": PeersCheckpointHook(**checkpoint)} if checkpoint else None,
            log_level="ERROR",
            **evaluated,
            **settings,
        ).train()
        return hook.seen

    return run


def paramsched_run(tmp_path, *, counts, stopping, checkpoint, with_val, **settings):
    hook = recorder(Hook)
    model = WithTrainStep()
    evaluated = {"val_dataloader": loader(2), "val_cfg": {}, "val_evaluator": Worse()} if with_val else {}
    Runner(
        model=model,
        work_dir=tmp_path / "paramsched",
        optim_wrapper={"optimizer": torch.optim.SGD(model.parameters(), lr=0.1), "accumulative_counts": counts},
        custom_hooks=[hook, *([stopper(Hook)] if stopping else [])],
        default_hooks={"checkpoint": CheckpointHook(**checkpoint)} if checkpoint else None,
        **evaluated,
        **settings,
    ).train()
    return hook.seen


BY_EPOCH = {"by_epoch": True, "max_epochs": 3}
BY_ITERATION = {"by_epoch": False, "max_iters": 11}


@pytest.mark.parametrize(
    ("train_cfg", "with_val", "counts"),
    [
        (BY_EPOCH, True, 1),
        (BY_EPOCH, False, 4),
        (BY_EPOCH | {"val_interval": 2, "val_begin": 2}, True, 4),
        (BY_EPOCH | {"val_interval": 3, "max_epochs": 7, "dynamic_intervals": [(4, 1), (6, 2)]}, True, 1),
        (BY_ITERATION | {"val_interval": 3}, True, 1),
        (BY_ITERATION | {"val_interval": 4, "dynamic_intervals": [(7, 2)]}, True, 3),
        (BY_ITERATION, False, 4),
    ],
)
def test_hook_points_run_in_the_order_of_mmengine(original, tmp_path, train_cfg, with_val, counts):
    job = {"train_dataloader": loader(5), "train_cfg": train_cfg, "with_val": with_val, "counts": counts}

    assert paramsched_run(tmp_path, stopping=False, checkpoint=None, **job) == original(
        tmp_path, stopping=False, checkpoint=None, **job
    )


@pytest.mark.parametrize(
    "train_cfg", [BY_EPOCH | {"max_epochs": 9}, BY_ITERATION | {"val_interval": 2, "max_iters": 20}]
)
def test_a_run_that_stops_early_ends_as_in_mmengine(original, tmp_path, train_cfg):
    job = {"train_dataloader": loader(5), "train_cfg": train_cfg, "with_val": True, "counts": 1}

    seen = paramsched_run(tmp_path, stopping=True, checkpoint=None, **job)

    assert seen == original(tmp_path, stopping=True, checkpoint=None, **job)
    assert seen[-1][2] < 20


@pytest.mark.parametrize("checkpoint", [{"interval": 2, "by_epoch": False}, {"interval": 2, "save_begin": 1}])
def test_checkpoints_are_saved_when_mmengine_saves_them(original, tmp_path, checkpoint):
    job = {"train_dataloader": loader(5), "train_cfg": BY_EPOCH, "with_val": True, "counts": 1, "stopping": False}

    assert paramsched_run(tmp_path, checkpoint=checkpoint, **job) == original(tmp_path, checkpoint=checkpoint, **job)


def test_the_hook_on_the_page_stops_the_run(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "engines" / "mmengine.md").read_text()
    names: dict[str, object] = {}
    exec(re.search(r"### Hooks.*?```python\n(.*?)```", page, re.DOTALL)[1], names)
    runner = Runner(
        network(),
        work_dir=tmp_path,
        train_dataloader=loader(2),
        train_cfg={"by_epoch": True, "max_epochs": 5},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        param_scheduler="lr: step('1 epoch', gamma=1e-3)",
        loss=torch.nn.functional.cross_entropy,
        custom_hooks=[{"type": "StopAtLowRate"}],
    )

    runner.train()

    assert runner.epoch == 2
