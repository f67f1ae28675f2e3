"""Properties: a written plan is read back as the same plan, in every format."""

import json

from hypothesis import given
from hypothesis import strategies as st

from paramsched import files as config
from paramsched.core.plan import Plan
from paramsched.files import plan_data
from support import strategies
from support.strategies import every_shape

FORMATS = ("yaml", "json")
PLANS = strategies.worlds().flatmap(lambda world: strategies.plans(world, follow=True))


@given(PLANS, st.sampled_from(FORMATS))
def test_a_plan_is_read_back_equal_from_every_format(plan, format):
    again = config.loads(config.dump(plan, format=format), format)

    assert again == plan
    assert again.text == plan.text


@given(PLANS)
def test_data_of_a_plan_is_plain_json(plan):
    data = json.loads(json.dumps(plan_data.from_plan(plan)))

    assert plan_data.to_plan(data) == plan


@given(PLANS, st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_a_plan_is_unchanged_after_two_conversions(plan, first_format, second_format):
    text = config.dump(config.loads(config.dump(plan, format=first_format), first_format), format=second_format)

    assert text == config.dump(plan, format=second_format)


@every_shape()
@given(st.data())
def test_a_line_of_every_shape_is_read_back_equal(name, data):
    plan = Plan(lr=data.draw(strategies.cases(name=name, small=False)).written)

    for name in FORMATS:
        assert config.loads(config.dump(plan, format=name), name) == plan
