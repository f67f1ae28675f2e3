"""Shapes and recipes of single libraries and papers, compared with their published formulas."""

import math

import numpy as np
import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute, following, parse, previous
from paramsched.core.schedules.anneal import cosine, cosine_wave, linear, tanh, warmup
from paramsched.core.schedules.cuts import take
from paramsched.core.schedules.decays import geometric, inverse_sqrt, power_law
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.one_operand import jagged
from paramsched.core.schedules.periods import one_cycle
from paramsched.core.schedules.recipes import wsd_s
from paramsched.core.schedules.sequence import with_lengths
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument
from support.tables import table

TIMES = range(120)


def assert_is(schedule, formula, base=1.0, total=100):
    resolved = resolve(schedule, Calendar(total=total))
    expected = [formula(t) for t in TIMES]
    np.testing.assert_allclose(resolved(np.array(TIMES), base), expected, rtol=0, atol=1e-12)
    assert parse(str(schedule)) == schedule


@table("cycles", [0.25, 0.5, 1.0, 1.5, 3.0])
def test_a_cosine_wave_equals_the_transformers_cosine_until_its_end(cycles):
    def peer(t):
        return 0.5 * (1 + math.cos(math.pi * 2 * cycles * min(t, 100) / 100))

    assert_is(cosine_wave(cycles), peer)
    assert_is(cosine_wave(cycles, 2.0, absolute(0.5)), lambda t: 0.5 + 0.5 * peer(t), base=0.5)


def test_a_cosine_wave_turns_at_its_levels_exactly():
    wave = cosine_wave(1.5, 1.0, 0.1, over=30)

    assert (wave(0), wave(10), wave(20), wave(30), wave(99)) == (1.0, 0.1, 1.0, 0.1, 0.1)
    assert cosine_wave(1, over=0)(5) == 1.0


@pytest.mark.parametrize("over", [20, None])
def test_geometric_starts_at_the_previous_value(over):
    def peer(t):
        if t < 80:
            return 1 / math.sqrt(1 + t / 10)
        left = 1 / math.sqrt(1 + 80 / 10)
        return left * (0.01 / left) ** min((t - 80) / 20, 1)

    before = inverse_sqrt(10) if over else take(inverse_sqrt(10), 80)
    written = before >> geometric(previous, 0.01, over)
    resolved = resolve(written, Calendar(total=100))

    assert_is(resolved, peer)
    assert parse(str(written)) == written
    assert parse(str(resolved)) == resolved


def test_geometric_accepts_following_and_absolute_levels():
    rising = resolve(geometric(0.01, following, 10) >> constant(0.5), Calendar(total=20))
    absolutes = constant(absolute(0.4), 5) >> geometric(previous, absolute(0.1), 10)

    assert_is(rising, lambda t: 0.01 * 50 ** min(t / 10, 1))
    assert_is(resolve(absolutes, Calendar()), lambda t: 0.4 * 0.25 ** min(max(t - 5, 0) / 10, 1), base=7.0)


@pytest.mark.parametrize("before", ["constant(0.0, 5)", "constant(absolute(0.1), 5)", "constant(-1, 5)"])
def test_geometric_from_a_level_without_a_ratio_is_rejected_when_the_level_is_known(before):
    with pytest.raises(InvalidArgument, match=r"expected two multiples of base|must be nonzero"):
        resolve(parse(f"{before} >> geometric(previous, 0.1, 5)"), Calendar())


def test_a_power_law_with_a_negative_exponent_grows():
    assert_is(power_law(-0.5, 1), lambda t: (1 + t) ** 0.5)
    with pytest.raises(InvalidArgument, match="must not be 0"):
        power_law(0, 1)


def test_tanh_equals_timm():
    def peer(t):
        u = min(t / 100, 1)
        return 0.01 + 0.5 * (0.1 - 0.01) * (1 - math.tanh(-7.0 * (1 - u) + 3.0 * u))

    assert_is(tanh(to=absolute(0.01)), peer, base=0.1)
    assert_is(tanh(-6, 4, to=0.1), lambda t: 0.1 + 0.45 * (1 - math.tanh(-6 + 10 * min(t / 100, 1))))
    with pytest.raises(InvalidArgument, match=r"expected a number or absolute\(x\), got"):
        tanh(to=following)


