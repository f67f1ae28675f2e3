"""Tables: edges, units, text, limits, and values in a file next to the plan."""

import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.errors import InvalidArgument
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
