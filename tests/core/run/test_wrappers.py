"""Wrappers of optimizers: unwrapped, or reported if their update is not their `step` or their groups are copies."""

import copy
import warnings
from types import SimpleNamespace

import pytest
import torch

import paramsched as ps
from support.tables import table
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), horizon=20)
LR = planned(PLAN, {"lr": 0.1})


class Lookahead(torch.optim.Optimizer):
    """A wrapper like timm's: an Optimizer subclass whose constructor never ran."""

    def __init__(self, base):
        self._base_optimizer = base
        self.param_groups, self.defaults, self.state = base.param_groups, getattr(base, "defaults", {}), {}

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
    found = []
    for before in (True, False):
        optimizer = torch.optim.SGD([group(), group(lr=0.5)], lr=0.1)
        prepared = accelerator.prepare(optimizer) if not before else optimizer
        scheduler = ps.Scheduler(prepared, PLAN)
        if before:
            prepared, scheduler = accelerator.prepare(optimizer, scheduler)
        rates = []
        for _ in range(5):
            rates.append([one["lr"] for one in optimizer.param_groups])
            prepared.step()
            scheduler.step()
        found.append(rates)

    assert found[0] == found[1] == [[LR[t], planned(PLAN, {"lr": 0.5})[t]] for t in range(5)]


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
    found = []

    for _ in range(20):
        found.append(optimizer.param_groups[0]["lr"])
        scheduler.step()

    assert found == LR
    assert ps.Scheduler(optimizer, PLAN, drive="manual").last_epoch == 20


@pytest.mark.parametrize("attribute", ["optimizers", "parts"])
def test_a_container_whose_groups_its_optimizers_read_is_an_optimizer(attribute):
    first, second = probe(), probe()
    container = SimpleNamespace(param_groups=first.param_groups + second.param_groups, **{attribute: [first, second]})

    ps.Scheduler(container, ps.Plan(lr="linear(0.5, 0)", horizon=10), drive="manual").step()

    assert [one.param_groups[0]["lr"] for one in (first, second)] == [0.1 * 0.45] * 2


def test_wrappers_that_refer_to_each_other_are_no_endless_search():
    class Wrapper:
        def __init__(self, param_groups):
            self.param_groups, self.optimizer = param_groups, self

        def step(self):
            pass

    one = Wrapper(probe().param_groups)
    two = Wrapper(one.param_groups)
    one.optimizer, two.optimizer = two, one

    for wrapper in (one, Wrapper(one.param_groups)):
        scheduler = ps.Scheduler(wrapper, ps.Plan(lr=ps.cosine(), horizon=10), drive="manual")
        scheduler.step()
        assert scheduler.t == 1
        scheduler.detach()


SHORT = ps.Plan(lr="linear()", horizon=20)


def parameters(count=2):
    return [torch.nn.Parameter(torch.ones(2)) for _ in range(count)]


class Wrapper(torch.optim.Optimizer):
    """A wrapper with the group dicts of its inner optimizer, as of SAM and Lookahead."""

    def __init__(self, given, inner=torch.optim.SGD, **options):
        options = {"lr": 0.1, **options}
        super().__init__(given, options)
        self.inner = inner(self.param_groups, **options)
        self.param_groups = self.inner.param_groups

    def step(self, closure=None):
        self.inner.step()


class TwoStep(Wrapper):
    """davda54's SAM: the update is `second_step`."""

    def first_step(self):
        for each in self.param_groups:
            for one in each["params"]:
                one.data.add_(0.05)

    def second_step(self):
        self.inner.step()

    def step(self, closure):
        self.first_step()
        closure()
        self.second_step()


class Stale(Wrapper):
    """A wrapper that keeps its list of groups when a state is loaded into the inner optimizer."""

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.inner.load_state_dict(state)


