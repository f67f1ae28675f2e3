"""The nearest known name of a typing error, and the repr of values."""

from paramsched.core.base.frozen_values import text_on_screen
from paramsched.core.base.near_names import closest, did_you_mean, shortened_text
from support.tables import table

SHAPES = ["cosine", "linear", "inverse_sqrt", "one_minus_sqrt", "multistep", "exponential", "t/n", "(t+1)/n"]


@table(
    ("typed", "meant"),
    [
        ("cosin", "cosine"), ("Cosine", "cosine"), ("linear_decay", "linear"), ("invsqrt", "inverse_sqrt"),
        ("multi_step", "multistep"), ("exponent", "exponential"), ("t/m", "t/n"), ("(t+2)/n", None), ("qwerty", None),
    ],
)  # fmt: skip
def test_a_typing_error_has_the_name_that_it_is_near_to(typed, meant):
    assert closest(typed, SHAPES) == meant


def test_the_known_names_are_listed_if_none_is_near():
    assert did_you_mean("x", []) == "no names are defined"
    assert did_you_mean("xyz", ["lr"]) == "expected lr"
    assert did_you_mean("xyz", ["lr", "eps", "lr"]) == "expected one of eps, lr"
    long = did_you_mean("xyz", [f"name_{n:03}" for n in range(100)])
    assert long.endswith(" and 96 more")
    assert long.count(", ") == 3


@table(
    ("text", "shown"),
    [
        ("a" * 60, "a" * 60),
        ("a" * 61, "a" * 57 + "..."),
        (" a \n b ", "a b"),
        ("a" * 500, "a" * 57 + "..."),
    ],
)
def test_a_text_is_shortened_to_one_line_of_60_characters(text, shown):
    assert shortened_text(text) == shown


@table(
    ("text", "rows", "last"),
    [
        ("x" * 100, 1, "x" * 100),
        ("word " * 20 + "word", 2, "word"),
        ("a\n\nb", 3, "b"),
        ("\n".join("abcdefghijklmnopqrst"), 20, "t"),
        ("\n".join("abcdefghijklmnopqrstu"), 20, "..."),
    ],
)
def test_a_repr_has_at_most_20_rows_of_100_columns(text, rows, last):
    lines = text_on_screen(text).split("\n")

    assert (len(lines), lines[-1]) == (rows, last)
    assert max(map(len, lines)) <= 100
