"""Causes of a difference: stages and floors that a run left out, in every form in which a plan writes them."""

import json
from dataclasses import replace

import numpy as np
import pytest

import paramsched as ps
from paramsched.tools.audit import compare_with_plan, read_log
from paramsched.tools.records.log_values import LogColumn, LoggedValues
from support.tables import table

TOTAL, BASE = 200, 0.1
T = np.arange(TOTAL)


def values_of(text, base=BASE, total=TOTAL):
    return ps.Plan(lr=text).resolve(ps.Calendar(total=total)).bindings[0].schedule(T, base=base)


def compared(folder, plan, rows, **options):
    file = folder / "log.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    plan = plan if isinstance(plan, ps.Plan) else ps.Plan(lr=plan)
    fields = [one.name for one in plan.bindings]
    bases = {(field, None): BASE for field in fields}
    return compare_with_plan(read_log(file, fields), plan, ps.Calendar(total=TOTAL), bases=bases, **options)


def rows_of(values, times=T):
    return [{"step": t, "lr": value} for t, value in zip(np.asarray(times).tolist(), values.tolist(), strict=True)]


@pytest.mark.heavy
@table(
    ("planned", "used", "name"),
    [
        ("warmup(20) >> cosine()", "cosine()", "warmup left out"),
        ("warmup(20) >> cosine()", "cosine(over=180)", "warmup left out"),
        ("warmup(20) >> cosine()", "constant(over=20) >> cosine()", "warmup left out"),
        ("linear(0, 1, over=20) * cosine()", "cosine()", "warmup left out"),
        ("linear(0, 1, over=20) * cosine() * linear()", "cosine() * linear()", "warmup left out"),
        ("cosine(to=0.1)", "cosine()", "floor left out"),
        ("warmup(20) >> cosine(to=0.1)", "warmup(20) >> cosine()", "floor left out"),
        ("cosine(to=absolute(0.01))", "cosine()", "floor left out"),
        ("clamp(cosine(), low=0.1)", "cosine()", "floor left out"),
        ("clamp(cosine(), low=0.1, high=0.8)", "clamp(cosine(), high=0.8)", "floor left out"),
        ("maximum(cosine(), 0.1)", "cosine()", "floor left out"),
        ("0.1 + 0.9 * cosine()", "0.9 * cosine()", "floor left out"),
    ],
)
def test_a_part_that_the_run_left_out_is_named(planned, used, name, tmp_path):
    found = compared(tmp_path, planned, rows_of(values_of(used)))

    assert found.causes[0].name.endswith(name), str(found)
    assert found.causes[0].explains == TOTAL


@table("planned", ["cosine()", "linear(0, 1, over=20) >> cosine()", "0.5 * cosine()", "step(50, gamma=0.5)"])
def test_a_run_as_planned_has_no_cause(planned, tmp_path):
    found = compared(tmp_path, planned, rows_of(values_of(planned)))

    assert (found.first, found.causes) == (None, ())


def test_a_plan_that_does_not_depend_on_the_base_is_compared_by_its_factor(tmp_path):
    planned = "cosine(start=absolute(0.3), to=absolute(0.02))"

    (cause,) = compared(tmp_path, planned, rows_of(3 * values_of(planned))).causes

    assert (cause.name, cause.explains) == ("another base", TOTAL)
    assert cause.text == "the schedule is as planned, but the values of lr of group 0 are 3 times the planned ones"


@table("factor", [1.5, 0.1])
def test_values_that_other_code_scaled_from_some_update_on_are_named_with_the_factor(factor, tmp_path):
    planned = values_of("cosine()")

    (cause,) = compared(tmp_path, "cosine()", rows_of(np.where(T < 120, planned, factor * planned))).causes

    assert (cause.name, cause.explains) == ("written by something else", TOTAL)
    assert cause.text == f"other code wrote the values from update 120 on: {factor:.6g} times the planned values"


@table(
    ("plan", "base", "known", "is_named"),
    [
        ("warmup(50)", 0.1, False, False),
        ("warmup(50)", 0.1, True, True),
        ('warmup(50, index="(t+1)/n")', 0.1, False, False),
        ('warmup(50, index="(t+1)/n")', 0.1, True, True),
        ("linear(0.03, 1, over=50)", 0.1, False, True),  # 0 at update -1.5
        ("linear(-0.02, 1, over=50)", 0.1, False, True),  # 0 at update 1
        ("polynomial(2, 0.01, 1, over=50)", 0.1, False, True),
        ("anneal(0, 1, over=50, curve=curves.power(0.95))", 0.1, False, True),  # nearly a line from -0.5
        ("warmup(50)", 1e10, False, False),
    ],
)
def test_a_ramp_from_0_fits_each_log_of_a_ramp_if_the_base_is_unknown(plan, base, known, is_named, tmp_path):
    values = np.where(T < 30, values_of(f"{plan} >> cosine()", base), 0.05 + 0.001 * (T * 7 % 13))
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(map(json.dumps, rows_of(values))))
    bases = {("lr", None): base} if known else {}

    report = compare_with_plan(
        read_log(file, ["lr"]), ps.Plan(lr=f"{plan} >> cosine()"), ps.Calendar(total=TOTAL), bases=bases
    )

    assert report.first.t == 30
    assert [one.name for one in report.causes] == ["written by something else"] * is_named


