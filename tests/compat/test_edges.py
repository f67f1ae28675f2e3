"""Rare cases of the drop-ins: a factor of 0, short cycles, schedulers after a ramp, late groups of cycles."""

import warnings

import pytest
import torch
from torch.optim import lr_scheduler as originals

import paramsched.compat.torch as drop_ins
from paramsched.compat.pytorch_accelerated import TrainerPlaceholderValues
from paramsched.compat.torch import SWALR, CyclicLR, OneCycleLR
from paramsched.errors import InvalidArgument
from paramsched.mmengine import schedulers as mmengine
from support.tables import table


def sgd(*lrs):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (1.0, 0.5)]
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9)


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def rows(scheduler, count, writes=None):
    """Return the first lr before each step, at which `writes` may replace it."""
    found, optimizer = [], scheduler.optimizer
    for step in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.param_groups[0]["lr"] = (writes or {}).get(step, found[-1])
        optimizer.step()
        scheduler.step()
    return found


# ---------------------------------------------------------------------- torch


@table(
    ("writes", "expected"),
    [
        ({}, [0, 0, 0, 1, 1, 1]),
        ({0: 0.25}, [0, 0.25, 0.25, 1, 1, 1]),
        ({1: 0.25}, [0, 0, 0.25, 1, 1, 1]),
        ({3: 0.25}, [0, 0, 0, 1, 0.25, 0.25]),
    ],
)
def test_a_constant_factor_of_0_returns_to_base(writes, expected):
    assert rows(drop_ins.ConstantLR(sgd(), 0.0, 3), 6, writes) == pytest.approx(expected)


@table(
    "name", ["StepLR", "LambdaLR", "MultiplicativeLR", "SWALR", "CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR"]
)
@pytest.mark.filterwarnings("ignore")
def test_after_a_step_to_an_epoch_the_reported_values_are_those_of_the_groups(name):
    arguments = {"StepLR": (2,), "LambdaLR": (lambda t: 0.5**t,), "MultiplicativeLR": (lambda t: 0.5,), "SWALR": (0.1,)}
    arguments |= {"CosineAnnealingWarmRestarts": (4,), "CyclicLR": (0.1, 0.5, 3), "OneCycleLR": (0.5, 9)}
    scheduler = getattr(drop_ins, name)(sgd(), *arguments[name])
    for epoch in (3, 1):
        scheduler.step(epoch)
        written = rates(scheduler.optimizer)
        assert scheduler.get_last_lr() == written
        rows(scheduler, 1)
        assert scheduler.get_last_lr() == rates(scheduler.optimizer)
        assert scheduler.state_dict()["_last_lr"] == rates(scheduler.optimizer)


