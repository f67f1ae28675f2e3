"""Codes and names of rules, as users write them in an option."""

import pytest

from paramsched.core.base.codes import check_rules
from paramsched.errors import InvalidArgument
from paramsched.tools.check.named_codes import codes_given, rule_of_code
from support.tables import table


@table("rule", list(check_rules().values()))
def test_a_rule_is_found_by_its_code_and_its_name_and_suggested_for_its_number(rule):
    assert rule_of_code(rule.code.lower()) is rule_of_code(rule.name.upper()) is check_rules()[rule.code]
    assert codes_given(f"{rule.name} {rule.code}") == {rule.code}
    with pytest.raises(InvalidArgument) as refused:
        codes_given(rule.code.removeprefix("PS"))
    assert rule.code in str(refused.value.instead)


def test_a_prefix_selects_its_rules_next_to_others():
    assert codes_given("PS40, ps205") == {f"PS40{n}" for n in range(1, 9)} | {"PS205"}


@pytest.mark.parametrize(
    ("given", "text"),
    [("PS999", "PS101"), ("PS9999", "PS"), ("beyond-horizn", "beyond-horizon"), ("horiz", "PS101")],
)
def test_an_unknown_code_is_rejected_with_the_nearest_name_or_examples_of_codes(given, text):
    with pytest.raises(InvalidArgument) as refused:
        codes_given(given)

    assert text in refused.value.problem.summary
