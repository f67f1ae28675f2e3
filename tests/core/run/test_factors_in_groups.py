"""Factors beside the lr and the weight decay of groups: told unless the values are multiplied already (PS404)."""

import re
import warnings

import pytest
import torch

import paramsched as ps
from support.tables import table

PLAN = "lr: cosine()\nweight_decay: 1.0 * constant()\n"


def adamw(*groups):
    """Return an AdamW with these groups; each has an lr of 0.1 and a weight decay of 0.5 if it lacks one."""
    own = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1, "weight_decay": 0.5, **one} for one in groups]
    return torch.optim.AdamW(own)


def warned(optimizer, plan=PLAN):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(optimizer, plan, total=100)
    return [str(one.message) for one in caught]


@table(
    ("groups", "named"),
    [
        ([{"lr_scale": 0.25}, {"lr_scale": 0.5}, {"lr_scale": 1.0}], ["lr_scale"]),
        ([{"lr_mult": 0.1}, {}], ["lr_mult"]),
        ([{"lr_multiplier": 0.1, "wd_multiplier": 0.0}, {"lr_multiplier": 1.0, "wd_multiplier": 1.0}],
         ["lr_multiplier", "wd_multiplier"]),
        ([{"weight_decay_mult": 0.0}, {}], ["weight_decay_mult"]),
        ([{"decay_mult": 0.0}, {"decay_mult": 1.0}], ["decay_mult"]),
    ],
)  # fmt: skip
def test_factors_that_nothing_applies_are_told_with_a_line_that_applies_them(groups, named):
    optimizer = adamw(*groups)

    told = warned(optimizer)

    assert [(re.match(r"\w+", one)[0], one[-7:]) for one in told] == [(name, "[PS404]") for name in named]
    corrected = adamw(*groups)
    for one in told:
        exec(re.search(r"for group in .*(?= \[PS404\])", one)[0], {"optimizer": corrected})
    assert warned(corrected) == []


@table(
    "groups",
    [
        [{"lr_scale": 0.5, "lr": 0.05}, {"lr_scale": 1.0}],  # multiplied already
        [{"lr_scale": 0.5}],
        [{"lr_scale": 0.5}, {"lr_scale": 0.5}],
        [{"lr_scale": "auto"}, {"lr_scale": None}],
        [{"lr_mul": 0.5}, {}],  # some optimizers multiply by it
        [{}, {}],
    ],
)
def test_other_factors_are_silent(groups):
    assert warned(adamw(*groups)) == []


@pytest.mark.parametrize("plan", ["weight_decay: 1.0 * constant()", "lr: cosine()"])
def test_only_factors_of_planned_fields_are_told(plan):
    field = "lr" if plan.startswith("weight") else "wd"

    assert warned(adamw({f"{field}_mult": 0.5}, {}), plan) == []
