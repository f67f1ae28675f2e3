"""The formulas of Megatron's scheduler, and its own class from the file of a clone, without its dependencies.

`PARAMSCHED_MEGATRON` is the path of a clone of NVIDIA/Megatron-LM, and `PARAMSCHED_AUTOMODEL` one of
NVIDIA-NeMo/Automodel. Tests that need a clone are skipped without it; the facts were read at the commits in
`docs/reference/divergences.md`.
"""

import math
import os
import sys
from typing import Any

from compat.clones import import_peer, stubs_of

MEGATRON = ("PARAMSCHED_MEGATRON", "megatron.core.optimizer_param_scheduler")
AUTOMODEL = ("PARAMSCHED_AUTOMODEL", "nemo_automodel.components.optim.scheduler")


def pytest_configure() -> None:
    """Assign the drop-in, if this module is a plugin of a pytest process that runs a test file of a peer."""
    from paramsched.compat.megatron import OptimizerParamScheduler

    for variable, name in (MEGATRON, AUTOMODEL):
        if os.environ.get(variable):
            module = import_peer(variable, name)
            module.OptimizerParamScheduler = OptimizerParamScheduler  # type: ignore[attr-defined]  # of the peer
            sys.modules.update({**stubs_of(name), name: module})


FALLING = {
    "linear": lambda share: 1 - share,
    "cosine": lambda share: 0.5 * (math.cos(math.pi * share) + 1),
    "exponential": lambda share: 2 * 0.5**share - 1,
    "minus_sqrt": lambda share: 1 - share**0.5,
}


def lr_of_megatron(n: int, given: dict[str, Any]) -> float:
    """Return the lr by the formulas of Megatron's `get_lr`."""
    top, low, warmup, end = (given[name] for name in ("max_lr", "min_lr", "lr_warmup_steps", "lr_decay_steps"))
    style = given["lr_decay_style"]
    if warmup > 0 and n <= warmup:
        return given["init_lr"] + (top - given["init_lr"]) * n / warmup
    if style == "constant" or n > end:
        return top if style == "constant" else low
    if style == "inverse-square-root":
        return max(low, top * max(warmup, 1) ** 0.5 / max(n, 1) ** 0.5)
    if style != "WSD":
        return low + FALLING[style]((n - warmup) / (end - warmup)) * (top - low)
    start = end - given["wsd_decay_steps"]
    part = 1.0 if n <= start else FALLING[given["lr_wsd_decay_style"]]((n - start) / given["wsd_decay_steps"])
    return low + part * (top - low)


def wd_of_megatron(n: int, given: dict[str, Any]) -> float:
    """Return the weight decay by the formulas of Megatron's `get_wd`."""
    start, end, style = given["start_wd"], given["end_wd"], given["wd_incr_style"]
    if n > given["wd_incr_steps"] or style == "constant":
        return end
    share = n / given["wd_incr_steps"]
    return start + (share if style == "linear" else 0.5 * (math.cos(math.pi * (1 - share)) + 1)) * (end - start)
