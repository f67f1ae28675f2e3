"""The location of an error in a line of text, as data for a caret below it."""

import pickle
from itertools import product

import pytest

from paramsched.core.schedules import parse
from paramsched.errors import InvalidArgument
from support.tables import table


def marked(text: str) -> str:
    """Return the piece of the line to which the error points."""
    with pytest.raises(InvalidArgument) as refusal:
        parse(text)
    assert refusal.value.problem.text == text
    return text[slice(*refusal.value.problem.span)]


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
