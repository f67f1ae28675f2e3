"""Plan and Binding: normal form, selectors, identity."""

import copy
import pickle

import pytest

from paramsched.core.plan import Plan
from paramsched.core.schedules.anneal import cosine, warmup

# ---------------------------------------------------------------- normal form


def test_a_plan_is_frozen_copies_and_pickles():
    plan = Plan(lr=warmup("5%") >> cosine(), horizon="2 epochs")

    for same in (copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
        assert same == plan
        assert same.fingerprint == plan.fingerprint
    with pytest.raises(AttributeError, match="frozen"):
        plan.horizon = None
    with pytest.raises(AttributeError, match="frozen"):
        del plan.bindings


# ---------------------------------------------------------------- fields


# ---------------------------------------------------------------- errors
