"""The rule that continues from the current value, as torch's SWALR does."""

import pytest

import paramsched as ps
from paramsched.core.schedules import rules


@pytest.mark.parametrize("curve", [ps.curves.linear, ps.curves.cosine])
def test_a_single_anneal_rule_equals_the_anneal_schedule(curve):
    rule = ps.recurrence(rules.anneal(ps.absolute(0.05), 8, curve))
    shape = ps.anneal(1.0, ps.absolute(0.05), over=8, curve=curve)

    assert [rule(t, base=0.4) for t in range(12)] == pytest.approx([shape(t, base=0.4) for t in range(12)], rel=1e-12)


def test_after_another_rule_anneal_starts_at_its_value():
    both = ps.recurrence(rules.constant(0.5, begin=0, end=1), rules.anneal(ps.absolute(0.0), 4, begin=2))

    assert [both(t) for t in range(2, 8)] == pytest.approx([0.5, 0.375, 0.25, 0.125, 0.0, 0.0])


def test_an_anneal_rule_of_no_length_sets_the_level_immediately():
    assert ps.recurrence(rules.anneal(ps.absolute(0.05), 0))(0) == 0.05


def test_an_anneal_rule_prints_as_it_is_written():
    line = "recurrence(rules.anneal(absolute(0.05), 8, curve=curves.cosine))"

    assert ps.parse(str(ps.parse(line))) == ps.parse(line)
