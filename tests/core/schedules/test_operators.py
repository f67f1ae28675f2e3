"""Operators that schedules refuse, with the line that was meant, and what an operand decides for the whole."""

import operator

import pytest

import paramsched as ps
from paramsched.errors import InvalidCall
from support.tables import table

COSINE, LINEAR = ps.cosine(over=5), ps.linear(over=3)


def test_a_comparison_with_a_number_is_refused_as_an_operator():
    with pytest.raises(InvalidCall, match="stages are joined by >>"):
        operator.gt(COSINE, 3)
    with pytest.raises(InvalidCall, match="stages are joined by >>"):
        operator.or_(COSINE, 3)


@table(
    ("line", "end"),
    [
        ("shift(linear(over=3), 4)", 7),
        ("linear(over=3) >> cosine(over=5)", 8),
        ("step(30)", None),
    ],
)
def test_a_schedule_is_constant_from_its_end(line, end):
    schedule = ps.parse(line)
    held = schedule._held_from()

    assert held == end
    if end is not None:
        assert len({schedule(t) for t in range(end, end + 20)}) == 1
        assert schedule(end - 1) != schedule(end)
