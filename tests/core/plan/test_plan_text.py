"""The canonical text of a plan."""

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument, UnreadableTable
from support.tables import table


@table("horizon", [None, 20, "20 steps", "20.5 steps", "2 epochs", "1 epoch + 3 steps", "90 min", "2e9 tokens"])
def test_a_plan_with_any_horizon_reads_back_from_its_text(horizon):
    plan = ps.Plan(ps.Binding(ps.Target("temperature", 2.0), "linear(to=0.1)"), lr=ps.cosine(to=0.1), horizon=horizon)

    assert ps.Plan.of_text(plan.text) == plan


def test_the_text_of_a_plan_names_the_table_that_has_changed(tmp_path):
    file = tmp_path / "lr.csv"
    file.write_text("lr\n1.0\n0.5\n", encoding="utf-8")
    text = ps.Plan(lr=ps.table_file(file)).text
    assert ps.Plan.of_text(text).text == text
    file.write_text("lr\n1.0\n0.25\n", encoding="utf-8")

    with pytest.raises(UnreadableTable, match=r"lr\.csv"):
        ps.Plan.of_text(text)


@table("text", ["", "3", "[]", "{}", '{"horizon": null, "bindings": [["lr", null]]}', '{"bindings": []}', "[" * 10**5])
def test_a_text_that_is_not_of_a_plan_is_refused(text):
    with pytest.raises(InvalidArgument, match=r"Plan\.of_text.*not the text of a plan .*Pass the value of plan\.text"):
        ps.Plan.of_text(text)
