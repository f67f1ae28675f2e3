"""Binding: a field, its groups and its schedule together; Target: a value outside the optimizer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from paramsched._number_checks import finite_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.feedback.base import Guided, MetricRule
from paramsched.fields import Field, Group
from paramsched.schedules import Schedule, parse
from paramsched.schedules.arguments import schedule_of
from paramsched.user_warnings import renamed_property

Selector: TypeAlias = str | int | Callable[[Group], bool] | None
"""Which groups: by text, by index, by a predicate over the dict; None is every group no other binding selects.

A text is a name; else `entry=value` of the group (`is_last_layer=true`); else names and patterns separated by commas
(`layer_*, head`).
"""

ScheduleLike: TypeAlias = Schedule | MetricRule[Any] | float | str
"""What a binding takes: a schedule, a metric rule, a finite number, or a line of text."""


@final
@dataclass(frozen=True, slots=True)
class Target:
    """A value outside the optimizer: `scheduler.value("temperature")` reads it.

    Args:
        name: an identifier.
        initial: its base.
        write: called with each new value; not part of the plan as data.

    >>> Target("temperature", 2).initial
    2.0
    """

    name: str
    initial: float
    write: Callable[[float], object] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise InvalidArgument(f"Target({self.name!r})", "no identifier", 'Write Target("temperature", 1.0)')
        object.__setattr__(self, "initial", finite_number(f"Target({self.name!r}, initial=…)", self.initial))
        if self.write is not None and not callable(self.write):
            raise InvalidArgument(Asked("Target", "write", repr(self.write)), "not callable", "Write write=my_function")


@final
@dataclass(frozen=True, slots=True)
class Binding:
    """A field (or a target), the groups it is scheduled in, and its schedule.

    Args:
        field: `"lr"`, `"betas[0]"`, any numeric entry of a param group; or a `Target`.
        schedule: a schedule, a finite number, or a line of text.
        groups: a group's name, `"layer_*, head"`, `"is_last_layer=true"`, an index, or a predicate over its dict; None
            is every group no other binding selects.

    Raises:
        InvalidArgument: an argument that is none of these.

    >>> str(Binding("lr", "cosine(to=0.1)", groups="head"))
    'lr @ head: cosine(to=0.1)'
    """

    field: str | Target
    schedule: Schedule
    groups: Selector = None

    def __init__(self, field: str | Target, schedule: ScheduleLike, groups: Selector = None) -> None:
        shown = field.name if isinstance(field, Target) else field
        object.__setattr__(self, "field", field if isinstance(field, Target) else str(Field.of(field)))
        object.__setattr__(self, "schedule", _bound_schedule(shown, schedule))
        object.__setattr__(self, "groups", groups)
        if isinstance(groups, bool) or not (groups is None or isinstance(groups, (str, int)) or callable(groups)):
            raise InvalidArgument(
                f"Binding({shown!r}, groups={groups!r})",
                f"a {type(groups).__name__} selects no group",
                'Write groups="head", groups=0, or a function of the group; for several groups one Binding each',
            )
        if groups == "" or (isinstance(groups, int) and groups < 0):
            raise InvalidArgument(
                f"Binding({shown!r}, groups={groups!r})", "no name and no index", 'Write groups="head"'
            )
        if isinstance(field, Target) and groups is not None:
            raise InvalidArgument(
                f"Binding({shown!r}, groups={groups!r})", "a target is in no group", "Leave groups out"
            )

    @property
    def name(self) -> str:
        """The field's or the target's name."""
        return self.field.name if isinstance(self.field, Target) else self.field

    @property
    def serializable(self) -> bool:
        return self.schedule.serializable and not callable(self.groups)

    serialisable = renamed_property("serialisable", "serializable")

    def __str__(self) -> str:
        place = "" if self.groups is None else f" @ {selector_text(self.groups)}"
        initial = f" = {self.field.initial!r}" if isinstance(self.field, Target) else ""
        return f"{self.name}{initial}{place}: {self.schedule}"


def replace_schedule(binding: Binding, schedule: Schedule) -> Binding:
    """The same binding with another schedule."""
    return Binding(binding.field, schedule, binding.groups)


def selector_text(groups: Selector) -> str:
    """A selector as it stands in messages."""
    return str(groups) if isinstance(groups, (str, int)) else f"<{getattr(groups, '__name__', 'predicate')}>"


def _bound_schedule(name: str, schedule: ScheduleLike) -> Schedule:
    """A schedule from what people give for one: a schedule, a number, a line of text, or a metric rule."""

    def asked() -> str:  # writing it costs as much as the schedule is long
        return f"{name}={schedule!r}"

    if isinstance(schedule, str):
        schedule = parse(schedule)
    if isinstance(schedule, MetricRule):
        schedule = 1.0 * schedule
    if isinstance(schedule, Guided):
        schedule_of(schedule.schedule, asked)
        return schedule
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, (list, tuple, Mapping)):
        raise InvalidArgument(
            asked(), f"a {type(schedule).__name__} is for files", "In code write warmup(100) >> cosine()"
        )
    return schedule_of(schedule, asked)
