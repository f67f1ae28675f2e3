"""Recurrences are computed in blocks; their values equal those of the rules applied update by update."""

import numpy as np
import pytest

from paramsched.core.schedules import rules
from paramsched.core.schedules.recurrence import BLOCK, recurrence

LONG = 2 * BLOCK + 300


def update_by_update(rules_, total, base):
    """Return the values from two columns that the rules compute update by update."""
    return column(rules_, total, 1.0, 0.0) * base + column(rules_, total, 0.0, 1.0)


def column(rules_, total, base, fixed):
    """Apply v <- a v + b base + c fixed + e * (the value at the rule's first tick) for each rule."""
    columns = [rule.step_columns(np.arange(total, dtype=np.float64)) for rule in rules_]
    columns = [tuple(column.tolist() for column in (one.a, one.b, one.c, one.e)) for one in columns]
    periods = [1 if rule.by == "update" else rule.by for rule in rules_]
    later = sorted(range(len(rules_)), key=lambda i: periods[i] != 1)
    value, found, values = base, [base] * len(rules_), []
    for t in range(total):
        for i in later if t else range(len(rules_)):
            tick = t // periods[i] - rules_[i].begin
            last = total if rules_[i].end is None else rules_[i].end - rules_[i].begin
            if t % periods[i] or not 0 <= tick < last:
                continue
            found[i] = value if tick == 0 else found[i]
            a, b, c, e = (column[tick] for column in columns[i])
            value = a * value + b * base + c * fixed + e * found[i]
        values.append(value)
    return np.array(values)


@pytest.mark.parametrize(
    "rule",
    [
        rules.linear(0.001, end=LONG),
        rules.exponential(0.9999),
        rules.step(30, 0.99),
        rules.cosine(0.0, LONG),
        rules.polynomial(2.0, over=LONG),
        rules.cosine(0.1, 700),
    ],
    ids=str,
)
def test_a_rule_that_only_scales_is_exact_to_the_last_bit(rule):
    assert recurrence(rule)(np.arange(LONG)).tolist() == update_by_update([rule], LONG, 1.0).tolist()


def test_a_value_that_no_rule_changes_stays_exactly_constant():
    values = recurrence(rules.linear(0.1, end=100), rules.cosine(0.3, 900, end=1000))(np.arange(LONG), 0.7)

    assert len(set(values[999:].tolist())) == 1


@pytest.mark.parametrize("then", [rules.multistep([300], 0.0), rules.table([1.0] * 300 + [0.0])], ids=["step", "table"])
def test_zero_times_infinity_is_zero(then):
    values = recurrence(rules.exponential(1e200, end=200), then)(np.arange(LONG), 0.1)

    assert np.isinf(values[250])
    assert values[300:].tolist() == [0.0] * (LONG - 300)
    assert recurrence(rules.exponential(1e200, end=200), then)(LONG, 0.1) == 0.0
