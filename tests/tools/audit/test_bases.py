"""Bases: those that were not specified are fitted to the log, and specified ones that the run did not use are named."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.tools.audit import compare_with_plan
from paramsched.tools.audit.bases import _Line, _roundest
from paramsched.tools.records.log_values import LogColumn, LoggedAmounts, LoggedValues, Reading, readings_of
from support.tables import table

TOTAL = 100
T = np.arange(TOTAL)


def used_by(text, base, times=T):
    return ps.Plan(lr=text).resolve(ps.Calendar(total=TOTAL)).bindings[0].schedule(times, base=base)


def column_of(field, values, digits=17, times=T):
    if digits == 17:
        return LogColumn(field, 0, np.asarray(times), values)
    texts = [f"{value:.{digits}g}" for value in values]
    return LogColumn(field, 0, np.asarray(times), np.array([float(one) for one in texts]), readings_of(set(texts)))


def compared(plans, *columns, bases=None, amounts=None, **options):
    logged = LoggedValues("log.csv", columns, (None,), amounts=amounts)
    known = {(field, None): base for field, base in (bases or {}).items()}
    return compare_with_plan(logged, ps.Plan(**plans, **options), ps.Calendar(total=TOTAL), bases=known)


@table(
    "plan",
    [
        "cosine()",
        "cosine(to=absolute(0.01))",
        "absolute(0.05) + linear()",
        "linear(absolute(0.5), 0.1)",
        "clamp(cosine(), low=absolute(0.01))",
        "constant(absolute(0.1), over=50) >> linear()",
    ],
)
def test_a_missing_base_is_fitted_to_the_values_that_depend_on_it(plan):
    report = compared({"lr": plan}, column_of("lr", used_by(plan, 0.3)))

    assert (report.exact, report.bases) == (TOTAL, {"lr of group 0": 0.3})


SELECTING = {
    "clamp(linear(), low=absolute(0.1), high=absolute(0.2))": (0.15, 0.25, 0.5),
    "clamp(warmup(10) >> cosine(), high=absolute(0.2))": (0.15, 0.25, 0.5, 30.0),
    "clamp(exponential(0.97), low=absolute(1e-5), high=absolute(3e-4))": (1e-4, 4e-4, 0.00123456),
    "clamp(0.1 * cosine(), low=absolute(0.01))": (0.3, 1.0),
    "warmup(10) >> clamp(linear(), low=absolute(0.01))": (0.3, 5.0),
    "maximum(cosine(), absolute(constant(1e-3)))": (0.02, 1.0),
    "minimum(warmup(50), absolute(constant(0.03)))": (0.01, 0.1, 1.0),
    "maximum(absolute(constant(-0.2)), linear())": (-0.15, -0.5),
}


@pytest.mark.parametrize("digits", [17, 6])
@table(("plan", "base"), [(plan, base) for plan, bases in SELECTING.items() for base in bases])
def test_the_base_of_a_plan_that_selects_between_values_is_fitted_to_those_that_depend_on_it(plan, base, digits):
    report = compared({"lr": plan}, column_of("lr", used_by(plan, base), digits))

    assert (report.exact, report.bases) == (TOTAL, {"lr of group 0": base}), report


@table(
    "plan",
    [
        "constant(absolute(0.1))",
        "clamp(linear(), low=absolute(1.5))",
        "clamp(linear(), low=absolute(0.3))",
        "clamp(linear(1, 0.5), high=absolute(0.1))",
        "clamp(constant(1), low=absolute(0.4))",
    ],
)
def test_values_that_do_not_depend_on_the_base_show_none(plan):
    report = compared({"lr": plan}, column_of("lr", used_by(plan, 0.3)))

    assert (report.exact, report.bases) == (TOTAL, {})


@table("used", [2.0, 5.0])
def test_a_base_at_the_limit_of_a_clamp_is_not_stated_because_any_larger_one_has_the_same_values(used):
    plan = "clamp(constant(1), high=absolute(2.0))"

    report = compared({"lr": plan}, column_of("lr", used_by(plan, used)))

    assert (report.exact, report.bases) == (TOTAL, {})


def test_a_base_is_fitted_to_a_single_row_that_depends_on_it():
    times = np.array([0, 50])

    plan = "constant(absolute(0.1), over=20) >> linear()"
    report = compared({"lr": plan}, column_of("lr", used_by(plan, 0.3, times), times=times))

    assert (report.exact, report.bases) == (2, {"lr of group 0": 0.3})


def test_a_base_is_fitted_to_the_rows_at_the_amounts_of_the_run():
    plan = "constant(absolute(0.1), over='1000 tokens') >> linear()"
    amounts = LoggedAmounts(T, 100.0 * T)
    share = np.maximum(amounts.amounts - 1000, 0) / 9000
    values = np.where(T < 10, 0.1, 0.3 * (1 - share))

    report = compared(
        {"lr": plan}, column_of("lr", values, 12), amounts=amounts, clock="tokens", horizon="10000 tokens"
    )

    assert (report.exact, report.bases) == (TOTAL, {"lr of group 0": 0.3})


def test_a_base_with_all_digits_is_fitted_bit_for_bit():
    values = used_by("cosine(to=0.1)", 0.12345678901234567)
    column = LogColumn("lr", 0, T, values, tolerance=0.0)

    report = compared({"lr": "cosine(to=0.1)"}, column)

    assert (report.exact, report.bases) == (TOTAL, {"lr of group 0": 0.12345678901234567})


def test_a_base_is_fitted_to_a_schedule_with_small_factors():
    assert compared({"lr": "1e-13 * linear()"}, column_of("lr", used_by("1e-13 * linear()", 0.3))).bases == {
        "lr of group 0": 0.3
    }


@table(("plan", "value"), [("constant()", np.nan), ("constant(0.001)", 1e308)])
def test_a_base_that_no_number_explains_is_1(plan, value):
    report = compared({"lr": plan}, column_of("lr", np.full(TOTAL, value)))

    assert (report.exact, report.first.planned) == (0, used_by(plan, 1.0)[0])


@table("plan", ["cosine()", "cosine(to=absolute(0.02))", "absolute(0.05) + linear()"])
def test_a_base_is_fitted_to_all_values_of_a_rounded_log(plan):
    times = T[7:]

    report = compared({"lr": plan}, column_of("lr", used_by(plan, 0.28374, times), 2, times))

    assert report.exact == times.size
    assert list(report.bases.values()) == [pytest.approx(0.28374, rel=2e-3)]


def test_a_base_fitted_to_rounded_values_has_few_digits():
    times = T[7:]

    report = compared({"lr": "linear()"}, column_of("lr", used_by("linear()", 0.3, times), 2, times))

    (base,) = report.bases.values()
    assert report.exact == times.size
    assert base == float(f"{base:.3g}")


TWO = {"lr": "cosine()", "weight_decay": "linear()"}
ABSOLUTE = ["absolute(linear(0.5, 0.1))", "absolute(cosine(start=0.3, to=0.0))"]


def test_only_the_field_with_another_base_is_named():
    """The bases 0.1012 and 0.101 are equal in two digits."""
    rates = column_of("lr", used_by("cosine()", 0.1012), 2)
    decays = column_of("weight_decay", used_by("linear()", 0.15))

    report = compared(TWO, rates, decays, bases={"lr": 0.1012, "weight_decay": 0.05})

    (cause,) = report.causes
    assert cause.text == "the base of weight_decay of group 0 is 0.15, not 0.05; factor 3"
    assert (cause.name, cause.fitted) == ("another base", 1)


@table(("line", "factor"), [(line, factor) for line in ABSOLUTE for factor in (0.5, 3)])
def test_a_factor_of_values_without_a_base_is_named(line, factor):
    columns = [column_of("lr", factor * used_by(line, 1.0)), column_of("weight_decay", used_by("linear()", 0.15))]

    for known in ({"weight_decay": 0.15}, {}, {"lr": 0.2, "weight_decay": 0.15}):
        (cause,) = compared({"lr": line, "weight_decay": "linear()"}, *columns, bases=known).causes

        assert (cause.name, cause.fitted) == ("a factor of all values", 1)
        assert cause.bases[1] == 0.15


def test_a_base_that_should_be_0_is_named():
    (cause,) = compared({"lr": "linear()"}, column_of("lr", used_by("linear()", 0.1)), bases={"lr": 0.0}).causes

    assert cause.text == "the base of lr of group 0 is 0.1, not 0.0; factor inf"


def test_a_plan_whose_values_depend_on_no_base_is_compared_without_one():
    report = compared({"lr": "clamp(linear(), high=absolute(0.0))"}, column_of("lr", np.full(TOTAL, 0.3)))

    assert (report.exact, report.bases) == (0, {})


@table("bounds", [*itertools.combinations_with_replacement([-np.inf, -1e308, -0.1, 0.0, 0.25, 1e308, np.inf], 2)])
def test_the_first_of_the_round_numbers_in_bounds_is_a_finite_one(bounds):
    first, *rest = _roundest(*bounds, 0.5)

    assert all(bounds[0] <= number <= bounds[1] for number in (first, *rest))
    assert math.isfinite(first) or bounds[0] == bounds[1]
    assert bounds != (-np.inf, np.inf) or first == 0.5


@given(st.integers(-8, 3).map(lambda power: 10.0**power) | st.floats(1e-8, 1e3), st.integers(2, 6))
def test_the_bounds_of_a_base_are_those_of_the_numbers_with_the_digits_of_the_log(base, digits):
    value, reading = float(f"{base:.{digits}g}"), Reading(digits)
    column = LogColumn("lr", 0, np.arange(1), np.array([value]), (reading,))

    low, high = _Line(np.zeros(1), np.ones(1)).bounds(column, reading, slice(None))

    width = high - low
    assert low <= base <= high
    assert column.equals_in(reading, low + 1e-3 * width).all()
    assert column.equals_in(reading, high - 1e-3 * width).all()
    assert not column.equals_in(reading, low - 1e-2 * width).any()
    assert not column.equals_in(reading, high + 1e-2 * width).any()


@table("values", [[0.1, 0.2, 0.3], [np.nan, 0.2, 0.3]])
def test_a_report_of_unexplained_values_names_a_base_to_pass(values):
    """The base of the first values, if one fits it."""
    report = compared({"lr": "cosine()"}, column_of("lr", np.array(values), times=np.arange(3)))

    ((place, base),) = report.assumed.items()
    assert f"--base {place.split()[0]}={base or 0.1!r}" in str(report)


@given(st.integers(50, 90) | st.integers(110, 180), st.integers(2, 4), st.integers(3, 50))
def test_the_named_totals_are_all_around_one_that_explain_the_values(total, digits, rows):
    def planned(length):
        return ps.linear(over=length)(T[:rows], base=0.1)

    column = column_of("lr", planned(total), digits, T[:rows])
    explain = {
        length
        for length in range(2, 400)
        if any(column.equals_in(one, planned(length)).all() for one in (None, *column.readings))
    }

    causes = [one.text for one in compared({"lr": "linear()"}, column, bases={"lr": 0.1}).causes]

    for text in causes:
        if (found := re.search(r"a total of (?:at least )?([\d,]+)(?: to ([\d,]+))? updates", text)) is not None:
            low, high = (int((one or found[1]).replace(",", "")) for one in found.groups())
            high = 399 if "at least" in found[0] else high
            assert {*range(low, high + 1)} <= explain
            assert not {low - 1, high + 1} & explain


@table(("line", "known"), [("constant(absolute(0.1))", {}), ("constant()", {"lr": 0.2}), ("linear()", {"lr": 0.2})])
def test_a_single_value_has_no_factor(line, known):
    """Any value is a multiple of another one."""
    one = column_of("lr", np.array([0.3]), times=np.array([10]))

    assert compared({"lr": line}, one, bases=known).causes == ()
