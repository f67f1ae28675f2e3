"""References within a config, and the limits of texts, are those that their documents state."""

import re
from unittest import mock

import pytest

from paramsched.core import files as config
from paramsched.core.files import references
from paramsched.core.files.references import with_references
from paramsched.core.files.text_limits import MOST_BYTES, MOST_DEPTH, refuse_long_text
from paramsched.errors import ConfigError
from support.tables import table

ROOT = {"n": 100, "f": 0.5, "t": None, "l": [1, {"x": 2}], "d": {"a": {"b": 3}, "c": "${n}"}, "e": "a"}


@table(
    ("text", "value"),
    [
        ("${n}", 100),
        ("${f}", 0.5),
        ("${t}", None),
        ("a${n}b${f}", "a100b0.5"),
        ("${l}", [1, {"x": 2}]),
        ("${l[0]}", 1),
        ("${l.1.x}", 2),
        ("${l[1].x}", 2),
        ("${l[2]}", "${l[2]}"),
        ("${l.x}", "${l.x}"),
        ("${l[9999999999]}", "${l[9999999999]}"),
        ("${d.a.b}", 3),
        ("${d[a][b]}", 3),
        ("${d.a}", {"b": 3}),
        ("${d}", {"a": {"b": 3}, "c": 100}),
        ("x${d.a}", "x${d.a}"),
        ("x${l}", "x${l}"),
        ("${d.c}", 100),
        ("${d.${e}.b}", 3),
        ("z${d.${e}.b}", "z3"),
        ("${d.x}", "${d.x}"),
        ("${n.x}", "${n.x}"),
        ("${oc.env:HOME}", "${oc.env:HOME}"),
        ("${}", "${}"),
        ("${ n }", "${ n }"),
        (r"\${n}", r"\${n}"),
        ("${n", "${n"),
        ("${.n}", 100),
        ("${..n}", "${..n}"),
        ("${here}", "${here}"),
        ("${self}", "${self}"),
        ("$n", "$n"),
    ],
)
def test_a_reference_has_the_value_that_it_names(text, value):
    found = with_references(ROOT | {"here": text, "self": "${self}"} if text != "${self}" else ROOT | {"here": text})

    assert found["here"] == value
    assert type(found["here"]) is type(value)


def test_leading_dots_mean_the_mappings_around_a_reference():
    data = {"n": 1, "a": {"n": 2, "b": {"n": 3, "x": ["${.[1]}", "${..n}", "${...n}", "${....n}", "${.....n}"]}}}

    assert with_references(data)["a"]["b"]["x"] == [3, 3, 2, 1, "${.....n}"]


def test_references_that_contain_each_other_stay_as_they_are():
    assert with_references({"a": "${b}", "b": "${a}"}) == {"a": "${b}", "b": "${a}"}
    assert with_references({"a": {"x": "${a}"}}) == {"a": {"x": {"x": "${a}"}}}


def test_references_do_not_multiply_values_without_a_limit():
    lists = {"x0": [0] * 50} | {f"x{i}": [f"${{x{i - 1}}}"] * 50 for i in range(1, 6)}
    texts = {"x0": "y" * 100} | {f"x{i}": f"a${{x{i - 1}}}" * 99 for i in range(1, 6)}
    for data in (lists, texts):
        with pytest.raises(ConfigError, match="more than 100,000 values"):
            with_references(data)


def test_the_limit_of_values_after_references_is_exact():
    with mock.patch.object(references, "MOST_VALUES", 4):  # five times as many, with the mapping and the list
        assert with_references({"x": [0] * 18})
        with pytest.raises(ConfigError, match="values"):
            with_references({"x": [0] * 19})


def nested(depth):
    return "[" * depth + "]" * depth


@table(
    "read",
    [
        lambda depth: config.loads(f"lr: {nested(depth - 1)}", "yaml"),
        lambda depth: with_references(eval(nested(2 * depth))),
    ],
)
def test_the_limit_of_nested_values_is_exact(read):
    said = rf"nested more than ({MOST_DEPTH}|{2 * MOST_DEPTH}) deep"
    with pytest.raises(ConfigError, match=said):
        read(MOST_DEPTH + 1)
    found = ""
    try:
        read(MOST_DEPTH)
    except ConfigError as refusal:  # an empty list is no schedule
        found = str(refusal)
    assert re.search(said, found) is None


@table(
    ("known", "refused", "said"),
    [
        ("a\n" * (MOST_BYTES // 2), "a\n" * (MOST_BYTES // 2) + "b", "1,000,001 bytes, more than 1,000,000"),
        ("é\n" * (MOST_BYTES // 3), "é\n" * (MOST_BYTES // 3 + 1), "1,000,002 bytes"),
        ("é", "lr: \ud800", "1:5: .* is half a character"),
    ],
)
def test_the_limits_of_a_text_are_exact(known, refused, said):
    refuse_long_text(known, "")
    with pytest.raises(ConfigError, match=said):
        refuse_long_text(refused, "")
