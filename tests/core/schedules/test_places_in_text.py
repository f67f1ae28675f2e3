"""The location of an error in a line of text, as data for a caret below it."""

import pickle
from itertools import product

import pytest

import paramsched as ps
from paramsched.core.schedules import parse
from paramsched.errors import InvalidArgument, ParseError
from support.tables import table


def marked(text: str) -> str:
    """Return the piece of the line to which the error points."""
    with pytest.raises(InvalidArgument) as refusal:
        parse(text)
    assert refusal.value.problem.text == text
    return text[slice(*refusal.value.problem.span)]


@table(
    ("text", "piece"),
    [
        ("cosin()", "cosin"),
        ("warmup(5) >> cosin(to=0.1)", "cosin"),
        ("  warmup(5) >> cosine", "cosine"),
        ("cosine(too=0.1)", "too=0.1"),
        ("cosine(to=0.1, to=0.2)", "to=0.2"),
        ("anneal(curve=curves.cosin)", "curves.cosin"),
        ("anneal(curve=curves.powr(2))", "curves.powr"),
        ("cosine() // 2", "cosine() // 2"),
        ("warmup(5) >> (cosine() + 'a')", "'a'"),
        ("1j", "1j"),
    ],
)
def test_a_misspelled_name_is_marked(text, piece):
    assert marked(text) == piece


def test_columns_count_characters_after_multibyte_letters():
    assert marked("like('größe') * 5 >> cosin()") == "cosin"
    assert marked("plateau('größe') * cosin()") == "cosin"


RIGHT = ("", "linear(over=", "[5 if ", "(1 or 2e3, ")
WRONG = ("}", "5 epochs", "2e3steps", "5%", "007", "→")


@table(("before", "wrong", "after"), product(RIGHT, (*WRONG, "'abc"), ("", *WRONG)))
def test_the_first_mistake_of_a_text_that_is_not_an_expression_is_marked(before, wrong, after):
    quoted = wrong.startswith("'")

    assert marked(f"{before}{wrong}, {after}") == (f"{wrong}, {after}" if quoted else wrong)


def test_the_location_survives_pickling():
    with pytest.raises(InvalidArgument) as refusal:
        parse("cosin()")

    assert pickle.loads(pickle.dumps(refusal.value)).problem.span == (0, 5)


@table("sign", ["->", "=>", "|>", ","])
def test_a_sign_that_joins_stages_elsewhere_is_answered_with_a_line_that_is_read(sign):
    with pytest.raises(ParseError) as refusal:
        ps.parse(f'warmup("5%") {sign} cosine(to=0.1)')

    assert ps.parse(str(refusal.value).partition("For example: ")[2]) == ps.warmup("5%") >> ps.cosine(to=0.1)
