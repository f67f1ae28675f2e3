"""The line that an error advises for a call of fastai.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with the formulas of fastai.
"""

from support.peer_lines import as_printed, line_of
from support.tables import table


@table(
    ("call", "line"),
    [
        ("SchedNo(0.1, 0.2)", "constant(absolute(0.1))"),
        ("SchedNo(0.0, 0.2)", "constant(0.0)"),
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
        ("SchedExp(0, 0.01)", None),
        ("combined_cos(0.0, 0.01, 0.1, 0.001)", None),
        (
            "fit_one_cycle(5, 0.1, 10.0, 100.0, 0.3)",
            'with_lengths(cosine(absolute(0.01), absolute(0.1), "30%") >> cosine(absolute(0.1), absolute(0.001)))',
        ),
        (
            "fit_flat_cos(5, 0.1, 100.0, 0.5)",
            'with_lengths(cosine(absolute(0.1), absolute(0.1), "50%") >> cosine(absolute(0.1), absolute(0.001)))',
        ),
        ("fit_flat_cos(5, 0.1, pct_start=1)", None),
    ],
)
def test_a_call_of_fastai_has_this_line_here(call, line):
    assert line_of(call) == as_printed(line)
