"""Plans that are read from files of other libraries, in the check."""

import copy
import warnings

import torch

import paramsched as ps
from support.tables import table

PEERS = [
    (
        "mmengine",
        "param_scheduler = dict(type='LinearParamScheduler', param_name='weight_decay', start_factor=0.1, "
        "end_factor=0.5, by_epoch=False, end=90)",
    ),
    ("torch", '{"LinearLR": {"start_factor": 0.0001, "end_factor": 0.001, "total_iters": 90}}'),
]


@table(("format", "text"), PEERS)
def test_a_plan_read_from_another_library_is_silent_and_the_same_plan_as_a_line_is_not(format, text):
    plan = ps.loads(text, format=format)
    own = ps.Plan(*plan.as_written(), horizon=plan.horizon)

    def warned(one):
        parameters = [torch.nn.Parameter(torch.ones(1))]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ps.Scheduler(torch.optim.AdamW(parameters), one, total=100)
        return [str(one.message) for one in caught if "PS301" in str(one.message)]

    assert plan == own
    assert [warned(plan), warned(copy.deepcopy(plan))] == [[], []]
    assert len(warned(own)) == 1
    assert "PS301" not in [one.code for one in ps.check(plan)]
    assert "PS301" in [one.code for one in ps.check(own)]
