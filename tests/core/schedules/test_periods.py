"""Periods of fractional length: boundaries do not drift, and integers are exact over the range of a clock."""

from fractions import Fraction
from itertools import product
from math import ceil, cos, floor, pi

import numpy as np
import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import cosine, every, linear, parse, restarts, rounded, step
from paramsched.core.schedules.span import Span, last_boundary, split
from paramsched.core.time import Duration, RunFacts
from support.tables import table

EFFICIENTNET = RunFacts(total="350 epochs", steps_per_epoch=1251)  # ImageNet in batches of 1024


PERIODS = {
    "2.4 epochs of 1251": Fraction(30024, 10),
    "a third": Fraction(1000, 3),
    "a little above 1": Fraction(10**9 + 1, 10**9),
    "as measured seconds make it": Fraction(864 * 10**18, 25134567891234567),
    "many digits": Fraction(12345678901234567890123, 10**20),
    "a long one": Fraction(10**18 - 1, 7),
    "products between 2**63 and 2**64": Fraction(1001, 12),
}


NEAR = [0, 1, 2, 333, 334, 3002, 3003, 6004, 6005, 15012, 10**6 - 1, 2**31, 2**53 + 1, 10**15 + 7, 10**18 - 1, 10**18]


def times_around(period: Fraction) -> list[int]:
    """Return times that include those just before and at the end of a period."""
    around = [ceil(number * period) for number in (1, 2, 3, 10, 99, 12345, 10**8, 10**14)]
    return [t for t in sorted({*NEAR, *around, *(t - 1 for t in around)}) if t <= 10**18]


@table("name", PERIODS)
def test_a_period_ends_at_its_exact_multiple_rounded_up(name):
    period = PERIODS[name]
    times = times_around(period)

    assert split(np.array(times), period)[0].tolist() == [floor(t / period) for t in times]
    assert last_boundary(np.array(times), period).tolist() == [ceil(floor(t / period) * period) for t in times]


@table("name", PERIODS)
def test_the_time_in_a_late_cycle_is_as_exact_as_in_the_first_cycle(name):
    period = PERIODS[name]
    times = times_around(period)

    cycle, since = split(np.array(times), period)

    expected = [t - floor(t / period) * period for t in times]
    assert cycle.tolist() == [floor(t / period) for t in times]
    np.testing.assert_allclose(since, [float(left) for left in expected], rtol=1e-15, atol=float(period) * 1e-16)


@pytest.mark.parametrize("name", ["2.4 epochs of 1251", "a third", "as measured seconds make it"])
def test_integral_float_times_count_the_same_periods(name):
    period = PERIODS[name]
    times = np.array([t for t in times_around(period) if t < 10**9])

    assert split(times.astype(float), period)[0].tolist() == split(times, period)[0].tolist()
    assert last_boundary(times.astype(float), period).tolist() == last_boundary(times, period).tolist()


