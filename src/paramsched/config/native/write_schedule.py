"""A schedule as a file spells it: its line of text, or mappings where the line would be too long to read."""

import inspect
from typing import Any

from paramsched.curves import Curve
from paramsched.errors import PlanError
from paramsched.feedback.base import Guided
from paramsched.schedules import Absolute, Schedule
from paramsched.schedules.affine import AffineLevel, NeighborLevel
from paramsched.schedules.leaves import FromFunction
from paramsched.schedules.one_operand import Raised
from paramsched.schedules.pointwise import Product, Sum
from paramsched.schedules.registry import BUILDER_OF_CLASS
from paramsched.schedules.rules import Rule
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.table import TableValues
from paramsched.schedules.text.writing import written_value
from paramsched.time import Duration

_LONG = 1500  # characters: quoting may double a line, and no line of a file has more than 10,000


def schedule_to_data(schedule: Schedule) -> Any:
    """Text, or lists and mappings of text and numbers; the shorter of what can be read back.

    >>> from paramsched.schedules import cosine, warmup
    >>> schedule_to_data(warmup(10) >> cosine())
    'warmup(10) >> cosine()'
    """
    text = str(schedule)
    return text if len(text) <= _LONG else _schedule_in_parts(schedule)


def _schedule_in_parts(schedule: Any) -> Any:
    """Operators as lists of their operands, any other schedule as a call."""
    match schedule:
        case FromFunction():
            return str(schedule)  # a name, not a value
        case Sequence(stages=stages):
            return [schedule_to_data(stage) for stage in stages]
        case Product(operands=operands):
            return {"product": [schedule_to_data(operand) for operand in operands]}
        case Sum(operands=operands):
            return {"sum": [schedule_to_data(operand) for operand in operands]}
        case Raised(schedule=inner, exponent=exponent):
            return {"power": [schedule_to_data(inner), exponent]}
        case Guided(schedule=inner, guides=rules):
            return {"product": [schedule_to_data(inner), *map(_call_to_data, rules)]}
    return _call_to_data(schedule)


def _call_to_data(value: Any) -> Any:
    """`{name: {argument: value}}`, without the arguments that have their default."""
    if type(value) not in BUILDER_OF_CLASS:
        raise PlanError("dump(plan)", f"no registered shape makes a {type(value).__name__}", "Register it with @shape")
    name, builder = BUILDER_OF_CLASS[type(value)]
    arguments: dict[str, Any] = {}
    for parameter in inspect.signature(builder).parameters.values():
        argument = getattr(value, parameter.name)
        default = None if parameter.default is parameter.empty else parameter.default
        if argument is not None and (
            parameter.default is parameter.empty or written_value(argument) != written_value(default)
        ):
            arguments[parameter.name] = _argument_to_data(argument)
    return {name: arguments}


def _argument_to_data(value: Any) -> Any:
    """What a file says of an argument: numbers, text, lists and mappings."""
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
