"""The step engine: the closed form and the relative steps of a rule agree without external writes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.dropins.step_engine import StepEngine, rule_over
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
