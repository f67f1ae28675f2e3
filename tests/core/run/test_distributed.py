"""Sharded optimizers and checkpoints, in one process."""

import copy
import io

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.optim import ZeroRedundancyOptimizer

import paramsched as ps
from support.updates import planned

OLD = ps.Plan(lr=ps.linear(1.0, 0.0), horizon=20)
NEW = ps.Plan(lr=ps.cosine(to=0.1), horizon=20)


@pytest.fixture(scope="module")
def single_process(tmp_path_factory):
    dist.init_process_group(
        "gloo", init_method=f"file://{tmp_path_factory.mktemp('group') / 'store'}", rank=0, world_size=1
    )
    yield
    dist.destroy_process_group()


def zero():
    model = torch.nn.Linear(2, 1)
    return model, ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=0.1)


def train(model, optimizer, updates):
    found = []
    for _ in range(updates):
        model(torch.ones(1, 2)).sum().backward()
        inner = getattr(optimizer, "optim", optimizer)
        hook = inner.register_step_pre_hook(lambda one, *_: found.append(one.param_groups[0]["lr"]))
        optimizer.step()
        hook.remove()
        optimizer.zero_grad()
    return found


def test_zero_uses_the_planned_values_in_its_inner_optimizer(single_process):
    model, optimizer = zero()
    scheduler = ps.Scheduler(optimizer, OLD)

    assert train(model, optimizer, 20) == planned(OLD, {"lr": 0.1})
    assert scheduler.last_epoch == 20


@pytest.mark.parametrize("plan", [OLD, NEW])
@pytest.mark.parametrize("before", [True, False])
def test_zero_resumes_with_the_plan_in_the_code_from_the_first_update(single_process, plan, before):
    model, optimizer = zero()
    ps.Scheduler(optimizer, OLD)
    train(model, optimizer, 7)
    optimizer.consolidate_state_dict()
    saved = copy.deepcopy(optimizer.state_dict())

    model, again = zero()
    if before:
        scheduler = ps.Scheduler(again, plan)
    again.load_state_dict(saved)
    if not before:
        scheduler = ps.Scheduler(again, plan)

    assert train(model, again, 5) == planned(plan, {"lr": 0.1})[7:12]
    assert scheduler.last_epoch == 12


def sharded(plan=None):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    return model, optimizer, plan and ps.Scheduler(optimizer, plan)


def saved_by_dcp(path, plan=OLD):
    model, optimizer, _ = sharded(plan)
    train(model, optimizer, 7)
    dcp.save({"optimizer": get_optimizer_state_dict(model, optimizer)}, checkpoint_id=path)


def test_dcp_restores_the_count_into_a_template_with_a_scheduler(tmp_path):
    saved_by_dcp(tmp_path)
    model, optimizer, scheduler = sharded(OLD)

    template = {"optimizer": get_optimizer_state_dict(model, optimizer)}
    dcp.load(template, checkpoint_id=tmp_path)
    set_optimizer_state_dict(model, optimizer, template["optimizer"])

    assert scheduler.last_epoch == 7
    assert train(model, optimizer, 5) == planned(OLD, {"lr": 0.1})[7:12]


def test_dcp_loads_only_the_template_and_the_lost_count_is_warned_of(tmp_path):
    saved_by_dcp(tmp_path)
    model, optimizer, _ = sharded()

    template = {"optimizer": get_optimizer_state_dict(model, optimizer)}
    dcp.load(template, checkpoint_id=tmp_path)
    scheduler = ps.Scheduler(optimizer, OLD)
    with pytest.warns(UserWarning, match=r"scheduler\.seek\(n\)"):
        set_optimizer_state_dict(model, optimizer, template["optimizer"])

    assert scheduler.last_epoch == 0


def test_a_dcp_checkpoint_without_a_count_is_loaded_before_attaching(tmp_path):
    model, optimizer, _ = sharded()
    train(model, optimizer, 3)
    dcp.save({"optimizer": get_optimizer_state_dict(model, optimizer)}, checkpoint_id=tmp_path)

    model, optimizer, _ = sharded()
    template = {"optimizer": get_optimizer_state_dict(model, optimizer)}
    dcp.load(template, checkpoint_id=tmp_path)
    set_optimizer_state_dict(model, optimizer, template["optimizer"])

    assert train(model, sharded_after(optimizer), 3) == planned(OLD, {"lr": 0.1})[:3]


def sharded_after(optimizer):
    ps.Scheduler(optimizer, OLD)
    return optimizer


def test_an_optimizer_checkpoint_without_a_count_starts_at_zero_with_a_warning(recwarn):
    model, optimizer, _ = sharded()
    train(model, optimizer, 3)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    model, again, scheduler = sharded(OLD)
    train(model, again, 5)

    with pytest.warns(UserWarning, match="no update count found") as told:
        again.load_state_dict(torch.load(file))

    assert told[0].filename == __file__
    assert (scheduler.last_epoch, scheduler.base_lrs) == (0, [0.1])
    assert train(model, again, 5) == planned(OLD, {"lr": 0.1})[:5]


def test_a_program_without_the_library_loads_the_checkpoint_and_trains():
    model, optimizer, _ = sharded(OLD)
    train(model, optimizer, 7)

    model, bare, _ = sharded()
    bare.load_state_dict(optimizer.state_dict())

    assert train(model, bare, 2) == [planned(OLD, {"lr": 0.1})[7]] * 2
