"""Every shape and metric rule refuses the arguments that its documentation excludes."""

import re
from functools import partial
from inspect import Signature, getdoc
from inspect import signature as shown_signature
from math import nan
from types import NoneType
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from paramsched.core.curves import CurveLike
from paramsched.core.schedules import SHAPES, Level, Schedule, cosine, linear
from paramsched.core.time import DurationLike
from paramsched.errors import InvalidArgument
from support.tables import table

BUILDERS = {name: builder for name, builder in SHAPES.items() if builder.__module__.startswith("paramsched.")}
REQUIRED = {
    ("like", "field"): "lr",
    ("hold", "metric"): "kl",
    ("hold", "gain"): 0.75,
    ("piecewise", "points"): [(0, 1.0), (10, 0.5)],
    ("overlay", "first"): linear(over=5),
    ("geometric", "to"): 0.5,
    ("restarts", "every"): 20,
    ("cyclic", "mode"): "exp_range",
}
LISTS = {"multistep": [10, 20], "table": [1.0, 0.5]}


def signature(builder):
    """Return the signature of a builder with its annotations, in place of the texts that `help` shows."""
    shown = shown_signature(builder)
    hints = get_type_hints(builder)
    return Signature([parameter.replace(annotation=hints[parameter.name]) for parameter in shown.parameters.values()])


def without_none(annotation):
    options = [option for option in get_args(annotation) if option is not NoneType]
    return options[0] if len(options) == 1 and NoneType in get_args(annotation) else annotation


def is_level(annotation):
    return set(get_args(Level)) <= set(get_args(annotation))


def valid(name, parameter):
    annotation = without_none(parameter.annotation)
    if (name, parameter.name) in REQUIRED:
        return REQUIRED[name, parameter.name]
    if annotation is float or is_level(annotation):
        return 0.75
    if annotation is int:
        return 12
    if annotation is Schedule:
        return cosine(over=50)
    return 12 if annotation == DurationLike else LISTS[name]


def arguments(name):
    """Return valid arguments: the required ones, and those without which another one is invalid."""
    values = {}
    for parameter in signature(BUILDERS[name]).parameters.values():
        needed = parameter.default is parameter.empty or (name, parameter.name) in REQUIRED
        if needed and parameter.kind is not parameter.VAR_POSITIONAL:
            values[parameter.name] = valid(name, parameter)
    return values


def description(name, parameter):
    """Return what the documentation says about a parameter."""
    line = rf"^ +(?:\w+, )*{parameter}(?:, \w+)*: (.*\n(?: {{8,}}.*\n)*)"
    match = re.search(line, getdoc(BUILDERS[name]), re.MULTILINE)
    return "" if match is None else " ".join(match[1].split())


def excluded(name, parameter):
    """Return arguments that are invalid by the annotation or the documentation of a parameter."""
    annotation = without_none(parameter.annotation)
    text = description(name, parameter.name)
    optional = NoneType in get_args(parameter.annotation)
    wrong = []
    if annotation is float or is_level(annotation):
        wrong += ["x", nan] + ([] if optional else [None])
        if "bove 0" in text or "greater than 0" in text:
            wrong += [0.0]
        if "less than 1" in text:
            wrong += [1.0]
        if "at least 0" in text:
            wrong += [-0.5]
    elif annotation is int:
        least = re.search(r"at least (\d+)", text)
        wrong += [True, 1.5, int(least[1]) - 1 if least else -1] + ([] if optional else [None])
    elif get_origin(annotation) is Literal:
        wrong += ["x", None]
    elif annotation == DurationLike:
        wrong += ["x", 0.5] + ([] if optional else [None])
        if re.search(r"above 0|at least one update", text):
            wrong += [0]
    elif annotation == CurveLike:
        wrong += ["x", cosine()]
    return wrong


def cases():
    """Return the pairs (name, parameter) of the builders that have invalid arguments."""
    return [
        (name, parameter.name)
        for name, builder in BUILDERS.items()
        for parameter in signature(builder).parameters.values()
        if excluded(name, parameter)
    ]


def calls_with_excluded(name, parameter):
    """Return functions that call a builder, each with another invalid argument; and one call with valid arguments."""
    builder = BUILDERS[name]
    values = arguments(name)
    wrong = excluded(name, signature(builder).parameters[parameter])
    return [partial(builder, **values | {parameter: value}) for value in wrong], partial(builder, **values)


@table(("name", "parameter"), cases())
def test_an_argument_that_the_documentation_excludes_is_refused(name, parameter):
    invalid, valid = calls_with_excluded(name, parameter)

    valid()
    for call in invalid:
        with pytest.raises(InvalidArgument):
            call()
