"""`strict=True`: what is warned of raises, whatever the filters of the script are."""

import copy
import warnings

import pytest
import torch

import paramsched as ps
from paramsched.core.run.hooks import hooks_on

LEVELS_AS_RATES = "linear(1e-3, 1e-5)"  # multiples of base, so that a rate of 1e-3 begins at 1e-6


def sgd(lr=0.001):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)


@pytest.fixture(autouse=True)
def script_that_ignores_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_a_start_that_warns_raises_and_leaves_the_optimizer_unchanged():
    optimizer = sgd()
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(ps.PlanWarning, match="PS301"):
        ps.Scheduler(optimizer, LEVELS_AS_RATES, total=100, strict=True)

    assert optimizer.state_dict() == before
    assert hooks_on(optimizer) is None
    assert optimizer.param_groups[0].keys() == sgd().param_groups[0].keys()


def test_an_update_that_warns_is_counted_and_then_raises():
    optimizer = sgd(0.5)
    scheduler = ps.Scheduler(optimizer, "linear()", total=5, strict=True)
    optimizer.param_groups[0]["lr"] = 0.1

    with pytest.raises(ps.PlanWarning):
        optimizer.step()

    assert (scheduler.t, optimizer.param_groups[0]["lr"]) == (1, 0.4)


def test_a_copy_is_as_strict_as_its_original():
    optimizer = sgd(0.5)
    scheduler = ps.Scheduler(optimizer, "linear()", total=5, strict=True)
    copied_optimizer, _ = copy.deepcopy((optimizer, scheduler))
    copied_optimizer.param_groups[0]["lr"] = 0.1

    with pytest.raises(ps.PlanWarning):
        copied_optimizer.step()


def test_a_right_plan_is_as_without_strict():
    optimizer = sgd(0.5)
    scheduler = ps.Scheduler(optimizer, 'warmup("20%") >> cosine()', total=5, strict=True)
    for _ in range(5):
        optimizer.step()

    assert scheduler.t == 5


@pytest.mark.parametrize("strict", [1, "yes", None])
def test_strict_is_a_boolean(strict):
    with pytest.raises(ps.errors.InvalidArgument, match="expected True or False"):
        ps.Scheduler(sgd(), "cosine()", total=5, strict=strict)


def test_all_warnings_without_strict_have_the_category():
    optimizer = sgd()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(optimizer, LEVELS_AS_RATES, total=100)

    assert [one.category for one in caught] == [ps.PlanWarning]
