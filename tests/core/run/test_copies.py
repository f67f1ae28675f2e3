"""Copies, pickles, and the release of memory."""

import copy
import gc
import io
import pickle
import signal
import weakref

import pytest
import torch

import paramsched as ps
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(
    lr=ps.linear(1.0, 0.0) * ps.plateau("loss", patience=0, factor=0.5), momentum=ps.linear(1.0, 0.5), horizon=20
)


def through_pickle(objects):
    return pickle.loads(pickle.dumps(objects))


def through_torch(objects):
    file = io.BytesIO()
    torch.save(objects, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_torch])


def triple():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW([{"params": [model.weight]}, {"params": [model.bias], "lr": 0.5}], lr=0.1)
    return model, optimizer, ps.Scheduler(optimizer, PLAN)


def train(model, optimizer, updates):
    found = []
    for _ in range(updates):
        model(torch.ones(1, 2)).sum().backward()
        found.append([(one["lr"], one["betas"]) for one in optimizer.param_groups])
        optimizer.step()
        optimizer.zero_grad()
    return found


@WAYS
def test_a_copy_of_model_optimizer_and_scheduler_continues_independently(copied):
    model, optimizer, scheduler = triple()
    train(model, optimizer, 2)
    for _ in range(2):
        scheduler.observe(loss=1.0)
    scheduler.step()  # from now on, `get_last_lr` returns the lr of the last update until the next call
    train(model, optimizer, 1)
    for _ in range(2):
        scheduler.observe(loss=1.0)

    model2, optimizer2, scheduler2 = copied((model, optimizer, scheduler))

    assert scheduler2.optimizer is optimizer2
    assert (scheduler2.states, scheduler2.last_epoch) == (scheduler.states, 3)
    assert scheduler2.get_last_lr() == scheduler.get_last_lr()
    mine, copies = train(model, optimizer, 4), train(model2, optimizer2, 6)
    assert copies[:4] == mine
    assert (scheduler.last_epoch, scheduler2.last_epoch) == (7, 9)
    torch.testing.assert_close(
        copies[0][1][0], 0.5 * 0.125 * planned(ps.Plan(lr=ps.linear(1, 0), horizon=20), {"lr": 1.0})[3]
    )


@WAYS
@pytest.mark.parametrize("tensor", [False, True])
def test_a_copy_of_the_optimizer_alone_contains_count_and_bases(copied, tensor):
    plan = ps.Plan(lr=ps.linear(1.0, 0.0), horizon=20)
    bases = [torch.tensor(0.25), torch.tensor(0.5)] if tensor else [0.25, 0.5]
    optimizer = torch.optim.SGD([group(lr=base) for base in bases], lr=1.0)
    ps.Scheduler(optimizer, plan)
    run(optimizer, 7)

    twin = copied(optimizer)
    frozen = float(twin.param_groups[0]["lr"])
    run(twin, 2)
    assert float(twin.param_groups[0]["lr"]) == frozen
    scheduler = ps.Scheduler(twin, plan)
    run(twin, 1)
    run(optimizer, 1)

    assert scheduler.last_epoch == 8
    assert [float(one["lr"]) for one in twin.param_groups] == [float(one["lr"]) for one in optimizer.param_groups]
    assert scheduler.base_lrs == [0.25, 0.5]


@WAYS
def test_a_copy_of_a_detached_scheduler_does_not_write(copied):
    _, optimizer, scheduler = triple()
    scheduler.detach()
    optimizer.param_groups[0]["lr"] = 0.77

    twin = copied(scheduler)

    assert twin.optimizer.param_groups[0]["lr"] == 0.77
    assert not any(key.startswith("paramsched") for key in twin.optimizer.param_groups[0])
    assert not twin.optimizer._optimizer_step_post_hooks


def test_deleting_an_optimizer_frees_it_without_the_cycle_collector():
    model, optimizer, scheduler = triple()
    train(model, optimizer, 2)
    gone = weakref.ref(optimizer), weakref.ref(model)
    gc.collect()
    gc.disable()

    try:
        del model, optimizer, scheduler
        assert [one() for one in gone] == [None, None]
    finally:
        gc.enable()


def test_the_plan_continues_after_the_scheduler_object_is_dropped():
    plan = ps.Plan(lr=ps.linear(1.0, 0.0), horizon=20)
    optimizer = probe()
    gone = weakref.ref(ps.Scheduler(optimizer, plan))

    run(optimizer, 20)

    assert gone() is None
    assert used(optimizer) == planned(plan, {"lr": 0.1})


@WAYS
@pytest.mark.parametrize("options", [{"stop_before": "in 0 s"}, {"stop_on": "SIGUSR2"}], ids=["moment", "signal"])
def test_a_copy_ends_with_its_plan_and_says_that_it_does_not_end_before(copied, options, caplog):
    handler = signal.getsignal(signal.SIGUSR2)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, **options)
    ours = signal.getsignal(signal.SIGUSR2)
    optimizer2, twin = copied((optimizer, scheduler))
    run(optimizer2, 1)

    assert signal.getsignal(signal.SIGUSR2) is ours
    assert (twin.may_end_early, twin.should_stop, twin.stop_reason) == (False, False, None)
    assert sum("a copy of a Scheduler ends with its plan" in one for one in caplog.messages) == 1
    run(optimizer2, 19)
    assert twin.stop_reason == "plan"
    scheduler.detach()
    assert signal.getsignal(signal.SIGUSR2) is handler
    assert copied((optimizer, ps.Scheduler(optimizer, PLAN)))[1].stop_reason is None
    assert len([one for one in caplog.messages if "a copy of a Scheduler" in one]) == 1
