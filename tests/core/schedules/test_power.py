"""Powers and quotients: their values, their text, and invalid ones."""

import math

import numpy as np
import pytest

from paramsched.core.schedules.anneal import cosine, linear
from paramsched.core.schedules.leaves import constant


def test_in_python_only_numbers_are_accepted_as_divisor_and_exponent():
    for other in ("a", None, cosine()):
        with pytest.raises(TypeError):
            _ = cosine() ** other
        with pytest.raises(TypeError):
            _ = cosine() / other
    with pytest.raises(TypeError):
        _ = 2 / cosine()
    assert cosine() ** np.float64(2) == cosine() ** 2
    assert cosine() / np.int64(2) == cosine() / 2


def test_powers_that_overflow_are_inf_without_a_warning():
    assert (constant(1e200) ** 2)(0) == math.inf
    assert (linear(1.0, 0.0, over=4) ** -1)(4) == math.inf
    assert (linear(1.0, 0.0, over=4) ** -1)(4, base=0.0) == 0.0
