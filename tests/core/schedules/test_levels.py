"""Levels: a bare number is a multiple of base, `absolute(x)` an absolute value."""

import pytest

import paramsched as ps
from support.tables import table


@table("wrong", [True, None, "0.9", float("nan"), float("inf")])
def test_an_absolute_level_that_is_not_a_finite_number_is_rejected(wrong):
    with pytest.raises(ps.errors.InvalidArgument):
        ps.absolute(wrong)


# ---- a multiple of base and a value


@table("text", ["0.5 + absolute(0)", "absolute(0) + 0.5", "0.5 - absolute(0)", "0.25 + 0.25 + absolute(0)"])
def test_a_multiple_of_base_plus_nothing_has_one_reading(text):
    written = eval(text, {"absolute": ps.absolute})  # one of the texts above

    assert ps.parse(text) == ps.Plan(lr=written).bindings[0].schedule == ps.constant(0.5)
    assert ps.parse(f"cosine(to={text})") == ps.cosine(to=written) == ps.cosine(to=0.5)


@table("text", ["0.5 - absolute(1)", "absolute(1) + 0.5", "0.25 + 0.25 + absolute(1)", "absolute(-1) + .5"])
def test_the_terms_of_a_level_may_be_in_either_order(text):
    assert ps.parse(f"constant({text})")(0, base=10.0) in (4.0, 6.0)


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
        ("0.5 * absolute(0.1)", "0.5 * constant(absolute(0.1))"),
        ("cosine() * absolute(0.1)", "cosine() * constant(absolute(0.1))"),
        ("(0.5 + absolute(0.1)) * cosine()", "constant(0.5 + absolute(0.1)) * cosine()"),
        ("absolute(0.1) / 2", "constant(absolute(0.1)) * 0.5"),
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
