"""The values of DeepSpeed's schedulers, as in `deepspeed/runtime/lr_schedules.py` at edaa7221."""

import math
from typing import Any


def used_lr(name: str, params: dict[str, Any], lr: float, t: int) -> float:
    """Return the lr that update t uses: the value of `last_batch_iteration` t - 1."""
    if name == "LRRangeTest":
        risen = t / params["lr_range_test_step_size"]
        return params["lr_range_test_min_lr"] * (1 + params.get("lr_range_test_step_rate", 1.0) * risen)
    if name == "OneCycle":
        size = params["cycle_first_step_size"]
        low = params["cycle_min_lr"]
        high = params["cycle_max_lr"]
        return low + (high - low) * max(0.0, 1 - abs(t - size) / size)
    return _after_warmup(name, params, lr, t - 1)


def _after_warmup(name: str, params: dict[str, Any], lr: float, count: int) -> float:
    warmup = max(2, params["warmup_num_steps"])
    total = params.get("total_num_steps", 0)
    if count < 0:
        return 0.0
    top = params.get("warmup_max_lr", 0.001) if name == "WarmupDecayLR" else lr
    if count < warmup:
        is_linear = params.get("warmup_type", "log") == "linear"
        return top * (count / warmup if is_linear else math.log(count + 1) / math.log(warmup))
    if name == "WarmupCosineLR":
        elapsed = min(1.0, (count - warmup + 1) / max(1, total - warmup))
        return lr * (0.0001 + (1 - 0.0001) * (1 + math.cos(math.pi * elapsed)) / 2)
    if name == "WarmupDecayLR":
        return top * max(0.0, (total - count) / max(1, total - warmup))
    return top
