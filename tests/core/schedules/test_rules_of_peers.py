"""Arguments of the cosine rules and of one cycle that only configs of peers need."""

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.schedules import rules
from support.tables import table


def test_a_cosine_may_return_to_a_value_other_than_base():
    plain = ps.recurrence(rules.cosine(over=3))
    other = ps.recurrence(rules.cosine(over=3, base=ps.absolute(0.5)))

    assert [plain(t, base=2.0) for t in (0, 6)] == pytest.approx([2.0, 2.0])
    assert [other(t, base=2.0) for t in (0, 6)] == pytest.approx([2.0, 0.5])


def test_restarts_may_start_at_multiples_of_a_value_other_than_base():
    schedule = ps.recurrence(rules.cosine_restarts([2, 2], [1.0, 0.5], base=ps.absolute(0.8)))

    assert [schedule(t, base=2.0) for t in range(4)] == pytest.approx([0.8, 0.4, 0.4, 0.2])


def test_the_length_of_a_cosine_may_be_a_fractional_number_of_ticks():
    schedule = ps.recurrence(rules.cosine(over=2.5))

    assert schedule(1) == pytest.approx((1 + np.cos(np.pi / 2.5)) / 2)


@pytest.mark.parametrize(
    "rule", [rules.cosine(over=2.5), rules.cosine_restarts([1.5, 2], [1.0, 0.5], base=ps.absolute(0.1))]
)
def test_rules_of_peers_read_back_from_their_text(rule):
    schedule = ps.recurrence(rule)

    assert ps.parse(str(schedule)) == schedule


@table("length", [0, -1, float("inf"), "3"])
def test_an_invalid_length_is_rejected(length):
    with pytest.raises(ps.InvalidArgument):
        rules.cosine(over=length)


@pytest.mark.parametrize(("share", "last"), [(0.3, 1 / 25 / 1e4), (1.0, 1.0)])
def test_a_one_cycle_keeps_the_value_of_its_last_tick(share, last):
    schedule = ps.recurrence(rules.one_cycle(1.0, 10, pct_start=share))

    assert schedule(9) == schedule(10) == schedule(99) == last
