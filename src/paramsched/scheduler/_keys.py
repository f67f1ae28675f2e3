"""What a plan leaves in param groups: flat plain numbers, so that any checkpoint of the optimizer carries them."""

from collections.abc import MutableMapping
from typing import Any, TypeAlias

from paramsched.errors import StateError
from paramsched.fields import OURS, Field
from paramsched.plan import Plan

Group: TypeAlias = MutableMapping[str, Any]

COUNT = f"{OURS}t"
PLAN = f"{OURS}plan"


def base_key(field: Field) -> str:
    return f"{OURS}base_{field.slot}"


def short(fingerprint: str) -> int:
    """The first 60 bits of a fingerprint: they fit where a checkpoint keeps integers in 64."""
    return int(fingerprint[:15], 16)


def number_of(plan: Plan) -> int:
    """The number of a plan in param groups; 0 for one that has no fingerprint."""
    return short(plan.fingerprint) if plan.serialisable else 0


def count_in(groups: list[Group]) -> int | None:
    """The count a list of groups carries: that of the first one that has any.

    Raises:
        StateError: it is no count.
    """
    for index, group in enumerate(groups):
        if COUNT in group:
            count = group[COUNT]
            if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 2**62:
                raise StateError(f"param_groups[{index}][{COUNT!r}] is {count!r}, not a number of updates")
            return count
    return None


def remove(groups: list[Group]) -> None:
    """Take every trace out again."""
    for group in groups:
        for key in [key for key in group if isinstance(key, str) and key.startswith(OURS)]:
            del group[key]
