"""The facts of a run are declared once, as a record; a Calendar and a Scheduler have its entries."""

from dataclasses import fields
from typing import get_type_hints

import pytest

import paramsched as ps
from paramsched.core.time.calendar import Facts, example_of_fact, facts_by_name
from support.updates import probe


def test_a_calendar_has_the_facts_of_the_record_with_the_same_types():
    assert [one.name for one in fields(ps.Calendar)] == list(Facts.__annotations__)
    assert get_type_hints(ps.Calendar) == get_type_hints(Facts)


@pytest.mark.parametrize("name", [name for name, one in facts_by_name().items() if one.kind in ("count", "number")])
def test_a_fact_below_its_range_is_refused_with_the_declared_example(name):
    with pytest.raises(ps.errors.InvalidArgument, match=f"{name}={example_of_fact(name)}") as refused:
        ps.Calendar(**{name: False})

    assert refused.value.argument == name


def test_a_fact_that_a_total_needs_is_added_to_the_call():
    with pytest.raises(ps.errors.MissingFact) as refusal:
        ps.Scheduler(probe(), ps.Plan(lr="linear()", horizon="2 epochs"), total="2 epochs", batch_size=8)

    example = "For example: ps.Scheduler(optimizer, plan, total='2 epochs', batch_size=8, steps_per_epoch=100)"
    assert refusal.value.instead == example
