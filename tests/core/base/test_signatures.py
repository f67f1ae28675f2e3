"""Signatures as help(), Jupyter and the pages show them: short, and with each run fact."""

import inspect
from typing import get_type_hints

import paramsched as ps
from paramsched.core.time.calendar import Facts

FACTS = "total: Length | None = None, steps_per_epoch: int | None = None"


def test_the_signature_of_a_scheduler_has_the_run_facts_one_by_one():
    text = str(inspect.signature(ps.Scheduler))

    assert FACTS in text
    assert "optimizer: OptimizerLike" in text
    assert Facts.__annotations__.keys() <= inspect.signature(ps.Scheduler).parameters.keys()
    assert "paramsched." not in text


def test_the_signatures_of_functions_name_unions_shortly():
    assert str(inspect.signature(ps.trace)).startswith(
        "(plan: PlanLike, optimizer: Any, calendar: Calendar | None = None"
    )
    assert FACTS in str(inspect.signature(ps.Values))


def test_the_annotations_stay_types():
    assert get_type_hints(ps.trace)["return"] is ps.extend.Trace
