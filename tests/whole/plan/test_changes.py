"""Changing a plan: the bindings of the new plan, kept properties, and invalid changes.

These tests need further doors.
"""

import pytest

from paramsched.core.plan import Plan
from paramsched.tools.check.plan_check import check

PLAN = Plan(lr='warmup("5%") >> cosine(to=0.1)', weight_decay="linear(to=0.5)", horizon=10_000)


@pytest.mark.parametrize(
    "changed",
    [
        PLAN.change(8000, lr="linear(previous, 0)", horizon=9000),
        PLAN.change(10_000, horizon=12_000),
        PLAN.cooldown(6000, 1000),
        PLAN.scale(6000, lr=0.5),
        Plan(lr="(warmup(5) >> cosine()) * plateau()", horizon=10_000).cooldown(6000, 1000),
        Plan(lr='warmup("5%") >> linear(1, 0, over="95%")', weight_decay=1.0, horizon=10_000).cooldown(
            6000, 1000, fields="weight_decay"
        ),
    ],
    ids=["changed", "longer", "cooled", "scaled", "guided", "a part of a longer run"],
)
def test_a_changed_plan_has_no_diagnostics(changed):
    assert check(changed) == ()
