"""The clock of a plan: what `t` counts for each of its fields."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from paramsched.errors import Asked, PlanError, nearest, shown
from paramsched.time.clocks import UPDATES as UPDATES
from paramsched.time.clocks import known_clock

PlanClock: TypeAlias = str | Mapping[str, str]
"""A clock by its name, for a whole plan; or, by field or target, the clocks of those that are not by updates."""


def checked_plan_clock(clock: Any, names: Iterable[str]) -> PlanClock:
    """A plan's clock in its one spelling.

    Args:
        clock: a name, a mapping from field or target to one, or None for updates.
        names: the plan's fields and targets.

    Raises:
        InvalidArgument: no clock.
        PlanError: a field that the plan does not have, or two clocks other than updates.

    >>> checked_plan_clock({"lr": "images", "weight_decay": "updates"}, ["lr", "weight_decay"])
    mappingproxy({'lr': 'samples'})
    """
    if clock is None:
        return UPDATES
    if not isinstance(clock, Mapping):
        return known_clock(clock, Asked("Plan", "clock", shown(clock)))
    known = list(names)
    for name in clock:
        if name not in known:
            found = f"the plan has no field or target {shown(name)}; {nearest(str(name), known)}"
            raise PlanError(f"Plan(clock={{{shown(name)}: …}})", found)
    named = {name: known_clock(clock[name], Asked("Plan", "clock", shown(dict(clock)))) for name in sorted(clock)}
    kept = {name: one for name, one in named.items() if one != UPDATES}
    if len(set(kept.values())) > 1:
        raise PlanError(
            f"Plan(clock={kept})",
            f"{' and '.join(sorted(set(kept.values())))}: a run keeps one amount",
            "Put the fields on one clock, or on updates",
        )
    return MappingProxyType(kept) if kept else UPDATES


def clock_of_field(clock: PlanClock, name: str) -> str:
    """What `t` counts for a field or a target."""
    return clock if isinstance(clock, str) else clock.get(name, UPDATES)


def is_by_amount(clock: PlanClock, name: str) -> bool:
    """Whether a field's or a target's clock counts something other than updates."""
    return clock_of_field(clock, name) != UPDATES


def amount_clock(clock: PlanClock) -> str | None:
    """The one clock other than updates that a plan has; None where all is by updates."""
    if isinstance(clock, str):
        return None if clock == UPDATES else clock
    return next(iter(clock.values()))


def clock_text(clock: PlanClock) -> str:
    """A clock as it stands in a plan's text and in messages.

    >>> clock_text({"tokens_per_step": "tokens"})
    '{tokens_per_step: tokens}'
    """
    if isinstance(clock, str):
        return clock
    return "{" + ", ".join(f"{name}: {one}" for name, one in clock.items()) + "}"


def clock_as_data(clock: PlanClock) -> str | dict[str, str]:
    """A clock as files and JSON hold it."""
    return clock if isinstance(clock, str) else dict(clock)
