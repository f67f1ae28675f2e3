"""The line that an error advises for the call of a scheduler of another library.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with those of the libraries.
"""

import ast

from paramsched.core.advice.peer_calls import Stage, line_of_call
from support.tables import table


@table(
    ("call", "line"),
    [
        ("optax.constant_schedule(0.1)", "constant(absolute(0.1))"),
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
        ("optax.join_schedules([S('warmup(5)','5'), S('cosine()','')], [5])", "warmup(5) >> cosine()"),
        ("CosineDecay(0.1, 100)", "cosine(absolute(0.1), 0.0, 100)"),
        (
            "CosineDecay(0.01, 100, 0.1, warmup_target=0.1, warmup_steps=10)",
            "linear(absolute(0.01), absolute(0.1), 10) >> cosine(absolute(0.1), absolute(0.01), 100)",
        ),
        ("CosineDecay(0.01, 100, warmup_target=0.1)", "cosine(absolute(0.1), 0.0, 100)"),
        (
            "CosineDecayRestarts(0.1, 10)",
            'constant(absolute(0.1)) * cosine_restarts(10, 2.0, gamma=1.0, lengths="exact")',
        ),
        (
            "CosineDecayRestarts(0.1, 9, 1.0, 0.5, 0.1)",
            'constant(absolute(0.09)) * cosine_restarts(9, 1.0, gamma=0.5, lengths="exact") + constant(absolute(0.01))',
        ),
        ("keras.ExponentialDecay(0.1, 10, 0.5)", "constant(absolute(0.1)) * exponential(0.5, 10)"),
        ("keras.ExponentialDecay(0.1, 10, 0.5, True)", "constant(absolute(0.1)) * step(10, 0.5)"),
        ("InverseTimeDecay(0.1, 10, 0.5)", "constant(absolute(0.1)) * inverse_time(0.5, 10)"),
        ("InverseTimeDecay(0.1, 10, 0.5, True)", "constant(absolute(0.1)) * every(inverse_time(0.5, 10), 10)"),
        ("keras.PolynomialDecay(0.1, 10)", "polynomial(1.0, absolute(0.1), absolute(0.0001), 10)"),
        ("keras.PolynomialDecay(0.1, 10, cycle=True)", None),
        (
            "PiecewiseConstantDecay([5, 9], [0.1, 0.05, 0.01])",
            "piecewise([(0, absolute(0.1)), (6, absolute(0.05)), (10, absolute(0.01))])",
        ),
        ("PiecewiseConstantDecay([5], [0.1])", None),
        ("SchedNo(0.1, 0.2)", "constant(absolute(0.1))"),
        ("SchedLin(0.1, 0.2)", "linear(absolute(0.1), absolute(0.2))"),
        ("SchedCos(0.1, 0.0)", "cosine(absolute(0.1), 0.0)"),
        ("SchedExp(0.1, 0.01)", "geometric(absolute(0.1), absolute(0.01))"),
        ("SchedExp(0.1, 0)", None),
        ("SchedPoly(0.1, 0.2, 2)", "anneal(absolute(0.1), absolute(0.2), curve=curves.power(2.0))"),
        (
            "combined_cos(0.25, 0.01, 0.1, 0.001)",
            'with_lengths(cosine(absolute(0.01), absolute(0.1), "25 %") >> cosine(absolute(0.1), absolute(0.001)))',
        ),
        ("combined_cos(1.0, 0.01, 0.1, 0.001)", None),
        (
            "fit_one_cycle(5, 0.1)",
            'with_lengths(cosine(absolute(0.004), absolute(0.1), "25 %") >> cosine(absolute(0.1), absolute(1e-06)))',
        ),
        (
            "fit_flat_cos(5, 0.1)",
            'with_lengths(cosine(absolute(0.1), absolute(0.1), "75 %") >> cosine(absolute(0.1), absolute(1e-06)))',
        ),
        ("mmengine.ConstantLR(0.5, begin=0, end=10)", 'recurrence(rules.constant(0.5, end=10, by="epoch"))'),
        ("mmengine.LinearLR(0.1, begin=5, end=10)", 'recurrence(rules.linear(0.1, 1.0, begin=5, end=10, by="epoch"))'),
        ("mmengine.LinearLR(0.1, end=10, by_epoch=False)", "recurrence(rules.linear(0.1, 1.0, end=10))"),
        ("mmengine.LinearLR(0.1, begin=10, end=10)", None),
        ("mmengine.ExponentialLR(0.9)", 'recurrence(rules.exponential(0.9, end=1000000000, by="epoch"))'),
        ("mmengine.StepLR(5, 0.5)", 'recurrence(rules.step(5, 0.5, end=1000000000, by="epoch"))'),
        ("mmengine.MultiStepLR([5, 8])", 'recurrence(rules.multistep([5, 8], 0.1, end=1000000000, by="epoch"))'),
        (
            "mmengine.PolyLR(1e-5, 0.9, end=10)",
            'recurrence(rules.polynomial(0.9, absolute(1e-05), end=10, by="epoch"))',
        ),
        (
            "mmengine.CosineAnnealingLR(10, 1e-5)",
            'recurrence(rules.cosine(absolute(1e-05), 10, end=1000000000, by="epoch"))',
        ),
        ("mmengine.CosineAnnealingLR(eta_min_ratio=0.1, end=20)", 'recurrence(rules.cosine(0.1, end=20, by="epoch"))'),
        ("mmengine.CosineAnnealingLR(10, 1e-5, 0.1)", None),
        ("mmengine.LinearLR(0.1, end=10, convert_to_iter_based=True)", None),
        ("mmengine.LinearMomentum(0.1, end=10)", 'recurrence(rules.linear(0.1, 1.0, end=10, by="epoch"))'),
        ("mmengine.Linear(0.1)", None),
        ("unknown(3)", None),
    ],
)
def test_a_call_of_a_library_has_this_line_here(call, line):
    tree = ast.parse(call, mode="eval").body
    values = [eval(ast.unparse(one), {"S": Stage}) for one in tree.args]
    named = {one.arg: eval(ast.unparse(one.value), {"S": Stage}) for one in tree.keywords}

    assert line_of_call(ast.unparse(tree.func), values, named) == line
