"""The one-line text: valid lines, and the errors for mistakes."""

import pytest

from paramsched import curves
from paramsched.core.schedules import absolute, parse
from paramsched.core.schedules.anneal import anneal, cosine, linear, warmup
from paramsched.core.schedules.leaves import constant, from_function
from paramsched.errors import InvalidArgument, ParseError
from support.tables import table


@table(
    ("text", "schedule"),
    [
        ('warmup("5%") >> cosine(to=0.1)', warmup("5%") >> cosine(to=0.1)),
        (' warmup( over = "5 %" )>>cosine( 1, .1 ) ', warmup("5%") >> cosine(to=0.1)),
        ("0", constant(0.0)),
        ("warmup(5) >> -1e-3", warmup(5) >> constant(-1e-3)),
        ("linear(+1, -2)", linear(1, -2)),
        ("linear(absolute(0.85), absolute(-0.95))", linear(absolute(0.85), absolute(-0.95))),
        ("anneal(curve=curves.power(2))", anneal(curve=curves.power(2))),
        ('anneal(curve="rex")', anneal(curve=curves.rex)),
        ("2 * cosine()", 2 * cosine()),
        ("(cosine())", cosine()),
        ("linear(\n  over=10,\n)", linear(over=10)),
    ],
)
def test_text_is_parsed_as_a_schedule(text, schedule):
    assert parse(text) == schedule


@table("value", [None, 3, b"cosine()", cosine()])
def test_only_text_is_parsed(value):
    with pytest.raises(ParseError, match="expected text"):
        parse(value)


def test_a_shape_passed_as_an_argument_is_known_only_in_that_text():
    def halving(over: int) -> object:
        return linear(1.0, 0.5, over)

    assert parse("halving(10)", shapes=[halving]) == linear(1.0, 0.5, 10)
    with pytest.raises(ParseError, match='unknown schedule "halving"'):
        parse("halving(10)")
    with pytest.raises(InvalidArgument, match="dict"):
        parse("dict()", shapes=[dict])


def test_a_long_sequence_does_not_exceed_the_depth_limit():
    text = " >> ".join(["step(1)"] * 800)

    assert len(parse(text).stages) == 800
    assert parse("cosine()".rjust(10_000)) == cosine()


def test_a_function_without_a_name_prints_and_does_not_read_back():
    schedule = from_function(max)

    assert "from_function(" in str(schedule)
    assert not schedule.serializable
    with pytest.raises(ParseError):
        parse(str(schedule))
