"""A log beside its plan, as data: what is equal, what differs first, and which cause explains it."""

import json

import numpy as np
import pytest

import paramsched as ps
from paramsched.audit import compare_with_plan, read_log

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


def test_a_log_as_planned_differs_nowhere_and_needs_no_cause(report):
    found = report(VALUES)

    assert (found.values, found.exact, found.first, found.causes) == (TOTAL, TOTAL, None, ())


def test_the_first_value_that_differs_is_told_with_what_was_planned(report):
    found = report(np.where(T == 17, 9.0, VALUES))

    assert (found.exact, found.first.t, found.first.logged, found.first.planned) == (TOTAL - 1, 17, 9.0, VALUES[17])
    assert [cause.name for cause in found.causes] == ["written by something else"]


def test_a_base_that_nobody_gave_is_found_from_the_log(report):
    found = report(SCHEDULE(T, base=0.3), bases={})

    assert found.first is None
    assert found.bases == {"lr of group 0": 0.3}


def test_a_base_that_was_given_and_is_another_is_the_cause(report):
    (cause,) = report(SCHEDULE(T, base=0.3)).causes

    assert (cause.name, cause.explains) == ("another base", TOTAL)


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
def test_a_schedule_that_moved_four_times_is_explained_by_the_fact_that_is_four(report, facts, processes, name):
    fast = SCHEDULE(T * 4, base=0.1)

    causes = report(fast, processes=processes, **facts).causes

    assert name in [cause.name for cause in causes]
    assert all(cause.explains >= 0.95 * TOTAL for cause in causes)


@pytest.mark.parametrize(
    ("facts", "processes", "name"),
    [
        ({"steps_per_epoch": 20}, None, "once per epoch"),
        ({"accumulation": 20, "batches_per_epoch": 80}, None, "log counts batches"),
        ({}, 20, "processes"),
        ({}, None, "once per epoch"),
    ],
)
def test_a_schedule_that_moved_once_in_twenty_rows_is_explained_by_the_fact_that_is_twenty(
    report, facts, processes, name
):
    slow = SCHEDULE(T // 20, base=0.1)

    assert report(slow, processes=processes, **facts).causes[0].name == name


@pytest.mark.parametrize(
    ("times", "name"),
    [(T + 1, "off by one"), (np.maximum(T - 1, 0), "off by one"), (T * 0, "never moved")],
)
def test_a_clock_that_is_off_is_the_cause(report, times, name):
    assert report(SCHEDULE(times, base=0.1)).causes[0].name == name


def test_noise_is_explained_by_nothing(report):
    found = report(np.random.default_rng(0).normal(size=TOTAL))

    assert found.first is not None
    assert found.causes == ()
    assert str(found).endswith("no cause that was tried explains it")


def test_a_field_that_is_planned_and_not_logged_is_noted(report):
    found = report(VALUES, plan=ps.Plan(lr=PLAN.bindings[0].schedule, weight_decay="linear()"))

    assert "not in the log: weight_decay" in found.notes
