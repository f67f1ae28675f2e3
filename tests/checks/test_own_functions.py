"""Errors of functions of one's own, which `check` finds before the run."""

import math

import pytest

import paramsched as ps
from paramsched.checks import check
from support.registered_shapes import shapes_as_before
from support.tables import table


@pytest.fixture(autouse=True)
def functions():
    with shapes_as_before():

        @ps.shape
        def replay(t, values=tuple([1.0] * 90)):
            return values[t]

        @ps.shape
        def ending(u):
            return math.sqrt(0.7 - u) if 0.6 < u < 0.9 else 0.5

        yield


@table(
    ("line", "facts", "codes"),
    [
        ("replay()", {"total": 90}, []),
        ("replay()", {"total": 200}, ["PS106"]),
        ("replay()", {}, []),  # the updates of the run are unknown
        ("replay(over=50)", {}, []),
        ("warmup(5) >> 0.5 * ending()", {"total": 100}, ["PS106"]),
        ("ending()", {}, ["PS106"]),
        ("ending(over='5 epochs')", {"total": 200, "steps_per_epoch": 20}, ["PS106"]),
    ],
)
def test_a_function_that_fails_during_the_run_is_an_error_of_its_line(line, facts, codes):
    for field in ("lr", "weight_decay"):
        actual = [
            problem
            for problem in check(ps.Plan(**{field: line}), facts=ps.RunFacts(**facts))
            if problem.severity == "error"
        ]

        assert [problem.code for problem in actual] == codes
        assert {problem.path for problem in actual} <= {f"$.{field}"}


@table(
    ("line", "base", "codes"),
    [
        ("rates()", 1e-3, ["PS301"]),
        ("warmup(10) >> rates()", 1e-3, ["PS301"]),
        ("rates()", 1.0, []),  # a multiple is the value
        ("rates()", None, []),
        ("absolute(rates())", 1e-3, []),
        ("warmup(10, to=0.5) >> multiples()", 1e-3, ["PS319"]),
        ("warmup(10) >> multiples()", 1e-3, []),
    ],
)
def test_the_values_of_a_function_are_measured_as_those_of_a_shape(line, base, codes):
    @ps.shape
    def rates(t):
        return 1e-3 * 0.999**t

    @ps.shape
    def multiples(t):
        return 0.999**t

    problems = check(ps.Plan(lr=line), bases=None if base is None else {"lr": base}, total=1000)

    assert [problem.code for problem in problems] == codes
