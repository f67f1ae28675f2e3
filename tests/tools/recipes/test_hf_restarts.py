"""Transformers' cosine with hard restarts, whose cycles are not an integer number of updates."""

import numpy as np
import pytest

import paramsched as ps
from support.recipe_runs import recipe


@pytest.mark.heavy
def test_lr_equals_transformers_at_every_update():
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    scheduler = transformers.get_scheduler(
        "cosine_with_restarts", optimizer, 50, 1000, scheduler_specific_kwargs={"num_cycles": 4}
    )
    rates = []
    for _ in range(1000):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()

    trace = ps.trace(recipe("hf_restarts"), {"lr": 3e-4})

    # Transformers takes the cosine near pi, where its rounding is that of 1.
    np.testing.assert_allclose(trace["lr"], rates, rtol=1e-12, atol=1e-12 * 3e-4)


def test_each_cycle_starts_at_a_multiple_rounded_up_once():
    rates = ps.trace(recipe("hf_restarts"), {"lr": 1.0})["lr"]

    begins = [t for t in range(1, 1000) if rates[t] > rates[t - 1] and t > 50]
    assert begins == [50 + 238, 50 + 475, 50 + 713]
