"""Logs whose numbers are known: their base, the total of their run, where they begin to differ, and their jumps."""

import itertools
import re

import numpy as np
import pytest

import paramsched as ps
from paramsched.tools.audit import compare_with_plan
from paramsched.tools.records.log_values import LogColumn, LoggedValues, readings_of
from support.spread import every, spread
from support.tables import table

TOTAL = 300
AFFINE = (
    "warmup(20) >> cosine(to=0.1)",
    "absolute(0.003) + cosine()",
    "warmup('5%') >> linear(to=absolute(0.01))",
)
LIMITED = (
    "clamp(warmup(20) >> cosine(), low=absolute(1e-3))",
    "clamp(cosine(), high=absolute(0.06))",
    "clamp(step(40, 0.3), low=absolute(2e-4), high=absolute(0.04))",
    "minimum(cosine(), absolute(0.03))",
    "maximum(linear(), absolute(0.002))",
)
BASES = (0.0312, 0.1, 0.5678, 3.0)
ROWS = (np.arange(TOTAL), np.arange(13, TOTAL, 7))


def planned(plan, t, base, total=TOTAL):
    schedule = ps.Plan(lr=plan).resolve(total=total).bindings[0].schedule
    return np.asarray(schedule(t, base=base), dtype=np.float64)


def column(t, values, form="bits", field="lr"):
    """Return a column as it is read: in all bits, as copies in float32, or in a format."""
    match form:
        case "bits":
            return LogColumn(field, 0, t, values, tolerance=0.0)
        case "float32":
            return LogColumn(field, 0, t, values.astype(np.float32).astype(np.float64))
    texts = [f"{one:{form}}" for one in values.tolist()]
    return LogColumn(field, 0, t, np.array([float(one) for one in texts]), readings_of(set(texts)))


def audited(plan, one, base=None, total=TOTAL):
    bases = None if base is None else {(one.field, None): base}
    logged = LoggedValues("log.csv", (one,), (None,))
    return compare_with_plan(logged, ps.Plan(**{one.field: plan}), total=total, bases=bases)


@pytest.mark.parametrize("form", spread(["bits", "float32", ".4g"], "bits"))
@table("plan", [*AFFINE, *LIMITED])
def test_the_base_of_a_log_is_fitted_to_it(plan, form):
    for base, t in zip(BASES, ROWS * 2, strict=True):
        values = planned(plan, t, base)

        report = audited(plan, column(t, values, form))

        assert (report.exact, report.first) == (t.size, None), (base, t.size, report)
        # A limit may hide the base: then each base that is stated has the same values.
        for found in report.bases.values():
            precision = {".4g": 1e-3, "float32": 1e-7}.get(form, 1e-12)
            assert np.allclose(planned(plan, t, found), values, rtol=precision, atol=0), (base, found)
            assert plan in LIMITED or abs(found - base) <= precision * base, (base, found)


@table("scale", [1e-14, 1e13])
def test_a_plan_in_other_units_has_a_base_in_those_units(scale):
    plan, base = f"({AFFINE[0]}) * {scale!r}", 0.0312 / scale

    report = audited(plan, column(ROWS[0], planned(plan, ROWS[0], base)))

    assert report.first is None
    assert [*report.bases.values()] == [base]


def test_a_weight_decay_of_0_has_the_base_0():
    report = audited("cosine()", column(ROWS[0], np.zeros(TOTAL), field="weight_decay"))

    assert (report.exact, [*report.bases.values()]) == (TOTAL, [0.0])


@pytest.mark.parametrize(("size", "base"), every(2, [(2, 0.5678), (16, 0.1)]))
@table("plan", [*AFFINE[:2], *LIMITED[:3]])
def test_the_base_of_the_first_values_is_fitted_if_nothing_explains_the_others(plan, size, base):
    t = np.arange(0, TOTAL, 10)
    values = planned(plan, t, base) * np.where(np.arange(30) < size, 1, np.linspace(1.1, 1.9, 30) ** 2)

    report = audited(plan, column(t, values))

    assert report.causes == ()
    assert report.exact >= size  # another value may be that of a limit
    assert (report.first.t, report.until) == (t[size], t[size - 1]), report
    assert plan in LIMITED or [*report.assumed.values()] == [base]


@pytest.mark.parametrize("total", spread([47, 211, 1373, 3207], 47))
@table(("plan", "base"), itertools.product(AFFINE, [None, 0.1]))
def test_another_total_is_named_however_far_it_is_from_that_of_the_plan(plan, base, total):
    t = np.arange(0, min(total, 200), 3)

    report = audited(plan, column(t, planned(plan, t, 0.1, total)), base)

    (cause,) = report.causes
    low, *high = [int(one.replace(",", "")) for one in re.findall(r"[\d,]*\d", cause.text.partition(" updates")[0])]
    assert (cause.name, cause.fitted) == ("another total", 1)
    assert low <= total <= max(high, default=low)
    assert cause.bases == (0.1,)


@table("restarts", [2, 5, 6, 9])
def test_the_first_five_of_many_restarts_are_named(restarts):
    places = 20 * np.arange(1, restarts + 1)
    t = np.arange(20 * restarts + 20)
    times = t - np.concatenate([[0], places])[np.searchsorted(places, t, side="right")]
    plan = "linear()"

    report = audited(plan, column(t, planned(plan, times, 0.1)), 0.1)

    (cause,) = report.causes
    named = ", ".join(map(str, places[:5])) + ", …" * (restarts > 5)
    assert cause.fitted == restarts
    assert cause.text.endswith(f" update {named}")
