"""drive="manual": only `scheduler.step()` advances the clock."""

import pytest
import torch

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), weight_decay=ps.linear(1.0, 0.5), horizon=20)
LR = planned(PLAN, {"lr": 0.1, "weight_decay": 0.01})


def test_only_the_call_advances_the_plan():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")

    for _ in range(5):
        run(optimizer, 2)
        scheduler.step()

    assert used(optimizer) == [value for value in LR[:5] for _ in range(2)]


def test_a_late_group_is_scheduled_at_the_next_call_with_its_own_base():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")
    scheduler.step()

    optimizer.add_param_group(group(lr=0.5))
    scheduler.step()

    assert scheduler.get_lr() == [LR[2], planned(PLAN, {"lr": 0.5, "weight_decay": 0.01})[2]]


def test_a_group_may_be_removed():
    optimizer = probe({}, {"lr": 0.5})
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")
    scheduler.step()

    del optimizer.param_groups[0]
    scheduler.step()

    assert scheduler.get_lr() == [planned(PLAN, {"lr": 0.5, "weight_decay": 0.01})[2]]


@pytest.mark.parametrize("copied", [0, 1])
def test_a_group_that_was_copied_with_its_tensor_has_the_value_of_the_next_update(copied):
    optimizer = probe(*[{"lr": torch.tensor(0.5)}] * 2)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", horizon=16), drive="manual")
    scheduler.step()

    groups = optimizer.param_groups
    groups[copied] = groups[copied] | {"lr": groups[copied]["lr"].clone()}
    scheduler.step()

    assert [one["lr"].item() for one in groups] == [0.5 * 14 / 16] * 2


def test_an_external_write_is_warned_of_once_at_the_line_of_the_user():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")

    def write_and_step():
        for _ in range(3):
            optimizer.param_groups[0]["lr"] = 0.7
            scheduler.step()

    with pytest.warns(UserWarning, match="lr of group 0 was 0.7") as told:
        write_and_step()

    assert [one.filename for one in told] == [__file__]


def test_a_manual_scheduler_resumes_from_the_optimizer_checkpoint():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")
    for _ in range(7):
        scheduler.step()

    other = probe()
    again = ps.Scheduler(other, PLAN, drive="manual")
    other.load_state_dict(optimizer.state_dict())

    assert again.last_epoch == 7
    assert again.get_lr() == [LR[7]]


def test_the_drive_can_be_changed_by_a_second_scheduler():
    optimizer = probe()
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)

    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")
    run(optimizer, 3)

    assert scheduler.last_epoch == 3


class TwoProcesses:
    """The state of Accelerate in a run of two processes."""

    num_processes = 2


def test_a_manual_scheduler_that_accelerate_would_step_once_per_process_is_rejected(monkeypatch):
    accelerate_scheduler = pytest.importorskip("accelerate.scheduler")
    scheduler = ps.Scheduler(probe(), PLAN, drive="manual")
    monkeypatch.setattr(accelerate_scheduler, "AcceleratorState", TwoProcesses)
    prepared = accelerate_scheduler.AcceleratedScheduler(scheduler, [], split_batches=False)

    with pytest.raises(InvalidArgument, match=r"2 times per update.*Do not pass it to prepare"):
        prepared.step()

    assert scheduler.t == 0
