"""The trace of a picture: exact, but for a line of very many parts computed at fewer updates."""

import paramsched as ps
from paramsched.core.plan.trace import trace, trace_for_picture
from support.tables import table


def many(part, sign=" * ", count=100):
    return ps.Plan(lr=sign.join([part] * count), horizon=1_000_000)


@table("plan", [many("cosine()", count=20), ps.Plan(lr=" * ".join(["cosine()"] * 300), horizon=900)])
def test_a_picture_of_fewer_parts_or_of_a_short_run_is_exact(plan):
    drawn = trace_for_picture(plan, {"lr": 0.1})

    assert drawn.computed is None
    assert drawn["lr"].tobytes() == trace(plan, {"lr": 0.1})["lr"].tobytes()
