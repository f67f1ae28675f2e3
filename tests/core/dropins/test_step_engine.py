"""The step engine: the closed form and the relative steps of a rule agree without external writes."""

import math
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.dropins.step_engine import UNCHANGED, FractionalRule, StepEngine, ValueRows, rule_over
from paramsched.core.schedules import rules
from paramsched.core.schedules.rules import Rule

BASES = [1.0, 0.4]
RULES = {
    "step": rules.step(3, 0.1),
    "step-of-a-negative-gamma": rules.step(2, -0.5),
    "step-to-zero": rules.step(4, 0.0),
    "multistep": rules.multistep([0, 5, 5, 9], 0.5),
    "exponential": rules.exponential(0.9),
    "constant": rules.constant(0.25, over=4),
    "constant-of-zero": rules.constant(0.0, over=4),
    "linear-up": rules.linear(0.1, 1.0, over=7),
    "linear-to-zero": rules.linear(1.0, 0.0, over=7),
    "linear-from-zero": rules.linear(0.0, 1.0, over=7),
    "linear-through-zero": rules.linear(0.5, -0.5, over=8),
    "polynomial": rules.polynomial(0.9, over=6),
    "polynomial-to-a-share": rules.polynomial(2.0, 0.1, over=6),
    "cosine": rules.cosine(over=5),
    "cosine-to-a-value": rules.cosine(ps.absolute(0.05), over=5),
    "cosine-to-a-share": rules.cosine(0.2, over=4),
    "cosine-of-a-third": rules.cosine(ps.absolute(0.05), over=10 / 3),
    "cosine-from-another-base": rules.cosine(over=3, base=ps.absolute(0.5)),
    "restarts": rules.cosine_restarts([3, 6], [1.0, 0.5], to=0.1),
    "anneal": rules.anneal(ps.absolute(0.02), 6, ps.curves.cosine),
    "anneal-that-turns": rules.anneal(0.5, 6, ps.curves.cosine_wave(1.5)),
    "one-cycle": rules.one_cycle(0.5, 12),
    "schedule": rules.schedule(ps.cosine(to=0.1, over=9)),
    "table": rules.table([1.0, 0.5, 0.5], [0.0, 0.1], [0.0, 0.0, 0.2]),
    "half-steps": rule_over(2.5, lambda n: rules.step(n, 0.5)),
    "half-cosine": rule_over(2.5, lambda n: rules.cosine(ps.absolute(0.05), n)),
    "without-end": rule_over(math.inf, lambda n: rules.linear(0.1, 1.0, n)),
}


