"""Tables: edges, units, text, limits, and values in a file next to the plan."""

import os
import pickle
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.errors import ConfigError, InvalidArgument, UnreadableTable
from support.tables import table

TABLES = sys.modules[type(ps.table([1.0])).__module__]  # the function `table` hides the module
VALUES = [0.1, 1 / 3, 5e-324, 1e308, -0.0, 3e-4]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of a plan and its table; the working directory is another one."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    rows = "\n".join(f"{t},{value!r}" for t, value in enumerate(VALUES))
    (tmp_path / "conf" / "lr.csv").write_text(f"t,lr\n{rows}\n")
    return tmp_path / "conf"


def test_a_series_of_pandas_is_a_table_of_its_values():
    pd = pytest.importorskip("pandas")

    assert ps.table(pd.Series(VALUES)) == ps.table(VALUES)


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        tuple(VALUES),
        np.array(VALUES),
        torch.tensor(VALUES, dtype=torch.float64),
        iter(VALUES),
    ],
    ids=["list", "tuple", "numpy", "torch", "iterator"],
)
def test_a_table_has_exact_values_and_keeps_the_last(values):
    schedule = ps.table(values)

    assert schedule(np.arange(8)).tolist() == [*VALUES, 3e-4, 3e-4]
    assert schedule(10**15) == 3e-4
    assert schedule.length == ps.Duration.of(6)


def test_fractional_table_periods_start_at_updates_rounded_up():
    schedule = ps.resolve(ps.table([1.0, 2.0, 3.0], every="2.5 steps"), ps.Calendar(total=10))

    assert schedule(np.arange(9)).tolist() == [1, 1, 1, 2, 2, 3, 3, 3, 3]
    assert schedule.breakpoints() == (0, 3, 5, 8)


def test_a_long_table_is_written_to_a_file_as_a_list():
    plan = ps.Plan(lr=ps.table(np.linspace(0, 1, 3000), absolute=True))

    assert ps.loads(ps.dump(plan)) == plan
    assert ps.Plan.of_text(plan.text) == plan


@table(
    ("values", "found"),
    [
        ([], "got an empty list"),
        (0.1, "expected a list of numbers, got"),
        ("lr.csv", "expected a list of numbers, got"),
        ({0: 0.1}, "expected a list of numbers, got"),
        ([0.1, "x"], "expected a number, got str"),
        ([0.1, float("nan")], r"values\[1\] is nan"),
        ([0.1, 10**400], "must be finite"),
        ([Decimal("0.1")], "expected a number, got Decimal"),
        ([True, False], "expected a number, got bool"),
        ([[0.1], [0.2, 0.3]], "got nested lists"),
        (np.ones((2, 2)), "an array of 2 dimensions"),
        (np.zeros(30_001), "at most 30,000 values, got 30,001"),
    ],
)
def test_an_invalid_table_is_rejected(values, found):
    with pytest.raises(InvalidArgument, match=found) as refusal:
        ps.table(values)

    assert refusal.value.argument == "values"


def test_fractions_and_integers_are_valid_table_values():
    assert ps.table([Fraction(1, 2), 1])(np.arange(2)).tolist() == [0.5, 1.0]


def test_a_curve_needs_two_values_and_absolute_is_true_or_false():
    with pytest.raises(InvalidArgument, match="a curve needs at least two values") as refusal:
        ps.table([1.0], curve=ps.curves.linear)
    assert refusal.value.argument == "curve"
    with pytest.raises(InvalidArgument, match=r"absolute=1.*expected True or False"):
        ps.table([1.0], absolute=1)


# ---------------------------------------------------------------- in a file


def test_a_plan_reads_a_table_relative_to_its_own_folder(folder):
    (folder / "plan.yaml").write_text("lr: table_file('lr.csv', 'lr', absolute=True)\n")
    plan = ps.load(folder / "plan.yaml")
    schedule = plan.bindings[0].schedule

    assert schedule(np.arange(6)).tolist() == VALUES
    assert str(schedule) == f'table_file("lr.csv", "lr", absolute=True, sha256="{schedule.file.sha256}")'
    assert ps.load(folder / "plan.yaml").fingerprint == plan.fingerprint
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_a_plan_is_written_as_text_or_next_to_its_table(folder):
    (folder / "plan.yaml").write_text("lr: 0.5 * table_file('lr.csv', 'lr')\n")
    plan = ps.load(folder / "plan.yaml")

    assert "sha256" in ps.dump(plan)
    ps.dump(plan, folder / "again.json")
    assert ps.load(folder / "again.json") == plan
    with pytest.raises(InvalidArgument, match="the file does not exist"):
        ps.dump(plan, "elsewhere.yaml")


