"""The line that an error advises for a call of torch, from its table; and the simple line before it.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with those of torch.
"""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import ConfigError, InvalidArgument, ParseError
from support.peer_lines import as_printed, line_of
from support.tables import table


@table(
    ("call", "line"),
    [
        ("torch.ConstantLR()", "constant(0.3333333333333333, 5) >> constant()"),
        ("torch.ConstantLR(0.5, 7)", "constant(0.5, 7) >> constant()"),
        ("torch.ConstantLR(2.0)", None),
        ("torch.LinearLR(0.1, 0.5, 10)", "linear(0.1, 0.5, 10)"),
        ("torch.LinearLR(end_factor=1.5)", None),
        ("torch.ExponentialLR(0.9)", "exponential(0.9)"),
        ("torch.ExponentialLR(0)", None),
        ("torch.PolynomialLR()", "polynomial(1.0, over=5)"),
        ("torch.PolynomialLR(8, 2.0)", "polynomial(2.0, over=8)"),
        ("torch.StepLR(30)", "step(30, 0.1)"),
        ("torch.StepLR(30.5)", None),
        ("StepLR(30.5)", None),
        ("OneCycleLR(0.1, 100, pct_start=0.01)", None),
        ("torch.MultiStepLR([60, 30], 0.5)", "multistep([30, 60], 0.5)"),
        ("torch.MultiStepLR([])", "constant()"),
        ("torch.CosineAnnealingLR(50)", "restarts(cosine_wave(), 100)"),
        ("torch.CosineAnnealingLR(50, 1e-5)", "restarts(cosine_wave(to=absolute(1e-05)), 100)"),
        ("torch.CosineAnnealingWarmRestarts(10)", "cosine_restarts(10, 1, 0.0)"),
        ("torch.CosineAnnealingWarmRestarts(10, 2, 0.01)", "cosine_restarts(10, 2, absolute(0.01))"),
        ("torch.CyclicLR(0.1, 0.5, 20)", "cyclic(20, 20, absolute(0.1), absolute(0.5))"),
        (
            "torch.CyclicLR(0.1, 0.5, 20, 30, 'triangular2')",
            'cyclic(20, 30, absolute(0.1), absolute(0.5), "triangular2")',
        ),
        (
            "torch.CyclicLR(0.1, 0.5, mode='exp_range', gamma=0.9)",
            'cyclic(2000, 2000, absolute(0.1), absolute(0.5), "exp_range", 0.9)',
        ),
        ("torch.CyclicLR(0.1, 0.5, mode='x')", None),
        ("torch.OneCycleLR(0.1, 100)", 'recurrence(rules.one_cycle(0.1, 100, 0.3, "cos", 25.0, 10000.0, False))'),
        (
            "torch.OneCycleLR(0.1, epochs=5, steps_per_epoch=20, three_phase=True)",
            'recurrence(rules.one_cycle(0.1, 100, 0.3, "cos", 25.0, 10000.0, True))',
        ),
        ("torch.OneCycleLR(0.1, 100, pct_start=0.6, three_phase=True)", None),
        ("torch.OneCycleLR(0.1, 100, pct_start=0.01)", None),
        (
            "torch.OneCycleLR(0.1, 100, pct_start=0.6)",
            'recurrence(rules.one_cycle(0.1, 100, 0.6, "cos", 25.0, 10000.0, False))',
        ),
        ("torch.OneCycleLR(0.1, 100, pct_start=1.0)", None),
        (
            "torch.OneCycleLR(0.1, 100, anneal_strategy='linear', div_factor=10, final_div_factor=100)",
            'recurrence(rules.one_cycle(0.1, 100, 0.3, "linear", 10.0, 100.0, False))',
        ),
        ("torch.SWALR(0.05)", "cosine(1.0, absolute(0.05), 10)"),
        ("torch.SWALR(0.05, 5, 'linear')", "linear(1.0, absolute(0.05), 5)"),
        ("torch.SequentialLR([S('warmup(5)'), S('cosine()')], [5])", "warmup(5) >> cosine()"),
        ("torch.SequentialLR([S('warmup(5)'), S('cosine()')], [7])", "take(warmup(5), 7) >> cosine()"),
        (
            "torch.SequentialLR([S('warmup(5)'), S('multistep([9, 12], 0.1)')], [5])",
            "warmup(5) >> take(multistep([9, 12], 0.1), 13)",
        ),
        ("torch.SequentialLR([S('cosine()')], [5])", None),
        (
            "torch.ChainedScheduler([S('step(5, 0.1)'), S('warmup(3) >> constant()')])",
            "step(5, 0.1) * (warmup(3) >> constant())",
        ),
        ("torch.ChainedScheduler([S('cosine(absolute(0.1))')])", None),
        ("torch.StepLR(True)", None),
        ("torch.StepLR('30')", None),
        ("StepLR(optimizer=1, step_size=5, last_epoch=-1)", "step(5, 0.1)"),
    ],
)
def test_a_call_of_torch_has_this_line_here(call, line):
    assert line_of(call) == as_printed(line)


@table(
    ("text", "found", "write"),
    [
        (
            "CosineAnnealingLR(optimizer, T_max=100)",
            "if the run ends at update 100: cosine(over=100). torch rises again after it",
            "restarts(cosine_wave(), 200)",
        ),
        (
            "CosineAnnealingLR(T_max=100, eta_min=0.1) * 0.5",
            "if the run ends at update 100: cosine(to=absolute(0.1), over=100). torch rises again after it",
            "restarts(cosine_wave(to=absolute(0.1)), 200) * 0.5",
        ),
        ("StepLR(opt, 30, gamma=0.5)", '"StepLR" is a name of torch; use step', "step(30, 0.5)"),
        ("StepLR(30, 0.5)", '"StepLR" is a name of torch; use step', "step(30, 0.5)"),
        (
            "torch.optim.lr_scheduler.StepLR(30)",
            '"torch.optim.lr_scheduler.StepLR" is a name of torch; use step',
            "step(30, 0.1)",
        ),
        ("PolynomialLR(power=2)", '"PolynomialLR" is a name of torch; use polynomial', "polynomial(2.0, over=5)"),
        (
            "warmup(5) >> StepLR(opt, 30, gamma=0.5)",
            '"StepLR" is a name of torch; use step',
            "warmup(5) >> step(30, 0.5)",
        ),
        ("linear(start_factor=0.1, total_iters=10)", 'unknown argument "start_factor"', "linear(0.1, 1.0, 10)"),
    ],
)
def test_an_error_in_a_line_advises_the_line_of_torchs_call(text, found, write):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(text)

    assert found in str(refusal.value)
    assert not refusal.value.is_example
    assert as_printed(refusal.value.write) == as_printed(write)


def test_an_error_in_a_file_advises_the_line_of_torchs_call() -> None:
    with pytest.raises(ConfigError) as refusal:
        ps.loads("lr: {type: StepLR, step_size: 3}\n")
    (fault,) = refusal.value.diagnostics

    assert (fault.line, fault.column, fault.code) == (1, 5, "PS102")
    assert (fault.found, fault.instead) == ('"StepLR" is a name of torch; use step', "Write lr: step(3)")


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