def test_the_steps_of_efficientnet_do_not_drift():
    schedule = resolve(step("2.4 epochs", 0.97), facts=EFFICIENTNET)
    total = EFFICIENTNET.total_updates

    assert str(schedule) == 'step("3002.4 steps", 0.97)'
    expected = [ceil(Fraction(number * 1251 * 24, 10)) for number in range(146)]
    assert schedule.breakpoints(until=total) == tuple(t for t in (*expected, total) if t <= total)
    times = np.arange(total)
    # NumPy rounds a power as its CPU does.
    np.testing.assert_array_max_ulp(schedule(times), np.float64(0.97) ** (times * 10 // 30024).astype(float))


@table("period", [Fraction(5, 2), Fraction(475, 2), Fraction(1000, 3), Fraction(30024, 10)])
def test_restarts_follow_the_exact_time_of_each_cycle(period):
    schedule = resolve(restarts(cosine(), Duration.of_updates(period)), total=50_000)
    times = [*range(2000), *range(10**6, 10**6 + 50), 10**12 + 1]

    left = [float((t % period) / period) for t in times]
    np.testing.assert_allclose(schedule(np.array(times)), [(1 + cos(pi * u)) / 2 for u in left], rtol=1e-12, atol=1e-15)


@table("period", [Fraction(5, 2), Fraction(2)])
def test_every_inside_a_fractional_cycle_changes_at_updates(period):
    schedule = resolve(restarts(every(linear(1, 0), f"{float(period)} steps"), "7.2 steps"), total=20)

    local = [Fraction(t) % Fraction(36, 5) for t in range(40)]
    held = [x - floor(x - floor(x / period) * period) if period.denominator > 1 else x - x % period for x in local]
    np.testing.assert_allclose(schedule(np.arange(40)), [float(1 - x / Fraction(36, 5)) for x in held], rtol=1e-14)


@table(
    "period",
    [
        Fraction(7),
        Fraction(10, 3),
        Fraction(1000, 999),
        Fraction(2**31 + 1, 2**31 - 1),  # the products need two digits
        Fraction(10**12 + 1, 10**12 - 1),
        Fraction(2**50 + 1, 2**50 - 1),  # four digits and more
        Fraction(2**50 + 1, 3),
        Fraction(5 * 10**12 + 1, 2 * 10**12),
    ],
)
def test_the_complete_periods_and_the_rest_are_those_of_fractions(period):
    times = [0, 1, 2, 3, 10, 998, 999, 1000, 2**31, 2**31 + 1, 2**31 + 2, 10**12, 10**12 + 1, 2**50 - 1, 2**50 + 1]

    cycle, since = split(np.array(times), period)

    assert cycle.tolist() == [int(t // period) for t in times]
    assert since.tolist() == [float(t % period) for t in times]


@table("line", ["{}", "with_lengths(cosine() * {})", "with_lengths(with_lengths(clamp({}, low=0.1))) ** 2"])
def test_stairs_of_very_many_rises_are_straight(line):
    parts = f'stairs(0.1, 1.0, {10**18 - 1}, over="33.333%")', 'linear(0.1, 1.0, over="33.333%")'
    schedule, straight = (resolve(parse(line.format(stage)), total=100) for stage in parts)

    for times in ([0], [0, 1], range(40)):
        np.testing.assert_allclose(schedule(np.array(times)), straight(np.array(times)), rtol=1e-9)


@pytest.mark.parametrize("mode", ["nearest", "down", "up"])
def test_a_linear_schedule_reaches_each_multiple_at_its_exact_update(mode):
    for total in range(1, 200):  # 15 / 22 * 22 is 14.999999999999998 in floating point
        assert rounded(linear(0, total, total), 1, mode)(np.arange(total)).tolist() == list(range(total))


def test_a_value_halfway_between_multiples_is_rounded_to_even():
    for total in range(1, 200, 2):
        middles = [(t, Fraction(t * total, 2 * total)) for t in range(2 * total)]
        actual = rounded(linear(0, total, 2 * total), 1)(np.array([t for t, _ in middles]))
        assert actual.tolist() == [round(middle) for _, middle in middles]


class Epochs:
    """Units of a run whose epochs have 4 updates if they start before update 20, and 6 later."""

    varies = True

    def exact(self, duration, *, begin=Fraction(0)):
        return duration.terms[0][1] * (4 if begin < 20 else 6)

    def count_text(self, count):
        return str(count)

    def for_run(self, length):
        return self, Fraction(0)


@table(
    ("begin", "before"),
    [(0, 8), (8, 8), ("21/2", 8), (27, 8), ("55/2", "15/2"), (30, 10), (32, 12), ("65/2", 12), (50, 12)],
)
def test_a_length_before_a_time_ends_at_that_time_if_it_can(begin, before):
    span = Span(Epochs(), Fraction(begin), None, None)

    assert span.before(Duration.of("2 epochs")) == Fraction(before)


COUNTED = {
    'table([1.0, 0.25], "{}%", curve=curves.linear)': 1,
    'table([1.0, 0.25], "{}%")': 2,
    'restarts(linear(1.0, 0.25), "{}%", times=2)': 2,
    'restarts(linear(1.0, 0.25), "{}%", times=3, mult=1.1)': 3.31,
    'cosine_restarts("{}%", to=0.25, times=2)': 2,
}
"""Parts that end at 0.25, and their length in periods."""

AROUND = [
    "{0} >> {1}",
    "0.1 * ({0} >> {1}) >> linear(0.5, 0.3, over=4)",
    "minimum({0} >> {1}, 5) >> linear(0.5, 0.3, over=4)",
    "clamp({0} >> {1}, low=0.1) >> linear(0.5, 0.3, over=4)",
    "cosine() * {0}",
    'minimum({0}, cosine(over="50%")) >> linear(0.5, 0.3, over=4)',
    'take({0}, "40%") >> linear(0.5, 0.3, over=4)',
    'skip({0} >> {1}, "1.3%") >> linear(0.5, 0.3, over=4)',
    'skip({0}, "1.3%") * cosine()',
    'window({0} * cosine(), "1.3%", "60%") >> linear(0.5, 0.3, over=4)',
    "0.3 * overlay({0}, cosine()) >> linear(0.5, 0.3, over=4)",
    'with_lengths(0.1 * ({0} >> {1}) >> linear(0.5, 0.3, over=4), "floor")',
    'with_lengths(0.1 * ({0} >> {1}) >> linear(0.5, 0.3, over=4), "nearest")',
    "restarts(0.1 * ({0} >> {1}) >> linear(0.5, 0.3, over=4), times=2)",
]


@table(("counted", "around"), [(counted, around) for counted in COUNTED for around in AROUND])
def test_the_boundaries_of_counted_periods_are_those_of_linear(counted, around):
    for number, (begin, percent) in enumerate(product(["", '"1.25%"', '"20% + 1 steps"'], [8.7, 10, 12.5])):
        total = (97, 101, 211)[number % 3]
        stage = counted.format(percent / COUNTED[counted])

        def resolved(stage, begin=begin, total=total):
            line = around.format(stage, "linear(0.3, 0.9, over=4) >> constant(0.9)")
            return resolve(parse(f"constant(over={begin}) >> {line}" if begin else line), total=total)

        straight, steeper = (resolved(f'linear({start}, 0.25, over="{percent}%")') for start in (1.0, 1.5))
        times = np.arange(total + 3)
        actual = resolved(stage)
        elsewhere = np.flatnonzero(np.abs(straight(times) - steeper(times)) < 1e-12)
        np.testing.assert_allclose(actual(elsewhere), straight(elsewhere), rtol=1e-12, err_msg=str(actual))
        np.testing.assert_array_equal(resolve(actual, total=total)(times), actual(times), err_msg=str(actual))
