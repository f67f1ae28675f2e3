"""The state of an MMEngine drop-in is copied when it is saved and when it is loaded."""

import copy
import json
import warnings

import pytest
import torch

from paramsched.errors import StateError
from paramsched.mmengine import schedulers as mmengine


def optimizer_of(*lrs):
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": lr} for lr in lrs], lr=0.1)


def step_with_a_late_group(scheduler):
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.3})
    scheduler.optimizer.step()
    scheduler.step()


def loaded(scheduler, state):
    scheduler.load_state_dict(state)


def restored(scheduler, state):
    mmengine.restore([scheduler], [state])


@pytest.mark.parametrize("take_over", [loaded, restored])
def test_a_loaded_state_does_not_change_with_the_scheduler(take_over):
    state = mmengine.StepLR(optimizer_of(0.1, 0.2), 2).state_dict()
    before = copy.deepcopy(state)
    scheduler = mmengine.StepLR(optimizer_of(0.1, 0.2), 2)

    take_over(scheduler, state)
    step_with_a_late_group(scheduler)

    assert state == before


def test_a_saved_state_does_not_change_with_the_scheduler():
    scheduler = mmengine.MultiStepLR(optimizer_of(0.1), [2, 4])

    state = scheduler.state_dict()
    before = copy.deepcopy(state)
    scheduler.milestones[7] += 1
    step_with_a_late_group(scheduler)

    assert state == before


def test_two_schedulers_that_loaded_one_state_are_independent():
    state = mmengine.MultiStepLR(optimizer_of(0.1), [2, 4]).state_dict()
    one, other = (mmengine.MultiStepLR(optimizer_of(0.1), [2, 4]) for _ in range(2))

    for scheduler in (one, other):
        scheduler.load_state_dict(state)
    one.milestones[7] += 1

    assert dict(other.milestones) == {2: 1, 4: 1}


def test_a_tuple_that_a_file_made_a_list_is_the_same_argument():
    def build():
        return mmengine.CosineRestartLR(optimizer_of(0.1), periods=(3, 4), restart_weights=(1, 0.5), eta_min=0.0)

    state = json.loads(json.dumps(build().state_dict()))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build().load_state_dict(state)


def test_a_scheduler_without_the_constructor_of_its_base_has_a_state():
    class Own(mmengine.LinearLR):
        def __init__(self, optimizer=None):
            self.factor = 0.5

        def step(self):
            self.factor *= 0.5

    own = Own()
    own.step()
    other = Own()
    other.load_state_dict(own.state_dict())

    assert other.factor == copy.deepcopy(own).factor == 0.25


def test_states_of_other_optimizers_are_named():
    schedulers = {name: [mmengine.StepLR(optimizer_of(0.1), 2)] for name in ("actor", "critic")}
    states = {name: [] for name in ("actor", "teacher")}

    with pytest.raises(StateError, match=r"for actor, critic, got actor, teacher$"):
        mmengine.restore(schedulers, states)
