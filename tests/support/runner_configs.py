# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""A Runner config that uses every entry, for tests that make one entry invalid."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from torch import nn

from support.runner_jobs import loader, network

DATASET = loader(3).dataset
GOOD: dict[str, Any] = dict(
    model=network(),
    work_dir="never made",
    train_dataloader=dict(
        dataset=DATASET, batch_size=4, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=True)
    ),
    train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=1, val_begin=1),
    val_dataloader=dict(dataset=DATASET, batch_size=4),
    val_cfg=dict(),
    optim_wrapper=dict(
        type="OptimWrapper",
        optimizer=dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=1e-4),
        accumulative_counts=2,
        clip_grad=dict(max_norm=1.0),
    ),
    param_scheduler=[
        dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=4),
        dict(type="CosineAnnealingMomentum", T_max=3, eta_min=0.1, by_epoch=True, begin=1),
    ],
    default_hooks=dict(
        checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=2), logger=dict(type="LoggerHook", interval=5)
    ),
    custom_hooks=[dict(type="LoggerHook", interval=3, priority="LOW")],
    auto_scale_lr=dict(base_batch_size=16, enable=False),
    randomness=dict(seed=1, deterministic=False, diff_rank_seed=False),
    resume=False,
    on_change="new",
    loss=nn.functional.cross_entropy,
)


def good() -> dict[str, Any]:
    """Return a deep copy of the config that shares the model and the data."""
    return copy.deepcopy(GOOD, {id(kept): kept for kept in (GOOD["model"], DATASET)})


def places(config: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every entry."""
    entries = config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))
