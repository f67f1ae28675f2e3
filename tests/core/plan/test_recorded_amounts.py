"""A trace of recorded amounts has one row for each of them."""

from paramsched.core.plan import Plan
from paramsched.core.plan.trace import trace


def test_an_empty_record_has_no_rows():
    shown = trace(
        Plan(lr='linear(1, 0.5, over="9 s") + constant(absolute(1))', clock="seconds"), {"lr": 1.0}, amounts=[]
    )

    assert (shown.total, shown["lr"].tolist(), shown.time_units()) == (0, [], ())
