"""The argument reader, and every table that it reads."""

from typing import Any, Literal

import pytest

from paramsched.core.files.arguments import (
    argument,
    argument_table,
    arguments_of,
    defaults_of,
    located,
    read_arguments,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from support.tables import table


@argument_table
class Step:
    size: int = argument(low=1, example=30)
    gamma: float = argument(0.1, above=0, used=lambda others: others["size"] != 7)
    warm: float | None = argument(None, low=0, high=1, example=0.5)


def read(table, data):
    diagnostics = DiagnosticCollector()
    return *read_arguments(table, located(data, "$"), "$", diagnostics), diagnostics


def test_arguments_of_a_table_are_passed_by_name_and_may_be_required_after_optional_ones():
    @argument_table
    class Rule:
        factor: float = argument(0.1)
        patience: int = argument(example=5)

    assert read(Rule, {"patience": 3})[0] == Rule(patience=3, factor=0.1)
    with pytest.raises(TypeError):
        Rule(0.1, 3)


def test_every_problem_is_reported_at_its_key_and_replaced_by_a_default():
    arguments, locations, wrong, diagnostics = read(Step, {"size": 2.5, "gamma": 0, "warm": 3, "gama": 1})

    assert arguments == Step(size=30, gamma=0.1, warm=None)
    assert locations == {"size": "$.size", "gamma": "$.gamma", "warm": "$.warm"}
    assert wrong == {"size", "gamma", "warm"}
    assert diagnostics.problems() == (
        '$.gama: unknown argument; did you mean "gamma"?',
        "$.size: expected an integer of at least 1, got 2.5. For example: size: 30",
        "$.gamma: expected a number greater than 0, got 0. For example: gamma: 0.1",
        "$.warm: expected a number from 0 to 1, got 3. For example: warm: 0.5",
    )


def test_a_missing_argument_is_reported_at_the_arguments():
    arguments, _, wrong, diagnostics = read(Step, {})

    assert (arguments.size, wrong) == (30, {"size"})
    assert diagnostics.problems() == ("$: size is missing",)


@argument_table
class Every:
    count: int = argument(3, low=2, high=10**18)
    only_high: float = argument(0.5, high=2.5)
    above_and_high: float = argument(0.5, above=0, high=2500)
    above: float = argument(0.5, above=-1)
    style: Literal["cosine", "linear"] = argument("cosine")
    text: str = argument("a")
    flag: bool = argument(False)
    several: tuple[float, ...] = argument((1.0,))
    items: list[Any] = argument(())
    anything: Any = argument(None)
    maybe: str | None = argument(None)
    parsed: int = argument("", parse=len)


@table(
    ("name", "value", "expected"),
    [
        ("count", 2, 2), ("count", 2.0, 2), ("count", 10**18, 10**18),
        ("count", 1, "expected an integer from 2 to 1e+18, got 1"),
        ("count", 10**18 + 1, "expected an integer from 2 to 1e+18, got 1000000000000000001"),
        ("count", 2.5, "expected an integer from 2 to 1e+18, got 2.5"),
        ("count", True, "expected an integer from 2 to 1e+18, got true"),
        ("count", "2", 'expected an integer from 2 to 1e+18, got "2"'),
        ("only_high", 2.5, 2.5), ("only_high", -9, -9.0),
        ("only_high", 2.6, "expected a number of at most 2.5, got 2.6"),
        ("above_and_high", 0.1, 0.1), ("above_and_high", 2500, 2500.0),
        ("above_and_high", 0, "expected a number greater than 0 and at most 2,500, got 0"),
        ("above_and_high", 2501, "expected a number greater than 0 and at most 2,500, got 2501"),
        ("above", -1, "expected a number greater than -1, got -1"), ("above", -0.5, -0.5),
        ("above", 10**400, f"expected a number greater than -1, got 1{'0' * 58}…"),
        ("style", "linear", "linear"),
        ("style", 3, "expected one of cosine, linear, got 3"),
        ("style", "lineer", 'unknown value "lineer"; did you mean "linear"?'),
        ("style", "x", 'unknown value "x"; expected one of cosine, linear'),
        ("text", "b", "b"), ("text", 1, "expected text, got 1"),
        ("flag", True, True), ("flag", 1, "expected true or false, got 1"),
        ("several", [1, 2.5], (1.0, 2.5)), ("several", (), ()),
        ("several", [1, "x"], 'expected a list of numbers, got [1, "x"]'),
        ("several", 1, "expected a list of numbers, got 1"),
        ("several", [True], "expected a list of numbers, got [true]"),
        ("items", (1, "x"), [1, "x"]), ("items", "ab", 'expected a list, got "ab"'),
        ("anything", {"a": 1}, {"a": 1}), ("maybe", None, None), ("maybe", "a", "a"),
        ("maybe", 1, "expected text, got 1"),
        ("parsed", "abc", 3),
    ],
)  # fmt: skip
def test_a_value_is_converted_to_the_type_of_its_argument_or_refused(name, value, expected):
    arguments, _, wrong, diagnostics = read(Every, {name: value})

    if wrong:
        (fault,) = diagnostics.found()
        assert (wrong, fault.path, fault.found) == ({name}, f"$.{name}", expected)
    else:
        found = getattr(arguments, name)
        assert (type(found), found) == (type(expected), expected)


def test_the_defaults_of_a_table_are_those_of_its_optional_arguments():
    assert defaults_of(Step) == {"gamma": 0.1, "warm": None}
    assert list(arguments_of(Step)) == ["size", "gamma", "warm"]
    assert (Step.gamma, Step.warm, hasattr(Step, "size")) == (0.1, None, False)
    assert Step(size=5) == Step(size=5, gamma=0.1, warm=None)
