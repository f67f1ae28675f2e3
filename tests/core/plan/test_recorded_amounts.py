"""A trace of recorded amounts has one row for each of them."""

import numpy as np
import pytest

from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.trace import trace
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument

BY_TOKENS = Plan(lr="linear(1, 0)", clock="tokens", horizon="1000 tokens")
AMOUNTS = [0, 10, 10, 700, 1200]


def test_each_row_has_the_value_at_its_amount():
    shown = trace(BY_TOKENS, {"lr": 1.0}, amounts=AMOUNTS)

    assert shown["lr"].tolist() == [1.0, 0.99, 0.99, 0.3, 0.0]
    assert (shown.total, shown.clock, shown.amounts.tolist()) == (5, "tokens", AMOUNTS)
    assert (shown.horizon_amount, shown.breakpoints("lr", 0)) == (1000, (0, 1000))


@pytest.mark.parametrize("calendar", [None, Calendar(tokens_per_step=7)])
def test_the_recorded_amounts_replace_the_run_facts(calendar):
    assert trace(BY_TOKENS, {"lr": 1.0}, calendar, amounts=AMOUNTS).amounts.tolist() == AMOUNTS


def test_no_horizon_is_needed():
    plan = Plan(lr='warmup("100 tokens") >> constant()', clock="tokens")
    shown = trace(plan, {"lr": 1.0}, amounts=AMOUNTS)

    assert shown["lr"].tolist() == [0.0, 0.1, 0.1, 1.0, 1.0]
    assert shown.horizon_amount == 1200


def test_fields_by_updates_and_targets_have_a_row_per_amount_too():
    temperature = Binding(Target("temperature", 2.0), "linear(1, 0)")
    plan = Plan(temperature, lr="linear(1, 0)", clock={"temperature": "tokens"}, horizon="4 steps")
    shown = trace(plan, {"lr": 1.0}, Calendar(tokens_per_step=250), amounts=[0, 500, 750])

    assert shown["lr"].tolist() == [1.0, 0.75, 0.5]
    assert shown["temperature"].tolist() == [2.0, 1.0, 0.5]


def test_an_empty_record_has_no_rows():
    shown = trace(
        Plan(lr='linear(1, 0.5, over="9 s") + constant(absolute(1))', clock="seconds"), {"lr": 1.0}, amounts=[]
    )

    assert (shown.total, shown["lr"].tolist(), shown.time_units()) == (0, [], ())


@pytest.mark.parametrize(
    "given", [(0.0, 10.0), np.array([0, 10], dtype=np.uint64), np.array([0, 10.0]), range(0, 20, 10)]
)
def test_amounts_of_a_log_are_accepted_as_floats_and_arrays(given):
    assert trace(BY_TOKENS, {"lr": 1.0}, amounts=given).amounts.tolist() == [0, 10]


def test_amounts_may_be_iterated_only_once():
    assert trace(BY_TOKENS, {"lr": 1.0}, amounts=iter(AMOUNTS)).amounts.tolist() == AMOUNTS


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([0, 10, 9], "amount 2 is 9, less than the previous one"),
        ([-1, 0], "amount 0 is -1"),
        ([0, float("nan")], "amount 1 is nan"),
        ([0, float("inf")], "amount 1 is inf"),
        ([0, 2**62], "amount 1 is 4611686018427387904"),
        ([0, 0.5], r"amount 1 is 0\.5; expected an integer number of tokens"),
        ([[0, 1]], "expected a list of numbers"),
        ([True, False], "expected a list of numbers"),
        (["0", "1"], "expected a list of numbers"),
        ([0, None], "expected a list of numbers"),
        (5, "expected a list of numbers, got 5"),
    ],
)
def test_what_is_not_the_record_of_a_run_is_refused(given, found):
    with pytest.raises(InvalidArgument, match=found):
        trace(BY_TOKENS, {"lr": 1.0}, amounts=given)


def test_a_plan_by_updates_has_no_amounts():
    with pytest.raises(InvalidArgument, match="the plan's clock counts updates"):
        trace(Plan(lr="constant(0.5)", horizon=4), {"lr": 1.0}, amounts=[0, 1])
