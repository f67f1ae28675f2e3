"""Which values an argument takes, by the kind of its parameter."""

import sys
from numbers import Real
from typing import Any, Final

from paramsched.core.base.params import Param
from paramsched.core.curves import Curve
from paramsched.core.schedules.affine import Absolute, AffineLevel, NeighborLevel
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.rules.base import Rule
from paramsched.core.time import Duration

_NAMES: Final = {
    "schedule": "a schedule", "level": "a level", "length": "a length", "curve": "a curve", "rule": "a rule",
    "number": "a number", "count": "an integer", "text": "text", "bool": "True or False", "list": "a list",
    "pairs": "a list of pairs",
}  # fmt: skip


def expected(param: Param) -> str:
    """Return what an argument takes, for messages."""
    return _NAMES.get(param.kind, "one of " + ", ".join(map(repr, param.choices)))


def fits(param: Param, value: Any) -> bool:
    """Return whether an argument takes a value of this type. Its range is checked by the function."""
    if value is None:
        return param.none or param.kind == "any"
    match param.kind:
        case "schedule":
            return isinstance(value, (Schedule, Absolute, AffineLevel)) or is_number(value)
        case "level":
            return isinstance(value, (Absolute, AffineLevel, NeighborLevel)) or is_number(value)
        case "number":
            return is_number(value)
        case "count":
            return is_number(value) and value == int(value)
        case "length":
            return isinstance(value, (str, Real, Duration)) and not isinstance(value, bool)
        case "curve":
            return isinstance(value, (Curve, str)) or (callable(value) and not isinstance(value, Schedule))
        case "rule":
            return isinstance(value, Rule)
        case "text":
            return isinstance(value, str)
        case "choice":
            return any(type(value) is type(one) and value == one for one in param.choices)
        case "bool":
            return isinstance(value, bool)
        case "list" | "pairs":
            items = param.items if len(param.items) > 1 else param.items[:1] * len(value) if _is_list(value) else ()
            return _is_list(value) and len(items) == len(value) and all(map(fits, items, value))
    return True


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def is_number(value: Any) -> bool:
    """Return whether a value is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    number: Any = value  # a Real has an order
    return bool(-sys.float_info.max <= number <= sys.float_info.max)
