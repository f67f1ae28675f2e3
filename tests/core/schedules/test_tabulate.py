"""Functions stored as tables."""

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.tables import table


@table(
    ("make", "found"),
    [
        (lambda: ps.tabulate(0.1, 5), "not callable"),
        (lambda: ps.tabulate(lambda t: "x", 5), "expected a number, got str"),
        (lambda: ps.tabulate(lambda t: 1 / t if t else float("inf"), 5), "must be finite"),
        (lambda: ps.tabulate(lambda t: t, 0), "expected an integer of at least 1"),
        (lambda: ps.tabulate(lambda t: t, 30_001), "at most 30,000 values, got 30,001"),
        (lambda: ps.tabulate(ps.constant(ps.absolute(0.1)), 5), "the schedule has absolute levels"),
        (lambda: ps.tabulate(ps.cosine(), 5), "ps.resolve"),
    ],
)
def test_functions_that_cannot_be_tabulated_are_rejected(make, found):
    with pytest.raises(InvalidArgument, match=found):
        make()
