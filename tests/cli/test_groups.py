"""`paramsched show --groups`: the rate of each group, and the entries that decide it."""

import json

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from support.tables import table


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

    found = [(one["group"], one["field"], one["values"], one["decided_by"]) for one in rows]
    assert found == [
        ("default", "lr", [0.05], ["plan.yaml:2 lr"]),
        ("head", "lr", [0.05], ["plan.yaml:5 groups.head.lr"]),
        ("body", "lr", [0.05], ["plan.yaml:2 lr"]),
        ("body", "weight_decay", [0.1], ["plan.yaml:6 groups.body.weight_decay"]),
    ]
    assert rows[-1]["note"] == "the base is unknown"


@table(
    ("line", "note"),
    [
        ("linear(absolute(0.1), absolute(0.01))", "absolute values, not multiples of base"),
        ("linear(1, absolute(0.01))", "the base is unknown"),
    ],
)
def test_the_note_about_an_unknown_base_is_only_for_multiples(shown, line, note):
    (row,) = shown(line, "--total", 10, "--at", 5)

    assert row["note"] == note


def test_the_table_of_a_group_has_a_line_for_each_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("total: 100\nlr: linear()\nweight_decay: linear(1, 0.5)\n")

    result = CliRunner().invoke(main, ["show", "plan.yaml", "--groups", "--base", "lr=0.1"])

    assert result.stdout.split("\n") == [
        "group 0: lr, base 0.1",
        "  from plan.yaml:2 lr",
        "  update  value  factor",
        "       0    0.1       1",
        "      10   0.09     0.9",
        "      50   0.05     0.5",
        "      90   0.01     0.1",
        "",
        "group 0: weight_decay, base 1",
        "  from plan.yaml:3 weight_decay",
        "  the base is unknown",
        "  update  value  factor",
        "       0      1       1",
        "      10   0.95    0.95",
        "      50   0.75    0.75",
        "      90   0.55    0.55",
        "",
    ]


def test_a_value_that_overflows_is_null_in_json(shown):
    (row,) = shown("exponential(1e300)", "--total", 100, "--base", "lr=0.1", "--at", 0, "--at", 10)

    assert (row["values"], row["factors"]) == ([0.1, None], [1.0, None])