def test_periods_with_a_decay_each_equal_wsd_s_of_olmo():
    """OLMo-core reads its schedule one update late and reaches the floor in the last update of each period."""
    lengths, warmup, floor = [45, 30, 25], 10, 0.1

    def peer(t):
        current = min(t + 1, sum(lengths))
        if current < warmup:
            return current / warmup
        begin = 0
        for length in lengths:
            if current <= begin + length:
                break
            begin += length
        decay = round(0.2 * length)
        done = current - begin - (length - decay)
        return 1.0 if done < 0 else max(floor, 1 - (1 - floor) * done / decay)

    assert_is(wsd_s(lengths, 0.2, warmup, to=floor, index="(t+1)/n", decay_index="(t+1)/n"), peer)


@pytest.mark.parametrize("given", [("until 10%",), (), "10"])
def test_periods_must_be_a_list_of_lengths(given):
    with pytest.raises(InvalidArgument, match=r"expected a list of lengths|must not be an"):
        wsd_s(given)


@pytest.mark.parametrize("decay", [0.0, 1.5])
def test_the_decay_of_wsd_s_must_be_a_fraction(decay):
    with pytest.raises(InvalidArgument, match="must be above 0 and at most 1"):
        wsd_s([100], decay)


def test_jagged_equals_relora():
    """As in its code, each warmup reaches the cosine after the length of the first warmup."""

    def cosine_at(progress):
        return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress / 90))

    def peer(t):
        cycle, since = divmod(t, 25)
        if t < 10:
            return t / 10
        if t >= 100:
            return 0.1
        return since / 4 * cosine_at(cycle * 25) if cycle and since < 4 else cosine_at(t - 10)

    assert_is(jagged(warmup(10) >> cosine(to=0.1), 25, 4, meets=10), peer)


@pytest.mark.parametrize(("lengths", "ends"), [("exact", 33.33), ("nearest", 33), ("floor", 33)])
def test_lengths_are_rounded_as_specified_without_changing_the_total(lengths, ends):
    line = with_lengths(linear(1.0, 0.0, "33%") >> linear(0.0, 1.0), lengths)
    resolved = resolve(line, Calendar(total=101))
    expected = [1 - t / ends if t < ends else min((t - ends) / (101 - ends), 1) for t in TIMES]

    np.testing.assert_allclose(resolved(np.array(TIMES)), expected, rtol=0, atol=1e-12)
    assert resolved.length == Duration.of(101)
    assert parse(str(line)) == line
    assert resolve(resolved, Calendar(total=101)) == resolved


def test_a_stage_after_an_exact_length_starts_at_an_update():
    both = resolve(with_lengths(warmup("33%"), "exact") >> constant(0.5), Calendar(total=101))

    assert both(33) == pytest.approx(33 / 33.33, rel=1e-12)
    assert both(34) == 0.5


def test_a_neighbor_level_is_known_with_exact_lengths():
    line = with_lengths(cosine(to=0.5, over="33%") >> linear(previous, 0.0))

    assert resolve(line, Calendar(total=101))(101) == 0.0
    assert resolve(line, Calendar(total=101))(34) == pytest.approx(0.5 * (1 - 0.67 / 67.67), rel=1e-12)


def test_an_unknown_rounding_of_lengths_is_rejected():
    with pytest.raises(InvalidArgument, match="unknown rounding"):
        with_lengths(cosine(), "ceil")


@pytest.mark.parametrize("phases", [{"up": 0}, {"up": "0%"}, {"up": 5, "back": 0}])
def test_a_one_cycle_with_an_empty_phase_is_rejected(phases):
    with pytest.raises(InvalidArgument, match="must not be empty"):
        one_cycle(**phases, index="t/(n-1)")
