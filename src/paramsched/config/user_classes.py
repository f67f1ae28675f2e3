"""Scheduler classes of users: who knows them by name, and what a plan takes from them.

A class says its values only when it runs, and running it needs torch. So the drop-ins of MMEngine, which know the
classes, put a finder here; without them no class of a user's is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

from paramsched.schedules.rules import Rule


@final
@dataclass(frozen=True, slots=True)
class UserScheduler:
    """What a scheduler of a user's class does.

    Args:
        field: the entry of the param groups that it schedules.
        begin, end: its window, in its own ticks.
        by_epoch: whether it ticks once an epoch.
        rule: what it does at each tick of the window, up to the end of the run.
    """

    field: str
    begin: int
    end: int
    by_epoch: bool
    rule: Rule


UserClass: TypeAlias = Callable[[Mapping[str, Any], int | None, Callable[[bool], int | None]], UserScheduler]
"""From the arguments of a config, the iterations of an epoch where `convert_to_iter_based` asks for them (else None),
and the length of the run by epochs or iterations, to what the scheduler does.

It raises InvalidArgument where the class refuses the arguments, or its values are no rule.
"""

Finder: TypeAlias = Callable[[object], UserClass | None]
"""From what a config has at `type`, a name or a class, to the user's class; None where it is none."""

FINDERS: Final[list[Finder]] = []
"""Asked in turn."""


def user_class(kind: object) -> UserClass | None:
    """The user's class that a config names, or is."""
    return next((found for finder in FINDERS if (found := finder(kind)) is not None), None)