def by_name(cases: dict[str, Rule]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rule", [pytest.param(rule, id=name) for name, rule in cases.items()])


@by_name(RULES)
def test_stepping_from_base_gives_the_closed_form(rule):
    engine = StepEngine(rule, bases=BASES)
    values = list(BASES)

    for tick in range(30):
        values = engine.stepped(tick, values, entries=BASES)

        assert values == pytest.approx(engine.values_at(tick), rel=1e-9, abs=1e-15)


@by_name({name: rule for name, rule in RULES.items() if not isinstance(rule, FractionalRule)})
def test_the_closed_form_equals_a_recurrence_of_that_rule_alone(rule):
    engine, alone = StepEngine(rule, bases=BASES), ps.shapes.recurrence(rule)

    for tick in (0, 1, 5, 12, 29):
        assert engine.values_at(tick) == pytest.approx([alone(tick, base=base) for base in BASES], rel=1e-9, abs=1e-15)


def test_a_step_adds_its_terms_also_if_they_are_equal():
    engine = StepEngine(RULES[next(iter(RULES))], bases=[3.0], levels=[0.25])

    assert engine.apply_step((2.0, 1.0, 1.0, 1.0), [5.0], [7.0]) == [10.0 + 3.0 + 0.25 + 7.0]


@by_name(RULES)
def test_a_tick_gives_the_same_value_alone_and_in_a_block(rule):
    engine = StepEngine(rule, bases=BASES)
    going_on = [(engine.values_at(tick), engine.step_into(tick)) for tick in range(70)]

    for tick in (0, 1, 33, 69):
        alone = StepEngine(rule, bases=BASES)

        assert (alone.values_at(tick), alone.step_into(tick)) == going_on[tick]


def test_an_external_write_continues_by_the_same_fraction_of_the_remaining_distance():
    engine = StepEngine(rules.cosine(ps.absolute(1.0), over=8), bases=[1.0], levels=[0.2])
    before, now = engine.values_at(3), engine.values_at(4)

    (stepped,) = engine.stepped(4, [0.5])

    assert (stepped - 0.2) / (0.5 - 0.2) == pytest.approx((now[0] - 0.2) / (before[0] - 0.2))


def test_the_values_before_a_zero_are_restored_after_it():
    engine = StepEngine(rules.constant(0.0, over=2), bases=[1.0])

    assert engine.stepped(2, [0.0], entries=[0.7]) == [0.7]


def test_a_wave_that_turns_at_its_floor_returns_to_base():
    engine = StepEngine(rules.cosine(over=2), bases=[0.8])

    assert engine.stepped(3, [0.0]) == pytest.approx([0.4])


def test_the_levels_of_the_groups_replace_the_level_of_the_rule():
    engine = StepEngine(rules.anneal(ps.absolute(1.0), 4), bases=[1.0, 1.0], levels=[0.2, 0.4])

    assert engine.values_at(4) == [0.2, 0.4]
    assert engine.shares_at(2) == (0.5, 0.5)


def test_a_rule_with_an_infinite_length_never_changes_the_value():
    engine = StepEngine(rule_over(math.inf, lambda n: rules.cosine(over=n)), bases=[1.0])

    assert [engine.values_at(tick) for tick in (0, 10, 10**15)] == [[1.0]] * 3
    assert engine.step_into(10**15) == UNCHANGED


def test_values_before_the_first_tick_equal_the_first_value():
    engine = StepEngine(rules.linear(0.5, 1.0, over=4), bases=[1.0])

    assert engine.values_at(-3) == engine.values_at(0) == [0.5]


def test_columns_that_overflow_are_infinite_without_a_warning():
    with np.errstate(all="raise"):
        assert StepEngine(rules.exponential(1e200), bases=[1.0]).values_at(5) == [math.inf]


class Counting:
    """A rule that halves at each tick, and the number of ticks of each call."""

    def __init__(self):
        self.sizes = []

    def closed_form(self, ticks):
        self.sizes.append(len(ticks))
        return 0.5**ticks, np.zeros(len(ticks))

    def step_columns(self, ticks):
        self.sizes.append(len(ticks))
        zeros = np.zeros(len(ticks))
        return SimpleNamespace(a=zeros + 0.5, b=zeros, c=zeros, e=zeros)


@pytest.mark.parametrize(
    "ask", [lambda engine, tick: engine.values_at(tick), lambda engine, tick: engine.step_into(tick)]
)
def test_ticks_are_computed_in_growing_blocks_while_the_caller_advances(ask):
    rule = Counting()
    engine = StepEngine(rule, bases=[1.0])
    ticks = [0, 0, *range(1, 34), 33, *range(34, 1058), 5000, 5000, 5001, 7000]

    for tick in ticks:
        ask(engine, tick)

    assert rule.sizes == [1, 32, 1024, 1024, 1, 32, 1]


@pytest.mark.parametrize(("groups", "most"), [(1, 1024), (128, 1024), (129, 1016), (1000, 131), (200_000, 1)])
def test_a_block_has_at_most_a_thousand_ticks_and_a_hundred_thousand_values(groups, most):
    engine = StepEngine(rules.exponential(0.5), bases=[1.0] * groups)
    sizes = set()
    for tick in (0, 1, *range(2, 34)) if most > 1 else (0, 1):
        engine.values_at(tick)
        sizes.add(len(engine.table.rows))

    assert max(sizes) == most


def test_ticks_with_the_same_values_share_a_list():
    engine = StepEngine(rules.step(3, 0.5), bases=BASES)
    rows = [engine.values_at(tick) for tick in range(1, 9)][1:]
    different = [StepEngine(rules.exponential(0.5), bases=BASES).values_at(tick) for tick in (1, 2)]

    assert [one is other for one, other in pairwise(rows)] == [False, True, True, False, True, True]
    assert different[0] is not different[1]


def test_a_value_between_two_ticks_is_computed_there():
    engine = StepEngine(rules.linear(0.0, 1.0, over=4), bases=BASES)

    assert engine.values_at(2) == [0.5, 0.2]
    assert engine.values_at(2.5) == [0.625, 0.25]
    assert engine.values_at(3) == pytest.approx([0.75, 0.3])


def test_a_table_may_have_one_parameter_and_a_column_of_zeros():
    assert ValueRows(lambda t: [t], [[1.0, 2.0]]).row(3) == [3.0, 6.0]
    assert ValueRows(lambda t: [t * 0.0, t], [[1.0, 2.0], [3.0, 4.0]]).row(2) == [6.0, 8.0]
    assert ValueRows(lambda t: [t, t * 0.0], [[1.0, 2.0], [3.0, 4.0]]).row(2) == [2.0, 4.0]
    assert ValueRows(lambda t: [t, t], [[1.0, 1.0], [3.0, 3.0]]).row(2) == [8.0, 8.0]
    assert ValueRows(lambda t: [t], [[]]).row(2) == []


def test_a_rule_over_an_integer_length_is_the_rule_itself():
    assert rule_over(4.0, lambda n: rules.step(n, 0.5)) == rules.step(4, 0.5)
    assert type(rule_over(4.5, lambda n: rules.step(n, 0.5))) is FractionalRule
    assert type(rule_over(math.inf, lambda n: rules.step(n, 0.5))) is FractionalRule
