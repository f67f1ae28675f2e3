"""The stages of a log: where each begins and ends, what its curve is, and which rows belong to none."""

import numpy as np

from paramsched.tools.audit.recognition import families
from paramsched.tools.audit.recognition.families import COSINE, LINE, Family, Fit, Rows
from paramsched.tools.audit.recognition.stages import (
    Search,
    _meeting,
    _restarts,
    _stair_length,
    _steps_of,
    length_text,
    roundest,
    roundest_integer,
    sample,
)
from support.tables import table

NAMES = {id(one): name for name, one in vars(families).items() if isinstance(one, Family)}


def rows_of(values, times=None, tol=1e-9):
    values = np.asarray(values, dtype=float)
    t = np.arange(values.size) if times is None else times
    return Rows(np.asarray(t, dtype=float), values, np.full(values.size, tol))


def kind_of(piece):
    if piece.fit is not None:
        return NAMES[id(piece.fit.family)].lower()
    if piece.cycles is not None:
        return str(piece.cycles)
    return f"stairs {piece.every}" if piece.every else f"steps {piece.ratio}"


def found(values, times=None, tol=1e-9):
    """Return the kind, the first and the last time of each stage, and the rows that belong to none."""
    with np.errstate(all="ignore"):  # as `recognize` does
        search = Search(rows_of(values, times, tol))
        pieces = search.stages()
    return [(kind_of(one), one.first, one.last) for one in pieces], np.flatnonzero(search.foreign).tolist()


T = np.arange(600)
LONG = 1 - T / 700


def spoiled(*rows, size=600):
    values = LONG[:size].copy()
    values[list(rows)] = 0.05
    return values


@table(
    ("rows", "expected"),
    [
        (range(300, 306), True),  # a hundredth of the rows
        (range(300, 307), False),
        ([6], True),
        ([5], False),  # few rows before it
        ([300, 305], True),
        ([300, 304], False),  # four rows after the first one
        ([300, 301, 308], True),
        ([300, 301, 307], False),  # three times as many as the stretch has
        ([100, 200, 300], True),
        ([597], True),
        ([598], False),  # a single row after it
        ([599], False),
    ],
)
def test_few_rows_that_a_curve_does_not_explain_belong_to_no_stage(rows, expected):
    stages, foreign = found(spoiled(*rows))

    assert (stages == [("line", 0, 599)]) == expected, stages
    assert (foreign == list(rows)) == expected


def test_a_stage_ends_after_its_fourth_stretch_of_other_rows():
    assert found(spoiled(100, 200, 300, 400, 500)) == (
        [("line", 0, 400), ("line", 401, 599)],
        [100, 200, 300, 400, 500],
    )


