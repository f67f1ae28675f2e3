"""Calls of torch's schedulers, for lines of text that contain one."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from paramsched.compat.torch.arguments import TABLES, TorchEntry
from paramsched.core.base.diagnostic import ROOT
from paramsched.core.files.arguments import arguments_of, joined_at, located, read_arguments
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.schedules import Schedule, recurrence
from paramsched.core.schedules.anneal import Anneal
from paramsched.core.schedules.decays import Exponential
from paramsched.core.schedules.leaves import Constant
from paramsched.core.schedules.pointwise import product_of
from paramsched.core.schedules.sequence import Sequence as Stages
from paramsched.core.schedules.staircases import MultiStep, Step
from paramsched.core.schedules.text.peer_lines import PeerCall

_FACTORS: Final = (Anneal, Constant, Exponential, MultiStep, Stages, Step)
_FORMS: Final[Mapping[str, Callable[[Any], Schedule]]] = {
    "CosineAnnealingLR": lambda table: table.waves(),
    "OneCycleLR": lambda table: recurrence(table.rule()),  # its stages do not contain the numbers of the call
}
"""The forms of schedules that are shorter as a line than in a plan, which is read for a run of known length."""
_NO_LINES: Final = ("ReduceLROnPlateau", "LambdaLR", "MultiplicativeLR")  # of a metric, or of a function


def _schedule(name: str, **arguments: Any) -> Schedule:
    """Return the schedule of a scheduler from its table."""
    diagnostics = DiagnosticCollector()
    read, places, _ = read_arguments(TABLES[name], located(arguments, ROOT), ROOT, diagnostics)
    diagnostics.raise_any("call")
    entry = TorchEntry(name, ROOT, read, places, diagnostics, by_epoch=False, run=None)
    made: Schedule = entry.arguments.schedule(entry)
    diagnostics.raise_any("call")
    return _FORMS[name](entry.arguments) if name in _FORMS else made


def _chain(schedulers: Sequence[Schedule]) -> Schedule:
    """Return the product of the members of a `ChainedScheduler`, if each of them multiplies by a factor."""
    if not all(isinstance(one, _FACTORS) and not one.has_absolute for one in schedulers):
        raise ValueError
    return product_of(schedulers)


CALLS: Final[Mapping[str, PeerCall]] = {
    **{
        name: PeerCall(tuple(arguments_of(TABLES[name])), partial(_schedule, name))
        for name in TABLES.keys() - _NO_LINES
    },
    "SequentialLR": PeerCall(
        ("schedulers", "milestones"), lambda schedulers, milestones: joined_at(schedulers, milestones)
    ),
    "ChainedScheduler": PeerCall(("schedulers",), _chain),
}
"""The schedulers by the name of their class."""
