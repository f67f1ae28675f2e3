"""Schedules at their edges: stages without updates, nested limits, and the factor of base at a single time."""

from itertools import product
from typing import get_args

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.plan import Plan, resolve
from paramsched.core.schedules import Index, constant, cosine, parse, shift, warmup
from paramsched.core.schedules.schedule import MOST_NESTED
from paramsched.core.schedules.sequence import factor_of_number
from paramsched.core.schedules.span import factors_at
from paramsched.core.time import RunFacts
from paramsched.errors import InvalidArgument
from support.tables import table


def test_the_greatest_depth_of_nested_schedules():
    deep = constant()
    for _ in range(MOST_NESTED - 1):
        deep = shift(deep, 1)

    assert deep.depth == MOST_NESTED
    with pytest.raises(InvalidArgument, match="nested more than"):
        shift(deep, 1)


def test_the_values_of_an_array_of_bases_can_be_changed():
    values = constant(0.5)(np.arange(3), np.array(2.0))
    values[0] = 7.0

    assert values.tolist() == [7.0, 1.0, 1.0]


RUN = RunFacts(total=100, steps_per_epoch=10)


def values(schedule, *times, base=1.0):
    return [schedule(t, base) for t in times]


def test_a_stage_that_exactly_fills_the_run_leaves_no_update():
    schedule = resolve(warmup(100) >> cosine(), facts=RUN)

    assert values(schedule, 99, 100, 500) == [0.99, 1.0, 1.0]


@table("stage", ["take(exponential(0.97), 12)", "take(0.3 + 0.7 * cosine(over=30), 12)"])
def test_a_stage_with_lengths_has_the_bits_of_the_stage_also_beside_a_stage_that_is_not_affine(stage):
    line = "warmup(5) >> {} >> minimum(linear(over=20), constant(absolute(0.02)))"
    plain, wrapped = (parse(line.format(text)) for text in (stage, f"with_lengths({stage})"))
    alone = parse(stage)
    times = np.arange(12)

    for base in (0.1, 0.3, 7.3):
        assert np.array_equal(plain(times + 5, base=base), alone(times, base=base))
        assert np.array_equal(wrapped(times + 5, base=base), alone(times, base=base))


ENDS = [
    (0.2, 0.88), (0.88, 0.2), (0.15, 0.41), (0.41, 0.15), (0.0, 0.7), (0.7, 0.0), (-0.2, 0.88), (-0.15, -0.41),
    (-0.7, 0.7),
]  # fmt: skip


CURVES = [
    *("linear", "cosine", "half_cosine", "one_minus_sqrt", "rex", "log", "cosine_power(2.5)", "cosine_k_decay(2.2)"),
    *("cosine_truncated(0.8)", "cosine_wave(1.5)", "power(3)", "polynomial(0.9)", "polynomial_k_decay(0.7, 2.2)"),
    *("inverse_proportional(0.1)", "exponential(0.01)", "exponential(100)", "half_life(0.9, 0.9999)", "tanh(-7, 3)"),
    *("sigmoid(12)", "gaussian(5)", "logarithm(0.1)", "logarithm(500)"),
]


@table(("curve", "index"), [(curve, "t/n") for curve in CURVES] + [("cosine", index) for index in get_args(Index)])
def test_a_factor_has_the_bits_of_an_array(curve, index):
    times = [0, 1, 2, 3, 6, 7, 8, 9, 30]
    many = np.arange(31)
    for (first, last), length in product(ENDS, (0, 1, 2, 7)):
        line = f"anneal({first}, {last}, {length}, curves.{curve}, '{index}')"
        schedule = parse(f"constant(0.5, over=2) >> {line} >> constant(0.1)")
        for evaluated in (schedule, schedule.args["stages"][1]):
            factors = [*map(factor_of_number(evaluated), times)]
            assert factors == factors_at(evaluated, np.array(times)).tolist()
            assert factors == factors_at(evaluated, many)[times].tolist()
            assert factors == [factors_at(evaluated, time) for time in times]
        assert factors[-1] == last
        assert factors[0] == first or index[0] == "(" or length <= (index == "t/(n-1)")


@table("line", ["like('lr')", "cosine(to=0.1, over=9)", "1 + linear(over=5)", "like('lr') ** 2"])
def test_a_number_over_a_schedule_is_a_multiple_of_its_power_of_minus_1(line):
    schedule = parse(line)

    assert parse(f"1 / ({line})") == 1 / schedule == schedule**-1
    for number in (2, -0.5, 0):
        assert parse(f"{number} / ({line})") == number / schedule == number * schedule**-1
    with pytest.raises(TypeError):
        "1" / schedule


@table("name", ["linear", "cosine"])
def test_values_next_to_the_end_of_a_long_stage_are_exact_and_within_its_levels(name):
    n = 2**54  # (n - 1) / n is 1.0 in floats
    for first, last in ENDS:
        stage = parse(f"{name}(start={first}, to={last}, over={n})")
        times = np.array([1, n - 1])
        for values in (list(map(factor_of_number(stage), times.tolist())), stage(times)):
            assert min(first, last) <= min(values) <= max(values) <= max(first, last)
            assert last or values[1] > 0


def growing_run(steps):
    """Return the resolved stages of a run with growing batches, the last of which count updates, and its amounts."""
    sizes = ps.Binding(ps.Target("batch_size", 4.0), 'linear(1, 8, over="700 samples")')
    line = f'cosine() >> linear(1, 0.5, "{steps} steps") >> constant(0.4, "4 steps")'
    plan = Plan(sizes, lr=line, clock="samples", total="1000 samples")
    trace = ps.trace(plan, {"lr": 1.0})
    schedule = next(binding.schedule for binding in plan.resolve().bindings if binding.name == "lr")
    lengths = [int(dict(stage.length.terms)["samples"]) for stage in schedule.args["stages"]]
    return lengths, trace.amounts.tolist(), trace["lr"].tolist()


def test_a_stage_that_no_start_makes_end_with_an_update_holds_its_last_level():
    lengths, _, values = growing_run(50)

    assert sum(lengths) == 1000
    assert values[-6:] == [0.5, 0.5, 0.4, 0.4, 0.4, 0.4]


VALUES = [0.1, 1 / 3, 5e-324, 1e308, -0.0, 3e-4]


def test_a_series_of_pandas_is_a_table_of_its_values():
    pd = pytest.importorskip("pandas")

    assert ps.table(pd.Series(VALUES)) == ps.table(VALUES)
