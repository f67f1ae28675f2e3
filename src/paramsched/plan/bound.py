"""What a plan means for the groups of an optimizer: each group's fields and the schedules they follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from paramsched.errors import PlanError
from paramsched.fields import Field, Group, label
from paramsched.plan.binding import Binding, Target, selector_text
from paramsched.plan.group_matching import is_selected, refuse_unmatched
from paramsched.plan.plan import Plan
from paramsched.plan.plan_clock import is_by_amount
from paramsched.schedules import Schedule


@final
@dataclass(frozen=True, slots=True)
class Bound:
    """A field of one group and the schedule it follows: `name` as the plan says it, `field` as the group has it.

    `by_amount` is whether its clock counts an amount; else it counts updates.
    """

    name: str
    field: Field
    schedule: Schedule
    by_amount: bool = False


def bind(plan: Plan, groups: Sequence[Group]) -> tuple[tuple[Bound, ...], ...]:
    """For each group the fields a plan schedules in it; everything is checked, nothing is written.

    Raises:
        UnknownGroup: a name, a pattern, an entry or an index that matches no group.
        UnknownField: a selected group lacks the field.
        PlanError: two selectors match one group, or momentum and betas[0] are both scheduled in one.
    """
    for binding in plan.bindings:
        refuse_unmatched(binding.name, binding.groups, groups)
    return tuple(bind_group(plan, group, index) for index, group in enumerate(groups))


def bind_group(plan: Plan, group: Group, index: int) -> tuple[Bound, ...]:
    """The fields a plan schedules in one group."""
    where = f"group {label(group, index)!r}"
    chosen: dict[str, Binding] = {}
    for binding in plan.bindings:
        if isinstance(binding.field, Target) or not is_selected(binding.groups, group, index):
            continue
        rival = chosen.get(binding.name)
        if rival is not None and rival.groups is not None and binding.groups is not None:
            raise PlanError(
                f"{binding.name} in {where}",
                f"two selectors match it: {selector_text(rival.groups)} and {selector_text(binding.groups)}",
                "Select each group once",
            )
        if rival is None or binding.groups is not None:
            chosen[binding.name] = binding
    bounds = [
        Bound(name, Field.of(name).within(group, where), one.schedule, is_by_amount(plan.clock, name))
        for name, one in chosen.items()
    ]
    taken: dict[Field, str] = {}
    for bound in bounds:
        if bound.field in taken:
            raise PlanError(
                f"{bound.name} and {taken[bound.field]} in {where}",
                f"both are {bound.field} there",
                "Schedule one of them",
            )
        taken[bound.field] = bound.name
    return tuple(bounds)