def test_steps_to_an_epoch_warn_once():
    optimizer = sgd()
    chain = drop_ins.ChainedScheduler([drop_ins.StepLR(optimizer, 2), drop_ins.ExponentialLR(optimizer, 0.5)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chain.step(3)

    assert [str(one.message)[:13] for one in caught] == ["The epoch par"]


def test_a_cosine_asked_at_an_epoch_that_was_written_warns_as_torchs():
    scheduler = drop_ins.CosineAnnealingLR(sgd(), 10)
    scheduler.last_epoch = 5

    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        assert scheduler.get_lr() == pytest.approx([0.5, 0.25])


class OwnAnneal(drop_ins.OneCycleLR):
    def _anneal_func(self, start, end, pct):
        return super()._anneal_func(start, end, pct)


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
def test_a_short_cycle_has_the_values_of_torch(share, three_phase):
    for steps in range(2, 12):
        found = []
        for kind in (originals.OneCycleLR, drop_ins.OneCycleLR, OwnAnneal):
            options = {"total_steps": steps, "pct_start": share, "three_phase": three_phase}
            try:
                scheduler = kind(sgd(), 0.5, **options)
                found.append([*rows(scheduler, steps - 1), scheduler.optimizer.param_groups[0]["momentum"]])
            except ZeroDivisionError:  # row 16 of docs/reference/divergences.md
                break
        for one in found[1:]:
            assert one == pytest.approx(found[0]), options
    short = OwnAnneal(sgd(), 0.5, total_steps=1)
    assert short.get_last_lr() == pytest.approx([2e-6, 2e-6])
    assert [group["momentum"] for group in short.optimizer.param_groups] == [0.95, 0.95]


def test_the_module_has_the_other_names_of_torchs():
    assert drop_ins.Counter is originals.Counter
    with pytest.raises(AttributeError, match="no attribute '__x__'"):
        _ = drop_ins.__x__
    with pytest.raises(AttributeError):
        _ = drop_ins.no_name


# ---------------------------------------------------------------------- MMEngine


def test_a_registry_has_a_size_contains_names_and_builds():
    registry = mmengine.PARAM_SCHEDULERS

    assert len(registry) >= 29
    assert "StepLR" in registry
    assert "NoSuchLR" not in registry
    built = registry.build({"type": "StepLR", "step_size": 2}, {"optimizer": sgd(), "step_size": 3, "gamma": 0.5})
    assert (type(built).__name__, built.step_size, built.gamma) == ("StepLR", 2, 0.5)


def test_a_length_of_an_epoch_in_a_dict_is_used_by_the_runner_only():
    (built,) = mmengine.build_param_scheduler({"type": "StepLR", "step_size": 2, "epoch_length": 7}, sgd())

    assert built.step_size == 2
    assert mmengine.build_param_scheduler(None, sgd()) == []
    assert mmengine.build_param_scheduler({"a": None}, {"a": sgd()}) == {"a": []}


def test_a_restored_cycle_uses_the_peak_of_each_group():
    def cycle(peaks):
        return mmengine.OneCycleLR(sgd(1.0, 1.0, 1.0), peaks, 10)

    saved, whole = cycle([0.2, 0.4, 0.6]), cycle([0.3, 0.5, 0.9])
    for scheduler in (saved, whole):
        rows(scheduler, 4)
    resumed = cycle([0.3, 0.5, 0.9])
    mmengine.restore([resumed], [saved.state_dict()])

    assert rates(resumed.optimizer) == pytest.approx(rates(whole.optimizer))


def test_a_users_class_without_a_field_has_no_scheduled_value():
    class Own(mmengine._ParamScheduler):
        def __init__(self, optimizer):
            self.optimizer = optimizer

    assert mmengine.scheduled_values([Own(sgd())]) == {}


def test_a_plateau_that_continues_without_a_metric_is_unmeasured():
    optimizer = sgd()
    for group in optimizer.param_groups:
        group["initial_lr"] = 1.0
    scheduler = mmengine.ReduceOnPlateauLR(optimizer, last_step=3)
    assert len(mmengine.unmeasured([scheduler])) == 1
    scheduler.step({"loss": 1.0})
    assert mmengine.unmeasured([scheduler]) == []


def test_a_wrapper_is_shown_with_its_arguments():
    assert repr(mmengine.OptimWrapper(sgd(), 4)).endswith(", accumulative_counts=4)")


# ---------------------------------------------------------------------- others


@table("act", [int, float, lambda one: one < 1, lambda one: one <= 1, lambda one: one > 1, lambda one: [0][one]])
def test_a_placeholder_that_is_used_as_a_number_names_itself(act):
    for one in (TrainerPlaceholderValues.NUM_EPOCHS, TrainerPlaceholderValues.NUM_EPOCHS * 2):
        with pytest.raises(InvalidArgument, match="NUM_EPOCHS is a placeholder for"):
            act(one)


CYCLES = {
    "OneCycleLR": lambda o, tops: OneCycleLR(o, tops, total_steps=20),
    "OneCycleLR without momentum": lambda o, tops: OneCycleLR(o, tops, total_steps=20, cycle_momentum=False),
    "CyclicLR": lambda o, tops: CyclicLR(o, 0.01, tops, step_size_up=4),
    "CyclicLR by a function": lambda o, tops: CyclicLR(o, 0.01, tops, 4, scale_fn=lambda x: 0.9**x),
    "SWALR": lambda o, tops: SWALR(o, tops, anneal_epochs=12),
}


def rows_of_groups(scheduler, steps):
    found = []
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        found.append([(group["lr"], group["momentum"]) for group in scheduler.optimizer.param_groups])
    return found


@pytest.mark.filterwarnings("ignore")
@table(("name", "tops"), [(name, tops) for name in CYCLES for tops in ([0.5, 0.5], [0.5, 0.25])])
def test_a_late_group_joins_the_cycle_of_the_last_group(name, tops):
    whole = CYCLES[name](sgd(0.1, 0.1), tops)
    expected = rows_of_groups(whole, 12)
    scheduler = CYCLES[name](sgd(0.1, 0.1), tops)
    rows_of_groups(scheduler, 4)
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1})

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = rows_of_groups(scheduler, 8)

    last = scheduler.optimizer.param_groups[-1]
    torch.testing.assert_close([row[:2] for row in found], expected[4:], rtol=1e-12, atol=0)
    if name != "SWALR":  # its group continues from its own value
        assert [row[2] for row in found] == [
            (row[1][0], row[1][1] if "without" not in name else 0.9) for row in expected[4:]
        ]
    assert caught == []
    assert last["lr"] == pytest.approx(last.get("swa_lr", last["lr"]))
    assert len(scheduler.get_last_lr()) == 3
