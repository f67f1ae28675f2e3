"""The errors of values in place of a plan."""

import re
from contextlib import suppress
from math import isfinite
from typing import Final

from paramsched.base.params import required_names
from paramsched.base.words import RECIPE
from paramsched.core.calls.builders import SHAPES, example_call
from paramsched.core.schedules.schedule import FUNCTION_AS_SHAPE, readings_of_number
from paramsched.errors import InvalidArgument, shown


def not_a_plan(call: str, value: object) -> InvalidArgument:
    """Return the error for a value that is no form of a plan."""
    message = f"expected a plan, got {type(value).__name__}"
    return InvalidArgument(_site(call, value), message, _advice_for_value(call, value))


def shape_without_brackets(call: str, text: str, shape: str) -> InvalidArgument:
    """Return the error for the name of a shape, which is called in a plan."""
    line = example_call(SHAPES[shape], shape) if required_names(SHAPES[shape]) else f"{shape}()"
    return InvalidArgument(_site(call, text), "the function needs brackets", f'Write "{line}"')


def number_as_plan(call: str, text: str) -> InvalidArgument:
    """Return the error for the text of a number."""
    return InvalidArgument(_site(call, text), "expected a plan, got a number", _advice_for_number(text.strip()))


def neither_schedule_nor_file_text(call: str, text: str) -> InvalidArgument:
    """Return the error for a text in a call that reads no file."""
    message = "neither the text of a schedule nor that of a plan file"
    return InvalidArgument(_site(call, text), message, example="lr: cosine()")


def neither_schedule_nor_path(call: str, text: str, recipe: str | None) -> InvalidArgument:
    """Return the error for a text that is neither a schedule nor a path.

    Args:
        call: the function that takes the plan.
        text: the text.
        recipe: the name of a recipe that is near; None if there is none.
    """
    message = "neither the text of a schedule nor the path of a plan file, which ends in .yaml or .json"
    word = text.strip()
    advice = ""
    if recipe is not None:
        advice = f'Write "{RECIPE}{recipe}"'
    elif re.fullmatch(r"[\w./\\~-]*", word):
        stem = re.sub(r"\.[A-Za-z]{1,4}\Z", "", word) or "plan"  # plan.yam
        advice = f'For example: "{stem}.yaml"'
    return InvalidArgument(_site(call, text), message, advice)


def _site(call: str, value: object) -> str:
    return f"{call}(…, plan={shown(value)})"


_CONSTANT: Final = 'For example: "constant(1.0)", the base at every update'


def _advice_for_value(call: str, value: object) -> str:
    """Return the advice for a value that is no form of a plan."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _advice_for_number(value)
    if callable(value) and not isinstance(value, type):
        return FUNCTION_AS_SHAPE
    if isinstance(value, (list, tuple)):
        return "Write >> between the stages"
    if hasattr(value, "step") and "show" in call:
        return "For example: ps.show.simulate(scheduler, 100)"
    return "For example: ps.Plan(lr=ps.cosine(to=0.1), total=1000)"


def _advice_for_number(number: float | str) -> str:
    """Return the advice for a number in place of a plan, or for a text such as `10k`."""
    with suppress(ValueError, OverflowError):
        if isfinite(float(number)):
            return readings_of_number(str(number), '"')
    return _CONSTANT
