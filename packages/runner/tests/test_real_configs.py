# ruff: noqa: C408  # configs are written as MMEngine's users write them
"""Configs of the shapes in public repositories, trained in MMEngine's Runner and in this one.

Lengths are shortened to an epoch of 8 batches. Compared are the values of every group in each iteration, the calls of
hooks of three priorities, the updates, and the weights at the end.
"""

from __future__ import annotations

import copy
import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("mmengine")

from accelerate.state import AcceleratorState, GradientState
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model import BaseModel

from mmengine import registry
from mmengine import runner as original
from paramsched.mmengine.runner import Runner
from paramsched.mmengine.schedulers import PARAM_SCHEDULERS
from support.spread import spread

BATCHES = 8
SIZE = 4


@registry.DATASETS.register_module(name="ToyImages")
class Images(torch.utils.data.Dataset):
    """Samples as in the repositories: a dict of an image and its annotation."""

    def __init__(self, length: int = BATCHES * SIZE) -> None:
        generator = torch.Generator().manual_seed(1)
        self.images = torch.rand(length, 3, 4, 4, generator=generator)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.images[index]
        return {"inputs": image, "data_samples": {"level": float(image.mean()), "index": index}}


@registry.MODELS.register_module(name="ToyDetector")
class Detector(BaseModel):
    """A backbone with a normalization, and a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.backbone = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, 1)
        self.level_embed = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        features = self.backbone(torch.stack(inputs)).mean((2, 3))  # `inputs` is a list, as `pseudo_collate` makes it
        predicted = self.head(features)[:, 0] * self.level_embed
        if mode != "loss":
            return list(predicted)
        wanted = torch.tensor(data_samples["level"], dtype=torch.float32)
        return {"loss_level": (predicted - wanted).square().mean(), "loss_l1": (predicted - wanted).abs().mean()}


@registry.METRICS.register_module(name="ToyMetric")
class Metric(BaseMetric):
    """A metric that improves until the second validation."""

    default_prefix = "coco"

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def process(self, data_batch, data_samples):
        self.results += [0] * len(data_samples)

    def compute_metrics(self, results):
        assert len(results) == BATCHES * SIZE
        self.calls += 1
        return {"mAP": min(self.calls, 2) / 10}


POINTS = [
    f"{when}_{what}"
    for what in (
        *("run", "train", "val", "train_epoch", "val_epoch", "train_iter", "val_iter", "save_checkpoint"),
        *("test", "test_epoch", "test_iter", "load_checkpoint"),
    )
    for when in ("before", "after")
]


class Recorder(Hook):
    """Records each call with the position of the run and the values of every group."""

    def __init__(self, label: str, calls: list[Any]) -> None:
        self.label = label
        self.calls = calls


def _recorded(name: str) -> Any:
    def point(self: Recorder, runner: Any, batch_idx: int | None = None, **_: Any) -> None:
        if name == "before_train" and self.label == "VERY_HIGH":
            optimizer = runner.optim_wrapper.optimizer
            optimizer.register_step_pre_hook(lambda *_: self.calls.append(("update", "step", [])))
        values = values_of(runner.optim_wrapper) if name.endswith(("train_iter", "train_epoch", "val")) else []
        self.calls.append((self.label, name, runner.epoch, runner.iter, batch_idx, values))

    return point


for _name in POINTS:
    if hasattr(Hook, _name):
        setattr(Recorder, _name, _recorded(_name))


def values_of(wrapper: Any) -> list[float]:
    """Return lr, momentum and weight decay of every group."""
    return [
        float(value)
        for group in wrapper.optimizer.param_groups
        for value in (group["lr"], group.get("momentum", group.get("betas", (0,))[0]), group["weight_decay"])
    ]


SGD = dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=1e-4)
ADAMW = dict(type="AdamW", lr=4e-3, betas=(0.9, 0.999), weight_decay=0.05)
WARMUP = dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=10)
NO_DECAY = dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True)


def epochs(count: int, **more: Any) -> dict[str, Any]:
    return dict(train_cfg=dict(type="EpochBasedTrainLoop", max_epochs=count, **more))


def iterations(count: int, **more: Any) -> dict[str, Any]:
    return dict(train_cfg=dict(type="IterBasedTrainLoop", max_iters=count, **more))


def optimizer(optimizer: dict[str, Any], **more: Any) -> dict[str, Any]:
    return dict(optim_wrapper=dict(type="OptimWrapper", optimizer=optimizer, **more))


def validated() -> dict[str, Any]:
    return dict(val_dataloader=loader(), val_cfg=dict(type="ValLoop"), val_evaluator=dict(type="ToyMetric"))


def loader(sampler: str = "DefaultSampler", **more: Any) -> dict[str, Any]:
    return dict(
        dataset=dict(type="ToyImages"), sampler=dict(type=sampler, shuffle=False), batch_size=SIZE, num_workers=0,
        persistent_workers=False, **more,
    )  # fmt: skip


def converted(name: str, begin: float, end: float, **more: Any) -> dict[str, Any]:
    return dict(type=name, begin=begin, end=end, by_epoch=True, convert_to_iter_based=True, **more)


CONFIGS: dict[str, dict[str, Any]] = {
    "detection, 1x": dict(
        **epochs(12, val_interval=1), **optimizer(SGD), **validated(),
        param_scheduler=[WARMUP, dict(type="MultiStepLR", begin=0, end=12, by_epoch=True, milestones=[8, 11])],
        auto_scale_lr=dict(enable=False, base_batch_size=16),
    ),
    "detection, scaled lr": dict(
        **epochs(3), **optimizer(SGD, accumulative_counts=2),
        param_scheduler=[WARMUP, dict(type="MultiStepLR", end=3, by_epoch=True, milestones=[2])],
        auto_scale_lr=dict(enable=True, base_batch_size=16),
    ),
    "detection, transformer with a slow backbone": dict(
        **epochs(5),
        **optimizer(
            dict(type="AdamW", lr=1e-4, weight_decay=1e-4), clip_grad=dict(max_norm=0.1, norm_type=2),
            paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=0.1, decay_mult=1.0)}),
        ),
        param_scheduler=dict(type="MultiStepLR", begin=0, end=5, by_epoch=True, milestones=[4], gamma=0.1),
    ),
    "detection, real time": dict(
        **epochs(8, val_interval=4, dynamic_intervals=[(6, 1)]), **validated(),
        **optimizer(ADAMW, paramwise_cfg=NO_DECAY),
        param_scheduler=[
            dict(type="LinearLR", start_factor=1e-5, by_epoch=False, begin=0, end=20),
            converted("CosineAnnealingLR", 4, 8, eta_min=2e-4, T_max=4),
        ],
        default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=4, max_keep_ckpts=3)),
    ),
    "detection, converted warmup and constant end": dict(
        **epochs(6),
        **optimizer(dict(SGD, nesterov=True), paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0)),
        param_scheduler=[
            converted("LinearLR", 0, 1, start_factor=0.1),
            converted("CosineAnnealingLR", 1, 5, eta_min=1e-3, T_max=4),
            dict(type="ConstantLR", by_epoch=True, factor=1, begin=5, end=6),
        ],
    ),
    "segmentation, iterations": dict(
        **iterations(40, val_interval=16), **optimizer(dict(SGD, lr=0.01)), **validated(),
        train_dataloader=loader("InfiniteSampler"),
        param_scheduler=[dict(type="PolyLR", eta_min=1e-4, power=0.9, begin=0, end=40, by_epoch=False)],
        default_hooks=dict(
            timer=dict(type="IterTimerHook"),
            logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
            param_scheduler=dict(type="ParamSchedulerHook"),
            checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=16),
            sampler_seed=dict(type="DistSamplerSeedHook"),
        ),
        log_processor=dict(by_epoch=False),
    ),
    "segmentation, transformer": dict(
        **iterations(30),
        **optimizer(
            dict(ADAMW, lr=6e-5, weight_decay=0.01),
            paramwise_cfg=dict(
                custom_keys={"level_embed": dict(decay_mult=0.0), "head": dict(lr_mult=10.0)}
            ),
        ),
        train_dataloader=loader("InfiniteSampler"),
        param_scheduler=[
            dict(type="LinearLR", start_factor=1e-6, by_epoch=False, begin=0, end=10),
            dict(type="PolyLR", eta_min=0.0, power=1.0, begin=10, end=30, by_epoch=False),
        ],
    ),
    "segmentation, validation from a later iteration": dict(
        **iterations(24, val_begin=9, val_interval=4), **optimizer(SGD, accumulative_counts=2), **validated(),
        train_dataloader=loader("InfiniteSampler"),
        param_scheduler=dict(type="MultiStepLR", by_epoch=False, milestones=[10, 20], gamma=0.5),
    ),
    "pose, heatmap": dict(
        **epochs(7, val_interval=2), **optimizer(dict(type="Adam", lr=5e-4)), **validated(),
        param_scheduler=[WARMUP, dict(type="MultiStepLR", begin=0, end=7, milestones=[4, 6], gamma=0.1, by_epoch=True)],
        default_hooks=dict(checkpoint=dict(save_best="coco/mAP", rule="greater", type="CheckpointHook", interval=2)),
        auto_scale_lr=dict(base_batch_size=512),
    ),
    "pose, real time": dict(
        **epochs(6, val_interval=6), **validated(), **optimizer(ADAMW, paramwise_cfg=NO_DECAY),
        param_scheduler=[
            dict(type="LinearLR", start_factor=1e-5, by_epoch=False, begin=0, end=15),
            converted("CosineAnnealingLR", 3, 6, eta_min=2e-4, T_max=3),
        ],
        default_hooks=dict(checkpoint=dict(type="CheckpointHook", save_best="auto", interval=6, max_keep_ckpts=1)),
        randomness=dict(seed=21),
    ),
    "classification, convolutional": dict(
        train_cfg=dict(by_epoch=True, max_epochs=5, val_interval=1), **optimizer(SGD), **validated(),
        param_scheduler=dict(type="MultiStepLR", by_epoch=True, milestones=[2, 4], gamma=0.1),
    ),
    "classification, transformer": dict(
        train_cfg=dict(by_epoch=True, max_epochs=5),
        **optimizer(
            dict(ADAMW, lr=1e-3, eps=1e-8), clip_grad=dict(max_norm=5.0),
            paramwise_cfg=dict(
                norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0,
                custom_keys={".level_embed": dict(decay_mult=0.0)},
            ),
        ),
        param_scheduler=[
            dict(type="LinearLR", start_factor=1e-3, by_epoch=True, end=2, convert_to_iter_based=True),
            dict(type="CosineAnnealingLR", eta_min=1e-5, by_epoch=True, begin=2),
        ],
        default_hooks=dict(timer=dict(type="IterTimerHook"), runtime_info=None),
    ),
    "classification, several epochs of one cycle": dict(
        **epochs(4), **optimizer(SGD),
        param_scheduler=dict(type="OneCycleLR", eta_max=0.1, total_steps=4 * BATCHES, by_epoch=False),
    ),
    "self-supervised, masked": dict(
        train_cfg=dict(type="EpochBasedTrainLoop", max_epochs=6),
        optim_wrapper=dict(
            type="AmpOptimWrapper", loss_scale="dynamic", optimizer=dict(ADAMW, betas=(0.9, 0.95)),
            paramwise_cfg=dict(custom_keys={"ln": dict(decay_mult=0.0), "bias": dict(decay_mult=0.0)}),
        ),
        param_scheduler=[
            converted("LinearLR", 0, 2, start_factor=0.0001),
            converted("CosineAnnealingLR", 2, 6, T_max=4),
        ],
        default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=3)),
        randomness=dict(seed=0, diff_rank_seed=True),
    ),
    "self-supervised, contrastive": dict(
        **epochs(5), **optimizer(SGD, accumulative_counts=4),
        param_scheduler=[dict(type="CosineAnnealingLR", T_max=5, by_epoch=True, begin=0, end=5)],
        custom_hooks=[dict(type="ToyHook", priority="NORMAL")],
    ),
    "3d detection, cycle of lr and momentum": dict(
        **epochs(5), **optimizer(dict(ADAMW, betas=(0.95, 0.99)), clip_grad=dict(max_norm=10, norm_type=2)),
        param_scheduler=[
            converted("CosineAnnealingLR", 0, 2, T_max=2, eta_min=0.04),
            converted("CosineAnnealingLR", 2, 5, T_max=3, eta_min=4e-7),
            converted("CosineAnnealingMomentum", 0, 2, T_max=2, eta_min=0.85 / 0.95),
            converted("CosineAnnealingMomentum", 2, 5, T_max=3, eta_min=1),
        ],
    ),
    "action recognition": dict(
        **epochs(6, val_begin=1, val_interval=5), **validated(),
        **optimizer(SGD, clip_grad=dict(max_norm=40, norm_type=2)),
        param_scheduler=[
            converted("LinearLR", 0, 2, start_factor=0.1),
            converted("CosineAnnealingLR", 2, 6, T_max=4, eta_min=0),
        ],
    ),
    "text detection": dict(
        **epochs(4, val_interval=2), **optimizer(dict(SGD, lr=0.007)), **validated(),
        param_scheduler=[dict(type="PolyLR", power=0.9, eta_min=1e-7, end=4)],
    ),
    "restoration": dict(
        **iterations(32), train_dataloader=loader("InfiniteSampler"),
        optim_wrapper=dict(
            constructor="DefaultOptimWrapperConstructor", type="OptimWrapper",
            optimizer=dict(type="Adam", lr=2e-4, betas=(0.9, 0.99)),
        ),
        param_scheduler=dict(
            type="CosineRestartLR", by_epoch=False, periods=[8] * 4, restart_weights=[1] * 4, eta_min=1e-7
        ),
    ),
    "language model, finetuned": dict(
        **epochs(3),
        **optimizer(
            dict(ADAMW, lr=2e-4, weight_decay=0), clip_grad=dict(max_norm=1, error_if_nonfinite=False),
            accumulative_counts=4,
        ),
        param_scheduler=[
            converted("LinearLR", 0, 0.03 * 10, start_factor=1e-5),
            converted("CosineAnnealingLR", 0.03 * 10, 3, eta_min=0.0),
        ],
        default_hooks=dict(
            logger=dict(type="LoggerHook", log_metric_by_epoch=False, interval=10),
            checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=10, max_keep_ckpts=2),
        ),
    ),
    "a plateau of the metric": dict(
        **epochs(7, val_interval=1), **optimizer(SGD), **validated(),
        param_scheduler=[
            WARMUP, dict(type="ReduceOnPlateauLR", monitor="coco/mAP", rule="greater", factor=0.5, patience=1)
        ],
    ),
    "schedulers of a hook that is replaced": dict(
        **epochs(3), **optimizer(SGD, accumulative_counts=3),
        param_scheduler=[
            dict(type="LinearParamScheduler", param_name="weight_decay", start_factor=0.5, end=2),
            dict(type="ExponentialLR", gamma=0.9, by_epoch=False),
            dict(type="StepMomentum", step_size=1, gamma=0.9),
        ],
        default_hooks=dict(checkpoint=None, logger=None),
    ),
}  # fmt: skip

_runs = itertools.count()


@registry.HOOKS.register_module(name="ToyHook")
class Idle(Hook):
    """A hook of a repository, without effect."""


def trained(runner_class: Any, config: dict[str, Any], folder: Any, *, build: bool) -> tuple[list[Any], Any]:
    """Train; return the recorded calls and the weights."""
    config = copy.deepcopy(config)
    calls = []
    hooks = [(priority, Recorder(priority, calls)) for priority in ("VERY_HIGH", "NORMAL", "VERY_LOW")]
    config.setdefault("train_dataloader", loader())
    config.setdefault("custom_hooks", [])
    entries = dict(
        model=dict(type="ToyDetector"), work_dir=str(folder), **config,
    )  # fmt: skip
    if runner_class is original.Runner or not build:
        entries |= dict(log_level="ERROR", experiment_name=f"{folder.parent.name}_{next(_runs)}")
    if build:
        model = Detector()
        built = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
        schedulers = registry.PARAM_SCHEDULERS if runner_class is original.Runner else PARAM_SCHEDULERS
        entries |= dict(model=model, optim_wrapper=dict(type="OptimWrapper", optimizer=built))
        entries["param_scheduler"] = [
            schedulers.build({**scheduler, "optimizer": built}) for scheduler in config["param_scheduler"]
        ]
    runner = runner_class(**entries) if build else runner_class.from_cfg(entries)
    for priority, hook in hooks:
        runner.register_hook(hook, priority)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner.train()
    return calls, runner.model.state_dict()


@pytest.fixture(autouse=True)
def process_restored():
    yield
    close_loggers()


def close_loggers() -> None:
    """Close the files of MMEngine's loggers, and let the next Accelerator have another precision."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
    MMLogger._instance_dict.clear()


