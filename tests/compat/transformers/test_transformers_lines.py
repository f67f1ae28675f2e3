"""The line that an error advises for a call of transformers, from its table.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with those of transformers.
"""

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.peer_lines import as_printed, line_of
from support.tables import table


@table(
    ("call", "line"),
    [
        ("get_constant_schedule()", "constant()"),
        ("constant_with_warmup(10)", "warmup(10) >> constant()"),
        ("get_constant_schedule_with_warmup(0)", "constant()"),
        ("get_linear_schedule_with_warmup(10, 100)", "warmup(10) >> linear(over=90)"),
        ("get_linear_schedule_with_warmup(10)", "warmup(10) >> linear()"),
        ("get_linear_schedule_with_warmup(100, 100)", None),
        ("get_linear_schedule_with_warmup(-5, 100)", None),
        ("get_linear_schedule_with_warmup(10.5, 100)", None),
        ("get_cosine_schedule_with_warmup(10, 100, 0)", "warmup(10) >> constant(1.0, 90)"),
        ("get_cosine_schedule_with_warmup(10, num_cycles=-0.5)", "warmup(10) >> cosine()"),
        ("get_cosine_schedule_with_warmup(0, 1, num_cycles=1.5)", None),
        ("get_cosine_schedule_with_warmup(0, 4, 4.0)", "restarts(cosine_wave(), 1)"),
        ("get_cosine_schedule_with_warmup(0, 4, 4.5)", None),
        ("get_cosine_schedule_with_warmup(0, 6, 4.0)", 'restarts(cosine_wave(), "1.5 steps")'),
        ("get_linear_schedule_with_warmup(99, 100)", "warmup(99) >> linear(over=1)"),
        ("cosine_with_restarts(10, 100, 1.5)", "warmup(10) >> take(restarts(cosine(), 60), 90) >> constant(0.0)"),
        ("get_linear_schedule_with_warmup()", None),
        ("get_cosine_schedule_with_warmup(num_cycles=2.0)", None),
        ("get_cosine_schedule_with_warmup(10, 100)", "warmup(10) >> restarts(cosine_wave(), 180)"),
        ("get_cosine_schedule_with_warmup(10, 100, 1.5)", "warmup(10) >> restarts(cosine_wave(), 60)"),
        ("get_cosine_schedule_with_warmup(10, num_cycles=2.0)", "warmup(10) >> cosine_wave(2.0)"),
        ("cosine_with_restarts(10, 100, 3)", "warmup(10) >> restarts(cosine(), 30, 3)"),
        ("cosine_with_restarts(10, 100)", "warmup(10) >> cosine(over=90)"),
        ("cosine_with_restarts(0, num_cycles=4)", "restarts(cosine(), times=4)"),
        ("cosine_with_restarts(0, 100, 1000)", None),
        (
            "get_polynomial_decay_schedule_with_warmup(10, 100, 1e-5, 2.0)",
            "warmup(10) >> polynomial(2.0, to=absolute(1e-05), over=90)",
        ),
        ("get_polynomial_decay_schedule_with_warmup(10)", "warmup(10) >> polynomial(1.0, to=absolute(1e-07))"),
        ("get_inverse_sqrt_schedule(10)", "warmup(10) >> inverse_sqrt(10)"),
        ("get_inverse_sqrt_schedule(0)", "inverse_sqrt(10000)"),
        ("get_inverse_sqrt_schedule(10, 25)", "warmup(10) >> inverse_sqrt(25)"),
        ("cosine_with_min_lr(10, 100, min_lr=1e-5)", "warmup(10) >> restarts(cosine_wave(to=absolute(1e-05)), 180)"),
        ("cosine_with_min_lr(10, 100, min_lr_rate=0.1)", "warmup(10) >> restarts(cosine_wave(to=0.1), 180)"),
        ("cosine_with_min_lr(10, 100)", None),
        ("cosine_with_min_lr(10, 100, min_lr=0.1, min_lr_rate=0.1)", None),
        ("warmup_stable_decay(10, 20, 100)", "linear(0.0, 1.0, 10) >> constant(1.0, 70) >> cosine(1.0, 0.0, 20)"),
        (
            "warmup_stable_decay(10, 20, num_stable_steps=30, decay_type='1-sqrt', min_lr_ratio=0.1)",
            "linear(0.1, 1.0, 10) >> constant(1.0, 30) >> anneal(1.0, 0.1, 20, curves.one_minus_sqrt)",
        ),
        ("warmup_stable_decay(0, 20, 20, warmup_type='cosine')", "cosine(1.0, 0.0, 20)"),
        ("warmup_stable_decay(10, 20, 100, decay_type='x')", None),
        (
            "warmup_stable_decay(10, 20, 100, num_cycles=1.0)",
            "warmup(10) >> constant(1.0, 70) >> cosine_wave(over=20) >> constant(0.0)",
        ),
    ],
)
def test_a_call_of_transformers_has_this_line_here(call, line):
    assert line_of(call) == as_printed(line)


@table(
    ("text", "found", "write"),
    [
        (
            "get_cosine_schedule_with_warmup(optimizer, 100, 1000)",
            "if the run ends at update 1000: warmup(100) >> cosine(over=900). transformers rises again after it",
            "warmup(100) >> restarts(cosine_wave(), 1800)",
        ),
        ("inverse_sqrt(warmup_steps=10)", 'unknown argument "warmup_steps"', "warmup(10) >> inverse_sqrt(10)"),
    ],
)
def test_an_error_in_a_line_advises_the_line_of_transformers_call(text, found, write):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(text)

    assert found in str(refusal.value)
    assert not refusal.value.is_example
    assert refusal.value.write == write
