"""Learning rates that are probably a mistake: one warning by the Scheduler, the diagnostic of `paramsched check`."""

import warnings
from pathlib import Path

import pytest
import torch

import paramsched as ps
from paramsched.core.rules.levels import unlikely_level
from paramsched.tools.check.plan_check import check
from support.tables import table

SMALL, LARGE, ZERO = "PS301", "PS318", "PS403"
WARNED = [
    (3e-4, "constant(3e-4)", SMALL),
    (3e-4, "table([3e-4, 1e-4], every=50)", SMALL),
    (3e-4, "piecewise([(0, 3e-4), (10, 1e-4)])", SMALL),
    (3e-4, "constant(3e-4) * plateau('loss')", SMALL),
    (0.1, "constant(10)", LARGE),
    (0.1, "cosine(start=30, to=0)", LARGE),
    (0.0, "warmup(2) >> cosine()", ZERO),
    (0.1, "constant(0)", "PS313"),
]
SOUND = [
    (3e-4, "warmup(2) >> cosine()"),
    (3e-4, "constant(absolute(3e-4))"),
    (0.0, "linear(absolute(3e-4), 0)"),
    (0.1, "table([1.0, 0.001], every=50)"),
    (0.1, "table([3e-4, 1e-4], every=50, absolute=True)"),
    (0.1, "constant(5)"),
]


def adamw(*rates):
    return torch.optim.AdamW([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates])


def scheduled(optimizer, plan):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(optimizer, plan)
    return caught


@pytest.mark.parametrize("groups", [1, 3])
@table(("rate", "line", "code"), WARNED)
def test_the_scheduler_warns_once_and_the_check_has_the_same_code(rate, line, code, groups):
    plan, optimizer = ps.Plan(lr=line, horizon=100), adamw(*[rate] * groups)
    reported = {one.code for one in check(plan, groups=optimizer.param_groups)}

    (warned,) = scheduled(optimizer, plan)

    assert f"[{code}]" in str(warned.message)
    assert warned.filename == __file__
    assert code in reported


@pytest.mark.parametrize(("rate", "line"), SOUND)
def test_sound_rates_are_silent(rate, line):
    plan, optimizer = ps.Plan(lr=line, horizon=100), adamw(rate)
    reported = {one.code for one in check(plan, groups=optimizer.param_groups)}

    assert not scheduled(optimizer, plan)
    assert not reported & {SMALL, LARGE, ZERO}


def test_one_frozen_group_and_one_fast_or_slow_group_are_silent():
    slow = ps.Plan(ps.Binding("lr", ps.constant(1e-3), groups=0), lr="cosine()", horizon=100)
    fast = ps.Plan(ps.Binding("lr", ps.constant(20.0), groups=0), lr="cosine()", horizon=100)

    assert not scheduled(adamw(0.0, 0.1), ps.Plan(lr="cosine()", weight_decay="cosine()", horizon=100))
    for plan in (slow, fast):
        assert not scheduled(adamw(0.1, 0.1), plan)


@pytest.mark.parametrize("field", ["momentum", "weight_decay"])
def test_another_field_of_which_every_base_is_0_is_logged(field, caplog):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    absolute = ps.Plan(ps.Binding(field, "linear(absolute(0.8), absolute(0.9))"), horizon=100)

    text = f"{field} of the optimizer is 0, so every multiple of it is 0. "
    assert not scheduled(optimizer, absolute)
    assert text not in caplog.text
    assert not scheduled(optimizer, ps.Plan(ps.Binding(field, "linear(0.8, 0.9)"), horizon=100))

    assert text in caplog.text


def test_the_recipes_and_the_examples_are_silent():
    folder = Path(__file__).parents[3] / "examples"
    plans = [ps.recipes[name].plan for name in ps.recipes] + [ps.load(path) for path in folder.glob("*/plan.yaml")]

    assert len(plans) > len(ps.recipes)
    assert [line for plan in plans for line in plan.bindings if unlikely_level(line)] == []