def check(config: dict[str, Any], folder: Any, *, build: bool = False, compares_weights: bool = True) -> None:
    as_original = copy.deepcopy(config)
    if config.get("optim_wrapper", {}).get("type") == "AmpOptimWrapper":  # MMEngine's needs a GPU
        as_original["optim_wrapper"] |= {"type": "OptimWrapper"}
        del as_original["optim_wrapper"]["loss_scale"]
        compares_weights = False
    expected, weights = trained(original.Runner, as_original, folder / "original", build=build)
    actual, own_weights = trained(Runner, config, folder / "drop_ins", build=build)

    if "save_best" in (config.get("default_hooks", {}).get("checkpoint") or {}):
        # MMEngine's hook saves the latest checkpoint once more after the best one (see CheckpointHook).
        actual, expected = (
            [call for call in calls if "save_checkpoint" not in call[1]] for calls in (actual, expected)
        )
    assert [call[:-1] for call in actual] == [call[:-1] for call in expected]
    for call, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(call[-1], wanted[-1], rtol=1e-13, err_msg=str(call[:-1]))
    assert any(call[0] == "update" for call in actual)
    if compares_weights:
        torch.testing.assert_close(own_weights, weights, rtol=1e-6, atol=1e-8)


OF_EACH_KIND = (
    "detection, transformer with a slow backbone", "detection, real time", "segmentation, iterations",
    "segmentation, validation from a later iteration", "pose, real time", "self-supervised, masked",
    "3d detection, cycle of lr and momentum", "restoration", "language model, finetuned", "a plateau of the metric",
)  # fmt: skip


@pytest.mark.parametrize("name", spread(CONFIGS, *OF_EACH_KIND))
def test_a_config_trains_as_in_mmengine(name, tmp_path):
    check(CONFIGS[name], tmp_path)


def test_built_objects_train_as_in_mmengine(tmp_path):
    schedulers = [WARMUP, dict(type="MultiStepLR", milestones=[1, 2]), dict(type="StepMomentum", step_size=2)]

    check(dict(**epochs(3), param_scheduler=schedulers), tmp_path, build=True)
