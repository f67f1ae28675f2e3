"""Calls of MMEngine's schedulers, for lines of text that contain one."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from paramsched.core.schedules import Schedule, recurrence
from paramsched.core.schedules.text.peer_lines import PeerCall
from paramsched.mmengine.reader.arguments import class_names, row_of_class
from paramsched.mmengine.reader.row import CONVERTED, SchedulerRow
from paramsched.mmengine.reader.to_schedule import recurrence_rules


def _schedule(row: SchedulerRow, **arguments: Any) -> Schedule:
    """Return the recurrence of a scheduler from its row of the table."""
    given = row.defaulted(arguments)
    if (
        arguments.get(CONVERTED, False) is not False
        or not row.arguments.keys() <= given.keys()
        or any(row.check(given))
    ):
        raise ValueError  # a conversion to iterations needs the length of an epoch
    return recurrence(*recurrence_rules([(row, row.complete(given))]))


def _call(name: str) -> PeerCall | None:
    found = row_of_class(name)
    if found is None or found[0].reacts_to_metric:
        return None
    return PeerCall((*found[0].arguments, CONVERTED), partial(_schedule, found[0]))


CALLS: Final[Mapping[str, PeerCall]] = {name: call for name in class_names() if (call := _call(name)) is not None}
"""The schedulers by the name of their class."""
