"""The canonical text of a plan."""

import pytest

import paramsched as ps
from paramsched.errors import UnreadableTable


def test_the_text_of_a_plan_names_the_table_that_has_changed(tmp_path):
    file = tmp_path / "lr.csv"
    file.write_text("lr\n1.0\n0.5\n", encoding="utf-8")
    text = ps.Plan(lr=ps.table_file(file)).text
    assert ps.Plan.of_text(text).text == text
    file.write_text("lr\n1.0\n0.25\n", encoding="utf-8")

    with pytest.raises(UnreadableTable, match=r"lr\.csv"):
        ps.Plan.of_text(text)
