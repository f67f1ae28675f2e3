"""Comparison of a log with its plan: equal values, the first difference, and its cause."""

import json

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.schedules.evaluation import values_by_base
from paramsched.errors import InvalidArgument, UnreadableLog
from paramsched.tools.audit import compare_with_plan, read_log

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


def test_a_log_that_matches_the_plan_has_no_difference_and_no_cause(report):
    found = report(VALUES)

    assert (found.values, found.exact, found.first, found.causes) == (TOTAL, TOTAL, None, ())


def test_the_first_different_value_is_reported_with_the_planned_value(report):
    found = report(np.where(T == 17, 9.0, VALUES))

    assert (found.exact, found.first.t, found.first.logged, found.first.planned) == (TOTAL - 1, 17, 9.0, VALUES[17])
    assert (found.until, found.from_first_on, found.causes) == (16, False, ())


def test_random_values_have_no_cause(report):
    found = report(np.random.default_rng(0).normal(size=TOTAL))

    assert found.first is not None
    assert found.causes == ()
    assert str(found).endswith("none of the known causes explains all values")


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

    assert sum(sizes) <= 150 * values.size


def test_a_log_without_groups_has_no_fields(tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text('{"t": 0, "groups": []}')

    with pytest.raises(UnreadableLog, match="the log has no fields"):
        compare_with_plan(read_log(file, ["lr"]), PLAN, ps.Calendar(total=TOTAL))
