"""Values that someone else wrote into the groups: told once, and only where they differ from the planned ones."""

from collections.abc import Sequence
from typing import Any

import torch

from paramsched.fields import label
from paramsched.scheduler._float_loops import Overwritten
from paramsched.scheduler._group_keys import Group
from paramsched.user_warnings import warn_user


def warn_of_foreign_write(overwritten: Overwritten, groups: Sequence[Group], update: int) -> bool:
    """Warn of the first value that was not as planned at an update; whether there was one.

    Args:
        overwritten: what the writers found. It may equal the plan: they look for the very object that they wrote.
        groups: the optimizer's; what was found in a group that has left is nobody's concern.
        update: the one that used the values.
    """
    places = {id(group): index for index, group in enumerate(groups)}
    for field, group, found, planned in overwritten:
        if id(group) in places and not _is_planned(found, planned):
            warn_user(
                f"{field} of group {label(group, places[id(group)])!r} was {found!r} at update {update} instead of the "
                f"planned {planned!r}: something else wrote it. It was used for one update; the plan goes on. "
                "To change a value for good, change the plan."
            )
            return True
    return False


def _is_planned(found: Any, planned: float) -> bool:
    """Whether an entry is the planned value, rounded where it is a tensor."""
    try:
        if isinstance(found, torch.Tensor):
            found, planned = float(found), float(torch.tensor(planned, dtype=found.dtype))
        return bool(found == planned or (found != found and planned != planned))  # NaN is NaN here
    except (TypeError, ValueError, RuntimeError):  # a thing that compares as nothing else does
        return False
