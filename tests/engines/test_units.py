"""A plan in epochs, samples, tokens or percent is the same function of the data for any number of processes."""

import numpy as np
import pytest

import paramsched as ps
from paramsched.engines.engine_facts import EngineFacts
from support.tables import table

SAMPLES, BATCH, EPOCHS, TOKENS = 960, 4, 5, 128

PLANS = {
    "epochs": "warmup('1 epoch') >> cosine(to=0.1, over='3 epochs') >> constant()",
    "per cent": "warmup('10%') >> linear(1.0, 0.5, over='25%') >> cosine(to=0.1)",
    "samples": "warmup('1000 samples') >> linear(1.0, 0.2, over='3000 samples') >> constant()",
    "tokens": "warmup('100k tokens') >> cosine(to=0.1, over='400k tokens') >> constant()",
    "steps of epochs": "multistep(['1 epoch', '2 epochs', '4 epochs'], gamma=0.1)",
    "no unit": "cosine(to=0.1)",
}


def curve(line, processes, accumulation, samples=SAMPLES, whole=True):
    """The values of each update, and the samples seen before it."""
    batches = -(-samples // (BATCH * processes))
    updates = -(-batches // accumulation)
    facts = EngineFacts(
        call="test",
        batches=batches,
        accumulation=accumulation,
        batch_size=BATCH,
        processes=processes,
        total=EPOCHS * updates,
        whole=whole,
        why={},
    )
    calendar = facts.calendar(tokens_per_sample=TOKENS)
    values = ps.resolve(ps.parse(line), calendar)(np.arange(EPOCHS * updates), base=0.1)
    within = np.minimum(np.arange(updates) * accumulation * processes * BATCH, samples)
    seen = (np.arange(EPOCHS)[:, None] * samples + within).ravel()
    return seen, values


@pytest.mark.parametrize(("processes", "accumulation"), [(1, 2), (1, 4), (2, 1), (2, 4), (3, 2), (8, 3)])
@table(
    ("unit", "samples"),
    # 900 samples end with a short window, which counts as a full one: the Calendar has one size of update.
    [
        (unit, samples)
        for unit in PLANS
        for samples in (960, 900)
        if samples == 960 or unit not in ("samples", "tokens")
    ],
)
def test_the_curve_over_the_seen_data_is_equal_within_one_update(unit, processes, accumulation, samples):
    seen, alone = curve(PLANS[unit], 1, 1, samples)

    shared_seen, shared = curve(PLANS[unit], processes, accumulation, samples)

    # The samples of one update of each run. A short window needs a tolerance of one more update.
    one = processes * accumulation * BATCH * (1 if samples == 960 else 2) + BATCH
    for at, value in zip(shared_seen, shared, strict=True):
        near = alone[(seen >= at - one) & (seen <= at + one)]
        assert near.min() * (1 - 1e-12) <= value <= near.max() * (1 + 1e-12)


@pytest.mark.filterwarnings("ignore::paramsched.PlanWarning")  # the decay of the plan ends at half of the run
def test_accelerate_counts_the_same_data_for_any_accumulation():
    accelerate = pytest.importorskip("accelerate")
    import torch
    from torch.utils.data import DataLoader

    from paramsched.engines import accelerate as engine
    from support.engine_runs.harness import Numbers, Tiny

    found = {}
    for accumulation in (1, 2, 4):
        accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
        optimizer = torch.optim.SGD(Tiny().parameters(), lr=1.0)
        optimizer, loader = accelerator.prepare(optimizer, DataLoader(Numbers(samples=64), 4))
        plan = ps.Plan(lr=ps.linear(1.0, 0.0, over="96 samples") >> ps.constant(0.0))
        scheduler = engine.scheduler(accelerator, optimizer, plan, loader, epochs=3)
        at = np.arange(0, 192, 16)
        found[accumulation] = [
            scheduler.plan.resolve(scheduler.calendar).bindings[0].schedule(int(n) // (4 * accumulation)) for n in at
        ]

    assert found[1] == found[2] == found[4]
