"""What a plan that differs from the checkpoint's does: the argument `on_change`."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from paramsched.errors import InvalidArgument, nearest

OnChangeChoice: TypeAlias = Literal["new", "checkpoint", "error"]

OnChange: TypeAlias = OnChangeChoice | Mapping[str, OnChangeChoice]
"""One choice for the whole plan, or one for each field; a field that is not named has "new"."""


def checked_on_change(on_change: Any) -> OnChange:
    """The argument, when it is valid.

    Raises:
        InvalidArgument: a choice that does not exist.
    """
    choices = get_args(OnChangeChoice)
    given = on_change.values() if isinstance(on_change, Mapping) else [on_change]
    for choice in given:
        if choice not in choices:
            raise InvalidArgument(
                f"Scheduler(on_change={on_change!r})",
                f"{choice!r} is none of {', '.join(choices)}; {nearest(str(choice), choices)}",
                'Write on_change="new", or {"lr": "checkpoint"}',
            )
    return dict(on_change) if isinstance(on_change, Mapping) else on_change
