"""Width rules: the groups of Microsoft's mup, and the tables of Tensor Programs V."""

from fractions import Fraction

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.tools.scaling import width

# Weights by (fan_in, fan_out): whether each dimension grows with the width. A vector has one dimension, its fan_out.
SHAPES = {
    "input": (False, True),
    "hidden": (True, True),
    "output": (True, False),
    "vector": (None, True),
    "fixed": (None, False),
}
GROUPS = {role: {"lr": 0.003, "weight_decay": 0.1} for role in SHAPES}


def as_mup_does(optimizer, shape, m, lr, decay):
    """Return lr and weight_decay as MuAdam and MuSGD compute them (microsoft/mup 1981497, mup/optim.py)."""
    growing = sum(map(bool, shape))
    if optimizer == "mup-adam" and growing == 2:
        return lr / m, decay * m  # the width multiplier of the fan-in
    if optimizer == "mup-sgd" and growing == 1:
        return lr * m, decay / m
    if optimizer == "mup-sgd" and growing == 2:
        return lr / (m / m), decay * (m / m)  # the ratio of the multipliers of fan-in and fan-out
    return lr, decay


def table_3(optimizer, shape, m):
    """Return the factor of lr by table 3: fan-out for SGD, the inverse fan-in for both; a vector has a fan-in of 1."""
    fan_in, fan_out = (m if grows else 1 for grows in shape)
    return Fraction(1, fan_in) * (fan_out if optimizer == "spectral-sgd" else 1)


@pytest.mark.parametrize("rule", ["mup-adam", "mup-sgd"])
@pytest.mark.parametrize("new", [64, 256, 768, 1024])
def test_the_bases_are_those_of_mup(rule, new):
    found = width(GROUPS, base_width=256, width=new, rule=rule).bases

    for role, shape in SHAPES.items():
        expected = as_mup_does(rule, shape, new / 256, 0.003, 0.1)
        assert (found[role]["lr"], found[role]["weight_decay"]) == expected, role


@pytest.mark.parametrize("rule", ["spectral-adam", "spectral-sgd"])
def test_the_spectral_rules_are_table_3(rule):
    found = width(GROUPS, base_width=256, width=1024, rule=rule)

    for role, shape in SHAPES.items():
        assert found.bases[role] == {"lr": pytest.approx(float(0.003 * table_3(rule, shape, 4)))}, role
    assert "the rule does not cover weight_decay" in found.notes


def test_groups_are_named_by_their_role_or_by_common_names():
    named = {"embedding": 0.1, "matrices": 0.1, "lm_head": 0.1, "biases": 0.1, "blocks": {"lr": 0.1, "role": "hidden"}}

    found = width(named, base_width=1, width=2, rule="spectral-sgd").bases

    assert {name: values["lr"] for name, values in found.items()} == {
        "embedding": 0.2,
        "matrices": 0.1,
        "lm_head": 0.05,
        "biases": 0.2,
        "blocks": 0.1,
    }


def test_param_groups_with_names_are_groups():
    groups = [{"name": name, "lr": 0.1, "params": [], "betas": (0.9, 0.95)} for name in ("hidden", "head")]

    found = width(groups, base_width=1, width=2, rule="mup-adam")

    assert found.bases == {"hidden": {"lr": 0.05}, "head": {"lr": 0.1}}


def test_each_base_has_a_reason_and_the_rule_its_limits():
    found = width(GROUPS, base_width=256, width=1024, rule="mup-adam")

    assert "lr 0.003 -> 0.00075   × base_width/width   hidden: both dimensions grow" in found.reasons["hidden"]
    assert found.reasons.keys() == GROUPS.keys()
    printed = str(found)
    assert "2203.03466" in printed
    assert "tested: 40M to 6.7B parameters" in printed
    assert "note: initialization, attention scale and depth are not covered" in printed


@pytest.mark.parametrize(
    ("rule", "values", "is_noted"),
    [
        ("spectral-adam", {"lr": 0.1, "weight_decay": 0.1}, True),
        ("spectral-adam", {"lr": 0.1}, False),
        ("mup-adam", {"lr": 0.1, "weight_decay": 0.1}, False),
    ],
)
def test_an_uncovered_weight_decay_is_noted_if_a_group_has_one(rule, values, is_noted):
    found = width({"hidden": values, "head": 0.1}, base_width=1, width=2, rule=rule)

    assert ("the rule does not cover weight_decay" in found.notes) == is_noted
    assert all(found.notes)
    assert str(found).count("note: ") == len(found.notes)
    assert ("weight_decay" in found.bases["hidden"]) == (rule == "mup-adam")


@pytest.mark.parametrize(
    ("groups", "change", "message"),
    [
        ({"hidden": 0.1}, {"rule": "mup"}, "unknown rule 'mup'"),
        ({"blocks": 0.1}, {}, "group 'blocks' needs an lr, a role"),
        ({"hidden": {"weight_decay": 0.1}}, {}, "needs an lr"),
        ([{"lr": 0.1}], {}, "expected groups with a name"),
        (None, {}, "expected groups with a name"),
        ({"blocks": {"lr": 0.1, "role": ["hidden"]}}, {}, "needs an lr, a role"),
        ([{"name": "hidden", "lr": 0.1}] * 2, {}, "a name of its own"),
        ({"head": 0.1, "hidden": -0.1}, {}, r"group 'hidden'\(lr=-0.1\): must be greater than 0"),
        ({"hidden": 0.1}, {"base_width": 0}, "base_width"),
        ({"hidden": {"lr": 0.1, "weight_decay": -1}}, {}, "must not be negative"),
    ],
)
def test_what_a_rule_cannot_use_is_refused(groups, change, message):
    arguments = {"base_width": 256, "width": 1024, "rule": "mup-adam", **change}

    with pytest.raises(InvalidArgument, match=message):
        ps.scaling.width(groups, **arguments)
