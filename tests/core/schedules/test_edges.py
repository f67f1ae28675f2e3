"""Schedules at the edges of their domain: growing and empty cycles, parts of a second, windows without a length."""

import numpy as np
import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import SHAPES, parse
from paramsched.core.schedules.cuts import is_resolved_in, with_unit, without_unit
from paramsched.core.schedules.leaves import MOST_DEPTH, constant
from paramsched.core.schedules.retimed import shift
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument
from support.tables import table


def test_breakpoints_between_two_seconds():
    plain = without_unit(parse('warmup("1.5 s") >> linear(over="2 s")'), "seconds")

    assert plain.breakpoints() == (0, 1.5, 3.5)
    assert plain.breakpoints(3) == (0, 1.5, 3)
    assert plain.is_resolved
    assert not without_unit(parse('warmup("0.0005 s") >> linear(over="2 s")'), "seconds").is_resolved
    assert str(with_unit(plain, "seconds")) == 'warmup("1.5 s") >> linear(over="2 s")'
    assert is_resolved_in(parse('warmup("1.5 s") >> constant()'), "seconds")
    assert not is_resolved_in(parse('warmup("1.5 s") >> constant(over=5)'), "seconds")


def test_an_empty_last_stage_holds_the_end_of_a_stage_that_would_go_on():
    whole = parse("linear(over=4) + inverse_sqrt(10)")
    held = resolve(whole >> constant(0.3, over=0), Calendar(total=4))

    assert [held(t) for t in (0, 3, 4, 5, 100)] == [whole(t) for t in (0, 3, 4, 4, 4)]
    assert (whole >> constant(0.3, over=5))(100) == 0.3
    assert (constant(0.5, over=3) >> constant(0.3, over=0))(100) == 0.5
    assert (constant(0.5, over=0) >> constant(0.3, over=0))(100) == 0.3
    assert [(constant(0.3, over=2) >> whole)(t) for t in (2, 6, 7, 100)] == [whole(t) for t in (0, 4, 5, 98)]


@table(
    "line",
    [
        "warmup(5) >> constant()",
        "warmup(5) >> linear(over=60_000)",
        "warmup(5) >> linear(over=20) >> inverse_sqrt(10)",
        "take(warmup(5) >> constant(), 50_000) >> linear(1, 0, over=9)",
        "take(warmup(5) >> linear(over=99_000), 50_000)",
        "skip(warmup(5) >> cosine(over=60_000) >> constant(0.5), 3)",
        "skip(warmup(5) >> linear(over=20), 15)",
    ],
)
def test_a_hundred_thousand_updates_have_the_values_of_each(line):
    schedule = parse(line)
    times = [0, 1, 2, 4, 5, 6, 24, 25, 26, 49_151, 49_152, 49_999, 50_000, 50_001, 60_003, 60_004, 60_005, 99_999]

    assert schedule(np.arange(100_000), 0.3)[times].tolist() == [schedule(t, 0.3) for t in times]


def test_the_greatest_depth_of_nested_schedules():
    deep = constant()
    for _ in range(MOST_DEPTH - 1):
        deep = shift(deep, 1)

    assert deep.depth == MOST_DEPTH
    with pytest.raises(InvalidArgument, match="nested more than"):
        shift(deep, 1)


def test_the_values_of_an_array_of_bases_can_be_changed():
    values = constant(0.5)(np.arange(3), np.array(2.0))
    values[0] = 7.0

    assert values.tolist() == [7.0, 1.0, 1.0]


def test_a_base_of_0_stays_0_however_large_its_factor_is():
    huge = constant(1e300) * constant(1e300)

    assert huge(3, 0.0) == 0.0
    assert huge(3, 0.5) == float("inf")
    assert (huge * constant(0.0))(3, 0.5) == 0.0


def test_the_registry_counts_its_names():
    assert len(SHAPES) == len(list(SHAPES)) == len({*SHAPES})
    assert {"plateau", "cosine"} <= {*SHAPES}


def test_a_schedule_of_an_array_of_bases_is_evaluated_for_each_base():
    schedule = parse("clamp(linear(1.0, 0.25 + absolute(0.5), 10), absolute(0.1))")
    times, bases = np.arange(13), np.array([0.1, 2.0, 8.0])

    values = schedule(times[:, None], bases)
    assert values.shape == (13, 3)
    assert values.tolist() == [[schedule(int(t), base) for base in bases.tolist()] for t in times]
