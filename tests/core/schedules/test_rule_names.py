"""Errors of a rule show the call as written, not the name of its class."""

import pytest

import paramsched as ps
from paramsched.core.schedules import registry, rules
from paramsched.errors import InvalidArgument


@pytest.mark.parametrize(
    ("write", "call"),
    [
        (lambda: rules.exponential(0.9, begin=-1), "rules.exponential(begin=-1)"),
        (lambda: rules.step(3, end=1.5), "rules.step(end=1.5)"),
        (lambda: rules.cosine(by=0), "rules.cosine(by=0)"),
        (lambda: rules.linear("0.1"), "rules.linear(start='0.1')"),
        (lambda: rules.constant(0.5, over=-1), "rules.constant(over=-1)"),
        (lambda: rules.one_cycle(1.0, 10, div=0), "rules.one_cycle(div=0)"),
    ],
    ids=["begin", "end", "by", "start", "over", "div"],
)
def test_the_error_names_the_call_as_written(write, call):
    with pytest.raises(InvalidArgument) as refusal:
        write()

    assert str(refusal.value).startswith(call)


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
