"""Steps that count as an update, and steps that do not.

These tests need packages above the core.
"""

import pytest
import torch

import paramsched as ps
from paramsched.core.run import watch_updates
from support.updates import Probe, group, probe

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), total=10)


class NestedProbe(Probe):
    def step(self, closure=None):
        super().step(closure)


def watched(optimizer):
    seen = []
    watch_updates(optimizer, None, seen.append)
    return lambda: len(seen)


def scheduled(optimizer):
    scheduler = ps.Scheduler(optimizer, PLAN)
    return lambda: scheduler.last_epoch


COUNTERS = {"the scheduler's": scheduled, "the Runner's": watched}


@pytest.mark.parametrize("name", COUNTERS)
def test_each_counter_counts_exactly_the_updates(name):
    probe()  # now its step fires hooks when a subclass calls it
    optimizer = NestedProbe([group()])
    count = COUNTERS[name](optimizer)

    def fail():
        return 1 / 0

    for t in range(3):
        with pytest.raises(ZeroDivisionError):
            optimizer.step(fail)
        assert count() == 2 * t
        optimizer.step()
        assert count() == 2 * t + 1
        optimizer.found_inf = torch.ones(1)  # how a GradScaler reports an overflow to a fused optimizer
        optimizer.step()
        del optimizer.found_inf
        assert count() == 2 * t + 1
        optimizer.step(lambda: 0.5)
        assert count() == 2 * t + 2


def test_a_watch_of_updates_can_be_stopped():
    optimizer = probe()
    begun = []
    done = []
    stop = watch_updates(optimizer, begun.append, done.append)
    optimizer.step()

    stop()
    optimizer.step()

    assert (len(begun), len(done)) == (1, 1)
