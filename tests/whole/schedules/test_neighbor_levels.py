"""Levels from neighbors: resolve replaces `previous` and `following` by numbers.

These tests need further doors.
"""

import paramsched as ps
from paramsched.mmengine import reader as mmengine


def test_a_stage_can_continue_from_the_end_of_an_mmengine_list():
    plan = mmengine.to_plan(
        {
            "param_scheduler": [
                {"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "end": 10},
                {"type": "ExponentialLR", "gamma": 0.99, "by_epoch": False, "begin": 10},
            ],
            "train_cfg": {"by_epoch": False, "max_iters": 100},
        }
    )
    (lr,) = plan.bindings

    continued = ps.take(lr.schedule, 50) >> ps.linear(ps.previous, 0, over=50)

    whole = ps.resolve(continued, ps.Calendar(total=100))
    assert whole(50) == whole.stages[0](50) == ps.resolve(lr.schedule, ps.Calendar(total=100))(50)
    assert whole(100) == 0.0