@table(
    ("values", "expected"),
    [
        (np.where(T[:60] < 30, LONG[:60], 0.5), [("line", 0, 29), ("constant", 30, 59)]),
        (1 - np.minimum(T[:60], 30) / 60, [("line", 0, 30), ("constant", 31, 59)]),
        (0.9 ** (T[:60] // 10), [("steps 0.9", 0, 59)]),
        (1 - 0.1 * (T[:60] // 10), [("stairs 10", 0, 59)]),
        (1 - 0.1 * (T[:31] // 10), [("stairs 10", 0, 30)]),
        (1 - 0.1 * (T[:30] // 10), [("constant", 0, 9), ("constant", 10, 19), ("constant", 20, 29)]),
        (1 - 0.1 * (T[:12] // 3), [("stairs 3", 0, 11)]),
        (1 - 0.1 * (T[:11] // 3), [("constant", 0, 2), ("constant", 3, 5), ("constant", 6, 8), ("constant", 9, 10)]),
    ],
)
def test_stages_of_lines_stairs_and_steps(values, expected):
    assert found(values) == (expected, [])


S = T[:60]


def wave(t, length, high=1.0, low=0.0):
    return low + (high - low) * (1 + np.cos(np.pi * np.asarray(t, dtype=float) / length)) / 2


@table(
    ("values", "expected"),
    [
        (np.where(S < 30, ((30 - S) / 30.0) ** 2, 0), [("fall", 0, 30), ("constant", 31, 59)]),
        (np.where(S < 30, 0.3 + 0.7 * ((30 - S) / 30.0) ** 2, 0.3), [("fall", 0, 30), ("constant", 31, 59)]),
        (np.where(S < 20, 0, ((S - 20) / 40.0) ** 2), [("constant", 0, 20), ("rise", 21, 59)]),
        (np.where(S < 20, 0.1, 0.1 + ((S - 20) / 40.0) ** 3), [("constant", 0, 20), ("rise", 21, 59)]),
        (np.where(S < 30, wave(S, 30), 0), [("cosine", 0, 30), ("constant", 31, 59)]),
        (np.where(S < 30, wave(S, 30, 1, 0.1), 0.1), [("cosine", 0, 30), ("constant", 31, 59)]),
        (np.where(S < 40, 0.5 ** (S // 10), 0.125 - 0.1 * (S - 39) / 20), [("steps 0.5", 0, 39), ("line", 40, 59)]),
        (wave(S % 20, 20), [("cosine_restarts(20)", 0, 59)]),
        (np.where(S < 20, wave(S, 20), wave(S - 20, 40)), [("cosine_restarts(20, 2.0)", 0, 59)]),
        (
            np.concatenate([wave(S[:40] % 20, 20), np.linspace(1, 0, 20)]),
            [("cosine_restarts(20)", 0, 40), ("line", 41, 59)],
        ),
        (np.interp(S % 20, [0, 10, 20], [0.2, 1, 0.2]), [("cyclic(10, 10, 0.2)", 0, 59)]),
        (
            0.2 + np.interp(S % 20, [0, 10, 20], [0, 0.8, 0]) * 0.5 ** (S // 20),
            [('cyclic(10, 10, 0.2, mode="triangular2")', 0, 59)],
        ),
        (
            np.where(S < 40, np.interp(S % 20, [0, 10, 20], [0.2, 1, 0.2]), 0.5),
            [("cyclic(10, 10, 0.2)", 0, 39), ("constant", 40, 59)],
        ),
    ],
)
def test_a_curve_ends_where_its_formula_does_and_cycles_where_they_stop(values, expected):
    assert found(values) == (expected, [])


@table(
    ("values", "expected"),
    [
        ([0.1, 0.4, *wave(np.arange(58), 58)], [("constant", 0, 0), ("line", 1, 1), ("cosine", 2, 59)]),
        ([0.1, 0.4, 0.7, *wave(np.arange(57), 57)], [("line", 0, 3), ("cosine", 3, 59)]),
        ([0.5, 0.2, *np.ones(58)], [("constant", 0, 0), ("line", 1, 1), ("constant", 2, 59)]),
        ([*np.ones(20), 0.7, *np.full(39, 0.1)], [("constant", 0, 19), ("line", 20, 20), ("constant", 21, 59)]),
        ([*np.ones(20), 0.7, 0.4, *np.full(38, 0.1)], [("constant", 0, 19), ("line", 20, 21), ("constant", 22, 59)]),
        (
            [*np.linspace(1, 0.5, 20), *(0.5 - 0.05 * (np.arange(40) // 5))],
            [("line", 0, 19), ("stairs 5", 20, 59)],
        ),
        (1 - 0.05 * (S // 2), [("stairs 2", 0, 59)]),
        (0.9**S, [("decay", 0, 59)]),
        (
            [*np.linspace(1, 0.6, 15), 0.5, 0.5, 0.4, 0.4, 0.3, 0.3],
            [("line", 0, 14), ("constant", 15, 16), ("constant", 17, 18), ("constant", 19, 20)],
        ),
    ],
)
def test_few_rows_between_two_stages_are_a_line_or_a_stage_of_their_own(values, expected):
    assert found(values) == (expected, [])


MANY = np.arange(5000)


@table(
    ("values", "expected"),
    [
        (np.where(MANY < 2501, 1 - MANY / 5000, 0.4998 - 0.3 * (MANY - 2501) / 2500), [("line", 2501), ("line", 4999)]),
        (np.where(MANY < 2503, 1.0, 0.5), [("constant", 2502), ("constant", 4999)]),
        (np.where(MANY >= 4990, 0.3, 1 - MANY / 6000), [("line", 4989), ("constant", 4999)]),
        (np.where(MANY < 7, 0.3, 1 - MANY / 6000), [("constant", 6), ("line", 4999)]),
        (np.where(MANY % 1500 == 999, 0.3, 1 - MANY / 6000), [("line", 4999)]),
    ],
)
def test_the_stages_of_a_long_log_end_at_exact_rows(values, expected):
    """Only a part of the rows is used, but all rows around each bend."""
    assert [(kind, last) for kind, _, last in found(values)[0]] == expected


@table(("turns", "expected"), [(6, 6), (7, 7), (8, 7)])
def test_at_most_one_stage_more_than_a_plan_may_have_is_found(turns, expected):
    levels = [0, 1, 0.3, 0.9, 0.2, 0.8, 0.1, 0.7, 0.5][: turns + 1]

    stages, _ = found(np.interp(np.arange(20 * turns + 1), 20 * np.arange(turns + 1), levels))

    assert [(kind, first) for kind, first, _ in stages] == [
        ("line", 20 * place + (place > 0)) for place in range(expected)
    ]


@table(("size", "expected"), [(400, 4), (399, 7)])
def test_a_log_with_four_stages_in_its_first_twentieth_is_noise(size, expected):
    noise = 0.5 + 0.3 * np.sin(np.arange(size - 20) ** 1.7)

    assert len(found(np.concatenate([np.repeat([1, 0.3, 0.8, 0.2], 5), noise]))[0]) == expected


TENTHS = np.arange(0, 300, 10)


@table(
    ("values", "times", "restart", "end"),
    [
        (np.where(S < 30, 1 - S / 60, 1 - (S - 30) / 60), S, (30, 30), 29),
        (np.where(S < 30, wave(S, 60), wave(S - 30, 60)), S, (30, 30), 29),
        (np.where(S < 30, wave(S, 33), wave(S - 30, 33)), S, (30, 30), 29),
        (np.where(S < 30, wave(S, 31), wave(S - 30, 31)), S, None, 59),  # restarts are a schedule
        (np.where(TENTHS < 150, 1 - TENTHS / 400, 1 - (TENTHS - 145) / 400), TENTHS, (150, 145), 140),
        (np.where(TENTHS < 150, 1 - TENTHS / 400, 1 - (TENTHS - 141) / 400), TENTHS, (150, 141), 140),
        (np.where(S < 57, 1 - S / 60, 1 - (S - 57) / 60), S, (57, 57), 56),
        (np.where(S < 58, 1 - S / 60, 1 - (S - 58) / 60), S, None, 59),  # two rows may be anything
    ],
)
def test_a_schedule_that_begins_again_ends_the_stages(values, times, restart, end):
    with np.errstate(all="ignore"):
        search = Search(rows_of(values, times))
        pieces = search.stages()

    assert (search.restart, pieces[-1].last) == (restart, end)


def line_before(values, times, rest):
    """Return the line of the rows before a stage that fills the rest of the log."""
    values = np.concatenate([values, rest])
    with np.errstate(all="ignore"):
        pieces = Search(rows_of(values, times)).stages()
    assert [(kind_of(one), one.first) for one in pieces] == [
        ("line", times[0]),
        (kind_of(pieces[-1]), pieces[-1].first),
    ]
    assert pieces[0].fit is not None
    return pieces[0].fit


@table(
    ("first", "value", "slope"),
    [(0, 0.3, 0.7), (1, 0.1, 0.9), (1, 0.5, 0.5), (1, 0.8, 0.8), (2, 0.6, 0.4), (2, 0.8, 0.4), (3, 0.9, 0.3)],
)
def test_the_line_of_one_first_row_is_from_0_if_it_meets_the_next_stage(first, value, slope):
    """It meets the stage, which is 1, before the next row if value / first is at least 1 - value."""
    fit = line_before([value], np.arange(60) + first, np.ones(59))

    assert np.isclose(fit.b, slope)
    assert (fit.a, fit.origin) == (value, first)


@table(
    ("begin", "end", "most", "expected"),
    [
        (0, 5, 144, [*range(5)]),
        (3, 4, 144, [3]),
        (3, 20, 4, [*range(3, 11), *range(12, 20)]),
        (0, 100, 3, [*range(8), 49, *range(92, 100)]),
        (10, 40, 5, [*range(10, 18), 24, *range(31, 40)]),
    ],
)
def test_a_sample_has_both_ends_of_a_stage(begin, end, most, expected):
    places = sample(begin, end, most)

    assert places.tolist() == expected
    assert not places.flags.writeable  # it is cached


@table(
    ("above", "most", "expected"),
    [
        (7.5, 25, 10),
        (7.5, 9, 8),
        (7, 8, 8),
        (7.5, 7.9, None),
        (19, 120, 100),
        (0, 49.9, 10),
        (0, 50, 50),
        (-3, -1, -2),
        (999, 1000, 1000),
        (10, 10, None),
        (10, 16, 15),
    ],
)
def test_the_roundest_integer(above, most, expected):
    assert roundest_integer(above, most) == expected


@table(
    ("value", "slack", "expected"),
    [
        (0.12345, 0.001, 0.123),
        (0.12345, 0.0, 0.12345),
        (0.12345, 0.0035, 0.12),
        (0.5, 0.5, 0.0),
        (0.5, 0.4999, 0.5),
        (-0.12345, 0.01, -0.12),
        (1 / 3, 1e-9, 0.333333333),
        (0.34, 0.05, 0.3),
        (1 / 3, 0.0, 1 / 3),
        (0.1 + 0.2, 0.0, 0.1 + 0.2),
    ],
)
def test_the_roundest_number(value, slack, expected):
    assert roundest(value, slack) == expected


@table(
    ("length", "expected"),
    [(5.0, 5), (5.0000001, 5), (5.00001, "5.00001 steps"), (100 / 7, "14.285714286 steps"), (2.5, "2.5 steps")],
)
def test_the_text_of_a_length(length, expected):
    assert length_text(length) == expected


def test_two_lines_meet_at_a_time():
    falling, rising = Fit(LINE, np.zeros(0), 1.0, -0.1, 0.0), Fit(LINE, np.zeros(0), 0.0, 0.1, 20.0)

    assert np.isclose(_meeting(falling, rising), 15.0)
    assert np.isclose(_meeting(rising, falling), 15.0)
    assert np.isnan(_meeting(falling, falling))


@table(
    ("before", "after", "gap", "expected"),
    [
        ([9, 19, 29], [10, 20, 30], 1, 10),
        ([9, 18, 29], [10, 19, 30], 1, None),
        ([7, 14, 28], [14, 21, 35], 7, 10),
        ([5, 15], [10, 20], 5, 10),
        ([5, 10], [10, 15], 5, 7),
        ([0, 1], [1, 2], 1, None),
        ([1, 3], [2, 4], 1, 2),
        ([199_999, 399_999], [200_000, 400_000], 1, 200_000),
        ([200_000, 400_001], [200_001, 400_002], 1, 66_667),
    ],
)
def test_the_length_of_stairs_has_a_multiple_in_each_step(before, after, gap, expected):
    assert _stair_length(np.array(before, dtype=float), np.array(after, dtype=float), float(gap)) == expected


@table(
    ("levels", "tol", "expected"),
    [
        ([1, 0.3, 0.09, 0.027], 1e-12, (1.0, 0.3)),
        ([1, 0.3, 0.09, 0.02], 1e-12, None),
        ([-1, -0.3, -0.09], 1e-12, (-1.0, 0.3)),
        ([1, 0.25, 0.0625, 0.0156, 0.0039, 0.001, 0.0002, 0.0001, 0, 0], 5e-5, (1.0, 0.25)),
        ([1, 0.25, 0.06, 0.02, 0], 0.005, None),  # very different ratios explain the levels
        ([1, 1 / 3, 1 / 9], 1e-12, (1.0, 0.333333333333)),
        ([0.294, 0.088, 0.026, 0.008, 0.002, 0.001, 0, 0, 0], 0.0005, (0.294, 0.3)),
        # With a rounder ratio the first level of the log is a rounded one.
        ([0.72, 0.7, 0.68, 0.66, 0.64, 0.62, 0.6, 0.58, 0.57], 0.005, (0.722462, 0.97)),
        ([0.59, 0.531, 0.478, 0.43, 0.387, 0.349, 0.314, 0.282, 0.254], 0.0005, (0.590344, 0.9)),
        ([0.69, 0.51, 0.39, 0.29, 0.22, 0.16, 0.12, 0.09, 0.07], 0.005, (0.685833, 0.75)),
        # A ratio with one more digit and the first level of the log takes precedence.
        ([0.66, 0.56, 0.47, 0.4, 0.34, 0.29, 0.25, 0.21, 0.18], 0.005, (0.66, 0.848)),
        ([0.2692, 0.0896, 0.0298, 0.0099, 0.0033, 0.0011, 0.0004, 0.0001], 5e-5, (0.2692, 0.3328)),
        ([0.53, 0.45, 0.39, 0.33, 0.28], 0.005, (0.53, 0.853)),
    ],
)
def test_the_ratio_of_steps_has_few_digits(levels, tol, expected):
    steps = _steps_of(rows_of(levels, tol=tol))

    assert (steps is None) == (expected is None), steps
    assert steps is None or np.allclose(steps, expected, rtol=1e-5)
    assert steps is None or steps[1] == expected[1]


def cycle(middle, half, origin, start, length):
    return Fit(COSINE, np.array([start, length], dtype=float), middle, half, origin)


@table(
    ("one", "two", "last", "expected"),
    [
        ((0.5, 0.5, 0, 0, 20), (0.5, 0.5, 20, 0, 20), 99, ["cosine_restarts(20)"]),
        ((0.5, 0.5, 0, 0, 20), (0.25, 0.25, 20, 0, 40), 99, ["cosine_restarts(20, 2.0, gamma=0.5)"]),
        (
            (0.55, 0.45, 0, 0, 20),
            (0.275, 0.225, 20, 0, 20),
            99,
            ["cosine_restarts(20, to=0.1, gamma=0.5, to_gamma=0.5)"],
        ),
        ((0.55, 0.45, 0, 0, 20), (0.3, 0.2, 20, 0, 20), 99, ["cosine_restarts(20, to=0.1, gamma=0.5)"]),
        # The log ends within a cycle, or at the end of one: equal cycles may have another length.
        (
            (0.5, 0.5, 10, -2, 20),
            (0.5, 0.5, 28, 0, 20),
            99,
            ["cosine_restarts(20)", 'cosine_restarts("18.4 steps")'],
        ),
        ((0.5, 0.5, 0, 0, 20), (0.5, 0.5, 20, 0, 20), 20, ["cosine_restarts(20)", "cosine_restarts(21)"]),
        ((0.5, 0.5, 0, 0, 20), (0.5, 0.5, 20, 0, 20), 5, ["cosine_restarts(20)", "cosine_restarts(6)"]),
        ((0.5, 0.5, 0, 0, 21.5), (0.5, 0.5, 20, 0, 20), 99, ["cosine_restarts(20)", 'cosine_restarts("21.5 steps")']),
        ((0.5, 0.5, 0, 0, 21.6), (0.5, 0.5, 20, 0, 20), 99, []),  # the second one begins too early
        ((0.5, 0.5, 0, 0, 18.4), (0.5, 0.5, 20, 0, 20), 99, []),
        ((0.5, -0.5, 0, 0, 20), (0.5, 0.5, 20, 0, 20), 99, []),  # one of them rises
        ((0.5, 0.5, 0, 0, 20), (0.5, -0.5, 20, 0, 20), 99, []),
        ((0.5, 0.5, 0, 0, 20), (1e-12, 1e-12, 20, 0, 20), 99, []),  # the second one is 0 in the digits of the log
        ((0.55, 0.45, 0, 0, 20), (0.225, 0.225, 20, 0, 20), 99, []),
    ],
)
def test_the_restarts_whose_first_cycles_are_two_waves(one, two, last, expected):
    found = _restarts(cycle(*one), cycle(*two), float(last), 1e-9)

    assert [str(schedule) for _, _, schedule in found] == expected
    assert all((begin, high) == (one[2] + one[3], 1.0) for begin, high, _ in found)


@table(("error", "expected"), [(1e-4, "cosine_restarts(20)"), (1e-6, "cosine_restarts(20, to=2e-05)")])
def test_the_levels_of_restarts_are_as_exact_as_the_log(error, expected):
    wave = (0.50001, 0.49999)

    (found,) = _restarts(cycle(*wave, 0, 0, 20), cycle(*wave, 20, 0, 20), 99.0, error)

    assert str(found[2]) == expected