class Copies(torch.optim.Optimizer):
    """A wrapper of several optimizers with groups of their own."""

    def __init__(self, given, container=list):
        first, second = given
        kinds = [torch.optim.SGD([first], lr=0.1), torch.optim.AdamW([second], lr=0.01)]
        self.all = kinds if container is list else dict(zip(("a", "b"), kinds, strict=True))
        super().__init__([{"params": [first], "lr": 0.1}, {"params": [second], "lr": 0.01}], {"lr": 0.1})

    def step(self, closure=None):
        for one in self.all if isinstance(self.all, list) else self.all.values():
            one.step()


class Copying(Copies):
    """As `Copies`, but `step` copies the lr of each group before."""

    def step(self, closure=None):
        for mine, one in zip(self.param_groups, self.all, strict=True):
            one.param_groups[0]["lr"] = mine["lr"]
        super().step()


class Slow(torch.optim.Optimizer):
    """DiLoCo: an outer optimizer with a rate of its own, after several steps of the inner one."""

    def __init__(self, given):
        super().__init__(given, {"lr": 0.7})
        self.inner = torch.optim.SGD(given, lr=0.1)

    def step(self, closure=None):
        self.inner.step()


class Nested(Wrapper):
    """A wrapper of a wrapper."""

    def __init__(self, given, **options):
        super().__init__(given, inner=Wrapper, **options)

    def step(self, closure=None):
        self.inner.inner.step()


def fill_gradients(optimizer):
    for each in optimizer.param_groups:
        for one in each["params"]:
            one.grad = torch.ones_like(one)


def two_steps(optimizer):
    fill_gradients(optimizer)
    optimizer.first_step()
    fill_gradients(optimizer)
    optimizer.second_step()


def inner_step(optimizer):
    fill_gradients(optimizer)
    optimizer.inner.step()


def step(optimizer):
    fill_gradients(optimizer)
    optimizer.step()


def closed_step(optimizer):
    fill_gradients(optimizer)
    optimizer.step(lambda: fill_gradients(optimizer))


def resumed(kind=Wrapper, times=3):
    """Return a wrapper with a Scheduler, after a load into the inner optimizer, whose group dicts are then its own."""
    optimizer = kind(parameters())
    ps.Scheduler(optimizer, SHORT)
    for _ in range(times):
        step(optimizer)
    fresh = kind(parameters())
    keep = ps.Scheduler(fresh, SHORT)
    fresh.inner.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return fresh, keep


def started(optimizer):
    return optimizer, ps.Scheduler(optimizer, SHORT)


def resumed_later(kind):
    optimizer, keep = started(kind(parameters()))
    for _ in range(4):
        step(optimizer)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return optimizer, keep


OUTSIDE, OWN = "makes updates outside of", "has param_groups of its own"
MISTAKES = {
    "two steps": (lambda: started(TwoStep(parameters())), two_steps, OUTSIDE, "ps.Scheduler(optimizer.inner, plan)"),
    "step of the inner one": (lambda: started(Wrapper(parameters())), inner_step, OUTSIDE, "optimizer.inner"),
    "a list of copies": (lambda: started(Copies(parameters())), step, OWN,
                         '{"all_0": optimizer.all[0], "all_1": optimizer.all[1]}'),
    "a dict of copies": (lambda: started(Copies(parameters(), dict)), step, OWN,
                         """{"all_a": optimizer.all['a'], "all_b": optimizer.all['b']}"""),
    "stale after a load": (resumed, step, OWN, "optimizer.inner"),
    "stale in the run": (lambda: resumed_later(Stale), step, OWN, "optimizer.inner"),
    "two steps after a load": (lambda: resumed_later_in_two_steps(), two_steps, OUTSIDE, "optimizer.inner"),
}  # fmt: skip


def resumed_later_in_two_steps():
    optimizer, keep = started(TwoStep(parameters()))
    for _ in range(4):
        closed_step(optimizer)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return optimizer, keep


