"""The trace of a picture: exact, but for a line of very many parts computed at fewer updates."""

import numpy as np

import paramsched as ps
from paramsched.core.plan.trace import trace, trace_for_picture
from support.tables import table


def many(part, sign=" * ", count=100):
    return ps.Plan(lr=sign.join([part] * count), horizon=1_000_000)


@table("plan", [many("cosine()"), many("(linear(over=9) >> cosine())", " + "), many("step(333333, 0.99)")])
def test_a_line_of_many_parts_is_computed_at_few_updates_and_at_its_breakpoints(plan):
    drawn = trace_for_picture(plan, {"lr": 0.1})
    schedule = plan.resolve(ps.Calendar()).bindings[0].schedule

    times = np.array([0, 1, 8, 9, 10, 333_332, 333_333, 333_334, 500_000, 999_999])
    assert drawn.computed < 200_000
    assert drawn.total == drawn["lr"].size == 1_000_000
    np.testing.assert_allclose(drawn["lr"][times], schedule(times, base=0.1), rtol=1e-4, atol=1e-9)


@table("plan", [many("cosine()", count=20), ps.Plan(lr=" * ".join(["cosine()"] * 300), horizon=900)])
def test_a_picture_of_fewer_parts_or_of_a_short_run_is_exact(plan):
    drawn = trace_for_picture(plan, {"lr": 0.1})

    assert drawn.computed is None
    assert drawn["lr"].tobytes() == trace(plan, {"lr": 0.1})["lr"].tobytes()


def test_a_trace_is_exact_for_any_line():
    plan = many("cosine()")

    assert trace(plan, {"lr": 0.1}).computed is None
