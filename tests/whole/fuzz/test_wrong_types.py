"""Values of wrong types raise a ParamschedError in every public function; a missing argument raises TypeError."""

import contextlib
import inspect
import math
import warnings
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.files.plan_files import open_plan
from paramsched.errors import ParamschedError

# fmt: off
VALUES = (
    None, True, -1, 0, 3, 10**400, math.nan, math.inf, 1.5, 1e-320, "", "x", "lr", "cosine()", "5%", "\ud800", "\0",
    b"x", [], [1], ["a"], {}, {"lr": 0.1}, {1: 2}, (), (1, 2), set(), object(), int, len, range(5), 1j, 10**18,
    np.array([1.0, 2.0]), np.array("x"), np.array([], dtype=object), np.float32(3), np.int64(-5), torch.tensor(1.0),
    torch.tensor([1, 2]), ps.cosine(), ps.plateau(), ps.absolute(0.1), ps.Plan(lr="cosine()", total=10),
    ps.RunFacts(total=10), 5e-324, 1e308, (1e9, 1e-300), (5e-324, 1e9), np.array(1.0), {0: 1}, {"": 1}, {None: 1},
    {"weight_decay": 0.1}, "linear", "adamw-timescale", np.linspace(1, 0, 30),
)
# fmt: on
KEYWORDS = ("lr", "momentum", "x")


def _called_by_users(name: str) -> bool:
    actual = getattr(ps, name)
    abstract = inspect.isabstract(actual) or getattr(actual, "_is_protocol", False)
    return callable(actual) and not abstract and not (isinstance(actual, type) and issubclass(actual, BaseException))


NAMES = sorted(filter(_called_by_users, ps.__all__))


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, list[Any], dict[str, Any]]:
    """Draw a public function with arguments of any type that match its signature."""
    name = draw(st.sampled_from(NAMES))
    parameters = list(inspect.signature(attrgetter(name)(ps)).parameters.values())
    by_place = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    needed = sum(one.default is one.empty for one in by_place)
    value = st.sampled_from(VALUES)
    positional = draw(st.lists(value, min_size=needed, max_size=len(by_place)))
    named = {
        parameter.name: draw(value)
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and (parameter.default is parameter.empty or draw(st.booleans()))
    }
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        named |= draw(st.dictionaries(st.sampled_from(KEYWORDS), value, max_size=2))
    return name, positional, named


@given(calls())
def test_a_value_of_a_wrong_type_raises_an_error_of_the_library(
    tmp_path_factory: pytest.TempPathFactory, call: tuple[str, list[Any], dict[str, Any]]
) -> None:
    name, positional, named = call
    function: Callable[..., Any] = attrgetter(name)(ps)

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(tmp_path_factory.getbasetemp())
        warnings.simplefilter("ignore")
        with contextlib.suppress(ParamschedError, FileNotFoundError, IsADirectoryError):
            function(*positional, **named)


def test_times_and_bases_that_do_not_broadcast_are_rejected() -> None:
    with pytest.raises(ps.errors.InvalidArgument, match=r"got times of shape \(5,\) and bases of shape \(3,\)"):
        ps.cosine(over=10)(np.arange(5), np.ones(3))


@pytest.mark.parametrize(
    "call",
    [
        lambda array: ps.shapes.geometric(array),
        lambda array: open_plan("lr: cosine()", array),
        lambda array: ps.dump(ps.Plan(lr=ps.cosine()), "plan.yaml", array),
        lambda array: ps.dump(ps.Plan(lr=ps.cosine()), None, array),
    ],
)
def test_an_array_as_a_choice_or_a_format_is_rejected(call: Any) -> None:
    with pytest.raises(ParamschedError):
        call(np.array([1.0, 2.0]))


@given(st.text("0123456789_.eE+-/%kM epochsx", max_size=14))
def test_text_similar_to_a_length_is_read_or_rejected(text: str) -> None:
    with contextlib.suppress(ParamschedError):
        ps.Duration.of(text)
