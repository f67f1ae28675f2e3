"""Errors of a rule show the call as written, not the name of its class."""

import pytest

import paramsched as ps
from paramsched.core.schedules import registry, rules
from paramsched.errors import InvalidArgument


def test_a_function_that_a_user_registers_makes_a_rule_in_text():
    @ps.extend.rule
    def halving(every: int) -> type(rules.step(1)):
        return rules.step(every, 0.5)

    try:
        assert ps.parse("recurrence(rules.halving(5))") == ps.shapes.recurrence(rules.step(5, 0.5))
        assert ps.extend.rule(halving) is halving  # as in a cell that runs again

        def other(every: int) -> type(rules.step(1)):
            return rules.step(every, 0.5)

        other.__name__ = "halving"
        with pytest.raises(InvalidArgument, match="rule 'halving': the name is taken"):
            ps.extend.rule(other)
    finally:
        del registry.RULES["halving"]
