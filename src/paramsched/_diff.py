"""What changed between two plans."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from paramsched._printable import printable
from paramsched.plan import Binding, Plan, Target, selector_text
from paramsched.schedules import Schedule
from paramsched.schedules.evaluation import evaluate
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Args:
        what: the field (with its selector), the target, or `"horizon"`.
        before, after: the text on each side; None where that side does not have it.
        when: the first update whose value differs; None without a calendar, or where one side is absent.
        by: the largest difference, as a multiple of base; None likewise.
        name: `what` without its selector.
    """

    what: str
    before: str | None
    after: str | None
    when: int | None = None
    by: float | None = None
    name: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        text = printable(f"{self.what}: {self.before or '(nothing)'} -> {self.after or '(nothing)'}")
        if self.when is None:
            return text
        return f"{text}  [from update {self.when}, by up to {self.by:.6g} x base]"


@final
@dataclass(frozen=True, slots=True)
class Diff:
    """The changes from one plan to another; empty, and false, for equal plans."""

    changes: tuple[Change, ...]

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        return "\n".join(str(change) for change in self.changes)


def diff(a: Plan, b: Plan, calendar: Calendar | None = None) -> Diff:
    """What changed from plan `a` to plan `b`.

    Args:
        a, b: the plans.
        calendar: with it each change also says from which update on and by how much the values differ.

    Returns:
        An iterable of changes; empty for equal plans.

    >>> print(diff(Plan(lr=cosine(to=0.1)), Plan(lr=cosine(to=0.2)), Calendar(total=10)))
    lr: cosine(to=0.1) -> cosine(to=0.2)  [from update 1, by up to 0.0975528 x base]
    """
    if a == b:
        return Diff(())
    changes = []
    earlier, later = (None if plan.horizon is None else str(plan.horizon) for plan in (a, b))
    if earlier != later:
        changes.append(Change("horizon", earlier, later, name="horizon"))
    left, right = _bindings_by_place(a), _bindings_by_place(b)
    resolved = (
        None if calendar is None else (_bindings_by_place(a.resolve(calendar)), _bindings_by_place(b.resolve(calendar)))
    )
    for key in sorted(left.keys() | right.keys(), key=str):
        before, after = left.get(key), right.get(key)
        if before is not None and after is not None and _equal_bindings(before, after):
            continue
        when, by = None, None
        if resolved is not None and before is not None and after is not None:
            when, by = _first_difference(
                resolved[0][key].schedule, resolved[1][key].schedule, _compared_updates(a, b, calendar)
            )
        changes.append(
            Change(
                _place_text(before or after), _schedule_text_of(before), _schedule_text_of(after), when, by, name=key[0]
            )
        )
    return Diff(tuple(changes))


def _bindings_by_place(plan: Plan) -> dict[Any, Binding]:
    """The bindings of a plan by field and groups."""
    return {(binding.name, isinstance(binding.field, Target), binding.groups): binding for binding in plan.bindings}


def _equal_bindings(a: Binding, b: Binding) -> bool:
    """Whether two bindings plan the same: their schedules and, of targets, the values at the start."""
    if isinstance(a.field, Target) and isinstance(b.field, Target) and a.field.initial != b.field.initial:
        return False
    return a.schedule == b.schedule


def _place_text(binding: Binding | None) -> str:
    """The field and the groups of a binding, as a difference names them."""
    assert binding is not None
    return binding.name if binding.groups is None else f"{binding.name} @ {selector_text(binding.groups)}"


def _schedule_text_of(binding: Binding | None) -> str | None:
    """What a binding plans, as one line; None where there is none."""
    if binding is None:
        return None
    initial = f"{binding.field.initial!r} * " if isinstance(binding.field, Target) else ""
    return f"{initial}{binding.schedule}"


def _compared_updates(a: Plan, b: Plan, calendar: Calendar | None) -> int:
    """How many updates two plans are compared over: the longer horizon."""
    horizons = [plan.resolve(calendar or Calendar()).horizon for plan in (a, b)]
    return max((horizon.updates for horizon in horizons if horizon is not None), default=1)


def _first_difference(a: Schedule, b: Schedule, until: int) -> tuple[int | None, float | None]:
    """The first update at which two schedules differ, and the largest difference; None where they are equal."""
    times = np.arange(until)
    with np.errstate(invalid="ignore"):
        apart = np.abs(evaluate(a, times, 1.0) - evaluate(b, times, 1.0))
    differing = np.flatnonzero(apart != 0)
    return (int(differing[0]), float(np.nanmax(apart))) if differing.size else (None, None)
