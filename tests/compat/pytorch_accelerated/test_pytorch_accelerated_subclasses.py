"""Subclasses that omit the optional parts of pytorch-accelerated's base classes."""

import copy
import pickle
from collections import defaultdict

import pytest
import torch
from pytorch_accelerated.schedulers import scheduler_base as peer

import paramsched.compat.pytorch_accelerated as ours


def kinds(m):
    class NeverBuilt(m.SchedulerBase):
        """A class that never calls the constructor."""

        def __init__(self, optimizer):
            self.optimizer, self.param_group_field = optimizer, "lr"

        def get_updated_values(self, num_updates):
            return 0.1 * 0.5**num_updates

    class OwnBases(NeverBuilt):
        """A class that never calls the constructor and stores the bases itself."""

        def __init__(self, optimizer):
            super().__init__(optimizer)
            self.base_lr_values = [group["lr"] for group in optimizer.param_groups]

    class StepsItself(m.StatefulSchedulerBase):
        """A class that counts and writes on its own and contains its own containers."""

        def __init__(self, optimizer):
            self.optimizer, self.updates, self.seen = optimizer, 0, defaultdict(list)

        def get_updated_values(self, num_updates):
            return None

        def step(self):
            self.updates += 1
            self.seen["lr"].append(0.1 / self.updates)
            for group in self.optimizer.param_groups:
                group["lr"] = 0.1 / self.updates

        def state_dict(self):
            return super(m.StatefulSchedulerBase, self).state_dict()

        def load_state_dict(self, state):
            super(m.StatefulSchedulerBase, self).load_state_dict(state)

    for kind in (found := (NeverBuilt, OwnBases, StepsItself)):
        kind.__qualname__ = f"{'ON_OURS' if m is ours else 'ON_THEIRS'}.{kind.__name__}"
    return type("Kinds", (), {kind.__name__: kind for kind in found})


ON_THEIRS, ON_OURS = kinds(peer), kinds(ours)


def run(kind, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = kind(optimizer)
    for n in range(1, steps + 1):
        scheduler.step() if kind.__name__ == "StepsItself" else scheduler.step_update(n)
    return scheduler


@pytest.mark.parametrize("name", ["NeverBuilt", "OwnBases", "StepsItself"])
def test_a_subclass_steps_saves_copies_and_loads_as_on_the_classes_of_the_library(name):
    theirs, mine = run(getattr(ON_THEIRS, name), 3), run(getattr(ON_OURS, name), 3)

    assert mine.optimizer.param_groups[0]["lr"] == theirs.optimizer.param_groups[0]["lr"]
    assert theirs.state_dict().items() <= mine.state_dict().items()
    fresh = run(getattr(ON_OURS, name), 0)
    fresh.load_state_dict(theirs.state_dict())
    fresh.load_state_dict(copy.deepcopy(mine).state_dict())
    assert pickle.loads(pickle.dumps(fresh)).state_dict().keys() == mine.state_dict().keys()


def test_a_state_shares_no_container_with_the_scheduler():
    scheduler = run(ON_OURS.StepsItself, 2)
    state = scheduler.state_dict()

    scheduler.step()

    assert len(state["seen"]["lr"]) == 2
