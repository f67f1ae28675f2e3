"""Wrappers of optimizers: unwrapped, and their updates counted once."""

from types import SimpleNamespace

import pytest
import torch

import paramsched as ps
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), total=20)
LR = planned(PLAN, {"lr": 0.1})


class Lookahead(torch.optim.Optimizer):
    """A wrapper like timm's: an Optimizer subclass whose constructor never ran."""

    def __init__(self, base):
        self._base_optimizer = base
        self.param_groups = base.param_groups
        self.defaults = getattr(base, "defaults", {})
        self.state = {}

    def step(self, closure=None):
        return self._base_optimizer.step()


class LightningLike:
    """A wrapper like LightningOptimizer, with the class and attributes of the inner optimizer."""

    def __init__(self, optimizer):
        self.__class__ = type("Lightning" + type(optimizer).__name__, (type(self), type(optimizer)), {})
        self.__dict__ = {"_optimizer": optimizer, "defaults": optimizer.defaults}

    @property
    def param_groups(self):
        return self._optimizer.param_groups

    def step(self, closure=None):
        return self._optimizer.step(closure)


class SharpnessAware(torch.optim.Optimizer):
    """A wrapper like SAM: an optimizer that contains another one with the same groups."""

    def __init__(self, base):
        super().__init__(base.param_groups, base.defaults)
        self.base_optimizer = base
        self.param_groups = base.param_groups

    def step(self, closure=None):
        return self.base_optimizer.step(closure)


def accelerated(optimizer):
    accelerate = pytest.importorskip("accelerate")
    return accelerate.Accelerator(cpu=True).prepare(optimizer)


def mmengine(optimizer):
    return pytest.importorskip("mmengine.optim").OptimWrapper(optimizer)


@pytest.mark.parametrize("wrap", [accelerated, mmengine, Lookahead, LightningLike, SharpnessAware])
@pytest.mark.parametrize("twice", [False, True])
def test_wrappers_are_unwrapped_and_their_steps_advance_the_plan(wrap, twice):
    optimizer = probe()
    wrapped = Lookahead(wrap(optimizer)) if twice else wrap(optimizer)

    scheduler = ps.Scheduler(wrapped, PLAN)
    run(wrapped, 20)

    assert scheduler.optimizer is optimizer
    assert used(optimizer) == LR


def test_accelerate_prepares_a_scheduler_in_either_order():
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    actual = []
    for before in (True, False):
        optimizer = torch.optim.SGD([group(), group(lr=0.5)], lr=0.1)
        prepared = accelerator.prepare(optimizer) if not before else optimizer
        scheduler = ps.Scheduler(prepared, PLAN)
        if before:
            prepared, scheduler = accelerator.prepare(optimizer, scheduler)
        rates = []
        for _ in range(5):
            rates.append([group["lr"] for group in optimizer.param_groups])
            prepared.step()
            scheduler.step()
        actual.append(rates)

    assert actual[0] == actual[1] == [[LR[t], planned(PLAN, {"lr": 0.5})[t]] for t in range(5)]


class Unhooked:
    """An optimizer that is not a torch class and has no hooks."""

    def __init__(self):
        self.param_groups = [{"params": [], "lr": 0.1}]

    def step(self):
        pass


def test_an_optimizer_without_hooks_is_rejected_with_the_manual_alternative():
    optimizer = Unhooked()

    with pytest.raises(ps.errors.InvalidArgument, match='drive="manual"'):
        ps.Scheduler(optimizer, PLAN)

    assert optimizer.param_groups == [{"params": [], "lr": 0.1}]


def test_an_optimizer_without_hooks_can_be_driven_manually():
    optimizer = Unhooked()
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")
    actual = []

    for _ in range(20):
        actual.append(optimizer.param_groups[0]["lr"])
        scheduler.step()

    assert actual == LR
    assert ps.Scheduler(optimizer, PLAN, drive="manual").last_epoch == 20


@pytest.mark.parametrize("attribute", ["optimizers", "parts"])
def test_a_container_whose_groups_its_optimizers_read_is_an_optimizer(attribute):
    first = probe()
    second = probe()
    container = SimpleNamespace(param_groups=first.param_groups + second.param_groups, **{attribute: [first, second]})

    ps.Scheduler(container, ps.Plan(lr="linear(1, 0)", total=10), drive="manual").step()

    assert [optimizer.param_groups[0]["lr"] for optimizer in (first, second)] == [0.1 * 0.9] * 2


def test_wrappers_that_refer_to_each_other_are_no_endless_search():
    class Wrapper:
        def __init__(self, param_groups):
            self.param_groups = param_groups
            self.optimizer = self

        def step(self):
            pass

    first = Wrapper(probe().param_groups)
    second = Wrapper(first.param_groups)
    first.optimizer = second
    second.optimizer = first

    for wrapper in (first, Wrapper(first.param_groups)):
        scheduler = ps.Scheduler(wrapper, ps.Plan(lr=ps.cosine(), total=10), drive="manual")
        scheduler.step()
        assert scheduler.t == 1
        scheduler.detach()
