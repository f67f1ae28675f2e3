"""The user's number of updates in an epoch, and the engine's number of batches."""

import warnings

import pytest
import torch

import paramsched as ps
from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from support.tables import table


def warned(plan, **facts):
    """Return the codes of the warnings for an engine with 16 batches in an epoch, of which 4 are one update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    engine = EngineFacts(call="engine.plan", batches=16, accumulation=4, total=12, why={})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        engine.attach(optimizer, plan, PlanOptions(calendar=ps.Calendar(**facts)))
    return [str(one.message).rpartition("[")[2].rstrip("]") for one in caught]


@table(
    ("facts", "codes"),
    [
        ({"steps_per_epoch": 16}, ["PS216"]),
        ({"steps_per_epoch": 4}, []),
        ({"batches_per_epoch": 16}, []),
        ({}, []),
    ],
)
def test_batches_as_updates_of_an_epoch_are_told_at_once(facts, codes):
    assert warned("cosine()", **facts) == codes


@pytest.mark.parametrize(
    ("horizon", "codes"), [("3 epochs", []), (12, []), (30, ["PS201"]), ("10 epochs", ["PS201"]), (6, [])]
)
def test_a_plan_that_is_longer_than_the_run_is_told_at_the_start(horizon, codes):
    assert warned(ps.Plan(lr="cosine()", horizon=horizon)) == codes
