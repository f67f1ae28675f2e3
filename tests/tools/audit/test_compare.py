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


TARGETS = ps.Plan(ps.Binding("lr", "linear()"), ps.Binding(ps.Target("clip", 0.28), "linear(1, 0.5)"), horizon=12)


@pytest.mark.parametrize("column", ["clip", "targets/clip"])
def test_a_target_is_compared_with_the_column_of_its_name(column, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(f"step,lr,{column}\n" + "".join(f"{t},{1 - t / 12!r},0.9\n" for t in range(3)))

    found = compare_with_plan(read_log(log, ["lr", "clip"]), TARGETS)

    assert (found.values, found.exact, found.notes) == (6, 3, ())
    assert (found.first.field, found.first.group, found.first.logged, found.first.planned) == ("clip", None, 0.9, 0.28)
    assert "first difference: clip at update 0" in str(found)


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
