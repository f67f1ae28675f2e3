"""Updates that a Scheduler does not see: another optimizer trains, while its own makes no update."""

import gc
import warnings
import weakref

import pytest
import torch

import paramsched as ps
from support.tables import table

PLAN = ps.Plan(lr="linear()", horizon=1000)


@pytest.fixture(autouse=True)
def without_optimizers_of_other_tests():
    gc.collect()


class Loop:
    """A loop of a small model: `optimizer` trains it, `scheduler` was constructed for another optimizer or for it."""

    def __init__(self, kind=torch.optim.SGD, *, dtype=torch.float32, **arguments):
        torch.manual_seed(0)  # of some weights, rounding to bfloat16 hides an update
        self.model, self.arguments = torch.nn.Linear(3, 2).to(dtype), {"lr": 0.1, **arguments}
        self.kind, self.dtype = kind, dtype
        self.optimizer = self.new()
        self.scheduler = ps.Scheduler(self.optimizer, PLAN)

    def new(self, model=None):
        return self.kind((model or self.model).parameters(), **self.arguments)

    def backward(self, model=None):
        x = torch.ones(4, 3, dtype=self.dtype)
        torch.nn.functional.cross_entropy((model or self.model)(x), torch.tensor([0, 1, 1, 1])).backward()

    def update(self, optimizer=None, model=None):
        self.backward(model)
        (optimizer or self.optimizer).step()
        (optimizer or self.optimizer).zero_grad()


def counted(loop):
    loop.update()
    loop.scheduler.step()


def logged(loop):
    loop.update()
    loop.scheduler.scalars()


def rebuilt(iterate=counted, **arguments):
    """Construct the optimizer again after the Scheduler."""
    loop = Loop(**arguments)
    loop.optimizer = loop.new()
    return loop, iterate


def rebuilt_after_a_checkpoint(times=5):
    """Construct the optimizer again during the run, after a checkpoint."""
    loop = Loop()
    for _ in range(times):
        counted(loop)
    loop.scheduler.state_dict()
    loop.optimizer = loop.new()
    return loop, counted


def rebuilt_after_a_load():
    loop, saved = Loop(), Loop()
    saved.update()
    loop.scheduler.load_state_dict(saved.scheduler.state_dict())
    loop.optimizer = loop.new()
    return loop, counted


def inside():
    """The Scheduler has an inner optimizer, of which the outer one has its own copy."""
    loop = Loop()
    loop.optimizer = torch.optim.AdamW([{**one} for one in loop.optimizer.param_groups], lr=0.1)
    return loop, counted


def by_hand():
    """`drive="manual"`, and `scheduler.step()` is forgotten."""
    loop = Loop()
    loop.scheduler = ps.Scheduler(loop.optimizer, PLAN, drive="manual")
    return loop, lambda loop: (loop.update(), loop.scheduler.scalars("coming"))


def another_model():
    """The Scheduler's optimizer has the parameters of another model."""
    loop, other = Loop(), torch.nn.Linear(3, 2)
    loop.other = loop.new(other)
    return loop, lambda loop: (loop.update(loop.other, other), loop.scheduler.step())


def a_forgotten_step(*, zero):
    """The gradients are computed, and added up or discarded, and no optimizer steps."""
    return Loop(), lambda loop: (zero and loop.optimizer.zero_grad(), loop.backward(), loop.scheduler.step())


MISTAKES = {
    "rebuilt": (rebuilt, 3),
    "rebuilt AdamW": (lambda: rebuilt(kind=torch.optim.AdamW), 3),
    "rebuilt fused": (lambda: rebuilt(kind=torch.optim.AdamW, fused=True), 3),
    "rebuilt bfloat16": (lambda: rebuilt(dtype=torch.bfloat16), 3),
    "rebuilt, logs": (lambda: rebuilt(logged), 4),
    "rebuilt after a checkpoint": (rebuilt_after_a_checkpoint, 3),
    "rebuilt after a load": (rebuilt_after_a_load, 3),
    "inside": (inside, 3),
    "by hand": (by_hand, 4),
    "another model": (another_model, 8),
    "no optimizer": (lambda: (Loop(), lambda loop: loop.scheduler.step()), 16),
    "a forgotten step": (lambda: a_forgotten_step(zero=True), 16),
    "a forgotten step after sums": (lambda: a_forgotten_step(zero=False), 256),
}


