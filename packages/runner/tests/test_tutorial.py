# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""The tutorial's unmodified snippets for a Runner, trained on digits.

Changed are only the import lines, `...` (filled in: loader, train_cfg, hooks, loss), and `SGD(model,` to
`model.parameters()`.
The expected values are those of real MMEngine's schedulers, stepped as its Runner steps them.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from paramsched.mmengine.runner import Runner
from paramsched.mmengine.schedulers import MultiStepLR
from support import mmengine_original
from support.runner_jobs import QUIET, Recorder, loader, network
from support.spread import spread

pytest.importorskip("mmengine")

cross_entropy = torch.nn.functional.cross_entropy


@pytest.fixture(autouse=True)
def separate_folder(tmp_path, monkeypatch):
    """Use a separate folder, because runs of two pytest workers would share `work_dir`."""
    monkeypatch.chdir(tmp_path)


def used_by(param_scheduler, optimizer, *, batches: int, epochs: int, model=None) -> np.ndarray:
    """Train, and return the values of each update."""
    recorder = Recorder(mmengine_original.present)
    recorder.watch(optimizer)
    model = model or optimizer.owner
    Runner(
        model=model,
        optim_wrapper=dict(optimizer=optimizer),
        param_scheduler=param_scheduler,
        train_dataloader=loader(batches, size=2),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        default_hooks=QUIET,
        loss=cross_entropy,
    ).train()
    return np.array(recorder.rows)


def owned(name: str = "SGD", groups: int = 1) -> torch.optim.Optimizer:
    """An optimizer with the values of `mmengine_original.optimizer_of`, over a network."""
    model = network()
    like = mmengine_original.optimizer_of(name, groups)
    parameters = list(model.parameters())
    described = [
        {**{key: value for key, value in group.items() if key != "params"}, "params": parameters[index::groups]}
        for index, group in enumerate(like.param_groups)
    ]
    optimizer = type(like)(described, lr=0.1)
    optimizer.owner = model
    return optimizer


def expected(configs, *, batches: int, epochs: int, optimizer_name: str = "SGD", groups: int = 1) -> np.ndarray:
    optimizer = mmengine_original.optimizer_of(optimizer_name, groups)
    built = mmengine_original.built_by_original(configs, optimizer, epochs, batches)
    return mmengine_original.run(built, optimizer, epochs, batches)


def test_a_scheduler_built_by_hand():
    from torch.optim import SGD

    model = network()
    train_dataloader = loader(20, size=2)
    recorder = Recorder(lambda optimizer: optimizer.param_groups[0]["lr"])

    optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)
    param_scheduler = MultiStepLR(optimizer, milestones=[8, 11], gamma=0.1)
    recorder.watch(optimizer)

    runner = Runner(
        model=model,
        optim_wrapper=dict(optimizer=optimizer),
        param_scheduler=param_scheduler,
        train_dataloader=train_dataloader,
        train_cfg=dict(by_epoch=True, max_epochs=12),
        default_hooks=QUIET,
        loss=cross_entropy,
    )
    runner.train()

    assert recorder.rows == pytest.approx([0.01] * 160 + [0.001] * 60 + [0.0001] * 20, rel=1e-12)


def test_a_scheduler_built_from_epochs():
    from torch.optim import SGD

    model = network()
    train_dataloader = loader(7, size=2)
    recorder = Recorder(lambda optimizer: optimizer.param_groups[0]["lr"])
    optimizer = SGD(model.parameters(), lr=0.1)
    recorder.watch(optimizer)

    epoch_length = len(train_dataloader)
    param_scheduler = MultiStepLR.build_iter_from_epoch(
        optimizer, milestones=[8, 11], gamma=0.1, epoch_length=epoch_length
    )
    runner = Runner(
        model=model,
        optim_wrapper=dict(optimizer=optimizer),
        param_scheduler=param_scheduler,
        train_dataloader=train_dataloader,
        train_cfg=dict(by_epoch=True, max_epochs=12),
        default_hooks=QUIET,
        loss=cross_entropy,
    )
    runner.train()

    assert recorder.rows == pytest.approx([0.1] * 56 + [0.01] * 21 + [0.001] * 7, rel=1e-12)


SNIPPETS = {
    "by epoch": (12, dict(type="MultiStepLR", by_epoch=True, milestones=[8, 11], gamma=0.1)),
    "by iteration": (50, dict(type="MultiStepLR", by_epoch=False, milestones=[600, 800], gamma=0.1)),
    "converted": (
        12,
        dict(type="MultiStepLR", by_epoch=True, milestones=[8, 11], gamma=0.1, convert_to_iter_based=True),
    ),
    "cosine": (12, dict(type="CosineAnnealingLR", by_epoch=True, T_max=12)),
    "cosine converted": (12, dict(type="CosineAnnealingLR", by_epoch=True, T_max=12, convert_to_iter_based=True)),
    "warmup": (
        12,
        [
            dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=50),
            dict(type="MultiStepLR", by_epoch=True, milestones=[8, 11], gamma=0.1),
        ],
    ),
    "warmup and cosine": (
        50,
        [
            dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=100),
            dict(type="CosineAnnealingLR", T_max=800, by_epoch=False, begin=100, end=900),
        ],
    ),
    "momentum": (
        52,
        [
            dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=100),
            dict(type="LinearMomentum", start_factor=0.001, by_epoch=False, begin=0, end=1000),
        ],
    ),
    "any parameter": (
        52,
        [dict(type="LinearParamScheduler", param_name="lr", start_factor=0.001, by_epoch=False, begin=0, end=1000)],
    ),
    "weight decay": (
        52,
        [
            dict(
                type="LinearParamScheduler",
                param_name="weight_decay",
                start_factor=0.001,
                by_epoch=False,
                begin=0,
                end=1000,
            )
        ],
    ),
}


@pytest.mark.parametrize("name", spread(SNIPPETS, "by epoch", "converted", "cosine converted", "warmup", "momentum"))
def test_a_config_of_the_tutorial_uses_the_values_of_mmengine(name):
    epochs, param_scheduler = SNIPPETS[name]
    many = param_scheduler if isinstance(param_scheduler, list) else [param_scheduler]

    used = used_by(param_scheduler, owned(), batches=20, epochs=epochs)

    mmengine_original.assert_same(used, expected(many, batches=20, epochs=epochs), "SGD", 1)


def test_momentum_of_adam_with_three_groups_equals_mmengine():
    configs = [
        dict(type="CosineAnnealingLR", eta_min=0.001, by_epoch=False, begin=10, end=50),
        dict(type="LinearMomentum", start_factor=0.5, by_epoch=True, begin=0, end=5),
    ]

    used = used_by(configs, owned("Adam", 3), batches=10, epochs=6)

    mmengine_original.assert_same(
        used, expected(configs, batches=10, epochs=6, optimizer_name="Adam", groups=3), "Adam", 3
    )


def test_overlaps_chain_in_list_order_and_gaps_keep_the_value():
    linear = dict(type="LinearLR", start_factor=0.5, end=5)
    cosine = dict(type="CosineAnnealingLR", T_max=5, eta_min=0.05)
    late = dict(type="StepLR", step_size=1, begin=7)
    for configs in ([linear, cosine, late], [cosine, linear, late]):
        used = used_by(configs, owned(), batches=2, epochs=10)

        mmengine_original.assert_same(used, expected(configs, batches=2, epochs=10), "SGD", 1)
