"""Recurrences: the closed forms of their rules, their breakpoints, rules of a user, and invalid rules."""

from dataclasses import dataclass
from typing import final

import numpy as np
import pytest

from paramsched import curves
from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute, rules
from paramsched.core.schedules.anneal import linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.recurrence import BLOCK, recurrence
from paramsched.core.schedules.rules.base import Coefficients, Rule
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument
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


def test_anneal_along_a_curve_that_turns_back_uses_its_initial_value():
    values = run(
        rules.exponential(0.5, end=2), rules.anneal(0.1, 10, curves.cosine_wave(2.5), begin=5), total=20, base=1.0
    )

    left = (1 + np.cos(2 * np.pi * 2.5 * np.clip(np.arange(20) - 5, 0, 10) / 10)) / 2
    assert values[2:] == pytest.approx((0.1 + 0.4 * left)[2:], rel=1e-12)
    assert values[15] == values[19] == 0.1


def test_anneal_along_a_curve_that_is_constant_before_its_end_stays_constant():
    assert (
        run(rules.anneal(0.25, 10, curves.sigmoid(5000.0)), total=12, base=1.0).tolist()
        == [1.0] * 5 + [0.625] + [0.25] * 6
    )


# ---------------------------------------------------------------- properties of a recurrence


def test_a_rule_that_starts_in_a_later_block_continues_from_the_value_before_it():
    starts = BLOCK + 3
    schedule = recurrence(rules.linear(0.5, over=8, begin=starts), rules.constant(0.25, over=2, begin=starts + 20))
    coming = np.arange(starts - 2, starts + 30)

    whole = schedule(coming, base=2.0)

    assert whole.tolist() == recurrence(
        rules.linear(0.5, over=8, begin=3), rules.constant(0.25, over=2, begin=23)
    )(coming - BLOCK, base=2.0).tolist()  # fmt: skip
    assert len(set(whole.tolist())) > 8


@table(
    ("build", "said"),
    [
        (lambda: recurrence(), "rules.linear"),
        (lambda: recurrence(constant()), "rules.linear"),
        (lambda: recurrence(rules.step(5), until=-1), "expected an integer"),
        (lambda: rules.step(0), "expected an integer of at least 1"),
        (lambda: rules.step(2.5), "expected an integer of at least 1"),
        (lambda: rules.step(5, begin=-1), "expected an integer of at least 0"),
        (lambda: rules.step(5, begin=5, end=5), "rules.step(5, begin=5, end=6)"),
        (lambda: rules.step(5, by=0), "expected an integer of at least 1"),
        (lambda: rules.step(5, by="epochs"), "expected an integer"),
        (lambda: rules.exponential(float("nan")), "must be finite"),
        (lambda: rules.linear("0.1"), "expected a number"),
        (lambda: rules.linear(0.1, over=-1), "expected an integer of at least 0"),
        (lambda: rules.cosine(over=0), "must be greater than 0"),
        (lambda: rules.polynomial(over=0), "expected an integer of at least 1"),
        (lambda: rules.polynomial(-1.0, over=5), "power must not be negative"),
        (lambda: rules.multistep([1.5]), "expected an integer"),
        (lambda: rules.cosine_restarts([5, 5], [1.0, 0.5, 0.2]), "2 periods and 3 weights"),
        (lambda: rules.cosine_restarts([0]), "must be greater than 0"),
        (lambda: rules.one_cycle(1.0), "rules.one_cycle(1.0, 1000)"),
        (lambda: rules.one_cycle(1.0, 10, div=0), "must be greater than 0"),
        (lambda: rules.one_cycle(1.0, 10, pct_start=1.5), "from 0 to 1"),
        (lambda: rules.one_cycle(1.0, 10, anneal="line"), 'did you mean "linear"'),
        (lambda: rules.schedule("warmup"), "neither a schedule nor a number"),
        (lambda: rules.anneal(0.1, 5, "cosin"), 'did you mean "cosine"'),
    ],
)
def test_an_invalid_rule_is_rejected(build, said):
    with pytest.raises(InvalidArgument) as refusal:
        build()

    assert said in str(refusal.value) or refusal.value.call


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
