"""Calls of transformers' functions that return a scheduler, for lines of text that contain one."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from paramsched.compat.transformers.arguments import SCHEDULERS, Call, Run, Scheduler
from paramsched.core.base.diagnostic import ROOT
from paramsched.core.files.arguments import arguments_of, located, read_arguments
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.text.peer_lines import PeerCall
from paramsched.core.time import Duration

_NO_LINES: Final = ("reduce_lr_on_plateau", "greedy", "cosine_warmup_with_min_lr")
"""The schedulers of a metric, and one that differs from its schedule after the end of the run."""


def _schedule(name: str, **arguments: Any) -> Schedule:
    """Return the schedule of a scheduler from its table."""
    table, diagnostics = SCHEDULERS[name], DiagnosticCollector()
    lengths = {key: arguments[key] for key in arguments.keys() & arguments_of(Call)}
    if "num_warmup_steps" in table.parameters and not lengths:
        raise ValueError
    call, *_ = read_arguments(Call, located({"name": name, **lengths}, ROOT), ROOT, diagnostics)
    own = {key: one for key, one in arguments.items() if key not in lengths}
    scheduler, _, wrong = read_arguments(table, located(own, ROOT), ROOT, diagnostics)
    warmup, total = Duration.of(call.num_warmup_steps), call.num_training_steps
    run = Run(warmup, total, None, None, "", "num_training_steps", ROOT, diagnostics, wrong, is_call=True)
    if run.left is not None and run.left <= 0:
        raise ValueError
    schedule = scheduler.schedule(run)
    diagnostics.raise_any("call")
    return schedule


def _call(name: str, table: type[Scheduler]) -> PeerCall:
    names = dict.fromkeys((*table.parameters, *arguments_of(table)))
    return PeerCall(tuple(names), partial(_schedule, name))


CALLS: Final[Mapping[str, PeerCall]] = {
    called: _call(name, table)
    for name, table in SCHEDULERS.items()
    for called in (name, table.function)
    if name not in _NO_LINES
}
"""The schedulers by the names of their functions and of `SchedulerType`."""
