"""DeepSpeed's own schedulers, from the file of a clone, and their formulas.

`PARAMSCHED_DEEPSPEED` is the path of a clone of deepspeedai/DeepSpeed. Without it, only the formulas are used.
"""

import logging
import math
import sys
from fractions import Fraction
from functools import cache
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch

from compat.clones import import_peer


def used(name: str, params: dict[str, Any], lr: float, t: int) -> tuple[float, float | None]:
    """Return the lr and the first beta that update t uses: the value of `last_batch_iteration` t - 1."""
    i = t - 1
    if name.startswith("Warmup"):
        length, kind = max(2, params["warmup_num_steps"]), params.get("warmup_type", "log")
        total = params.get("total_num_steps", 0)
        risen = 0.0 if i < 0 else math.log(i + 1) / math.log(length) if kind == "log" else i / length
        if name == "WarmupCosineLR":
            first, last = params.get("warmup_min_ratio", 0.0), params.get("cos_min_ratio", 0.0001)
            elapsed = min(1, (i - length + 1) / max(1, total - length))
            wave = last + (1 - last) * (1 + math.cos(math.pi * elapsed)) / 2
            return lr * (0.0 if i < 0 else first + (1 - first) * risen if i < length else wave), None
        low = params.get("warmup_min_lr", 0.0)
        high = params.get("warmup_max_lr", lr if name == "WarmupLR" else 0.001)
        fallen = 1.0 if name == "WarmupLR" else max(0.0, (total - i) / max(1, total - length))
        return low + (high - low) * (risen if i < length else fallen), None
    if name == "LRRangeTest":
        risen = t / params["lr_range_test_step_size"]
        risen = math.floor(risen) if params.get("lr_range_test_staircase") else risen
        return params["lr_range_test_min_lr"] * (1 + params["lr_range_test_step_rate"] * risen), None
    first, low, high = params["cycle_first_step_size"], params["cycle_min_lr"], params["cycle_max_lr"]
    second = params.get("cycle_second_step_size", first)
    least, most = params.get("cycle_min_mom", 0.8), params.get("cycle_max_mom", 0.9)
    if t >= first + second:
        decay = params.get("decay_step_size", 0)
        elapsed = (t - first - second) / decay if decay else 0.0
        lr = low / (1 + params.get("decay_lr_rate", 0.0) * elapsed)
        return lr, most * (1 + params.get("decay_mom_rate", 0.0) * elapsed)
    rises = params.get("cycle_first_stair_count", 0)
    share, count = (Fraction(t, first), rises) if t <= first else (Fraction(first + second - t, second), None)
    count = params.get("cycle_second_stair_count", rises) if count is None else count
    share = float(math.floor(share * count) / count if count else share)
    return low + (high - low) * share, least if t == 0 else most - (most - least) * share


@cache
def schedulers() -> ModuleType:
    """Return DeepSpeed's module `lr_schedules`; skip the test without a clone."""
    package, utils = ModuleType("deepspeed"), ModuleType("deepspeed.utils")
    utils.logger = logging.getLogger("deepspeed")  # type: ignore[attr-defined]
    with patch.dict(sys.modules, {"deepspeed": package, "deepspeed.utils": utils}):
        return import_peer("PARAMSCHED_DEEPSPEED", "deepspeed.runtime.lr_schedules")


def used_by_deepspeed(name: str, params: dict[str, Any], lr: float, updates: int) -> list[tuple[float, float | None]]:
    """Return the lr and the first beta that each update of DeepSpeed's engine uses."""
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=lr)
    scheduler = getattr(schedulers(), name)(optimizer, **params)
    found = []
    for _ in range(updates):
        (group,) = optimizer.param_groups
        found.append((float(group["lr"]), group["betas"][0] if name == "OneCycle" else None))
        scheduler.step()
    return found
