"""Scaling rules: the published numbers, and what each rule refuses."""

from math import sqrt

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.tools.scaling import batch_for_tokens, rescale
from support.tables import table

ADAM = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}


@table(
    ("values", "change", "expected"),
    [
        ({"lr": 0.1}, {"rule": "linear", "batch": (256, 8192)}, {"lr": 3.2}),
        (ADAM, {"rule": "adam-sqrt", "batch": (256, 1024)}, {"lr": 2e-3, "betas": (0.6, 0.996), "eps": 5e-9}),
        ({"weight_decay": 0.1}, {"rule": "adamw-timescale", "batch": (1, 4)}, {"weight_decay": 0.4}),
        ({"weight_decay": 0.1}, {"rule": "adamw-timescale", "tokens": (1e9, 4e9)}, {"weight_decay": 0.025}),
        (
            {"lr": 3e-4, "weight_decay": 0.1},
            {"rule": "nanochat", "batch": (2**19, 2**20), "tokens": (1e9, 8e9)},
            {"lr": 3e-4 * sqrt(2), "weight_decay": 0.1 * (2 / sqrt(2) / 8)},
        ),
    ],
)
def test_published_values_are_exact(values, change, expected):
    assert rescale(values, **change).values == expected


def test_the_values_of_nanochat():
    found = rescale({"lr": 0.02, "weight_decay": 0.28}, rule="nanochat", batch=(2**19, 2**20), tokens=(1e9, 8e9)).values

    assert found == pytest.approx({"lr": 0.0282843, "weight_decay": 0.0494975}, rel=2e-6)


def test_the_timescale_is_kept_after_the_rate_of_an_earlier_rule():
    found = rescale(
        {"lr": 1e-3, "weight_decay": 0.1}, rule=["adam-sqrt", "adamw-timescale"], batch=(256, 1024), tokens=(1, 3)
    ).values

    before, after = 256 / (1e-3 * 0.1 * 1), 1024 / (found["lr"] * found["weight_decay"] * 3)
    assert found["lr"] == 2e-3
    assert after == pytest.approx(before, rel=1e-15)


def test_each_value_is_printed_with_its_formula_and_source():
    found = rescale({"lr": 3e-4, "weight_decay": 0.1}, batch=(2**19, 2**20), tokens=(1e9, 8e9), rule="nanochat")

    lines = str(found).splitlines()
    assert lines[0] == "lr: 0.0003 -> 0.000424264   × 1.41421 = √(B/B₀)   arXiv 2205.10287"
    assert lines[1].startswith("weight_decay: 0.1 -> 0.0176777   × 0.176777 = ")
    assert "2505.13738" in lines[1]
    assert [line.split(":")[0] for line in lines[2:]] == ["note", "note"]
    assert "not studied carefully" in lines[3]


def test_the_order_of_the_values_is_kept():
    reverse = dict(reversed(ADAM.items()))

    assert list(rescale(reverse, rule="adam-sqrt", batch=(1, 2)).values) == ["eps", "betas", "lr"]


@table(
    ("values", "change", "note"),
    [
        ({"lr": 0.1}, {"rule": "linear", "batch": (1, 33)}, "at most 32"),
        ({"lr": 0.1}, {"rule": "linear", "batch": (33, 1)}, "at most 32"),
        ({"weight_decay": 0.1}, {"rule": "adamw-timescale", "tokens": (1, 2)}, "tokens per parameter"),
        ({"lr": 0.1}, {"rule": ["adamw-timescale", "adam-sqrt"], "batch": (1, 2)}, "assumes the old lr"),
        ({"lr": 0.1}, {"rule": "nanochat", "batch": (2**18, 2**19)}, "tuned at a batch of 524288"),
    ],
)
def test_limits_of_a_rule_are_noted(values, change, note):
    assert any(note in one for one in rescale(values, **change).notes)


@pytest.mark.parametrize(
    ("values", "change", "count"),
    [
        ({"lr": 0.1}, {"rule": "linear", "batch": (256, 8192)}, 0),
        ({"lr": 0.1}, {"rule": "linear", "batch": (8192, 256)}, 0),
        ({"lr": 0.1}, {"rule": ["adam-sqrt", "adamw-timescale"], "batch": (256, 8192)}, 0),
        ({"lr": 0.1}, {"rule": "adam-sqrt", "batch": (1, 33)}, 0),
        ({"weight_decay": 0.1}, {"rule": "adamw-timescale", "tokens": (2e9, 2e9)}, 0),
        ({"lr": 0.1}, {"rule": "nanochat", "batch": (2**19, 2**20)}, 1),
        ({"weight_decay": 0.1}, {"rule": "nanochat", "tokens": (1e9, 2e9)}, 2),
    ],
)
def test_a_change_within_the_limits_has_no_more_notes(values, change, count):
    assert len(rescale(values, **change).notes) == count


def test_the_new_values_are_drawn_in_notebooks_and_printed_with_their_notes():
    found = rescale({"lr": 0.1}, rule="linear", batch=(1, 33))

    assert repr(found) == "<Rescaled lr=3.3000000000000003>"
    assert str(found).splitlines()[1] == f"note: {found.notes[0]}"
    assert found.notes[0] in found._repr_html_()


def test_numbers_of_other_types_are_printed_as_numbers():
    found = rescale({"betas": (np.float64(0.9), np.float32(0.999))}, rule="adam-sqrt", batch=(256, 1024))

    assert str(found) == "betas: (0.9, 0.999) -> (0.6, 0.996)   1 - (B/B₀)(1 - β)   arXiv 2205.10287"


