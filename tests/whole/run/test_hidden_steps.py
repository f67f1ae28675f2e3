"""The hidden step with lr 0 that torch's distributed checkpoint takes."""

import copy
import warnings

import pytest
import torch
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

import paramsched as ps
from paramsched.core.run import watch_updates

KINDS = {
    "sgd": lambda model, lr: torch.optim.SGD(model.parameters(), lr=lr, weight_decay=0.1),
    "adamw": lambda model, lr: torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.1),
}
PLAN = ps.Plan(lr=ps.linear(1.0, 0.1), weight_decay=ps.linear(1.0, 2.0), total=20)


def model_with_a_frozen_part():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    model[0].weight.requires_grad = False
    return model


def train(model, optimizer, updates):
    for _ in range(updates):
        model(torch.ones(3, 2)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("updates", [0, 3])
def test_saving_and_loading_with_dcp_changes_neither_count_nor_weights(name, tensor, updates):
    model = model_with_a_frozen_part()
    optimizer = KINDS[name](model, torch.tensor(0.1, dtype=torch.float64) if tensor else 0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    train(model, optimizer, updates)
    before = weights(model)
    values = scheduler._values()

    saved = get_optimizer_state_dict(model, optimizer)
    set_optimizer_state_dict(model, optimizer, saved)

    assert scheduler.last_epoch == updates
    assert scheduler._values() == values
    assert float(optimizer.param_groups[0]["lr"]) == values["lr", 0]
    torch.testing.assert_close(weights(model), before, rtol=0, atol=0)
    train(model, optimizer, 1)
    assert scheduler.last_epoch == updates + 1


@pytest.mark.parametrize("name", KINDS)
def test_a_group_added_just_before_a_dcp_save_keeps_its_base(name):
    model = model_with_a_frozen_part()
    late = torch.nn.Linear(2, 2)
    optimizer = KINDS[name](model, 0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    optimizer.add_param_group({"params": list(late.parameters()), "lr": 0.5})
    both = torch.nn.ModuleList([model, late])

    get_optimizer_state_dict(both, optimizer)

    assert scheduler.base_lrs == [0.1, 0.5]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]


OPTIMIZERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.1, weight_decay=0.1),
    "sgd with momentum": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.1),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.1, weight_decay=0.1),
    "tensor lr": lambda groups: torch.optim.AdamW(groups, lr=torch.tensor(0.1)),
}
WARMUP = ps.Plan(lr=ps.warmup(5), total=20)


def zero_gradients(model):
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None


def no_gradients(model):
    model.requires_grad_(False)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("gradients", [zero_gradients, no_gradients])
@pytest.mark.parametrize("drive", ["optimizer", "runner"])
def test_a_warmup_from_zero_counts_updates_with_zero_gradients(name, gradients, drive):
    model = model_with_a_frozen_part()
    optimizer = OPTIMIZERS[name]([{"params": [parameter]} for parameter in model.parameters()])
    counts = counters(optimizer, WARMUP)[drive]

    for t in range(3):
        assert counts() == t
        gradients(model)
        optimizer.step()

    assert counts() == 3


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("drive", ["optimizer", "runner"])
@pytest.mark.parametrize("plan", [WARMUP, ps.Plan(lr=ps.linear(0.0, 0.0), total=20), PLAN])
@pytest.mark.filterwarnings("ignore:the learning rate is 0 during the entire run")
def test_a_hidden_step_is_distinguished_from_an_update_for_any_planned_lr(name, drive, plan):
    model = model_with_a_frozen_part()
    optimizer = OPTIMIZERS[name]([{"params": [parameter]} for parameter in model.parameters()])
    counts = counters(optimizer, plan)[drive]
    before = weights(model)

    get_optimizer_state_dict(model, optimizer)

    assert counts() == 0
    torch.testing.assert_close(weights(model), before, rtol=0, atol=0)
    zero_gradients(model)
    optimizer.step()
    assert counts() == 1
    optimizer.zero_grad()
    get_optimizer_state_dict(model, optimizer)
    assert counts() == 1


def test_a_step_with_zeros_written_by_the_user_is_an_update():
    model = model_with_a_frozen_part()
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    scheduler = ps.Scheduler(optimizer, PLAN)
    zero_gradients(model)
    optimizer.param_groups[0]["lr"] = 0.0

    with pytest.warns(UserWarning, match="other code wrote it"):
        optimizer.step()

    assert scheduler.last_epoch == 1


