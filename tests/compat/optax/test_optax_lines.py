"""The line that an error advises for a call of optax.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with those of optax.
"""

from support.peer_lines import as_printed, line_of
from support.tables import table


@table(
    ("call", "line"),
    [
        ("optax.constant_schedule(0.1)", "constant(absolute(0.1))"),
        ("optax.constant_schedule(0.0)", "constant(0.0)"),
        ("optax.linear_schedule(0.0, 0.1, 20)", "linear(0.0, absolute(0.1), 20)"),
        ("optax.linear_schedule(0.1, 0.0, 20, 5)", "constant(absolute(0.1), 5) >> linear(absolute(0.1), 0.0, 20)"),
        ("optax.polynomial_schedule(0.1, 0.01, 2, 20)", "polynomial(2.0, absolute(0.1), absolute(0.01), 20)"),
        ("optax.cosine_decay_schedule(0.1, 100)", "cosine(absolute(0.1), 0.0, 100)"),
        (
            "optax.cosine_decay_schedule(0.1, 100, 0.1, 2.0)",
            "anneal(absolute(0.1), absolute(0.01), 100, curves.cosine_power(2.0))",
        ),
        ("optax.exponential_decay(0.1, 10, 0.5)", "constant(absolute(0.1)) * exponential(0.5, 10)"),
        (
            "optax.exponential_decay(0.1, 10, 0.5, 5, True, 0.01)",
            "constant(absolute(0.1), 5) >> clamp(constant(absolute(0.1)) * step(10, 0.5), low=absolute(0.01))",
        ),
        (
            "optax.exponential_decay(0.1, 10, 2.0, end_value=0.5)",
            "clamp(constant(absolute(0.1)) * exponential(2.0, 10), high=absolute(0.5))",
        ),
        ("optax.exponential_decay(0.1, 10, 0.5, end_value=0.5)", None),
        ("optax.warmup_constant_schedule(0.0, 0.1, 20)", "linear(0.0, absolute(0.1), 20)"),
        (
            "optax.warmup_cosine_decay_schedule(0.0, 0.1, 20, 100)",
            "linear(0.0, absolute(0.1), 20) >> cosine(absolute(0.1), 0.0, 80)",
        ),
        (
            "optax.warmup_cosine_decay_schedule(0.0, 0.1, 20, 100, 0.01)",
            "linear(0.0, absolute(0.1), 20) >> cosine(absolute(0.1), absolute(0.01), 80)",
        ),
        (
            "optax.warmup_exponential_decay_schedule(0.0, 0.1, 20, 10, 0.5)",
            "linear(0.0, absolute(0.1), 20) >> constant(absolute(0.1)) * exponential(0.5, 10)",
        ),
        (
            "optax.cosine_onecycle_schedule(100, 0.1)",
            "cosine(absolute(0.004), absolute(0.1), 30) >> cosine(absolute(0.1), absolute(4e-07), 70)",
        ),
        ("optax.join_schedules([S('warmup(5)'), S('cosine()')], [5])", "warmup(5) >> cosine()"),
        ("optax.linear_schedule(0.1, 0.2, 0)", None),
        ("optax.linear_schedule(0.1, 0.2, 5.5)", None),
        ("optax.linear_schedule(True, 0.2, 5)", None),
        ("optax.linear_schedule(0.1, 0.2, 5, -1)", None),
        ("optax.linear_schedule(0.1, 0.2, 5, 1, 2)", None),
        (
            "optax.polynomial_schedule(0.1, 0.01, 2, 20, 5)",
            "constant(absolute(0.1), 5) >> anneal(absolute(0.1), absolute(0.01), 20, curves.polynomial(2.0))",
        ),
        (
            "optax.polynomial_schedule(0.1, 0.01, 2, 1)",
            "anneal(absolute(0.1), absolute(0.01), 1, curves.polynomial(2.0))",
        ),
        (
            "optax.linear_schedule(0.1, 0.2, 5, 1)",
            "constant(absolute(0.1), 1) >> linear(absolute(0.1), absolute(0.2), 5)",
        ),
        ("optax.cosine_decay_schedule(0.1, 1)", "cosine(absolute(0.1), over=1)"),
        ("optax.cosine_decay_schedule(0.1, 0)", None),
        (
            "optax.exponential_decay(0.1, 10, 0.5, 5)",
            "constant(absolute(0.1), 5) >> constant(absolute(0.1)) * exponential(0.5, 10)",
        ),
        (
            "optax.exponential_decay(0.1, 10, 0.5, end_value=0.1)",
            "clamp(constant(absolute(0.1)) * exponential(0.5, 10), absolute(0.1))",
        ),
        (
            "optax.exponential_decay(0.1, 10, 2.0, end_value=0.1)",
            "clamp(constant(absolute(0.1)) * exponential(2.0, 10), high=absolute(0.1))",
        ),
        ("optax.exponential_decay(0.1, 10, 2.0, end_value=0.05)", None),
        ("optax.exponential_decay(0.1, 10, 1.0, end_value=0.05)", None),
        (
            "optax.exponential_decay(0.1, 10, 1.0, end_value=0.5)",
            "clamp(constant(absolute(0.1)) * exponential(1.0, 10), high=absolute(0.5))",
        ),
        (
            "optax.exponential_decay(0.1, 10, 0.5, end_value=0.0)",
            "clamp(constant(absolute(0.1)) * exponential(0.5, 10), 0.0)",
        ),
        (
            "optax.warmup_cosine_decay_schedule(0.01, 0.1, 20, 100, 0.01, 2.0)",
            "linear(absolute(0.01), absolute(0.1), 20) >> "
            "anneal(absolute(0.1), absolute(0.01), 80, curves.cosine_power(2.0))",
        ),
        ("optax.warmup_cosine_decay_schedule(0.01, 0.1, 20, 20)", None),
        (
            "optax.warmup_exponential_decay_schedule(0.0, 0.1, 20, 10, 0.5, 5, True, 0.01)",
            "linear(0.0, absolute(0.1), 20) >> constant(absolute(0.1), 5) >> "
            "clamp(constant(absolute(0.1)) * step(10, 0.5), absolute(0.01))",
        ),
        (
            "optax.linear_onecycle_schedule(100, 0.1)",
            "linear(absolute(0.004), absolute(0.1), 30) >> linear(absolute(0.1), absolute(0.004), 55) >> "
            "linear(absolute(0.004), absolute(4e-07), 15)",
        ),
        (
            "optax.linear_onecycle_schedule(100, 0.1, 0.25, 0.5, 10.0, 100.0)",
            "linear(absolute(0.01), absolute(0.1), 25) >> linear(absolute(0.1), absolute(0.01), 25) >> "
            "linear(absolute(0.01), absolute(0.0001), 50)",
        ),
        (
            "optax.cosine_onecycle_schedule(9, 0.1, 0.5, 10.0, 100.0)",
            "cosine(absolute(0.01), absolute(0.1), 4) >> cosine(absolute(0.1), absolute(0.0001), 5)",
        ),
        ("optax.piecewise_constant_schedule(0.1)", "constant(absolute(0.1))"),
        (
            "optax.piecewise_constant_schedule(0.1, [(10, 0.5), (5, 0.1)])",
            "constant(absolute(0.1), 5) >> constant(absolute(0.01), 5) >> constant(absolute(0.005))",
        ),
    ],
)
def test_a_call_of_optax_has_this_line_here(call, line):
    assert line_of(call) == as_printed(line)
