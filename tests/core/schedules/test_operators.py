"""Operators that schedules refuse, with the line that was meant, and what an operand decides for the whole."""

import operator

import pytest

import paramsched as ps
from paramsched.errors import InvalidCall

COSINE, LINEAR = ps.cosine(over=5), ps.linear(over=3)


def test_a_comparison_with_a_number_is_refused_as_an_operator():
    with pytest.raises(InvalidCall, match="stages are joined by >>"):
        operator.gt(COSINE, 3)
    with pytest.raises(InvalidCall, match="stages are joined by >>"):
        operator.or_(COSINE, 3)
