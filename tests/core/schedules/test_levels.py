"""Levels: a bare number is a multiple of base, `absolute(x)` an absolute value."""

import json

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
    ],
)
def test_a_multiple_of_base_plus_a_value_reads_back(level, text):
    assert repr(level) == text
    assert ps.parse(f"linear({text}, 0, 10)") == ps.linear(level, 0, over=10)
    assert hash(ps.linear(level)) == hash(ps.parse(f"linear({text})"))
    assert str(ps.linear(level, 0.25)) == f"linear({text}, 0.25)"


@table("text", ["0.5 + absolute(0)", "absolute(0) + 0.5", "0.5 - absolute(0)", "0.25 + 0.25 + absolute(0)"])
def test_a_multiple_of_base_plus_nothing_has_one_reading(text):
    written = eval(text, {"absolute": ps.absolute})  # one of the texts above

    assert ps.parse(text) == ps.Plan(lr=written).bindings[0].schedule == ps.constant(0.5)
    assert ps.parse(f"cosine(to={text})") == ps.cosine(to=written) == ps.cosine(to=0.5)


@table("text", ["0.5 - absolute(1)", "absolute(1) + 0.5", "0.25 + 0.25 + absolute(1)", "absolute(-1) + .5"])
def test_the_terms_of_a_level_may_be_in_either_order(text):
    assert ps.parse(f"constant({text})")(0, base=10.0) in (4.0, 6.0)


def test_a_level_with_both_terms_adds_a_multiple_of_base_and_a_value():
    half_and_three = ps.constant(0.5 + ps.absolute(3))

    assert [half_and_three(0, base=base) for base in (0.0, 1.0, -6.0)] == [3.0, 3.5, 0.0]
    assert half_and_three.has_absolute
    assert half_and_three.affine


@table(
    ("text", "same"),
    [
        ("constant(0.5 + absolute(1) + 0.5)", "constant(1.0 + absolute(1.0))"),
        ("constant(0.5 + absolute(1) - absolute(3))", "constant(0.5 + absolute(-2.0))"),
        ("constant(absolute(1) + absolute(2))", "constant(absolute(3.0))"),
        ("linear(-absolute(0.5), +absolute(1))", "linear(absolute(-0.5), absolute(1.0))"),
    ],
)
def test_the_terms_of_a_level_are_added(text, same):
    assert str(ps.parse(text)) == same


@table(
    ("text", "same"),
    [
        ("absolute(3e-4)", "constant(absolute(0.0003))"),
        ("-absolute(3e-4)", "constant(absolute(-0.0003))"),
        ("0.5 + absolute(2)", "constant(0.5 + absolute(2.0))"),
        ("warmup(5) >> absolute(3e-4)", "warmup(5) >> constant(absolute(0.0003))"),
        ("0.5 * absolute(0.1)", "constant(0.5) * constant(absolute(0.1))"),
        ("cosine() * absolute(0.1)", "cosine() * constant(absolute(0.1))"),
        ("(0.5 + absolute(0.1)) * cosine()", "constant(0.5 + absolute(0.1)) * cosine()"),
        ("absolute(0.1) / 2", "constant(absolute(0.1)) * constant(0.5)"),
        ("cosine() + absolute(2)", "cosine() + constant(absolute(2.0))"),
        ("absolute(2) - cosine()", "constant(absolute(2.0)) - cosine()"),
        ("maximum(cosine(), absolute(1e-5))", "maximum(cosine(), constant(absolute(1e-05)))"),
        ('absolute(0.1) * plateau("loss")', "constant(absolute(0.1)) * plateau()"),
    ],
)
def test_an_absolute_level_where_a_schedule_is_expected_is_a_constant(text, same):
    read = ps.parse(text)

    assert str(read) == same.replace("plateau()", str(ps.plateau("loss")))
    assert ps.parse(str(read)) == read
    code = text.replace("cosine", "ps.cosine").replace("absolute", "ps.absolute").replace("plateau", "ps.plateau")
    code = code.replace("warmup", "ps.warmup").replace("maximum", "ps.maximum")
    assert ps.Plan(lr=eval(code)) == ps.Plan(lr=read)  # the table above


def test_a_mapping_of_absolute_is_a_level_or_a_schedule():
    def lr(value):
        return str(ps.loads(json.dumps({"lr": value}), "json").bindings[0].schedule)

    assert lr({"absolute": 0.1}) == "constant(absolute(0.1))"
    assert lr({"absolute": "linear(0.85, 0.95)"}) == "absolute(linear(0.85, 0.95))"
    assert lr({"absolute": {"linear": [0.85, 0.95]}}) == "absolute(linear(0.85, 0.95))"
    assert lr({"absolute": ["warmup(5)", "cosine()"]}) == "absolute(warmup(5) >> cosine())"
    assert lr(["warmup(5)", {"absolute": 0.1}]) == "warmup(5) >> constant(absolute(0.1))"
    assert lr({"constant": {"value": {"absolute": 0.1}}}) == "constant(absolute(0.1))"


@table("other", [True, "0.5", None])
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
