"""Unusual arguments of every drop-in, and functions of users in states."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

import paramsched.compat.torch as ours
from paramsched.errors import InvalidArgument, ParamschedError
from support.tables import table

USUAL: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "MultiStepLR": {"milestones": [2, 4], "gamma": 0.5},
    "ConstantLR": {"factor": 0.5, "total_iters": 3},
    "LinearLR": {"start_factor": 0.5, "end_factor": 1.0, "total_iters": 3},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 4, "power": 1.0},
    "CosineAnnealingLR": {"T_max": 4, "eta_min": 0.0},
    "CosineAnnealingWarmRestarts": {"T_0": 3, "T_mult": 1, "eta_min": 0.0},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3, "base_momentum": 0.8, "max_momentum": 0.9},
    "OneCycleLR": {"max_lr": 0.5, "total_steps": 10, "pct_start": 0.3, "div_factor": 25.0, "base_momentum": 0.85},
    "SWALR": {"swa_lr": 0.05, "anneal_epochs": 4},
    "LambdaLR": {"lr_lambda": math.exp},
    "MultiplicativeLR": {"lr_lambda": math.exp},
    "ReduceLROnPlateau": {"factor": 0.1, "patience": 1, "threshold": 1e-4, "cooldown": 0, "min_lr": 0, "eps": 1e-8},
}


NO_NUMBERS = {
    "text": "a",
    "complex": 1j,
    "none": None,
    "object": object(),
    "list-of-text": ["a", "b"],
    "list-of-none": [None, 1],
    "function": lambda x: x * "a",
}


# torch accepts these: no milestones, and a single function.
TAKEN = {("MultiStepLR", "milestones", "none")}


ODD = [
    (name, option, value)
    for name, options in USUAL.items()
    for option in options
    for kind, value in NO_NUMBERS.items()
    if (name, option, kind) not in TAKEN and (option != "lr_lambda" or kind != "function")
]


def two_groups(tensors: bool = False) -> Any:
    rates = [torch.tensor(0.1), torch.tensor(0.2)] if tensors else [0.1, 0.2]
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": lr} for lr in rates], lr=0.1, momentum=0.9)


def found_in(optimizer: Any) -> Any:
    held = [{key: str(value) for key, value in group.items()} for group in optimizer.param_groups]
    return held, [id(group["lr"]) for group in optimizer.param_groups], sorted(vars(optimizer)), optimizer.step


def rates_of_a_run(module: Any, name: str, options: dict[str, Any]) -> list[list[float]]:
    optimizer = two_groups()
    scheduler = (SWALR if module is lr_scheduler and name == "SWALR" else getattr(module, name))(optimizer, **options)
    rows = []
    for _ in range(5):
        rows.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return rows


@table(("name", "option", "value"), ODD)
def test_a_value_that_is_not_a_number_is_rejected_before_any_write(name, option, value):
    optimizer = two_groups()
    before = found_in(optimizer)

    with pytest.raises(ParamschedError):
        getattr(ours, name)(optimizer, **{**USUAL[name], option: value})

    assert found_in(optimizer) == before


@table(
    ("name", "option"),
    [
        ("OneCycleLR", {"total_steps": 10**400, "max_lr": 0.5}),
        ("OneCycleLR", {"epochs": 10**400, "steps_per_epoch": 2, "max_lr": 0.5}),
        ("CosineAnnealingWarmRestarts", {"T_0": 10**400}),
        ("CosineAnnealingWarmRestarts", {"T_mult": 10**400, "T_0": 3}),
        ("CosineAnnealingWarmRestarts", {"eta_min": 10**400, "T_0": 3}),
    ],
)
def test_a_number_of_a_cycle_that_no_float_holds_is_rejected(name, option):
    with pytest.raises(InvalidArgument, match=rf"{name}\(.*too large for a float") as refusal:
        getattr(ours, name)(two_groups(), **option)

    assert refusal.value.problem.argument == next(iter(option))


@pytest.mark.parametrize("epoch", ["a", None, 1j, [], math.nan, math.inf], ids=str)
@table("name", [name for name in USUAL if name != "ReduceLROnPlateau"])
def test_an_invalid_last_epoch_is_rejected_before_any_write(name, epoch):
    optimizer = two_groups()
    for group in optimizer.param_groups:
        group.update(initial_lr=0.3, max_lr=0.5, min_lr=0.001, max_momentum=0.95, base_momentum=0.85)
    before = found_in(optimizer)

    with pytest.raises(ParamschedError):
        getattr(ours, name)(optimizer, **USUAL[name], last_epoch=epoch)

    assert found_in(optimizer) == before


@pytest.mark.parametrize(
    ("name", "option"),
    [("StepLR", "gamma"), ("MultiStepLR", "milestones"), ("CyclicLR", "max_lr"), ("SWALR", "swa_lr")],
    ids=lambda value: value,
)
def test_the_error_has_the_argument_as_an_attribute(name, option):
    with pytest.raises(InvalidArgument) as refusal:
        getattr(ours, name)(two_groups(), **{**USUAL[name], option: ["a", "b"]})

    assert refusal.value.problem.argument == option


@pytest.mark.parametrize("milestones", [3, None, ["a"], [None], [1j]], ids=str)
def test_invalid_milestones_are_rejected_and_change_nothing(milestones):
    optimizer = two_groups()
    members = [ours.ExponentialLR(optimizer, 0.5), ours.StepLR(optimizer, 2)]
    before = found_in(optimizer)

    with pytest.raises(ParamschedError):
        ours.SequentialLR(optimizer, members, milestones)

    assert found_in(optimizer) == before
    assert [member.last_epoch for member in members] == [0, 0]


@table("length", [math.inf, 1e-320, 1e-308, 1e-300, 10**400, 1e19])
@pytest.mark.parametrize(
    ("name", "option"), [("StepLR", "step_size"), ("LinearLR", "total_iters"), ("PolynomialLR", "total_iters")]
)
def test_an_infinite_length_behaves_as_in_torch(name, option, length):
    options = {**USUAL[name], option: length}
    if (name, length) == ("LinearLR", 10**400):
        pytest.skip("torch overflows there")

    assert rates_of_a_run(ours, name, options) == rates_of_a_run(lr_scheduler, name, options)


def test_a_cosine_of_infinite_length_keeps_its_first_value():
    assert rates_of_a_run(ours, "CosineAnnealingLR", {"T_max": math.inf}) == [[0.1, 0.2]] * 5


@table(
    ("name", "options"),
    [
        ("StepLR", {"step_size": np.int64(2), "gamma": torch.tensor(0.5, dtype=torch.float64)}),
        ("StepLR", {"step_size": True, "gamma": np.float64(0.5)}),
        ("MultiStepLR", {"milestones": np.array([1, 2]), "gamma": True}),
        ("MultiStepLR", {"milestones": None}),
        ("ConstantLR", {"factor": True, "total_iters": np.int32(2)}),
        ("LinearLR", {"start_factor": np.float64(0.5), "total_iters": np.float64(3.0)}),
        ("ExponentialLR", {"gamma": torch.tensor(0.5, dtype=torch.float64)}),
        ("PolynomialLR", {"total_iters": np.int64(4), "power": True}),
        ("CosineAnnealingLR", {"T_max": np.int64(4), "eta_min": np.float64(0.05)}),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": np.float64(0.5), "step_size_up": "3", "gamma": None}),
        ("OneCycleLR", {"max_lr": [0.5, np.float64(0.4)], "total_steps": 10}),
        ("SWALR", {"swa_lr": np.float64(0.05), "anneal_epochs": True}),
    ],
)
def test_numbers_of_every_type_are_accepted_as_in_torch(name, options):
    found, theirs = rates_of_a_run(ours, name, options), rates_of_a_run(lr_scheduler, name, options)

    assert np.allclose(found, theirs, rtol=1e-12, atol=1e-16)
