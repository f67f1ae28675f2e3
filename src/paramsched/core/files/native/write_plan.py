"""Writing native plan files: schedules become lines of text, or mappings if a line is too long to read."""

import inspect
from typing import Any

from paramsched.core.curves import Curve
from paramsched.core.feedback.base import Guided
from paramsched.core.files.native.plan_entries import RESERVED, index_in_name
from paramsched.core.plan import Plan, Target
from paramsched.core.plan.binding import UPDATES, clock_as_data, first_without_text
from paramsched.core.schedules import Absolute, AbsoluteSchedule, Schedule
from paramsched.core.schedules.affine import AffineLevel, NeighborLevel
from paramsched.core.schedules.leaves import FromFunction
from paramsched.core.schedules.one_operand import Raised
from paramsched.core.schedules.pointwise import Product, Sum
from paramsched.core.schedules.registry import BUILDER_OF_CLASS
from paramsched.core.schedules.rules import Rule
from paramsched.core.schedules.sequence import Sequence
from paramsched.core.schedules.table import TableValues
from paramsched.core.schedules.writing import written_value
from paramsched.core.time import Duration
from paramsched.errors import PlanError


def from_plan(plan: Plan) -> dict[str, Any]:
    """Return the data of a plan file: numbers, text, lists and mappings. `to_plan` returns an equal plan from it.

    Raises:
        PlanError: a line has no text, as one with a function without a name, or a group's name looks like an index.

    >>> from paramsched.core.plan import Binding
    >>> from_plan(Plan(Binding("lr", "constant(0.1)", groups=0), lr="cosine()", horizon=100))
    {'horizon': 100, 'lr': 'cosine()', 'groups': {'[0]': {'lr': 'constant(0.1)'}}}
    """
    if not plan.serializable:
        raise PlanError("dump(plan)", *first_without_text(plan.bindings))
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
                raise PlanError(
                    f"dump(plan): field {binding.name!r}", "plan files reserve this name", "Schedule it in code"
                )
            data[binding.name] = schedule
        elif isinstance(binding.groups, int):
            groups.setdefault(f"[{binding.groups}]", {})[binding.name] = schedule
        else:
            name = str(binding.groups)
            if index_in_name(name) is not None:
                raise PlanError(
                    f"dump(plan): group {name!r}", "in a file this is an index", "Give the group another name"
                )
            groups.setdefault(name, {})[binding.name] = schedule
    return data | ({"groups": groups} if groups else {}) | ({"targets": targets} if targets else {})


_LONG = 1500  # characters; quoting may double a line, and a line of a file may have at most 10,000


def schedule_to_data(schedule: Schedule) -> Any:
    """Return the text of a schedule; for a long schedule, lists and mappings of its operators and calls.

    >>> from paramsched.core.schedules.anneal import cosine, warmup
    >>> schedule_to_data(warmup(10) >> cosine())
    'warmup(10) >> cosine()'
    """
    text = str(schedule)
    if len(text) <= _LONG or isinstance(schedule, FromFunction):  # its text is a name, so it cannot be split
        return text
    match schedule:
        case Sequence(stages=stages):
            return [schedule_to_data(stage) for stage in stages]
        case Product(operands=operands):
            return {"product": [schedule_to_data(operand) for operand in operands]}
        case Sum(operands=operands):
            return {"sum": [schedule_to_data(operand) for operand in operands]}
        case Raised(schedule=inner, exponent=exponent):
            return {"power": [schedule_to_data(inner), exponent]}
        case AbsoluteSchedule(schedule=inner):
            return {"absolute": schedule_to_data(inner)}
        case Guided(schedule=inner, guides=rules):
            return {"product": [schedule_to_data(inner), *map(_call_to_data, rules)]}
    return _call_to_data(schedule)


def _call_to_data(value: Any) -> Any:
    """Return a call as `{name: {argument: value}}`, without defaults."""
    name, builder = BUILDER_OF_CLASS[type(value)]
    arguments: dict[str, Any] = {}
    for parameter in inspect.signature(builder).parameters.values():
        argument = getattr(value, parameter.name)
        default = parameter.default
        if argument is not None and (default is parameter.empty or written_value(argument) != written_value(default)):
            arguments[parameter.name] = _argument_to_data(argument)
    return {name: arguments}


def _argument_to_data(value: Any) -> Any:
    """Return an argument as numbers, text, lists and mappings."""
    match value:
        case Duration():
            return value.updates if value.is_resolved else str(value)
        case Absolute():
            return {"absolute": value.value}
        case Curve() | AffineLevel() | NeighborLevel():
            return str(value)
        case TableValues():
            return value.array.tolist()
        case tuple():
            return [_argument_to_data(item) for item in value]
        case Schedule():
            return schedule_to_data(value)
        case Rule():
            text = str(value)
            return text if len(text) <= _LONG else _call_to_data(value)
    return value
