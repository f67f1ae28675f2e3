"""Stairs and rounded values: batch sizes that grow."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from paramsched.core.plan import Plan
from paramsched.core.schedules import absolute, parse
from paramsched.core.schedules.anneal import cosine, linear
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.one_operand import rounded
from paramsched.core.schedules.periods import stairs
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument
from support.tables import table


@table(("start", "to", "rises", "over"), [(16, 1600, 99, 1000), (32, 96, 4, 90), (16, 64, 48, 7), (8, 0, 4, 11)])
def test_each_stair_starts_at_its_exact_share_rounded_up_and_integral_levels_are_exact(start, to, rises, over):
    schedule = stairs(start, to, rises, over)

    expected = [
        Fraction(start) + Fraction(to - start) * min(t * rises // over, rises) / rises for t in range(over + 20)
    ]
    assert schedule(np.arange(over + 20)).tolist() == [float(level) for level in expected]
    assert schedule.breakpoints() == tuple(sorted({ceil(Fraction(k * over, rises)) for k in range(rises + 1)}))


def test_the_megatron_ramp_by_samples_is_exact_in_samples():
    plan = Plan(clock="samples", batch_size=stairs(16, 1600, 99, over="12M samples"), lr=constant())

    resolved = plan.resolve(Calendar(total="20M samples"))

    assert 'stairs(16.0, 1600.0, 99, "12M samples")' in [str(one.schedule) for one in resolved.bindings]


def test_the_ends_of_stairs_are_exact_for_fractional_levels():
    schedule = stairs(0.1, absolute(0.3), 7, 70)

    assert schedule(0, base=0.7) == 0.1 * 0.7
    assert schedule(70, base=0.7) == 0.3
    assert stairs(0.1, 0.7, 7, 70)(70) == 0.7


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("nearest", [0, 0, 16, 32, 32, 32]), ("down", [0, 0, 16, 16, 32, 32]), ("up", [0, 16, 16, 32, 32, 48])],
)
def test_values_are_rounded_to_multiples_in_each_mode(mode, expected):
    schedule = rounded(linear(0, 40, over=5), 16, mode)  # 0, 8, 16, 24, 32, 40; halves are rounded to even

    assert schedule(np.arange(6)).tolist() == expected


def test_base_is_applied_before_the_value_is_rounded():
    schedule = rounded(linear(0.0, 1.0, over=4))

    assert [schedule(t, base=10.0) for t in range(5)] == [0.0, 2.0, 5.0, 8.0, 10.0]
    assert not schedule.affine


def test_a_factor_outside_a_rounded_schedule_is_not_rounded():
    assert (rounded(cosine(over=4), 0.25) * 0.1)(1, base=4.0) == pytest.approx(0.1 * 3.5, rel=1e-15)
    with pytest.raises(InvalidArgument, match="absolute"):
        _ = rounded(cosine()) * rounded(cosine())


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("rounded(cosine())", "rounded(cosine())"),
        ("rounded(linear(16, 1600), 16)", "rounded(linear(16.0, 1600.0), 16.0)"),
        ('rounded(cosine(), way="up")', 'rounded(cosine(), way="up")'),
    ],
)
def test_rounded_has_one_canonical_text_that_reads_back(line, written):
    assert str(parse(line)) == written
    assert parse(written) == parse(line)


@table("line", ["rounded(cosine(), 0)", "rounded(cosine(), -1)", 'rounded(cosine(), way="dwn")', "rounded(1, 1, 1)"])
def test_an_unknown_rounding_mode_is_rejected(line):
    with pytest.raises(InvalidArgument):
        parse(line)


@pytest.mark.parametrize("mode", ["nearest", "down", "up"])
def test_a_linear_schedule_reaches_each_multiple_at_its_exact_update(mode):
    for total in range(1, 200):  # 15 / 22 * 22 is 14.999999999999998 in floating point
        assert rounded(linear(0, total, total), 1, mode)(np.arange(total)).tolist() == list(range(total))


def test_a_value_halfway_between_multiples_is_rounded_to_even():
    for total in range(1, 200, 2):
        middles = [(t, Fraction(t * total, 2 * total)) for t in range(2 * total)]
        found = rounded(linear(0, total, 2 * total), 1)(np.array([t for t, _ in middles]))
        assert found.tolist() == [round(middle) for _, middle in middles]


def test_tiny_values_are_rounded_up():
    assert rounded(constant(1e-300), 0.25, "up")(0) == 0.25
