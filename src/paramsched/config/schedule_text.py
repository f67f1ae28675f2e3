"""A line of text inside a config: read by the library's parser, every fault in it told."""

from typing import Any

from paramsched.config.faults import Faults
from paramsched.config.shape_names import ShapeNames
from paramsched.errors import InvalidArgument
from paramsched.schedules import Schedule, faults_in, parse
from paramsched.schedules import value_in as value_of_text


def read_schedule_line(text: str, path: str, names: ShapeNames, faults: Faults) -> Schedule | None:
    """The schedule that a line says; None where it says none. Its faults are noted, unless enough are listed."""
    if faults.full:
        return None
    shapes = names.called_in(text)
    try:
        return parse(text, shapes=shapes.values())
    except InvalidArgument as refusal:
        for fault in faults_in(text, shapes.values()) or [refusal]:
            faults.refuse(path, fault)
    return None


def read_expression(text: str, names: ShapeNames, prefix: str = "") -> Any:
    """What an expression says: a level, a curve, a rule.

    Args:
        text: the expression.
        names: what it may call.
        prefix: what it may be written without, `curves.`

    Raises:
        InvalidArgument: it is no expression of a schedule's text.
    """
    known = names.called_in(text).values()
    full = text if text.strip().startswith(prefix) else prefix + text.strip()
    try:
        return value_of_text(full, known)
    except InvalidArgument as refusal:
        if refusal.span is not None:
            more = len(full) - len(text)
            refusal.span = (max(refusal.span[0] - more, 0), max(refusal.span[1] - more, 0))
        raise
