"""Functions stored as tables."""

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.tables import table


def test_tabulate_stores_the_value_of_each_update_and_files_keep_them():
    schedule = ps.tabulate(lambda t: 0.97**t / 3, 50)

    assert schedule(np.arange(50)).tolist() == [0.97**t / 3 for t in range(50)]
    assert ps.loads(ps.dump(ps.Plan(lr=schedule))).bindings[0].schedule == schedule


def test_fewer_values_are_repeated_or_interpolated():
    assert ps.tabulate(lambda t: t, 7, every=3)(np.arange(8)).tolist() == [0, 0, 0, 3, 3, 3, 6, 6]
    assert ps.tabulate(lambda t: t, 6, every=3, curve=ps.curves.linear)(np.arange(8)).tolist() == [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        6,
    ]


def test_a_schedule_can_be_tabulated():
    assert ps.tabulate(ps.cosine(over=20), 25)(np.arange(25)).tolist() == ps.cosine(over=20)(np.arange(25)).tolist()


@table(
    ("make", "found"),
    [
        (lambda: ps.tabulate(0.1, 5), "not callable"),
        (lambda: ps.tabulate(lambda t: "x", 5), "expected a number, got str"),
        (lambda: ps.tabulate(lambda t: 1 / t if t else float("inf"), 5), "must be finite"),
        (lambda: ps.tabulate(lambda t: t, 0), "expected an integer of at least 1"),
        (lambda: ps.tabulate(lambda t: t, 10_001), "at most 10,000 values, got 10,001"),
        (lambda: ps.tabulate(ps.constant(ps.absolute(0.1)), 5), "the schedule has absolute levels"),
        (lambda: ps.tabulate(ps.cosine(), 5), "ps.resolve"),
    ],
)
def test_functions_that_cannot_be_tabulated_are_rejected(make, found):
    with pytest.raises(InvalidArgument, match=found):
        make()
