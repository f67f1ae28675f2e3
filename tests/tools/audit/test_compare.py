"""Comparison of a log with its plan: equal values, the first difference, and its cause."""

import json

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.schedules.evaluation import values_by_base
from paramsched.errors import InvalidArgument, UnreadableLog
from paramsched.tools.audit import compare_with_plan, read_log
from paramsched.tools.records.log_values import LogColumn
from support.tables import table

TOTAL = 400
PLAN = ps.Plan(lr='warmup("5%") >> cosine(to=0.1)')
SCHEDULE = PLAN.resolve(ps.Calendar(total=TOTAL)).bindings[0].schedule
T = np.arange(TOTAL)
VALUES = SCHEDULE(T, base=0.1)


@pytest.fixture
def report(tmp_path):
    def compare(values, times=T, *, plan=PLAN, bases=None, processes=None, **facts):
        file = tmp_path / "log.jsonl"
        rows = zip(np.asarray(times).tolist(), np.asarray(values).tolist(), strict=True)
        file.write_text("\n".join(json.dumps({"step": t, "lr": value}) for t, value in rows))
        calendar = ps.Calendar(**({"total": TOTAL} | facts))
        given = {("lr", None): 0.1} if bases is None else bases
        return compare_with_plan(read_log(file, ["lr"]), plan, calendar, bases=given, processes=processes)

    return compare


@table(
    ("value", "planned", "digits", "options", "equal"),
    [
        # numbers with all digits
        (0.1, 0.1 * (1 + 9e-10), 17, {}, True),
        (0.1, 0.1 * (1 + 2e-9), 17, {}, False),
        (0.1, 0.1 * (1 + 9e-10), 17, {"tolerance": 0}, False),
        (0.1, 0.1 * (1 + 9e-7), 17, {"tolerance": 1e-6}, True),
        (0.1, 0.1 * (1 + 2e-6), 17, {"tolerance": 1e-6}, False),
        # rounded to float32
        (float(np.float32(0.1)), 0.1, 17, {"tolerance": 0}, True),
        (0.5, 0.5 * (1 + 2.0**-25), 17, {}, True),
        (0.5, 0.5 * (1 + 2.0**-25), 15, {}, True),
        (0.5, 0.5 * (1 - 0.9 * 2.0**-24), 15, {}, True),
        (0.5, 0.5 * (1 - 0.9 * 2.0**-24), 14, {}, False),
        (0.5, 0.5 * (1 - 0.9 * 2.0**-24), 17, {"tolerance": 0}, False),
        (0.5, 0.5 * (1 + 2.0**-23), 17, {}, False),
        (0.5, 0.5 * (1 - 2.0**-23), 17, {"tolerance": 0}, False),
        # rounded to digits, at most half a unit of the last one
        (0.05, 0.0500049, 4, {}, True),
        (0.05, 0.0500051, 4, {}, False),
        (0.05, 0.0500049, 4, {"tolerance": 0}, True),
        (0.05, 0.0500051, 4, {"tolerance": 1e-5}, True),
        (0.05, 0.049995, 4, {}, True),
        (0.05, 0.0499949, 4, {}, False),
        (0.123456789012345, 0.1234567890123456, 15, {"tolerance": 0}, False),
        (0.12345678901234, 0.123456789012342, 14, {"tolerance": 0}, True),
        # rounded to a decimal place
        (0.05, 0.0549, 4, {"place": 1e-2}, True),
        (0.05, 0.0551, 4, {"place": 1e-2}, False),
        (0.0, 0.0049, 4, {"place": 1e-2}, True),
        (0.0, 0.0051, 4, {"place": 1e-2}, False),
        # rounded to float32 and then to digits
        (0.1234562, 0.1234562505, 7, {"tolerance": 0}, True),
        (0.1234562, 0.1234562565, 7, {"tolerance": 0}, False),
        (0.123456, 0.12345650001, 6, {"tolerance": 0}, False),
        # no numbers
        (np.nan, np.nan, 17, {"tolerance": 0}, True),
        (np.nan, 0.1, 4, {}, False),
        (np.inf, np.inf, 4, {}, True),
        (np.inf, 0.1, 4, {}, False),
        (0.0, 0.0, 4, {"tolerance": 0}, True),
    ],
)
def test_a_value_is_as_planned_up_to_the_precision_of_the_log(value, planned, digits, options, equal):
    column = LogColumn("lr", 0, np.array([0]), np.array([value]), digits, **options)

    with np.errstate(all="ignore"):
        assert column.equals(np.array([planned])).tolist() == [equal]


