"""Numbers and arrays of NumPy are arguments of shapes like those of Python, and get the same answers."""

import numpy as np

import paramsched as ps
from support.tables import table


@table(
    ("call", "expected"),
    [
        (lambda: ps.multistep(np.array([30, 60])), "multistep([30, 60])"),
        (lambda: ps.step(np.int64(30), np.float64(0.5)), "step(30, 0.5)"),
        (lambda: ps.cosine(start=np.float64(0.5), to=np.float32(0.25)), "cosine(start=0.5, to=0.25)"),
        (lambda: ps.shapes.cosine_restarts(10, np.float64(2.0)), "cosine_restarts(10, 2.0)"),
    ],
)
def test_numbers_of_numpy_are_numbers(call, expected):
    assert str(call()) == expected
