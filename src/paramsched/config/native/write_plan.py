"""A plan as the data of a native file."""

from typing import Any

from paramsched.config.native.entries import RESERVED, index_in_name
from paramsched.config.native.write_schedule import schedule_to_data
from paramsched.errors import PlanError
from paramsched.plan import Plan, Target
from paramsched.plan.binding import UPDATES, clock_as_data


def from_plan(plan: Plan) -> dict[str, Any]:
    """What a file says of a plan: numbers, text, lists and mappings only; `to_plan` reads it back to an equal plan.

    Raises:
        PlanError: a predicate or a function without a name is in it, or a group's name reads as an index.

    >>> from paramsched.plan import Binding
    >>> from_plan(Plan(Binding("lr", 0.1, groups=0), lr="cosine()", horizon=100))
    {'horizon': 100, 'lr': 'cosine()', 'groups': {'[0]': {'lr': 'constant(0.1)'}}}
    """
    if not plan.serializable:
        found = "a predicate or a function without a name is in the plan"
        raise PlanError("dump(plan)", found, "Select groups by name, and register the function")
    data: dict[str, Any] = {} if plan.clock == UPDATES else {"clock": clock_as_data(plan.clock)}
    if plan.horizon is not None:
        data["horizon"] = plan.horizon.updates if plan.horizon.is_resolved else str(plan.horizon)
    groups: dict[str, dict[str, Any]] = {}
    targets: dict[str, Any] = {}
    for binding in plan.as_written():
        schedule = schedule_to_data(binding.schedule)
        if isinstance(binding.field, Target):
            targets[binding.name] = {"initial": binding.field.initial, "schedule": schedule}
        elif binding.groups is None:
            if binding.name in RESERVED:
                raise PlanError(f"dump(plan): field {binding.name!r}", "files use that name", "Schedule it in code")
            data[binding.name] = schedule
        else:
            groups.setdefault(_name_in_file(binding.groups), {})[binding.name] = schedule
    return data | ({"groups": groups} if groups else {}) | ({"targets": targets} if targets else {})


def _name_in_file(groups: Any) -> str:
    """How a file names a group: by its name, or by its index in brackets."""
    if isinstance(groups, int):
        return f"[{groups}]"
    if index_in_name(groups) is not None:
        raise PlanError(f"dump(plan): group {groups!r}", "in a file that is an index", "Give the group another name")
    return str(groups)
