"""Valid bases of a schedule, and the values for a base of zero."""

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.core import schedules as shapes
from paramsched.core.fields import is_number
from paramsched.errors import InvalidArgument, PlanError
from support.tables import table

GROWING = {
    "step": ps.step(10, 2),
    "multistep": ps.multistep([1] * 2000, 2),
    "exponential": ps.exponential(2.0),
    "cyclic": ps.shapes.cyclic(5, mode="exp_range", gamma=2.0),
    "cyclic from zero": ps.shapes.cyclic(5, start=0, mode="exp_range", gamma=2.0),
    "cosine restarts": ps.shapes.cosine_restarts(10, gamma=2.0),
    "a product": ps.exponential(2.0) * ps.constant(3),
    "a window": ps.shapes.window(ps.exponential(2.0), 5),
    "a sum": ps.exponential(2.0) + ps.constant(1),
    "a clamp": ps.clamp(ps.exponential(2.0), low=-1.0),
    "a chain": ps.shapes.chain(ps.exponential(2.0), ps.exponential(2.0)),
    "a sequence": ps.warmup(5) >> ps.step(10, 2),
    "a recurrence": ps.shapes.recurrence(shapes.rules.exponential(2.0)),
}
TIMES = np.array([0, 7, 5000, 10300, 20007])


@table("name", GROWING)
def test_a_growing_schedule_stays_zero_for_a_base_of_zero(name):
    schedule = GROWING[name]

    assert [schedule(t, 0.0) for t in TIMES.tolist()] == [0.0] * len(TIMES)
    assert schedule(TIMES, 0.0).tolist() == [0.0] * len(TIMES)
    assert schedule(TIMES[:, None], np.array([0.0, 1.0]))[:, 0].tolist() == [0.0] * len(TIMES)
    assert schedule(20007, 1.0) == np.inf


def test_infinity_times_a_level_of_zero_is_zero():
    product = ps.exponential(2.0) * ps.linear(over=100)

    assert product(5000, 1.0) == 0.0
    assert product(np.array([5000, 50]), 1.0).tolist() == [0.0, 2.0**49]


NO_BASES = [float("nan"), float("inf"), -float("inf"), 10**400, 1j, np.complex128(1), np.array([0.1, np.nan]), "0.1",
            None, [0.1, "a"], np.array([1j]), torch.tensor(1j)]  # fmt: skip


@table("base", NO_BASES)
@pytest.mark.parametrize("schedule", [ps.cosine(over=10), ps.linear(ps.absolute(1), 0, over=10), ps.minimum(1, 2)])
def test_a_base_that_is_not_a_finite_real_number_is_rejected(schedule, base):
    with pytest.raises(InvalidArgument):
        schedule(5, base)
    with pytest.raises(InvalidArgument):
        schedule(np.arange(5), base)


@table("base", [float("nan"), float("inf"), 10**400, torch.tensor(float("nan")), np.float64("inf")])
def test_a_trace_with_a_base_that_is_not_finite_is_rejected(base):
    with pytest.raises(PlanError, match=r"^lr=.*must be finite.*Use"):
        ps.trace(ps.Plan(lr=ps.cosine(), horizon=10), {"lr": base})


@pytest.mark.parametrize("base", [1j, np.complex64(1), torch.tensor(1j)])
def test_a_complex_number_is_not_a_hyperparameter(base):
    assert not is_number(base)
    with pytest.raises(PlanError, match="expected a number"):
        ps.trace(ps.Plan(lr=ps.cosine(), horizon=10), {"lr": base})


def test_a_scheduler_rejects_a_base_that_is_not_finite_without_changing_the_optimizer():
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "weight_decay": float("inf")}], lr=0.1)

    with pytest.raises(PlanError, match="weight_decay of group 0=inf: must be finite"):
        ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), weight_decay=ps.linear(1, 0.5), horizon=10))

    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_scheduler_writes_zero_to_groups_with_a_base_of_zero():
    groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in (0.0, 1e-300)]
    scheduler = ps.Scheduler(torch.optim.SGD(groups), ps.Plan(lr=ps.exponential(1e200), horizon=10))

    for _ in range(5):
        scheduler.optimizer.step()

    assert scheduler.optimizer.param_groups[0]["lr"] == 0.0
    assert scheduler.optimizer.param_groups[1]["lr"] == np.inf
