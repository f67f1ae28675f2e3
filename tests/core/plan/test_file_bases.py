"""The bases and the units that a plan's file contains."""

import paramsched as ps
from paramsched.core.fields import Field
from paramsched.core.plan.extras import Bases
from paramsched.core.plan.plan import units_of_plan
from support.tables import table


@table(
    ("groups", "name", "lr"),
    [
        ([{"lr": 0.1}], None, 0.1),
        ([{"lr": 0.1}], "head", 0.1),  # a single group without a name applies to all groups
        ([{"lr": 0.1, "name": "head"}], "head", 0.1),
        ([{"lr": 0.1, "name": "head"}], "body", None),
        ([{"lr": 0.1, "name": "head"}], None, None),
        ([{"lr": 0.1}, {"lr": 0.2, "name": "head"}], "head", 0.2),
        ([{"lr": 0.1}, {"lr": 0.2, "name": "head"}], None, None),
        ([], None, None),
    ],
)
def test_bases_apply_to_the_group_of_their_name(groups, name, lr):
    assert Bases(tuple(groups)).of(name).get("lr") == lr


@table(
    ("group", "field", "value"),
    [
        ({"momentum": 0.9}, "momentum", 0.9),
        ({"betas": (0.8, 0.99)}, "momentum", 0.8),
        ({"momentum": 0.9, "betas": (0.8, 0.99)}, "momentum", 0.9),
        ({"betas": (0.8, 0.99)}, "betas[1]", 0.99),
        ({"betas": (0.8, 0.99)}, "betas[2]", None),
        ({"betas": 0.8}, "betas[0]", None),
        ({"lr": 1}, "lr", 1.0),
        ({"lr": "1e-3"}, "lr", None),
        ({}, "lr", None),
    ],
)
def test_a_field_is_read_from_the_bases(group, field, value):
    assert Bases.value(group, Field.of(field)) == value


@table(
    ("plan", "units"),
    [
        (ps.Plan(lr="warmup('5%') >> cosine()", horizon="20 epochs"), {"percent", "epochs"}),
        (ps.Plan(lr="0.5 * window(linear(over='3 samples'), 2, '1 epoch')"), {"samples", "updates", "epochs"}),
        (ps.Plan(lr=1.0, weight_decay="stairs(1, 0, 3, over='4 tokens')", horizon=10), {"tokens", "updates"}),
        (ps.Plan(lr=1.0), set()),
    ],
)
def test_the_units_of_a_plan_are_those_of_all_its_lengths(plan, units):
    assert units_of_plan(plan) == units
