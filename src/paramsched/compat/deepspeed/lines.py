"""Calls of DeepSpeed's schedulers with a warmup, for lines of text that contain one."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from paramsched.compat.deepspeed.arguments import TABLES, RunOfConfig
from paramsched.core.base.diagnostic import ROOT
from paramsched.core.files.arguments import read_entry
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.text.peer_lines import PeerCall

_RATES: Final = ("warmup_min_lr", "warmup_max_lr")
_END: Final = ("warmup_type", "last_batch_iteration")
_RUN: Final = RunOfConfig(lr=None, total=None, has_betas=False)


def _schedule(name: str, **arguments: Any) -> Schedule:
    """Return the schedule of a scheduler from its table."""
    diagnostics = DiagnosticCollector()
    entry = read_entry(name, TABLES[name], arguments, ROOT, diagnostics)
    diagnostics.raise_any("call")
    if entry is None or entry.arguments.warmup_num_steps == 1:  # DeepSpeed counts 1 as 2
        raise ValueError
    total = getattr(entry.arguments, "total_num_steps", None)
    if total is not None and total < entry.arguments.length:
        raise ValueError
    schedule: Schedule = entry.arguments.lines(entry, _RUN)["lr"]
    diagnostics.raise_any("call")
    return schedule


CALLS: Final[Mapping[str, PeerCall]] = {
    name: PeerCall(arguments, partial(_schedule, name))
    for name, arguments in {
        "WarmupLR": (*_RATES, "warmup_num_steps", *_END),
        "WarmupDecayLR": ("total_num_steps", *_RATES, "warmup_num_steps", *_END),
        "WarmupCosineLR": ("total_num_steps", "warmup_min_ratio", "warmup_num_steps", "cos_min_ratio", *_END),
    }.items()
}
"""The schedulers by the name of their class."""
