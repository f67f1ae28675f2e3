"""The line that an error advises for a call of Keras.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with those of Keras.
"""

from support.peer_lines import as_printed, line_of
from support.tables import table


@table(
    ("call", "line"),
    [
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
    ],
)
def test_a_call_of_keras_has_this_line_here(call, line):
    assert line_of(call) == as_printed(line)
