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


def test_the_names_of_groups_take_precedence_over_those_of_the_log():
    log = log_of(("lr", 0, 0.1 * LINE), ("lr", 1, np.full(20, 0.3)), names=("a", "b"))
    plan = ps.Plan(ps.Binding("lr", "linear()", groups="body"), ps.Binding("lr", "constant()", groups="head"))

    report = compare_with_plan(log, plan, CALENDAR, bases={("lr", "body"): 0.1}, names=["body", "head"])

    assert (report.values, report.first) == (40, None)
    assert report.bases == {"lr of group 'head'": 0.3}


def test_the_names_of_the_log_complete_those_of_the_call():
    log = log_of(("lr", 0, 0.1 * LINE), ("lr", 1, np.full(20, 0.3)), names=("a", "head"))
    plan = ps.Plan(ps.Binding("lr", "linear()", groups="body"), ps.Binding("lr", "constant()", groups="head"))

    assert compare_with_plan(log, plan, CALENDAR, names=["body"]).exact == 40


def test_the_base_of_a_group_takes_precedence_over_that_of_the_field_and_of_the_log():
    log = log_of(*(("lr", group, base * LINE) for group, base in enumerate([0.1, 0.2, 0.3])), names=(None, None, "c"))
    bases = {("lr", None): 0.1, ("lr", 1): 0.2, ("lr", "c"): 0.3}

    report = compare_with_plan(log, ps.Plan(lr="linear()"), CALENDAR, bases=bases)

    assert (report.values, report.exact, report.bases) == (60, 60, {})


def test_the_momentum_of_a_plan_is_compared_with_the_first_beta_of_adam():
    log = log_of(("lr", 0, LINE), ("betas[0]", 0, 0.9 * LINE), ("betas[1]", 0, np.full(20, 0.99)))
    plan = ps.Plan(lr="linear()", momentum="linear()", weight_decay="constant()")

    report = compare_with_plan(log, plan, CALENDAR, bases={("lr", None): 1.0})

    assert (report.values, report.exact, report.bases) == (40, 40, {"betas[0] of group 0": 0.9})
    assert report.notes == ("not compared: weight_decay (not in the log), betas[1] (not in the plan)",)


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
