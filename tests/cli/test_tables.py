"""`paramsched show --groups`: the values of each group."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from paramsched.cli import main
from paramsched.cli._traces import _size_of_trace
from paramsched.core.plan import Plan
from paramsched.core.time import RunFacts


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Return the rows of `show --groups --json`."""
    monkeypatch.chdir(tmp_path)

    def rows_of(*words):
        result = CliRunner().invoke(main, ["show", "--groups", "--json", *map(str, words)])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout, parse_constant=pytest.fail)

    return rows_of


def test_the_line_of_a_plan_that_is_in_force_is_named_for_each_group(shown, tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "total: 100\nlr: linear()\ngroups:\n  head:\n    lr: constant(0.5)\n  body: {weight_decay: constant(0.1)}\n"
    )

    rows = shown("plan.yaml", "--base", "lr=0.1", "--at", 50)

    actual = [(row["group"], row["field"], row["values"], row["decided_by"]) for row in rows]
    assert actual == [
        ("default", "lr", [0.05], ["plan.yaml:2 lr"]),
        ("head", "lr", [0.05], ["plan.yaml:5 groups.head.lr"]),
        ("body", "lr", [0.05], ["plan.yaml:2 lr"]),
        ("body", "weight_decay", [0.1], ["plan.yaml:6 groups.body.weight_decay"]),
    ]
    assert rows[-1]["note"] == "the base is unknown"


def test_a_value_that_overflows_is_null_in_json(shown):
    (row,) = shown("exponential(1e300)", "--total", 100, "--base", "lr=0.1", "--at", 0, "--at", 10)

    assert (row["values"], row["factors"]) == ([0.1, None], [1.0, None])


RUN = RunFacts(total=2000, steps_per_epoch=100)


def number(text):
    return float(text.replace(",", ""))


@given(st.integers(1, 50), st.integers(0, 4), st.integers(1, 3))
def test_a_plan_has_a_value_for_each_field_of_each_group_at_each_update(total, groups, fields):
    plan = Plan(**dict.fromkeys(("lr", "momentum", "weight_decay")[:fields], "cosine()"))

    assert _size_of_trace(plan, RunFacts(total=total), groups) == (total * max(groups, 1) * fields, total)
