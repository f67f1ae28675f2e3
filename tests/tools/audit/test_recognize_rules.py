"""The rules by which `recognize` takes a plan for the schedule of a log, each at its limits."""

import numpy as np

import paramsched as ps
from paramsched.tools.audit.recognition import recognizing
from paramsched.tools.audit.recognition.families import CONSTANT, COSINE, LINE, Fit, Rows
from paramsched.tools.audit.recognition.stages import Piece
from paramsched.tools.records.log_values import LogColumn
from support.tables import table


def column_of(values, times=None, **options):
    t = np.arange(len(values)) if times is None else np.array(times)
    return LogColumn("lr", 0, t, np.array(values, dtype=float), **{"tolerance": 1e-9, **options})


def piece_of(family, a, b, origin=0.0, first=0, last=100, p=()):
    fit = Fit(family, np.array(p, dtype=float), a, b, origin)
    return Piece(first, last, fit.at, fit)


@table(
    ("values", "options", "expected"),
    [
        ([0.1, 0.01, 0.0], {}, [1e-9, 1e-10, 1e-12]),
        ([0.5, 0.25], {}, [1e-9 + 2.0**-24, (1e-9 + 2.0**-24) / 2]),  # numbers of float32
        ([0.123, 0.01, 0.0], {"digits": 3}, [0.001 / 0.123, 0.0001 / 0.123, 1e-12]),
        ([0.1, 0.01], {"digits": 1}, [0.01, 0.001]),  # as exact as with three digits
        ([0.1, 0.01], {"digits": 1, "place": 0.01}, [0.01, 0.001]),
        ([0.1234, 0.01, 0.0], {"digits": 4, "place": 0.0001}, [0.0001 / 0.1234] * 3),
        ([0.123, 0.01], {"digits": 3, "place": 0.001}, [0.001 / 0.123] * 2),
        ([-0.2, 0.1], {"tolerance": 1e-6}, [1e-6, 5e-7]),
    ],
)
def test_the_difference_up_to_which_a_value_is_explained(values, options, expected):
    column = column_of(values, **options)

    assert np.allclose(recognizing._tolerance(column, np.abs(column.values).max()), expected, rtol=1e-12)


def rising(size, tol=1e-9):
    return Rows(np.arange(float(size)), 0.01 * np.arange(size), np.full(size, tol))


def test_a_ramp_from_0_may_reach_each_round_base_at_an_integer():
    found = list(recognizing._ramps(piece_of(LINE, 0.0, 0.01), 0.5, rising(40)))

    assert found == [
        (0.2, 40), (0.3, 60), (0.4, 80), (0.5, 100), (0.6, 120), (0.8, 160), (1, 200), (2, 400), (3, 600), (4, 800),
        (5, 1000), (6, 1200), (8, 1600), (10, 2000),
    ]  # fmt: skip


@table(
    ("a", "origin", "tol", "count"),
    [(0.1, 10.0, 1e-9, 14), (0.1, 9.9, 1e-9, 0), (0.1, 9.9, 1e-3, 14), (0.1, 9.9, 4e-4, 0), (0.1, 10.00005, 1e-9, 14)],
)
def test_a_ramp_is_from_0_up_to_the_tolerance(a, origin, tol, count):
    found = list(recognizing._ramps(piece_of(LINE, a, 0.01, origin), 0.5, rising(40, tol)))

    assert len(found) == count


def test_the_end_of_a_ramp_in_a_rounded_log_is_the_roundest_that_its_digits_allow():
    exact, rounded = (
        dict(recognizing._ramps(piece_of(LINE, 0.0, 0.0103), 0.5, rising(40, tol))) for tol in (1e-9, 0.03)
    )

    assert exact == {}
    assert rounded[0.5] == 100
    assert rounded[1.0] == 200


@table(
    ("pieces", "expected"),
    [
        ([], False),
        ([piece_of(LINE, 0, 0.01)], True),
        ([piece_of(LINE, 0, 0.01)] * 2, False),
        ([piece_of(LINE, 1, -0.01)], False),
        ([piece_of(LINE, 1, 0)], False),
        ([piece_of(CONSTANT, 1, 0)], False),
        ([Piece(0, 9, np.zeros_like)], False),
    ],
)
def test_only_a_single_rising_line_is_a_ramp_without_an_end(pieces, expected):
    assert recognizing._ends_in_ramp(pieces) == expected


