"""The facts of a log without a plan."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from paramsched.cli import main
from paramsched.tools.audit import LoggedValues, log_facts
from paramsched.tools.audit.facts import picture_of_log
from paramsched.tools.records.log_values import LogColumn, number_notes


def facts(values, t=None):
    values = np.array(values, dtype=np.float64)
    column = LogColumn("lr", 0, np.arange(values.size) if t is None else np.array(t), values)
    return log_facts(LoggedValues("log.csv", (column,), (None,))).columns[0]


def kinds(values, t=None):
    return [(one.kind, one.begin, one.end) for one in facts(values, t).stretches]


def test_the_stretches_of_any_log_cover_its_rows_without_gaps():
    random = np.random.default_rng(0)
    for _ in range(200):
        values = (
            random.choice([0.0, 0.1, 0.5, 1.0], random.integers(2, 30)) + random.choice([0, 1e-3]) * random.random()
        )
        found = facts(values).stretches

        assert [one.begin for one in found[1:]] == [one.end for one in found[:-1]]
        assert (found[0].begin, found[-1].end) == (0, values.size - 1)
        assert kinds(values * 2.0**20) == kinds(values / 2.0**20) == kinds(values)  # in any unit
        for one in found:
            part = np.diff(values[one.begin : one.end + 1])
            sign = {"rises": (part > 0), "falls": (part < 0), "stays": (part == 0), "jumps": (part != 0)}[one.kind]
            assert sign.all()


def test_counts():
    found = facts([0, 0.1, np.nan, 0.2, 0.2, np.inf], [0, 1, 2, 1, 1, 3])

    assert (found.zeros, found.not_finite, found.repeated, found.back) == (1, 2, 2, 1)
    assert (found.lowest, found.highest) == (0, 0.2)


@pytest.mark.parametrize(("rate", "code"), [("0", 1), ("0.1", 0)])
def test_a_rate_that_is_always_zero_is_no_success(tmp_path, rate, code):
    file = tmp_path / "log.csv"
    file.write_text("step,lr\n" + "".join(f"{t},{rate}\n" for t in range(5)))

    for options in ((), ("--json",), ("--html", str(tmp_path / "log.html"))):
        assert CliRunner().invoke(main, ["audit", str(file), *options]).exit_code == code
    assert "<svg" in (tmp_path / "log.html").read_text()


def test_json_has_the_facts(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("step,lr\n0,0.1\n5,0.05\n")

    found = json.loads(CliRunner().invoke(main, ["audit", str(file), "--json"]).output)

    assert found["columns"][0]["stretches"] == [{"kind": "falls", "begin": 0, "end": 5, "first": 0.1, "last": 0.05}]


def test_a_picture_ends_at_the_last_update_of_the_log():
    columns = tuple(LogColumn(field, 0, np.array([2, t]), np.array([1.0, 0.5])) for field, t in (("lr", 7), ("eps", 4)))

    drawn = picture_of_log(LoggedValues("log.csv", columns, (None,)), "")

    assert drawn.trace.total == 8


def test_the_notes_are_those_of_the_log_except_those_about_a_comparison():
    column = LogColumn("lr", 0, np.array([3, 4, 4]), np.array([0.1, 0.2, 0.3]))
    of_numbers = number_notes((column,))

    found = log_facts(LoggedValues("log.csv", (column,), (None,), ("rows are counted", *of_numbers)))

    assert of_numbers
    assert found.notes == ("rows are counted",)
