"""Arguments of the cosine rules and of one cycle that only configs of peers need."""

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.schedules import rules


def test_the_length_of_a_cosine_may_be_a_fractional_number_of_ticks():
    schedule = ps.shapes.recurrence(rules.cosine(over=2.5))

    assert schedule(1) == pytest.approx((1 + np.cos(np.pi / 2.5)) / 2)


@pytest.mark.parametrize(
    "rule", [rules.cosine(over=2.5), rules.cosine_restarts([1.5, 2], [1.0, 0.5], base=ps.absolute(0.1))]
)
def test_rules_of_peers_read_back_from_their_text(rule):
    schedule = ps.shapes.recurrence(rule)

    assert ps.parse(str(schedule)) == schedule
