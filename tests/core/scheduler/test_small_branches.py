"""Branches of a run that serve one kind of input."""

import warnings

import pytest
import torch

import paramsched as ps


def optimizer(**entries):
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], **entries}], lr=0.1)


def test_the_states_of_a_scheduler_are_a_copy():
    scheduler = ps.Scheduler(optimizer(), ps.Plan(lr="cosine() * plateau()", horizon=10))
    (rule,) = scheduler.states

    scheduler.states.clear()

    assert [*scheduler.states] == [rule]


def test_the_state_of_an_optimizer_whose_groups_were_removed_is_empty():
    one = optimizer()
    scheduler = ps.Scheduler(one, ps.Plan(lr="cosine()", horizon=10))
    one.param_groups.clear()

    assert one.state_dict()["param_groups"] == []
    assert scheduler.t == 0


@pytest.mark.parametrize(("horizon", "warns"), [(99, True), (100, False)])
def test_a_start_warns_of_a_horizon_below_one_epoch_and_a_resume_does_not(horizon, warns):
    one = optimizer()
    plan = ps.Plan(lr="cosine()", horizon=horizon)

    def started(of):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ps.Scheduler(of, plan, steps_per_epoch=100)
        return any("less than one epoch" in str(each.message) for each in caught)

    assert started(one) is warns
    one.step()
    resumed = optimizer()
    resumed.load_state_dict(one.state_dict())
    assert not started(resumed)
