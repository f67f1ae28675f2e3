"""Diagnostics: the excerpt of a long line, JSON of numbers that are not finite, and places in a text."""

import json

import pytest

from paramsched.core.base.diagnostic import Diagnostic, TextLines, child_path, entry_path, json_text, names_listed
from support.tables import table

LONG = "".join(str(place % 10) for place in range(200))


@table(
    ("column", "begin", "caret"),
    [(1, 0, 0), (36, 0, 35), (37, 0, 36), (38, 1, 36), (100, 63, 36), (164, 127, 36), (165, 128, 36), (200, 128, 71)],
)
def test_a_long_line_is_cut_around_the_column(column, begin, caret):
    pointer = Diagnostic("", "", line=1, column=column, excerpt=LONG).pointer

    assert pointer == f"    {LONG[begin : begin + 72]}\n    {' ' * caret}^"
    assert LONG[begin + caret] == LONG[column - 1]


@table(
    ("settings", "pointer"),
    [
        ({"column": 3, "excerpt": None}, ""),
        ({"column": None, "excerpt": "lr: 1"}, ""),
        ({"column": 1, "excerpt": ""}, "\n    ^"),
        ({"column": 3, "excerpt": "a\x1bb  "}, "    a\\x1bb\n         ^"),
    ],
)
def test_a_short_line_is_shown_with_its_control_characters_escaped(settings, pointer):
    assert Diagnostic("", "", line=1, **settings).pointer == pointer


def test_a_diagnostic_has_its_place_and_its_advice_in_one_line():
    one = Diagnostic("$.lr", "expected a  number", "Write\n0.1", line=2)

    assert (one.instead, one.message) == ("Write 0.1", "expected a number. Write 0.1")
    assert (one.place_and_message, one.location("a.yaml"), str(one)) == (
        f"$.lr: {one.message}",
        "a.yaml:2:1",
        one.place_and_message,
    )
    assert Diagnostic("", "bad", line=2).place_and_message == "line 2: bad"


@table(
    ("data", "text"),
    [
        (float("nan"), "null"),
        ({"a": [1.5, float("inf")], "b": (-float("inf"), "x", None)}, '{"a": [1.5, null], "b": [null, "x", null]}'),
        ([float("nan"), True, 0], "[null, true, 0]"),
        ({"ä": "\x9b"}, '{"ä": "\\u009b"}'),
    ],
)
def test_numbers_that_are_not_finite_are_null_in_json_unless_they_are_refused(data, text):
    assert json_text(data) == text
    assert json.loads(json_text(data, indent=2)) == json.loads(text)
    if "null" in text:
        with pytest.raises(ValueError, match="not JSON compliant"):
            json_text(data, allow_nan=False)
    else:
        assert json_text(data, allow_nan=False) == text


def test_the_places_of_a_text_are_counted_from_1_in_lines_of_every_kind():
    lines = TextLines("ab\r\nc\rde\n\nf")

    assert [lines.line(number) for number in range(1, 6)] == ["ab", "c", "de", "", "f"]
    assert [lines.of(offset) for offset in (0, 1, 4, 6, 7, 9, 10, 11)] == [
        (1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (4, 1), (5, 1), (5, 2),
    ]  # fmt: skip
    assert [lines.offset_of(*place) for place in ((1, 1), (2, 1), (3, 2), (5, 1), (9, 1), (5, 99))] == [
        0, 4, 7, 10, 10, 11,
    ]  # fmt: skip
    fault = lines.fault_in_line(3, 2, "wrong", "Write x")
    assert (fault.line, fault.column, fault.excerpt, fault.message) == (3, 2, "de", "wrong. Write x")


def test_paths_and_lists_of_names():
    assert entry_path("groups", "a b", 0, "betas[1]") == '$.groups["a b"][0].betas[1]'
    assert child_path("$", "x" * 70 + "!") == f'$["{"x" * 60}"]'
    assert (names_listed("abc"), names_listed("abc", most=3), names_listed("abc", most=1)) == (
        "a, b, c", "a, b, c", "a and 2 more",
    )  # fmt: skip
    assert names_listed(map(str, range(22))).endswith("18, 19 and 2 more")
