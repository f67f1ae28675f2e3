"""A plan for each optimizer is refused with the text of one plan, which has the values of all of them."""

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.plan.optimizers import one_plan_text, refuse_several_plans

GROUPS = {"muon": [{"lr": 0.1}], "adamw": [{"lr": 0.2, "name": "a"}, {"lr": 0.3, "name": "b"}]}
TEMPERATURE = ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0)")
PLANS = {
    "the same horizon": ({"muon": ps.Plan(lr="cosine()", horizon=9), "adamw": ps.Plan(lr="linear()", horizon=9)}),
    "one horizon": ({"muon": ps.Plan(lr="cosine()"), "adamw": ps.Plan(lr="linear()", horizon=9)}),
    "groups": {
        "muon": ps.Plan(lr="cosine()", horizon=9),
        "adamw": ps.Plan(ps.Binding("lr", "linear()", groups="a"), ps.Binding("lr", 0.5, groups="b"), horizon=9),
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

    one = ps.trace(eval(one_plan_text(plans), {"ps": ps}), GROUPS, calendar)

    expected = {}
    for optimizer, plan in plans.items():
        total = None if plan.horizon is not None else 9
        shown = ps.trace(plan, GROUPS[optimizer], ps.Calendar(batch_size=10, total=total))
        for field, group in shown.keys():
            key = (field, group) if group == "" else (field, f"{optimizer}/{group}")
            expected[key] = shown[field, group].tolist()
    assert {key: one[key].tolist() for key in one.keys()} == expected
    assert one.clock == ps.trace(plans["adamw"], GROUPS["adamw"], calendar).clock


@pytest.mark.parametrize(
    ("given", "names", "is_refused"),
    [
        ({"muon": "cosine()", "adamw": "linear()"}, ("muon", "adamw"), True),
        ({"muon": "cosine()"}, ("muon", "adamw"), True),
        ({"first": ps.Plan(lr=1.0)}, ("muon", "adamw"), True),
        ([ps.Plan(lr=1.0), ps.Plan(lr=0.5)], ("muon", "adamw"), True),
        ([ps.Plan(lr=1.0)], ("muon", "adamw"), True),
        ({"lr": "cosine()"}, ("muon", "adamw"), False),
        ({"muon": "cosine()", "lr": "linear()"}, ("muon", "adamw"), False),
        ({"muon": "cosine()"}, (), False),
        (["cosine()"], ("muon", "adamw"), False),
        ({}, ("muon", "adamw"), False),
        ("cosine()", ("muon", "adamw"), False),
    ],
)
def test_a_plan_for_each_optimizer_is_not_a_plan(given, names, is_refused):
    if not is_refused:
        refuse_several_plans("Scheduler", given, names)
        return
    with pytest.raises(InvalidArgument, match="one plan drives all optimizers"):
        refuse_several_plans("Scheduler", given, names)
