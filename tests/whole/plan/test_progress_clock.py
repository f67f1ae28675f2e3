"""Plans on the clock of progress: lengths in percent, no horizon, and boundaries that are met exactly.

These tests need further doors.
"""

import pytest

import paramsched as ps
from paramsched.errors import PlanError
from paramsched.tools.check import plan_check
from support.tables import table


@table(
    "lr",
    [
        "warmup(100)",
        'warmup("2 epochs") >> constant()',
        'cosine(over="until 1M tokens")',
        "multistep([10, 20])",
        'step("30 s")',
        'take(cosine(), "50% + 10 steps")',
        "recurrence(rules.exponential(0.5))",
    ],
)
def test_lengths_must_be_in_percent(lr):
    plan = ps.Plan(lr=lr, clock="progress")

    with pytest.raises(PlanError, match=r'must be in percent\. For example: "5%"'):
        plan.resolve(ps.Calendar(total=100, steps_per_epoch=10, tokens_per_step=7, seconds_per_step=0.1))
    (found,) = plan_check.check(plan)
    assert (found.code, found.path, found.severity) == ("PS106", "$.lr", "error")
