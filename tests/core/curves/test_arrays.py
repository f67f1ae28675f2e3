"""Evaluation of arrays: cases that the property tests do not generate."""

import numpy as np
import pytest
import torch

from paramsched.core.curves import elementary
from paramsched.core.curves.arrays import NUMBERS, NUMPY
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import linear, warmup
from paramsched.errors import InvalidArgument

SCHEDULE = warmup(5) >> linear(over=100)


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "quarter_sine", "half_wave", "power"])
def test_the_functions_of_numbers_and_numpy_arrays_give_the_same_bits(name):
    x = np.linspace(0.1, 3, 10_000)
    more = (0.9,) if name == "power" else ()
    expected = getattr(elementary, name)(x, *more)

    assert getattr(NUMPY, name)(x, *more).tobytes() == expected.tobytes()
    assert [getattr(NUMBERS, name)(one, *more) for one in x[:99].tolist()] == expected[:99].tolist()


def test_empty_arrays_give_empty_arrays():
    assert SCHEDULE(np.array([])).shape == (0,)
    assert SCHEDULE([]).shape == (0,)
    assert SCHEDULE(np.zeros((0, 3), dtype=int)).shape == (0, 3)


@pytest.mark.parametrize("schedule", [SCHEDULE, parse("clamp(linear(1.0, 0.5, 9), absolute(0.1))")])
def test_times_and_bases_of_different_lengths_are_rejected(schedule):
    with pytest.raises(InvalidArgument, match=r"got times of shape \(3,\) and bases of shape \(2,\)"):
        schedule(np.array([1, 2, 3]), np.array([0.5, 1.0]))


def test_values_have_the_shape_of_the_times():
    assert type(SCHEDULE(3)) is float
    assert type(SCHEDULE(np.int64(3))) is float
    assert SCHEDULE(np.array(3)).shape == ()
    assert SCHEDULE([[1, 2], [3, 4]]).shape == (2, 2)


@pytest.mark.parametrize("arguments", [(torch.tensor(3),), (torch.tensor(3), 0.5), (3, torch.tensor(0.5)), (3, None)])
def test_what_is_no_number_and_no_array_of_numpy_is_rejected(arguments):
    with pytest.raises(InvalidArgument, match=r"a value of (Tensor|NoneType): expected a number or a NumPy array"):
        SCHEDULE(*arguments)
