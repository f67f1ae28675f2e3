"""The nearest known name of a typing error, and the repr of values."""

from hypothesis import assume, given
from hypothesis import strategies as st

from paramsched.core.base.frozen_values import text_on_screen
from paramsched.core.base.near_names import closest, did_you_mean, names_within_a_slip, shortened_text
from support.tables import table

SHAPES = ["cosine", "linear", "inverse_sqrt", "one_minus_sqrt", "multistep", "exponential", "t/n", "(t+1)/n"]


def edits(word: str, letters: str, *, swaps: bool = True) -> set[str]:
    """Return the texts with a letter more, less or different, or with two swapped neighbors."""
    places = range(len(word))
    more = {word[:place] + one + word[place:] for place in range(len(word) + 1) for one in letters}
    other = {word[:place] + one + word[place + 1 :] for place in places for one in ("", *letters)}
    swapped = {word[:place] + word[place : place + 2][::-1] + word[place + 2 :] for place in places if swaps}
    return (more | other | swapped) - {word}


WORDS = st.text("abc", min_size=6, max_size=8)


@given(word=WORDS, data=st.data())
def test_every_name_within_one_edit_is_a_slip_and_two_edits_without_a_swap_are_too(word, data):
    once = data.draw(st.sampled_from(sorted(edits(word, "abc"))))
    first = data.draw(st.sampled_from(sorted(edits(word, "abc", swaps=False))))
    twice = data.draw(st.sampled_from(sorted(edits(first, "abc", swaps=False))))

    assert names_within_a_slip(word, [once]) == [once]
    assume(len(twice) >= 6 and twice[0] == word[0])
    assert names_within_a_slip(word, [twice]) == [twice]


@given(word=WORDS, other=WORDS)
def test_a_slip_is_at_most_two_edits(word, other):
    if names_within_a_slip(word, [other]):
        assert other == word or other in {two for one in {word, *edits(word, "abc")} for two in edits(one, "abc")}


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
