"""Cycles that grow, decrease in height, and share the available time."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute, parse
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import cosine_restarts, cyclic, step
from paramsched.core.schedules.restarts import restarts, warmup_restarts
from paramsched.core.schedules.retimed import every
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, Unresolved
from support.tables import table


def updates(total):
    return Calendar(total=total, steps_per_epoch=10)


@given(st.integers(1, 150), st.integers(1, 12))
def test_cycles_share_the_available_time_and_end_with_it(total, times):
    schedule = resolve(restarts(cosine(), times=times), updates(total))

    period = Fraction(total, min(times, total))  # at least one update for each
    since = [t - (t // period) * period for t in range(total)]
    expected = [(1 + np.cos(np.pi * float(at / period))) / 2 for at in since]
    assert schedule(np.arange(total)) == pytest.approx(expected, abs=1e-14)
    assert schedule.length == resolve(cosine(), updates(total)).length
    assert schedule(total) == schedule(10 * total) == 0.0


@given(st.integers(20, 150), st.integers(1, 4), st.sampled_from([1.5, 2.0, 3.0]))
def test_growing_cycles_share_the_available_time(total, times, mult):
    schedule = resolve(restarts(cosine(), times=times, mult=mult), updates(total))

    ratio = Fraction(mult)
    while times > 1 and total / sum(ratio**i for i in range(times)) < 1:
        times -= 1
    first = total / sum(ratio**i for i in range(times))
    begins = [first * sum(ratio**k for k in range(i)) for i in range(times)]
    expected = []
    for t in range(total):
        cycle = max(i for i, begin in enumerate(begins) if begin <= t)
        expected.append((1 + np.cos(np.pi * float((t - begins[cycle]) / (first * ratio**cycle)))) / 2)
    assert schedule(np.arange(total)) == pytest.approx(expected, abs=1e-13)
    assert schedule(total) == 0.0


def test_cycles_share_the_time_that_other_stages_leave():
    schedule = resolve(warmup("10%") >> restarts(cosine(), times=4) >> constant(0.01, "5 steps"), updates(1000))

    cycles = 'restarts(cosine(over="223.75 steps"), "223.75 steps", 4)'
    assert str(schedule) == f"warmup(100) >> {cycles} >> constant(0.01, 5)"
    assert schedule(994) < 0.001
    assert schedule(995) == 0.01


def test_restarts_without_remaining_time_have_their_final_value():
    schedule = resolve(linear(1.0, 0.5, 10) >> restarts(cosine(to=0.1), times=4), updates(10))

    assert schedule(10) == 0.1


def test_cycles_that_follow_epochs_share_the_available_time():
    schedule = resolve(restarts(every(linear(), "epoch"), times=4, gamma=0.5), updates(100))

    assert schedule(25) == 0.5
    assert schedule(30) == pytest.approx(0.5 * (1 - 5 / 25))
    assert schedule(100) == 0.0


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


@pytest.mark.parametrize("first", [3, 10, 121])
def test_restarts_are_on_time_for_any_ratio(first):
    """With a ratio of 3, a logarithm starts a cycle early at 121 times the first length."""
    begins = [first * (3**i - 1) // 2 for i in range(8)]

    assert restarts(linear(over=first), first, mult=3)(np.array(begins)).tolist() == [1.0] * 8


def test_a_number_and_an_array_have_the_same_cycles():
    schedule = restarts(linear(1, absolute(0.01), over=4), 4, times=5, mult=1.5, gamma=0.7)
    times = np.arange(80)

    assert [schedule(t) for t in range(80)] == schedule(times).tolist()


def test_cycles_of_equal_length_and_lower_peaks_may_be_given_in_epochs():
    schedule = resolve(warmup_restarts("4 epochs", "1 epoch", times=2, gamma=0.5), updates(80))

    assert schedule(np.array([0, 5, 10, 25, 40, 45, 50, 65, 80])) == pytest.approx(
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25, 0.0], abs=1e-12
    )


def test_multiples_of_base_shrink_and_absolute_levels_stay():
    schedule = restarts(linear(1.0, absolute(0.1), over=4), 4, gamma=0.5, times=2)

    assert [schedule(t, base=2.0) for t in (0, 4, 8)] == [2.0, 1.0, 0.1]


def test_a_longer_cycle_continues_its_steps():
    schedule = restarts(step(2, 0.5), 4, mult=3)

    assert schedule(np.arange(16)).tolist() == [1.0] * 2 + [0.5] * 2 + [1.0] * 6 + [0.5] * 6


def test_the_lowest_level_is_kept_after_the_last_cycle():
    schedule = cosine_restarts(4, 2, to=0.2, gamma=0.5, to_gamma=0.1, times=2)

    assert schedule.length.updates == 12
    assert schedule(0) == 1.0
    assert schedule(4) == 0.5
    assert schedule(12) == schedule(1000) == pytest.approx(0.02)


def test_restarts_read_back_from_their_text():
    for text in ("restarts(cosine(), times=4)", "restarts(cosine(), 10, mult=2.0, gamma=0.5, lengths='floor')"):
        assert parse(str(parse(text))) == parse(text)
    assert str(restarts(cosine(), 10)) == "restarts(cosine(), 10)"
    assert str(cosine_restarts(10, 2)) == "cosine_restarts(10, 2.0)"


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


def test_shares_of_an_unknown_horizon_are_unresolved():
    with pytest.raises(Unresolved, match="the length of the run is unknown"):
        resolve(restarts(cosine(), times=4), Calendar())


@table("mult", [1, 2])
def test_both_ends_of_each_cycle_shrink_by_their_own_factors(mult):
    times = np.array([0, 3, 5, 9, 10, 13, 15, 19])
    cycle, size = times // 10, np.where(times < 10, 10, 10 * mult)
    fall = (1 + np.cos(np.pi * (times % 10) / size)) / 2
    for to, base in (("absolute(0.3)", 2.0), ("0.3", 1.0), ("0.1 + absolute(0.2)", 1.0)):
        schedule = parse(f"cosine_restarts(10, {mult}, to={to}, gamma=0.5, to_gamma=0.25)")
        high, low = base * 0.5**cycle, 0.3 * 0.25**cycle
        assert schedule(times, base) == pytest.approx(low + (high - low) * fall)


def test_the_peak_after_a_rise_of_whole_updates_is_exact_for_any_fall():
    assert cyclic(3, "2.2 steps", 0.0, mode="exp_range", gamma=2.0)(3) == 8.0
