"""Every rule of the check: its wrong example is reported, and its right one is not."""

import json

from click.testing import CliRunner

from paramsched.base.codes import rules_by_code
from paramsched.cli import main
from support.tables import table

SHOWN = [rule for rule in rules_by_code().values() if rule.wrong]


def codes_in(text, rule, tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    result = CliRunner().invoke(main, ["check", str(file), "--json", *rule.options], prog_name="paramsched")
    return {load["code"]: load for load in json.loads(result.stdout)}


@table("rule", SHOWN)
def test_the_wrong_example_of_a_rule_is_reported_with_a_location(rule, tmp_path):
    actual = codes_in(rule.wrong, rule, tmp_path)

    assert rule.code in actual
    assert actual[rule.code]["severity"] == rule.severity
    assert rule.code == "PS109" or actual[rule.code]["line"] >= 1


@table("rule", SHOWN)
def test_the_right_example_of_a_rule_has_no_problems(rule, tmp_path):
    assert codes_in(rule.right, rule, tmp_path) == {}


def test_codes_and_names_are_unique():
    assert len({rule.name for rule in rules_by_code().values()}) == len(rules_by_code()) >= 40
    assert all(code == rule.code for code, rule in rules_by_code().items())


def test_only_rules_that_need_another_file_lack_an_example():
    assert {rule.code for rule in rules_by_code().values() if not rule.wrong} == {
        "PS100",
        "PS323",
        "PS402",
        "PS404",
        "PS405",
        "PS406",
        "PS502",
        "PS504",
    }
