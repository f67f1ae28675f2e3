"""The first update after the end of a plan warns once, however updates are counted; a run that ends there does not."""

import copy
import warnings

import pytest
import torch

import paramsched as ps

TOTAL = 10


def sgd():
    parameter = torch.nn.Parameter(torch.ones(1))
    parameter.grad = torch.ones(1)
    return torch.optim.SGD([parameter], lr=0.1)


def by_hooks(plan="cosine()", **facts):
    optimizer = sgd()
    ps.Scheduler(optimizer, plan, **(facts or {"total": TOTAL}))
    return optimizer.step


def by_hand():
    return ps.Scheduler(sgd(), "cosine()", total=TOTAL, drive="manual").step


def by_several():
    both = {"a": sgd(), "b": sgd()}
    ps.Scheduler(both, "cosine()", total=TOTAL)
    return lambda: [one.step() for one in both.values()]


def by_reports():
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="cosine()", clock="tokens", horizon="1000 tokens"))
    return lambda: (scheduler.consumed(tokens=100), optimizer.step())


def by_amounts():
    return by_hooks(ps.Plan(lr="cosine()", clock="tokens", horizon="1000 tokens"), tokens_per_step=100)


def told_at(step, updates):
    """Return the updates after which there was a warning of the end of the plan."""
    found = []
    for update in range(1, updates + 1):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            step()
        found += [update] * sum("[PS406]" in str(one.message) for one in caught)
    return found


@pytest.mark.parametrize("begin", [by_hooks, by_hand, by_several, by_reports, by_amounts])
@pytest.mark.parametrize("updates", [TOTAL, TOTAL + 30])
def test_the_first_update_after_the_end_warns(begin, updates):
    assert told_at(begin(), updates) == [TOTAL + 1] * (updates > TOTAL)


def test_a_long_run_is_told_at_its_first_update_after_the_end():
    assert told_at(by_hooks(total=5_000), 5_003) == [5_001]


def test_a_plan_without_an_end_has_none():
    assert told_at(by_hooks("warmup(3) >> constant()", steps_per_epoch=4), 100) == []


@pytest.mark.parametrize(("saved", "later"), [(TOTAL - 3, 4), (TOTAL, 1)])
def test_a_resumed_run_is_told_at_the_same_update(saved, later):
    step, optimizer = by_hooks(), sgd()
    told_at(step, saved)
    ps.Scheduler(optimizer, "cosine()", total=TOTAL)
    optimizer.load_state_dict(step.__self__.state_dict())

    assert told_at(optimizer.step, 10) == [later]


def test_a_resume_after_the_end_is_told_once():
    step, optimizer = by_hooks(), sgd()
    told_at(step, TOTAL + 2)
    ps.Scheduler(optimizer, "cosine()", total=TOTAL)

    assert told_at(lambda: optimizer.load_state_dict(step.__self__.state_dict()), 1) == [1]
    assert told_at(optimizer.step, 5) == []


def test_a_copy_is_not_told_again_and_a_seek_to_the_begin_is():
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, "cosine()", total=TOTAL)
    told_at(optimizer.step, TOTAL + 2)

    assert told_at(copy.deepcopy(scheduler).optimizer.step, 5) == []
    scheduler.seek(0)
    assert told_at(optimizer.step, TOTAL + 2) == [TOTAL + 1]
