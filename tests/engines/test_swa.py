"""torch.optim.swa_utils: averaging writes no hyperparameter; SWALR does, and is noticed."""

import copy

import pytest
import torch

import paramsched as ps
from support.engine_runs.harness import BATCH, EPOCHS, PLAN, Numbers, Tiny, optimizer_of, planned, recorded


def loader() -> torch.utils.data.DataLoader:
    return torch.utils.data.DataLoader(Numbers(), BATCH)


def epoch(model: Tiny, optimizer: torch.optim.Optimizer) -> None:
    for x, y in loader():
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_the_constant_lr_of_weight_averaging_is_a_stage_of_the_plan() -> None:
    plan = ps.Plan(lr=ps.cosine(to=0.5) >> ps.linear(0.5, 0.05, over="5%") >> ps.constant(0.05, over="30%"), horizon=54)
    model = Tiny()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = ps.Scheduler(optimizer, plan)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    rates = []
    optimizer.register_step_pre_hook(lambda inner, args, keywords: rates.append(inner.param_groups[0]["lr"]))

    for number in range(EPOCHS):
        epoch(model, optimizer)
        if number == EPOCHS - 1:
            averaged.update_parameters(model)
    torch.optim.swa_utils.update_bn(loader(), averaged)

    assert rates == ps.trace(plan, {"lr": 0.1})["lr"].tolist()
    assert scheduler.last_epoch == 54
    assert rates[-1] == 0.1 * 0.05


def test_a_run_with_averaged_weights_resumes() -> None:
    def objects() -> tuple[Tiny, torch.optim.Optimizer, torch.optim.swa_utils.AveragedModel]:
        model = Tiny()
        optimizer = optimizer_of(model)
        ps.Scheduler(optimizer, PLAN, total=54)
        return model, optimizer, torch.optim.swa_utils.AveragedModel(model)

    first, again = objects(), objects()
    used = recorded(first[1])
    epoch(*first[:2])
    first[2].update_parameters(first[0])
    state = copy.deepcopy([one.state_dict() for one in first])

    for one, saved in zip(again, state, strict=True):
        one.load_state_dict(saved)
    used_too = recorded(again[1])
    for _ in range(2):
        epoch(*again[:2])
        again[2].update_parameters(again[0])

    assert used + used_too == planned(54)


def test_swalr_in_addition_to_a_plan_causes_a_warning() -> None:
    model = Tiny()
    optimizer = optimizer_of(model)
    ps.Scheduler(optimizer, PLAN, total=54)
    swa = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05)
    epoch(model, optimizer)

    swa.step()
    with pytest.warns(UserWarning, match="SWALR also writes this optimizer"):
        epoch(model, optimizer)