@table(
    ("piece", "expected"),
    [
        (piece_of(COSINE, 0.4, 0.45, p=(0, 10)), False),
        (piece_of(COSINE, 0.4, 0.4501, p=(0, 10)), True),
        (piece_of(COSINE, 0.4, -0.46, p=(0, 10)), True),
        (piece_of(LINE, 0.4, -0.46), False),
        (Piece(0, 9, np.zeros_like), False),
    ],
)
def test_a_wave_that_falls_below_0_is_no_schedule(piece, expected):
    assert recognizing._goes_below_zero(piece) == expected


LONG = "0.123456789, 0.23456789, 0.3456789, 0.456789, 0.56789, 0.6789, 0.78912"


@table(
    ("text", "base", "rows", "expected"),
    [
        ("cosine()", 0.1, 12, False),
        # Three digits for each four rows, and 48 in any log; the base counts too.
        (f"table([{LONG}, 0.812, 0.12345, 0.1234567, 0.1234])", 0.1, 86, False),
        (f"table([{LONG}, 0.812, 0.12345, 0.1234567, 0.1234])", 0.1, 85, True),
        (f"table([{LONG}, 0.8])", 0.123, 12, False),
        (f"table([{LONG}, 0.8])", 0.1234, 12, True),
        # Stages with fewer than twelve rows have 18 digits, or three for each row.
        ("constant(0.2, 2) >> constant(0.34, 1) >> constant(0.345, 1) >> cosine()", 0.1, 100, False),
        ("constant(0.2, 2) >> constant(0.345, 1) >> constant(0.456, 1) >> cosine()", 0.1, 100, True),
        ("constant(0.2, 2) >> constant(0.345, 1) >> constant(0.1234, 2) >> constant(0.2) ", 0.1, 100, True),
        ("constant(0.2, 2) >> constant(0.345, 1) >> constant(0.1234, 4) >> constant(0.2) ", 0.1, 100, False),
        ("constant(0.12345678, 11) >> constant(0.2345678, 11) >> constant(0.345678901, 12)", 0.1, 34, False),
        ("constant(0.2, 12) >> constant(0.345, 1) >> constant(0.1234, 2) >> constant(0.2)", 0.1, 100, False),
        ("constant(0.2, 12) >> constant(0.345678, 1) >> constant(0.12345, 1) >> constant(0.2)", 0.1, 100, True),
        ("constant(0.345678, 3) >> constant(0.12345, 3) >> constant(0.2)", 0.1, 100, True),
        ("constant(0.345678, 3) >> constant(0.12345, 4) >> constant(0.2)", 0.1, 100, False),
        ("constant(0.2, 60) >> constant(0.345678, 3) >> constant(0.12345, 4) >> constant(0.2)", 0.1, (50, 150), False),
        ("constant(0.34567891, 11) >> constant(0.12345, 60) >> constant(0.2)", 0.1, (0, 1000, 10), False),
    ],
)
def test_a_plan_with_as_many_digits_as_its_values_explains_nothing(text, base, rows, expected):
    times = np.arange(*rows) if isinstance(rows, tuple) else np.arange(rows)
    plan = ps.Plan(lr=text, horizon=int(times[-1]) + 1).resolve(ps.Calendar())

    assert recognizing._is_copied(plan, base, times.astype(float)) == expected, recognizing.digits_of(text)


@table(
    ("flags", "expected"),
    [
        ([], []),
        ([False, False], []),
        ([True], [(0, 1)]),
        ([True, True, False, True], [(0, 2), (3, 4)]),
        ([False, True, True], [(1, 3)]),
    ],
)
def test_stretches_of_flags(flags, expected):
    assert recognizing._stretches(np.array(flags, dtype=bool)) == expected


@table(
    ("brief", "expected"),
    [
        ([1, 0, 1, 1, 0, 1], [0, 0, 1, 1, 0, 0]),
        ([0, 1, 0], [0, 1, 0]),
        ([1, 1, 1], [0, 0, 0]),
        ([0, 1, 1], [0, 0, 0]),
        ([1, 0, 0], [0, 0, 0]),
    ],
)
def test_brief_stages_between_longer_ones(brief, expected):
    assert recognizing._between(np.array(brief, dtype=bool)).astype(int).tolist() == expected


