"""Branches of plans that serve one kind of input, and comparisons at their borders."""

import math

import pytest

import paramsched as ps
from paramsched.core.plan import bind
from paramsched.core.plan.optimizers import scopes_of
from paramsched.core.plan.value_ranges import ValueRange, first_outside
from support.tables import table


@table("line", ["linear(1, 0, over=50)", "cosine(start=0.5, over=50)", "exponential(0.9)", "constant(0.5)"])
def test_the_values_of_a_schedule_are_not_computed_if_its_bounds_are_inside(line):
    schedule = ps.resolve(ps.parse(line), ps.Calendar(total=100))

    assert first_outside(schedule, ValueRange(1.0), 0.1, pytest.fail, 0, 100) is None


def test_the_values_of_a_metric_rule_are_checked_at_the_first_update_only():
    falling = ps.Plan(lr="linear(1, -1, over=10) * plateau()").bindings[0].schedule

    def outside(start):
        return first_outside(falling, ValueRange(math.inf), 1.0, lambda updates: updates, start, 20)

    assert outside(0) is None
    assert outside(6) is not None


def test_the_fields_of_each_optimizer_are_a_tuple():
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups="muon"), lr="linear()", horizon=10).resolve(ps.Calendar())
    optimizers = {"muon": [{"lr": 1.0}], "adamw": [{"lr": 2.0, "name": "a"}, {"lr": 3.0, "name": "b"}]}

    for name, scope in scopes_of(plan, plan, optimizers).items():
        bound = bind(plan, optimizers[name], scope)
        assert [len(fields) for fields in bound] == [len(fields) for fields in bound] == [1] * len(optimizers[name])
