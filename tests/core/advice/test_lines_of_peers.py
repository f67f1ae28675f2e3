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
        ("unknown(3)", None),
    ],
)
def test_a_call_of_a_library_has_this_line_here(call, line):
    tree = ast.parse(call, mode="eval").body
    values = [eval(ast.unparse(one), {"S": Stage}) for one in tree.args]
    named = {one.arg: eval(ast.unparse(one.value), {"S": Stage}) for one in tree.keywords}

    assert line_of_call(ast.unparse(tree.func), values, named) == line
