"""The argument reader, and every table of a dialect that it reads."""

import pytest

from paramsched.core.files.arguments import (
    argument,
    argument_table,
    located,
    read_arguments,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector


@argument_table
class Step:
    size: int = argument(low=1, example=30)
    gamma: float = argument(0.1, above=0, used=lambda others: others["size"] != 7, aliases=("decay",))
    warm: float | None = argument(None, low=0, high=1, example=0.5)


def read(table, data):
    diagnostics = DiagnosticCollector()
    return *read_arguments(table, located(data, "$"), "$", diagnostics), diagnostics


def test_every_problem_is_reported_at_its_key_and_replaced_by_a_default():
    arguments, locations, wrong, diagnostics = read(Step, {"size": 2.5, "decay": 0, "warm": 3, "gama": 1})

    assert arguments == Step(size=30, gamma=0.1, warm=None)
    assert locations == {"size": "$.size", "gamma": "$.decay", "warm": "$.warm"}
    assert wrong == {"size", "gamma", "warm"}
    assert diagnostics.problems() == (
        '$.gama: unknown argument; did you mean "gamma"?',
        "$.size: expected an integer of at least 1, got 2.5. For example: size: 30",
        "$.decay: expected a number greater than 0, got 0. For example: decay: 0.1",
        "$.warm: expected a number from 0 to 1, got 3. For example: warm: 0.5",
    )


def test_a_missing_argument_is_reported_at_the_arguments():
    arguments, _, wrong, diagnostics = read(Step, {})

    assert (arguments.size, wrong) == (30, {"size"})
    assert diagnostics.problems() == ("$: size is missing. For example: size: 30",)


@pytest.mark.parametrize("gamma", [-1, "x"])
def test_an_argument_without_an_effect_is_not_checked(gamma):
    arguments, _, wrong, _ = read(Step, {"size": 7, "gamma": gamma})

    assert (arguments.gamma, wrong) == (0.1, set())


def test_an_alias_is_unknown_if_aliases_are_disabled():
    diagnostics = DiagnosticCollector()
    read_arguments(Step, located({"size": 1, "decay": 0.5}, "$"), "$", diagnostics, aliases=False, of="Step")

    (problem,) = diagnostics.problems()
    assert problem.startswith("$.decay: unknown argument of Step; ")