@table(
    ("times", "values", "expected"),
    [([1, 2], [0, 0.1], True), ([0, 1], [0, 0.1], False), ([1, 2], [0.1, 0.2], False), ([2, 3], [0, 0.1], False)],
)
def test_a_log_begins_at_one_with_the_zero_of_a_warmup(times, values, expected):
    assert recognizing._begins_at_one(column_of(values, times)) == expected


def noted(values, times=None, field="lr", rounded=()):
    times = range(len(values)) if times is None else times
    column = LogColumn(field, 0, np.array(list(times)), np.array(values, dtype=float))
    notes: list[recognizing.RecognitionNote] = []
    recognizing._notes_of_values(column, notes, "update", np.array(rounded, dtype=np.int64))
    return [(one.code, one.first, one.last) for one in notes]


ONES = [1.0] * 12


@table(
    ("values", "options", "expected"),
    [
        (ONES, {}, []),
        ([0, *ONES], {}, [("first zero", 0, 0)]),
        ([0, *ONES], {"field": "momentum"}, []),
        ([0, *ONES], {"rounded": [0]}, []),
        ([0, *ONES[:10]], {}, []),  # eleven values
        ([0, 0, *ONES], {}, [("zero", 0, 1)]),
        ([0.0] * 12, {}, []),
        ([*ONES, 0], {}, []),
        ([*ONES, 0, 0], {}, [("zero", 12, 13)]),
        ([*ONES, 0, *ONES], {}, []),
        ([1.0] * 50 + [0, 0] + [1.0] * 48, {}, [("zero", 50, 51)]),
        ([1.0] * 50 + [0, 0] + [1.0] * 49, {}, []),  # less than a fiftieth of the log
        ([*ONES, 0, 0, *ONES, 0, 0, 0], {}, [("zero", 12, 13), ("zero", 26, 28)]),
        ([*ONES, 0, 0], {"times": [*range(0, 120, 10), 120, 130]}, [("zero", 120, 130)]),
        ([*ONES, 0.5], {"times": [*range(12), 11]}, [("repeated", 11, 11)]),
        ([*ONES, 1.0], {"times": [*range(12), 11]}, []),
        ([*ONES, 0.5, 0.5, 1.0], {"times": [*range(12), 9, 10, 11]}, [("repeated", 9, 10)]),
        ([*ONES, *ONES], {"times": [*range(5, 17), *range(5), *range(20, 27)]}, [("restarted", 0, 16)]),
        ([*ONES, 1.0], {"times": [*range(5, 17), 5]}, [("restarted", 5, 16)]),
        ([*ONES, 1.0], {"times": [*range(5, 17), 6]}, []),
    ],
)
def test_notes_about_zeros_and_updates_that_occur_twice(values, options, expected):
    assert noted(values, **options) == expected


@table(
    ("values", "every", "expected"),
    [
        ([1, 0.9, 0.8] * 5, 3, True),
        ([1, 0.9, 0.8] * 4 + [1, 0.9, 0.7], 3, False),
        ([1, 0.9, 0.8] * 2 + [1, 0.9, 0.7] * 3, 3, False),
    ],
)
def test_cycles_repeat_the_values_of_the_first_one(values, every, expected):
    column, t = column_of(values), np.arange(15.0)

    assert recognizing._repeats(column, np.where(t < 2 * every, t % every, t), t % every) == expected


def test_a_phase_that_the_first_cycle_does_not_have_is_not_repeated():
    column, t = column_of([1, 0.9, 0.9, 0.8], [0, 10, 25, 29]), np.array([0.0, 10.0, 25.0, 29.0])

    assert recognizing._repeats(column, np.where(t < 15, t, -1), t % 15) is False


@table(("logged", "expected"), [(38, [("too long", 37, 40)]), (39, []), (40, [])])
def test_a_plan_is_longer_than_its_log_if_more_than_one_row_is_missing(logged, expected):
    rate = ps.resolve(ps.cosine(), ps.Calendar(total=40))

    found = ps.recognize([(t, rate(t, base=0.1)) for t in range(logged)])

    assert [(note.code, note.first, note.last) for note in found.notes] == expected
