"""Which line of a plan is compared with a column of a log: by field, group, name and optimizer."""

import numpy as np

import paramsched as ps
from paramsched.tools.audit import compare_with_plan
from paramsched.tools.records.log_values import LogColumn, LoggedValues

T = np.arange(20)
LINE = 1 - T / 20
CALENDAR = ps.Calendar(total=20)


def log_of(*columns, names=(None,)):
    """Return a log with the columns (field, group, values)."""
    made = [LogColumn(field, group, T, np.asarray(values, dtype=float)) for field, group, values in columns]
    return LoggedValues("log.csv", tuple(made), names)


def test_a_target_with_a_name_that_no_field_has_is_compared():
    log = log_of(("params", 0, LINE), ("lr", 0, 0.1 * LINE))
    plan = ps.Plan(ps.Binding(ps.Target("params", 1.0), "linear()"), ps.Binding("lr", "linear()"))

    assert compare_with_plan(log, plan, CALENDAR).exact == 40


def test_epochs_are_compared_without_their_length_if_the_plan_counts_them():
    column = LogColumn("lr", 0, T, 0.1 * (1 - T / 19))
    log = LoggedValues("log.csv", (column,), (None,), unit="epochs")

    report = compare_with_plan(log, ps.Plan(lr='linear(index="t/(n-1)")', horizon="20 epochs"))

    assert (report.exact, report.bases) == (20, {"lr of group 0": 0.1})


def test_fields_with_other_numbers_of_rows_are_compared_with_other_epochs():
    plan = ps.Plan(lr="linear(over='4 epochs')", weight_decay="linear(over='4 epochs')", momentum="constant()")
    rates = LogColumn("lr", 0, np.arange(100), 0.1 * (1 - np.arange(100) / 100))
    decays = LogColumn("weight_decay", 0, np.arange(51), 0.05 * (1 - np.arange(51) / 100))
    momenta = LogColumn("momentum", 0, np.arange(0), np.array([]))

    report = compare_with_plan(
        LoggedValues("log.csv", (rates, decays, momenta), (None,)),
        plan,
        ps.Calendar(steps_per_epoch=40),
        bases={("lr", None): 0.1, ("weight_decay", None): 0.05},
    )

    assert report.notes == ("not compared: momentum (not in the log)",)
    assert (report.values, report.exact) == (151, 2)