def test_a_hidden_step_after_an_update_with_zeros_is_not_an_update():
    model = torch.nn.Linear(2, 2)
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    scheduler = ps.Scheduler(optimizer, PLAN)
    zero_gradients(model)
    optimizer.param_groups[0]["lr"] = 0.0
    with pytest.warns(UserWarning, match="other code wrote it"):
        optimizer.step()
    optimizer.zero_grad()

    get_optimizer_state_dict(model, optimizer)

    assert scheduler.t == 1


def filled(optimizer):
    """Fill an empty state as torchtitan does, by a step of its own that no function of torch calls."""
    kept = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(0.0) if isinstance(group["lr"], torch.Tensor) else 0.0
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    for group, lr in zip(optimizer.param_groups, kept, strict=True):
        group["lr"] = lr


@pytest.mark.parametrize("plan", [WARMUP, PLAN])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("name", ["adamw", "sgd with momentum"])
def test_a_step_of_other_code_that_fills_an_empty_state_is_not_an_update(plan, several, name):
    model = torch.nn.Linear(2, 2)
    optimizer = OPTIMIZERS[name]([{"params": [parameter]} for parameter in model.parameters()])
    second_optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    scheduler = ps.Scheduler({"a": optimizer, "b": second_optimizer} if several else optimizer, plan)
    before = scheduler._values()

    filled(optimizer)

    assert (scheduler.t, scheduler._values()) == (0, before)
    assert optimizer.param_groups[0]["lr"] == scheduler.value("lr")
    zero_gradients(model)
    optimizer.step()
    assert scheduler.t == 1


def counters(optimizer, plan):
    """Return the objects that count the updates of an optimizer, and functions that read them."""
    scheduler = ps.Scheduler(optimizer, plan)
    count = []
    watch_updates(optimizer, None, count.append)
    return {
        "optimizer": lambda: scheduler.last_epoch,
        "runner": lambda: len(count),
    }


def test_a_warmup_from_zero_counts_its_first_update():
    model = model_with_a_frozen_part()
    optimizer = KINDS["adamw"](model, 0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.warmup(5), total=20))

    train(model, optimizer, 2)

    assert scheduler.last_epoch == 2


def test_a_hidden_step_is_not_an_external_write(recwarn):
    model = model_with_a_frozen_part()
    optimizer = KINDS["sgd"](model, 0.1)
    ps.Scheduler(optimizer, PLAN)

    for _ in range(3):
        get_optimizer_state_dict(model, optimizer)
        train(model, optimizer, 1)

    assert [str(warning.message) for warning in recwarn if "something else" in str(warning.message)] == []


def test_a_state_saved_with_dcp_resumes_in_another_process():
    model = model_with_a_frozen_part()
    optimizer = KINDS["adamw"](model, 0.1)
    ps.Scheduler(optimizer, PLAN)
    train(model, optimizer, 7)
    saved = copy.deepcopy(get_optimizer_state_dict(model, optimizer))

    again = KINDS["adamw"](model, 0.1)
    scheduler = ps.Scheduler(again, PLAN)
    set_optimizer_state_dict(model, again, saved)

    assert scheduler.last_epoch == 7
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def init_optim_state(optimizer):
    """A copy of TorchTitan's function: defined outside torch, with the lr restored."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for group, lr in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = lr
    optimizer.zero_grad()


def named_optimizer(model):
    from torch.distributed.optim import _NamedOptimizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that it is in beta
        named = _NamedOptimizer(dict(model.named_parameters()), torch.optim.AdamW, lr=0.1)
    scheduler = ps.Scheduler(named._optimizer, WARMUP)
    named.init_state()
    return scheduler, named


@pytest.mark.parametrize("plan", [WARMUP, PLAN])
@pytest.mark.parametrize("drive", ["optimizer", "runner"])
def test_a_hidden_step_of_another_library_is_recognized_by_its_function(plan, drive, recwarn):
    model = torch.nn.Linear(2, 1)
    optimizer = KINDS["adamw"](model, 0.1)
    counts = counters(optimizer, plan)[drive]

    init_optim_state(optimizer)

    assert counts() == 0
    train(model, optimizer, 3)
    assert counts() == 3
    assert [str(warning.message) for warning in recwarn if "something else" in str(warning.message)] == []


def test_a_hidden_step_of_torchs_named_optimizer_is_recognized():
    model = torch.nn.Linear(2, 1)

    scheduler, named = named_optimizer(model)

    assert scheduler.t == 0
    train(model, named._optimizer, 2)
    assert scheduler.t == 2