@table(
    ("values", "change", "message", "fix"),
    [
        ({"betas": (0.9,)}, {"rule": "linear", "batch": (1, 2)}, "covers lr, not betas", "Leave betas out"),
        ({"eps": 1e-8}, {"rule": "linear", "batch": (1, 2)}, "not eps", "Leave eps out"),
        ({"weight_decay": 0.1}, {"rule": "linear", "batch": (1, 2)}, "not weight_decay", "Leave weight_decay out"),
        ({"lr": 0.1}, {"rule": "linear", "batch": (1, 2), "tokens": (1, 2)}, "number of tokens", "Omit tokens"),
        ({"lr": 0.1}, {"rule": "adam-sqrt", "batch": (1, 2), "tokens": (1, 2)}, "number of tokens", "Omit tokens"),
        ({"weight_decay": 0.1}, {"rule": "adamw-timescale", "tokens": (1e-300, 1e300)}, "too far apart", "tokens=(1e9"),
        ({"weight_decay": 0.1}, {"rule": "adamw-timescale", "tokens": (1e300, 1e-300)}, "too far apart", "tokens=(1e9"),
        (ADAM, {"rule": "adam-sqrt", "batch": (1, 10)}, r"must be above 0, got 0", "Leave betas out"),
        (
            {"lr": 0.1, "weight_decay": 0.1},
            {"rule": "adam-sqrt", "batch": (1, 2)},
            "not weight_decay",
            '["adam-sqrt", "adamw-timescale"]',
        ),
        (
            {"lr": 0.1, "weight_decay": 0.1},
            {"rule": "adamw-timescale", "batch": (1, 2)},
            "not lr",
            '["adam-sqrt", "adamw-timescale"]',
        ),
        ({"betas": (0.9, 0.99)}, {"rule": "nanochat", "batch": (1, 2)}, "not betas", "Leave betas out"),
        ({"eps": 1e-8}, {"rule": "nanochat", "batch": (1, 2)}, "not eps", "Leave eps out"),
        ({"momentum": 0.9}, {"rule": "linear", "batch": (1, 2)}, "not momentum", "Leave momentum out"),
        ({"lr": 0.1}, {"rule": "sqrt", "batch": (1, 2)}, "unknown rule 'sqrt'", 'rule="adam-sqrt"'),
        ({"lr": 0.1}, {"rule": [], "batch": (1, 2)}, "unknown rule", 'rule="adam-sqrt"'),
        ({"lr": 0.1}, {"rule": None, "batch": (1, 2)}, "unknown rule None", 'rule="adam-sqrt"'),
        ({"lr": 0.1}, {"rule": ["linear", "adam-sqrt"], "batch": (1, 2)}, "by two rules", 'rule="linear"'),
        ({}, {"rule": "linear", "batch": (1, 2)}, "dict of hyperparameters", '{"lr": 3e-4}'),
        ({"lr": 0.1}, {"rule": "linear"}, "no change is specified", "batch=(256, 512)"),
        ({"lr": 0.1}, {"rule": "linear", "batch": 512}, "the old and the new", "batch=(256, 512)"),
        ({"lr": 0.1}, {"rule": "linear", "batch": (0, 512)}, "at least 1", ""),
        ({"lr": 0.1}, {"rule": "nanochat", "tokens": (0, 1)}, "greater than 0", ""),
        ({"lr": -0.1}, {"rule": "linear", "batch": (1, 2)}, r"rescale\(lr=-0.1\): must be greater than 0", "0.1"),
        ({"lr": "0.1"}, {"rule": "linear", "batch": (1, 2)}, "expected a number", "0.1"),
        ({"betas": 0.9}, {"rule": "adam-sqrt", "batch": (1, 2)}, "expected a tuple", "(0.9, 0.999)"),
        ({"betas": (0.9, 1.0)}, {"rule": "adam-sqrt", "batch": (1, 2)}, "from 0 to below 1", "(0.9, 0.999)"),
    ],
)
def test_what_a_rule_does_not_cover_is_refused(values, change, message, fix):
    with pytest.raises(InvalidArgument, match=message) as error:
        rescale(values, **change)

    assert fix in error.value.instead


@table(("ratio", "expected"), [(8, 2**20), (3, 2**20), (30, 2**21), (0.5, 2**19), (0.2, 2**18)])
def test_the_batch_size_for_more_tokens(ratio, expected):
    assert batch_for_tokens(2**19, tokens=(1e9, ratio * 1e9)) == expected


def test_the_batch_size_without_powers_of_two():
    assert ps.scaling.batch_for_tokens(1000, tokens=(1, 2), power_of_two=False) == 1304
    assert batch_for_tokens(1000, tokens=(1, 4), power_of_two=False, exponent=0.5) == 2000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (1, 2)), "integer of at least 1"),
        ((1000, 2), "the old and the new"),
        ((1000, (1, -2)), "greater than 0"),
    ],
)
def test_a_wrong_batch_or_number_of_tokens_is_refused(arguments, message):
    with pytest.raises(InvalidArgument, match=message):
        batch_for_tokens(arguments[0], tokens=arguments[1])


def test_a_product_that_no_float_holds_is_refused():
    with pytest.raises(InvalidArgument, match=r"B/B₀ is too large"):
        rescale({"lr": 1e308}, batch=(1, 100), rule="linear")
