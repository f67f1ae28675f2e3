"""The cost of an entire curve: a million updates in one call.

The floor calls NumPy's cosine in place.
"""

import numpy as np
import pytest
import torch

import paramsched as ps

COUNT = 1_000_000
REPLAYED = 20_000


def floor():
    """Return a loop that computes a cosine from 1 to 0.1 with NumPy, in place."""
    out = np.empty(COUNT)
    times = np.arange(COUNT)

    def loop():
        np.multiply(times, np.pi / COUNT, out=out)
        np.cos(out, out=out)
        out.__imul__(0.45)
        out.__iadd__(0.55)

    return loop


def test_a_cosine(report, least):
    schedule, times = ps.cosine(to=0.1, over=COUNT), np.arange(COUNT)
    best = least({"floor": floor(), "measured": lambda: schedule(times, base=0.1)}, calls=1, rounds=30)

    report("curve of 1e6, cosine", best["measured"] / 1e3, best["floor"] / 1e3, target=1.6, aim=1.4, unit="ms")


def test_a_warmup_and_a_cosine(report, least):
    schedule, times = ps.warmup(1000) >> ps.cosine(to=0.1, over=COUNT - 1000), np.arange(COUNT)
    best = least({"floor": floor(), "measured": lambda: schedule(times, base=0.1)}, calls=1, rounds=30)

    report(
        "curve of 1e6 updates, warmup >> cosine",
        best["measured"] / 1e3,
        best["floor"] / 1e3,
        target=1.6,
        aim=1.5,
        unit="ms",
    )


@pytest.mark.filterwarnings("ignore")
def test_against_a_replay_of_torch(report, least):
    schedule, times = ps.cosine(to=0.1, over=COUNT), np.arange(COUNT)

    def replay():
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
        original = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, COUNT)
        for _ in range(REPLAYED):
            original.step()

    best = least({"measured": lambda: schedule(times, base=0.1)}, calls=1, rounds=7)
    replayed = least({"original": replay}, calls=1, rounds=3)["original"] * (COUNT / REPLAYED)

    report(
        "curve of 1e6 updates vs replaying torch's cosine",
        best["measured"] / 1e3,
        replayed / 1e3,
        target=1 / 80,
        unit="ms",
    )
