"""Numbers and arrays of NumPy are arguments of shapes like those of Python, and get the same answers."""

import numpy as np
import pytest

import paramsched as ps
from support.tables import table


def answer(call):
    try:
        return str(call())
    except ps.InvalidArgument as error:
        return str(error).partition(" Write ")[2]


@table("number", [0.5, 30.5, 0.25, 1.5])
def test_a_length_of_numpy_gets_the_answer_of_a_python_number(number):
    assert answer(lambda: ps.cosine(over=np.float64(number))) == answer(lambda: ps.cosine(over=number)) != ""


@table(
    ("call", "expected"),
    [
        (lambda: ps.multistep(np.array([30, 60])), "multistep([30, 60])"),
        (lambda: ps.step(np.int64(30), np.float64(0.5)), "step(30, 0.5)"),
        (lambda: ps.cosine(np.float64(0.5), np.float32(0.25)), "cosine(0.5, 0.25)"),
        (lambda: ps.cosine_restarts(10, np.float64(2.0)), "cosine_restarts(10, 2.0)"),
        (lambda: ps.cosine(to=np.array([0.1])), "cosine(to=0.1)"),
        (lambda: ps.cosine(over=np.array([5])), "cosine(over=5)"),
    ],
)
def test_numbers_of_numpy_are_numbers(call, expected):
    assert answer(call) == expected


def test_an_array_of_two_dimensions_is_not_a_list_of_lengths():
    with pytest.raises(ps.InvalidArgument, match="got ndarray"):
        ps.multistep(np.array([[30, 60]]))
