"""The comparison of a few logged values with many clocks at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.curves.arrays import ROUNDING
from paramsched.tools.audit.match import LogMatch, PlannedColumn, most_that_match
from paramsched.tools.records.log_values import LogColumn

ROWS = np.arange(0, 240, 10)
CLOCKS = [
    lambda t: t,
    lambda t: t + 1,
    lambda t: t * 0,
    *(lambda t, n=n: t * n for n in (2, 3, 64)),
    *(lambda t, n=n: t // n * n for n in (7, 50)),
    lambda t: t / 2,
]
LINES = [
    "cosine(over=200)",
    "warmup(20) >> cosine(to=absolute(1e-3), over=180)",
    "linear(1.0, -1.0, over=240)",
    "step(30, 0.1)",
    "constant(2, 100) >> linear(over=50)",
    "clamp(linear(over=200), low=absolute(0.02))",
    "exponential(0.9) - 0.3",
    "constant(0, 30) >> constant(1)",
]
WRITE = {
    "full": float,
    "float32": lambda value: float(np.float32(value)),
    "4 digits": lambda value: float(f"{value:.4g}"),
    "2 digits": lambda value: float(f"{value:.2g}"),
}
DIGITS = {"4 digits": 4, "2 digits": 2}


def column_of(line, base, clock, form, known, foreign=()):
    schedule, t = ps.parse(line), np.arange(240)
    values = np.array([WRITE[form](one) for one in schedule(clock(t), base=base).tolist()])
    values[list(foreign)] = 0.123
    column = LogColumn("lr", 0, t, values, DIGITS.get(form, 17), tolerance=ROUNDING)
    return PlannedColumn(column, "lr", schedule, 0, base if known else None, groups=(0,))


@given(
    st.sampled_from(LINES),
    st.sampled_from([0.1, 0.0123456, -3.0, 5e-7]),
    st.sampled_from(CLOCKS),
    st.sampled_from([*WRITE]),
    st.booleans(),
    st.sets(st.sampled_from(ROWS.tolist()), max_size=9),
)
def test_no_base_explains_more_values_than_the_bound(line, base, clock, form, known, foreign):
    pair = column_of(line, base, clock, form, known, foreign)
    rows = np.array([ROWS] * len(CLOCKS))

    most = most_that_match(pair, rows, CLOCKS)

    explained = [LogMatch.of([pair], one, ROWS).exact for one in CLOCKS]
    assert (np.array(explained) <= most).all()
    assert most[CLOCKS.index(clock)] >= ROWS.size - len(foreign)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("form", [*WRITE])
def test_the_bound_excludes_the_clocks_of_another_speed(form, known):
    pair = column_of("cosine(over=720)", 0.1, CLOCKS[4], form, known)
    rows = np.array([ROWS] * len(CLOCKS))

    most = most_that_match(pair, rows, CLOCKS)

    assert most[4] == ROWS.size
    assert (most[[0, 1, 2, 3, 6, 7, 8]] < 0.8 * ROWS.size).all()  # with the other one all rows are after the end


def test_a_column_with_fewer_rows_has_no_bound():
    pair = column_of("cosine(over=230)", 0.1, CLOCKS[0], "full", True)
    rows = np.array([[0, 10, 239], [0, 10, 240]])

    assert most_that_match(pair, rows, [lambda t: t * 2, lambda t: t * 2]).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("line", "base", "largest"),
    [("constant(absolute(1.0), over=100) >> linear(over=140)", 1e-5, 1.0), ("step(100, 1e-6)", 0.1, 0.1)],
)
def test_a_value_may_differ_by_a_part_of_the_largest_one(line, base, largest):
    pair = column_of(line, base, CLOCKS[0], "full", False)
    pair.column.values[100:] += 0.9e-12 * largest * np.resize([1, -1], 140)
    rows = np.arange(5, 240, 5)

    assert LogMatch.of([pair], CLOCKS[0], rows).exact == rows.size
    assert most_that_match(pair, rows[np.newaxis], CLOCKS[:1]).tolist() == [rows.size]