@table(
    ("first", "is_named"),
    [(18, True), (19, True), (20, False), (21, False), (22, True)],
)
def test_a_run_that_left_its_plan_where_a_stage_begins_may_have_another_plan(first, is_named, tmp_path):
    plan = "warmup(20) >> cosine()"
    values = np.where(first > T, values_of(plan), 0.05 + 0.001 * (T * 7 % 13))

    report = compared(tmp_path, plan, rows_of(values))

    assert report.first.t == first
    assert [one.name for one in report.causes] == ["written by something else"] * is_named


def test_a_field_as_planned_does_not_show_that_another_one_followed_its_plan(tmp_path):
    rates, decays = values_of("cosine()"), values_of("linear()")
    rates[5:] = 0.05 + 0.001 * (T[5:] * 7 % 13)
    rows = [{**row, "weight_decay": decay} for row, decay in zip(rows_of(rates), decays.tolist(), strict=True)]

    report = compared(tmp_path, ps.Plan(lr="cosine()", weight_decay="linear()"), rows)

    assert (report.first.t, report.causes) == (5, ())


def test_two_factors_of_two_fields_are_not_one(tmp_path):
    plan = ps.Plan(lr="cosine()", weight_decay="linear()")
    rates, decays = values_of("cosine()"), values_of("linear()")
    changed = zip(np.where(T < 120, rates, rates / 2), np.where(T < 120, decays, decays / 4), strict=True)
    rows = [{"step": t, "lr": float(rate), "weight_decay": float(decay)} for t, (rate, decay) in enumerate(changed)]

    (cause,) = compared(tmp_path, plan, rows).causes

    assert (cause.text, cause.explains) == ("other code wrote the values from update 120 on", 240)


@table(("count", "text"), [(3, "20, 40, 60"), (4, "20, 40, 60, …")])
def test_the_first_three_skipped_updates_are_named(count, text, tmp_path):
    moved = np.sum([20 * n <= T for n in range(1, count + 1)], axis=0)
    values = ps.Plan(lr="cosine()").resolve(ps.Calendar(total=TOTAL)).bindings[0].schedule(T + moved, base=BASE)

    (cause,) = compared(tmp_path, "cosine()", rows_of(values)).causes

    assert cause.text.endswith(f"the shift is {count} in the end, and it grows at update {text}")


@table(("end", "is_named"), [(7, False), (8, True)])
def test_eight_rows_up_to_the_end_of_a_plan_show_a_cause(end, is_named, tmp_path):
    """The row of update t has the value of update t + 1, so the plan ends at row end - 1."""
    planned = BASE * (1 - (T + 1) / end)
    values = np.where(end > T, planned, 0.05 + 0.001 * (T * 7 % 13))

    report = compare_with_plan(
        LoggedValues("log.csv", (LogColumn("lr", 0, T, values),), (None,)),
        ps.Plan(lr="linear()", horizon=end),
        bases={("lr", None): BASE},
    )

    assert [one.name for one in report.causes][:1] == ["off by one"] * is_named, report


def test_a_group_whose_values_change_shows_the_cause_among_many_with_constant_ones():
    names = tuple(f"group{n}" for n in range(40))
    columns = [LogColumn("lr", n, T, np.full(TOTAL, 0.01 * (n + 1))) for n in range(40)]
    schedule = ps.Plan(lr="cosine()").resolve(ps.Calendar(total=TOTAL)).bindings[0].schedule
    columns[17] = replace(columns[17], values=schedule(T + (T >= 80), base=BASE))
    plan = ps.Plan(ps.Binding("lr", "constant()"), ps.Binding("lr", "cosine()", groups="group17"))

    report = compare_with_plan(LoggedValues("log.csv", tuple(columns), names), plan, ps.Calendar(total=TOTAL))

    assert [one.name for one in report.causes] == ["skipped steps"]


