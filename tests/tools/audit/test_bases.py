"""Bases: those that were not specified are fitted to the log, and specified ones that the run did not use are named."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.tools.audit import compare_with_plan
from paramsched.tools.records.log_values import LogColumn, LoggedValues, readings_of
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


@table("used", [2.0, 5.0])
def test_a_base_at_the_limit_of_a_clamp_is_not_stated_because_any_larger_one_has_the_same_values(used):
    plan = "clamp(constant(1), high=absolute(2.0))"

    report = compared({"lr": plan}, column_of("lr", used_by(plan, used)))

    assert (report.exact, report.bases) == (TOTAL, {})


@table(("plan", "value"), [("constant()", np.nan), ("constant(0.001)", 1e308)])
def test_a_base_that_no_number_explains_is_1(plan, value):
    report = compared({"lr": plan}, column_of("lr", np.full(TOTAL, value)))

    assert (report.exact, report.first.planned) == (0, used_by(plan, 1.0)[0])


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


def test_a_plan_whose_values_depend_on_no_base_is_compared_without_one():
    report = compared({"lr": "clamp(linear(), high=absolute(0.0))"}, column_of("lr", np.full(TOTAL, 0.3)))

    assert (report.exact, report.bases) == (0, {})


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
