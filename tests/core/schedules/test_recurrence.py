"""Recurrences: the closed form of a rule and its values in blocks equal those of the rule applied update by update."""

from dataclasses import dataclass
from typing import final

import numpy as np
import pytest

from paramsched import curves
from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute, rules
from paramsched.core.schedules.anneal import linear, warmup
from paramsched.core.schedules.recurrence import BLOCK, recurrence
from paramsched.core.schedules.rules.base import Coefficients, Rule
from paramsched.core.time import Calendar
from support.tables import table


def run(*given, total, epoch=None, base=0.1):
    schedule = resolve(recurrence(*given), Calendar(total=total, steps_per_epoch=epoch))
    return schedule(np.arange(total), base)


# ---------------------------------------------------------------- closed forms of single rules


@pytest.mark.parametrize(
    "rule",
    [rules.cosine(0.1, 1 / 3), rules.cosine(0.1, 0.5), rules.cosine_restarts([0.999, 2.5], [1.0, 0.5], 0.1)],
    ids=str,
)
def test_lengths_of_fractional_ticks_stay_finite(rule):
    values = run(rule, total=50, base=1.0)

    assert np.isfinite(values).all()
    assert (np.abs(values) <= 2).all()


@table(
    "rule",
    [
        rules.exponential(0.9), rules.exponential(-0.5), rules.step(5, 0.5), rules.multistep([3, 20, 3], 0.5),
        rules.constant(0.5, 5), rules.constant(0.5, end=9), rules.linear(0.25, 0.8, 6), rules.linear(0.5, end=9),
        rules.linear(0.5), rules.linear(0.5, 0.8, 0), rules.polynomial(2.0, 0.1, over=10), rules.polynomial(2.0, end=9),
        rules.polynomial(2.0), rules.polynomial(0.9, absolute(0.2), over=10), rules.cosine(0.2, 10), rules.cosine(),
        rules.cosine(absolute(0.2), 7), rules.cosine(0.5 + absolute(0.2), 7), rules.cosine(0.1, end=9),
        rules.cosine(0.1, 7, base=absolute(0.8)), rules.cosine(0.1, 7, base=0.5 + absolute(0.8)),
        rules.cosine_restarts([4, 6.5], [1.0, 0.5], 0.1), rules.cosine_restarts([4, 8], to=absolute(0.1)),
        rules.cosine_restarts([4, 6], [1.0, 0.5], base=0.5 + absolute(0.8)), rules.one_cycle(0.5, 10),
        rules.one_cycle(0.5, end=9, three_phase=True), rules.table([1.0, 0.5], [0.25], [0.0, 0.1, 0.2]),
        rules.anneal(absolute(0.2), 8, curves.cosine), rules.anneal(0.5, 0), rules.schedule(linear(0.2, over=5)),
        *(rules.anneal(absolute(0.2), over, curves.cosine_wave(2.5)) for over in (0, 1, 8)),
    ],
)  # fmt: skip
def test_the_closed_form_of_a_rule_is_its_recurrence(rule):
    k = np.arange(30.0 if rule.last is None else rule.last + 1.0)
    factor, offset = rule.closed_form(k)

    for base in (0.3, 2.0):
        values = recurrence(rule)(k.astype(int), base)
        assert values == pytest.approx(factor * base + offset, rel=1e-12, abs=1e-13)
    assert [column[0] for column in rule.closed_form(k[7:8])] == pytest.approx([factor[7], offset[7]], rel=1e-12)


@final
@dataclass(frozen=True, slots=True)
class Return(Rule):
    """Halve the value at each tick, and return to the value before the first tick every fourth one."""

    begin: int = 0
    end: int | None = None
    by: str = "update"

    def step_columns(self, k):
        out = Coefficients.identity(k.size)
        out.a[:], out.b[:], out.c[:], out.e[:] = np.where(k % 4 == 3, 0.0, 0.5), 0.01, 0.02, np.where(k % 4 == 3, 1, 0)
        return out


def test_a_rule_of_your_own_has_a_closed_form():
    factor, offset = Return().closed_form(np.arange(8.0))

    values = recurrence(Return())(np.arange(8), 2.0)
    assert (factor * 2.0 + offset).tolist() == pytest.approx(values.tolist(), rel=1e-15)
    assert values[3] == values[7] == 2.0 + 0.01 * 2.0 + 0.02


# ---------------------------------------------------------------- properties of a recurrence


@table(
    ("rule", "expected"),
    [
        (rules.constant(0.9, over=4), (0, 4, 16)),
        (rules.constant(0.5, over=4, begin=3), (0, 3, 7, 16)),
        (rules.step(3, 0.9), (0, 3, 6, 9, 12, 15, 16)),
        (rules.step(3, 0.9, begin=1), (0, 1, 4, 7, 10, 13, 16)),
        (rules.step(3, 0.9, end=7), (0, 3, 6, 7, 16)),
        (rules.multistep([2, 4, 5], 0.9), (0, 2, 4, 5, 16)),
        (rules.multistep([2, 9], 0.9, begin=1, end=6), (0, 1, 3, 6, 16)),
        (rules.linear(0.5, 1.0, over=5), (0, 5, 16)),
        (rules.exponential(0.9), (0, 16)),
        (rules.exponential(0.9, begin=2, end=9), (0, 2, 9, 16)),
        (rules.polynomial(0.9, over=6), (0, 6, 16)),
        (rules.anneal(0.1, 4, begin=3), (0, 3, 7, 16)),
        (rules.anneal(0.1, 4, curves.cosine_wave(1.5)), (0, 4, 16)),
        (rules.cosine(0.1, over=5), (0, 5, 10, 15, 16)),
        (rules.cosine(0.1, over=4.5), (0, 5, 9, 14, 16)),
        (rules.cosine(0.1, over=2, end=5), (0, 2, 4, 5, 16)),
        (rules.cosine_restarts([3, 5], [1, 0.9]), (0, 3, 8, 16)),
        (rules.one_cycle(1.0, 10), (0, 2, 9, 16)),
        (rules.one_cycle(1.0, 10, three_phase=True), (0, 2, 4, 9, 16)),
        (rules.table([1, 0.5, 1, 1, 1, 1, 1, 0.5], end=5), (0, 1, 5, 16)),
        (rules.schedule(warmup(5) >> linear(over=4), begin=2), (0, 2, 7, 11, 16)),
        (rules.table([1, 0.9, 1, 1, 0.8, 0.8, 0.8, 1]), (0, 1, 3, 6, 16)),
    ],
)
def test_breakpoints_of_a_rule_are_the_ticks_at_which_its_formula_changes(rule, expected):
    for until in range(17):
        found = recurrence(rule).breakpoints(until)
        assert found == tuple(sorted({until, *(tick for tick in expected if tick < until)})), until


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


@pytest.mark.parametrize("then", [rules.multistep([300], 0.0), rules.table([1.0] * 300 + [0.0])], ids=["step", "table"])
def test_zero_times_infinity_is_zero(then):
    values = recurrence(rules.exponential(1e200, end=200), then)(np.arange(LONG), 0.1)

    assert np.isinf(values[250])
    assert values[300:].tolist() == [0.0] * (LONG - 300)
    assert recurrence(rules.exponential(1e200, end=200), then)(LONG, 0.1) == 0.0
