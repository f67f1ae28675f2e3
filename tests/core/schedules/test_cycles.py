"""Cycles that grow, and arguments of cycles that are refused."""

import numpy as np
import pytest

from paramsched.core.schedules.anneal import cosine, linear
from paramsched.core.schedules.periods import cosine_restarts, cyclic
from paramsched.core.schedules.restarts import restarts
from paramsched.errors import InvalidArgument
from support.tables import table


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [("exact", [5, 7.5, 11.25, 16.875]), ("nearest", [5, 8, 11, 17]), ("floor", [5, 7, 10, 15])],
)
def test_cycle_lengths_grow_with_the_selected_rounding(lengths, sizes):
    begins = np.cumsum([0, *sizes])
    saw = restarts(linear(over=5), 5, mult=1.5, lengths=lengths)

    for begin, size in zip(begins, sizes, strict=False):
        times = np.arange(np.ceil(begin), np.ceil(begin + size))
        assert saw(times) == pytest.approx(1 - (times - begin) / size, abs=1e-14)
    assert saw.breakpoints(int(np.ceil(begins[-1]))) == tuple(int(np.ceil(begin)) for begin in begins)
    assert cosine_restarts(5, 1.5, lengths=lengths).breakpoints(40)[:4] == saw.breakpoints(40)[:4]


@table(
    ("build", "message"),
    [
        (lambda: restarts(cosine()), "expected every, times, or both"),
        (lambda: restarts(cosine(), times=4, lengths="floor"), "are not rounded"),
        (lambda: restarts(cosine(), 10, mult=0.5), "cycles must not shrink"),
        (lambda: restarts(cosine(), 10, mult=1.0001), "expected 1, or at least 1.001"),
        (lambda: restarts(cosine(), 10, gamma=0), "must be greater than 0"),
        (lambda: restarts(cosine(), 10, lengths="ceil"), "unknown rounding"),
        (lambda: restarts(cosine(), 1, mult=1.5, lengths="floor"), "do not grow"),
        (lambda: restarts(cosine(), 10, 10**6, mult=2), "Omit times"),
        (lambda: cosine_restarts(1, 1.5, lengths="floor"), "do not grow"),
    ],
)
def test_invalid_arguments_are_rejected(build, message):
    with pytest.raises(InvalidArgument, match=message):
        build()


def test_the_peak_after_a_rise_of_whole_updates_is_exact_for_any_fall():
    assert cyclic(3, "2.2 steps", 0.0, mode="exp_range", gamma=2.0)(3) == 8.0
