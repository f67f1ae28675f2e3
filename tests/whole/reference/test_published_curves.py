"""Schedules of other libraries and of papers have the published values at every update."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched import curves
from support.tables import table
from whole.reference import published_formulas
from whole.reference.published_formulas import BASE, TOTAL

CURVES = yaml.safe_load(Path(__file__).with_name("published_curves.yaml").read_text(encoding="utf-8"))


@table("name", CURVES)
def test_a_schedule_has_the_published_values(name):
    curve = CURVES[name]
    total = curve.get("total", TOTAL)
    times = curve.get("times") or range(curve.get("begin", 0), curve.get("until", TOTAL + 31))
    value = eval(f"lambda t: {curve['value']}", vars(math) | vars(published_formulas))

    schedule = ps.resolve(ps.parse(curve["line"]), facts=ps.RunFacts(total=total, **curve.get("facts", {})))

    actual = schedule(np.array(list(times)), BASE)
    np.testing.assert_allclose(actual, [value(t) for t in times], rtol=1e-12, atol=1e-15)


@given(
    total=st.integers(4, 120),
    pct=st.sampled_from([0.25, 0.3, 0.33, 0.4, 0.45]),
    strategy=st.sampled_from(["cos", "linear"]),
    three_phase=st.booleans(),
)
def test_a_one_cycle_equals_torch_for_lr_and_momentum(total, pct, strategy, three_phase):
    assume(pct * total > 1)  # or torch divides by zero
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE, momentum=0.9)
    original = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, BASE, total_steps=total, pct_start=pct, anneal_strategy=strategy, three_phase=three_phase
    )
    facts = ps.RunFacts(total=total)
    up = f"{pct * 100:g}%"
    curve = curves.cosine if strategy == "cos" else curves.linear
    back = up if three_phase else None
    rate = ps.resolve(ps.one_cycle(up, curve=curve, index="t/(n-1)", back=back), facts=facts)
    high = ps.absolute(0.95)
    low = ps.absolute(0.85)
    momentum = ps.resolve(ps.one_cycle(up, high, high, curve, "t/(n-1)", back, peak=low), facts=facts)

    for t in range(total):
        group = optimizer.param_groups[0]
        assert rate(t, BASE) == pytest.approx(group["lr"], rel=1e-11, abs=1e-15)
        assert momentum(t, 0.9) == pytest.approx(group["momentum"], rel=1e-12)
        optimizer.step()
        if t < total - 1:
            original.step()
