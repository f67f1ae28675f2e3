"""Read an input as the records do: the text of a valid one, or the code, the path and the argument of each error."""

from collections.abc import Callable
from typing import Any

import paramsched as ps
from paramsched.core import files as config
from paramsched.core.schedules.registry import SHAPES
from paramsched.errors import ConfigError, InvalidArgument

VALID = "="

Outcome = list[Any]
"""`["=", text]` for a valid input; otherwise `[code, path, argument, …]`, three values for each error."""

_BUILDERS: dict[str, Callable[..., Any]] = {**SHAPES, "absolute": ps.absolute}


def outcome_of_line(line: str) -> Outcome:
    """Return the outcome of reading a line of text."""
    try:
        return [VALID, str(ps.parse(line))]
    except InvalidArgument as error:
        return _of_error(error)


def outcome_of_plan(data: Any) -> Outcome:
    """Return the outcome of reading the data of a plan file."""
    try:
        return [VALID, config.loads(data, format="native").text]
    except ConfigError as error:
        return [part for one in error.diagnostics for part in (one.code, one.path, "")]


def _of_error(error: InvalidArgument) -> Outcome:
    return [error.code, "", error.argument or ""]
