"""The run facts that the error of a start advises are pasted: the run has the length that the plan names."""

from itertools import product

import pytest

import paramsched as ps
from paramsched.errors import MissingFact
from support.tables import table
from support.updates import probe

LOADER = range(45)  # the batches of an epoch
OTHER = 100  # the number of an example


@table(("epochs", "total"), list(product([1, 2, 10, 20], [None, 1, 2, 10, 20, 30, 400, 900])))
def test_a_run_with_the_advised_facts_has_the_epochs_of_the_plan(epochs: int, total: int | None) -> None:
    optimizer, plan = probe(), ps.Plan(lr="cosine()", horizon=f"{epochs} epochs")
    facts = {} if total is None else {"total": total}
    with pytest.raises(MissingFact) as refused:
        ps.Scheduler(optimizer, plan, **facts)
    advised = refused.value.problem.advice.removeprefix("For example: ")

    pasted = eval(advised, {"ps": ps, "optimizer": optimizer, "plan": plan, "loader": LOADER})

    if total is not None and total > epochs and total % epochs == 0:  # both agree, with this number per epoch
        assert pasted.total == total
    else:
        assert pasted.total == epochs * (len(LOADER) if total == epochs else OTHER)