@table("name", MISTAKES)
def test_an_optimizer_that_makes_no_update_is_told_once(name):
    make, calls = MISTAKES[name]
    loop, iterate = make()
    told = []
    for at in range(1, 2 * calls + 1):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            iterate(loop)
        told += [(at, one.category) for one in caught]

    assert told == [(calls, ps.PlanWarning)]


def accumulated(count, zero):
    def iterate(loop):
        for at in range(count):
            loop.backward()
            if at + 1 == count:
                loop.optimizer.step()
                loop.optimizer.zero_grad(set_to_none=zero)
            loop.scheduler.step()

    return iterate


def skipped(loop):
    """A GradScaler whose first scale is too large; its steps are skipped 20 times."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**48)
    for _ in range(30):
        scaler.scale(1e30 * sum(one.sum() for one in loop.model.parameters())).backward()
        scaler.step(loop.optimizer)
        scaler.update()
        loop.optimizer.zero_grad()
        loop.scheduler.step()


def logs_twice(loop):
    for _ in range(20):
        loop.update()
        loop.scheduler.scalars()
        loop.scheduler.scalars("coming")
        loop.scheduler.state_dict()
        loop.scheduler.step()


def loads_weights(loop):
    """Weights are loaded between two calls, before the first update."""
    loop.scheduler.step()
    loop.model.load_state_dict(torch.nn.Linear(3, 2).state_dict())
    loop.scheduler.scalars()
    loop.update()


def closure(loop):
    def closed():
        loop.optimizer.zero_grad()
        loop.backward()
        return torch.tensor(0.0)

    loop.optimizer.step(closed)
    loop.scheduler.step()


def another_with_a_plan(loop):
    """Two networks with a plan each; the first one waits."""
    other = torch.nn.Linear(3, 2)
    optimizer = loop.new(other)
    loop.second = ps.Scheduler(optimizer, PLAN)
    for _ in range(15):
        loop.update(optimizer, other)
        loop.second.step()
        loop.scheduler.step()


RIGHT = {
    "plain": (Loop, counted),
    "128 batches": (Loop, accumulated(128, zero=True)),
    "128 batches, zeros": (Loop, accumulated(128, zero=False)),
    "skipped": (Loop, skipped),
    "logs twice": (Loop, logs_twice),
    "loads weights": (Loop, loads_weights),
    "a frozen model": (Loop, lambda loop: (loop.model.requires_grad_(requires_grad=False), loop.scheduler.step())),
    "LBFGS": (lambda: Loop(torch.optim.LBFGS), closure),
    "two plans": (Loop, another_with_a_plan),
}


@table("name", RIGHT)
def test_a_run_whose_optimizer_makes_the_updates_is_not_told_anything(name):
    make, iterate = RIGHT[name]
    loop = make()

    with warnings.catch_warnings():
        warnings.simplefilter("error", ps.PlanWarning)
        for _ in range(3):
            iterate(loop)


def test_a_strict_scheduler_raises_what_it_sees():
    loop, iterate = rebuilt()
    loop.scheduler = ps.Scheduler(loop.scheduler.optimizer, PLAN, strict=True)
    iterate(loop), iterate(loop)

    with pytest.raises(ps.PlanWarning, match="parameters change without an update of this optimizer"):
        iterate(loop)


def test_the_scheduler_is_freed_with_its_last_reference_while_it_is_idle():
    loop = Loop()
    loop.scheduler.step()
    gone, loop.scheduler = weakref.ref(loop.scheduler), None

    assert gone() is None