def test_a_changed_table_is_an_error_with_its_location(folder):
    (folder / "plan.yaml").write_text("lr: table_file('lr.csv', 'lr')\n")
    ps.dump(ps.load(folder / "plan.yaml"), folder / "plan.yaml")
    (folder / "lr.csv").write_text("lr\n0.5\n")

    with pytest.raises(ConfigError, match=r"plan\.yaml:1:.*\$\.lr.*the values have changed"):
        ps.load(folder / "plan.yaml")


def test_a_missing_table_is_reported_with_all_other_errors(folder):
    (folder / "plan.yaml").write_text("lr: table_file('no.csv')\nweight_decay: cosin()\n")

    with pytest.raises(ConfigError) as refusal:
        ps.load(folder / "plan.yaml")

    assert len(refusal.value.diagnostics) == 2
    assert "no.csv" in str(refusal.value)


def test_a_table_of_a_million_values_has_a_short_text(tmp_path):
    np.save(tmp_path / "lr.npy", np.linspace(1.0, 0.0, 1_000_000))
    schedule = ps.table_file(tmp_path / "lr.npy")

    assert len(str(schedule)) < 300
    assert schedule(999_999) == 0.0
    assert ps.parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("name", "content", "column", "found"),
    [
        ("a.txt", "1\n", None, "unknown suffix"),
        ("a.csv", "", None, "the file is empty"),
        ("a.csv", "lr\n", None, "got an empty list"),
        ("a.csv", "t,lr\n0,1\n", None, r'the file has the columns t, lr.*Write column="lr"'),
        ("a.csv", "t,lr\n0,1\n", "lrr", 'unknown column "lrr"; did you mean "lr"?'),
        ("a.csv", "t,lr\n0,1\n1,\n", "lr", "line 3: the cell is empty"),
        ("a.csv", "t;lr\n0;1\n1\n", "lr", "line 3: the cell is empty"),
        ("a.csv", "lr\nx\n", "lr", "line 2: expected a number, got x"),
        ("a.csv", "lr\nnan\n", "lr", "is nan; it must be finite"),
        ("a.csv", b"lr\n\xff\n", "lr", "not valid UTF-8"),
        ("a.npy", b"\x93NUMPY", None, "not an array of numbers"),
        ("a.npy", b"\x80\x04K\x01.", None, "not an array of numbers"),
        ("a.npy", b"", "lr", 'no column "lr"'),
    ],
)
def test_a_file_without_a_valid_table_is_rejected(tmp_path, name, content, column, found):
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(InvalidArgument, match=found):
        ps.table_file(file, column)


def test_pickled_objects_in_a_numpy_file_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)

    with pytest.raises(UnreadableTable, match="not an array of numbers"):
        ps.table_file(tmp_path / "a.npy")


@pytest.mark.parametrize("path", [3, "", "a\0.csv"])
def test_an_invalid_path_of_a_table_is_rejected(path):
    with pytest.raises(InvalidArgument, match="expected the path of a file"):
        ps.table_file(path)


def test_a_file_of_values_may_be_interpolated(tmp_path):
    np.save(tmp_path / "a.npy", np.array([1, 0, 1]))
    schedule = ps.table_file(tmp_path / "a.npy", every=4, curve="linear")

    assert [schedule(t) for t in (0, 1, 4, 6, 8, 9)] == [1.0, 0.75, 0.0, 0.5, 1.0, 1.0]
    assert ps.table_file(tmp_path / "a.npy", sha256=schedule.file.sha256[:8]).values == schedule.values


def test_a_checksum_must_have_at_least_8_digits(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))

    with pytest.raises(InvalidArgument, match="expected a checksum of at least 8 digits") as refusal:
        ps.table_file(tmp_path / "a.npy", sha256="ab")
    assert refusal.value.argument == "sha256"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("name", ["a.csv", "a.npy"])
def test_a_pipe_is_rejected_as_a_table(tmp_path, name):
    os.mkfifo(tmp_path / name)

    with pytest.raises(UnreadableTable, match="the file cannot be read: "):
        ps.table_file(tmp_path / name)


def test_a_file_of_the_largest_size_is_read(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    file.write_text("lr\n1.0\n0.5\n", encoding="utf-8")
    monkeypatch.setattr(TABLES, "MOST_BYTES", file.stat().st_size)

    assert ps.table_file(file)(1) == 0.5
    monkeypatch.setattr(TABLES, "MOST_BYTES", file.stat().st_size - 1)
    with pytest.raises(UnreadableTable, match=r"more than \d+ bytes.*every=10 in the plan"):
        ps.table_file(file)
