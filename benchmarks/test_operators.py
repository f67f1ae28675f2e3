"""The cost of a schedule that a loop builds by `>>`, `*` or `+`, beside four of a quarter of its length."""

import operator
from functools import reduce

import pytest

import paramsched as ps

COUNT = 2_000
STAGES = [ps.linear(1, 0.5, over=3 + place % 5) for place in range(COUNT)]


@pytest.mark.parametrize(("sign", "join"), [(">>", operator.rshift), ("*", operator.mul), ("+", operator.add)])
def test_a_long_chain(report, least, sign, join):
    best = least(
        {"whole": lambda: reduce(join, STAGES), "quarter": lambda: reduce(join, STAGES[: COUNT // 4])},
        calls=1,
        rounds=7,
    )

    report(f"2000 schedules joined by {sign}, vs 4 times 500", best["whole"], 4 * best["quarter"], target=1.25)
