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
        assert ps.parse("recurrence(rules.halving(5))") == ps.recurrence(rules.step(5, 0.5))
        with pytest.raises(InvalidArgument, match="rule 'halving': the name is taken"):
            ps.extend.rule(halving)
    finally:
        del registry.RULES["halving"]
