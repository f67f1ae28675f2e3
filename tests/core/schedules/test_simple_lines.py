"""The simple line that stands before the exact one of another library: equal values under its conditions."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import ParseError


@given(st.sampled_from([0.05, 0.1, 1.0]), st.integers(20, 300), st.sampled_from([0.2, 0.3, 0.45, 0.5]))
def test_the_simple_line_of_the_one_cycle_policy_has_torchs_values(most: float, total: int, up: float) -> None:
    with pytest.raises(ParseError) as refusal:
        ps.Plan(lr=f"OneCycleLR(max_lr={most}, total_steps={total}, pct_start={up})")
    found = re.search(r"if the base is (\S+) and the run ends at update (\d+): (.*?)\. torch", str(refusal.value))
    assert found is not None
    base, length, line = found.groups()

    ours = ps.trace(ps.Plan(lr=line, horizon=int(length)), {"lr": float(base)})["lr", 0]

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, most, total, pct_start=up)
    theirs = []
    for t in range(total):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if t < total - 1:
            scheduler.step()
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15 * most)


def test_the_simple_line_keeps_the_numbers_of_the_user() -> None:
    with pytest.raises(
        ParseError, match=r"if the base is 0\.123456789 and the run ends at update 1234567: one_cycle\("
    ):
        ps.Plan(lr="OneCycleLR(0.123456789, 1234567)")
    with pytest.raises(ParseError, match="use one_cycle"):  # no share of twelve digits is a third
        ps.Plan(lr="OneCycleLR(0.1, 90, pct_start=0.3333333333333333)")


def test_other_options_of_the_one_cycle_policy_have_the_exact_line_only() -> None:
    with pytest.raises(ParseError, match="use one_cycle") as refusal:
        ps.Plan(lr="OneCycleLR(max_lr=0.1, total_steps=90, anneal_strategy='linear')")

    assert "if the base" not in str(refusal.value)
