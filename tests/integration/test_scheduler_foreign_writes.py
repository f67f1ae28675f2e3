"""Values that someone else wrote between two updates: used once, told once, then overwritten."""

import warnings

import pytest
import torch

import paramsched as ps
from updates import planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 0.5), horizon=3000)
ONE = {"lr": 0.1, "betas": (0.9, 0.999)}
LR, BETA = (planned(PLAN, ONE, name) for name in ("lr", "momentum"))


def write_and_run(optimizer, write, *, times=1, updates=2):
    for _ in range(times):
        write()
        run(optimizer, updates)


def written(optimizer, index, entry, value):
    optimizer.param_groups[index][entry] = value
    return optimizer


def without_momentum(*groups, **defaults):
    optimizer = probe(*groups, **defaults)
    for one in optimizer.param_groups:
        del one["momentum"]
    return optimizer


@pytest.mark.parametrize(
    ("entry", "value", "name"),
    [("lr", 0.7, "lr"), ("lr", 1, "lr"), ("betas", (0.5, 0.999), "betas[0]"), ("lr", torch.tensor(0.5), "lr")],
)
def test_a_value_written_by_hand_is_used_once_and_told_once_with_both_values(entry, value, name):
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)

    with pytest.warns(UserWarning, match="something else wrote it") as told:
        write_and_run(optimizer, lambda: written(optimizer, 0, entry, value), times=3)

    assert len(told) == 1
    planned_value = (LR if name == "lr" else BETA)[3]
    assert all(part in str(told[0].message) for part in (name, repr(planned_value), "group 0"))
    assert told[0].filename.endswith("updates.py")
    ours = list(LR[:9])
    if entry == "lr":
        ours[3] = ours[5] = ours[7] = float(value)
    assert used(optimizer) == ours


def test_an_element_of_a_tuple_that_is_not_scheduled_may_be_written_by_anyone():
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written(optimizer, 0, "betas", (optimizer.param_groups[0]["betas"][0], 0.5))
        run(optimizer, 3)

    assert used(optimizer, "betas[0]") == BETA[:5]
    assert used(optimizer, "betas[1]")[2:] == [0.5, 0.5, 0.5]


def test_fields_that_are_not_scheduled_may_be_written_by_anyone():
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (0.5, 0.6):
            written(optimizer, 0, "weight_decay", value)
            run(optimizer, 1)

    assert used(optimizer, "weight_decay") == [0.5, 0.6]


def test_a_value_written_into_another_group_is_found_when_the_next_block_is_computed():
    optimizer = without_momentum({}, {}, {})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 1056)  # blocks of 1, 32 and 1024 updates: the next one is computed after the coming update

    with pytest.warns(UserWarning, match="lr of group 2 was 0.7"):
        run(written(optimizer, 2, "lr", 0.7), 2)

    assert used(optimizer, "lr", 2)[-2:] == [0.7, LR[1057]]


@pytest.mark.parametrize("index", [0, 1])
def test_a_scheduled_tensor_filled_by_hand_is_used_once_and_told_once(index):
    optimizer = without_momentum({"lr": torch.tensor(0.1)}, {"lr": torch.tensor(0.2)})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 4)
    before = used(optimizer, "lr", index)[-1]

    with pytest.warns(UserWarning, match=f"lr of group {index} was") as told:
        write_and_run(optimizer, lambda: optimizer.param_groups[index]["lr"].fill_(0.7), times=2)

    assert len(told) == 1
    found = used(optimizer, "lr", index)[4:]
    assert found[0] == found[2] == torch.tensor(0.7).item()
    assert max(found[1], found[3]) < before


@pytest.mark.parametrize("value", [0.7, torch.tensor(0.7)])
def test_a_tensor_replaced_by_hand_is_used_once_and_then_ours_is_there_again(value):
    optimizer = without_momentum({"lr": torch.tensor(0.1)}, {"lr": torch.tensor(0.2)})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 4)
    ours = [one["lr"] for one in optimizer.param_groups]

    with pytest.warns(UserWarning, match="something else wrote it"):
        write_and_run(optimizer, lambda: [one.update(lr=value) for one in optimizer.param_groups], updates=3)

    assert [one["lr"] is mine for one, mine in zip(optimizer.param_groups, ours, strict=True)] == [True, True]
    assert used(optimizer)[4:] == pytest.approx([0.7, *LR[5:7]], rel=1e-6)  # float32


def test_the_planned_value_written_by_hand_is_no_news():
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in range(5):
            run(written(optimizer, 0, "lr", float(repr(LR[t]))), 1)

    assert used(optimizer) == LR[:5]


def test_a_value_taken_back_before_the_step_is_no_news():
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = optimizer.param_groups[0]["lr"]
        written(optimizer, 0, "lr", 0.5)
        optimizer.found_inf = torch.ones(1)  # as a GradScaler tells a fused optimizer of an overflow
        optimizer.step()
        del optimizer.found_inf
        written(optimizer, 0, "lr", kept)
        run(optimizer, 2)
