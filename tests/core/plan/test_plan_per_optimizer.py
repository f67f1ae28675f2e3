"""A plan for each optimizer is refused with the text of one plan, which has the values of all of them."""

import pytest

import paramsched as ps
from paramsched.core.plan.optimizers import one_plan_advice

GROUPS = {"muon": [{"lr": 0.1}], "adamw": [{"lr": 0.2, "name": "a"}, {"lr": 0.3, "name": "b"}]}
TEMPERATURE = ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0)")
PLANS = {
    "the same horizon": ({"muon": ps.Plan(lr="cosine()", horizon=9), "adamw": ps.Plan(lr="linear()", horizon=9)}),
    "one horizon": ({"muon": ps.Plan(lr="cosine()"), "adamw": ps.Plan(lr="linear()", horizon=9)}),
    "groups": {
        "muon": ps.Plan(lr="cosine()", horizon=9),
        "adamw": ps.Plan(
            ps.Binding("lr", "linear()", groups="a"), ps.Binding("lr", "constant(0.5)", groups="b"), horizon=9
        ),
    },
    "groups by index and together": {
        "muon": ps.Plan(ps.Binding("lr", "cosine()", groups=0), horizon=9),
        "adamw": ps.Plan(ps.Binding("lr", "linear()", groups="a, b"), horizon=9),
    },
    "a target of both": {
        "muon": ps.Plan(TEMPERATURE, lr="cosine()", horizon=9),
        "adamw": ps.Plan(TEMPERATURE, lr="linear()", horizon=9),
    },
    "an amount": {
        "muon": ps.Plan(lr="cosine()", clock="samples", horizon="90 samples"),
        "adamw": ps.Plan(lr="linear()", clock="samples", horizon="90 samples"),
    },
}


@pytest.mark.parametrize("name", PLANS)
def test_the_one_plan_has_the_values_of_the_plans_that_it_replaces(name):
    plans, calendar = PLANS[name], ps.Calendar(batch_size=10)

    advice = one_plan_advice(plans)
    one = ps.trace(eval(advice[advice.index("ps.Plan") :], {"ps": ps}), GROUPS, calendar)

    expected = {}
    for optimizer, plan in plans.items():
        total = None if plan.horizon is not None else 9
        shown = ps.trace(plan, GROUPS[optimizer], ps.Calendar(batch_size=10, total=total))
        for field, group in shown.keys():
            key = (field, group) if group == "" else (field, f"{optimizer}/{group}")
            expected[key] = shown[field, group].tolist()
    assert {key: one[key].tolist() for key in one.keys()} == expected
    assert one.clock == ps.trace(plans["adamw"], GROUPS["adamw"], calendar).clock