def told_by(optimizer, iterate, times=8):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(times):
            iterate(optimizer)
    return [str(one.message) for one in caught if issubclass(one.category, ps.PlanWarning)]


@table("name", MISTAKES)
def test_an_inner_optimizer_that_the_plan_does_not_reach_is_told_once_with_the_line_to_write(name):
    make, iterate, found, line = MISTAKES[name]
    optimizer, kept = make()

    told = told_by(optimizer, iterate)

    assert kept
    assert len(told) == 1
    assert found in told[0]
    assert line in told[0]


def test_the_advised_line_drives_the_inner_optimizers():
    optimizer = Copies(parameters(), dict)
    (told,) = told_by(started(optimizer)[0], step, 3)
    line = told.partition("Write ")[2]

    fresh = Copies(parameters(), dict)
    scheduler = eval(line, {"ps": ps, "optimizer": fresh, "plan": SHORT})
    assert told_by(fresh, step, 3) == []
    assert scheduler.t == 3
    assert [one.param_groups[0]["lr"] for one in fresh.all.values()] == [0.1 * 17 / 20, 0.01 * 17 / 20]


def local_steps(optimizer):
    for _ in range(10):
        inner_step(optimizer)
    step(optimizer)


def scaled(optimizer):
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale(sum(one.sum() for group in optimizer.param_groups for one in group["params"])).backward()
    scaler.step(optimizer)
    scaler.update()


RIGHT = {
    "shared groups": (lambda: started(Wrapper(parameters())), step),
    "two steps in a closure": (lambda: started(TwoStep(parameters())), closed_step),
    "two steps on the inner one": (lambda: of_inner(TwoStep(parameters())), two_steps),
    "nested": (lambda: started(Nested(parameters())), step),
    "copies whose lr is copied": (lambda: started(Copying(parameters())), step),
    "an outer rate": (lambda: started(Slow(parameters())), step),
    "local steps": (lambda: started(Slow(parameters())), local_steps),
    "LBFGS inside": (lambda: started(Wrapper(parameters(), torch.optim.AdamW)), step),
    "scaled": (lambda: started(Wrapper(parameters())), scaled),
    "a plan for each": (lambda: of_both(Copies(parameters())), step),
}


def of_inner(optimizer):
    return optimizer, ps.Scheduler(optimizer.inner, SHORT)


def of_both(optimizer):
    return optimizer, [ps.Scheduler(one, SHORT) for one in (*optimizer.all, optimizer)]


@table("name", RIGHT)
def test_a_wrapper_whose_inner_optimizers_follow_the_plan_is_not_told_anything(name):
    make, iterate = RIGHT[name]
    optimizer, kept = make()

    assert kept
    assert told_by(optimizer, iterate) == []


def test_the_hooks_on_inner_optimizers_last_for_two_updates_and_until_the_scheduler_ends():
    optimizer, scheduler = started(Wrapper(parameters()))
    for _ in range(2):
        assert len(optimizer.inner._optimizer_step_post_hooks) == 1
        step(optimizer)

    assert len(optimizer.inner._optimizer_step_post_hooks) == 0
    scheduler.detach()
    assert len(optimizer.inner._optimizer_load_state_dict_post_hooks) == 0


@pytest.mark.parametrize("make", [lambda: Wrapper(parameters()), lambda: Copies(parameters())])
def test_a_strict_scheduler_counts_the_update_before_it_raises(make):
    optimizer = make()
    scheduler = ps.Scheduler(optimizer, SHORT, strict=True)
    iterate, count = (inner_step, 0) if isinstance(optimizer, Wrapper) else (step, 2)
    before = torch.ones(2)
    iterate(optimizer)

    with pytest.raises(ps.PlanWarning):
        iterate(optimizer)

    assert scheduler.t == count
    first = optimizer.param_groups[0]["params"][0].detach()
    assert torch.equal(first, before - 0.1 * torch.ones(2) - 0.1 * torch.ones(2))
