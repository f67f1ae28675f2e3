"""Periods of fractional length: boundaries do not drift, and integers stay exact over the range of a clock."""

from fractions import Fraction
from math import ceil, cos, floor, pi

import numpy as np
import pytest

from paramsched.core.curves.arrays import NUMPY
from paramsched.core.plan import Plan, resolve
from paramsched.core.schedules import parse, rules
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.decays import exponential, inverse_sqrt, inverse_time, power_law
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.lengths import _fitting_ratio, boundaries, complete_periods, last_boundary, split_periods
from paramsched.core.schedules.periods import cosine_restarts, cyclic, step
from paramsched.core.schedules.recurrence import recurrence
from paramsched.core.schedules.restarts import restarts
from paramsched.core.schedules.retimed import every
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument, Unresolved
from support.tables import table

EFFICIENTNET = Calendar(total="350 epochs", steps_per_epoch=1251)  # ImageNet in batches of 1024

PERIODS = {
    "2.4 epochs of 1251": Fraction(30024, 10),
    "a third": Fraction(1000, 3),
    "a little above 1": Fraction(10**9 + 1, 10**9),
    "as measured seconds make it": Fraction(864 * 10**18, 25134567891234567),
    "many digits": Fraction(12345678901234567890123, 10**20),
    "a long one": Fraction(10**18 - 1, 7),
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

    assert complete_periods(np.array(times), period, NUMPY).tolist() == [floor(t / period) for t in times]
    assert last_boundary(np.array(times), period, NUMPY).tolist() == [ceil(floor(t / period) * period) for t in times]


@table("name", PERIODS)
def test_the_time_in_a_late_cycle_is_as_exact_as_in_the_first_cycle(name):
    period = PERIODS[name]
    times = times_around(period)

    cycle, since = split_periods(np.array(times), period, NUMPY)

    expected = [t - floor(t / period) * period for t in times]
    assert cycle.tolist() == [floor(t / period) for t in times]
    np.testing.assert_allclose(since, [float(left) for left in expected], rtol=1e-15, atol=float(period) * 1e-16)


@pytest.mark.parametrize("name", ["2.4 epochs of 1251", "a third", "as measured seconds make it"])
def test_integral_float_times_count_the_same_periods(name):
    period = PERIODS[name]
    times = np.array([t for t in times_around(period) if t < 10**9])

    assert (
        complete_periods(times.astype(float), period, NUMPY).tolist() == complete_periods(times, period, NUMPY).tolist()
    )
    assert last_boundary(times.astype(float), period, NUMPY).tolist() == last_boundary(times, period, NUMPY).tolist()


def test_boundaries_after_a_time_are_exact_multiples():
    assert list(boundaries(Fraction(5, 2), 10)) == [0, Fraction(5, 2), 5, Fraction(15, 2), 10]
    assert list(boundaries(Fraction(5, 2), 10, 3)) == [5, Fraction(15, 2), 10]
    assert list(boundaries(4, 13, 5)) == [8, 12]


def test_the_steps_of_efficientnet_do_not_drift():
    schedule = resolve(step("2.4 epochs", 0.97), EFFICIENTNET)
    total = EFFICIENTNET.horizon

    assert str(schedule) == 'step("3002.4 steps", 0.97)'
    expected = [ceil(Fraction(number * 1251 * 24, 10)) for number in range(146)]
    assert schedule.breakpoints(until=total) == tuple(t for t in (*expected, total) if t <= total)
    times = np.arange(total)
    # NumPy rounds a power as its CPU does.
    np.testing.assert_array_max_ulp(schedule(times), np.float64(0.97) ** (times * 10 // 30024).astype(float))


def test_a_resolved_period_survives_its_text_and_another_resolve():
    for written, resolved in [
        ('step("2.4 epochs", 0.97)', 'step("3002.4 steps", 0.97)'),
        ('restarts(cosine(), "0.1 epochs")', 'restarts(cosine(over="125.1 steps"), "125.1 steps")'),
        ('every(cosine(over=900), "0.1 epochs")', 'every(cosine(over=900), "125.1 steps")'),
        ('cyclic("0.1 epochs")', 'cyclic("125.1 steps", "125.1 steps")'),
        ('cosine_restarts("0.1 epochs")', 'cosine_restarts("125.1 steps")'),
        ('cosine_restarts("0.1 epochs", 2.0)', "cosine_restarts(126, 2.0)"),
        ('exponential(0.5, "0.1 epochs")', 'exponential(0.5, "125.1 steps")'),
        ('inverse_sqrt("0.0001 epochs")', 'inverse_sqrt("0.1251 steps")'),
        ('step("0.0001 epochs")', "step(1)"),
    ]:
        schedule = resolve(parse(written), EFFICIENTNET)

        assert str(schedule) == resolved
        assert parse(resolved) == schedule
        assert parse(resolved).is_resolved
        assert resolve(parse(resolved), EFFICIENTNET) == schedule


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ('step("2M/3 samples")', 'step("2000000/21 steps")'),
        ('step("1000 samples")', 'step("1000/7 steps")'),
        ('step("1750 samples")', "step(250)"),
    ],
)
def test_a_period_without_an_exact_decimal_is_written_as_a_fraction(written, resolved):
    assert str(resolve(parse(written), Calendar(batch_size=7))) == resolved
    assert parse(resolved) == resolve(parse(written), Calendar(batch_size=7))


def test_only_periods_may_be_fractions_of_an_update():
    with pytest.raises(Unresolved):
        linear(1, 0, over="2.5 steps")(1)

    assert str(resolve(linear(1, 0, over="2.5 steps"), Calendar())) == "linear(over=3)"
    assert str(resolve(warmup("2.5 steps") >> constant(), Calendar())) == "warmup(3) >> constant()"


def test_decays_divide_by_the_exact_length():
    t, third = 1234, 1000 / 3

    assert resolve(exponential(0.5, "1000/3 steps"), Calendar())(t) == 0.5 ** (t / third)
    assert exponential(0.5, "0.5 steps")(3) == 0.5**6
    assert inverse_sqrt("1000/3 steps")(t) == 1 / (1 + t / third) ** 0.5
    assert inverse_time(2.0, "1000/3 steps")(t) == 1 / (1 + t / third * 2)
    assert power_law(0.7, "1000/3 steps")(t) == pytest.approx((1 + t / third) ** -0.7, rel=1e-15)


@table("period", [Fraction(5, 2), Fraction(475, 2), Fraction(1000, 3), Fraction(30024, 10)])
def test_restarts_follow_the_exact_time_of_each_cycle(period):
    schedule = resolve(restarts(cosine(), Duration.of_updates(period)), Calendar(total=50_000))
    times = [*range(2000), *range(10**6, 10**6 + 50), 10**12 + 1]

    left = [float((t % period) / period) for t in times]
    np.testing.assert_allclose(schedule(np.array(times)), [(1 + cos(pi * u)) / 2 for u in left], rtol=1e-12, atol=1e-15)


def test_stages_inside_a_fractional_cycle_are_not_rounded():
    inner = warmup("10%") >> linear(1, 0.5, over="4 steps") >> constant(0.25)
    schedule = resolve(restarts(inner, "12.5 steps"), Calendar(total=25))

    assert str(schedule).startswith('restarts(warmup("2.5 steps") >> linear(to=0.5, over=4) >> constant(0.25')
    local = [Fraction(t) % Fraction(25, 2) for t in range(25)]
    rises, falls = [float(x / Fraction(5, 2)) for x in local], [float(1 - (x - Fraction(5, 2)) / 8) for x in local]
    expected = [
        rise if x < 2.5 else fall if x < 6.5 else 0.25 for x, rise, fall in zip(local, rises, falls, strict=True)
    ]
    assert schedule(np.arange(25)).tolist() == expected
    assert schedule.breakpoints(until=25) == (0, 3, 7, 13, 15, 19, 25)


def test_every_samples_the_value_at_the_rounded_boundary():
    schedule = resolve(every(linear(1, 0, over=20), "2.5 steps"), Calendar(total=20))

    assert schedule(np.arange(12)).tolist() == [1 - t / 20 for t in (0, 0, 0, 3, 3, 5, 5, 5, 8, 8, 10, 10)]
    assert schedule.breakpoints() == (0, 3, 5, 8, 10, 13, 15, 18, 20)


def test_every_fraction_of_an_epoch_follows_the_epochs_of_the_run():
    calendar = Calendar(total=50, steps_per_epoch=5)
    schedule = resolve(warmup(7) >> every(linear(1, 0, over=40), "0.5 epochs"), calendar)

    assert str(schedule) == 'warmup(7) >> every(linear(over=40), "2.5 steps", 2)'
    changes = [ceil(Fraction(5, 2) * number) for number in range(3, 20)]  # of the run: 8, 10, 13, …
    expected = [1 - (max([7, *(c for c in changes if c <= t)]) - 7) / 40 for t in range(7, 30)]
    assert schedule(np.arange(7, 30)).tolist() == expected
    assert schedule.breakpoints(until=20) == (0, 7, 8, 10, 13, 15, 18, 20)


def test_every_inside_a_fractional_cycle_changes_at_updates():
    schedule = resolve(restarts(every(linear(1, 0), "2.5 steps"), "7.2 steps"), Calendar(total=20))

    local = [Fraction(t) % Fraction(36, 5) for t in range(40)]
    held = [x - floor(x - floor(x / Fraction(5, 2)) * Fraction(5, 2)) for x in local]
    np.testing.assert_allclose(schedule(np.arange(40)), [float(1 - x / Fraction(36, 5)) for x in held], rtol=1e-14)


def test_triangles_and_half_waves_start_at_exact_multiples():
    triangles = resolve(cyclic("2.5 steps", "3.75 steps", start=0.0), Calendar())
    waves = resolve(cosine_restarts("2.5 steps", to=0.1, gamma=0.5), Calendar())

    x = [Fraction(t) % Fraction(25, 4) for t in range(50)]
    heights = [a / Fraction(5, 2) if a <= 2.5 else (Fraction(25, 4) - a) / Fraction(15, 4) for a in x]
    assert triangles(np.arange(50)).tolist() == [float(height) for height in heights]
    assert triangles.breakpoints(until=13) == (0, 3, 7, 9, 13)
    peaks = [0.5 ** floor(t / Fraction(5, 2)) for t in range(50)]
    falls = [(1 + cos(pi * float(t % Fraction(5, 2) / Fraction(5, 2)))) / 2 for t in range(50)]
    expected = [(peak - 0.1) * fall + 0.1 for peak, fall in zip(peaks, falls, strict=True)]
    np.testing.assert_allclose(waves(np.arange(50)), expected, rtol=1e-13)


@table(
    "inner",
    [
        'window(linear(1, 0), "1.5 steps", "5.5 steps")',
        "shift(cosine(), 2)",
        'multistep(["2.5%", 4], 0.5)',
        'step("1.5 steps", 0.5)',
        "chain(linear(1, 0.5), step(3))",
        "warmup(2) >> cosine() * step(3)",
        'restarts(linear(1, 0), "1.25 steps", 2) >> constant(0.1)',
        "recurrence(rules.exponential(0.9))",
        "cosine_restarts(2, 1.5)",
        "clamp(cosine(), 0.2, 0.9)",
        'take(cosine(), "2.5 steps") >> skip(linear(), "1.5 steps")',
    ],
)
def test_every_shape_is_accepted_in_a_fractional_cycle(inner):
    schedule = resolve(parse(f'restarts({inner}, "20/3 steps")'), Calendar(total=100))
    times = np.arange(100)

    assert parse(str(schedule)) == schedule
    assert resolve(schedule, Calendar(total=100)) == schedule
    np.testing.assert_array_equal(schedule(times), schedule(times % 20))  # three cycles take 20 updates
    assert set(schedule.breakpoints(until=40)) >= {b + 20 for b in schedule.breakpoints(until=20)} - {40}


@table(
    "line",
    [
        'restarts({}, "1.5 epochs")',
        'restarts({}, "7 steps", 2)',
        "restarts({}, times=4)",
        'constant(0.5, 3) >> restarts(warmup(2) >> chain({}), "1.4 epochs", 3, gamma=0.5)',
    ],
)
def test_a_part_that_follows_the_epochs_of_the_run_needs_cycles_of_whole_epochs(line):
    calendar = Calendar(total=30, steps_per_epoch=5)

    with pytest.raises(InvalidArgument) as refusal:
        resolve(parse(line.format('every(linear(), "1 epoch")')), calendar)

    advised = refusal.value.instead.removeprefix("Write ").removesuffix(" to count from the start of each cycle")
    assert resolve(parse(line.format(advised)), calendar).breakpoints(until=30)


def test_a_recurrence_by_fractional_epochs_ticks_at_integral_updates():
    calendar = Calendar(total=30, batches_per_epoch=10, accumulation=4)

    assert "by=3" in str(resolve(recurrence(rules.exponential(0.9, by="epoch")), calendar))


def test_a_fractional_period_on_another_clock_has_its_unit():
    calendar = Calendar(total="10 epochs", steps_per_epoch=7, batch_size=3, sequence_length=5)
    plan = Plan(clock="tokens", lr=step("0.1 epochs", 0.5), horizon="10 epochs")

    resolved = plan.resolve(calendar)

    assert [str(one.schedule) for one in resolved.bindings] == ['step("10.5 tokens", 0.5)']
    assert resolved.is_resolved
    assert resolved.resolve(calendar) == resolved


def test_a_period_of_large_integers_becomes_the_largest_ratio_not_above_its_own():
    for most in range(1, 12):
        for period in {Fraction(p, q) for p in range(1, 40) for q in (1, 2, 7, 10**20) if p <= most * q}:
            updates, cycles = _fitting_ratio(period, most)
            assert updates <= most
            assert Fraction(cycles, updates) == max(Fraction(floor(d / period), d) for d in range(1, most + 1))
