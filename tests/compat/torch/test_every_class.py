"""Every class of torch with each of its arguments: alone, per epoch, as a stage and in a chain."""

import warnings

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler, swa_utils

import paramsched as ps
from paramsched.compat.torch import plans as dialect
from support.tables import table

LR, STEPS = 0.4, 30
CLASSES = [
    ("StepLR", {"step_size": 7, "gamma": 0.5}),
    ("StepLR", {"step_size": 7}),
    ("MultiStepLR", {"milestones": [3, 9, 9], "gamma": 0.5}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 12}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 9}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("PolynomialLR", {"total_iters": 12, "power": 2.0}),
    ("PolynomialLR", {}),
    ("CosineAnnealingLR", {"T_max": 40, "eta_min": 0.05}),
    ("CosineAnnealingLR", {"T_max": 40}),
    ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 2, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7}),
    ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 8}),
    ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 8, "anneal_strategy": "linear"}),
    ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 0}),
    *(("CyclicLR", {"base_lr": 0.1, "max_lr": 0.6, "step_size_up": 4, **more}) for more in (
        {},
        {"step_size_down": 7},
        {"mode": "triangular2"},
        {"mode": "exp_range", "gamma": 0.95},
        {"base_momentum": 0.7, "max_momentum": 0.85},
        {"cycle_momentum": False},
        {"base_lr": [0.2], "max_lr": [0.5]},
    )),
    *(("OneCycleLR", {"max_lr": 0.7, **more}) for more in (
        {"total_steps": STEPS},
        {"epochs": 5, "steps_per_epoch": 6},
        {"total_steps": STEPS, "pct_start": 0.45},
        {"total_steps": STEPS, "anneal_strategy": "linear"},
        {"total_steps": STEPS, "pct_start": 0.4, "three_phase": True},
        {"total_steps": STEPS, "div_factor": 10.0, "final_div_factor": 100.0},
        {"total_steps": STEPS, "base_momentum": 0.8, "max_momentum": 0.9},
        {"total_steps": 31, "pct_start": 7 / 31},
        {"total_steps": 31, "pct_start": 11 / 31, "three_phase": True, "anneal_strategy": "linear"},
    )),
]  # fmt: skip
STAGES = [(name, arguments) for name, arguments in CLASSES if name not in ("SWALR", "CyclicLR", "OneCycleLR")]
FACTORS = [
    (name, arguments) for name, arguments in STAGES if name not in ("CosineAnnealingWarmRestarts", "PolynomialLR")
]
module = {**vars(lr_scheduler), "SWALR": swa_utils.SWALR}


def sgd():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR, momentum=0.9)


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def used(build, steps=STEPS):
    """Return lr and momentum before each step of torch's scheduler."""
    optimizer = sgd()
    scheduler, rows = build(optimizer), []
    for step in range(steps):
        rows.append([float(optimizer.param_groups[0][name]) for name in ("lr", "momentum")])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return np.array(rows)


def planned(data, calendar):
    plan = dialect.to_plan(data, calendar=calendar)
    found = ps.trace(plan, {"lr": LR, "momentum": 0.9}, calendar)
    return np.stack(
        [found[name, 0] if name in str(plan) else 0.9 + 0 * found["lr", 0] for name in ("lr", "momentum")], 1
    )


def assert_same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@table(("name", "arguments"), CLASSES)
def test_a_class_has_the_values_of_torch(name, arguments):
    expected = used(lambda optimizer: module[name](optimizer, **arguments))

    assert_same(planned({name: arguments, "interval": "step"}, ps.Calendar(total=STEPS)), expected)


NOT_PER_EPOCH = ("exp_range", 0.45, 7 / 31, 11 / 31)  # refused below


@table(
    ("name", "arguments"),
    [one for one in CLASSES if not {one[1].get("mode"), one[1].get("pct_start")} & {*NOT_PER_EPOCH}],
)
def test_a_class_that_is_stepped_per_epoch_changes_between_epochs(name, arguments):
    expected = used(lambda optimizer: module[name](optimizer, **arguments))
    calendar = ps.Calendar(total=f"{STEPS} epochs", steps_per_epoch=3)

    found = planned({name: arguments, "interval": "epoch"}, calendar)

    assert_same(found[::3], expected)
    assert_same(found[2::3], expected)


def composed(one, other, milestone):
    def build(optimizer):
        members = [module[name](optimizer, **arguments) for name, arguments in (one, other)]
        return module["SequentialLR"](optimizer, members, [milestone])

    return {"SequentialLR": {"schedulers": [dict([one]), dict([other])], "milestones": [milestone]}}, build


@table("one", STAGES)
@pytest.mark.parametrize("first", [True, False])
def test_a_stage_has_the_values_of_torch(first, one):
    warm = ("LinearLR", {"start_factor": 0.1, "total_iters": 8})
    data, build = composed(one, ("ExponentialLR", {"gamma": 0.9}), 11) if first else composed(warm, one, 8)

    assert_same(planned(data | {"interval": "step"}, ps.Calendar(total=STEPS)), used(build))


@table("one", FACTORS)
@pytest.mark.parametrize("floored", [True, False])
def test_a_factor_of_a_chain_has_the_values_of_torch(floored, one):
    other = ("CosineAnnealingLR", {"T_max": 40, "eta_min": 0.05}) if floored else ("ExponentialLR", {"gamma": 0.9})
    if floored and one[0] == "CosineAnnealingLR":
        other = ("ExponentialLR", {"gamma": 0.9})

    def build(optimizer):
        return module["ChainedScheduler"]([module[name](optimizer, **arguments) for name, arguments in (one, other)])

    data = {"ChainedScheduler": {"schedulers": [dict([one]), dict([other])]}, "interval": "step"}
    assert_same(planned(data, ps.Calendar(total=STEPS)), used(build))


def test_a_chain_of_one_is_its_member_and_a_chain_per_epoch_changes_between_epochs():
    members = [{"LinearLR": {"total_iters": 9}}, {"CosineAnnealingLR": {"T_max": 40, "eta_min": 0.05}}]
    calendar = ps.Calendar(total=f"{STEPS} epochs", steps_per_epoch=3)
    for many in (members[:1], members):
        expected = used(
            lambda optimizer, many=many: module["ChainedScheduler"](
                [module[name](optimizer, **arguments) for one in many for name, arguments in one.items()]
            )
        )
        found = planned({"ChainedScheduler": {"schedulers": many}, "interval": "epoch"}, calendar)
        assert_same(found[::3], expected)
        assert_same(found[2::3], expected)