@table(
    ("plan", "told", "used", "epochs", "each", "base"),
    [
        ("step('3 epochs', 0.5)", 432, 858, 11, 10, 3e-4),
        ("step('3 epochs', 0.5)", 500, 391, 9, 1, 3e6),
        ("multistep(['4 epochs', '7 epochs'], 0.1)", 692, 866, 11, 10, 3e-4),
        ("multistep(['4 epochs', '7 epochs'], 0.1)", 435, 871, 12, 1, 3e-9),
        ("warmup('1 epochs') >> step('4 epochs', 0.3)", 60, 64, 9, 3, 3e6),
        ("cosine_restarts('3 epochs')", 700, 330, 10, 7, 3e-9),
        ("cosine_restarts('3 epochs')", 700, 330, 10, 7, 3e6),
    ],
)
def test_the_length_of_epochs_is_found_for_steps_and_values_of_any_size(plan, told, used, epochs, each, base):
    plan, times = ps.Plan(lr=plan, horizon=f"{epochs} epochs"), np.arange(0, epochs * used, each)
    schedule = plan.resolve(ps.Calendar(steps_per_epoch=used)).bindings[0].schedule
    logged = LoggedValues("log.csv", (LogColumn("lr", 0, times, schedule(times, base=base)),), (None,))

    report = compare_with_plan(logged, plan, ps.Calendar(steps_per_epoch=told))

    assert any(f"an epoch of {used} updates" in one.text for one in report.causes), report


def test_a_factor_of_two_values_is_not_reported(tmp_path):
    planned = values_of("cosine()")

    (cause,) = compared(tmp_path, "cosine()", rows_of(np.where(T < 198, planned, 3 * planned))).causes

    assert cause.name == "written by something else"
    assert "times" not in cause.text


@pytest.mark.parametrize("order", ["unsorted", "other updates in the second field"])
def test_a_log_without_one_clock_is_compared_all_the_same(order, tmp_path):
    planned = values_of("cosine()")
    changed = np.where(T < 100, planned, 0.03)
    if order == "unsorted":
        plan, rows = "cosine()", rows_of(changed[::-1], T[::-1])
    else:
        plan = ps.Plan(lr="cosine()", weight_decay="cosine()")
        rows = [row | ({"weight_decay": row["lr"]} if row["step"] % 2 else {}) for row in rows_of(changed)]

    found = compared(tmp_path, plan, rows)

    assert found.first.t == (199 if order == "unsorted" else 100)  # the first in the log
    assert found.exact == (100 if order == "unsorted" else 150)
    assert all(cause.explains <= found.values for cause in found.causes)


def test_a_log_that_repeats_an_update_shows_a_skipped_one(tmp_path):
    times = np.sort(np.append(T, 49))
    values = (
        ps.Plan(lr="cosine()").resolve(ps.Calendar(total=TOTAL)).bindings[0].schedule(times + (times >= 80), base=BASE)
    )

    (cause,) = compared(tmp_path, "cosine()", rows_of(values, times)).causes

    assert cause.text == (
        "the schedule moved while an update was skipped: the shift is 1 in the end, and it grows at update 80"
    )


@table(("row", "names"), [(199, ["written by something else"]), (200, ["skipped steps"])])
def test_only_a_value_up_to_the_end_of_the_plan_shows_that_an_update_was_skipped(row, names, tmp_path):
    times = np.arange(201)  # the last of them is after the end of a schedule that moved once too often
    schedule = ps.Plan(lr="cosine()").resolve(ps.Calendar(total=TOTAL)).bindings[0].schedule
    values = np.where(times == row, 0.07, schedule(times + (times >= 190), base=BASE))

    report = compared(tmp_path, "cosine()", rows_of(values, times))

    assert [one.name for one in report.causes] == names


def test_the_report_has_a_line_for_each_finding(tmp_path):
    lines = str(compared(tmp_path, "warmup(20) >> cosine()", rows_of(values_of("cosine()")))).splitlines()

    assert lines[0].endswith("of 200 values are as planned")
    assert lines[1].startswith("first difference: lr of group ")
    assert lines[2].startswith("likely cause: ")
    assert lines[2].endswith(" (explains 200 of 200 values)")


def test_a_factor_on_one_of_two_fields_is_found(tmp_path):
    plan, t = ps.Plan(lr="cosine()", weight_decay="linear(1, 0.5)", horizon=200), range(200)
    trace = ps.trace(plan, {"lr": 0.1, "weight_decay": 0.05})
    rates = [value * (0.25 if at >= 120 else 1) for at, value in zip(t, trace["lr"].tolist(), strict=True)]
    rows = zip(t, rates, trace["weight_decay"].tolist(), strict=True)
    file = tmp_path / "log.csv"
    file.write_text("step,lr,weight_decay\n" + "\n".join(f"{at},{rate!r},{decay!r}" for at, rate, decay in rows))

    report = compare_with_plan(read_log(file, ["lr", "weight_decay"]), plan, bases={("lr", None): 0.1})

    (cause,) = report.causes
    assert cause.text == "other code wrote the values from update 120 on: 0.25 times the planned values"
    assert cause.explains == report.values == 400
