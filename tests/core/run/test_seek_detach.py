"""Going to a time, and going away."""

import pytest
import torch

import paramsched as ps
from support.tables import table
from support.updates import planned, probe, run, used

PLAN = ps.Plan(ps.Binding("betas[1]", ps.linear(1.0, 0.9)), lr=ps.warmup(5) >> ps.cosine(to=0.1), horizon=40)
LR = planned(PLAN, {"lr": 0.1, "betas": (0.9, 0.999)})


@table("target", [0, 1, 17, 39, 40, 10**9, 2**53])
def test_seek_writes_the_values_before_it_returns(target):
    optimizer = probe({}, {"lr": 0.5})
    scheduler = ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)

    scheduler.seek(target)

    expected = LR[target] if target < 40 else PLAN.resolve(ps.Calendar()).bindings[0].schedule(target, 0.1)
    assert (scheduler.last_epoch, optimizer.param_groups[0]["lr"]) == (target, expected)
    assert [one["paramsched_t"] for one in optimizer.param_groups] == [target, target]


def test_seeking_there_and_back_changes_nothing():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)

    for t in range(40):
        scheduler.seek((t * 17) % 50)
        scheduler.seek(t)
        optimizer.step()

    assert used(optimizer) == LR


@pytest.mark.parametrize("target", [-1, 1.0, "3", None, True, float("nan"), 2**62, torch.tensor(3)])
def test_an_invalid_update_is_rejected_and_changes_nothing(target):
    scheduler = ps.Scheduler(probe(), PLAN)
    before = dict(scheduler.optimizer.param_groups[0])

    with pytest.raises(ps.errors.InvalidTime):
        scheduler.seek(target)

    assert scheduler.optimizer.param_groups[0] == before


def test_detaching_removes_all_entries_and_keeps_the_values_and_initial_lr():
    optimizer = probe({}, {"lr": 0.5})
    keys = [set(one) for one in optimizer.param_groups]
    scheduler = ps.Scheduler(optimizer, PLAN)
    run(optimizer, 7)

    scheduler.detach()
    scheduler.detach()

    assert [set(one) for one in optimizer.param_groups] == [one | {"initial_lr"} for one in keys]
    assert optimizer.param_groups[0]["lr"] == LR[7]
    hooks = [name for name in vars(optimizer) if name.endswith("_hooks") and getattr(optimizer, name)]
    assert hooks == []
    run(optimizer, 2)
    assert used(optimizer)[7:] == [LR[7]] * 2


def test_detaching_gives_each_group_a_tensor_with_its_own_storage():
    optimizer = probe({}, {}, lr=torch.tensor(0.5))
    scheduler = ps.Scheduler(optimizer, PLAN)
    run(optimizer, 7)
    values = [one["lr"].item() for one in optimizer.param_groups]

    scheduler.detach()

    tensors = [one["lr"] for one in optimizer.param_groups]
    assert [one.item() for one in tensors] == values
    assert [one.untyped_storage().nbytes() for one in tensors] == [4, 4]
    tensors[0].fill_(0.7)
    assert tensors[1].item() == values[1]


def test_detaching_after_groups_were_removed_or_reordered():
    optimizer = probe({"lr": torch.tensor(0.1)}, {"lr": torch.tensor(0.2)}, {"lr": torch.tensor(0.3)})
    scheduler = ps.Scheduler(optimizer, PLAN)
    del optimizer.param_groups[0]
    optimizer.param_groups.reverse()

    scheduler.detach()

    assert [one["lr"].untyped_storage().nbytes() for one in optimizer.param_groups] == [4, 4]


@pytest.mark.parametrize("call", ["seek", "observe", "report", "load_state_dict"])
def test_a_detached_scheduler_raises_an_error_with_the_call_to_continue(call):
    scheduler = ps.Scheduler(probe(), PLAN)
    state = scheduler.state_dict()
    scheduler.detach()
    calls = {
        "seek": lambda: scheduler.seek(3),
        "observe": scheduler.observe,
        "report": lambda: scheduler.report(progress=0.5),
        "load_state_dict": lambda: scheduler.load_state_dict(state),
    }

    with pytest.raises(ps.errors.ParamschedError, match=r"Write ps\.Scheduler\(optimizer, plan\)"):
        calls[call]()


def test_a_detached_scheduler_is_still_readable():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    run(optimizer, 7)
    state = scheduler.state_dict()

    scheduler.detach()

    assert scheduler.last_epoch == 7
    assert scheduler.state_dict() == state
    assert scheduler.value("lr") == LR[7]
    assert scheduler.get_last_lr() == [LR[6]]


def test_a_new_scheduler_on_a_detached_optimizer_starts_at_zero_with_the_base_of_the_first():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    run(optimizer, 7)
    scheduler.detach()

    again = ps.Scheduler(optimizer, PLAN)

    assert (again.last_epoch, again.base_lrs) == (0, [0.1])


def test_a_step_by_hand_of_a_detached_scheduler_of_several_optimizers_changes_nothing():
    scheduler = ps.Scheduler({"a": probe(), "b": probe()}, ps.Plan(lr=ps.cosine(), horizon=10), drive="manual")
    scheduler.step()
    scheduler.detach()

    with pytest.raises(ps.errors.ParamschedError, match=r"scheduler\.step\(\): this Scheduler is detached"):
        scheduler.step()

    assert scheduler.t == 1
    assert scheduler._run.numbers == {"a": 1, "b": 1}
