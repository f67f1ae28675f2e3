"""Every public function answers a wrong call with a call of that function."""

import ast
import inspect
import re

import pytest

import paramsched as ps
from support.tables import table

PLAN = ps.Plan(lr="cosine()", horizon=10)
FUNCTIONS = [name for name in ps.__all__ if inspect.isroutine(getattr(ps, name)) and name != "shape"]  # a decorator


@table("name", FUNCTIONS)
def test_an_unknown_argument_is_answered_with_a_call(name):
    with pytest.raises(ps.InvalidArgument, match=r"unknown argument|missing") as refused:
        getattr(ps, name)(nonsense=1)

    line = re.split("Write |For example: ", str(refused.value))[-1]
    assert f"{name}(" in line
    assert ast.parse(line)
    assert [one for one in re.findall(r"ps\.(\w+)\(", line) if not hasattr(ps, one)] == []


@table(
    ("swapped", "written"),
    [
        (lambda: ps.dump("plan.yaml", PLAN), "ps.dump(plan, 'plan.yaml')"),
        (lambda: ps.trace([{"lr": 0.1}], PLAN), "ps.trace(plan, optimizer)"),
        (lambda: ps.check(ps.Calendar(total=3), PLAN), "ps.check(plan, ps.Calendar(total=3))"),
        (lambda: ps.resolve(ps.Calendar(total=3), PLAN), "ps.resolve(plan, ps.Calendar(total=3))"),
    ],
)
def test_a_plan_at_the_place_of_another_argument_is_answered_with_the_call_in_order(swapped, written):
    with pytest.raises(ps.InvalidArgument, match=rf"Write {re.escape(written)}$"):
        swapped()


def test_a_number_is_not_written_as_the_name_of_a_file():
    with pytest.raises(ps.InvalidArgument, match=r"expected a path, got Plan\. For example"):
        ps.dump(3, PLAN)
