"""Scheduler classes of users in configs.

The values of such a class are known only when it runs, which requires torch. Therefore the drop-ins, which know the
classes, register a finder here. Without them no user class is found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

from paramsched.core.schedules.rules import Rule


@final
@dataclass(frozen=True, slots=True)
class UserScheduler:
    """A scheduler of a user's class.

    Args:
        field: the field of the param groups that it schedules.
        begin, end: the epochs or iterations `[begin, end)` in which the scheduler changes values.
        by_epoch: True if the scheduler counts epochs, False if it counts iterations.
        rule: the rule that computes the values, from `begin` to the end of the run.
    """

    field: str
    begin: int
    end: int
    by_epoch: bool
    rule: Rule


UserClass: TypeAlias = Callable[[Mapping[str, Any], int | None, Callable[[bool], int | None]], UserScheduler]
"""A function that returns the scheduler of a user's class.

Its parameters are the arguments in the config, the iterations per epoch if `convert_to_iter_based` requires them (else
None), and a function that returns the length of the run in epochs (True) or iterations (False). It raises
InvalidArgument if the class rejects the arguments, or if its values cannot be expressed as a rule.
"""

Finder: TypeAlias = Callable[[object], UserClass | None]
"""A function that returns the user's class for the `type` in a config, a name or a class; None if it is unknown."""

FINDERS: Final[list[Finder]] = []
"""The finders, in the order in which they are called."""


def user_class(kind: object) -> UserClass | None:
    """Return the `UserClass` function for the `type` in a config, a name or a class; None if it is unknown."""
    return next((found for finder in FINDERS if (found := finder(kind)) is not None), None)
