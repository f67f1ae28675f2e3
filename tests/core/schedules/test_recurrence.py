"""Recurrences: values recorded from the schedulers of MMEngine, and the closed forms of torch."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np
import pytest

from paramsched import curves
from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute, parse, rules
from paramsched.core.schedules.anneal import linear, warmup
from paramsched.core.schedules.leaves import constant, from_function
from paramsched.core.schedules.recurrence import BLOCK, recurrence
from paramsched.core.schedules.rules.base import Coefficients, Rule
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, Unresolved
from support.tables import table


def run(*given, total, epoch=None, base=0.1):
    schedule = resolve(recurrence(*given), Calendar(total=total, steps_per_epoch=epoch))
    return schedule(np.arange(total), base)


# ---------------------------------------------------------------- lists of schedulers, as MMEngine runs them


def test_row_3_milestones_by_epoch():
    values = run(rules.multistep([8, 11], by="epoch", end=12), total=240, epoch=20)

    assert values == pytest.approx([0.1] * 160 + [0.01] * 60 + [0.001] * 20, rel=1e-12)


def test_row_7_a_cosine_by_epoch_stops_one_epoch_before_its_floor():
    values = run(rules.cosine(absolute(0.0), over=12, by="epoch", end=12), total=240, epoch=20)

    assert values[::20] == pytest.approx(
        [0.1, 0.0982962913, 0.0933012702, 0.0853553391, 0.075, 0.0629409523, 0.05, 0.0370590477, 0.025, 0.0146446609,
         0.0066987298, 0.0017037087], abs=5e-11,
    )  # fmt: skip
    assert values[20] == values[39]


def test_row_8_a_cosine_by_update():
    values = run(rules.cosine(absolute(0.0), over=240, end=240), total=240)

    expected = {0: 0.1, 1: 0.0999957164, 19: 0.0984615455, 20: 0.0982962913, 60: 0.0853553391, 120: 0.05,
                180: 0.0146446609, 220: 0.0017037087, 239: 4.2836e-6}  # fmt: skip
    for t, value in expected.items():
        assert values[t] == pytest.approx(value, abs=5e-11)


def test_row_9_a_warmup_by_update_with_milestones_by_epoch():
    values = run(rules.linear(0.001, end=50), rules.multistep([8, 11], by="epoch", end=12), total=240, epoch=20)

    expected = {0: 0.0001, 1: 0.0021387755, 25: 0.0510693878, 48: 0.0979612245, 49: 0.1, 159: 0.1, 160: 0.01, 219: 0.01,
                220: 0.001, 239: 0.001}  # fmt: skip
    for t, value in expected.items():
        assert values[t] == pytest.approx(value, abs=5e-11)


def test_row_10_a_cosine_after_a_warmup_and_a_gap():
    values = run(rules.linear(0.001, end=100), rules.cosine(absolute(0.0), over=800, begin=100, end=900), total=1000)

    expected = {0: 0.0001, 1: 0.0011090909, 50: 0.0505545455, 98: 0.0989909091, 99: 0.1, 100: 0.1, 101: 0.0999996145,
                300: 0.0853553391, 500: 0.05, 700: 0.0146446609, 898: 1.54211776e-6, 899: 3.85530926e-7,
                999: 3.85530926e-7}  # fmt: skip
    for t, value in expected.items():
        assert values[t] == pytest.approx(value, rel=5e-8, abs=5e-11)


def test_row_11_overlaps_chain_in_the_order_of_the_list():
    warm, wave = rules.linear(0.5, end=5), rules.cosine(absolute(0.05), over=5, end=5)

    assert run(warm, wave, total=5) == pytest.approx([0.05, 0.06130636, 0.0670537, 0.06490124, 0.05668121], abs=5e-9)
    assert run(wave, warm, total=5) == pytest.approx([0.05, 0.0625, 0.0708541, 0.07117615, 0.06383194], abs=5e-9)


def test_rows_12_to_14_any_base():
    for base, expected in [
        (0.9, {0: 0.0009, 1: 0.0018, 10: 0.0099, 250: 0.2259, 500: 0.4509, 998: 0.8991, 999: 0.9, 1200: 0.9}),
        (5e-4, {0: 5e-7, 1: 1e-6, 100: 5.05e-5, 500: 2.505e-4, 998: 4.995e-4, 999: 5e-4}),
    ]:
        values = run(rules.linear(0.001, end=1000), total=1300, base=base)
        for t, value in expected.items():
            assert values[t] == pytest.approx(value, rel=1e-10)


# ---------------------------------------------------------------- closed forms of single rules

N = 12
LINE = np.arange(30)


def u(k, n):
    return np.minimum(k, n) / n


@table(
    ("rule", "expected"),
    [
        # the closed form of torch's class
        (rules.exponential(0.9), 0.9**LINE),
        (rules.step(5, 0.5), 0.5 ** (LINE // 5)),
        (rules.multistep([3, 20, 3], 0.5), np.where(LINE < 3, 1, np.where(LINE < 20, 0.25, 0.125))),
        (rules.multistep([0], 0.5), np.full(30, 0.5)),
        (rules.constant(1 / 3, 5), np.where(LINE < 5, 1 / 3, 1.0)),
        (rules.constant(0.5, 0), np.ones(30)),
        (rules.constant(0.0, 5), np.where(LINE < 5, 0.0, 1.0)),
        (rules.linear(1 / 3, 1.0, 5), 1 / 3 + 2 / 3 * u(LINE, 5)),
        (rules.linear(0.0, 1.0, 5), u(LINE, 5)),
        (rules.linear(1.0, 0.0, 5), 1 - u(LINE, 5)),
        (rules.linear(0.25, 0.8, 0), np.full(30, 0.8)),
        (rules.linear(0.5, -0.5, 10), 0.5 - u(LINE, 10)),
        (rules.polynomial(0.9, over=N), (1 - u(LINE, N)) ** 0.9),
        (rules.polynomial(2.0, 0.1, over=N), 0.1 + 0.9 * (1 - u(LINE, N)) ** 2),
        (rules.polynomial(over=1), np.where(LINE < 1, 1.0, 0.0)),
        (rules.cosine(0.2, N), 0.2 + 0.8 * (1 + np.cos(np.pi * LINE / N)) / 2),
        (rules.cosine(0.0, 1), (LINE + 1) % 2),
        (rules.cosine_restarts([10, 20], [1.0, 0.5], 0.1),
         np.where(LINE < 10, 0.1 + 0.9 * (1 + np.cos(np.pi * LINE / 10)) / 2,
                  0.1 + 0.4 * (1 + np.cos(np.pi * (LINE - 10) / 20)) / 2)),
        # the window's last tick is n, as in MMEngine
        (rules.constant(0.5, end=N), np.where(LINE < N - 1, 0.5, 1.0)),
        (rules.constant(0.0, end=N), np.where(LINE < N - 1, 0.0, 1.0)),
        (rules.constant(0.5, end=1), np.full(30, 0.5)),
        (rules.linear(0.001, end=1), np.full(30, 0.001)),
        (rules.linear(0.0, end=5), u(LINE, 4)),
        (rules.linear(0.5), np.full(30, 0.5)),
        (rules.polynomial(2.0, end=N), (1 - u(LINE, N - 1)) ** 2),
        (rules.polynomial(2.0, end=1), np.ones(30)),
        (rules.cosine(0.1, end=N), 0.1 + 0.9 * (1 + np.cos(np.pi * np.minimum(LINE, N - 1) / N)) / 2),
        (rules.exponential(0.9, begin=5, end=10), 0.9 ** np.clip(LINE - 5, 0, 4)),
        (rules.step(2, 0.5, begin=5), 0.5 ** (np.maximum(LINE - 5, 0) // 2)),
        (rules.schedule(linear(1.0, 0.0, 10), end=8), 1 - np.minimum(LINE, 7) / 10),
        (rules.schedule(warmup(5), begin=10), np.where(LINE < 10, 1.0, np.minimum(np.maximum(LINE - 10, 0) / 5, 1))),
        # every third update, and every epoch of three
        (rules.exponential(0.5, by=3), 0.5 ** (LINE // 3)),
        (rules.exponential(0.5, by="epoch", begin=1, end=4), 0.5 ** np.clip(LINE // 3 - 1, 0, 2)),
    ])  # fmt: skip
def test_a_single_rule_follows_its_closed_form(rule, expected):
    for base in (1.0, 0.1, 0.0):
        # The tolerance covers thirty ratios, each rounded once, and their differences near the floor.
        assert run(rule, total=30, epoch=3, base=base) == pytest.approx(expected * base, rel=1e-12, abs=1e-13 * base)


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


def test_anneal_continues_from_the_current_value():
    values = run(
        rules.exponential(0.5, end=2),
        rules.anneal(absolute(0.05), 4, curves.cosine, begin=10, end=20),
        total=20,
        base=1.0,
    )

    a = (1 - np.cos(np.pi * np.clip(np.arange(20) - 10, 0, 4) / 4)) / 2
    assert values[1:] == pytest.approx((0.05 * a + 0.5 * (1 - a))[1:], rel=1e-12)
    assert values[14] == values[19] == 0.05


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


@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
@table(("total", "pct"), [(100, 0.3), (50, 0.4), (10, 0.1), (10, 1.0), (7, 0.25), (1, 0.3)])
def test_one_cycle_passes_through_its_knots(anneal, three_phase, total, pct):
    rule = rules.one_cycle(1.0, total, pct, anneal, three_phase=three_phase)
    low, floor, up = 0.04, 4e-06, pct * total - 1
    knots = (
        [(0, low), (up, 1.0), (2 * up, low), (total - 1, floor)]
        if three_phase
        else [(0, low), (up, 1.0), (total - 1, floor)]
    )

    def expected(k):
        for (x0, y0), (x1, y1) in pairwise(knots):
            if k <= x1:
                if x1 <= x0:
                    return y1
                p = (k - x0) / (x1 - x0)
                return y0 + (y1 - y0) * ((1 - math.cos(math.pi * p)) / 2 if anneal == "cos" else p)
        return knots[-1][1]

    values = run(rule, total=total + 5, base=0.7)

    assert values[:total].tolist() == pytest.approx([expected(k) for k in range(total)], rel=1e-12, abs=1e-17)
    assert values[total:].tolist() == [values[total - 1]] * 5


# ---------------------------------------------------------------- properties of a recurrence


def test_a_recurrence_is_affine_in_base_with_absolute_levels():
    given = (rules.linear(0.1, end=20), rules.cosine(absolute(0.05), over=30), rules.step(7, 0.5))

    at = {base: run(*given, total=100, base=base) for base in (0.0, 1.0, 0.3, -2.0)}

    for base, values in at.items():
        assert values == pytest.approx(at[0.0] + base * (at[1.0] - at[0.0]), rel=1e-12, abs=1e-15)


def test_a_warmup_from_0_returns_to_the_value_at_which_it_started():
    start = (rules.table([0.5], [0.0], [0.25]), rules.constant(0.5, 3))
    for count in (0, 1, 2):
        before, begun = recurrence(*start[:count])(np.array([2, 3]), base=2.0).tolist() if count else (2.0, 2.0)
        for end in (8, 40):
            values = recurrence(*start[:count], rules.linear(0.0, begin=3, end=end))(np.arange(60), base=2.0)

            assert values[2:4].tolist() == [before, 0.0]
            assert values[end - 1 :].tolist() == pytest.approx([begun] * (61 - end), rel=1e-12)


def test_a_rule_may_add_one_or_double_the_value_in_each_of_many_ticks():
    ones = [1.0] * 20
    for rule, expected in (
        (rules.table(ones, add=ones), [3.0 + t for t in range(20)]),
        (rules.table(ones, base=ones), [4.0 + 2 * t for t in range(20)]),
        (rules.exponential(2.0), [2.0 * 2**t for t in range(20)]),
        (rules.table([0.0] * 20, base=ones, add=ones), [3.0] * 20),
    ):
        assert recurrence(rule)(np.arange(20), base=2.0).tolist() == expected


def test_a_single_value_equals_the_value_of_the_full_array():
    total = 3 * BLOCK + 17
    schedule = resolve(recurrence(rules.linear(0.1, end=50), rules.cosine(0.1, over=999)), Calendar(total=total))
    whole = schedule(np.arange(total))

    for t in (0, 1, 49, 50, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 1, 3 * BLOCK, total - 1):
        assert schedule(t) == whole[t]
    unresolved = recurrence(rules.linear(0.1, end=50), rules.cosine(0.1, over=999))
    assert unresolved(np.arange(total)).tolist() == whole.tolist()
    assert schedule(total) == schedule(10 * total)


def test_a_rule_that_starts_in_a_later_block_continues_from_the_value_before_it():
    starts = BLOCK + 3
    schedule = recurrence(rules.linear(0.5, over=8, begin=starts), rules.constant(0.25, over=2, begin=starts + 20))
    coming = np.arange(starts - 2, starts + 30)

    whole = schedule(coming, base=2.0)

    assert whole.tolist() == recurrence(
        rules.linear(0.5, over=8, begin=3), rules.constant(0.25, over=2, begin=23)
    )(coming - BLOCK, base=2.0).tolist()  # fmt: skip
    assert len(set(whole.tolist())) > 8


def test_epochs_require_a_calendar():
    by_epoch = recurrence(rules.exponential(0.5, by="epoch"))

    with pytest.raises(Unresolved, match="resolve"):
        by_epoch(3)
    assert str(resolve(by_epoch, Calendar(total=100, steps_per_epoch=7))) == (
        "recurrence(rules.exponential(0.5, by=7), until=100)"
    )
    assert resolve(by_epoch, Calendar(steps_per_epoch=1))(5) == 0.5**5


def test_a_rule_with_absolute_values_makes_the_recurrence_absolute():
    assert recurrence(rules.one_cycle(1.0, 10)).has_absolute
    assert recurrence(rules.cosine(absolute(0.1))).has_absolute
    assert recurrence(rules.schedule(constant(absolute(0.1)))).has_absolute
    assert not recurrence(rules.cosine(0.1)).has_absolute
    assert (constant(0.5) * recurrence(rules.one_cycle(1.0, 10), until=10))(2, base=0.1) == (
        0.5 * recurrence(rules.one_cycle(1.0, 10), until=10)(2, base=0.1)
    )


def test_a_rule_with_an_anonymous_function_has_no_text():
    assert not recurrence(rules.schedule(from_function(lambda t: 1.0))).serializable
    assert not recurrence(rules.anneal(0.1, 5, lambda u: u)).serializable
    assert recurrence(rules.anneal(0.1, 5, "cosine")).serializable


@table(
    ("line", "resolved"),
    [
        (
            "recurrence(rules.schedule(linear(), 5, 20))",
            "recurrence(rules.schedule(linear(over=15), 5, 20), until=100)",
        ),
        ("recurrence(rules.schedule(linear(), 5))", "recurrence(rules.schedule(linear(over=95), 5), until=100)"),
        (
            "warmup(30) >> recurrence(rules.schedule(linear(), end=25))",
            "warmup(30) >> recurrence(rules.schedule(linear(over=25), end=25), until=70)",
        ),
    ],
)
def test_a_schedule_without_a_length_fills_the_window_of_its_rule(line, resolved):
    assert str(resolve(parse(line), Calendar(total=100))) == resolved


def test_a_schedule_in_a_rule_by_epoch_counts_ticks():
    with pytest.raises(InvalidArgument, match="counts ticks"):
        resolve(recurrence(rules.schedule(warmup("5%"), by="epoch")), Calendar(total=100, steps_per_epoch=10))

    inside = resolve(recurrence(rules.schedule(linear(), begin=20)), Calendar(total=100))
    assert inside(60) == 0.5


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
