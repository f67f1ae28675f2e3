"""Levels: a bare number is a multiple of base, `absolute(x)` an absolute value."""

import numpy as np
import pytest

import paramsched as ps
from support.tables import table


def test_an_absolute_level_prints_as_it_is_written():
    level = ps.absolute(0.9)

    assert isinstance(level, ps.Absolute)
    assert level == ps.Absolute(0.9)
    assert repr(level) == "absolute(0.9)"


def test_an_absolute_level_does_not_depend_on_base():
    held = ps.constant(ps.absolute(0.9))

    assert [held(0, base=base) for base in (0.0, 1.0, -5.0)] == [0.9, 0.9, 0.9]


@table("wrong", [True, None, "0.9", float("nan"), float("inf")])
def test_an_absolute_level_that_is_not_a_finite_number_is_rejected(wrong):
    with pytest.raises(ps.InvalidArgument):
        ps.absolute(wrong)


# ---- a multiple of base and a value


@table(
    ("level", "text"),
    [
        (0.5 + ps.absolute(2e-05), "0.5 + absolute(2e-05)"),
        (ps.absolute(2e-05) + 0.5, "0.5 + absolute(2e-05)"),
        (0.5 - ps.absolute(2e-05), "0.5 + absolute(-2e-05)"),
        (ps.absolute(2e-05) - 0.5, "-0.5 + absolute(2e-05)"),
        (np.float64(0.5) + ps.absolute(2), "0.5 + absolute(2.0)"),
        (0 + ps.absolute(3), "absolute(3.0)"),
        (0.5 + ps.absolute(0), "0.5"),
    ],
)
def test_a_multiple_of_base_plus_a_value_reads_back(level, text):
    assert repr(level) == text
    assert ps.parse(f"linear({text}, 0, 10)") == ps.linear(level, 0, over=10)
    assert hash(ps.linear(level)) == hash(ps.parse(f"linear({text})"))
    assert str(ps.linear(level, 0.25)) == f"linear({text}, 0.25)"


@table("text", ["0.5 - absolute(1)", "absolute(1) + 0.5", "0.25 + 0.25 + absolute(1)", "absolute(-1) + .5"])
def test_the_terms_of_a_level_may_be_in_either_order(text):
    assert ps.parse(f"constant({text})")(0, base=10.0) in (4.0, 6.0)


def test_a_level_with_both_terms_adds_a_multiple_of_base_and_a_value():
    half_and_three = ps.constant(0.5 + ps.absolute(3))

    assert [half_and_three(0, base=base) for base in (0.0, 1.0, -6.0)] == [3.0, 3.5, 0.0]
    assert half_and_three.has_absolute
    assert half_and_three.affine


@table(
    ("text", "found"),
    [
        ("constant(0.5 + absolute(1) + 0.5)", "0.5 + absolute(1.0) is a level, neither a number nor a schedule"),
        ("constant(2 * absolute(1))", "absolute(1.0) is a level, neither a number nor a schedule"),
        ("constant(absolute(1) + absolute(2))", "absolute(1.0) is a level, neither a number nor a schedule"),
        ("cosine() + absolute(2)", "absolute(2.0) is a level, neither a number nor a schedule"),
        ("0.5 + absolute(2)", "0.5 + absolute(2.0) is neither a schedule nor a number"),
    ],
)
def test_a_level_has_one_multiple_and_one_value(text, found):
    with pytest.raises(ps.InvalidArgument) as refusal:
        ps.parse(text)

    assert refusal.value.found == found


@table("other", [True, "0.5", None, ps.cosine()])
def test_only_a_number_can_be_added_to_an_absolute_value(other):
    with pytest.raises(TypeError):
        other + ps.absolute(1)
    with pytest.raises(TypeError):
        ps.absolute(1) + other


@table(
    ("low", "high", "above"),
    [
        ("0.5 + absolute(1)", "0.4", True),
        ("0.5 + absolute(1)", "0.6", False),
        ("0.5 + absolute(1)", "absolute(0.5)", True),
        ("0.5 + absolute(1)", "0.5 + absolute(1)", False),
        ("0.5", "absolute(0.1)", False),
        ("previous", "0.1", False),
    ],
)
def test_a_clamp_with_low_above_high_for_every_base_is_rejected(low, high, above):
    text = f"clamp(cosine(), {low}, {high})"
    if not above:
        assert ps.parse(text).low is not None
        return
    with pytest.raises(ps.InvalidArgument, match="low is above high"):
        ps.parse(text)
