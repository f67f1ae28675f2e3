"""Calls of timm's classes of schedulers, for lines of text that contain one.

Their arguments are those of `create_scheduler_v2` with other names and defaults.
"""

from collections.abc import Mapping
from functools import partial
from math import inf
from typing import Any, Final

from paramsched.compat.timm.arguments import TimmArguments, curve_after_warmup
from paramsched.compat.timm.plans import with_warmup
from paramsched.core.base.diagnostic import ROOT
from paramsched.core.files.arguments import is_count, last_stage, located, read_arguments
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.text.peer_lines import PeerCall

_CYCLES: Final = ("lr_min", "cycle_mul", "cycle_decay", "cycle_limit")
_SHARED: Final = (
    "warmup_t", "warmup_lr_init", "warmup_prefix", "t_in_epochs", "noise_range_t", "noise_pct", "noise_std",
    "noise_seed",
)  # fmt: skip
_NAMES: Final = {
    "t_initial": "num_epochs", "lr_min": "min_lr", "power": "decay_rate", "warmup_t": "warmup_epochs",
    "warmup_lr_init": "warmup_lr", "t_in_epochs": "step_on_epochs",
}  # fmt: skip
"""The arguments of the classes that `create_scheduler_v2` calls by other names."""
_ENDLESS: Final = 10**9


def _schedule(sched: str, defaults: Mapping[str, Any], **arguments: Any) -> Schedule:
    """Return the schedule of a class from the table of `create_scheduler_v2`."""
    if arguments.pop("noise_range_t", None) is not None or arguments.pop("initialize", True) is not True:
        raise ValueError  # a plan has no random numbers
    if sched == "step" and not is_count(arguments.get("decay_t"), 1):
        raise ValueError  # timm rounds a fractional period at each count of a run, whose length is unknown
    given = {_NAMES.get(name, name): one for name, one in arguments.items()}
    if "decay_t" in given:
        given["decay_milestones" if sched == "multistep" else "decay_epochs"] = given.pop("decay_t")
    # An update is an epoch of one update, so that the counts are updates.
    given = {"updates_per_epoch": 1, "warmup_lr": 0.0, "cycle_decay": 1.0, **defaults, **given, "sched": sched}
    diagnostics = DiagnosticCollector()
    table, *_ = read_arguments(TimmArguments, located(given, ROOT), ROOT, diagnostics)
    diagnostics.raise_any("call")
    if list(table.decay_milestones) != sorted(table.decay_milestones):
        raise ValueError  # timm assumes a sorted list
    curve = curve_after_warmup(table)
    is_stage = table.warmup and table.is_prefix
    return with_warmup(table, last_stage(curve, table.length(1)) if is_stage else curve, inf)


def _call(sched: str, *arguments: str, **defaults: Any) -> PeerCall:
    return PeerCall((*arguments, "initialize"), partial(_schedule, sched, defaults))


CALLS: Final[Mapping[str, PeerCall]] = {
    "CosineLRScheduler": _call("cosine", "t_initial", *_CYCLES, *_SHARED, "k_decay"),
    "PolyLRScheduler": _call("poly", "t_initial", "power", *_CYCLES, *_SHARED, "k_decay", decay_rate=0.5),
    "StepLRScheduler": _call(
        "step", "decay_t", "decay_rate", *_SHARED, decay_rate=1.0, warmup_prefix=True, num_epochs=_ENDLESS
    ),
    "MultiStepLRScheduler": _call(
        "multistep", "decay_t", "decay_rate", *_SHARED, decay_rate=1.0, warmup_prefix=True, num_epochs=_ENDLESS
    ),
}
"""The schedulers by the name of their class."""
