"""A run that leaves the library: torch's schedulers find the base of lr in `initial_lr`.

These tests need further doors.
"""

import numpy as np

import paramsched as ps
from support.updates import probe, run


def rates(optimizer, scheduler, updates=8):
    found = []
    for _ in range(updates):
        optimizer.step()
        scheduler.step()
        found.append([float(one["lr"]) for one in optimizer.param_groups])
    return found


def test_exported_code_continues_with_the_values_of_the_plan():
    optimizer = probe({}, {"lr": 0.5})
    plan = ps.Plan(lr=ps.warmup(5) >> ps.cosine(to=0.1), horizon=40)
    ps.Scheduler(optimizer, plan)
    run(optimizer, 17)
    left = probe({}, {"lr": 0.5})
    left.load_state_dict(optimizer.state_dict())
    module = {}
    exec(ps.to_python(plan, torch=True), module)

    scheduler = module["make_scheduler"](left, last_epoch=16)

    assert [one["lr"] for one in left.param_groups] == [one["lr"] for one in optimizer.param_groups]
    found = rates(left, scheduler)
    run(optimizer, 9)
    planned = [[one["lr"] for one in groups] for groups in optimizer.used[18:]]
    # `math.cos` of the exported code and the cosine of the library may round differently.
    np.testing.assert_allclose(found, planned, rtol=0, atol=4e-15)
