"""The factor of base at a single time, which a scheduler reads at each update."""

from itertools import product
from typing import get_args

import numpy as np

from paramsched.core.plan import resolve
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import Index
from paramsched.core.schedules.evaluation import columns
from paramsched.core.schedules.leaves import constant
from paramsched.core.time import Calendar
from support.tables import table

ENDS = [(0.2, 0.88), (0.88, 0.2), (0.15, 0.41), (0.41, 0.15), (0.0, 0.7), (0.7, 0.0), (-0.2, 0.88), (-0.15, -0.41)]


CURVES = [
    *("linear", "cosine", "half_cosine", "one_minus_sqrt", "rex", "log", "cosine_power(2.5)", "cosine_k_decay(2.2)"),
    *("cosine_truncated(0.8)", "cosine_wave(1.5)", "power(3)", "polynomial(0.9)", "polynomial_k_decay(0.7, 2.2)"),
    *("inverse_proportional(0.1)", "exponential(0.01)", "exponential(100)", "half_life(0.9, 0.9999)", "tanh(-7, 3)"),
    *("sigmoid(12)", "gaussian(5)", "logarithm(0.1)", "logarithm(500)"),
]


@table(("curve", "index"), [(curve, "t/n") for curve in CURVES] + [("cosine", index) for index in get_args(Index)])
def test_a_factor_has_the_bits_of_an_array(curve, index):
    times, many = [0, 1, 2, 3, 6, 7, 8, 9, 30], np.arange(31)
    for (first, last), length in product(ENDS, (0, 1, 2, 7)):
        line = f"anneal({first}, {last}, {length}, curves.{curve}, '{index}')"
        schedule = parse(f"constant(0.5, over=2) >> {line} >> constant(0.1)")
        for one in (schedule, schedule.stages[1]):
            factors = [*map(one._factor_of_number(), times)]
            assert factors == columns(one, np.array(times)).factor.tolist() == columns(one, many).factor[times].tolist()
            assert factors == [columns(one, time).factor for time in times]
        assert factors[-1] == last
        assert factors[0] == first or index[0] == "(" or length <= (index == "t/(n-1)")


@table(
    ("text", "known"),
    [
        ("constant(0.5)", True),
        ("constant(absolute(0.5))", False),
        ("constant(0.5 + absolute(0.5))", False),
        ("linear(over=9)", True),
        ("linear(absolute(1.0), absolute(0.5), over=9)", False),
        ("linear(1.0, absolute(0.5), over=9)", False),
        ("anneal(over=9, curve=curves.power(2))", True),
        ("inverse_sqrt(3)", False),
        ("warmup(3) >> cosine(over=9)", True),
        ("warmup(3) >> inverse_sqrt(3)", False),
        ("warmup('2.5 epochs') >> cosine(over=9)", True),
        ("with_lengths(warmup('2.5 epochs') >> cosine(over=9))", False),
    ],
)
def test_a_schedule_proportional_to_base_has_a_factor_of_a_number(text, known):
    schedule = resolve(parse(text), Calendar(total=20, steps_per_epoch=1))

    assert (schedule._factor_of_number() is not None) == known


def test_a_sequence_with_a_start_between_two_updates_has_no_factor_of_a_number():
    sequence = resolve(
        parse("with_lengths(warmup('2.5 epochs') >> constant(0.5))"), Calendar(total=9, steps_per_epoch=1)
    )

    assert sequence.schedule._factor_of_number() is None


def test_boundaries_beyond_the_integers_of_floats_are_exact():
    far = 2**53
    schedule = constant(1.0, over=far + 1) >> constant(0.5)

    assert [schedule(t) for t in (far, far + 1)] == [1.0, 0.5]
    assert schedule(np.array([far, far + 1])).tolist() == [1.0, 0.5]


@table("name", ["linear", "cosine"])
def test_values_next_to_the_end_of_a_long_stage_are_exact_and_within_its_levels(name):
    n = 2**54  # (n - 1) / n is 1.0 in floats
    for first, last in ENDS:
        stage = parse(f"{name}(start={first}, to={last}, over={n})")
        at = np.array([1, n - 1])
        for values in (list(map(stage._factor_of_number(), at.tolist())), stage(at)):
            assert min(first, last) <= min(values) <= max(values) <= max(first, last)
            assert last or values[1] > 0
