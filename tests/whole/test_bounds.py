"""Time and memory are bounded by the size of the input; excessive input raises an error of paramsched.

These tests need further doors.
"""

import paramsched as ps
from paramsched.tools.check.plan_check import check


def test_a_stage_with_a_length_keeps_its_value_after_a_final_stage_of_no_updates():
    stage = ps.cosine(over=100) + ps.shapes.power_law(1.0, 10)
    schedule = stage >> ps.linear(to=2.0, over=0)

    assert schedule([100, 101, 5000]).tolist() == [stage(100)] * 3
    assert [one.code for one in check(ps.Plan(lr=schedule, horizon=200))].count("PS212") == 1