def test_a_log_that_matches_the_plan_has_no_difference_and_no_cause(report):
    found = report(VALUES)

    assert (found.values, found.exact, found.first, found.causes) == (TOTAL, TOTAL, None, ())


def test_the_first_different_value_is_reported_with_the_planned_value(report):
    found = report(np.where(T == 17, 9.0, VALUES))

    assert (found.exact, found.first.t, found.first.logged, found.first.planned) == (TOTAL - 1, 17, 9.0, VALUES[17])
    assert [cause.name for cause in found.causes] == ["written by something else"]


def test_a_wrong_base_is_reported_as_the_cause(report):
    (cause,) = report(SCHEDULE(T, base=0.3)).causes

    assert (cause.name, cause.explains) == ("another base", TOTAL)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("facts", "processes", "name"),
    [
        ({"accumulation": 4, "batches_per_epoch": 80}, None, "accumulation"),
        ({"accumulation": 2, "batches_per_epoch": 80}, 4, "processes"),
        ({"accumulation": 4, "batches_per_epoch": 80}, 4, "processes or accumulation"),
        ({}, None, "processes or accumulation"),
        ({"steps_per_epoch": 4}, None, "epochs taken for steps"),
    ],
)
def test_a_schedule_four_times_too_fast_is_explained_by_a_fact_of_4(report, facts, processes, name):
    fast = SCHEDULE(T * 4, base=0.1)

    causes = report(fast, processes=processes, **facts).causes

    assert name in [cause.name for cause in causes]
    assert all(cause.explains >= 0.95 * TOTAL for cause in causes)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("facts", "processes", "name"),
    [
        ({"steps_per_epoch": 20}, None, "once per epoch"),
        ({"accumulation": 20, "batches_per_epoch": 80}, None, "log counts batches"),
        ({}, 20, "processes"),
        ({}, None, "once per epoch"),
    ],
)
def test_a_schedule_twenty_times_too_slow_is_explained_by_a_fact_of_20(report, facts, processes, name):
    slow = SCHEDULE(T // 20, base=0.1)

    assert report(slow, processes=processes, **facts).causes[0].name == name


@table(
    ("times", "names"),
    [
        (T + 1, ["off by one", "another index"]),
        (np.maximum(T - 1, 0), ["off by one", "restarted from zero", "skipped steps"]),
        (T * 0, ["never moved", "restarted from zero", "another base"]),
    ],
)
def test_an_offset_clock_is_reported_with_all_causes_that_no_value_distinguishes(report, times, names):
    assert [cause.name for cause in report(SCHEDULE(times, base=0.1)).causes] == names


def test_random_values_have_no_cause(report):
    found = report(np.random.default_rng(0).normal(size=TOTAL))

    assert found.first is not None
    assert found.causes == ()
    assert str(found).endswith("none of the known causes explains the difference")


def test_a_planned_field_missing_from_the_log_is_noted(report):
    found = report(VALUES, plan=ps.Plan(lr=PLAN.bindings[0].schedule, weight_decay="linear()"))

    assert "not compared: weight_decay (not in the log)" in found.notes


TARGETS = ps.Plan(ps.Binding("lr", "linear()"), ps.Binding(ps.Target("clip", 0.28), "linear(1, 0.5)"), horizon=12)


@pytest.mark.parametrize("column", ["clip", "targets/clip"])
def test_a_target_is_compared_with_the_column_of_its_name(column, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(f"step,lr,{column}\n" + "".join(f"{t},{1 - t / 12!r},0.9\n" for t in range(3)))

    found = compare_with_plan(read_log(log, ["lr", "clip"]), TARGETS)

    assert (found.values, found.exact, found.notes) == (6, 3, ())
    assert (found.first.field, found.first.group, found.first.logged, found.first.planned) == ("clip", None, 0.9, 0.28)
    assert "first difference: clip at update 0" in str(found)


def test_what_is_not_compared_is_named(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,lr,mom\n" + "".join(f"{t},{1 - t / 12!r},0.9\n" for t in range(3)))

    found = compare_with_plan(read_log(log, ["lr", "clip"], columns={"momentum": "mom"}), TARGETS)

    assert (found.values, found.first) == (3, None)
    assert found.notes == ("not compared: clip (not in the log), momentum (not in the plan)",)


@pytest.mark.parametrize(
    ("logged", "planned", "equal"),
    [
        ("0.1235", 0.12345001, True),
        ("0.1235", 0.12344, False),
        ("0.1234", 0.12346, False),
        ("1.000e-05", 1.0004e-5, True),
        ("0.0000", 0.00004, True),
        ("0.0000", 0.00006, False),
        ("0.0000", 0.1, False),
    ],
)
def test_a_value_is_as_planned_within_half_a_unit_of_its_last_digit(logged, planned, equal, tmp_path):
    log = tmp_path / "log.csv"
    others = "".join(f"{t},{t / 10000:.4f}\n" for t in range(1, 20))
    log.write_text(f"step,lr\n0,{logged}\n{others}")

    (column,) = read_log(log, ["lr"]).columns

    assert bool(column.equals(np.array([planned]), np.array([0]))[0]) is equal


@pytest.mark.parametrize("digits", [8, 9, 12, 17])
def test_a_value_of_float32_is_as_planned_with_any_number_of_digits(digits, tmp_path):
    log, planned = tmp_path / "log.csv", 3e-4 * (1 - T / 777)
    log.write_text("step,lr\n" + "".join(f"{t},{np.float32(planned[t]):.{digits}g}\n" for t in T))

    (column,) = read_log(log, ["lr"]).columns

    assert column.equals(planned).all()
    assert not column.equals(planned * (1 + 2e-7)).any()


def test_a_value_of_float32_among_others_is_not_as_planned(tmp_path):
    log, planned = tmp_path / "log.csv", 3e-4 * (1 - T / 777)
    used = planned.copy()
    used[1] = np.float32(planned[1])
    log.write_text("step,lr\n" + "".join(f"{t},{float(used[t])!r}\n" for t in T))

    (column,) = read_log(log, ["lr"]).columns

    assert np.flatnonzero(~column.equals(planned)).tolist() == [1]


def test_a_log_that_agrees_needs_no_cause(report):
    assert "cause" not in str(report(VALUES))


def test_zeros_are_not_as_planned_because_a_base_of_0_fits_them(report):
    with pytest.raises(InvalidArgument, match="each lr is 0, "):
        report(0 * VALUES, bases={})

    assert report([0.0], [0], bases={}).exact == 1  # the first value of a warmup
    assert report(0 * VALUES, bases={("lr", None): 0.0}).exact == TOTAL
    assert report(0 * VALUES).exact == 1


@pytest.mark.parametrize("values", [np.ones(20_000), np.tile([0.1, 0.2], 10_000), np.linspace(0.1, 0.0, 20_000)])
def test_the_causes_of_a_long_log_that_does_not_fit_are_sought_in_few_evaluations(values, report, monkeypatch):
    sizes = []

    def counted(schedule, times):
        sizes.append(np.size(times))
        return values_by_base(schedule, times)

    monkeypatch.setattr("paramsched.tools.audit.match.values_by_base", counted)
    report(values, np.arange(values.size), plan=ps.Plan(lr="linear()"), bases={}, total=1000)

    assert sum(sizes) <= 100 * values.size


def test_a_log_without_groups_has_no_fields(tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text('{"t": 0, "groups": []}')

    with pytest.raises(UnreadableLog, match="the log has no fields"):
        compare_with_plan(read_log(file, ["lr"]), PLAN, ps.Calendar(total=TOTAL))


@pytest.mark.parametrize("base", [0.1, 1e-9])
def test_a_clock_that_ends_early_is_a_cause_for_values_of_any_size(report, base):
    used = np.where(T < TOTAL // 2, SCHEDULE(2 * T, base=base), 0.5 * base)

    found = report(used, bases={("lr", None): base}).causes

    assert "2 times per update" in found[0].text
    assert found[0].text.endswith("after the end of the plan the log has other values")
