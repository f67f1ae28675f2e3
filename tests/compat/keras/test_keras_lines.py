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
        (
            "CosineDecay(0.01, 100, 0.1, warmup_target=0.1, warmup_steps=1)",
            "linear(absolute(0.01), absolute(0.1), 1) >> cosine(absolute(0.1), absolute(0.01), 100)",
        ),
        ("CosineDecay(0.1, 1)", "cosine(absolute(0.1), over=1)"),
        ("CosineDecay(0.1, 0)", None),
        ("CosineDecay(0.1, 9, warmup_target=0.5, warmup_steps=-1)", None),
        (
            "CosineDecayRestarts(0.1, 10, 1.5, 0.9, 0.0)",
            'constant(absolute(0.1)) * cosine_restarts(10, 1.5, gamma=0.9, lengths="exact")',
        ),
        ("CosineDecayRestarts(0.1, 0)", None),
        ("ExponentialDecay(0.1, 0, 0.5)", None),
        (
            "keras.PolynomialDecay(0.1, 10, 0.01, 2.0)",
            "anneal(absolute(0.1), absolute(0.01), 10, curves.polynomial(2.0))",
        ),
        ("PiecewiseConstantDecay([], [0.1])", "constant(absolute(0.1))"),
        ("keras.ReduceLROnPlateau()", 'constant() * plateau("val_loss", patience=9, threshold_mode="abs")'),
        (
            "keras.ReduceLROnPlateau('val_acc')",
            'constant() * plateau("val_acc", "max", patience=9, threshold_mode="abs")',
        ),
        (
            "keras.ReduceLROnPlateau('acc', 0.5, 3, 0, 'min', 0.01, 2, 0.001)",
            'constant() * plateau("acc", factor=0.5, patience=2, threshold=0.01, threshold_mode="abs", '
            "cooldown=1, min=absolute(0.001))",
        ),
        (
            "keras.ReduceLROnPlateau(patience=1, cooldown=1)",
            'constant() * plateau("val_loss", patience=0, threshold_mode="abs")',
        ),
        ("keras.ReduceLROnPlateau(patience=0)", 'constant() * plateau("val_loss", patience=0, threshold_mode="abs")'),
        (
            "keras.ReduceLROnPlateau(patience=2, cooldown=0)",
            'constant() * plateau("val_loss", patience=1, threshold_mode="abs")',
        ),
        ("keras.ReduceLROnPlateau(patience=-1)", None),
        (
            "keras.ReduceLROnPlateau(mode='max')",
            'constant() * plateau("val_loss", "max", patience=9, threshold_mode="abs")',
        ),
        (
            "keras.ReduceLROnPlateau('auc', mode='auto')",
            'constant() * plateau("auc", patience=9, threshold_mode="abs")',
        ),
    ],
)
def test_a_call_of_keras_has_this_line_here(call, line):
    assert line_of(call) == as_printed(line)
