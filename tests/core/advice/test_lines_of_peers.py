"""The line that an error advises for the call of a scheduler of another library.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with those of the libraries.
"""

import ast

from paramsched.core.advice.peer_calls import Stage, line_of_call
from support.tables import table


@table(
    ("call", "line"),
    [
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
