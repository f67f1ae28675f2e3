"""The one-line text: valid lines, and the errors for mistakes."""

import pytest

from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import cosine
from paramsched.errors import ParseError
from support.tables import table


@table("value", [None, 3, b"cosine()", cosine()])
def test_only_text_is_parsed(value):
    with pytest.raises(ParseError, match="expected text"):
        parse(value)


def test_a_long_sequence_does_not_exceed_the_depth_limit():
    text = " >> ".join(["step(1)"] * 800)

    assert len(parse(text).stages) == 800
    assert parse("cosine()".rjust(10_000)) == cosine()
