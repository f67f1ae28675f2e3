"""The line that an error advises for a call of MMEngine, from its table.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with those of MMEngine.
"""

import pytest

from support.peer_lines import as_printed, line_of
from support.tables import table


@table(
    ("call", "line"),
    [
        ("mmengine.ConstantLR(0.5, begin=0, end=10)", 'recurrence(rules.constant(0.5, end=10, by="epoch"))'),
        ("mmengine.LinearLR(0.1, begin=5, end=10)", 'recurrence(rules.linear(0.1, 1.0, begin=5, end=10, by="epoch"))'),
        ("mmengine.LinearLR(0.1, end=10, by_epoch=False)", "recurrence(rules.linear(0.1, 1.0, end=10))"),
        ("mmengine.LinearLR(0.1, begin=10, end=10)", None),
        ("mmengine.ExponentialLR(0.9)", 'recurrence(rules.exponential(0.9, by="epoch"))'),
        ("mmengine.StepLR(5, 0.5)", 'recurrence(rules.step(5, 0.5, by="epoch"))'),
        ("mmengine.MultiStepLR([5, 8])", 'recurrence(rules.multistep([5, 8], 0.1, by="epoch"))'),
        (
            "mmengine.PolyLR(1e-5, 0.9, end=10)",
            'recurrence(rules.polynomial(0.9, absolute(1e-05), end=10, by="epoch"))',
        ),
        (
            "mmengine.CosineAnnealingLR(10, 1e-5)",
            'recurrence(rules.cosine(absolute(1e-05), 10, by="epoch"))',
        ),
        (
            "mmengine.CosineAnnealingLR(eta_min_ratio=0.1, end=20)",
            'recurrence(rules.cosine(0.1, 20, end=20, by="epoch"))',
        ),
        ("mmengine.CosineAnnealingLR(10, 1e-5, eta_min_ratio=0.1)", None),
        ("mmengine.LinearLR(0.1, end=10, convert_to_iter_based=True)", None),
        ("mmengine.LinearMomentum(0.1, end=10)", 'recurrence(rules.linear(0.1, 1.0, end=10, by="epoch"))'),
        ("mmengine.Linear(0.1)", None),
        (
            "mmengine.CosineRestartLR([10, 20], [1, 0.5], eta_min=0.1)",
            'recurrence(rules.cosine_restarts([10, 20], [1.0, 0.5], absolute(0.1), by="epoch"))',
        ),
    ],
)
def test_a_call_of_mmengine_has_this_line_here(call, line):
    assert line_of(call) == as_printed(line)


@pytest.mark.door("compat")  # torch has a LinearLR too
@table(
    ("call", "line"),
    [
        (
            "LinearLR(0.1, begin=5, end=10)",
            'recurrence(rules.linear(0.1, 1.0, begin=5, end=10, by="epoch"))',
        ),
        ("LinearLR(start_factor=2.0, begin=5, end=10)", None),
    ],
)
def test_a_call_without_a_library_has_a_line_where_only_one_reads_its_arguments(call, line):
    assert line_of(call) == as_printed(line)
