"""The canonical text of a plan."""

import paramsched as ps
from support.tables import table


@table("horizon", [None, 20, "20 steps", "20.5 steps", "2 epochs", "1 epoch + 3 steps", "90 min", "2e9 tokens"])
def test_a_plan_with_any_horizon_reads_back_from_its_text(horizon):
    plan = ps.Plan(ps.Binding(ps.Target("temperature", 2.0), "linear(to=0.1)"), lr=ps.cosine(to=0.1), horizon=horizon)

    assert ps.Plan.of_text(plan.text) == plan
